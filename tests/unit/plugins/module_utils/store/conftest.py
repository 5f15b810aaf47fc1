# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores to test, and revisions to put into them."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

# The root conftest.py makes these importable; pytest may read this file first.
if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Revision
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store

    OpenStore = t.Callable[[], Store]

STORE_KEY = "a store key, for tests"
TREE = Path(__file__).resolve().parents[5] / ".tree"


class MakeRevision(t.Protocol):
    """A factory of revisions."""

    def __call__(self, name: str = "www", revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
        """Return a revision that is not stored yet."""


class StartWorker(t.Protocol):
    """A starter of worker.py, or of another program beside it."""

    def __call__(self, *arguments: object, program: str | Path = ...) -> subprocess.Popen[str]:
        """Start it as a separate process; the test reads its output to the end, or kills it."""


@pytest.fixture
def fast_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive the key of a store on PostgreSQL without delay."""
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import postgresql_key

    monkeypatch.setattr(postgresql_key, "_ITERATIONS", 10)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.process)])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Open the same storage each time; every kind of store is a parameter here."""
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
        open_postgresql,
        open_store,
    )

    if request.param == "sqlite":
        return lambda: open_store(str(tmp_path / "state" / "store.db"))
    request.getfixturevalue("fast_key")
    dsn = request.getfixturevalue("dsn")
    return lambda: open_postgresql(dsn, STORE_KEY, warn=pytest.fail)


@pytest.fixture
def store(open_again: OpenStore) -> t.Iterator[Store]:
    with open_again() as opened:
        yield opened


@pytest.fixture(scope="session")
def make() -> MakeRevision:
    from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _models

    def made(name: str = "www", revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
        given = {"service": "redtrust", "state": _models.State.INTENDED, **fields}
        spec = _models.CertificateSpec(name, _models.DistinguishedName((("cn", name), ("ou", "a"), ("ou", "b"))), "CA")
        return _models.Revision(name=name, revision=revision, attempt=attempt, **{"spec": spec, **given})

    return made


@pytest.fixture
def worker() -> t.Iterator[StartWorker]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, program: str | Path = "worker.py") -> subprocess.Popen[str]:
        command = [sys.executable, str(Path(__file__).parent / program), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(TREE)}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
