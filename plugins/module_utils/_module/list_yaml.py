# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list of certificates in YAML.

This builds the values from the events of PyYAML's parser. ``yaml.load`` takes five times as long, keeps the whole file
in memory, forgets a value whose key is there twice, and loses the lines.
"""

from __future__ import annotations

import datetime as dt
import sys
import typing as t

from .._errors import ConfigurationError
from .list_json import shape

try:
    import yaml
except ImportError:
    HAS_YAML = False
else:
    HAS_YAML = True

_PREFIX = "tag:yaml.org,2002:"
# The tags of values that a list may have. A date has no tag of its own, since its constructor trusts the text.
_TAGS = {f"{_PREFIX}{name}" for name in ("bool", "float", "int", "map", "null", "seq", "str")}
_KEYS = (str, int, float, dt.date, type(None))


def yaml_rows(path: str, file: t.TextIO, key: str) -> t.Iterator[tuple[int, object]]:
    """Return the entries with the lines in which they begin; ``key`` is that of the list in a mapping.

    Raises ConfigurationError.
    """
    if not HAS_YAML:
        raise ConfigurationError(
            f"{path}: there is no PyYAML for {sys.executable} on this host: install it, or give the list as JSON Lines"
        )
    try:
        yield from _Reader(path, getattr(yaml, "CSafeLoader", yaml.SafeLoader)(file)).rows(key)
    except yaml.MarkedYAMLError as exc:
        line, begun = (mark.line + 1 if mark else 1 for mark in (exc.problem_mark, exc.context_mark))
        within = f", {exc.context} that begins in line {begun}" if exc.context_mark and begun < line else ""
        raise ConfigurationError(f"{path}, line {line}: this is not YAML: {exc.problem}{within}") from exc
    except yaml.reader.ReaderError as exc:
        raise ConfigurationError(f"{path}: this is not YAML: {exc.reason} (character {exc.position})") from exc


class _Reader:
    """The values of one file."""

    def __init__(self, path: str, loader: t.Any) -> None:
        self._path = path
        self._loader = loader
        self._next = loader.get_event
        # A text without quotes may be another type only if it begins with one of these.
        self._beginnings = frozenset(loader.yaml_implicit_resolvers)
        # Equal keys share their memory.
        self._keys: dict[t.Any, t.Any] = {}
        self._anchors: dict[str, t.Any] = {}
        self._builders: dict[type, t.Callable[[t.Any], t.Any]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.AliasEvent: self._alias,
        }

    def rows(self, wanted: str) -> t.Iterator[tuple[int, object]]:
        """Return the entries with their lines. Raises ConfigurationError."""
        self._next()  # the beginning of the stream
        self._next()  # the beginning of the document, or the end of an empty stream
        event = self._next() if self._loader.check_event() else None
        within = isinstance(event, yaml.MappingStartEvent)
        if within:
            key = self._next()
            event = self._next() if isinstance(key, yaml.ScalarEvent) and key.value == wanted else None
        if not isinstance(event, yaml.SequenceStartEvent):
            raise ConfigurationError(f"{self._path}: {shape(wanted)}")
        while True:
            event = self._next()
            if isinstance(event, yaml.SequenceEndEvent):
                break
            yield event.start_mark.line + 1, self._value(event)
        for end in (yaml.MappingEndEvent, yaml.DocumentEndEvent, yaml.StreamEndEvent)[0 if within else 1 :]:
            event = self._next()
            if not isinstance(event, end):
                raise self._error(event, shape(wanted))

    def _value(self, event: t.Any) -> t.Any:
        value = self._builders[type(event)](event)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: t.Any) -> t.Any:
        if event.anchor not in self._anchors:
            raise self._error(event, f"there is no anchor {event.anchor} before this alias")
        return self._anchors[event.anchor]

    def _sequence(self, event: t.Any) -> list[t.Any]:
        self._check_tag(event)
        values: list[t.Any] = []
        while True:
            event = self._next()
            if event.__class__ is yaml.SequenceEndEvent:
                return values
            values.append(self._value(event))

    def _mapping(self, event: t.Any) -> dict[t.Any, t.Any]:
        self._check_tag(event)
        own: dict[t.Any, t.Any] = {}
        merged: dict[t.Any, t.Any] = {}
        while True:
            event = self._next()
            if event.__class__ is yaml.MappingEndEvent:
                return {**merged, **own} if merged else own
            if event.__class__ is yaml.ScalarEvent and event.value == "<<" and event.implicit[0]:
                merged.update(self._merged(event))
                continue
            key = self._value(event)
            if not isinstance(key, _KEYS):
                raise self._error(event, "a mapping has a mapping or a list as a key; quote a text that begins with {")
            if key in own:
                raise self._error(event, f"the key {key} is there twice")
            own[self._keys.setdefault(key, key)] = self._value(self._next())

    def _merged(self, event: t.Any) -> dict[t.Any, t.Any]:
        """Return the mapping, or the first of several, that the key ``<<`` adds."""
        value = self._value(self._next())
        found: dict[t.Any, t.Any] = {}
        for mapping in reversed(value if isinstance(value, list) else [value]):
            if not isinstance(mapping, dict):
                raise self._error(event, "the value of << is neither a mapping nor a list of mappings")
            found.update(mapping)
        return found

    def _scalar(self, event: t.Any) -> t.Any:
        tag, value = event.tag, event.value
        if tag is None and (not event.implicit[0] or value[:1] not in self._beginnings):
            return value
        self._check_tag(event)
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, value, event.implicit)
        try:
            node = yaml.ScalarNode(tag, value, event.start_mark)
            return self._loader.yaml_constructors[tag](self._loader, node)
        except (KeyError, ValueError, OverflowError) as exc:
            raise self._error(event, f"a value cannot be read as {tag.rpartition(':')[2]}; quote it") from exc

    def _check_tag(self, event: t.Any) -> None:
        if event.tag not in (None, "!", *_TAGS):
            raise self._error(event, f"the tag {event.tag} has no meaning in such a list")

    def _error(self, event: t.Any, problem: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}, line {event.start_mark.line + 1}: {problem}")
