# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good and bad values of the options that modules share."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.options import (
    Connection,
    StoreOptions,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import (
    BATCH,
    CONNECTION,
    STORE,
    Spec,
)

COMMON: Spec = {**CONNECTION, **STORE, **BATCH}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMMON:
        monkeypatch.delenv(f"REDTRUST_{name.upper()}", raising=False)


def read(spec: Spec, **given: t.Any) -> dict[str, t.Any]:
    """Return the options as AnsibleModule would; fail if it would refuse them."""
    result = ArgumentSpecValidator(spec).validate(given)
    assert result.error_messages == []
    return dict(result.validated_parameters)


def common(**given: t.Any) -> dict[str, t.Any]:
    return read(COMMON, **{"host": "rt.example.com", **given})


class TestFinalizedCodes:
    def test_codes_are_taken_as_they_are_written(self) -> None:
        given = common(finalized_codes=[" Err_Invalid_State", "E-7.1"])
        assert Connection.read(given).finalized_codes == ("Err_Invalid_State", "E-7.1")

    @pytest.mark.parametrize("code", ["", "already finalized", "OK", "ok", "x" * 101])
    def test_what_is_no_code_is_refused(self, code: str) -> None:
        with pytest.raises(ConfigurationError, match="finalized_codes must be error codes such as ERR_INVALID_STATE"):
            Connection.read(common(finalized_codes=["E7", code]))


