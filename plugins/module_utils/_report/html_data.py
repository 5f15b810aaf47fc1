# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates as data for the script of the page: columns of JSON, compressed.

A hundred thousand rows take a few megabytes. Columns that are alike stand next to each other, and times are kept as
their distance from each other: both compress well. A text that occurs often is kept once.
"""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import typing as t

from .._models import PENDING
from .html_text import KINDS, kind_words, label, shown
from .view import Entry, Status, View

_Value = t.Union[str, int, None]


class _Texts:
    """A list of different texts, and the place of each."""

    def __init__(self, texts: t.Iterable[str] = ()) -> None:
        self._places: dict[str, int] = {}
        for text in texts:
            self.place(text)

    def place(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    def all(self) -> list[str]:
        return [shown(text) for text in self._places]


def packed(view: View) -> str:
    """Return the data as base64 of gzip of JSON; the same view gives the same text."""
    data = json.dumps(_data(view), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _data(view: View) -> dict[str, t.Any]:
    entries = view.entries
    columns: dict[str, t.Any] = {
        key: _column(entries, key) for key in ("service", "provider", "ca", "state", "key", "renewal")
    }
    gravity = {status: status.gravity for status in Status}
    return {
        "now": _seconds(view.taken_at),
        "statuses": [[status.value, label(status)] for status in Status],
        "kinds": {kind: kind_words(kind) for kind in [*KINDS, *_other_kinds(view)]},
        "pending": sorted(PENDING),
        "status": [gravity[entry.status] for entry in entries],
        "people": [place for place, entry in enumerate(entries) if entry.needs_person],
        "names": [shown(text) for entry in entries for text in (entry.name, entry.subject)],
        "thumbprint": [shown(entry.thumbprint) for entry in entries],
        "revision": [entry.revision for entry in entries],
        "times": [value for entry in entries for value in _times(entry)],
        **columns,
        **_attention(entries),
    }


def _column(entries: t.Sequence[Entry], key: str) -> dict[str, list[t.Any]]:
    texts = _Texts()
    places = [texts.place(getattr(entry, key)) for entry in entries]
    return {"texts": texts.all(), "places": places}


def _other_kinds(view: View) -> t.Iterator[str]:
    yield from {entry.status.value: None for entry in view.attention if not entry.attention}


def _times(entry: Entry) -> tuple[_Value, ...]:
    """Return the end, then other times as seconds before the one that they are usually close to."""
    end = _seconds(entry.not_valid_after)
    due = _seconds(entry.due_at)
    return (
        end,
        _before(_seconds(entry.not_valid_before), end),
        _before(due, end),
        _before(_seconds(entry.renew_at), due),
        _seconds(entry.updated_at),
    )


def _before(moment: int | None, reference: int | None) -> int | None:
    return None if moment is None else (reference or 0) - moment


def _seconds(moment: dt.datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None


def _attention(entries: t.Sequence[Entry]) -> dict[str, t.Any]:
    """Return what needs attention: for each case its row, kind, time, problem and next step."""
    words = _Texts()
    cases = [
        (place, one.kind, _seconds(one.since), words.place(one.problem), words.place(one.next_step))
        for place, entry in enumerate(entries)
        for one in entry.attention
    ]
    return {"cases": cases, "words": words.all()}
