# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that each link of a page in Markdown to another page leads to a heading that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests import guides

ROOT = guides.ROOT
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")])


def broken(page: Path, text: str) -> list[str]:
    """Return the links that lead nowhere."""
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    found = []
    for link in links:
        path, _hash, anchor = link.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in guides.anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_its_links_lead_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](nothing.md) [b](README.md#nothing) [c](README.md#licence) [d](https://example.com/nothing)"
    assert broken(ROOT / "README.md", text) == ["nothing.md", "README.md#nothing"]
