# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a browser: a window of a real Chromium, with a language and display settings."""

from __future__ import annotations

import dataclasses
import importlib.resources
import re
import typing as t
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Cookie, FloatRect, Locator, Request, Response

# A pattern, not a function: Playwright would call a function for each address, and Python may be busy waiting.
ELSEWHERE = re.compile(r"https?://(?!(127\.0\.0\.1|localhost)(:[0-9]+)?/)")
PATIENCE_SECONDS = 60.0
# The margin around a picture, in CSS pixels.
MARGIN = 16.0

# Chromium looks up no names, reports nothing and updates nothing. Its sandbox does not work for root.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)

Scheme = t.Literal["light", "dark"]


@dataclasses.dataclass(frozen=True)
class Look:
    """The settings of a browser. A phone has a very narrow window."""

    language: str = "en-GB"
    scheme: Scheme = "light"
    phone: bool = False
    script: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in CSS pixels."""
        return (320, 640) if self.phone else (760, 520)


class Visitor:
    """One window. ``asked`` are the addresses of its requests, ``complaints`` are the messages of its console."""

    def __init__(self, browser: Browser, look: Look) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.answers: list[tuple[int, str]] = []
        width, height = look.size
        self._context = browser.new_context(
            locale=look.language,
            color_scheme=look.scheme,
            viewport={"width": width, "height": height},
            java_script_enabled=look.script,
            ignore_https_errors=True,
        )
        self._context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self._context.route(ELSEWHERE, lambda route: route.abort())
        self._context.on("request", self._on_request)
        self._context.on("response", self._on_response)
        self._context.on("console", self._on_console)
        self.page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, address: str) -> None:
        """Open an address."""
        self.page.goto(address)

    def press(self, name: str) -> None:
        """Press the button of this name."""
        self.button(name).click()

    def button(self, name: str) -> Locator:
        """Return the button with this accessible name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def fill(self, **fields: str) -> None:
        """Fill in fields, which are named by their labels in lower case."""
        for label, value in fields.items():
            self.page.get_by_label(label.title(), exact=True).fill(value)

    def type(self, *keys: str) -> None:
        """Press keys. Each argument is the name of a key, or text."""
        for key in keys:
            if key in ("Tab", "Enter", "Space", "Shift+Tab"):
                self.page.keyboard.press(key)
            else:
                self.page.keyboard.type(key)

    def sees(self, heading: str) -> None:
        """Wait until a page with this heading is loaded completely: the heading appears before the button below it."""
        self.page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
        self.page.wait_for_load_state()

    def is_in(self, label: str) -> None:
        """Wait until a field has the focus. A page sets the focus only after it is drawn."""
        self.page.get_by_label(label, exact=True).and_(self.page.locator(":focus")).wait_for()

    def text(self) -> str:
        """Return the text of the page."""
        return self.page.get_by_role("main").inner_text()

    def reloads(self) -> str:
        """Reload the page, and return its text."""
        self.page.reload()
        return self.text()

    def cookies(self) -> list[Cookie]:
        """Return the cookies of the browser."""
        return self._context.cookies()

    def close(self) -> None:
        self._context.close()

    def strangers(self) -> list[str]:
        """Return the requested addresses on other machines."""
        return [address for address in self.asked if ELSEWHERE.match(address)]

    def overflow(self) -> int:
        """Return the width of the page beyond the window, in CSS pixels."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def barriers(self, *without: str, inside: str = "html") -> list[str]:
        """Return the findings of axe-core with all its rules, including uncertain ones.

        ``without`` are selectors of elements that axe-core cannot judge, ``inside`` that of the element to look at.
        """
        self.page.evaluate(_axe())
        found = self.page.evaluate(_RUN_AXE, [inside, list(without)])
        return [
            f"{one['id']} ({kind}): {one['help']}: {[(node['html'], node['any']) for node in one['nodes']]}"
            for kind in ("violations", "incomplete")
            for one in found[kind]
        ]

    def screenshot(self) -> bytes:
        """Return a screenshot of the window as a PNG."""
        return self.page.screenshot(animations="disabled", caret="hide")

    def take_picture(self, path: Path) -> None:
        """Write a picture of the page's main part, with a margin."""
        box = self.page.get_by_role("main").bounding_box()
        assert box is not None
        left, top = max(box["x"] - MARGIN, 0), max(box["y"] - MARGIN, 0)
        clip: FloatRect = {
            "x": left,
            "y": top,
            "width": box["x"] + box["width"] + MARGIN - left,
            "height": box["y"] + box["height"] + MARGIN - top,
        }
        self.page.screenshot(path=path, animations="disabled", caret="hide", full_page=True, clip=clip)

    def take_window_picture(self, path: Path) -> None:
        """Write a picture of what the window shows."""
        self.page.screenshot(path=path, animations="disabled", caret="hide")

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def _on_response(self, response: Response) -> None:
        self.answers.append((response.status, response.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


# By default axe-core skips its rules for WCAG AAA and its new rules.
_RUN_AXE = """([inside, without]) => axe.run({include: inside, exclude: without}, {
  rules: Object.fromEntries(axe.getRules().map(rule => [rule.ruleId, {enabled: true}])),
  resultTypes: ["violations", "incomplete"],
})"""


def _axe() -> str:
    return importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
