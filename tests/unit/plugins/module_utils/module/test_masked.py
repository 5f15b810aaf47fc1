# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a module: results, warnings, the system log and tracebacks, all of it without secrets."""

from __future__ import annotations

import base64
import collections.abc as c
import json
import os
import sys
import syslog
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import run
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.context import Context
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.masked import (
    MaskedModule,
    dsn_passwords,
    proxy_password,
)

CANARY = "canary\"x'y\\z \u00e9"
SPEC: dict[str, dict[str, t.Any]] = {
    "password": {"type": "str", "no_log": True},
    "proxy": {"type": "str"},
    "store_dsn": {"type": "str", "no_log": True},
    "count": {"type": "int"},
    "entries": {
        "type": "list",
        "elements": "dict",
        "options": {"code": {"type": "str", "no_log": True}, "name": {"type": "str"}},
    },
}

Make = c.Callable[..., MaskedModule]
Said = c.Callable[[], dict[str, t.Any]]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines written to the system log."""
    lines: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(syslog, "syslog", lambda _priority, line: lines.append(line))
    return lines


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logged: list[str]) -> c.Callable[..., None]:
    """Give these options to the next module."""
    for name in os.environ:
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)

    def given(**options: t.Any) -> None:
        own: dict[str, t.Any] = {"_ansible_remote_tmp": str(tmp_path), "_ansible_verbosity": 3}
        if "tracebacks_for" in PASS_VARS:  # since ansible-core 2.19
            own["_ansible_tracebacks_for"] = ["error"]
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {**options, **own}}).encode())

    return given


@pytest.fixture
def make(give: c.Callable[..., None]) -> Make:
    """Make a module with these options."""

    def made(**options: t.Any) -> MaskedModule:
        give(**options)
        return MaskedModule(argument_spec=SPEC)

    return made


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Return the printed result, without canaries."""

    def read() -> dict[str, t.Any]:
        printed = capsys.readouterr()
        assert printed.err == ""
        assert "canary" not in printed.out
        result: dict[str, t.Any] = json.loads(printed.out)
        return result

    return read


def written() -> str:
    """Return texts that hold the canary in several forms."""
    encoded = base64.b64encode(f"xx{CANARY}".encode()).decode()
    return f"{CANARY}, {[CANARY]!r}, {json.dumps(CANARY)} and {encoded}"


def end(call: c.Callable[[], t.NoReturn]) -> None:
    with pytest.raises(SystemExit):
        call()


def test_an_option_in_a_list_is_not_in_the_log(make: Make, logged: list[str]) -> None:
    make(entries=[{"name": "shown", "code": CANARY}])
    assert "shown" in logged[0]
    assert "canary" not in logged[0]


def test_what_the_options_hold_is_known_to_the_threads_to_come(make: Make) -> None:
    module = make(_ansible_no_log=True, password=CANARY)
    assert module.secrets.hide(f"it was {CANARY}") == "it was ********"


def test_what_ends_the_module_elsewhere_is_raised_for_one_file(make: Make, said: Said) -> None:
    module = make(password=CANARY)
    with module.raising(), pytest.raises(ConfigurationError) as caught:
        module.fail_json(msg=f"chown failed: {CANARY}", path="/out/www.pem")
    assert str(caught.value) == "/out/www.pem: chown failed: ********"
    end(lambda: module.fail_json(msg="over"))
    assert said()["msg"] == "over"


def test_what_is_known_later_is_masked_everywhere(
    make: Make, said: Said, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning))
    module = make()
    module.secrets.add(CANARY)
    module.warn(f"odd: {written()}")
    module.log(f"noted: {written()}")
    end(lambda: module.exit_json(changed=True, entries=[{"name": written()}], diff=({"before": written()},)))
    assert logged[-1].count("********") == 4
    result = said()
    assert result["entries"][0]["name"].startswith("********, ['********'], \"********\" and ")
    assert warned[0].startswith("odd: ********, ")
    assert "canary" not in warned[0]
    assert result["changed"] is True


