# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token buckets and pauses that all runs of a store share."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import sqlite3
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._rate import Rate
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    LONGEST_BLOCK,
    Store,
    open_store,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.base import LONGEST_WAIT
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.limit_rows import reserve, step_of
from ansible_collections.redtrust.certificate_enroll.tests import drawer
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.store.conftest import STORE_KEY

if t.TYPE_CHECKING:
    from .conftest import MakeRevision, OpenStore, StartWorker

SECOND = 1_000_000
BEGIN = 1_000 * SECOND
RATES = st.builds(
    Rate,
    st.one_of(st.floats(1 / 3600, 1000), st.sampled_from([1 / 3600, 1 / 7, 1.0, 3.0, 8.0, 1000.0])),
    st.integers(1, 50),
)
# The time since the draw before in microseconds, and how many tokens are wished for.
DRAWS = st.lists(st.tuples(st.one_of(st.just(0), st.integers(0, 100 * SECOND)), st.integers(1, 300)), max_size=60)


def used(rate: Rate, draws: t.Iterable[tuple[int, int]]) -> list[int]:
    """Return when each token is used that runs draw from one bucket, each as soon as it may be."""
    now, free_at, tokens = BEGIN, 0, list[int]()
    for pause, wished in draws:
        now += pause
        count = min(wished, rate.of_a_second)
        free_at, wait = reserve(now, free_at, count, rate)
        if wait <= LONGEST_WAIT * SECOND:
            tokens += [max(now, now + wait + number * step_of(rate)) for number in range(count)]
    return tokens


class TestReserve:
    @settings(deadline=None)
    @given(RATES, DRAWS)
    def test_in_any_span_no_more_are_used_than_the_rate_and_the_burst_allow(
        self, rate: Rate, draws: list[tuple[int, int]]
    ) -> None:
        # The first and the last token of any span, less what the rate gives in between: at most the burst.
        least = math.inf
        for number, moment in enumerate(sorted(used(rate, draws))):
            given_by_then = rate.per_second * (moment - BEGIN) / SECOND
            least = min(least, number - given_by_then)
            assert number + 1 - given_by_then - least <= rate.burst + 1e-6

    @settings(deadline=None)
    @given(RATES, DRAWS)
    def test_nobody_waits_for_nothing(self, rate: Rate, draws: list[tuple[int, int]]) -> None:
        """Runs that always want tokens get all that the rate allows, from the first moment on."""
        tokens = used(rate, [(pause % 1000, count) for pause, count in draws])
        for number, token in enumerate(tokens):
            paced = max(0, number + 1 - rate.burst) * step_of(rate)
            assert token <= BEGIN + 60_000 + paced

    def test_a_full_bucket_gives_its_burst_at_once(self) -> None:
        rate = Rate(2.0, 3)
        free_at, wait = reserve(0, 0, 2, rate)
        assert wait <= -SECOND // 2
        free_at, wait = reserve(0, free_at, 2, rate)
        assert (wait, wait + step_of(rate)) == (0, SECOND // 2)
        assert reserve(0, free_at, 1, rate)[1] == SECOND

    def test_a_token_that_is_far_away_is_not_reserved(self) -> None:
        rate = Rate(1 / 3600, 1)
        free_at, wait = reserve(0, 0, 1, rate)
        assert wait == 0
        assert reserve(0, free_at, 1, rate) == (free_at, 3600 * SECOND)
        later = 3600 * SECOND - 60 * SECOND
        assert reserve(later, free_at, 1, rate) == (7200 * SECOND, 60 * SECOND)

    def test_a_time_that_a_wrong_clock_wrote_counts_no_more(self) -> None:
        rate = Rate(8.0, 8)
        assert reserve(0, 10**15, 1, rate) == (step_of(rate), -7 * step_of(rate))


def test_all_runs_draw_from_one_bucket(open_again: OpenStore) -> None:
    rate = Rate(0.25, 2)
    with open_again() as one, open_again() as other:
        assert one.draw("service/a", 1, rate) == -4
        assert -0.5 <= other.draw("service/a", 1, rate) <= 0
        assert 3 < one.draw("service/a", 1, rate) <= 4
        assert 7 < other.draw("service/a", 1, rate) <= 8
        assert one.draw("signer/a", 1, rate) == -4


def test_a_pause_stops_all_runs_until_it_is_over(open_again: OpenStore) -> None:
    with open_again() as one, open_again() as other:
        assert other.blocks() == {}
        one.block("service/a", 600, "HTTP 429")
        found = other.blocked("service/a")
        assert found is not None
        assert (590 < found.seconds <= 600, found.why) == (True, "HTTP 429")
        assert other.blocked("service/b") is None
        other.block("service/a", 0, "")
        assert one.blocked("service/a") is None


def test_the_longer_pause_counts(store: Store) -> None:
    store.block("a", 600, "long")
    store.block("a", 10, "short")
    assert [one.why for one in store.blocks().values()] == ["long"]
    store.block("a", 700, "longer")
    assert [one.why for one in store.blocks().values()] == ["longer"]


def test_a_pause_is_never_longer_than_a_day(store: Store) -> None:
    store.block("a", 365 * 86400.0, "a year")
    assert LONGEST_BLOCK - 10 < store.blocks()["a"].seconds <= LONGEST_BLOCK


def test_a_pause_ends(store: Store) -> None:
    store.block("a", 0.05, "short")
    end = time.monotonic() + 30
    while store.blocked("a") is not None:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_pause_changes_nothing_about_the_tokens(store: Store) -> None:
    rate = Rate(0.25, 1)
    assert store.draw("a", 1, rate) == 0
    store.block("a", 600, "long")
    assert 3 < store.draw("a", 1, rate) <= 4


def test_a_mark_is_the_same_for_the_same_store_alone(open_again: OpenStore, tmp_path: Path) -> None:
    with open_again() as one, open_again() as other:
        assert one.mark(b"secret") == other.mark(b"secret") != one.mark(b"other")
        assert len(one.mark(b"secret")) == 64


@pytest.mark.process
@pytest.mark.parametrize(("kind", "rate", "burst"), [("sqlite", 40, 1), ("sqlite", 80, 40), ("dsn", 40, 1)])
def test_sixteen_processes_together_keep_to_the_rate(
    tmp_path: Path, request: pytest.FixtureRequest, worker: StartWorker, kind: str, rate: int, burst: int
) -> None:
    where = [tmp_path / "state" / "store.db"] if kind == "sqlite" else [request.getfixturevalue("dsn"), STORE_KEY]
    started = [worker(f"{rate}/s", burst, 4.0, 4, *where, program=drawer.__file__) for _number in range(16)]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    begin = time.time()
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    used = sorted(itertools.chain.from_iterable(json.loads(one.communicate()[0]) for one in started))
    assert len(used) > len(started)
    # each token was used when it was free, or later
    for number, moment in enumerate(used, 1):
        assert number <= rate * (moment - begin) + burst


def test_a_row_that_cannot_be_read_is_told_and_hinders_no_other_write(tmp_path: Path, make: MakeRevision) -> None:
    path = tmp_path / "state" / "store.db"
    with open_store(str(path)) as store:
        store.draw("a", 1, Rate(8.0, 8))
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE limits SET free_at = 'soon'")
            other.commit()
        with pytest.raises(StoreError, match=r"^a time of the limit 'a' in the store cannot be read; delete its row "):
            store.draw("a", 1, Rate(8.0, 8))
        assert store.put(make())
