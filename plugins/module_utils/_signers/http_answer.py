# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the answer of a CA: where its certificate is, and which answers mean "not yet" or "never". Pure."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from .._errors import ConfigurationError
from .._http.api import HttpResponse
from .._printable import brief
from .._x509.api import parse_certificates
from .http_options import at, mapping_of, statuses_of, text_of

_NUMBER_LENGTH = 1000
# Of a longer text only the length is told, so there is nothing to mask.
_READ_FOR_WORDS = 5000
_LONGEST_WORDS = 500
_MISSING = object()


class Page:
    """The body of an answer, read in the form that is asked for."""

    def __init__(self, response: HttpResponse) -> None:
        self.response = response
        self._json: t.Any = None

    @property
    def text(self) -> str:
        """The body as text; another encoding than UTF-8 shows as such."""
        return self.response.body.decode("utf-8-sig", "replace")

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        start = self.text.lstrip()[:200].lower()
        return start.startswith(("<!doctype html", "<html")) or "<head" in start

    def json(self) -> t.Any:
        """Return the body as JSON types; nothing where it is no JSON."""
        if self._json is None:
            try:
                self._json = json.loads(self.text)
            except (ValueError, RecursionError):
                self._json = _MISSING
        return self._json


@dataclasses.dataclass(frozen=True)
class Selector:
    """A place in an answer: a JSON pointer, a header, or a group of a regular expression."""

    written: str

    @classmethod
    def parse(cls, option: str, value: object) -> Selector | None:
        """Read an option; None where it is not set. Raises ConfigurationError."""
        text = text_of(option, value)
        if text is None:
            return None
        kind, colon, rest = text.partition(":")
        if text.startswith("/"):
            if re.search(r"~(?![01])", text):
                raise ConfigurationError(f"{option}: {text!r} is no JSON pointer: write ~ as ~0, and / in a name as ~1")
        elif not colon or kind not in ("header", "regex") or not rest:
            raise ConfigurationError(
                f"{option} must be a JSON pointer such as /data/certificate, header:NAME, or regex:PATTERN with a "
                f"group, not {text!r}"
            )
        elif kind == "regex":
            _check_pattern(option, rest)
        return cls(text)

    def find(self, page: Page) -> t.Any:
        """Return the value, None where there is none."""
        kind, _colon, rest = self.written.partition(":")
        if self.written.startswith("/"):
            return _pointed(page.json(), self.written)
        if kind == "header":
            return page.response.headers.get(rest.lower())
        found = re.search(rest, page.text)
        return found[1] if found else None


@dataclasses.dataclass(frozen=True)
class Case:
    """Answers that mean one thing: those with a status, and those with a value at a place."""

    statuses: frozenset[int] = frozenset()
    when: tuple[tuple[Selector, frozenset[str]], ...] = ()

    @classmethod
    def parse(cls, option: str, value: object, statuses: t.Iterable[int] = ()) -> Case:
        """Read an option; ``statuses`` is the default of its own. Raises ConfigurationError."""
        given = mapping_of(option, value, ("status", "when"))
        when = mapping_of(f"{option}.when", given.get("when"), None)
        return cls(
            statuses_of(f"{option}.status", given.get("status"), statuses),
            tuple(_condition(f"{option}.when", place, values) for place, values in when.items()),
        )

    def has_value(self, page: Page) -> bool:
        """Return whether a value is at its place."""
        return any(_as_text(place.find(page)) in values for place, values in self.when)


@dataclasses.dataclass(frozen=True)
class AnswerRules:
    """How the answer to one request is read. ``option`` is where these rules come from."""

    option: str = "answer"
    certificate: Selector | None = None
    chain: Selector | None = None
    order_number: Selector | None = None
    reason: Selector | None = None
    not_yet: Case = dataclasses.field(default_factory=lambda: Case(frozenset((202,))))
    never: Case = dataclasses.field(default_factory=Case)

    @classmethod
    def parse(cls, option: str, value: object) -> AnswerRules:
        """Read an option. Raises ConfigurationError."""
        names = ("certificate", "chain", "order_number", "reason")
        given = mapping_of(option, value, (*names, "not_yet", "never"))
        return cls(
            option=option,
            **{name: Selector.parse(at(option, name), given.get(name)) for name in names},
            not_yet=Case.parse(at(option, "not_yet"), given.get("not_yet"), (202,)),
            never=Case.parse(at(option, "never"), given.get("never")),
        )

    def certificates(self, page: Page) -> list[bytes]:
        """Return the certificate and its chain in DER, in no order; nothing where there is none."""
        found = self._at(page, self.certificate)
        return [*found, *(self._at(page, self.chain) if found and self.chain else [])]

    def number(self, page: Page) -> str | None:
        """Return what the CA calls the request. Raises ValueError where it is nothing that can be kept."""
        value = self.order_number.find(page) if self.order_number else None
        text = _as_text(value)
        if text is None or not text.strip():
            return None
        if isinstance(value, (list, dict)) or not text.isprintable() or len(text) > _NUMBER_LENGTH:
            raise ValueError(f"one line of at most {_NUMBER_LENGTH} printable characters")
        return text.strip()

    def words(self, page: Page, hide: t.Callable[[str], str]) -> str:
        """Return what the CA says, fit for a message."""
        found = self.reason.find(page) if self.reason else None
        if page.is_html and not found:
            return "a page in HTML"
        text = (_as_text(found) or page.text).strip()
        return brief(hide(text) if len(text) <= _READ_FOR_WORDS else text, _LONGEST_WORDS)

    def is_foreign(self, page: Page) -> bool:
        """Return whether this is a page for people where JSON is read, so that somebody else than the CA answered."""
        places = (self.certificate, self.chain, self.order_number, self.reason)
        return page.is_html and any(place is not None and place.written.startswith("/") for place in places)

    def _at(self, page: Page, place: Selector | None) -> list[bytes]:
        value = page.response.body if place is None else place.find(page)
        found: list[bytes] = []
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, (str, bytes)) and part.strip():
                try:
                    found += parse_certificates(part)
                except ConfigurationError:
                    continue
        return found


def _pointed(value: t.Any, pointer: str) -> t.Any:
    """Return what a JSON pointer points to (RFC 6901), None where there is nothing."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,8}", name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _condition(option: str, place: str, values: t.Any) -> tuple[Selector, frozenset[str]]:
    selector = Selector.parse(option, place)
    given = values if isinstance(values, (list, tuple)) else [values]
    texts = [_as_text(value) for value in given if not isinstance(value, (list, dict))]
    if selector is None or not texts or len(texts) < len(given) or None in texts:
        raise ConfigurationError(f"{option}: {place} needs the values that it is compared with, in a list")
    return selector, frozenset(text for text in texts if text is not None)


def _check_pattern(option: str, pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise ConfigurationError(f"{option}: {pattern!r} is no regular expression: {exc}") from exc
    if not compiled.groups:
        raise ConfigurationError(f"{option}: {pattern!r} needs a group, which is the value: regex:ReqID=([0-9]+)")


def _as_text(value: t.Any) -> str | None:
    """Return a value of JSON as text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)
