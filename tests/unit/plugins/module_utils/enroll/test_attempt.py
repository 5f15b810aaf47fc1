# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that fail one item, their messages, and errors that end the run."""

from __future__ import annotations

import errno
import functools
import sqlite3
import typing as t

import psycopg
import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.attempt import attempt
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    GateError,
    InternalError,
    RedtrustError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import MASK, Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_facts


class WordlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


# cryptography raises it; it is not a subclass of Exception.
Panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


def failing(exc: BaseException) -> t.Callable[[], t.NoReturn]:
    def fail() -> t.NoReturn:
        raise exc

    return fail


def error_of(work: t.Callable[[], object], *secrets: str) -> InternalError:
    known = Secrets()
    for secret in secrets:
        known.add(secret)
    error = attempt(work, known.hide)
    assert isinstance(error, InternalError)
    return error


def test_what_is_done_is_returned() -> None:
    assert attempt(lambda: 7) == 7
    assert attempt(lambda: None) is None


def test_an_error_of_the_collection_stays_what_it_is() -> None:
    error = GateError("another key")
    assert attempt(failing(error)) is error


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (ValueError("bad"), "an error that nobody expected, ValueError (bad), at "),
        (KeyError(), "an error that nobody expected, KeyError, at "),
        (RecursionError("deep"), "RecursionError (deep)"),
        (FileNotFoundError(errno.ENOENT, "not there"), "FileNotFoundError ([Errno 2] not there)"),
        (Panic("attempt to add with overflow"), "PanicException (attempt to add with overflow)"),
        (WordlessError(), "WordlessError (<exception str() failed>)"),
        (ValueError("\ud800"), r"ValueError (\ud800)"),
        (ValueError("x" * 400), "ValueError (a text of 400 characters)"),
        (ValueError("a\x1b[2Jb"), "ValueError (a?[2Jb)"),
    ],
)
def test_any_other_is_told_as_a_mistake(exc: BaseException, words: str) -> None:
    error = error_of(failing(exc))
    assert words in str(error)
    assert str(error).endswith("this is a mistake in the collection, please report it with that place")
    assert error.details()["exception"] == type(exc).__name__
    str(error).encode()


def test_the_place_is_the_innermost_of_ours() -> None:
    error = error_of(lambda: certificate_facts(t.cast("bytes", None)))
    assert error.place.startswith("_x509/load.py, line ")
    assert error.place in str(error)
    facts = error.details()
    assert facts["place"] == error.place
    assert error.place in facts["trace"]
    assert facts["trace"][0].startswith("enroll/test_attempt.py, line ")
    assert not [place for place in facts["trace"] if "/attempt.py" in place]


def test_an_error_without_a_frame_has_no_place() -> None:
    error = error_of(functools.partial(int, "x"))
    assert error.details()["place"] == "an unknown place"
    assert error.details()["trace"] == []


def test_a_long_trace_is_cut_to_its_end() -> None:
    def fall(steps: int) -> None:
        if not steps:
            certificate_facts(t.cast("bytes", None))
        fall(steps - 1)

    error = error_of(functools.partial(fall, 30))
    assert len(error.details()["trace"]) == 10
    assert error.details()["trace"][-1] == error.place


def test_secrets_are_masked_and_no_value_is_shown() -> None:
    def fail() -> None:
        local = "canary-of-a-variable"
        raise ValueError("the password is canary-secret" + local[:0])

    error = error_of(fail, "canary-secret")
    assert MASK in str(error)
    assert "canary" not in str(error) + repr(error.details())


@pytest.mark.parametrize(
    "exc",
    [
        KeyboardInterrupt(),
        SystemExit(1),
        MemoryError(),
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EMFILE, "too many open files"),
        sqlite3.DatabaseError("malformed"),
        psycopg.errors.DiskFull("no room"),
    ],
)
def test_what_concerns_all_ends_the_run(exc: BaseException) -> None:
    with pytest.raises(type(exc)):
        attempt(failing(exc))
    assert not isinstance(exc, RedtrustError)
