# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session in a real store: sealed, shared by all holders of its key, and never overwritten by a late run."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _holder
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    LeaseHeldError,
    SessionError,
    StaleRevisionError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import lease_lock
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import (
    Credentials,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.kept import KeptSession
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session import Session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_row import SessionRow
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    AnsweringTransport,
    answer,
    client,
    failed,
    tokens,
)

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
SESSION = KeptSession(Tokens("canary-access", "canary-refresh", NOW), NOW, NOW + dt.timedelta(hours=3))
KEY = "canary key of the user's own"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


@pytest.fixture
def store(path: Path) -> t.Iterator[Store]:
    with open_store(str(path)) as opened:
        yield opened


def storage(store: Store, key: str = KEY, identity: str = "me", **options: t.Any) -> SessionRow:
    return SessionRow(store, identity, key, **{"holder": _holder.holder(), **options})


class TestKeeping:
    def test_what_is_saved_is_loaded_by_all_who_have_the_key(self, store: Store, path: Path) -> None:
        one = storage(store)
        assert one.load() is None
        assert not one.exists()
        one.save(SESSION)
        assert one.load() == SESSION
        with open_store(str(path)) as later, open_store(str(path), read_only=True) as looking:
            assert storage(later).load() == storage(looking).load() == SESSION
            assert storage(later).exists()

    def test_one_for_each_service_and_user(self, store: Store) -> None:
        storage(store).save(SESSION)
        assert storage(store, identity="other").load() is None

    def test_nothing_is_there_in_clear(self, store: Store, path: Path) -> None:
        storage(store).save(SESSION)
        for found in path.parent.iterdir():
            assert b"canary" not in found.read_bytes()

    def test_another_key_opens_nothing_and_changes_nothing(self, store: Store) -> None:
        storage(store).save(SESSION)
        for act in ("load", "exists"):
            with pytest.raises(SessionError, match="does not open the session that the store keeps, which was left as"):
                getattr(storage(store, "another key of sixteen"), act)()
        assert storage(store).load() == SESSION

    def test_a_damaged_one_is_not_overwritten_either(self, store: Store, path: Path) -> None:
        storage(store).save(SESSION)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE sessions SET sealed = x'00'")
        connection.close()
        with pytest.raises(SessionError, match="row with the key session/me"):
            storage(store).load()

    def test_forgetting(self, store: Store) -> None:
        one = storage(store)
        one.save(SESSION)
        one.delete()
        assert not one.exists()
        one.save(SESSION)
        assert one.load() == SESSION

    def test_one_who_is_late_overwrites_nothing(self, store: Store) -> None:
        late, other = storage(store), storage(store)
        other.save(SESSION)
        late.load()
        newer = KeptSession(Tokens("newer"), NOW)
        other.save(newer)
        for act in (late.delete, lambda: late.save(SESSION)):
            with pytest.raises(StaleRevisionError, match="another run was first; nothing was written"):
                act()
        assert storage(store).load() == newer
        other.delete()
        other.save(newer)
        with pytest.raises(StaleRevisionError):
            late.save(SESSION)


