# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the files of each release with this one, read them as that release did, and write them without a loss."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import typing as t
from pathlib import Path

import keep_release
import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import CertificateSpec, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.api import (
    Credentials,
    SessionFile,
    SessionRow,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import revision_rows
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

CHANGELOG = Path(__file__).resolve().parents[5] / "changelogs" / "changelog.yaml"
VERSIONS = sorted(folder.name for folder in keep_release.RELEASES.iterdir())
# The columns that a write changes.
WRITTEN = ("generation", "updated_at")


class Kept(t.NamedTuple):
    """A copy of a release's files, and the content that the release read from them."""

    version: str
    folder: Path
    contents: dict[str, t.Any]

    def store(self) -> Store:
        return open_store(str(self.folder / "store.db"))


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    folder = tmp_path / "state"
    shutil.copytree(keep_release.RELEASES / request.param, folder)
    folder.chmod(0o700)
    for file in folder.iterdir():
        file.chmod(0o600)
    return Kept(request.param, folder, json.loads((folder / "contents.json").read_text(encoding="utf-8")))


def expected(kept: Kept) -> list[dict[str, t.Any]]:
    """Return the content that the release read; codes of finished requests are dropped from a store without a key."""
    found: list[dict[str, t.Any]] = kept.contents["revisions"]
    if kept.version != "0.1.0":
        return found
    return [{**row, "request_code": None} if row["state"] in ("finalized", "superseded") else row for row in found]


def found_in(store: Store) -> list[dict[str, t.Any]]:
    return [keep_release.as_json(revision) for one in store.enrollments() for revision in one.revisions]


def assert_all_there(found: list[dict[str, t.Any]], wanted: list[dict[str, t.Any]], but: t.Iterable[str] = ()) -> None:
    """Compare the fields that the release had; this release may have more."""
    assert len(found) == len(wanted)
    for row, known in zip(found, wanted, strict=True):
        assert row["spec"].items() >= known["spec"].items()
        for column in known.keys() - {"spec", *but}:
            assert row[column] == known[column], column


def test_there_is_one_of_each_release() -> None:
    released = yaml.safe_load(CHANGELOG.read_text(encoding="utf-8"))["releases"]
    assert sorted(released) == VERSIONS, "tests/tools/keep_release.py VERSION COMMIT keeps one"


def test_everything_in_a_store_is_read(kept: Kept) -> None:
    with kept.store() as store:
        found = found_in(store)
    assert_all_there(found, expected(kept))
    assert {row["state"] for row in found} == {str(state) for state in State}


def test_everything_in_a_store_is_written_back(kept: Kept) -> None:
    with kept.store() as store:
        for enrollment in store.enrollments():
            store.put(*enrollment.revisions)
    with kept.store() as store:
        found = found_in(store)
    assert_all_there(found, expected(kept), but=WRITTEN)
    generations = [row["generation"] - known["generation"] for row, known in zip(found, expected(kept), strict=True)]
    assert set(generations) == {1}


def test_work_goes_on_in_a_store(kept: Kept) -> None:
    with kept.store() as store:
        assert store.acquire([f"enrollment/{keep_release.SERVICE}/issued"], "this run", 60.0) == {}
        renewed = store.enrollment(keep_release.SERVICE, "renewed")
        current, pending = renewed.current, renewed.pending
        assert current is not None
        assert pending is not None
        store.put(current.moved(State.SUPERSEDED), pending.moved(State.FINALIZED, request_code=None))
    with kept.store() as store:
        states = [revision.state for revision in store.enrollment(keep_release.SERVICE, "renewed").revisions]
    assert states == [State.SUPERSEDED, State.SUPERSEDED, State.FINALIZED]


def test_a_session_in_a_store_is_read_and_written_back(kept: Kept) -> None:
    with kept.store() as store:
        storage = SessionRow(store, keep_release.IDENTITY, keep_release.SESSION_KEY, holder="this run")
        assert storage.exists() == kept.contents["session_is_stored"]
        for _time in range(2):
            session = storage.load()
            assert (session is not None) == kept.contents["session_is_stored"]
            if session is not None:
                assert session.to_json().items() >= kept.contents["session"].items()
                with storage.locked():
                    storage.save(session)


def test_a_session_in_a_file_is_read_and_written_back(kept: Kept) -> None:
    material = Credentials(**keep_release.CREDENTIALS).key_material()
    for _time in range(2):
        storage = SessionFile(str(kept.folder / "session"), material)
        session = storage.load()
        assert session is not None
        assert session.to_json().items() >= kept.contents["session"].items()
        assert session.ends_at == session.tokens.expires_at
        with storage.locked():
            storage.save(session)


class TestNewerRelease:
    """An older release works on files of a newer one, and loses nothing."""

    SPEC: t.ClassVar[dict[str, t.Any]] = {
        "dn": [{"attribute": "cn", "value": "www", "encoding": "utf8"}, {"attribute": "ou", "value": "a"}],
        "provider": "CA",
        "usage": {"purposes": ["sign"]},
    }

    def plant(self, path: Path, make: MakeRevision) -> None:
        """Put a row with a spec as another release writes it, checksum included."""
        with open_store(str(path)) as store:
            store.put(make(state=State.REQUESTED))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            columns = ", ".join(revision_rows.COLUMNS)
            connection.execute("UPDATE revisions SET spec = ?", (json.dumps(self.SPEC),))
            stored = connection.execute(f"SELECT {columns} FROM revisions").fetchone()  # noqa: S608
            connection.execute("UPDATE revisions SET checksum = ?", (revision_rows.checksum(stored),))

    def stored_spec(self, path: Path) -> dict[str, t.Any]:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            spec: dict[str, t.Any] = json.loads(connection.execute("SELECT spec FROM revisions").fetchone()[0])
        return spec

    def test_an_unknown_field_is_written_back_when_the_revision_moves_on(
        self, tmp_path: Path, make: MakeRevision
    ) -> None:
        path = tmp_path / "store.db"
        self.plant(path, make)
        with open_store(str(path)) as store:
            row = store.enrollment("redtrust", "www").latest
            assert row is not None
            store.put(row.moved(State.ISSUED, certificate=b"c"))
        assert self.stored_spec(path).items() >= self.SPEC.items()

    def test_a_missing_field_has_its_default(self, tmp_path: Path, make: MakeRevision) -> None:
        path = tmp_path / "store.db"
        self.plant(path, make)
        with open_store(str(path)) as store:
            row = store.enrollment("redtrust", "www").latest
        assert row is not None
        default = CertificateSpec("www", row.spec.dn, "CA")
        assert row.spec.asked_for() == default.asked_for()
        assert row.spec.differences(default) == []
        assert row.spec.fingerprint() == default.fingerprint()
        assert row.spec.dn.to_json() == [{"attribute": "cn", "value": "www"}, {"attribute": "ou", "value": "a"}]

    def test_an_unknown_field_that_changes_by_itself_is_damage(self, tmp_path: Path, make: MakeRevision) -> None:
        path = tmp_path / "store.db"
        self.plant(path, make)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE revisions SET spec = replace(spec, 'purposes', 'purposez')")
        with open_store(str(path)) as store, pytest.raises(StoreError, match="checksum"):
            store.enrollment("redtrust", "www")
