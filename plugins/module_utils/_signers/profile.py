# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of the certificates of a local CA, apart from key and subject."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._clock import parse_duration
from .._errors import ConfigurationError
from .extensions import (
    authority_information_access,
    crl_distribution_points,
    extended_key_usage,
    key_usage,
    subject_alternative_name,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

DIGESTS = ("sha256", "sha384", "sha512")


@dataclasses.dataclass(frozen=True)
class Profile:
    """The properties that all certificates of a local CA share.

    A certificate is valid from ``backdate`` before its signing began (clocks differ) until ``validity`` after.
    Names of usages are those of community.crypto; usages may also be dotted OIDs. ``digest`` has no
    effect on a CA key of the Edwards curves, which brings its own.
    """

    validity: dt.timedelta = dt.timedelta(days=365)
    backdate: dt.timedelta = dt.timedelta(minutes=5)
    key_usage: tuple[str, ...] = ("digitalSignature", "nonRepudiation")
    key_usage_critical: bool = True
    extended_key_usage: tuple[str, ...] = ()
    crl_distribution_points: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()
    ca_issuers: tuple[str, ...] = ()
    digest: str = "sha256"

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Profile:
        """Read the options of the same names, durations as text; an option that is None or missing has its default.

        Options of other names are left alone. Raises ConfigurationError.
        """
        given = {field.name: options.get(field.name) for field in dataclasses.fields(cls)}
        return cls(**{name: _option(name, value) for name, value in given.items() if value is not None})

    def __post_init__(self) -> None:
        if self.validity <= dt.timedelta():
            raise ConfigurationError("validity must be longer than nothing")
        if not dt.timedelta() <= self.backdate <= dt.timedelta(days=7):
            raise ConfigurationError("backdate must be at most 7d")
        if self.digest not in DIGESTS:
            raise ConfigurationError(f"digest must be one of {', '.join(DIGESTS)}, not {self.digest!r}")
        self.extensions()

    def extensions(self, subject_alt_name: t.Sequence[str] = ()) -> list[tuple[x509.ExtensionType, bool]]:
        """Return the extensions and whether each is critical, without those that depend on a key.

        Raises ConfigurationError.
        """
        wanted: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(ca=False, path_length=None), True)]
        if self.key_usage:
            wanted.append((key_usage(self.key_usage), self.key_usage_critical))
        if self.extended_key_usage:
            wanted.append((extended_key_usage(self.extended_key_usage), False))
        if subject_alt_name:
            wanted.append((subject_alternative_name(subject_alt_name), False))
        if self.crl_distribution_points:
            wanted.append((crl_distribution_points(self.crl_distribution_points), False))
        if self.ocsp_servers or self.ca_issuers:
            wanted.append((authority_information_access(self.ocsp_servers, self.ca_issuers), False))
        return wanted

    def hash_algorithm(self) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
        """Return the hash to sign with."""
        if self.digest == "sha256":
            return hashes.SHA256()
        return hashes.SHA384() if self.digest == "sha384" else hashes.SHA512()


def _option(name: str, value: t.Any) -> t.Any:
    if name in ("validity", "backdate"):
        return parse_duration(name, str(value))
    return tuple(value) if isinstance(value, list) else value
