# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Chromium, and the windows that a test opens."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from playwright.sync_api import Browser

    from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

    from .desk import Desk
    from .visitor import Visitor

    NewDesk = t.Callable[..., Desk]
    NewVisitor = t.Callable[..., Visitor]
    TakePicture = t.Callable[[Visitor, str], None]

# "required" makes a missing Chromium a failure, "" a reason to skip.
BROWSER = os.environ.get("CERTIFICATE_ENROLL_BROWSER", "")
# A folder for the pictures of the guide, such as docs/pictures. Without it, tests take no pictures.
PICTURES = os.environ.get("CERTIFICATE_ENROLL_PICTURES", "")


@pytest.fixture(scope="session")
def chromium() -> t.Iterator[Browser]:
    """Run the distribution's Chromium without a visible window."""
    path = shutil.which("chromium")
    if path is None:
        words = "no Chromium is here: install the package chromium to try the pages in a browser"
        (pytest.fail if BROWSER == "required" else pytest.skip)(words)
    # These imports need the collection, which pytest_configure makes known.
    from playwright.sync_api import sync_playwright

    from ansible_collections.redtrust.certificate_enroll.tests.browser.visitor import FLAGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> t.Iterator[NewVisitor]:
    """Open windows with separate cookies, and check that they sent no request to another machine."""
    from ansible_collections.redtrust.certificate_enroll.tests.browser.visitor import Look, Visitor

    opened: list[Visitor] = []

    def opens(**look: t.Any) -> Visitor:
        opened.append(Visitor(chromium, Look(**look)))
        return opened[-1]

    yield opens
    for one in opened:
        one.close()
    assert [address for one in opened for address in one.strangers()] == []


@pytest.fixture
def take_picture() -> TakePicture:
    """Take a picture for the guide if PICTURES is set."""

    def take(visitor: Visitor, name: str) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            visitor.take_picture(Path(PICTURES) / f"{name}.png")

    return take


@pytest.fixture(scope="session")
def desk_servers(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[t.Callable[[str], tuple[Appliance, int]]]:
    """Start the server of a generation at first use, and choose the port of its redirect URLs."""
    from ansible_collections.redtrust.certificate_enroll.tests.browser.desk import started_desk

    running: dict[str, tuple[Appliance, int]] = {}

    def get(api_version: str) -> tuple[Appliance, int]:
        if api_version not in running:
            running[api_version] = started_desk(tmp_path_factory.mktemp("desk"), api_version)
        return running[api_version]

    yield get
    for appliance, _port in running.values():
        appliance.stop()


@pytest.fixture
def new_desk(desk_servers: t.Callable[[str], tuple[Appliance, int]], tmp_path: Path) -> t.Iterator[NewDesk]:
    """Return a function that makes a desk, and check that no play has leaked a secret."""
    from ansible_collections.redtrust.certificate_enroll.tests.browser.desk import Desk

    opened: list[Desk] = []

    def opens(api_version: str = "4.33") -> Desk:
        opened.append(Desk(*desk_servers(api_version), tmp_path))
        return opened[-1]

    yield opens
    assert [leak for desk in opened for leak in desk.leaks()] == []


@pytest.fixture
def desk(new_desk: NewDesk) -> Desk:
    """Return a desk with a server of 4.33, the generation without a direct login."""
    return new_desk()
