# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mask secrets in texts, in each form in which a service, a library or Python may write them. Pure."""

from __future__ import annotations

import base64
import collections.abc as c
import json
import re
import typing as t
from urllib.parse import quote, quote_plus

MASK = "********"

# A shorter form occurs in too many texts by chance; the secret itself is masked at any length.
_SHORTEST_FORM = 6
# A search looks at a text in steps of this size, so it takes the same time for one secret and for a thousand.
_STEP = 4
_STEPS = re.compile(f".{{{_STEP}}}", re.DOTALL)
# A form of this length holds a whole step at any offset.
_LONG = 2 * _STEP - 1
# .NET escapes these in JSON as well (System.Text.Encodings.Web.JavaScriptEncoder.Default).
_DOTNET_ESCAPED = "\"&'+<>`"
# Characters that no language escapes and no URL quotes: most tokens and request codes have only these.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
# Three parts in base64url. Other secrets with two dots, such as a connection string, have parts that are no secrets.
_JWT = re.compile(r"[A-Za-z0-9_-]+=*(\.[A-Za-z0-9_-]*=*){2}")

# Names of members of a request whose values are secrets; not such as token_type, whose value is the name of a kind.
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|credential|api.?key|^key$|^pin$|authori[sz]ation|cookie", re.IGNORECASE
)
_NO_SECRET_NAME = re.compile(r"(type|name|path|url|uri|accessor|usage|ttl)$", re.IGNORECASE)


class Secrets:
    """The secrets of one process. Usable from several threads."""

    def __init__(self) -> None:
        self._known: set[str | bytes] = set()
        self._short: set[str] = set()
        self._long: set[str] = set()
        # piece of a long form -> where it is in that form, and the length of the form; few of these pairs are distinct
        self._pieces: dict[str, tuple[tuple[int, int], ...]] = {}
        self._pairs: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}

    def add(self, secret: str | bytes | None) -> None:
        """Mask this secret from now on, and the parts of it if it is a JWT; an empty one is ignored."""
        if not secret or secret in self._known:
            return
        self._known.add(secret)
        parts = secret.split(".")[1:] if isinstance(secret, str) and _JWT.fullmatch(secret) else []
        for form in forms_of(secret).union(*(forms_of(part) for part in parts if part)):
            self._index(form)

    def hide(self, text: str) -> str:
        """Return the text with a mask instead of each secret."""
        shown: list[str] = []
        end = 0
        for start, stop in sorted(self._spans(text)):
            if start >= end:
                shown += [text[end:start], MASK]
            end = max(end, stop)
        return "".join([*shown, text[end:]])

    def hide_in(self, value: t.Any) -> t.Any:
        """Return JSON types with masks in their texts. Names stay, as in Ansible: none of them comes from outside."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, c.Mapping):
            return {name: self.hide_in(member) for name, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.hide_in(member) for member in value]
        return value

    def _index(self, form: str) -> None:
        if len(form) < _LONG:
            self._short.add(form)
            return
        self._long.add(form)
        for offset in range(_STEP):
            piece, pair = form[offset : offset + _STEP], (offset, len(form))
            known = self._pieces.get(piece, ())
            if not known:
                self._pieces[piece] = self._pairs.setdefault(pair, (pair,))
            elif pair not in known:
                self._pieces[piece] = (*known, pair)

    def _spans(self, text: str) -> c.Iterator[tuple[int, int]]:
        """Return begin and end of each occurrence, in no order."""
        for step, pairs in enumerate(map(self._pieces.get, _STEPS.findall(text))):
            if pairs is None:
                continue
            for offset, length in pairs:
                start = step * _STEP - offset
                if start >= 0 and text[start : start + length] in self._long:
                    yield start, start + length
        for form in tuple(self._short):
            yield from (found.span() for found in re.finditer(re.escape(form), text))


def secret_members(value: t.Any, at: str = "") -> c.Iterator[tuple[str, str]]:
    """Return the place and the value of each member of JSON types that looks like a secret, by its name.

    A value with a placeholder such as ``${secret.pin}`` is none. ``at`` is the place of ``value``.
    """
    if isinstance(value, c.Mapping):
        for name, member in value.items():
            place = f"{at}.{name}"
            if isinstance(member, (str, int)) and _is_secret(str(name), str(member)):
                yield place, str(member)
            yield from secret_members(member, place)
    elif isinstance(value, (list, tuple)):
        for number, member in enumerate(value):
            yield from secret_members(member, f"{at}[{number}]")


def _is_secret(name: str, value: str) -> bool:
    named = _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name)
    return bool(named) and value != "" and "${" not in value


def forms_of(secret: str | bytes) -> set[str]:
    """Return the forms of a secret in texts: the secret itself at any length, other forms unless they are short."""
    raw = secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret
    text = raw.decode("utf-8", "surrogateescape")
    if _PLAIN.fullmatch(text):
        forms = {*_base64(raw), raw.hex(), raw.hex().upper()}
    else:
        forms = {*_escaped(text), *_encoded(raw)}
    if not text.isascii():
        # HTTP libraries take heads, and the passwords of proxies, for Latin-1.
        taken = raw.decode("latin-1")
        forms.update((taken, *_escaped(taken), *_encoded(text.encode("latin-1", "ignore"))))
    return {form for form in forms if len(form) >= _SHORTEST_FORM} | {text}


def _encoded(raw: bytes) -> c.Iterator[str]:
    yield from _quoted(raw)
    yield from _base64(raw)
    yield from (raw.hex(), raw.hex().upper(), repr(raw)[2:-1])


def _escaped(text: str) -> c.Iterator[str]:
    """Return the text within a JSON string, a Python literal and HTML."""
    import html  # slow to import, and most secrets have nothing to escape

    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", r"\/")
        yield re.sub(r"\\u[0-9a-f]{4}", _upper_digits, escaped)
    yield "".join(_dotnet(char) for char in text)
    yield from (repr(text)[1:-1], ascii(text)[1:-1])
    yield html.escape(text)
    yield html.escape(text).replace("&#x27;", "&#39;")


def _dotnet(char: str) -> str:
    if char in _DOTNET_ESCAPED:
        return f"\\u{ord(char):04X}"
    return re.sub(r"\\u[0-9a-f]{4}", _upper_digits, json.dumps(char)[1:-1])


def _upper_digits(match: re.Match[str]) -> str:
    return "\\u" + match[0][2:].upper()


def _quoted(raw: bytes) -> c.Iterator[str]:
    """Return the forms in a URL: as Python, as browsers and as .NET quote."""
    for safe in ("", "/", "!'()*", "!()*"):
        for form in (quote(raw, safe=safe), quote_plus(raw, safe=safe)):
            yield form
            yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form)


def _base64(raw: bytes) -> c.Iterator[str]:
    """Return it as base64, and the middle of it as it is within a longer base64 text."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        forms = [] if before else [encoded]
        forms.append(encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
        yield from forms
        yield from (form.replace("+", "-").replace("/", "_") for form in forms)
