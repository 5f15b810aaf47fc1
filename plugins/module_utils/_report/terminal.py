# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as text for a terminal, or for a mail: what needs a person, what waits, what ends next."""

from __future__ import annotations

import typing as t

from .._clock import to_the_minute
from . import words
from .columns import cut, table, wrapped
from .view import Entry, Happening, Status, View, ends_next

# Ansible shows each line of a result with 8 blanks and a quotation mark before it, and with one and a comma after it.
WIDTH_IN_RESULT = 80 - 8 - 3
WIDTH = 80

_MOST_PROBLEMS = 10
_MOST_WAITING = 5
_MOST_ENDS = 10
_MOST_HAPPENINGS = 5

Rows = list[t.Sequence[str]]


def render(view: View) -> t.Iterator[str]:
    """Yield the report as lines of 80 columns."""
    yield from (f"{line}\n" for line in lines(view, WIDTH))


def lines(view: View, width: int = WIDTH_IN_RESULT) -> list[str]:
    """Return the report as lines of at most so many columns."""
    found = [
        *wrapped(f"{view.title}, {to_the_minute(view.taken_at)}", width),
        *wrapped(words.summary(view), width),
    ]
    for section in (_counts(view), _problems(view, width), _waiting(view), _ends(view), _happenings(view)):
        shown = list(section if not isinstance(section, _Table) else section.lines(width))
        found += ["", *shown] if shown else []
    return found


class _Table:
    """A table with a heading; nothing without rows."""

    def __init__(self, view: View, heading: str, rows: Rows, end: str = "") -> None:
        self._heading = heading
        self._rows = rows
        self._end = end
        # the name, and the service if there is that column
        self._gives_way = 2 if _has_many(view) else 1

    def lines(self, width: int) -> t.Iterator[str]:
        if self._rows:
            yield from wrapped(self._heading, width)
            yield from table(self._rows, width, "  ", self._gives_way)
            yield from wrapped(self._end, width, "  ", "  ") if self._end else ()


def _counts(view: View) -> t.Iterator[str]:
    found = {status: count for status, count in view.by_status.items() if count}
    longest = max((len(f"{count:,}") for count in found.values()), default=0)
    for status, count in found.items():
        number = f"{count:,}".rjust(longest)
        yield f"  {number}  {Status(status).words}"


def _problems(view: View, width: int) -> t.Iterator[str]:
    found = view.attention
    if not found:
        return
    yield f"NEEDS A PERSON ({len(found):,})"
    for entry in found[:_MOST_PROBLEMS]:
        yield from _problem(view, entry, width)
    if len(found) > _MOST_PROBLEMS:
        yield f"  and {len(found) - _MOST_PROBLEMS:,} more"


def _problem(view: View, entry: Entry, width: int) -> t.Iterator[str]:
    status = entry.status.words
    label = f"{entry.name} ({entry.service})" if _has_many(view) else entry.name
    name = cut(label, width - len(status) - 4)
    yield f"  {name}: {status}"
    for problem, next_step in words.next_steps(entry):
        yield from wrapped(problem, width, "    ", "    ")
        yield from wrapped(next_step, width, "    > ", "      ")


def _waiting(view: View) -> _Table:
    found = words.waiting(view)
    rows: Rows = [
        (*_named(view, entry), f"since {words.date(entry.updated_at)}", words.WAITS_FOR.get(entry.state, entry.state))
        for entry in found[:_MOST_WAITING]
    ]
    return _Table(view, f"WAITING ({len(found):,}), the longest first", rows, _more(len(found), _MOST_WAITING))


def _ends(view: View) -> _Table:
    now = view.taken_at
    found = ends_next(view, _MOST_ENDS)
    rows: Rows = [
        (*_named(view, entry), words.date(end), words.left(end, now), words.renewal(entry, now))
        for entry in found
        for end in filter(None, (entry.not_valid_after,))
    ]
    header = ("NAME", *(("SERVICE",) if _has_many(view) else ()), "ENDS", "IN", "RENEWAL")
    return _Table(view, "ENDS NEXT", [header, *rows] if rows else [])


def _happenings(view: View) -> _Table:
    rows: Rows = [
        (*_named(view, one), to_the_minute(one.at)[:16], words.HAPPENED.get(one.what, one.what))
        for one in view.happenings[:_MOST_HAPPENINGS]
    ]
    return _Table(view, "HAPPENED LATELY", rows)


def _more(count: int, most: int) -> str:
    return f"and {count - most:,} more" if count > most else ""


def _named(view: View, of: Entry | Happening) -> t.Sequence[str]:
    """Return the name, and its service where there are several."""
    return (of.name, of.service) if _has_many(view) else (of.name,)


def _has_many(view: View) -> bool:
    return len(view.services) > 1
