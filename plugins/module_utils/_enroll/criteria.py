# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which certificates are to be replaced: by issuer, serial number, provider, kind of key, time or name. Pure."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import hashlib
import json
import typing as t

from .._clock import parse_timestamp, timestamp, to_the_minute
from .._errors import ConfigurationError, StoreError
from .._models import Revision
from .._x509.api import certificate_facts, issuer_and_serial, issuer_named, was_issued_by

# None where it cannot be told, since the store does not have the certificate.
Told = t.Union[bool, None]


@dataclasses.dataclass(frozen=True)
class Check:
    """One criterion: the option, the criterion in words, and the test of a revision."""

    option: str
    words: str
    test: t.Callable[[Revision], Told]


@dataclasses.dataclass(frozen=True)
class Criteria:
    """The criteria for certificates; a certificate must meet each one that is set.

    ``issuer`` is a distinguished name, or a common name alone. ``issuer_certificate`` is the certificate of the CA in
    DER.
    """

    issuer: str | None = None
    issuer_certificate: bytes | None = dataclasses.field(default=None, repr=False)
    serial_numbers: frozenset[int] | None = None
    provider: str | None = None
    key_type: str | None = None
    issued_before: dt.datetime | None = None
    names: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.checks)

    def __str__(self) -> str:
        return ", ".join(check.words for check in self.checks)

    def match(self, revision: Revision) -> Told:
        """Return whether a revision meets all criteria; None where that cannot be told."""
        told: Told = True
        for check in self.checks:
            met = check.test(revision)
            if met is False:
                return False
            told = told and met
        return told

    @property
    def name_a_ca(self) -> bool:
        """Whether they are about the CA that issued a certificate."""
        return self.issuer is not None or self.issuer_certificate is not None

    @functools.cached_property
    def checks(self) -> tuple[Check, ...]:
        """The criteria that are set. Those that need no certificate come first: they are fast."""
        return tuple(make(value) for option, make in _CHECKS.items() if (value := getattr(self, option)) is not None)

    def to_text(self) -> str:
        """Return the form that the store keeps: equal for equal criteria."""
        written: dict[str, t.Any] = {
            "issuer": self.issuer,
            "issuer_certificate": self.issuer_certificate and base64.b64encode(self.issuer_certificate).decode(),
            "serial_numbers": self.serial_numbers and [f"{number:X}" for number in sorted(self.serial_numbers)],
            "provider": self.provider,
            "key_type": self.key_type,
            "issued_before": timestamp(self.issued_before),
            "names": self.names and sorted(self.names),
        }
        return json.dumps({option: value for option, value in written.items() if value is not None}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Criteria:
        """Read the result of ``to_text()``. Raises StoreError for one of a newer release: it may select less."""
        try:
            read: dict[str, t.Any] = json.loads(text)
            made = {option: _READ.get(option, str)(value) for option, value in read.items()}
            return cls(**made)
        except (ValueError, TypeError, AttributeError) as exc:
            raise StoreError(
                f"the selection of a replacement cannot be read ({exc}): a newer release of "
                "redtrust.certificate_enroll wrote it; update the collection here"
            ) from exc

    @property
    def default_id(self) -> str:
        """The name of a replacement that has none: the first criterion, and a hash of all."""
        digest = hashlib.sha256(self.to_text().encode()).hexdigest()[:8]
        return f"{self.checks[0].option.replace('_', '-')}-{digest}"


def issued_at(revision: Revision) -> dt.datetime | None:
    """Return when a certificate was issued; of an adopted one only the beginning of its validity is known."""
    if revision.adopted:
        return revision.not_valid_before
    return max(filter(None, (revision.created_at, revision.signing_since)), default=None)


def _certificate(test: t.Callable[[bytes], bool]) -> t.Callable[[Revision], Told]:
    """Return a test that cannot tell where the store has no certificate that can be read."""

    def tested(revision: Revision) -> Told:
        if revision.certificate is None:
            return None
        try:
            return test(revision.certificate)
        except ConfigurationError:
            return None

    return tested


def _by_name(names: frozenset[str]) -> Check:
    return Check("names", f"one of {len(names):,} names", lambda revision: revision.name in names)


def _by_provider(provider: str) -> Check:
    return Check("provider", f"of the provider {provider}", lambda revision: revision.spec.provider == provider)


def _by_key_type(key_type: str) -> Check:
    return Check("key_type", f"with a key of type {key_type}", lambda revision: revision.spec.key_type == key_type)


def _by_time(moment: dt.datetime) -> Check:
    def earlier(revision: Revision) -> Told:
        issued = issued_at(revision)
        return None if issued is None else issued < moment

    return Check("issued_before", f"issued before {to_the_minute(moment)}", earlier)


def _by_serial(numbers: frozenset[int]) -> Check:
    words = f"with one of {len(numbers):,} serial numbers"
    return Check("serial_numbers", words, _certificate(lambda der: issuer_and_serial(der)[1] in numbers))


def _by_issuer(issuer: str) -> Check:
    name = issuer_named(issuer)
    return Check("issuer", f"issued by {issuer}", _certificate(lambda der: name.fits(issuer_and_serial(der)[0])))


def _by_ca(ca: bytes) -> Check:
    facts = certificate_facts(ca)
    words = f"issued by the key of {facts.subject} ({facts.thumbprint})"
    return Check("issuer_path", words, _certificate(lambda der: was_issued_by(der, ca)))


_CHECKS: t.Mapping[str, t.Callable[[t.Any], Check]] = {
    "names": _by_name,
    "provider": _by_provider,
    "key_type": _by_key_type,
    "issued_before": _by_time,
    "serial_numbers": _by_serial,
    "issuer": _by_issuer,
    "issuer_certificate": _by_ca,
}
_READ: t.Mapping[str, t.Callable[[t.Any], t.Any]] = {
    "issuer_certificate": lambda text: base64.b64decode(text, validate=True),
    "serial_numbers": lambda numbers: frozenset(int(number, 16) for number in numbers),
    "issued_before": parse_timestamp,
    "names": frozenset,
}
