# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as CSV, for a spreadsheet: one enrollment a row."""

from __future__ import annotations

import csv
import io
import re
import typing as t

from .._clock import timestamp
from .view import Entry, View

COLUMNS = (
    "service",
    "name",
    "status",
    "needs_person",
    "not_valid_before",
    "not_valid_after",
    "due_at",
    "renew_at",
    "ca",
    "provider",
    "subject",
    "key",
    "thumbprint",
    "revision",
    "state",
    "updated_at",
    "renewal",
    "problem",
    "next_step",
)
# A spreadsheet takes a value that begins so for a formula, see https://owasp.org/www-community/attacks/CSV_Injection
_SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = (*_SIGNS, "\t", "\r", "\n")
# Where the comma is the decimal sign, a spreadsheet may take these for the end of a cell, in quotes too.
_NEXT_CELL = re.compile(rf'([;\t\r\n])(?=[\s"]*[{re.escape(_SIGNS)}])')
# Without it Excel does not read UTF-8.
_BYTE_ORDER_MARK = "\ufeff"


def render(view: View) -> t.Iterator[str]:
    """Yield the rows by RFC 4180, in UTF-8 with a byte order mark."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    yield _BYTE_ORDER_MARK
    for row in _rows(view):
        writer.writerow(map(_harmless, row))
        yield written.getvalue()
        written.seek(0)
        written.truncate()


def _rows(view: View) -> t.Iterator[t.Sequence[str]]:
    yield COLUMNS
    yield from map(_row, view.entries)


def _row(entry: Entry) -> list[str]:
    return [
        entry.service,
        entry.name,
        entry.status.words,
        "yes" if entry.needs_person else "no",
        timestamp(entry.not_valid_before) or "",
        timestamp(entry.not_valid_after) or "",
        timestamp(entry.due_at) or "",
        timestamp(entry.renew_at) or "",
        entry.ca,
        entry.provider,
        entry.subject,
        entry.key,
        entry.thumbprint,
        str(entry.revision or ""),
        entry.state,
        timestamp(entry.updated_at) or "",
        entry.renewal,
        "; ".join(one.problem for one in entry.attention),
        "; ".join(one.next_step for one in entry.attention),
    ]


def _harmless(value: str) -> str:
    """Return a value of which no spreadsheet takes a part for a formula: with an apostrophe before it, without NUL."""
    clean = _NEXT_CELL.sub(r"\1'", value.replace("\0", "?"))
    return f"'{clean}" if clean.lstrip(" ").startswith(_FORMULA) else clean
