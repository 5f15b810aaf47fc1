# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules with a store in PostgreSQL: the options count, and neither password nor key is shown."""

from __future__ import annotations

import collections.abc as c
import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic
from psycopg import conninfo

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_postgresql
from ansible_collections.redtrust.certificate_enroll.plugins.modules import redtrust_enrollment_info, redtrust_renew
from ansible_collections.redtrust.certificate_enroll.tests.robustness.canaries import AWKWARD_TAIL, MARK, Search

pytestmark = pytest.mark.process

PASSWORD = f"{MARK}-password{AWKWARD_TAIL}"
STORE_KEY = f"{MARK}-store-key{AWKWARD_TAIL}"
SEARCH = Search({"password": PASSWORD, "store_key": STORE_KEY})

Run = c.Callable[..., dict[str, t.Any]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a module, and return its result once no secret was found in its output."""
    for name in os.environ:
        if name.startswith(("REDTRUST_", "PG")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def ran(module: t.Any, *, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        own = {"_ansible_check_mode": check, "_ansible_remote_tmp": str(tmp_path), "_ansible_verbosity": 3}
        given = {"host": "rt.example.com", "retry_timeout": 0, **options, **own}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        with pytest.raises(SystemExit):
            module.main()
        output = capsys.readouterr()
        assert SEARCH.look("output", (output.out + output.err).encode()) == []
        said: dict[str, t.Any] = json.loads(output.out)
        return said

    return ran


@pytest.fixture
def secret_dsn(dsn: str) -> str:
    """Return a connection string with a password, for which the server does not ask."""
    return conninfo.make_conninfo(dsn, password=PASSWORD)


@pytest.mark.parametrize("in_environment", [False, True])
def test_the_store_is_where_the_options_say(
    run: Run, secret_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, in_environment: bool
) -> None:
    options = {"store_dsn": secret_dsn, "store_key": STORE_KEY}
    monkeypatch.setenv("REDTRUST_STORE_PATH", str(tmp_path / "unused" / "store.db"))
    monkeypatch.setenv("JOB_ID", "42")  # no file would outlive the job
    if in_environment:
        for name, value in options.items():
            monkeypatch.setenv(f"REDTRUST_{name.upper()}", value)
        options = {}
    missing = run(redtrust_enrollment_info, check=True, **options)
    assert (missing.get("failed"), missing["enrollments"]) == (None, [])
    assert not run(redtrust_enrollment_info, **options).get("failed")
    assert not (tmp_path / "unused").exists()
    with open_postgresql(secret_dsn, STORE_KEY, warn=pytest.fail) as store:
        assert store.enrollments() == []


def test_no_failure_shows_a_secret(run: Run, secret_dsn: str) -> None:
    open_postgresql(secret_dsn, STORE_KEY, warn=pytest.fail).close()
    given = conninfo.conninfo_to_dict(secret_dsn)
    right = {"store_dsn": secret_dsn, "store_key": STORE_KEY}
    failures: list[tuple[dict[str, t.Any], str]] = [
        ({"store_key": f"another {STORE_KEY}"}, "store_key is not the one"),
        ({"store_key": None}, "store_dsn needs store_key"),
        ({"store_key": MARK}, "at least 16 characters"),
        ({"store_path": "/x/y"}, "give one of them"),
        ({"store_dsn": conninfo.make_conninfo(secret_dsn, dbname="nowhere")}, "does not exist"),
        ({"store_dsn": f"host={given['host']} password={PASSWORD}"}, "cannot be read as a connection string"),
        ({"store_dsn": f"postgresql://user:{PASSWORD}@[::1"}, "cannot be read as a connection string"),
    ]
    for options, words in failures:
        for module in (redtrust_enrollment_info, redtrust_renew):
            said = run(module, **{**right, **options})
            assert said["failed"]
            assert words in said["msg"], said["msg"]


def test_a_weak_connection_is_warned_of(run: Run, secret_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the store says: that it does so over TCP alone is tested with the store."""
    warned: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning))
    monkeypatch.setattr(
        "ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_link.Link.ssl_mode",
        lambda _link: "require",
    )
    run(redtrust_enrollment_info, store_dsn=secret_dsn, store_key=STORE_KEY)
    assert [warning.partition(":")[0] for warning in warned] == ["store_dsn has sslmode=require"]
