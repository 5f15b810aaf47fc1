# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several processes that use a store at once; test_processes.py starts it and gives the signal to begin."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import sys
import typing as t
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StaleRevisionError, StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import postgresql_key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Store,
    open_postgresql,
    open_store,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_connection import (
    PostgresqlConnection,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore


def _intent(name: str) -> Revision:
    spec = CertificateSpec(name, DistinguishedName((("cn", name),)), "CA")
    return Revision("redtrust", name, 1, 1, State.INTENDED, spec)


def _opened(place: str, *, read_only: bool = False) -> Store:
    """Open the store in a file, or in the database of a connection string."""
    if "=" not in place:
        return open_store(place, read_only=read_only)
    postgresql_key._ITERATIONS = 10
    return open_postgresql(place, "a store key, for tests", read_only=read_only, warn=sys.exit)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def intend(path: str, name: str) -> None:
    """Print if this process was the first to put the intent."""
    with _opened(path) as store:
        try:
            store.put(_intent(name))
        except StaleRevisionError:
            print("late")
        else:
            print("first")


def lease(path: str, key: str, holder: str) -> None:
    """Print the holder of the lease: this one, or the one that the store names."""
    with _opened(path) as store:
        others = store.acquire([key], holder, 3600)
        print(others[key].holder if others else holder)


def count(path: str, name: str, times: str) -> None:
    """Write the same row again and again, each time after reading it."""
    with _opened(path) as store:
        done = 0
        while done < int(times):
            row = store.enrollment("redtrust", name).latest or _intent(name)
            try:
                store.put(row)
            except StaleRevisionError:
                continue
            done += 1
    print(done)


def renew(path: str, name: str) -> None:
    """Replace the current revision again and again; print each number after its commit."""
    with _opened(path) as store:
        for number in itertools.count(1):
            current = store.enrollment("redtrust", name).current
            new = Revision("redtrust", name, number, 1, State.FINALIZED, _intent(name).spec, certificate=b"c" * 3000)
            store.put(new, *([current.moved(State.SUPERSEDED)] if current else []))
            print(number, flush=True)


def die_in_put(path: str, name: str) -> None:
    """Die after all writes, before the commit."""
    if "=" in path:
        setattr(PostgresqlConnection, "commit", lambda _connection: _die())  # noqa: B010
        _opened(path).put(_intent(name))
    with SqliteStore(path) as store:
        connection = store.connections.writer().connection.raw
        connection.set_trace_callback(lambda statement: _die() if statement == "COMMIT" else None)
        store.put(_intent(name))


def die_making(path: str, what: str, number: str) -> None:
    """Die in place of the call with this number to ``os.link`` or ``os.fsync``, while the store is made."""
    left = int(number)
    call = getattr(os, what)

    def counted(*arguments: t.Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            _die()
        call(*arguments)

    setattr(os, what, counted)
    _opened(path)


def fill(path: str) -> None:
    """Write until the disk is full, read, make room and go on; print the number of writes and of enrollments."""
    ballast = Path(path).with_name("ballast")
    ballast.write_bytes(bytes(64 * 1024))
    done = 0
    with _opened(path) as store:
        while True:
            try:
                store.put(dataclasses.replace(_intent(f"{done:04}"), certificate=os.urandom(3000)))
            except StoreError as exc:
                print(exc)
                break
            done += 1
        print(done, len(store.enrollments()))
    ballast.unlink()
    with _opened(path) as store:
        print(done, len(store.enrollments()))
        store.put(_intent("more"))
    with _opened(path) as store:
        print(done + 1, len(store.enrollments()))


def use(path: str) -> None:
    """Use a store in each way, and print the results."""

    def put() -> object:
        with _opened(path) as store:
            return len(store.put(_intent("more")))

    def read(*, read_only: bool) -> object:
        with _opened(path, read_only=read_only) as store:
            return len(store.enrollments())

    for name, way in (("put", put), ("read", lambda: read(read_only=False)), ("look", lambda: read(read_only=True))):
        try:
            print(f"{name}: {way()}")
        except StoreError as exc:
            print(f"{name}: {exc}")


WORK: dict[str, t.Callable[..., None]] = {
    "count": count,
    "die_in_put": die_in_put,
    "die_making": die_making,
    "fill": fill,
    "intend": intend,
    "lease": lease,
    "renew": renew,
    "use": use,
}

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    WORK[sys.argv[1]](*sys.argv[2:])
