# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login that the service refuses is tried by one run of a store, and by no other for a while."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime as dt
import sqlite3
import threading
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    ServiceError,
    SessionError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import HttpResponse
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import Credentials
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.refused_login import RefusedLogin
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session import Session
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    AnsweringTransport,
    client,
    failed,
    raw,
    refusal,
    tokens,
)

WRONG = refusal("ERR_INVALID_AUTH", "User, password or domain is wrong", 401)
PASSWORD = "canary-password"


class Runs:
    """Runs that log in over one transport, each with a store object of its own."""

    def __init__(self, path: Path, reply: HttpResponse | ServiceError = WRONG) -> None:
        self.path = path
        self.transport = AnsweringTransport(login=reply)

    def log_in(self, password: str = PASSWORD) -> str:
        """Log in as a run of its own; return the words of its failure."""
        with open_store(str(self.path)) as store:
            refused = RefusedLogin(store, f"svc\0user\0{password}".encode(), holder=f"run {id(store)}", patience=0.0)
            session = Session(
                client(self.transport),
                Credentials(username="user", password=password),
                None,
                register=lambda _token: None,
                now=lambda: dt.datetime.now(dt.timezone.utc),
                refused=refused,
            )
            try:
                session.open()
            except (SessionError, ServiceError) as exc:
                return str(exc)
        return ""

    def forget(self) -> None:
        with open_store(str(self.path)) as store:
            RefusedLogin(store, f"svc\0user\0{PASSWORD}".encode(), holder="a run", patience=0.0).forget()

    @property
    def asked(self) -> int:
        return len(self.transport.requests)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "state" / "store.sqlite3")


def test_the_next_run_fails_with_the_same_words_and_asks_nobody(runs: Runs) -> None:
    first = runs.log_in()
    assert "the service refused (HTTP 401, ERR_INVALID_AUTH, User, password or domain is wrong)" in first
    second = runs.log_in()
    assert second.startswith(f"{first}. No run tries these credentials again before 2")
    assert second.endswith("correct them, or run redtrust_token with force to try them at once")
    assert runs.asked == 1


def test_other_credentials_are_tried(runs: Runs) -> None:
    runs.log_in()
    assert "No run tries" not in runs.log_in("another")
    assert runs.asked == 2


def test_a_person_may_have_them_tried_again(runs: Runs) -> None:
    runs.log_in()
    runs.forget()
    assert "No run tries" not in runs.log_in()
    assert runs.asked == 2


@pytest.mark.parametrize(
    "reply",
    [
        refusal("MUST_WAIT", "wait", 401),
        refusal("E", "no", 429),
        refusal("E", "no", 500),
        refusal("E", "the request is malformed", 400),
        raw(b"<html>a proxy</html>", 403),
        failed(AnswerLostError, "login"),
    ],
)
def test_what_says_nothing_of_the_password_is_tried_by_each_run(runs: Runs, reply: HttpResponse | ServiceError) -> None:
    runs.transport.replies["login"] = reply
    for number in range(1, 3):
        assert "No run tries" not in runs.log_in()
        assert runs.asked == number


def test_a_login_that_works_is_none_of_this(runs: Runs) -> None:
    runs.transport.replies["login"] = tokens()
    assert [runs.log_in(), runs.log_in()] == ["", ""]
    assert runs.asked == 2


def test_neither_password_nor_user_is_in_the_store(runs: Runs) -> None:
    runs.transport.replies["login"] = refusal("E", f"{PASSWORD} is wrong", 401)
    assert "******** is wrong" in runs.log_in()
    with contextlib.closing(sqlite3.connect(runs.path)) as raw_store:
        (row,) = raw_store.execute("SELECT key, why FROM limits").fetchall()
    assert PASSWORD not in str(row)
    assert "user" not in row[0]
    assert len(row[0]) == len("login/") + 64


def test_of_those_that_begin_together_one_asks(runs: Runs) -> None:
    together = threading.Barrier(4)

    def one(_number: int) -> str:
        together.wait()
        return runs.log_in()

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        words = list(threads.map(one, range(4)))
    assert all("User, password or domain is wrong" in said for said in words)
    assert runs.asked == 1
