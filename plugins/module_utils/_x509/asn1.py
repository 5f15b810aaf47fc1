# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encodings of ASN.1: DER, and BER with indefinite lengths, which some programs use for PKCS#7.

``cryptography`` refuses a whole name, or all extensions, for one value that breaks the rules. This module reads names
and extensions one element at a time.
"""

from __future__ import annotations

import dataclasses

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
IMPLICIT_0, EXPLICIT_0, EXPLICIT_3 = 0x80, 0xA0, 0xA3

PKCS7 = "1.2.840.113549.1.7"
DATA, SIGNED_DATA = f"{PKCS7}.1", f"{PKCS7}.2"

_INDEFINITE = 0x80
_DEEPEST = 32


class MalformedError(ValueError):
    """The bytes are not the expected ASN.1."""


@dataclasses.dataclass(frozen=True)
class Element:
    """One element: its tag, its content, and the encoding of the whole element."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> list[Element]:
        """Return the elements in the content, in order; raises MalformedError."""
        return elements(self.content)

    def child(self, at: int, tag: int | None = None) -> Element:
        """Return one element of the content. Raises MalformedError, also if it has another tag than the given one."""
        found = self.children()
        if at >= len(found) or tag not in (None, found[at].tag):
            raise MalformedError("another element was expected")
        return found[at]


def element(data: bytes) -> Element:
    """Return the first element of the bytes, and ignore the rest; raises MalformedError."""
    return _read(data, 0, 0)[0]


def elements(data: bytes, most: int | None = None) -> list[Element]:
    """Return all elements of the bytes, or the first ones; raises MalformedError."""
    found: list[Element] = []
    at = 0
    while at < len(data) and len(found) != most:
        one, at = _read(data, at, 0)
        found.append(one)
    return found


def encode(tag: int, *parts: bytes) -> bytes:
    """Return an element in DER that contains the parts."""
    content = b"".join(parts)
    size = len(content)
    if size < _INDEFINITE:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _INDEFINITE | len(length)]) + length + content


def encode_oid(numbers: str) -> bytes:
    """Return an object identifier in DER."""
    first, second, *others = map(int, numbers.split("."))
    content = bytearray()
    for number in (40 * first + second, *others):
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return encode(OID, bytes(content))


def missing_bytes(data: bytes) -> int:
    """Return how many bytes of the first element are missing; 0 if it is complete, or if there is no element."""
    try:
        start, length = _header(data, 0)
    except MalformedError:
        return 0
    return 0 if length is None else max(0, start + length - len(data))


def _read(data: bytes, at: int, depth: int) -> tuple[Element, int]:
    start, length = _header(data, at)
    if length is None:
        end = _end_of_contents(data, start, depth + 1)
        return Element(data[at], data[start:end], data[at : end + 2]), end + 2
    if start + length > len(data):
        raise MalformedError("an element is cut off")
    return Element(data[at], data[start : start + length], data[at : start + length]), start + length


def _header(data: bytes, at: int) -> tuple[int, int | None]:
    """Return the offset of the content, and its length; None if an end-of-contents mark ends it."""
    if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
        raise MalformedError("no element begins here")
    first = data[at + 1]
    if first == _INDEFINITE:
        return at + 2, None
    if first < _INDEFINITE:
        return at + 2, first
    start = at + 2 + (first & 0x7F)
    if start > len(data):
        raise MalformedError("a length is cut off")
    return start, int.from_bytes(data[at + 2 : start], "big")


def _end_of_contents(data: bytes, at: int, depth: int) -> int:
    if depth > _DEEPEST:
        raise MalformedError("elements are nested too deep")
    while data[at : at + 2] != b"\0\0":
        _element, at = _read(data, at, depth)
    return at


def dotted(content: bytes) -> str:
    """Return an object identifier in dotted form; raises MalformedError."""
    if not content or content[-1] & 0x80:
        raise MalformedError("an object identifier is cut off")
    numbers = [0]
    for byte in content:
        numbers[-1] = numbers[-1] << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:-1])))
