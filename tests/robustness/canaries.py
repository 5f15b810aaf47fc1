# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognizable secrets, and a search for each form in which they may have been written.

The search uses nothing of the collection's own masking, so it finds a form that the masking forgets.
"""

from __future__ import annotations

import base64
import binascii
import collections.abc as c
import html
import json
import re
import typing as t
import urllib.parse
from pathlib import Path
from xml.sax import saxutils

# Every secret that a person makes up begins with it, so the search also finds a part of such a secret.
MARK = "cAnArY"
# Characters that the ways to escape treat differently. A token cannot have a blank or a character outside ASCII, so
# there is none. There is no @ either: Ansible takes the text before an @ for a password and hides it. That would hide a
# mask that we forgot.
TOKEN_TAIL = "\"x'y\\z+/=%&<>#?;~$"
AWKWARD_TAIL = f" \u00e9\u20ac{TOKEN_TAIL}"


class Finding(t.NamedTuple):
    """A secret in a place where none should be."""

    secret: str
    form: str
    place: str


class Search:
    """Find secrets, given by name, in bytes."""

    def __init__(self, secrets: c.Mapping[str, str | bytes]) -> None:
        self._needles: dict[bytes, tuple[str, str]] = {}
        for name, secret in {**_parts(secrets), **secrets, "any of ours": MARK}.items():
            for form, needle in forms(secret):
                self._needles.setdefault(needle, (name, form))

    def look(self, place: str, content: bytes) -> list[Finding]:
        """Return the secrets in a content, also where long lines were broken, as base64 often is."""
        whole = b"\0".join([content, content.replace(b"\r", b"").replace(b"\n", b"")])
        return [Finding(*names, place) for needle, names in self._needles.items() if needle in whole]

    def look_in(self, directory: Path, *, without: c.Container[Path] = ()) -> list[Finding]:
        """Return the secrets in the names and contents of all files below a directory."""
        found: list[Finding] = []
        for path in sorted(directory.rglob("*")):
            if path in without or any(parent in without for parent in path.parents):
                continue
            place = str(path.relative_to(directory))
            found += self.look(f"name of {place}", place.encode("utf-8", "surrogateescape"))
            if path.is_file():
                found += self.look(place, path.read_bytes())
        return found


def _parts(secrets: c.Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """Return the payloads and signatures of JWTs, and the claims in each payload."""
    found: dict[str, str | bytes] = {}
    for name, secret in secrets.items():
        _header, *rest = secret.split(".") if isinstance(secret, str) else [""]
        if len(rest) == 2:
            found.update({f"{name} (payload)": rest[0], f"{name} (signature)": rest[1]})
            found[f"{name} (start of the payload)"] = rest[0][:40]
            found[f"{name} (start of the signature)"] = rest[1][:24]
            try:
                found[f"{name} (claims)"] = base64.urlsafe_b64decode(rest[0] + "==")
            except binascii.Error:
                continue
    return found


def forms(secret: str | bytes) -> c.Iterator[tuple[str, bytes]]:
    """Return the ways to write a secret, by name; each also as JSON writes it, since results are printed as JSON."""
    raw = secret.encode() if isinstance(secret, str) else secret
    for name, form in [*_as_text(raw), *_as_url(raw), *_as_base64(raw)]:
        yield name, form
        text = form.decode("utf-8", "replace")
        for kind, ensure_ascii in (("JSON", False), ("JSON in ASCII", True)):
            once = json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]
            yield f"{name}, in {kind}", once.encode()
            yield f"{name}, twice in {kind}", json.dumps(once, ensure_ascii=ensure_ascii)[1:-1].encode()
            yield f"{name}, in {kind} in XML", saxutils.escape(once, {'"': "&quot;"}).encode()


def _as_text(raw: bytes) -> c.Iterator[tuple[str, bytes]]:
    yield "raw", raw
    yield "hex", raw.hex().encode()
    yield "hex in capitals", raw.hex().upper().encode()
    yield "repr of bytes", repr(raw)[2:-1].encode()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return
    yield "UTF-16", text.encode("utf-16-le")
    yield "repr", repr(text)[1:-1].encode()
    yield "repr in ASCII", ascii(text)[1:-1].encode()
    yield (
        "JSON with capitals",
        re.sub(r"\\u....", lambda one: "\\u" + one[0][2:].upper(), json.dumps(text)[1:-1]).encode(),
    )
    yield "JSON with slashes", json.dumps(text)[1:-1].replace("/", "\\/").encode()
    yield "HTML", html.escape(text).encode()
    yield "HTML with a decimal apostrophe", html.escape(text).replace("&#x27;", "&#39;").encode()
    yield "YAML with apostrophes", text.replace("'", "''").encode()


def _as_url(raw: bytes) -> c.Iterator[tuple[str, bytes]]:
    for kind, quote in (("URL", urllib.parse.quote), ("form", urllib.parse.quote_plus)):
        for safe in ("", "/", "!'()*"):
            quoted = quote(raw, safe=safe)
            small = "".join(part.lower() if part.startswith("%") else part for part in re.split("(%..)", quoted))
            yield f"{kind}, {safe or 'nothing'} left", quoted.encode()
            yield f"{kind} with small digits, {safe or 'nothing'} left", small.encode()


def _as_base64(raw: bytes) -> c.Iterator[tuple[str, bytes]]:
    """Return the characters that do not depend on the bytes before and after, for each place in a group of three."""
    for shift in range(3):
        rest = -(shift + len(raw)) % 3
        zeros, ones = (base64.b64encode(byte * shift + raw + byte * rest) for byte in (b"\0", b"\xff"))
        same = bytes(zero for zero, one in zip(zeros, ones, strict=True) if zero == one)
        yield f"base64, {shift} off", same
        yield f"base64 for URLs, {shift} off", same.translate(bytes.maketrans(b"+/", b"-_"))
