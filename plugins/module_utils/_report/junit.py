# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as JUnit XML, for CI: a test case for each enrollment, which fails where a person must look at it.

The elements and attributes are those of the schema that the xUnit plugin of Jenkins has for JUnit.
"""

from __future__ import annotations

import collections
import re
import typing as t

from .._clock import timestamp
from .view import Entry, Status, View

# What XML 1.0, 2.2, has no place for.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = frozenset({Status.WAITING, Status.NONE})


def render(view: View) -> t.Iterator[str]:
    """Yield the XML: a suite for each service."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites{_attributes(name=view.title, **_counts(view.entries))}>\n"
    suites: dict[str, list[Entry]] = collections.defaultdict(list, {name: [] for name in view.services})
    for entry in view.entries:
        suites[entry.service].append(entry)
    for service, entries in suites.items():
        yield from _suite(view, service, entries)
    yield "</testsuites>\n"


def _suite(view: View, service: str, entries: t.Sequence[Entry]) -> t.Iterator[str]:
    counts = _counts(entries)
    skipped = str(sum(entry.status in _SKIPPED and not entry.needs_person for entry in entries))
    taken = (timestamp(view.taken_at) or "").rstrip("Z")
    yield f"<testsuite{_attributes(name=service, **counts, skipped=skipped, timestamp=taken)}>\n"
    for entry in entries:
        yield from _case(entry)
    yield "</testsuite>\n"


def _case(entry: Entry) -> t.Iterator[str]:
    result = _result(entry)
    begin = f"<testcase{_attributes(classname=entry.service, name=entry.name, time='0')}"
    yield f"{begin}>{result}</testcase>\n" if result else f"{begin}/>\n"


def _result(entry: Entry) -> str:
    """Return the element of a result; empty for a test case that passes."""
    message = "; ".join(one.problem for one in entry.attention) or entry.status.words
    if entry.needs_person:
        steps = "\n".join(f"{one.problem}\nnext step: {one.next_step}" for one in entry.attention)
        attributes = _attributes(message=message, type=str(entry.status))
        return f"<failure{attributes}>{_text(steps or entry.renewal)}</failure>"
    return f"<skipped{_attributes(message=message)}/>" if entry.status in _SKIPPED else ""


def _counts(entries: t.Sequence[Entry]) -> dict[str, str]:
    failures = sum(entry.needs_person for entry in entries)
    return {"tests": str(len(entries)), "failures": str(failures), "errors": "0", "time": "0"}


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_escaped(value)}"' for name, value in values.items())


def _text(value: str) -> str:
    return _NO_XML.sub("?", value).translate(_TEXT)


def _escaped(value: str) -> str:
    return _NO_XML.sub("?", value).translate(_ATTRIBUTE)


_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# A program that reads an attribute makes blanks of line breaks and tabs, unless they are written so.
_ATTRIBUTE = {**_TEXT, **str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})}
