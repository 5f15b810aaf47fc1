# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign-ins with trouble: another person's token, two people at once, too slow, too late, given up."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
import typing as t
import urllib.parse

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.runs import Run

from .desk import quoted

if t.TYPE_CHECKING:
    from .conftest import NewVisitor
    from .desk import Desk

ELSEWHERE = "This sign-in was not begun here"


def lure(action: str) -> str:
    """Return a page of an attacker with a link or a form."""
    return "data:text/html," + urllib.parse.quote(action)


def test_a_callback_that_another_page_forged_is_refused(desk: Desk, visitor: NewVisitor) -> None:
    """The attacker's own token is valid. The browser comes without cookies first, then with those of the login page."""
    token = quoted(desk.appliance.temporary_token())
    link = lure(f'<a href="{desk.url()}?tkn={token}">a prize</a>')
    form = lure(f'<form method="post" action="{desk.url("/start")}"><button>a prize</button></form>')
    victim = visitor()
    with desk.waits(desk.url()) as run:
        victim.open(link)
        victim.page.get_by_role("link").click()
        victim.sees(ELSEWHERE)
        victim.open(desk.url())
        victim.button("Sign in").wait_for()
        victim.open(link)
        victim.page.get_by_role("link").click()
        victim.sees(ELSEWHERE)
        victim.open(form)
        victim.press("a prize")
        victim.sees(ELSEWHERE)
        assert desk.statuses("exchange") == []
        assert not run.is_over()
        victim.press("Try again")
        desk.fill(victim)
        victim.press("Sign in")
        victim.sees("You are signed in")
        assert run.wait() == 0, run.said()
    assert desk.statuses("exchange") == [200]
    assert desk.has_one_session()
    used = victim.page.url.partition("tkn=")[2]
    assert used != token


def test_whoever_comes_after_the_other_is_told_as_well(desk: Desk, visitor: NewVisitor) -> None:
    """The play waits for all known browsers: one is at Redtrust's page, one has not pressed the button yet."""
    first, second, third = visitor(), visitor(language="pt-PT"), visitor(language="es-ES")
    with desk.waits(desk.url()) as run:
        for someone in (first, second, third):
            someone.open(desk.url())
        first.press("Sign in")
        second.press("Iniciar sessão")
        for someone in (first, second):
            desk.fill(someone)
        first.press("Sign in")
        first.sees("You are signed in")
        assert desk.has_one_session()
        second.press("Sign in")
        second.sees("Alguém já iniciou sessão")
        first.page.reload()
        first.sees("You are signed in")
        assert not run.is_over()
        # This is the last one, since the play waits for no other browser afterwards.
        third.press("Iniciar sesión")
        third.sees("Alguien ya ha iniciado sesión")
        assert run.wait() == 0, run.said()
        desk.until_gone(run)
    assert desk.statuses("exchange") == [200]


def test_of_two_people_one_signs_in_and_the_other_is_told(desk: Desk, visitor: NewVisitor) -> None:
    first, second = visitor(), visitor(language="es-ES")
    with desk.waits(desk.url()) as run:
        for someone, button in ((first, "Sign in"), (second, "Iniciar sesión")):
            someone.open(desk.url())
            someone.press(button)
            desk.fill(someone)
        # The exchange is slow, so the second person comes back before the first sign-in is complete.
        desk.appliance.fault("exchange", "before", "delay:6")
        first.button("Sign in").click(no_wait_after=True)
        desk.until(lambda: desk.statuses("exchange") == [None], run)
        second.press("Sign in")
        second.sees("Alguien ya ha iniciado sesión")
        first.sees("You are signed in")
        assert run.wait() == 0, run.said()
    assert desk.statuses("login_form") == [302, 302]
    assert desk.statuses("exchange") == [200]
    assert desk.has_one_session()


def test_somebody_slow_gets_a_link_of_that_moment(desk: Desk, visitor: NewVisitor) -> None:
    """The login page stays open for longer than the server accepts a signed link."""
    someone = visitor()
    window = 10  # in seconds, long enough for the browser to get from the button to Redtrust
    with desk.waits(desk.url()) as run:
        someone.open(desk.url())
        opened = time.time()
        desk.appliance.set(timestamp_window=window)
        desk.until(lambda: time.time() > opened + window + 1, run)
        stale = desk.appliance.send("GET", desk.appliance.login_url(**desk.appliance.sign(at=opened).query()))
        assert stale.status_code == 401
        pressed = time.time()
        someone.press("Sign in")
        desk.fill(someone)
        links = [address for address in someone.asked if "/loginrequest?" in address]
        assert int(pressed) <= int(urllib.parse.parse_qs(links[0])["timestamp"][0]) <= int(time.time())
        someone.press("Sign in")
        someone.sees("You are signed in")
        assert run.wait() == 0, run.said()
    assert desk.statuses("login_request")[-2:] == [401, 200]
    assert desk.statuses("exchange") == [200]
    assert desk.has_one_session()


def test_the_play_fails_when_nobody_comes_in_time(desk: Desk, visitor: NewVisitor) -> None:
    someone = visitor()
    with desk.waits(desk.url(), login_timeout=15) as run:
        someone.open(desk.url())
        someone.button("Sign in").wait_for()
        assert re.search(r"The job waits until [0-9:]{8} UTC, 1?[0-9] s from now\.", someone.text())
        desk.until(lambda: someone.reloads().startswith("The time to sign in is over"), run)
        assert not run.is_over()
        assert run.wait() == 2
        desk.until_gone(run)
        assert f"nobody signed in at {desk.url()} within 15 seconds" in run.said()
    assert desk.statuses("exchange") == []
    assert desk.sessions() == []


def test_the_hint_for_another_machine_can_be_typed_as_it_is(desk: Desk) -> None:
    """ssh needs an IPv6 address in brackets. If this machine has no IPv6, the play fails after the hint."""
    run = desk.play("login", {"redirect_url": f"http://[::1]:{desk.port}/callback"}).start()
    try:
        desk.until(lambda: "ssh -L" in run.said() or run.is_over(), run)
        assert f"first connect with ssh -L {desk.port}:[::1]:{desk.port} and leave that open" in run.said()
    finally:
        run.kill_all()


@pytest.fixture
def interruptible() -> t.Iterator[None]:
    """Make child processes react to SIGINT. A shell makes its background jobs, such as the tests, ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(run: Run) -> None:
    """Send SIGINT to the whole process group, as a terminal does for Ctrl-C."""
    os.killpg(run.pid, signal.SIGINT)


def lose(run: Run) -> None:
    """Kill all processes of Ansible except for the module."""
    for process in run.processes():
        if not process.is_module:
            with contextlib.suppress(ProcessLookupError):  # it ended together with an earlier one
                os.kill(process.pid, signal.SIGKILL)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("end", [interrupt, lose, Run.kill, Run.kill_group])
def test_nothing_listens_any_more_when_the_play_is_given_up(
    end: t.Callable[[Run], None], desk: Desk, visitor: NewVisitor
) -> None:
    """This also holds if no signal reaches the module, or its worker, which has a process group of its own."""
    someone = visitor()
    with desk.waits(desk.url()) as run:
        someone.open(desk.url())
        someone.press("Sign in")
        someone.sees("Sign in to Redtrust")
        end(run)
        assert run.wait() != 0
        desk.until_gone(run)
    assert desk.statuses("exchange") == []
    assert desk.sessions() == []