class TestConnection:
    @pytest.mark.parametrize(
        ("given", "ports"),
        [
            ({}, (8082, 8083)),
            ({"port": 1}, (1, 8083)),
            ({"auth_port": 2}, (8082, 2)),
            ({"port": 1, "auth_port": 2}, (1, 2)),
            ({"api_version": "4.42"}, (8082, 8082)),
            ({"api_version": "4.42", "port": 1}, (1, 1)),
            ({"api_version": "4.42", "port": 1, "auth_port": 2}, (1, 2)),
        ],
    )
    def test_ports(self, given: dict[str, t.Any], ports: tuple[int, int]) -> None:
        address = Connection.read(common(**given)).server.address
        assert (address.ra_port, address.auth_port) == ports

    @pytest.mark.parametrize("host", ["rt", "rt.example.com", "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "a_b"])
    def test_hosts(self, host: str) -> None:
        assert Connection.read(common(host=host)).server.address.host == host

    @pytest.mark.parametrize(
        "host",
        ["https://rt", "rt/", "rt.example.com:8082", "user@rt", "rt ", "a b", "[nothing]", "[::1", "::1]", "r\u00e9"],
    )
    def test_what_is_no_host(self, host: str) -> None:
        with pytest.raises(ConfigurationError, match="host must be a host name or an address without scheme and port"):
            Connection.read(common(host=host))

    def test_no_host(self) -> None:
        with pytest.raises(ConfigurationError, match="host is not set: give the option or set REDTRUST_HOST"):
            Connection.read(read(COMMON))
        assert StoreOptions.read(read(COMMON)).service is None

    def test_the_service_is_the_host_unless_named(self) -> None:
        assert StoreOptions.read(common()).service == "rt.example.com"
        assert StoreOptions.read(common(service="prod")).service == "prod"

    @pytest.mark.parametrize(
        ("options", "given", "problem"),
        [
            ({}, (), "^store_dsn needs store_key, a secret .* or REDTRUST_STORE_KEY"),
            ({"store_key": ""}, (), "^store_dsn needs store_key"),
            ({"store_key": "k" * 15}, (), "^store_key must have at least 16 characters$"),
            ({"store_key": "k" * 16}, ("store_path",), "in PostgreSQL, store_path in a SQLite file: give one of them"),
        ],
    )
    def test_options_of_the_store_that_do_not_fit(
        self, options: dict[str, t.Any], given: tuple[str, ...], problem: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=problem) as caught:
            StoreOptions.read(common(store_dsn="host=SECRET", **options), given)
        assert "SECRET" not in str(caught.value)

    def test_the_connection_string_of_the_store_counts_before_a_path_of_the_environment(self) -> None:
        options = StoreOptions.read(common(store_dsn="host=SECRET", store_key="k" * 16, store_path="/from/there"))
        assert (options.dsn, options.key, options.path) == ("host=SECRET", "k" * 16, "/from/there")
        assert "SECRET" not in repr(options)
        assert "kkk" not in repr(options)
        assert StoreOptions.read(common(store_dsn="", store_key="k")).dsn is None

    @pytest.mark.parametrize("name", ["port", "auth_port"])
    @pytest.mark.parametrize("value", [0, -1, 65536])
    def test_what_is_no_port(self, name: str, value: int) -> None:
        with pytest.raises(ConfigurationError, match=f"^{name} must be from 1 to 65535, not {value}"):
            Connection.read(common(**{name: value}))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("timeout", 0),
            ("timeout", -1),
            ("timeout", 3601),
            ("timeout", "nan"),
            ("timeout", "inf"),
            ("retry_timeout", -1),
            ("retry_timeout", 3601),
            ("retry_timeout", "nan"),
        ],
    )
    def test_what_is_no_time(self, name: str, value: object) -> None:
        with pytest.raises(ConfigurationError, match=f"^{name} is in seconds, at most 3600, not"):
            Connection.read(common(**{name: value}))

    def test_all_options_of_the_transport(self) -> None:
        given = {"ca_path": "/ca", "client_cert": "/c", "client_key": "/k", "proxy": "http://p", "timeout": 7.0}
        options = Connection.read(common(**given, validate_certs=False, retry_timeout=0)).transport
        assert {name: getattr(options, name) for name in given} == given
        assert not options.validate_certs

    @pytest.mark.parametrize(("name", "missing"), [("partner", "partner_secret"), ("partner_secret", "partner")])
    def test_partner_and_secret_go_together(self, name: str, missing: str) -> None:
        with pytest.raises(ConfigurationError, match=f"go together: {missing} is not set") as caught:
            Connection.read(common(**{name: "canary"}))
        assert "canary" not in str(caught.value)

    def test_credentials(self) -> None:
        secrets = {"username": "u", "password": "p", "domain": "d", "access_token": "a", "temporal_token": "t"}
        given = common(**secrets, partner="p", partner_secret="00ff", partner_secret_encoding="hex")
        credentials = Connection.read(given).credentials
        assert {name: getattr(credentials, name) for name in secrets} == secrets
        assert credentials.partner_secret == b"\x00\xff"
        assert Connection.read(common()).credentials.partner_secret is None
        assert Connection.read(given).server.contract.api_version == "4.33"

    def test_whose_session_it_is(self) -> None:
        """A client certificate identifies the user. Without one, the session is at the place of earlier releases."""
        whose = {
            Connection.read(common(**more)).stored_session
            for more in ({}, {"client_cert": "/pki/maria.pem"}, {"client_cert": "/pki/juan.pem"}, {"domain": "d"})
        }
        assert len(whose) == 4
        assert Connection.read(common()).stored_session == "25aec9f716afd8f5f1611d470c939ce7"

    def test_what_is_pasted_is_read_before_anything_is_sent(self) -> None:
        url = "https://your-app.com?tkn="
        pasted = common(redirect_url=url, temporal_token="https://your-app.com?tkn=canary%3D")
        assert Connection.read(pasted).credentials.temporal_token == "canary="
        for wrong in ({"temporal_token": "https://elsewhere.example?tkn=canary"}, {"redirect_url": "your-app.com"}):
            with pytest.raises(ConfigurationError):
                Connection.read({**pasted, **wrong})

    def test_a_login_by_certificate_needs_a_redirect_url_and_a_partner(self) -> None:
        everything = {
            "client_cert": "c.pem",
            "redirect_url": "https://your-app.com",
            "partner": "CA",
            "partner_secret": "s",
        }
        assert Connection.read(common(**everything)).credentials.by_certificate == "https://your-app.com"
        for left_out in (["client_cert"], ["redirect_url"], ["partner", "partner_secret"]):
            given = {name: value for name, value in everything.items() if name not in left_out}
            assert Connection.read(common(**given)).credentials.by_certificate is None
