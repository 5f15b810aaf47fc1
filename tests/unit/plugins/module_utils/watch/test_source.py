# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How events are handed to ansible-rulebook: its queues, its end, a store that fails, and two at the same time."""

from __future__ import annotations

import asyncio
import collections.abc as c
import contextlib
import logging
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch import source as source_module
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.source import (
    NotTakenError,
    Outlet,
    Source,
    tell,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.watch.telling import (
    RULES,
    issue,
    row,
)

LIMIT_SECONDS = 60
INTERVAL = 0.01


class Wrapped:
    """A queue as ansible-rulebook gives it to a source: it wraps one that has room for one event."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, t.Any]] = asyncio.Queue(1)

    async def put(self, event: dict[str, t.Any]) -> None:
        await self.queue.put(event)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "store.db")


@pytest.fixture
def store(path: str) -> c.Iterator[Store]:
    with open_store(path) as opened:
        yield opened


def source(path: str, open_it: c.Callable[[], Store] | None = None) -> Source:
    return Source(open_it or (lambda: open_store(path)), "svc", "default", RULES, INTERVAL)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_events_are_handed_over_until_the_end(path: str, store: Store) -> None:
    store.put(row("a", days=25))

    async def play() -> list[tuple[str, str]]:
        queue = Wrapped()
        task = asyncio.create_task(tell(source(path), Outlet(queue)))
        told = [await queue.queue.get()]
        await asyncio.to_thread(issue, store, "b")
        told.append(await queue.queue.get())
        await _ended(task)
        return [(one["kind"], one["name"]) for one in told]

    assert asyncio.run(play()) == [("expiring", "a"), ("issued", "b")]
    assert store.acquire(["told/default/svc"], "another", 1) == {}, "the next one need not wait"


def test_an_event_that_is_still_in_the_queue_is_not_told(path: str, store: Store) -> None:
    store.put(row("a", days=25), row("b", days=25))

    async def play(taken: int) -> list[str]:
        queue = Wrapped()
        task = asyncio.create_task(tell(source(path), Outlet(queue)))
        names = [(await queue.queue.get())["name"] for _number in range(taken)]
        while queue.queue.empty():
            await asyncio.sleep(INTERVAL)
        await asyncio.sleep(10 * INTERVAL)
        await _ended(task)
        return names

    assert asyncio.run(play(0)) == []
    assert asyncio.run(play(1)) == ["a"]
    assert asyncio.run(play(0)) == []
    assert store.notes("told/default/svc/").keys() == {"told/default/svc/expiring/a"}


def test_with_feedback_an_event_is_told_once_it_comes_back(path: str, store: Store) -> None:
    store.put(row("a", days=25), row("b", days=25))

    async def play() -> None:
        queue: asyncio.Queue[dict[str, t.Any]] = asyncio.Queue()
        feedback: asyncio.Queue[t.Any] = asyncio.Queue(1)
        task = asyncio.create_task(tell(source(path), Outlet(queue, feedback)))
        first = await queue.get()
        await feedback.put({"id": "another"})
        await asyncio.sleep(10 * INTERVAL)
        assert queue.empty()
        await feedback.put(first)
        await queue.get()
        await _ended(task)

    asyncio.run(play())
    assert store.notes("told/default/svc/").keys() == {"told/default/svc/expiring/a"}


def test_an_event_that_never_comes_back_is_an_error(path: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(row("a", days=25))
    monkeypatch.setattr(source_module, "FEEDBACK_SECONDS", INTERVAL)

    async def play() -> None:
        await tell(source(path), Outlet(asyncio.Queue(), asyncio.Queue(1)))

    with pytest.raises(NotTakenError, match="has not taken the event svc/a/expiring/"):
        asyncio.run(play())
    assert store.notes("told/default/svc/") == {}


def test_a_second_source_waits_and_goes_on(path: str, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.put(row("a", days=25))

    async def play() -> str:
        first, second = Wrapped(), Wrapped()
        tasks = [asyncio.create_task(tell(source(path), Outlet(first)))]
        await first.queue.get()
        tasks.append(asyncio.create_task(tell(source(path), Outlet(second))))
        # ended before it has noted that, it would have to be told again
        while "waiting for it" not in caplog.text or not store.notes("told/default/svc/"):
            await asyncio.sleep(INTERVAL)
        await _ended(tasks[0])
        await asyncio.to_thread(issue, store, "b")
        told = await second.queue.get()
        await _ended(tasks[1])
        return str(told["name"])

    assert asyncio.run(play()) == "b"
    assert caplog.text.count("position default is in use by") == 1


class Failing:
    """Opens a store that fails for some time, once it has worked."""

    def __init__(self, path: str, failures: int) -> None:
        self._path = path
        self._left = failures
        self._opened = False

    def __call__(self) -> Store:
        if self._opened and self._left:
            self._left -= 1
            raise StoreError("the database is away")
        store = open_store(self._path)
        if not self._opened:
            self._opened = True
            store.events = self._fails  # type: ignore[method-assign]
        return store

    def _fails(self, *_arguments: object, **_options: object) -> t.NoReturn:
        raise StoreError("the database is away")


def test_a_store_that_is_back_in_time_is_used_again(path: str, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.put(row("a", days=25), row("b", days=25))

    async def play() -> list[str]:
        queue = Wrapped()
        task = asyncio.create_task(tell(source(path, Failing(path, failures=3)), Outlet(queue)))
        names = [(await queue.queue.get())["name"] for _number in range(2)]
        await asyncio.to_thread(issue, store, "c")
        names.append((await queue.queue.get())["name"])
        await _ended(task)
        return names

    assert asyncio.run(play()) == ["a", "b", "c"]
    assert caplog.text.count("the database is away; it is tried again in 0.01 seconds") == 4


def test_a_store_that_stays_away_ends_the_source(path: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(row("a", days=25))
    monkeypatch.setattr(source_module, "OUTAGE_SECONDS", 5 * INTERVAL)
    with pytest.raises(StoreError, match="away"):
        asyncio.run(tell(source(path, Failing(path, failures=1000)), Outlet(_Sink())))


def test_a_file_that_was_put_back_meanwhile_is_opened_again(
    path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite itself reads on in the file that was there before."""
    with open_store(path) as store:
        store.put(row("a", days=25))
    monkeypatch.setattr(source_module, "LEASE_SECONDS", 10 * INTERVAL)

    def put_back() -> None:
        copy = Path(path).with_suffix(".copy")
        with contextlib.closing(sqlite3.connect(path)) as old, contextlib.closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        copy.chmod(0o600)
        for suffix in ("-wal", "-shm"):
            Path(path + suffix).unlink(missing_ok=True)
        copy.replace(path)
        with open_store(path) as store:
            issue(store, "b")

    async def play() -> list[str]:
        queue = Wrapped()
        task = asyncio.create_task(tell(source(path), Outlet(queue)))
        names = [(await queue.queue.get())["name"]]
        await asyncio.sleep(5 * INTERVAL)
        await asyncio.to_thread(put_back)
        names.append((await asyncio.wait_for(queue.queue.get(), LIMIT_SECONDS))["name"])
        await _ended(task)
        return names

    assert asyncio.run(play()) == ["a", "b"]
    assert "was removed or replaced while this run used it" in caplog.text


class _Sink:
    async def put(self, event: object) -> None:
        """Take anything."""


def test_a_store_that_cannot_be_opened_at_first_is_an_error_at_once(path: str) -> None:
    def fails() -> Store:
        raise StoreError("a wrong password")

    with pytest.raises(StoreError, match="a wrong password"):
        asyncio.run(tell(source(path, fails), Outlet(_Sink())))


def test_words_for_a_person_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    source_module.warn("100% without TLS")
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [(logging.WARNING, "100% without TLS")]
