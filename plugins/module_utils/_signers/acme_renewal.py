# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask an ACME CA when a certificate is to be renewed (ARI, RFC 9773)."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import typing as t

from .._clock import parse_timestamp, to_the_minute
from .._errors import ConfigurationError
from .._printable import brief
from .._x509.api import authority_key_identifier, load_certificate, validity_of


def certificate_id(certificate: bytes) -> str | None:
    """Return the name of a certificate in renewal information (RFC 9773, 4.1); None if it can have none."""
    loaded = load_certificate(certificate)
    issuer_key = authority_key_identifier(loaded)
    serial = loaded.serial_number
    if not issuer_key or serial < 0:
        return None
    # As in DER, which has one more byte where the first bit is set.
    return f"{_base64url(issuer_key)}.{_base64url(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def has_ended(certificate: bytes, now: dt.datetime) -> bool:
    """Return whether a certificate has expired: then the CA must not be asked (RFC 9773, 4.3)."""
    try:
        return validity_of(load_certificate(certificate))[1] <= now
    except ConfigurationError:
        return True


def why_due(told: t.Any, certificate: bytes, now: dt.datetime) -> str:
    """Return why a certificate is due by what the CA told, empty if it is not.

    The moment is in the window that the CA suggests, and the same in each run. Raises ValueError for anything else
    than renewal information.
    """
    try:
        window = told["suggestedWindow"]
        start, end = parse_timestamp(window["start"]), parse_timestamp(window["end"])
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"no suggestedWindow with start and end: {told!r}") from exc
    if end < start:
        raise ValueError(f"the window ends at {window['end']}, before it begins")
    digest = hashlib.sha256(certificate + window["start"].encode() + window["end"].encode()).digest()
    moment = start + (end - start) * (int.from_bytes(digest[:4], "big") / 2**32)
    if now < moment:
        return ""
    explained = f" ({brief(str(told['explanationURL']))})" if told.get("explanationURL") else ""
    return f"the CA wants it renewed between {to_the_minute(start)} and {to_the_minute(end)}{explained}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
