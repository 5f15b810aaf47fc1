# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as Markdown, for a mail, a chat, or the summary of a CI job."""

from __future__ import annotations

import re
import typing as t

from .._clock import to_the_minute
from .._printable import printable
from . import words
from .view import Entry, Status, View, ends_next

_MOST_PROBLEMS = 50
_MOST_ENDS = 20
_MOST_HAPPENINGS = 20

# What has a meaning inside a line, or in a cell of a table.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~#&$])")

Row = t.Sequence[str]


def render(view: View) -> t.Iterator[str]:
    """Yield the report in GitHub's Markdown. Texts of users are never markup."""
    yield f"# {_text(view.title)}\n\n"
    yield f"{_text(words.summary(view))}\n\n"
    yield f"As of {to_the_minute(view.taken_at)}, release {_text(view.release)}.\n"
    counts = [(Status(status).words, f"{count:,}") for status, count in view.by_status.items() if count]
    yield from _table("", ("status", "enrollments"), counts)
    yield from _problems(view)
    yield from _table("Ends next", ("name", "service", "ends", "", "renewal"), list(_ends(view)))
    happened = [
        (to_the_minute(one.at), _name(one.name), _text(one.service), words.HAPPENED.get(one.what, ""), _text(one.why))
        for one in view.happenings[:_MOST_HAPPENINGS]
    ]
    yield from _table("Happened lately", ("when", "name", "service", "what", "why"), happened)


def _problems(view: View) -> t.Iterator[str]:
    header = ("name", "service", "status", "problem", "next step")
    shown = view.attention[:_MOST_PROBLEMS]
    yield from _table("Needs a person", header, [row for entry in shown for row in _problem(entry)])
    if len(view.attention) > len(shown):
        yield f"\nAnd {len(view.attention) - len(shown):,} more.\n"


def _problem(entry: Entry) -> t.Iterator[Row]:
    begin = (_name(entry.name), _text(entry.service), entry.status.words)
    for problem, next_step in words.next_steps(entry):
        yield (*begin, _text(problem), _text(next_step))


def _ends(view: View) -> t.Iterator[Row]:
    for entry in ends_next(view, _MOST_ENDS):
        if entry.not_valid_after is not None:
            left = f"in {words.left(entry.not_valid_after, view.taken_at)}"
            when = words.renewal(entry, view.taken_at)
            yield _name(entry.name), _text(entry.service), words.date(entry.not_valid_after), left, when


def _table(title: str, header: Row, rows: t.Sequence[Row]) -> t.Iterator[str]:
    if not rows:
        return
    yield f"\n## {title}\n" if title else ""
    for row in (header, ["---"] * len(header), *rows):
        line = " | ".join(row)
        yield f"\n| {line} |" if row is header else f"| {line} |"
        yield "\n"


def _text(text: str) -> str:
    """Return a text without markup, on one line."""
    return _MARKUP.sub(r"\\\1", printable(text)).replace("@", "&#64;")


def _name(name: str) -> str:
    """Return a name as code, in which nothing is markup but the end of a cell."""
    shown = printable(name)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")
