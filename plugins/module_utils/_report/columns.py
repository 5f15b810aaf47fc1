# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of text for a terminal: how wide a text is there, and how it fits into a column."""

from __future__ import annotations

import typing as t
import unicodedata

from .._printable import printable

_GAP = "  "
# How narrow the first column of a table may become, and others that give way.
_LEAST = 8
_LEAST_LATER = 15


def width_of(text: str) -> int:
    """Return how many columns a text takes.

    A quotation mark and a backslash count twice, since Ansible shows results as JSON, which puts a backslash before
    them.
    """
    if text.isascii():
        return len(text) + text.count('"') + text.count("\\")
    return sum(map(_width_of_char, text))


def _width_of_char(char: str) -> int:
    if char in '"\\':
        return 2
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def cut(text: str, width: int) -> str:
    """Return a text on one line that fits into a column: the middle of a longer one is left out."""
    shown = printable(text)
    if width_of(shown) <= width:
        return shown
    mark = "..."
    left = _first(shown, (width - len(mark) + 1) // 2)
    right = _first(shown[::-1], width - len(mark) - width_of(left))[::-1]
    return f"{left}{mark}{right}"


def _first(text: str, width: int) -> str:
    """Return as much of the beginning of a text as fits."""
    taken = 0
    for place, char in enumerate(text):
        taken += _width_of_char(char)
        if taken > width:
            return text[:place]
    return text


def wrapped(text: str, width: int, first: str = "", other: str = "") -> t.Iterator[str]:
    """Yield the lines of a text with ``first`` before the first line, and ``other`` before the others.

    A word that is longer than a line is broken.
    """
    line, has_words = first, False
    for word in printable(text).split():
        rest = word
        if has_words and width_of(line) + 1 + width_of(rest) > width:
            yield line
            line, has_words = other, False
        while not has_words and width_of(line) + width_of(rest) > width:
            part = _first(rest, width - width_of(line)) or rest[0]
            yield line + part
            line, rest = other, rest[len(part) :]
        line += f" {rest}" if has_words else rest
        has_words = True
    yield line


def table(rows: t.Sequence[t.Sequence[str]], width: int, indent: str = "", gives_way: int = 1) -> t.Iterator[str]:
    """Yield the rows as lines. Columns are as wide as they need.

    If a line is too long, the first columns give way: the last of them first, up to a point.
    """
    widths = [max(width_of(printable(cell)) for cell in column) for column in zip(*rows)]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) + len(indent) - width
    for column in reversed(range(gives_way)):
        least = min(widths[column], _LEAST if column == 0 else _LEAST_LATER)
        narrower = max(least, widths[column] - max(0, excess))
        excess -= widths[column] - narrower
        widths[column] = narrower
    for row in rows:
        cells = [cut(cell, size) for cell, size in zip(row, widths)]
        padded = (cell + " " * (size - width_of(cell)) for cell, size in zip(cells, widths))
        yield (indent + _GAP.join(padded)).rstrip()
