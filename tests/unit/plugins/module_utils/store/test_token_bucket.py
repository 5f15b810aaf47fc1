# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the threads of a run wait for tokens and pauses; only sleeping moves the clock."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import itertools
import random
import threading
import time
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._rate import Rate
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Block,
    Blocks,
    TokenBucket,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.limit_rows import reserve

KEY = "service/a"
SECOND = 1_000_000
UNTIL = dt.datetime(2026, 6, 1, 12, tzinfo=dt.timezone.utc)


class Limits:
    """The part of a store that buckets use, with a clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.free_at = 0
        self.draws: list[int] = []
        self.looks = 0
        self.ends_at = 0.0
        self.failures: list[StoreError] = []
        self.slept: list[float] = []
        self.warnings: list[str] = []
        self.over = ""
        self._lock = threading.Lock()

    def draw(self, _key: str, count: int, rate: Rate) -> float:
        with self._lock:
            for failure in self.failures:
                raise failure
            self.draws.append(count)
            self.free_at, wait = reserve(round(self.now * SECOND), self.free_at, count, rate)
            return wait / SECOND

    def blocks(self) -> dict[str, Block]:
        self.looks += 1
        left = self.ends_at - self.now
        return {KEY: Block(left, "HTTP 429", UNTIL)} if left > 0 else {}

    def block(self, key: str, seconds: float, _why: str) -> None:
        for failure in self.failures:
            raise failure
        assert key == KEY
        self.ends_at = self.now + seconds

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    def bucket(self, rate: Rate | None = None, **options: t.Any) -> TokenBucket:
        store: t.Any = self
        given: dict[str, t.Any] = {
            "why_over": lambda: self.over,
            "warn": self.warnings.append,
            "clock": self.clock,
            "sleep": self.sleep,
            "jitter": lambda least, _most: least,
            **options,
        }
        return TokenBucket(store, Blocks(store, self.clock), KEY, "the service", rate=rate, **given)


@pytest.fixture
def limits() -> Limits:
    return Limits()


def use(bucket: TokenBucket) -> str:
    why = bucket.admit()
    bucket.spend()
    return why


class TestTokens:
    def test_one_after_the_other_at_the_rate(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(4.0, 1))
        used = []
        for _number in range(9):
            assert use(bucket) == ""
            used.append(limits.now)
        assert used == pytest.approx([1000 + number / 4 for number in range(9)])

    def test_the_burst_comes_at_once(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(4.0, 3))
        used = []
        for _number in range(5):
            assert use(bucket) == ""
            used.append(limits.now)
        assert used == pytest.approx([1000, 1000, 1000, 1000.25, 1000.5])

    def test_a_thread_that_has_a_token_needs_no_other(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(1.0, 1))
        assert [bucket.admit(), bucket.admit()] == ["", ""]
        assert limits.draws == [1]
        bucket.spend()
        assert bucket.admit() == ""
        assert limits.draws == [1, 1]

    def test_a_token_that_was_not_used_for_long_is_given_up(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(1.0, 1))
        assert bucket.admit() == ""
        limits.now += 60
        assert bucket.admit() == ""
        assert limits.draws == [1, 1]

    def test_one_thread_draws_for_those_that_wait(self, limits: Limits) -> None:
        waiting = threading.Barrier(4)
        begun = threading.Event()
        bucket = limits.bucket(Rate(8.0, 1), at_once=3)
        real = limits.draw

        def draw(_key: str, count: int, rate: Rate) -> float:
            if not begun.is_set():
                begun.set()
                # the first draws for itself; the others come while it does
                end = time.monotonic() + 30
                while bucket._waiting < 4 and time.monotonic() < end:
                    time.sleep(0.001)
            return real(_key, count, rate)

        limits.draw = draw  # type: ignore[method-assign]

        def one() -> str:
            waiting.wait()
            return use(bucket)

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            assert [done.result() for done in [threads.submit(one) for _number in range(4)]] == [""] * 4
        assert sum(limits.draws) == 4
        assert max(limits.draws) <= 3
        assert len(limits.draws) < 4

    def test_a_slow_rate_is_waited_for_without_a_reservation(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(1 / 600, 1))
        assert [use(bucket), use(bucket)] == ["", ""]
        assert limits.now == pytest.approx(1600)
        assert limits.draws == [1, 1, 1]
        assert max(limits.slept) <= 1

    def test_the_wait_ends_when_the_run_is_over(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(1 / 600, 1))
        assert use(bucket) == ""
        sleep = limits.sleep

        def slept(seconds: float) -> None:
            sleep(seconds)
            limits.over = "the signer failed" if limits.now > 1010 else ""

        bucket._sleep = slept
        assert use(bucket) == "the signer failed"
        assert limits.now < 1013

    def test_an_error_of_the_store_is_told_and_leaves_the_turn_to_the_next(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(1.0, 1))
        limits.failures = [StoreError("the disk is full")]
        with pytest.raises(StoreError, match="the disk is full"):
            bucket.admit()
        limits.failures = []
        assert bucket.admit() == ""


class TestPauses:
    def test_without_a_rate_nothing_is_drawn_and_a_look_is_taken_once_a_second(self, limits: Limits) -> None:
        bucket = limits.bucket()
        assert [use(bucket) for _number in range(100)] == [""] * 100
        assert (limits.draws, limits.looks) == ([], 1)
        limits.now += 0.99
        assert use(bucket) == ""
        assert limits.looks == 1
        limits.now += 0.01
        assert use(bucket) == ""
        assert limits.looks == 2

    @pytest.mark.parametrize("rate", [None, Rate(8.0, 8)])
    def test_a_pause_that_ends_soon_is_waited_for_and_told_once(self, limits: Limits, rate: Rate | None) -> None:
        limits.ends_at = 1020
        bucket = limits.bucket(rate, patience=30.0)
        assert use(bucket) == ""
        assert 1020 <= limits.now < 1021
        assert limits.warnings == ["the service asked all runs to wait until 2026-06-01T12:00:00Z (HTTP 429)"]

    def test_one_that_ends_early_ends_the_wait(self, limits: Limits) -> None:
        limits.ends_at = 1020
        bucket = limits.bucket()
        sleep = limits.sleep

        def slept(seconds: float) -> None:
            sleep(seconds)
            limits.ends_at = 0 if limits.now >= 1005 else limits.ends_at

        bucket._sleep = slept
        assert use(bucket) == ""
        assert 1005 <= limits.now < 1008

    def test_a_long_one_ends_the_run(self, limits: Limits) -> None:
        limits.ends_at = 1031
        bucket = limits.bucket(patience=30.0)
        words = "the service asked all runs to wait until 2026-06-01T12:00:00Z (HTTP 429)"
        assert (use(bucket), bucket.why_down, limits.slept) == (words, words, [])
        limits.now = 2000
        assert use(bucket) == words
        assert limits.looks == 1

    def test_pauses_one_after_the_other_count_together(self, limits: Limits) -> None:
        limits.ends_at = 1020
        bucket = limits.bucket(patience=30.0)
        sleep = limits.sleep

        def slept(seconds: float) -> None:
            sleep(seconds)
            limits.ends_at = limits.now + 20

        bucket._sleep = slept
        assert use(bucket).startswith("the service asked")
        assert limits.now <= 1030

    def test_a_pause_of_ones_own_counts_at_once(self, limits: Limits) -> None:
        bucket = limits.bucket()
        assert use(bucket) == ""
        bucket.block(10.0, "HTTP 503")
        assert use(bucket) == ""
        assert 1010 <= limits.now < 1011

    def test_a_token_from_before_a_pause_is_of_no_use_after_it(self, limits: Limits) -> None:
        """Else all threads of all runs would use theirs in the moment in which it ends."""
        bucket = limits.bucket(Rate(0.5, 1), patience=30.0)
        assert use(bucket) == ""
        sleep = limits.sleep

        def slept(seconds: float) -> None:
            sleep(seconds)
            limits.ends_at = limits.ends_at or limits.now + 20

        bucket._sleep = slept
        assert use(bucket) == ""
        assert limits.now >= 1020
        assert limits.draws == [1, 1, 1]

    def test_a_thread_that_has_its_token_keeps_a_pause_as_well(self, limits: Limits) -> None:
        bucket = limits.bucket()
        assert bucket.admit() == ""
        bucket.block(10.0, "HTTP 503")
        assert use(bucket) == ""
        assert 1010 <= limits.now < 1011

    def test_a_store_that_takes_no_note_of_it_hinders_nobody(self, limits: Limits) -> None:
        bucket = limits.bucket()
        limits.failures = [StoreError("the disk is full")]
        bucket.block(10.0, "HTTP 503")
        assert use(bucket) == ""

    def test_whether_there_may_be_a_wait(self, limits: Limits) -> None:
        assert limits.bucket(Rate(8.0, 8)).may_wait()
        bucket = limits.bucket()
        assert not bucket.may_wait()
        bucket.block(10.0, "HTTP 503")
        assert bucket.may_wait()

    def test_a_thread_with_a_token_does_not_wait(self, limits: Limits) -> None:
        bucket = limits.bucket(Rate(8.0, 8))
        assert bucket.admit() == ""
        assert not bucket.may_wait()


class Time:
    """A clock for many threads, which goes on when all of them sleep; so a busy machine changes nothing."""

    def __init__(self, threads: int) -> None:
        self.now = 0.0
        self._threads = threads
        self._asleep: list[float] = []
        self._changed = threading.Condition()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            wake = self.now + seconds
            self._asleep.append(wake)
            self._go_on()
            while self.now < wake:
                self._changed.wait(60)
            self._asleep.remove(wake)

    def leave(self) -> None:
        """Note that a thread sleeps no more."""
        with self._changed:
            self._threads -= 1
            self._go_on()

    def _go_on(self) -> None:
        if self._asleep and len(self._asleep) == self._threads:
            self.now = max(self.now, min(self._asleep))
            self._changed.notify_all()


@pytest.mark.parametrize("rate", [Rate(8.0, 1), Rate(8.0, 8), Rate(0.5, 1)])
def test_of_sixteen_runs_the_worst_has_at_least_half_its_share(limits: Limits, rate: Rate) -> None:
    """Each draw takes its time, as on a busy disk, and each run begins a while after the others."""
    runs, seconds = 16, 1600 / rate.per_second
    world = Time(runs)
    dice = random.Random(7)
    real = limits.draw

    def draw(_key: str, count: int, rate: Rate) -> float:
        limits.now = world.now
        wait = real(_key, count, rate)
        world.sleep(dice.uniform(0.001, 0.05))
        return wait

    limits.draw = draw  # type: ignore[method-assign]

    def run(number: int) -> list[float]:
        clocks = {"clock": world.clock, "sleep": world.sleep, "why_over": lambda: "over" * (world.now >= seconds)}
        bucket = limits.bucket(rate, **clocks)
        used = []
        world.sleep(number / rate.per_second / runs)
        while not use(bucket):
            used.append(world.now)
        world.leave()
        return used

    with concurrent.futures.ThreadPoolExecutor(runs) as threads:
        shares = list(threads.map(run, range(runs)))
    used = sorted(itertools.chain.from_iterable(shares))
    for number, moment in enumerate(used, 1):
        assert number <= rate.per_second * moment + rate.burst + 1e-6
    assert len(used) > 1500
    assert min(map(len, shares)) >= len(used) / runs / 2
