# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of every signer."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import typing as t

from .._errors import ConfigurationError, SignerError
from .._models import CertificateSpec, DistinguishedName
from .._rate import Rate
from .._secrets import Secrets
from .._x509.api import certificate_facts, csr_public_key_sha256


def _forget(_number: str) -> None:
    """Keep no order number."""


@dataclasses.dataclass(frozen=True)
class SigningOrder:
    """One request, as a signer gets it.

    ``request_id`` is in hex. It stays the same each time the same request is signed, until a certificate for it is
    refused; the next certificate is asked for under another id. It is not the request code.
    ``csr`` is in DER. ``dn`` is the subject to certify, even if the CSR has another. ``since`` is when signing began,
    in UTC, and the same as long as the id is. ``subject_alt_name`` is written as community.crypto does
    (``DNS:www.example.com``).

    ``again`` tells that the CA may have had this request before: a run that handed it over left no answer.
    ``order_number`` is what the CA calls the request, where it gave such a number before. A signer hands a number to
    ``keep_order_number`` at once; when it returns, the number is stored, and outlives the run.
    """

    request_id: str
    name: str
    revision: int
    csr: bytes = dataclasses.field(repr=False)
    dn: DistinguishedName
    since: dt.datetime
    subject_alt_name: tuple[str, ...] = ()
    again: bool = False
    order_number: str | None = None
    keep_order_number: t.Callable[[str], None] = dataclasses.field(default=_forget, compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class NotYet:
    """The answer that there is no certificate yet, so that the signer is to be asked again later.

    ``why`` is what the CA says about it, fit for a message; it may be empty.
    """

    why: str = ""


@dataclasses.dataclass(frozen=True)
class Signed:
    """A certificate and its chain in DER, from the issuer upwards. ``warnings`` are about this certificate."""

    certificate: bytes
    chain: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()


# RFC 5280, 5.3.1
REVOCATION_REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


@dataclasses.dataclass(frozen=True)
class Revocation:
    """A certificate to revoke, in DER, with its chain from the issuer upwards.

    ``reason`` is a name of RFC 5280, 5.3.1, as cryptography writes it (``keyCompromise``). ``order_number`` is what the
    CA called the request that the certificate came from, where it gave such a number.
    """

    name: str
    revision: int
    certificate: bytes = dataclasses.field(repr=False)
    chain: tuple[bytes, ...] = dataclasses.field(default=(), repr=False)
    reason: str = "unspecified"
    order_number: str | None = None


class Signer(abc.ABC):
    """A certificate authority. One object serves several threads at once.

    ``warnings`` are about the CA itself, and told once. ``rate`` is how often it may be asked, None for any number.
    ``lifetime`` is how long the certificates are asked for, None where only the CA knows. ``secrets`` are those that
    are masked in everything that leaves the module: a signer adds its own, and masks the words of the CA with them.
    ``connections`` is how many requests the run has signed at a time. Both are set before the signer is used.
    """

    warnings: tuple[str, ...] = ()
    rate: Rate | None = None
    lifetime: dt.timedelta | None = None
    secrets: Secrets
    connections: int = 1

    def identity(self) -> str:
        """Return a name of the CA, the same for all signers that ask this CA: they share its rate."""
        return type(self).__name__

    def sign(self, order: SigningOrder) -> Signed | NotYet:
        """Return the certificate, or say that there is none yet.

        Raises SignerRejectedError when there will never be one, SignerError when it did not work this time
        (a certificate for another key included), ConfigurationError when the order cannot be put into a
        certificate at all.
        """
        answer = self._sign(order)
        if isinstance(answer, Signed):
            _check_key(answer, order)
        return answer

    def revoke(self, revocation: Revocation) -> None:
        """Have a certificate revoked; one that is revoked already is a success.

        Raises SignerError when that did not work, SignerRejectedError when the CA refuses it, and ConfigurationError
        where this signer cannot revoke.
        """
        raise ConfigurationError(
            f"{revocation.name}: this signer cannot revoke certificates; revoke it at the CA, and name its serial "
            "number in the option distrusted of the tasks that renew, which then replace it"
        )

    def why_due(self, _certificate: bytes, _chain: t.Sequence[bytes], _now: dt.datetime) -> str:
        """Return why the CA wants a certificate in use to be renewed now; empty if it does not say so.

        Raises SignerError when the CA was asked and did not answer.
        """
        return ""

    def check(self, now: dt.datetime) -> None:  # noqa: B027 - most signers know nothing beforehand
        """Raise ConfigurationError where no request of now could be signed, as far as that is known beforehand."""

    def check_spec(self, spec: CertificateSpec) -> None:  # noqa: B027 - most signers know nothing beforehand
        """Raise ConfigurationError where no certificate of this CA can be as it is asked for: no key is made then."""

    @abc.abstractmethod
    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        """Sign as ``sign()`` promises, without the check of the certificate's key."""


@dataclasses.dataclass(frozen=True)
class SignerKind:
    """A kind of signer, for the modules, the documentation and the reports.

    ``name`` is the type of the signer. The option ``option`` of the modules holds the signer's own options; it has the
    same name, unless ``own_option`` gives another.
    ``options`` is the argument spec of these. A secret among them, which has ``no_log``, may also come from the
    environment as ``REDTRUST_<SIGNER>_<OPTION>``. ``documentation`` is YAML: the description, the type and the
    suboptions of that option. ``choice`` describes the signer in the documentation, ``in_words`` names it in reports.
    ``build`` takes the options and the time, and raises ConfigurationError.
    """

    name: str
    choice: str
    in_words: str
    options: t.Mapping[str, t.Mapping[str, t.Any]]
    documentation: str
    build: t.Callable[[t.Mapping[str, t.Any], dt.datetime], Signer]
    own_option: str = ""

    @property
    def option(self) -> str:
        return self.own_option or self.name


def _check_key(signed: Signed, order: SigningOrder) -> None:
    try:
        facts = certificate_facts(signed.certificate)
    except ConfigurationError as exc:
        raise SignerError(f"the signer answered with a certificate that cannot be read: {exc}") from exc
    if facts.public_key_sha256 != csr_public_key_sha256(order.csr):
        raise SignerError(
            f"the signer answered with a certificate for another request: [{facts.subject}] ({facts.thumbprint}) "
            f"does not have the key of {order.name}, revision {order.revision}"
        )
