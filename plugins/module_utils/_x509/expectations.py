# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a certificate with what is expected of it beside its key and subject: lifetime, usages, other names."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._clock import span
from .._errors import ConfigurationError, GateError
from .alternative_names import alternative_name, alternative_names
from .load import Certificate, load_certificate, validity_of
from .usages import key_usages, purposes

Mismatch = t.Literal["refuse", "warn", "ignore"]

# Without a tolerance of its own a lifetime may differ by a day, or by this share of it if that is less.
_MOST_TOLERANCE = dt.timedelta(days=1)
_TOLERANCE_SHARE = 10
_MOST_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Asked:
    """The request for one certificate: its names as in the entry, and a moment at which it did not exist yet."""

    subject_alt_name: tuple[str, ...] = ()
    obtained_after: dt.datetime | None = None


_Check = t.Callable[[Certificate, Asked], str]


@dataclasses.dataclass(frozen=True)
class Expectations:
    """What is expected of certificates, and what becomes of one that is otherwise.

    A part that is None is not checked. Usages have their usual names, see ``key_usage_named`` and ``purpose_named``.
    With ``exact_usages`` and ``exact_names`` a certificate must not have others than those.
    """

    lifetime: dt.timedelta | None = None
    tolerance: dt.timedelta | None = None
    key_usage: tuple[str, ...] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    exact_usages: bool = False
    exact_names: bool = False
    on_lifetime: Mismatch = "warn"
    on_key_usage: Mismatch = "refuse"
    on_extended_key_usage: Mismatch = "refuse"
    on_subject_alt_name: Mismatch = "warn"

    def check(self, der: bytes, asked: Asked) -> tuple[str, ...]:
        """Return warnings about a certificate. Raises GateError with all reasons to refuse it."""
        certificate = load_certificate(der)
        found: dict[Mismatch, list[str]] = {"refuse": [], "warn": []}
        for option, check in self._checks():
            action: Mismatch = getattr(self, option)
            if action == "ignore":
                continue
            problem = _problem(check, certificate, asked)
            if problem:
                found[action].append(f"{problem} (see expect.{option})")
        if found["refuse"]:
            raise GateError(f"the certificate {'; it '.join(found['refuse'])}")
        return tuple(f"the certificate {problem}" for problem in found["warn"])

    def _checks(self) -> t.Iterator[tuple[str, _Check]]:
        if self.lifetime is not None:
            yield "on_lifetime", self._of_lifetime
        if self.key_usage is not None:
            yield "on_key_usage", self._of_key_usage
        if self.extended_key_usage is not None:
            yield "on_extended_key_usage", self._of_purposes
        yield "on_subject_alt_name", self._of_names

    def _of_lifetime(self, certificate: Certificate, asked: Asked) -> str:
        """Compare the lifetime. CAs date certificates back, which does not count as life."""
        begins, ends = validity_of(certificate)
        wanted = self.lifetime or dt.timedelta()
        known = asked.obtained_after
        lives = ends - max(begins, known if known is not None and known < ends else begins)
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = min(_MOST_TOLERANCE, wanted / _TOLERANCE_SHARE)
        if abs(lives - wanted) <= tolerance:
            return ""
        differs = f"{span(abs(lives - wanted))} {'longer' if lives > wanted else 'shorter'}"
        return f"lives {span(lives)}, {differs} than the expected {span(wanted)}"

    def _of_key_usage(self, certificate: Certificate, _asked: Asked) -> str:
        return self._of_usages("key usage", key_usages(certificate), self.key_usage or ())

    def _of_purposes(self, certificate: Certificate, _asked: Asked) -> str:
        return self._of_usages("extended key usage", purposes(certificate), self.extended_key_usage or ())

    def _of_usages(self, kind: str, found: tuple[str, ...] | None, wanted: tuple[str, ...]) -> str:
        if _fits(set(found or ()), set(wanted), exact=self.exact_usages):
            return ""
        exactly = "exactly " if self.exact_usages else ""
        return f"has {_listed(found or ())} as {kind}, but {exactly}{_listed(wanted)} is expected"

    def _of_names(self, certificate: Certificate, asked: Asked) -> str:
        wanted = {alternative_name(text) for text in asked.subject_alt_name}
        if not wanted and not self.exact_names:
            return ""
        found = alternative_names(certificate)
        if _fits(set(found), wanted, exact=self.exact_names):
            return ""
        exactly = "exactly " if self.exact_names else ""
        has, should = _listed(tuple(map(str, found))), _listed(asked.subject_alt_name)
        return f"has {has} as subject_alt_name, but {exactly}{should} was asked for"


# What is expected where nobody says so.
STANDARD = Expectations()
NOTHING_ASKED = Asked()


def _problem(check: _Check, certificate: Certificate, asked: Asked) -> str:
    """Return what is otherwise than expected. An extension that cannot be read is."""
    try:
        return check(certificate, asked)
    except ConfigurationError as exc:
        return f"cannot be checked: {exc}"


def _fits(found: set[t.Any], wanted: set[t.Any], *, exact: bool) -> bool:
    return found == wanted if exact else found >= wanted


def _listed(values: t.Sequence[str]) -> str:
    more = f" and {len(values) - _MOST_SHOWN} more" if len(values) > _MOST_SHOWN else ""
    return ", ".join(values[:_MOST_SHOWN]) + more if values else "nothing"
