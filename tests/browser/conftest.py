# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Chromium, and the windows of it that a test opens."""

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
# A folder, such as docs/pictures, for the pictures of the guide; none are taken without it.
PICTURES = os.environ.get("CERTIFICATE_ENROLL_PICTURES", "")


@pytest.fixture(scope="session")
def chromium() -> t.Iterator[Browser]:
    """Run Debian's Chromium, or that of another distribution, without a window."""
    path = shutil.which("chromium")
    if path is None:
        words = "no Chromium is here: install the package chromium to try the pages in a browser"
        (pytest.fail if BROWSER == "required" else pytest.skip)(words)
    # not before pytest_configure has made the collection known
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
    """Open windows, each with cookies of its own; none of them may ask another machine for anything."""
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
    """Take a picture for the guide, where pictures are wanted."""

    def take(visitor: Visitor, name: str) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            visitor.take_picture(Path(PICTURES) / f"{name}.png")

    return take


@pytest.fixture(scope="session")
def desk_servers(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[t.Callable[[str], tuple[Appliance, int]]]:
    """Start a server of a generation, and choose a port to come back to, when they are first asked for."""
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
    """Return a place at which plays wait for somebody; none of them may have told a secret to anybody."""
    from ansible_collections.redtrust.certificate_enroll.tests.browser.desk import Desk

    opened: list[Desk] = []

    def opens(api_version: str = "4.33") -> Desk:
        opened.append(Desk(*desk_servers(api_version), tmp_path))
        return opened[-1]

    yield opens
    assert [leak for desk in opened for leak in desk.leaks()] == []


@pytest.fixture
def desk(new_desk: NewDesk) -> Desk:
    """Return one with a server of the generation that has no other login."""
    return new_desk()
