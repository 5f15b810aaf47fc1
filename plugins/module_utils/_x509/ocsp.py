# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask an OCSP responder about a certificate (RFC 6960), and believe its answer only if it may give one."""

from __future__ import annotations

import datetime as dt
import hashlib
import typing as t

from .._clock import timestamp
from . import asn1
from .issued import date_problem
from .load import UNREADABLE, Certificate, load_certificate, signed_fields
from .revocation import SKEW, NotKnownError, Revoked, utc_of
from .signature import UncheckableError, check_signed, issued_by
from .x500 import X500Name

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import ocsp
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

_SHA1 = "1.3.14.3.2.26"
_NULL = b"\5\0"
_EXTENDED_KEY_USAGE = "2.5.29.37"
_OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
# An answer without nextUpdate is the newest that there is; an old one was kept by somebody else.
_NEWEST = dt.timedelta(days=1)


def ocsp_request(certificate: bytes, issuer: bytes) -> bytes:
    """Return a request in DER for one certificate, both in DER. It has no nonce, so that answers can be cached.

    Raises MalformedError.
    """
    serial, _algorithm, name, *_more = signed_fields(certificate)
    algorithm = asn1.encode(asn1.SEQUENCE, asn1.encode_oid(_SHA1), _NULL)
    hashes = (_sha1(name.encoded), _sha1(_key_bits(load_certificate(issuer))))
    octets = (asn1.encode(asn1.OCTET_STRING, one) for one in hashes)
    identifier = asn1.encode(asn1.SEQUENCE, algorithm, *octets, serial.encoded)
    nested = identifier
    for _level in ("Request", "requestList", "TBSRequest", "OCSPRequest"):
        nested = asn1.encode(asn1.SEQUENCE, nested)
    return nested


def read_ocsp(answer: bytes, certificate: bytes, issuer: bytes, now: dt.datetime) -> Revoked | None:
    """Return the revocation of a certificate; None if the responder says that it is good. Raises NotKnownError."""
    try:
        return _read(answer, certificate, issuer, now)
    except UNREADABLE as exc:
        raise NotKnownError(f"the answer is no answer of OCSP that can be read ({exc})") from exc


def _read(answer: bytes, certificate: bytes, issuer: bytes, now: dt.datetime) -> Revoked | None:
    response = ocsp.load_der_ocsp_response(answer)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise NotKnownError(f"the responder gives no answer ({response.response_status.name.lower()})")
    _check_responder(response, load_certificate(issuer), now)
    one = _about(response, certificate, load_certificate(issuer))
    status = one.certificate_status
    if status is ocsp.OCSPCertStatus.UNKNOWN:
        raise NotKnownError("the responder does not know the certificate")
    _check_times(one, now)
    if status is ocsp.OCSPCertStatus.GOOD:
        return None
    reason = one.revocation_reason
    return Revoked(utc_of(one, "revocation_time"), reason.value if reason else "")


def _about(response: t.Any, certificate: bytes, issuer: Certificate) -> t.Any:
    """Return the part of an answer that is about a certificate."""
    fields = signed_fields(certificate)
    serial = int.from_bytes(fields[0].content, "big", signed=True)
    for one in response.responses:
        algorithm = one.hash_algorithm.name.replace("-", "_")
        wanted = [
            hashlib.new(algorithm, content, usedforsecurity=False).digest()
            for content in (fields[2].encoded, _key_bits(issuer))
        ]
        if one.serial_number == serial and [one.issuer_name_hash, one.issuer_key_hash] == wanted:
            return one
    raise NotKnownError("the answer is about another certificate")


def _check_times(one: t.Any, now: dt.datetime) -> None:
    begins, ends = utc_of(one, "this_update"), utc_of(one, "next_update")
    if begins is None or begins > now + SKEW:
        raise NotKnownError(f"the answer is of {timestamp(begins)}, which is not over yet on this machine")
    if now > (ends or begins + _NEWEST) + SKEW:
        raise NotKnownError(f"the answer is too old: it was good until {timestamp(ends or begins + _NEWEST)}")


def _check_responder(response: t.Any, issuer: Certificate, now: dt.datetime) -> None:
    """Raise NotKnownError unless the CA itself, or a responder that it named, has signed the answer."""
    others = [load_certificate(one.public_bytes(Encoding.DER)) for one in response.certificates]
    signers = [one for one in (issuer, *others) if _is_named(response, one)]
    if not signers:
        raise NotKnownError("the answer has neither the certificate of its responder nor is it of the CA itself")
    problems = [_problem(response, one, issuer, now) for one in signers]
    if all(problems):
        raise NotKnownError(str(problems[0]))


def _problem(response: t.Any, signer: Certificate, issuer: Certificate, now: dt.datetime) -> str | None:
    try:
        check_signed(response, response.tbs_response_bytes, signer)
    except InvalidSignature:
        return "the signature of the answer is wrong"
    except UncheckableError as exc:
        return f"the signature of the answer {exc}"
    if signer.der == issuer.der:
        return None
    if issued_by(signer.der, issuer.der) is not True:
        return "the certificate of the responder is not of the CA"
    if not _may_answer(signer):
        return "the certificate of the responder is not one for OCSP (extended key usage OCSPSigning)"
    why = date_problem(signer.der, now)
    return f"the certificate of the responder {why}" if why else None


def _is_named(response: t.Any, certificate: Certificate) -> bool:
    if response.responder_key_hash is not None:
        return bool(response.responder_key_hash == _sha1(_key_bits(certificate)))
    name = X500Name.read(asn1.element(response.responder_name.public_bytes()))
    return name.comparable() == certificate.subject.comparable()


def _may_answer(certificate: Certificate) -> bool:
    value = certificate.extension(_EXTENDED_KEY_USAGE)
    return value is not None and _OCSP_SIGNING in [asn1.dotted(one.content) for one in asn1.element(value).children()]


def _key_bits(certificate: Certificate) -> bytes:
    """Return the bits of the key, without its algorithm."""
    return asn1.element(certificate.spki).child(1, asn1.BIT_STRING).content[1:]


def _sha1(content: bytes) -> bytes:
    return hashlib.sha1(content, usedforsecurity=False).digest()
