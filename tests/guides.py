# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the guides of docs/docsite/rst: their blocks of code, in their order.

A block with a caption is a file. A block in the language console has commands, and below each command lines of its
output. A comment before a block says why the tests do not run it.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ROOT / "docs" / "docsite" / "rst"

_BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\S+)\n(?P<options>(?: +:\w+:.*\n)*)\n"
    r"(?P<text>(?:(?P=indent)   .*\n|\n)+)",
    re.MULTILINE,
)
_CAPTION = re.compile(r":caption: (.+)")
_COMMENT = re.compile(r"^ *\.\. (?!code-block|_|\w+::)(?P<why>[^\n]+)\n\n\Z", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code. ``caption`` is the name of its file, empty without one; ``why_not`` is empty if it is run."""

    language: str
    caption: str
    text: str
    why_not: str
    line: int

    def commands(self) -> c.Iterator[tuple[str, list[str]]]:
        """Return each command with the lines of output below it."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line:
                found[-1][1].append(line)
        return iter(found)


def names() -> list[str]:
    """Return the names of the guides."""
    return sorted(path.stem for path in GUIDES.glob("*.rst"))


def text_of(name: str) -> str:
    """Return the text of a guide."""
    return (GUIDES / f"{name}.rst").read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the blocks of code of a guide."""
    found = []
    for match in _BLOCK.finditer(text):
        caption = _CAPTION.search(match["options"])
        comment = _COMMENT.search(text[: match.start()])
        found.append(
            Block(
                match["language"],
                caption[1] if caption else "",
                textwrap.dedent(match["text"]).strip("\n") + "\n",
                comment["why"] if comment else "",
                text.count("\n", 0, match.start()) + 1,
            )
        )
    return found


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page in Markdown or reStructuredText, as GitHub makes them."""
    text = path.read_text(encoding="utf-8")
    pattern = r"^(.+)\n(?:=+|-+|~+)$" if path.suffix == ".rst" else r"^#+ (.+)$"
    lowered = (heading.lower() for heading in re.findall(pattern, text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in lowered}
