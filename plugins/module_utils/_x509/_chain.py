# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate chains: putting them in order, and making sure that each certificate issued the one below."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._errors import GateError
from ._certificates import thumbprint
from ._load import issuer_of, load_certificate, load_csr, public_key_sha256, subject_of, validity_of
from ._names import dn_from_name

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR


def order_chain(certificates: t.Sequence[bytes], csr: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the certificate of the CSR's key, and its chain from the issuer upwards.

    A certificate that comes twice counts once. Raises GateError when no certificate or more than one has
    the CSR's key, and when one does not belong to the chain.
    """
    distinct = list(dict.fromkeys(certificates))
    wanted = public_key_sha256(load_csr(csr))
    leaves = [der for der in distinct if public_key_sha256(load_certificate(der)) == wanted]
    if len(leaves) != 1:
        found = "; ".join(map(described, distinct)) or "nothing"
        raise GateError(
            f"{len(leaves) or 'none'} of the certificates have the key of the request (SHA-256 {wanted}): found {found}"
        )
    leaf = leaves[0]
    return leaf, chain_above(leaf, [der for der in distinct if der != leaf])


def chain_above(certificate: bytes, others: t.Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the others in order, from the certificate's issuer upwards; raises GateError when one is left over."""
    remaining = list(others)
    chain: list[bytes] = []
    below = certificate
    while remaining and not is_self_issued(below):
        issuer = _issuer_among(remaining, below)
        if issuer is None:
            break
        remaining.remove(issuer)
        chain.append(issuer)
        below = issuer
    if remaining:
        raise GateError(
            f"not part of the chain above {described(certificate)}: " + "; ".join(map(described, remaining))
        )
    return tuple(chain)


def _issuer_among(candidates: t.Sequence[bytes], below: bytes) -> bytes | None:
    name = issuer_of(load_certificate(below))
    named = [der for der in candidates if subject_of(load_certificate(der)) == name]
    if len(named) < 2:
        return named[0] if named else None
    # A CA that changed its key has several certificates of one name: the signature tells them apart.
    return next((der for der in named if _signature_problem(below, der) is None), named[0])


def is_self_issued(der: bytes) -> bool:
    """Tell whether subject and issuer are the same, as in a root."""
    certificate = load_certificate(der)
    return subject_of(certificate) == issuer_of(certificate)


def described(der: bytes) -> str:
    """Return the words that name a certificate in a message."""
    return f"[{dn_from_name(subject_of(load_certificate(der)))}] ({thumbprint(der)})"


def check_issued(below: bytes, issuer: bytes, depth: int) -> None:
    """Raise GateError unless the issuer is a CA that signed the one below; ``depth`` counts the CAs below it."""
    wanted, actual = issuer_of(load_certificate(below)), subject_of(load_certificate(issuer))
    if wanted != actual:
        raise GateError(
            f"{described(below)} was issued by [{dn_from_name(wanted)}], but next in the chain is {described(issuer)}"
        )
    _check_ca(issuer, depth)
    problem = _signature_problem(below, issuer)
    if problem:
        raise GateError(f"{described(below)} is not signed by {described(issuer)}: {problem}")


def _check_ca(issuer: bytes, depth: int) -> None:
    constraints = basic_constraints(load_certificate(issuer))
    if constraints is None or not constraints.ca:
        raise GateError(f"{described(issuer)} is in the chain, but is not a CA (no basic constraint CA:TRUE)")
    if constraints.path_length is not None and constraints.path_length < depth:
        raise GateError(
            f"{described(issuer)} allows {constraints.path_length} CAs below it, but the chain has {depth} there"
        )


def basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    """Return the extension, or None; raises GateError when the extensions cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as exc:
        raise GateError(f"a certificate of the chain has extensions that cannot be read: {exc}") from exc


def _signature_problem(below: bytes, issuer: bytes) -> str | None:
    try:
        load_certificate(below).verify_directly_issued_by(load_certificate(issuer))
    except InvalidSignature:
        return "the signature does not fit the issuer's key"
    except (TypeError, ValueError) as exc:  # another kind of key; a hash as old as SHA-1
        return str(exc)
    return None


def check_dates(der: bytes, now: dt.datetime) -> None:
    """Raise GateError unless the certificate is valid now; there is no tolerance for clocks that differ."""
    not_valid_before, not_valid_after = validity_of(load_certificate(der))
    if now < not_valid_before:
        raise GateError(
            f"{described(der)} is not valid before {_utc(not_valid_before)}, and it is {_utc(now)} on this machine"
        )
    if now > not_valid_after:
        raise GateError(f"{described(der)} expired at {_utc(not_valid_after)}, and it is {_utc(now)} on this machine")


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
