# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse values that YAML has read as a number, a date or a boolean although the option is text.

To YAML ``ou: 02341467000120`` is the number 167719469136, ``name: 1_000`` is 1000 and ``c: NO`` is false. The original
text is lost, so the value cannot become text again. The checks look at the values in the play: the argument spec would
turn a number into text without a trace. A date becomes text when it leaves the controller, see plugins/action.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t

from .._errors import ConfigurationError
from .entry_specs import FINALIZED, RENEWED, REQUESTED, SETTLED

if t.TYPE_CHECKING:
    from .specs import Spec

# The parsers of durations and of certificates refuse such values themselves.
_REFUSED_ELSEWHERE = ("renew_before", "certificate")
# YAML reads 0644 as the number 420. Before ansible-core 2.19 a template turns this number into text.
_MODES_IN_DECIMAL = {str(mode): f"0{mode:o}" for mode in (0o400, 0o640, 0o644, 0o660, 0o664)}
# Before ansible-core 2.19 a template also turns a list with a date in it into text.
_DATE_IN_TEXT = re.compile(r"\bdatetime\.(date|datetime)\(")
_SHOWN = 5
# YAML reads a time without quotes as a date, which becomes the same time as text.
_TIMES = ("issued_before", "deadline")

QUOTE_IN_YAML = "quote it in YAML, which otherwise changes what is written (0123 to 83, NO to false)"


class Texts:
    """The options of an entry that are text, lists of text, or structures with text at any depth."""

    def __init__(self, spec: Spec) -> None:
        strings = [name for name, rules in spec.items() if rules["type"] == "str" and name not in _REFUSED_ELSEWHERE]
        secret = {name for name, rules in spec.items() if rules.get("no_log")}
        self.plain = frozenset(strings) - secret
        self.secret = frozenset(strings) & secret
        self.lists = frozenset(name for name, rules in spec.items() if rules.get("elements") == "str")
        self.deep = frozenset(name for name, rules in spec.items() if rules["type"] in ("raw", "dict"))

    def misread(self, entry: t.Mapping[t.Any, t.Any], place: str) -> t.Iterator[str]:
        """Describe the values that should be text but are not. An option that is null counts as not set."""
        for option, value in entry.items():
            if value is None or isinstance(value, str):
                continue
            if option in self.plain and reading(value):
                yield f"{place}{option} is {reading(value)}"
            elif option in self.secret and reading(value):
                yield f"{place}{option} is a number"
            elif option in self.lists or (option in self.deep and isinstance(value, (t.Mapping, list, tuple))):
                yield from () if is_text(value) else _within(place + option, value)


_ENTRY = Texts({**REQUESTED, **RENEWED, **FINALIZED, **SETTLED})


def check_values(params: t.Mapping[str, t.Any]) -> None:
    """Raise ConfigurationError with the names of all values that should be text but are not.

    ``params`` are the options in the play.
    """
    found = [
        *_of_mode(params.get("mode")),
        *_of_list(params, "names"),
        *_of_replacement(params.get("replace")),
        *_of_entries(params.get("certificates")),
        *_of_freezes(params.get("renewal_freezes")),
        *_of_defaults(params.get("certificate_defaults")),
    ]
    if found:
        raise ConfigurationError(f"{few(found)}: {QUOTE_IN_YAML}; in a template add the filter string")


def few(found: t.Sequence[str]) -> str:
    """Return the first problems, and the number of the others."""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def is_text(value: object) -> bool:
    """Return whether a value is text, or a structure of dicts, lists and tuples with nothing but text in it."""
    if isinstance(value, dict):
        for key, inner in value.items():  # all() takes three times as long
            if not isinstance(key, str) or not (isinstance(inner, str) or is_text(inner)):
                return False
        return True
    return isinstance(value, str) or (isinstance(value, (list, tuple)) and all(map(is_text, value)))


def _of_mode(mode: object) -> t.Iterator[str]:
    """Check for a mode that YAML has changed."""
    if isinstance(mode, str) and mode.strip() in _MODES_IN_DECIMAL:
        yield f"mode is {mode.strip()}, which YAML makes of {_MODES_IN_DECIMAL[mode.strip()]}"
    elif isinstance(mode, (bool, float)) or (isinstance(mode, int) and not 0 <= mode <= 0o777):
        yield f"mode is {reading(mode)}"


def _of_entries(entries: object) -> t.Iterator[str]:
    if isinstance(entries, str) and _DATE_IN_TEXT.search(entries):
        yield "certificates has a date in it"
    for number, entry in enumerate(entries if isinstance(entries, (list, tuple)) else ()):
        if isinstance(entry, t.Mapping):
            name = entry.get("name")
            yield from _ENTRY.misread(entry, f"{name}: " if isinstance(name, str) else f"certificates[{number}]: ")


def _of_freezes(freezes: object) -> t.Iterator[str]:
    """Check for dates that a template has turned into text; other dates are understood."""
    if isinstance(freezes, str) and _DATE_IN_TEXT.search(freezes):
        yield "renewal_freezes has a date in it"


def _of_defaults(defaults: object) -> t.Iterator[str]:
    if isinstance(defaults, t.Mapping):
        yield from _ENTRY.misread(defaults, "certificate_defaults.")


def _of_list(options: t.Mapping[str, t.Any], name: str) -> t.Iterator[str]:
    """Check a list of text; the option may also be a single text."""
    if options.get(name) is not None:
        yield from _within(name, options[name])


def _of_replacement(options: object) -> t.Iterator[str]:
    """Check the option replace: serial numbers and names are text; a time may be a date."""
    if isinstance(options, t.Mapping):
        texts = {name: value for name, value in options.items() if name not in _TIMES and value is not None}
        yield from _within("replace", texts)


def _within(place: str, value: object) -> t.Iterator[str]:
    if isinstance(value, t.Mapping):
        for key, inner in value.items():
            if reading(key):
                yield f"{place} has {reading(key)} as a key"
            yield from _within(f"{place}.{key}", inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _within(f"{place}[{number}]", inner)
    elif reading(value):
        yield f"{place} is {reading(value)}"


def reading(value: object) -> str | None:
    """Describe the value that YAML has read; None for text and for types that YAML does not produce."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "the boolean " + str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, dt.date):
        return f"the date {value}"
    return None
