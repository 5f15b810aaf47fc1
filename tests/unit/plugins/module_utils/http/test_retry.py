# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that are retried, and the times of the retries; only pauses move the clock."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerInvalidError,
    AnswerLostError,
    NotSentError,
    NotTriedError,
    RefusedError,
    ServiceError,
    TlsError,
    UnauthorizedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import (
    Breaker,
    Retry,
    may_repeat,
)


def failure(kind: type[ServiceError], status: int | None = None, retry_after: float | None = None) -> ServiceError:
    return kind("no", step="create", url="https://h", status=status, retry_after=retry_after)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def attempts(retry: Retry, errors: t.Iterable[ServiceError], *, repeatable: bool = True) -> int:
    """Return the number of attempts until success after all errors."""
    script = list(errors)
    sent = 0

    def send() -> int:
        nonlocal sent
        sent += 1
        if script:
            raise script.pop(0)
        return sent

    return retry.call(send, repeatable=repeatable)


@pytest.mark.parametrize(
    ("error", "always", "if_repeatable"),
    [
        (failure(NotSentError), True, True),
        (failure(TlsError), False, False),
        (failure(NotTriedError), False, False),
        (failure(AnswerLostError), False, True),
        (failure(AnswerInvalidError), False, False),
        (failure(UnauthorizedError, 401), False, False),
        (failure(RefusedError, 200), False, False),
        (failure(RefusedError, 400), False, False),
        (failure(RefusedError, 403), False, False),
        (failure(RefusedError, 500), False, False),
        *((failure(RefusedError, status), False, True) for status in (429, 502, 503, 504)),
    ],
)
def test_which_failures_may_be_repeated(error: ServiceError, always: bool, if_repeatable: bool) -> None:
    assert may_repeat(error, repeatable=False) is always
    assert may_repeat(error, repeatable=True) is if_repeatable


def test_pauses_double_up_to_the_longest() -> None:
    clock = Clock()
    retry = Retry(deadline=1000.0, clock=clock, sleep=clock.sleep, jitter=lambda _least, most: most)
    assert attempts(retry, [failure(NotSentError)] * 8) == 9
    assert clock.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_jitter_goes_from_nothing_to_the_whole_pause() -> None:
    clock, bounds = Clock(), []

    def jitter(least: float, most: float) -> float:
        bounds.append((least, most))
        return most

    attempts(Retry(deadline=100.0, clock=clock, sleep=clock.sleep, jitter=jitter), [failure(NotSentError)] * 3)
    assert bounds == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0)]


def test_the_standard_jitter_keeps_to_its_bounds() -> None:
    clock = Clock()
    attempts(Retry(deadline=1000.0, clock=clock, sleep=clock.sleep), [failure(NotSentError)] * 20)
    ceilings = [0.5, 1.0, 2.0, 4.0, 8.0] + [10.0] * 15
    assert all(0.0 <= pause <= most for pause, most in zip(clock.pauses, ceilings, strict=True))
    assert len(set(clock.pauses)) > 10


@given(st.floats(0, 100), st.integers(0, 30))
def test_the_deadline_is_never_passed(deadline: float, count: int) -> None:
    clock = Clock()
    retry = Retry(deadline=deadline, clock=clock, sleep=clock.sleep)
    try:
        attempts(retry, [failure(NotSentError)] * count)
    except NotSentError:
        assert clock.now + 10.0 > 1000.0 + deadline
    assert clock.now <= 1000.0 + deadline


def test_no_deadline_sends_once() -> None:
    clock = Clock()
    with pytest.raises(NotSentError):
        attempts(Retry(deadline=0.0, clock=clock, sleep=clock.sleep), [failure(NotSentError)])
    assert clock.pauses == []


def test_the_time_that_attempts_take_counts_as_well() -> None:
    clock = Clock()
    begun: list[float] = []

    def slow() -> t.NoReturn:
        begun.append(clock.now)
        clock.now += 12.0
        raise failure(AnswerLostError)

    with pytest.raises(AnswerLostError):
        Retry(deadline=30.0, clock=clock, sleep=clock.sleep).call(slow, repeatable=True)
    assert len(begun) in (2, 3)
    assert all(moment < 1030.0 for moment in begun)


def test_the_last_failure_is_the_one_that_is_raised() -> None:
    clock = Clock()
    last = failure(RefusedError, 400)
    with pytest.raises(RefusedError) as caught:
        attempts(Retry(clock=clock, sleep=clock.sleep), [failure(AnswerLostError), last])
    assert caught.value is last


def test_what_may_not_be_repeated_is_sent_once() -> None:
    clock = Clock()
    with pytest.raises(AnswerLostError):
        attempts(Retry(clock=clock, sleep=clock.sleep), [failure(AnswerLostError)], repeatable=False)
    assert clock.pauses == []


def test_other_errors_go_through() -> None:
    def send() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        Retry().call(send, repeatable=True)


