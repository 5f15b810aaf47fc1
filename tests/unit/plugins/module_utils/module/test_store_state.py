# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redtrust_store as Ansible runs it, in this process, with stores in SQLite."""

from __future__ import annotations

import collections.abc as c
import contextlib
import json
import os
import sqlite3
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.masked import MaskedModule
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import postgresql_place, schema
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.key_file import Key
from ansible_collections.redtrust.certificate_enroll.plugins.modules import redtrust_enrollment_info, redtrust_store

Run = c.Callable[..., dict[str, t.Any]]
NEWEST = len(schema.MIGRATIONS)
STORE_KEY = "canary: the key of the store"
NOTHING = dict.fromkeys(("enrollments", "revisions", "sessions", "events", "chains", "replacements", "notes"), 0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a module, by default redtrust_store, with a store in ``tmp_path``; return its result."""
    for name in os.environ:
        if name.startswith("REDTRUST_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    warnings: list[str] = []
    monkeypatch.setattr(MaskedModule, "warn", lambda _module, warning: warnings.append(warning))

    def ran(
        path: str, *, module: t.Any = redtrust_store, check: bool = False, diff: bool = False, **options: t.Any
    ) -> dict[str, t.Any]:
        own = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(tmp_path)}
        place = {"store_path": str(tmp_path / path)} if "store_dsn" not in options else {}
        given = {**place, "host": "redtrust", **options, **own}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        warnings.clear()
        with pytest.raises(SystemExit):
            module.main()
        return {**json.loads(capsys.readouterr().out), "warnings": list(warnings)}

    return ran


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    spec = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
    path = tmp_path / "old" / "store.db"
    with open_store(str(path)) as store:
        store.put(Revision("redtrust", "www", 1, 1, State.INTENDED, spec=spec))
    return path


def test_a_store_is_made_once(run: Run, tmp_path: Path) -> None:
    foreseen = run("new/store.db", check=True)
    assert not (tmp_path / "new").exists()
    made = run("new/store.db", diff=True)
    told = {"kind": "sqlite", "schema_version": NEWEST, "counts": NOTHING, "retired": None}
    for result in (foreseen, made):
        assert result["changed"]
        assert result["action"] == "create"
        assert told.items() <= result.items()
    assert made["diff"] == [{"before": {**told, "schema_version": None}, "after": told}]
    again = run("new/store.db", diff=True)
    assert not again["changed"]
    assert again["diff"] == []
    assert {"action": "none", **told}.items() <= again.items()


def test_a_store_of_an_older_release_is_upgraded(run: Run, filled: Path) -> None:
    path = filled.with_name("older.db")
    make_older(path)
    foreseen = run("old/older.db", check=True, diff=True)
    assert foreseen["diff"][0]["before"]["schema_version"] == NEWEST - 1
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert schema.pragma(connection, "user_version") == NEWEST - 1
    upgraded = run("old/older.db")
    for result in (foreseen, upgraded):
        assert (result["changed"], result["action"], result["schema_version"]) == (True, "upgrade", NEWEST)
    assert upgraded["counts"] == NOTHING
    assert run("old/older.db")["action"] == "none"


def test_a_store_is_copied_and_refused_from_then_on(run: Run, filled: Path) -> None:
    source = {"path": str(filled)}
    foreseen = run("new/store.db", state="copied", source=source, check=True)
    assert foreseen["checksum"] is None
    assert run("old/store.db", module=redtrust_enrollment_info)["count"] == 1
    copied = run("new/store.db", state="copied", source=source, diff=True)
    for result in (foreseen, copied):
        assert (result["changed"], result["action"], result["kind"]) == (True, "copy", "sqlite")
        assert result["counts"] == result["source"]["counts"] == {**NOTHING, **result["counts"], "enrollments": 1}
    assert copied["checksum"] == copied["source"]["checksum"]
    assert len(copied["checksum"]) == 64
    new = str(filled.parent.parent / "new" / "store.db")
    assert copied["diff"] == [{"before": {"store in use": str(filled)}, "after": {"store in use": new}}]
    assert run("new/store.db", module=redtrust_enrollment_info)["count"] == 1
    refused = run("old/store.db", module=redtrust_enrollment_info)
    assert f"store {filled}: it was moved to {new} at 2" in refused["msg"]
    again = run("new/store.db", state="copied", source=source, diff=True)
    assert (again["changed"], again["action"], again["diff"]) == (False, "none", [])


def test_a_store_that_was_moved_is_used_again_with_force(run: Run, filled: Path) -> None:
    run("new/store.db", state="copied", source={"path": str(filled)})
    retired = run("old/store.db")
    assert not retired["changed"]
    assert retired["retired"]["other"].endswith("new/store.db")
    assert "copy that store back with redtrust_store. Only if it is lost" in retired["warnings"][0]
    foreseen = run("old/store.db", force=True, check=True)
    assert "it was moved" in run("old/store.db", module=redtrust_enrollment_info)["msg"]
    used = run("old/store.db", force=True)
    for result in (foreseen, used):
        assert (result["changed"], result["action"], result["retired"]) == (True, "use", None)
        assert result["warnings"] == []
    assert run("old/store.db", module=redtrust_enrollment_info)["count"] == 1
    assert run("old/store.db", force=True)["action"] == "none"


EITHER = "source needs either path, for a store in SQLite, or dsn and key, for one in PostgreSQL"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": "gone"}, "value of state must be one of: present, copied, exported, got: gone"),
        ({"force": "perhaps"}, "unable to convert to bool"),
        ({"state": "copied"}, EITHER),
        ({"state": "copied", "source": {}}, EITHER),
        ({"state": "copied", "source": {"path": ""}}, EITHER),
        ({"state": "copied", "source": {"path": "/a", "dsn": "host=a", "key": "k" * 32}}, EITHER),
        ({"state": "copied", "source": {"dsn": "host=a"}}, "source.dsn and source.key go together: key is not set"),
        ({"state": "copied", "source": {"path": "/a", "key": "k" * 32}}, "go together: dsn is not set"),
        ({"state": "copied", "source": {"place": "/a"}}, "Unsupported parameters"),
        ({"state": "copied", "source": {"path": "$NO_SUCH/a"}}, "source.path is '$NO_SUCH/a', and this run"),
        ({"state": "copied", "source": {"path": "/a"}, "force": True}, "force is of no use with state: copied"),
        ({"source": {"path": "/a"}}, "source needs state: copied"),
    ],
)
def test_values_that_cannot_be(run: Run, tmp_path: Path, options: dict[str, t.Any], message: str) -> None:
    result = run("new/store.db", **options)
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "new").exists()


def test_a_source_that_is_missing_is_not_made(run: Run, tmp_path: Path) -> None:
    for check in (True, False):
        result = run("new/store.db", state="copied", source={"path": str(tmp_path / "no" / "store.db")}, check=check)
        assert f"store {tmp_path}/no/store.db: there is none to copy" in result["msg"]
    assert not (tmp_path / "no").exists()
    assert not (tmp_path / "new").exists()


def test_a_copy_that_is_not_made_is_a_failure(run: Run, filled: Path) -> None:
    with open_store(str(filled)) as store:
        store.acquire(["redtrust/www"], "another job", 60)
    result = run("new/store.db", state="copied", source={"path": str(filled)})
    assert result["failed"]
    assert result["error"]["type"] == "LeaseHeldError"
    assert "jobs work with it: another job holds redtrust/www" in result["msg"]
    assert run("old/store.db", module=redtrust_enrollment_info)["count"] == 1


@pytest.mark.process
class TestInPostgresql:
    @pytest.fixture
    def there(self, dsn: str) -> dict[str, str]:
        """Return the options for a store on PostgreSQL."""
        return {"store_dsn": f"{dsn} password=canary-password", "store_key": STORE_KEY}

    def test_the_tables_are_made_once(self, run: Run, there: dict[str, str]) -> None:
        told = {"kind": "postgresql", "schema_version": NEWEST, "counts": NOTHING, "retired": None}
        for check, action in ((True, "create"), (False, "create"), (True, "none"), (False, "none")):
            result = run("", check=check, **there)
            assert {"action": action, "changed": action == "create", **told}.items() <= result.items()
        assert "canary" not in json.dumps(result)

    def test_a_store_goes_there_and_back(self, run: Run, there: dict[str, str], filled: Path) -> None:
        foreseen = run("", state="copied", source={"path": str(filled)}, check=True, **there)
        copied = run("", state="copied", source={"path": str(filled)}, **there)
        for result in (foreseen, copied):
            assert (result["changed"], result["action"], result["kind"]) == (True, "copy", "postgresql")
            assert result["counts"] == result["source"]["counts"]
            assert result["source"]["kind"] == "sqlite"
        assert run("", module=redtrust_enrollment_info, **there)["count"] == 1
        source = {"dsn": there["store_dsn"], "key": there["store_key"]}
        back = run("old/store.db", state="copied", source=source, diff=True)
        assert (back["action"], back["checksum"]) == ("copy", copied["checksum"])
        assert run("old/store.db", module=redtrust_enrollment_info)["count"] == 1
        refused = run("", module=redtrust_enrollment_info, **there)
        assert f"it was moved to {filled} at 2" in refused["msg"]
        assert "canary" not in json.dumps([foreseen, copied, back, refused])

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ({"dsn": "host='canary", "key": STORE_KEY}, "source.dsn: store_dsn cannot be read as a connection string"),
            ({"dsn": "host=/ password=canary", "key": "canary"}, "source.key must have at least 16 characters"),
            ({"dsn": "host=/no/such password=canary", "key": "canary another key"}, "store its default at /no/such: "),
        ],
    )
    def test_a_source_that_cannot_be(
        self, run: Run, source: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql_place, "PATIENCE", 0.1)
        result = run("new/store.db", state="copied", source=source)
        assert result["failed"]
        assert message in result["msg"]
        assert "canary" not in json.dumps(result)

    def test_another_key_than_that_of_the_source(self, run: Run, there: dict[str, str]) -> None:
        run("", **there)
        source = {"dsn": there["store_dsn"], "key": "canary another key"}
        result = run("new/store.db", state="copied", source=source)
        assert "store_key is not the one with which this store was made" in result["msg"]
        assert "canary" not in json.dumps(result)


def make_older(path: Path) -> None:
    """Make an empty store as the release before does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.upgrade(connection, Key(b"", path), schema.MIGRATIONS[:-1])
    path.chmod(0o600)