class TestLease:
    def test_one_at_a_time(self, store: Store) -> None:
        inside: list[int] = []

        def work() -> None:
            with storage(store, sleep=lambda _seconds: None).locked():
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

        workers = [threading.Thread(target=work) for _number in range(4)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        assert inside == []

    def test_who_holds_it_is_said_when_patience_ends(self, store: Store) -> None:
        clock = iter(range(0, 10000, 10))
        slept: list[float] = []
        other = storage(store, patience=100.0, clock=lambda: float(next(clock)), sleep=slept.append)
        with (
            storage(store, holder="the first one").locked(),
            pytest.raises(LeaseHeldError, match=r"^the first one is logging in .* had after 20..-..-..T..:..:..Z: run"),
            other.locked(),
        ):
            pass
        assert len(slept) == 9
        with other.locked():
            pass

    def test_that_of_a_process_that_is_gone_is_taken_over(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        store.acquire(["session/me"], "gone", 1000.0)
        monkeypatch.setattr(lease_lock, "is_gone", lambda holder: holder == "gone")
        with storage(store).locked():
            pass

    def test_one_that_a_wrong_clock_has_dated_far_ahead_is_over_within_a_minute(self, store: Store, path: Path) -> None:
        """Time passes in leaps here: each reading of the clock is one of the store as well."""
        store.acquire(["session/me"], "on another machine", 60.0)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE leases SET expires_at = '2099-01-01T00:00:00.000000Z'")
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            """Let a minute pass for the current lease."""
            slept.append(seconds)
            with sqlite3.connect(path) as connection:
                minute = "strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at, '-61 seconds')"
                connection.execute(f"UPDATE leases SET expires_at = {minute}")  # noqa: S608

        with storage(store, clock=lambda: 0.0, sleep=sleep).locked():
            pass
        assert len(slept) == 1

    def test_it_is_renewed_while_the_work_goes_on(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another run would take an expired lease at once."""
        renewed = threading.Event()
        real = store.renew

        def renew(holder: str, seconds: float) -> int:
            count = real(holder, seconds)
            renewed.set()
            return count

        monkeypatch.setattr(lease_lock, "LEASE_SECONDS", 0.03)
        monkeypatch.setattr(store, "renew", renew)
        with storage(store).locked():
            assert renewed.wait(30)


class TestUnattended:
    """Generation 4.33: a person logs in once, later jobs have only the key."""

    def session(self, store: Store, transport: AnsweringTransport, now: dt.datetime, tkn: str | None = None) -> Session:
        credentials = Credentials(session_key=KEY, temporal_token=tkn)
        one = client(transport, "4.33", clock=now.timestamp)
        return Session(one, credentials, storage(store), register=lambda _token: None, now=lambda: now)

    def test_a_job_after_the_other(self, store: Store) -> None:
        numbers = iter(range(1, 9))

        def triple(_request: t.Any) -> t.Any:
            end = now + dt.timedelta(hours=3)
            return tokens(next(numbers), expiration=end.isoformat())

        transport = AnsweringTransport(exchange=triple, refresh=triple, logout=answer({}))
        now = NOW
        assert self.session(store, transport, now, tkn="tkn").open().how == "exchange"
        for number in range(2, 5):
            now += dt.timedelta(hours=2.5)
            opened = self.session(store, transport, now).open()
            assert (opened.how, opened.tokens.access_token) == ("refresh", f"access-{number}")
            assert self.session(store, transport, now).open().how == "kept"
        assert self.session(store, transport, now).close()
        assert not self.session(store, transport, now).close()
        with pytest.raises(SessionError, match="there is no session and nothing to log in with: have a person sign in"):
            self.session(store, transport, now).open()
        assert transport.steps() == ["exchange", "refresh", "refresh", "refresh", "logout"]

    def test_a_refresh_whose_answer_was_lost_is_tried_once_more_and_then_needs_a_person(self, store: Store) -> None:
        transport = AnsweringTransport(
            exchange=tokens(1, expiration=(NOW + dt.timedelta(hours=3)).isoformat()),
            refresh=failed(AnswerLostError, "refresh"),
        )
        self.session(store, transport, NOW, tkn="tkn").open()
        for _run in range(2):
            assert self.session(store, transport, NOW + dt.timedelta(hours=2.5)).open().how == "kept"
        later = NOW + dt.timedelta(hours=3.5)
        for words in ("could not be refreshed", "did not get the answer"):
            with pytest.raises(
                SessionError, match=f"{words}.* have a person sign in with redtrust_login and session_key"
            ):
                self.session(store, transport, later).open()
        assert self.session(store, transport, later, tkn="new").open().how == "exchange"
        assert transport.steps() == ["exchange", "refresh", "refresh", "exchange"]
