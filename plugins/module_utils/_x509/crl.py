# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a revocation list (RFC 5280), and believe it only if the CA of the certificates has signed it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import re
import typing as t

from .._clock import timestamp
from . import asn1
from .load import UNREADABLE, load_certificate
from .revocation import SKEW, NotKnownError, Revoked, utc_of
from .signature import UncheckableError, check_signed
from .x500 import X500Name

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

_PEM = re.compile(rb"-----BEGIN X509 CRL-----(.+?)-----END X509 CRL-----", re.DOTALL)
# Extensions that say nothing about which certificates are on the list (RFC 5280, 5.2).
_HARMLESS = ("2.5.29.20", "2.5.29.35", "2.5.29.18", "2.5.29.46", "1.3.6.1.5.5.7.1.1")
_PARTITION = "2.5.29.28"


class RevocationList:
    """A list that is signed by a CA. Usable from several threads."""

    def __init__(self, content: bytes, issuer: bytes) -> None:
        """Read a list in DER or PEM; ``issuer`` is the certificate of the CA in DER. Raises NotKnownError."""
        try:
            self._list = x509.load_der_x509_crl(_der(content))
            self._check_issuer(issuer)
            self._partition = self._read_extensions()
            self._begins = utc_of(self._list, "last_update")
            self.next_update = utc_of(self._list, "next_update")
            self._places = {one.serial_number: place for place, one in enumerate(self._list)}
        except UNREADABLE as exc:
            raise NotKnownError(f"it is no revocation list that can be read ({exc})") from exc

    def find(self, serial: int, urls: t.Sequence[str], now: dt.datetime) -> Revoked | None:
        """Return the revocation of a certificate by its serial number; None if it is not revoked.

        ``urls`` are the places at which the certificate says that its list is: a list may be for those of one place
        only. A list that is too old tells who is on it, not who is not. Raises NotKnownError.
        """
        place = self._places.get(serial)
        if place is not None:
            return self._revoked(place)
        if self._begins is None or self._begins > now + SKEW:
            raise NotKnownError(f"the list is of {timestamp(self._begins)}, which is not over yet on this machine")
        if self.next_update is None or now > self.next_update + SKEW:
            until = "it does not say until when it is good"
            raise NotKnownError(f"it was good until {timestamp(self.next_update)}" if self.next_update else until)
        if self._partition is not None and not self._partition & set(urls):
            raise NotKnownError("the list is for the certificates of another distribution point")
        return None

    def _revoked(self, place: int) -> Revoked:
        entry = self._list[place]
        reason = ""
        with contextlib.suppress(*UNREADABLE):
            for extension in entry.extensions:
                if isinstance(extension.value, x509.CRLReason):
                    reason = extension.value.reason.value
        return Revoked(utc_of(entry, "revocation_date"), reason)

    def _check_issuer(self, issuer: bytes) -> None:
        ca = load_certificate(issuer)
        name = X500Name.read(asn1.element(self._list.issuer.public_bytes()))
        if name.comparable() != ca.subject.comparable():
            raise NotKnownError("the list is of another CA")
        try:
            check_signed(self._list, self._list.tbs_certlist_bytes, ca)
        except InvalidSignature:
            raise NotKnownError("the signature of the list is wrong") from None
        except UncheckableError as exc:
            raise NotKnownError(f"the signature of the list {exc}") from exc

    def _read_extensions(self) -> set[str] | None:
        """Return the places of the certificates that the list is for; None if it is for all."""
        for extension in self._list.extensions:
            oid = extension.oid.dotted_string
            if oid == _PARTITION:
                return _places(extension.value)
            if extension.critical and oid not in _HARMLESS:
                raise NotKnownError(f"the list has the critical extension {oid}, and so may be only a part of it")
        return None


def _places(partition: t.Any) -> set[str] | None:
    if (
        partition.indirect_crl
        or partition.only_contains_ca_certs
        or partition.only_contains_attribute_certs
        or partition.only_some_reasons
    ):
        raise NotKnownError("the list is indirect, or for some reasons or other kinds of certificates only")
    if partition.full_name is None:
        # One that is relative to the name of the CA is no place of these certificates, which are compared by address.
        return None if partition.relative_name is None else set()
    return {str(name.value) for name in partition.full_name}


def _der(content: bytes) -> bytes:
    found = _PEM.search(content)
    if found is None:
        return content
    try:
        return base64.b64decode(b"".join(found[1].split()), validate=True)
    except binascii.Error as exc:
        raise NotKnownError("it is no revocation list that can be read (not base64)") from exc
