# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each page of a sign-in in a real browser: languages, accessibility, keyboard, colours and policy."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import datetime as dt
import http.server
import itertools
import threading
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in import pages

if t.TYPE_CHECKING:
    from .conftest import NewVisitor

KINDS: tuple[pages.Kind, ...] = t.get_args(pages.Kind)
ADDRESS = "http://127.0.0.1/a"
LONG_WORDS = "It said: https://rt.example.com/" + "aWordThatDoesNotEnd" * 12
UNTIL = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.timezone.utc)
MORE = pages.More(until=UNTIL, now=UNTIL - dt.timedelta(minutes=5))
EXTRA: dict[str, dict[str, t.Any]] = {
    "wrong_address": {"address": ADDRESS},
    "refused": {"words": LONG_WORDS, "facts": "HTTP 401, TEMPORARY_TOKEN_USED"},
    "not_answered": {"facts": "HTTP 503"},
    "not_reached": {"words": LONG_WORDS},
    "failed": {"words": LONG_WORDS},
    "signed_in": {"person": "somebody.with.a.long.name.that.goes.on@" + "subdomain." * 9 + "example.com"},
}
FINGER_PIXELS = 44
BROWSERS_LANGUAGE = {"en": "en-GB", "es": "es-ES", "pt-BR": "pt-BR", "pt-PT": "pt-PT"}
ABOUT = pages.About("redtrust.example.com", "CA_EXAMPLE", "maria@build01.internal.example.com")


class Shelf(http.server.ThreadingHTTPServer):
    """Serve the pages as ``/kind``, and record the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        kind = t.cast("pages.Kind", self.path.strip("/"))
        language = pages.language_of(self.headers["Accept-Language"])
        body = pages.page(kind, language, ABOUT, dataclasses.replace(MORE, **EXTRA.get(kind, {})))
        self.send_response(200)
        self.send_header("Content-Security-Policy", pages.CONTENT_SECURITY_POLICY)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.asked.append(f"POST {self.path}")
        self.send_response(303)
        self.send_header("Location", "/signed_in")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Print nothing."""


@pytest.fixture
def shelf() -> c.Iterator[Shelf]:
    with Shelf() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("language", pages.LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_kept_out(kind: pages.Kind, language: str, shelf: Shelf, visitor: NewVisitor) -> None:
    """axe-core finds no barrier in either colour scheme, a narrow window is enough, and the console is empty."""
    reader = visitor(language=BROWSERS_LANGUAGE[language], phone=True)
    reader.open(f"{shelf.address}/{kind}")
    assert reader.page.get_attribute("html", "lang") == language
    for scheme in ("light", "dark"):
        reader.page.emulate_media(color_scheme=scheme)
        assert reader.barriers() == []
    assert reader.overflow() <= 0
    for target in reader.page.locator("button, a").all():
        box = target.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= FINGER_PIXELS
    assert reader.complaints == []
    assert shelf.asked == [f"GET /{kind}"]


def test_light_and_dark_are_not_the_same(shelf: Shelf, visitor: NewVisitor) -> None:
    reader = visitor()
    reader.open(f"{shelf.address}/sign_in")
    seen = []
    for scheme in ("light", "dark"):
        reader.page.emulate_media(color_scheme=scheme)
        colours = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
        seen.append(sum(reader.page.evaluate(colours)))
    light, dark = seen
    assert light > 3 * 200
    assert dark < 3 * 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_colours_of_ones_own_the_button_has_an_edge(scheme: str, shelf: Shelf, visitor: NewVisitor) -> None:
    reader = visitor(scheme=scheme)
    reader.open(f"{shelf.address}/refused")
    reader.page.emulate_media(forced_colors="active")
    width, edge, label, inside = (
        reader.page.evaluate(f"getComputedStyle(document.querySelector('button')).{name}")
        for name in ("borderTopWidth", "borderTopColor", "color", "backgroundColor")
    )
    assert width == "2px"
    assert inside not in (edge, label)


BUTTONS = {"sign_in": "Sign in", "no_token": "Try again", "refused": "Try again"}


@pytest.mark.parametrize(("kind", "script"), itertools.product(BUTTONS, [True, False]))
def test_the_keyboard_is_enough(kind: str, script: bool, shelf: Shelf, visitor: NewVisitor) -> None:
    reader = visitor(script=script)
    reader.open(f"{shelf.address}/{kind}")
    unfocused = reader.screenshot()
    reader.type("Tab")
    assert reader.button(BUTTONS[kind]).and_(reader.page.locator(":focus-visible")).count() == 1
    assert reader.screenshot() != unfocused
    reader.type("Enter")
    reader.sees("You are signed in")
    assert shelf.asked == [f"GET /{kind}", "POST /start", "GET /signed_in"]


def test_the_keyboard_reaches_the_right_address(shelf: Shelf, visitor: NewVisitor) -> None:
    reader = visitor(script=False)
    reader.open(f"{shelf.address}/wrong_address")
    reader.type("Tab")
    link = reader.page.get_by_role("link", name=ADDRESS)
    assert link.and_(reader.page.locator(":focus-visible")).count() == 1
    assert link.get_attribute("href") == ADDRESS


def test_the_style_is_the_only_thing_that_the_policy_lets_in(shelf: Shelf, visitor: NewVisitor) -> None:
    """So an empty console proves something: the browser complains about all other content."""
    reader = visitor()
    reader.open(f"{shelf.address}/sign_in")
    assert reader.page.evaluate("getComputedStyle(document.querySelector('main')).borderTopStyle") == "solid"
    reader.page.evaluate("document.body.innerHTML += '<img src=/x.png><style>p { color: red }</style>'")
    reader.page.wait_for_function("document.querySelector('img').complete")
    assert len(reader.complaints) >= 2
    assert shelf.asked == ["GET /sign_in"]
