# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a certificate says that its CA tells of revocations, and what can be told of one."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
import typing as t

from .._errors import ConfigurationError
from . import asn1
from .load import load_certificate

_AUTHORITY_INFORMATION = "1.3.6.1.5.5.7.1.1"
_OCSP = "1.3.6.1.5.5.7.48.1"
_DISTRIBUTION_POINTS = "2.5.29.31"
_URI = 0x86  # [6] of GeneralName
# How far the clocks of the CA and of this machine may differ.
SKEW = dt.timedelta(minutes=5)


class NotKnownError(Exception):
    """An answer does not tell whether a certificate is revoked; ``str()`` says why."""


@dataclasses.dataclass(frozen=True)
class Revoked:
    """A revocation: ``at`` is in UTC, ``reason`` a name of RFC 5280, 5.3.1, such as ``keyCompromise``; may be empty."""

    at: dt.datetime | None = None
    reason: str = ""

    @property
    def is_hold(self) -> bool:
        """Whether the CA may take it back."""
        return self.reason == "certificateHold"


def ocsp_urls(der: bytes) -> tuple[str, ...]:
    """Return the addresses of the OCSP responders of a certificate in DER; none where it cannot be read."""
    return tuple(_http(_responders(der)))


def crl_urls(der: bytes) -> tuple[str, ...]:
    """Return the addresses of the revocation lists for a certificate in DER; none where it cannot be read."""
    return tuple(_http(_lists(der)))


def utc_of(source: t.Any, name: str) -> dt.datetime | None:
    """Return a time of an object of ``cryptography``. Releases before 42 or 43 have it without a zone alone."""
    if hasattr(source, f"{name}_utc"):
        return t.cast("dt.datetime | None", getattr(source, f"{name}_utc"))
    moment: dt.datetime | None = getattr(source, name)
    return moment and moment.replace(tzinfo=dt.timezone.utc)


def _http(found: t.Iterable[bytes]) -> t.Iterator[str]:
    with contextlib.suppress(ConfigurationError, asn1.MalformedError):
        for uri in found:
            text = uri.decode("latin-1")
            if re.fullmatch(r"https?://[!-~]{1,2000}", text, re.IGNORECASE):
                yield text


def _responders(der: bytes) -> t.Iterator[bytes]:
    value = load_certificate(der).extension(_AUTHORITY_INFORMATION)
    for access in asn1.element(value).children() if value else ():
        method, location = access.children()[:2]
        if method.tag == asn1.OID and asn1.dotted(method.content) == _OCSP and location.tag == _URI:
            yield location.content


def _lists(der: bytes) -> t.Iterator[bytes]:
    """Yield the URIs of the distribution points that name no CRL issuer and no reasons of their own (RFC 5280)."""
    value = load_certificate(der).extension(_DISTRIBUTION_POINTS)
    for point in asn1.element(value).children() if value else ():
        parts = {part.tag: part for part in point.children()}
        if asn1.EXPLICIT_0 not in parts or len(parts) > 1:
            continue
        for names in parts[asn1.EXPLICIT_0].children():
            if names.tag == asn1.EXPLICIT_0:
                yield from (name.content for name in names.children() if name.tag == _URI)
