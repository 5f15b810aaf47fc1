# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list of certificates in JSON, or in JSON Lines (https://jsonlines.org)."""

from __future__ import annotations

import json
import re
import typing as t

from .._errors import ConfigurationError

_BLANK = r"[ \t\r\n]*"
_BETWEEN = re.compile(r"[ \t\r\n]*(,|(?=\]))[ \t\r\n]*")
_END = re.compile(r"\][ \t\r\n]*")
_END_IN_MAPPING = re.compile(r"\][ \t\r\n]*\}[ \t\r\n]*")


class _Mappings:
    """Make mappings of JSON objects. Equal keys share their memory."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def __call__(self, pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
        """Return a mapping. Raises ValueError if a key is there twice; Python would take the last value."""
        same = self._keys.setdefault
        found = {same(key, key): value for key, value in pairs}
        if len(found) < len(pairs):
            keys = [key for key, _value in pairs]
            raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)} is there twice")
        return found


def shape(key: str) -> str:
    """Return what a file with a list is, in words."""
    return f"the file must be a list, or a mapping with the one key {key}, whose value is a list"


def is_entry(line: str) -> bool:
    """Return whether a line, which begins with a brace, is an entry of JSON Lines."""
    try:
        return "certificates" not in json.loads(line)
    except ValueError:
        return False


def json_line_rows(path: str, file: t.Iterable[str]) -> t.Iterator[tuple[int, object]]:
    """Return the entries with their lines; a blank line is none. Raises ConfigurationError."""
    decode = json.JSONDecoder(object_pairs_hook=_Mappings()).decode
    for line, text in enumerate(file, 1):
        if text.isspace():
            continue
        try:
            entry = decode(text)
        except ValueError as exc:
            raise ConfigurationError(f"{path}, line {line}: {_problem(exc)}") from exc
        yield line, entry


def json_rows(path: str, file: t.TextIO, key: str) -> t.Iterator[tuple[int, object]]:
    """Return the entries with the lines in which they begin; ``key`` is that of the list in a mapping.

    Raises ConfigurationError.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_Mappings())
    text = file.read()
    opening = re.match(rf'{_BLANK}(\{{{_BLANK}"{key}"{_BLANK}:{_BLANK})?\[{_BLANK}', text)
    if not opening:
        raise _unfit(path, text, key)
    line, counted, position = 1, 0, opening.end()
    more = not text.startswith("]", position)
    while more:
        line, counted = line + text.count("\n", counted, position), position
        try:
            entry, position = decoder.raw_decode(text, position)
        except ValueError as exc:
            raise _broken(path, exc, line) from exc
        yield line, entry
        between = _BETWEEN.match(text, position)
        if not between:
            raise _unfit(path, text, key)
        position, more = between.end(), bool(between[1])
    if not (_END_IN_MAPPING if opening[1] else _END).fullmatch(text, position):
        raise _unfit(path, text, key)


def _unfit(path: str, text: str, key: str) -> ConfigurationError:
    """Say what is wrong with a text outside of its entries."""
    try:
        json.loads(text)
    except ValueError as exc:
        return _broken(path, exc, 1)
    return ConfigurationError(f"{path}: {shape(key)}")


def _broken(path: str, error: ValueError, line: int) -> ConfigurationError:
    """Say what is wrong with a text; ``line`` is where to look if the error does not tell it."""
    return ConfigurationError(f"{path}, line {getattr(error, 'lineno', line)}: {_problem(error)}")


def _problem(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"this is not JSON: {error.msg} (column {error.colno})"
    return str(error)