class TestRetryAfter:
    def test_it_is_obeyed(self) -> None:
        clock = Clock()
        retry = Retry(clock=clock, sleep=clock.sleep, jitter=lambda _least, most: most)
        assert attempts(retry, [failure(RefusedError, 503, 7.0), failure(NotSentError)]) == 3
        assert clock.pauses == [7.5, 1.0]

    def test_those_who_were_told_the_same_time_do_not_come_at_the_same_time(self) -> None:
        pauses = set()
        for _number in range(20):
            clock = Clock()
            attempts(Retry(clock=clock, sleep=clock.sleep), [failure(RefusedError, 429, 7.0)])
            pauses.update(clock.pauses)
        assert all(7.0 <= pause <= 7.5 for pause in pauses)
        assert len(pauses) > 10

    def test_one_that_does_not_fit_lets_the_failure_stand(self) -> None:
        clock = Clock()
        with pytest.raises(RefusedError):
            attempts(Retry(deadline=30.0, clock=clock, sleep=clock.sleep), [failure(RefusedError, 429, 30.0)])
        assert clock.pauses == []

    def test_no_time_at_all_does_not_make_it_hammer(self) -> None:
        clock = Clock()
        retry = Retry(clock=clock, sleep=clock.sleep, jitter=lambda _least, most: most)
        assert attempts(retry, [failure(RefusedError, 503, 0.0)] * 3) == 4
        assert clock.pauses == [0.5, 1.0, 2.0]


class TestAdmission:
    """Each attempt waits until it may be sent."""

    def test_the_wait_does_not_count(self) -> None:
        clock = Clock()
        errors = [failure(NotSentError)] * 3

        def admit() -> None:
            clock.now += 1000.0

        def send() -> str:
            if errors:
                raise errors.pop()
            return "sent"

        retry = Retry(deadline=10.0, clock=clock, sleep=clock.sleep, jitter=lambda _least, most: most)
        assert retry.call(send, repeatable=True, admit=admit) == "sent"
        assert clock.now == 1000.0 + 4 * 1000.0 + 0.5 + 1.0 + 2.0

    def test_one_that_is_not_admitted_is_not_sent(self) -> None:
        def admit() -> None:
            raise failure(NotTriedError)

        def send() -> t.NoReturn:
            pytest.fail("it was sent")

        with pytest.raises(NotTriedError):
            Retry().call(send, repeatable=True, admit=admit)

    def test_the_failure_before_stands(self) -> None:
        """It may have been carried out, and nobody may take it for a request that was not."""
        clock = Clock()
        lost = failure(AnswerLostError)
        admitted = iter([None])

        def admit() -> None:
            if next(admitted, lost):
                raise failure(NotTriedError)

        def send() -> t.NoReturn:
            raise lost

        with pytest.raises(AnswerLostError) as caught:
            Retry(clock=clock, sleep=clock.sleep).call(send, repeatable=True, admit=admit)
        assert caught.value is lost


DOWN = [
    failure(NotSentError),
    failure(TlsError),
    failure(AnswerLostError),
    *(failure(RefusedError, status) for status in (429, 502, 503, 504)),
]
ALIVE = [
    None,
    failure(AnswerInvalidError, 200),
    failure(UnauthorizedError, 401),
    *(failure(RefusedError, status) for status in (200, 400, 403, 404, 500)),
]


class TestBreaker:
    @pytest.mark.parametrize("error", DOWN)
    def test_three_in_a_row_open_it(self, error: ServiceError) -> None:
        breaker = Breaker()
        for is_open in (False, False, True, True):
            breaker.report(error)
            assert breaker.is_open() is is_open

    @pytest.mark.parametrize("error", ALIVE)
    def test_an_answer_that_shows_life_begins_the_count_anew(self, error: ServiceError | None) -> None:
        breaker = Breaker()
        for _number in range(3):
            breaker.report(DOWN[0])
            breaker.report(DOWN[1])
            breaker.report(error)
            assert not breaker.is_open()

    def test_what_was_not_tried_says_nothing(self) -> None:
        breaker = Breaker(threshold=1)
        breaker.report(failure(NotTriedError))
        assert not breaker.is_open()
        breaker.report(failure(NotSentError))
        breaker.report(failure(NotTriedError))
        assert breaker.is_open()

    def test_what_is_forgotten_does_not_count(self) -> None:
        breaker = Breaker(threshold=1)
        secondary = RefusedError("no", step="create", url="https://h", status=403, error_code="SLAVE_SERVER")
        for error in (failure(NotSentError), secondary):
            breaker.report(error)
            assert breaker.is_open()
            breaker.reset()
            assert not breaker.is_open()
            assert breaker.reason == "the service is down"

    def test_a_pause_ends_when_others_find_the_service_down(self) -> None:
        clock, breaker = Clock(), Breaker(threshold=1)

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            if clock.now >= 1003.0:
                breaker.report(DOWN[0])

        retry = Retry(deadline=100.0, clock=clock, sleep=sleep, jitter=lambda _least, _most: 0.0)
        sent = []

        def send() -> t.NoReturn:
            sent.append(clock.now)
            raise failure(RefusedError, 503, 60.0)

        with pytest.raises(RefusedError):
            retry.call(send, repeatable=True, breaker=breaker)
        assert sent == [1000.0]
        assert clock.now == 1003.0

    def test_a_pause_is_as_long_as_without_one(self) -> None:
        clock = Clock()
        retry = Retry(deadline=100.0, clock=clock, sleep=clock.sleep, jitter=lambda _least, most: most)
        script = [failure(RefusedError, 503, 7.25)]

        def send() -> float:
            if script:
                raise script.pop()
            return clock.now

        assert retry.call(send, repeatable=True, breaker=Breaker()) == 1007.75
