# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the store in a plugin, from the options to the errors."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.utils.display import Display

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.paths import STORE_DEFAULT
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import postgresql_key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_postgresql
from ansible_collections.redtrust.certificate_enroll.plugins.plugin_utils.store_reading import reading
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.stored import SERVICE, filled, put

OPTIONS = ("store_path", "store_dsn", "store_key", "service", "host")
KEY = "a store key, for tests"


def read(given: dict[str, t.Any], **from_environment: t.Any) -> list[str]:
    """Return the names in the store."""
    params = {name: given.get(name, from_environment.get(name)) for name in OPTIONS}
    with reading("toy", params, given, AnsibleLookupError) as (store, service):
        return [enrollment.name for enrollment in store.find(service)]


@pytest.fixture
def database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the connection string of a store with one enrollment."""
    monkeypatch.setattr(postgresql_key, "_ITERATIONS", 10)
    with open_postgresql(dsn, KEY, warn=pytest.fail) as store:
        put(store, "ana")
    return dsn


@pytest.mark.process
def test_a_database(database: str) -> None:
    assert read({"store_dsn": database, "store_key": KEY, "service": SERVICE}, store_path="/from/environment") == [
        "ana"
    ]


@pytest.mark.process
def test_another_key_is_refused_and_not_shown(database: str) -> None:
    with pytest.raises(AnsibleError, match=r"toy: store .*: store_key is not the one") as caught:
        read({"store_dsn": database, "store_key": "canary of a key that is wrong", "service": SERVICE})
    assert "canary" not in str(caught.value)


@pytest.mark.process
def test_an_empty_database_has_no_enrollment(dsn: str) -> None:
    assert read({"store_dsn": dsn, "store_key": KEY, "service": SERVICE}) == []


def test_an_error_shows_no_password_not_even_as_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dsn: str, *_others: object, warn: t.Callable[[str], None], **_more: object) -> t.NoReturn:
        warn(f"with {dsn}")
        raise StoreError(f"{dsn} {KEY} is refused")

    warned: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text, *_more: warned.append(text))
    monkeypatch.setitem(reading.__wrapped__.__globals__, "open_postgresql", refuse)  # type: ignore[attr-defined]
    with pytest.raises(AnsibleError) as caught:
        read({"store_dsn": "postgresql://u:canary@db/x", "store_key": KEY, "service": SERVICE})
    masked = "postgresql://u:********@db/x"
    assert str(caught.value) == f"toy: {masked} ******** is refused"
    assert warned == [f"toy: with {masked}"]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"store_path": "/x"}, "neither service nor host is set"),
        ({"store_path": "/x", "store_dsn": "host=db", "store_key": KEY}, "give one of them"),
        ({"store_dsn": "host=db"}, "store_dsn needs store_key"),
        ({"store_dsn": "host=db", "store_key": "short"}, "store_key must have at least 16 characters"),
        ({"service": SERVICE, "store_path": "~nobody-here/x"}, "store_path is '~nobody-here/x', and this run"),
        ({"service": SERVICE, "colour": "red"}, "there is no option 'colour'; there are host, service, store_dsn"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(AnsibleLookupError, match=f"^toy: .*{words}"):
        read(given)


def test_an_empty_variable_of_awx_counts_as_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REDTRUST_STORE_PATH", "")
    filled(tmp_path / STORE_DEFAULT[2:])
    # Ansible makes the current directory of the empty text
    assert "ana garcia" in read({}, store_path=str(Path.cwd()), host=SERVICE, store_dsn="", store_key="", service="")