def test_a_failure_is_masked(make: Make, said: Said) -> None:
    end(lambda: make(password=CANARY).fail_json(f"wrong: {written()}", error={"message": written()}))
    result = said()
    assert result["msg"].startswith("wrong: ********")
    assert result["invocation"]["module_args"]["password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_what_is_wrong_with_the_options_is_masked(make: Make, said: Said) -> None:
    with pytest.raises(SystemExit):
        make(password=CANARY, count=f"not a number: {CANARY}")
    assert said()["msg"].startswith("argument 'count'")


@pytest.mark.parametrize("place", ["proxy", "HTTPS_PROXY", "all_proxy"])
def test_the_password_of_a_proxy(make: Make, said: Said, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    address = "http://user:canary%2fquoted@proxy:3128"
    if place != "proxy":
        monkeypatch.setenv(place, address)
    module = make(**({"proxy": address} if place == "proxy" else {}))
    end(lambda: module.fail_json(f"no {address}, with canary/quoted or {base64.b64encode(b'user:canary/quoted')!r}"))
    assert said()["msg"].startswith("no http://user:********@proxy:3128, with ******** or ")


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("http://proxy:3128", ""),
        ("http://user@proxy:3128", ""),
        ("http://user:p@proxy:3128", "p"),
        ("user:p@proxy", "p"),
        ("http://user:a:b@c@[::1", "a:b@c"),
        ("", ""),
    ],
)
def test_where_the_password_of_a_proxy_stands(address: str, password: str) -> None:
    assert proxy_password(address) == password


@pytest.mark.parametrize(
    ("dsn", "passwords"),
    [
        ("postgresql://user:p%2Fq@db/x", {"p%2Fq", "p/q"}),
        ("postgres://user:@db/x", set()),
        ("postgresql://user@db/x?password=p%20q&sslpassword=r", {"p%20q", "p q", "r"}),
        ("host=db password=p", {"p"}),
        (r"password = 'it\'s p\\q' host=db", {r"'it\'s p\\q'", r"it's p\q"}),
        (r"host=db password=a\ b sslpassword=c", {r"a\ b", "a b", "c"}),
        ("password='open", {"'open", "open"}),
        ("host=db user=password", set()),
        ("", set()),
    ],
)
def test_where_the_password_of_a_database_stands(dsn: str, passwords: set[str]) -> None:
    assert dsn_passwords(dsn) == passwords


@pytest.mark.parametrize("place", ["store_dsn", "PGPASSWORD"])
def test_the_password_of_a_database(make: Make, said: Said, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    if place == "PGPASSWORD":
        monkeypatch.setenv(place, "canary/word")
    module = make(**({"store_dsn": "host=db password=canary/word"} if place == "store_dsn" else {}))
    end(lambda: module.fail_json("no canary/word, no canary%2Fword"))
    assert said()["msg"] == "no ********, no ********"


def test_a_short_secret_is_masked_wherever_its_letters_are(make: Make, said: Said) -> None:
    """Ansible does the same: unreadable, but no leak."""
    end(lambda: make(password="a").exit_json(text="banana"))
    assert said()["text"] == "b" + "********n" * 2 + "********"


class TestCrash:
    @pytest.fixture
    def crash(
        self, give: c.Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> c.Callable[[BaseException], dict[str, t.Any]]:
        """Run a module that ends with an unexpected error; return the values passed to Ansible."""

        def ran(error: BaseException) -> dict[str, t.Any]:
            def work(_context: Context) -> t.NoReturn:
                raise error from ValueError(f"first {CANARY!r}")

            handed: dict[str, t.Any] = {}
            fail = basic.AnsibleModule.fail_json
            # the version and configuration of Ansible decide if it shows the traceback
            monkeypatch.setattr(
                basic.AnsibleModule,
                "fail_json",
                lambda self, msg, **more: (handed.update(more), fail(self, msg, **more)),
            )
            give(password=CANARY)
            with pytest.raises(SystemExit):
                run.run(SPEC, work)
            return handed

        return ran

    def test_it_becomes_a_result_without_secrets(
        self, crash: c.Callable[[BaseException], dict[str, t.Any]], said: Said
    ) -> None:
        error = KeyError(CANARY)
        if sys.version_info >= (3, 11):
            error.add_note(f"sent {json.dumps({'password': CANARY})}")
        traceback = crash(error)["exception"]
        result = said()
        assert result["failed"]
        assert result["error"] == {"type": "KeyError"}
        assert result["msg"].startswith("KeyError in test_masked.py, line ")
        assert "report it" in result["msg"]
        assert "canary" not in traceback
        for part in ("Traceback (most recent call last)", "first '********'", "KeyError: '********'", "in work"):
            assert part in traceback

    def test_an_end_is_none(self, crash: c.Callable[[BaseException], dict[str, t.Any]]) -> None:
        assert crash(SystemExit(3)) == {}


def test_a_signer_that_is_not_understood_is_not_printed(
    give: c.Callable[..., None], said: Said, logged: list[str]
) -> None:
    give(signer={"token": CANARY})
    with pytest.raises(SystemExit):
        run.run({"signer": {"type": "raw", "required": True}}, lambda _context: pytest.fail("it is not run"))
    assert said()["msg"].startswith("signer has no type")
    assert "canary" not in "".join(logged)


@pytest.mark.parametrize("text", ['{{"type": "http", "token": "{0}"}}', "type: http\ntoken: {0}", "token={0}"])
def test_a_signer_that_is_text_is_not_printed(
    give: c.Callable[..., None], logged: list[str], said: Said, text: str
) -> None:
    """A survey of AWX and ``-e issue_signer='{...}'`` give a mapping as text."""
    give(signer=text.format(CANARY))
    options = {"token": {"type": "str", "no_log": True}}
    spec: dict[str, t.Any] = {"signer": {"type": "raw", "required": True}, "http": {"type": "dict", "options": options}}
    with pytest.raises(SystemExit):
        run.run(spec, lambda context: context.module.fail_json(msg=str(context.params)))
    assert "canary" not in f"{said()} {''.join(logged)}"


def test_the_options_in_a_signer_are_masked_as_the_spec_says(give: c.Callable[..., None], logged: list[str]) -> None:
    give(signer={"type": "http", "token": CANARY})
    options = {"type": "dict", "options": {"token": {"type": "str", "no_log": True}}}
    module = MaskedModule(argument_spec={"signer": {"type": "raw", "required": True}, "http": options})
    assert (module.params["signer"], module.params["http"]) == ("http", {"token": CANARY})
    assert module.hide(CANARY) != CANARY
    assert "canary" not in "".join(logged)


REST: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "secrets": {"type": "dict", "no_log": True},
        "request": {"type": "dict"},
        "prepare": {"type": "list", "elements": "dict"},
        "proxy": {"type": "str"},
    },
}


@pytest.mark.parametrize(
    "options",
    [
        {"secrets": {"pin": "canary-1"}},
        {"secrets": '{"pin": "canary-1"}'},
        {"secrets": "pin=canary-1"},
        {"request": {"json": {"a": [{"client_secret": "canary-1"}]}}},
        {"request": {"headers": {"X-Api-Key": "canary-1"}}},
        {"prepare": [{"form": {"pin": "canary-1"}}]},
        {"proxy": "http://u:canary-1@proxy:3128"},
    ],
)
def test_a_secret_of_a_signer_is_masked_in_each_form_that_the_option_takes(
    give: c.Callable[..., None], said: Said, logged: list[str], options: dict[str, t.Any]
) -> None:
    """It would be in the result of the task, and in the system log."""
    give(signer={"type": "http", **options})
    module = MaskedModule(argument_spec={"signer": {"type": "raw", "required": True}, "http": REST})
    end(lambda: module.exit_json(text="shown, but not canary-1"))
    assert said()["text"] == "shown, but not ********"
    assert "canary" not in "".join(logged)


def test_what_is_no_secret_of_a_signer_is_shown(give: c.Callable[..., None], logged: list[str]) -> None:
    give(
        signer={"type": "http", "request": {"form": {"grant_type": "shown-1", "pin": "${secret.pin}", "n": "shown-2"}}}
    )
    module = MaskedModule(argument_spec={"signer": {"type": "raw", "required": True}, "http": REST})
    assert module.hide("shown-1 shown-2 ${secret.pin}") == "shown-1 shown-2 ${secret.pin}"
