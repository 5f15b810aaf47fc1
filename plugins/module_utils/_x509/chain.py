# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate chains: choose the best path upwards among the certificates of a CA."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import itertools
import typing as t

from .._clock import utc_now
from .._errors import ConfigurationError, GateError
from .issued import (
    ca_problem,
    check_issued,
    date_problem,
    described,
    is_self_issued,
    is_self_signed,
    issuer_problem,
    uncertain,
)
from .load import load_certificate, load_csr, public_key_sha256, validity_of
from .signature import issued_by
from .x500 import Comparable

# Greater than in the answers of real CAs, and small enough to try all paths.
_LONGEST_PATH = 16
_MOST_PATHS = 200
_MOST_NAMED = 5
_NEVER = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


@dataclasses.dataclass(frozen=True)
class _Certificate:
    der: bytes
    subject: Comparable
    issuer: Comparable
    key: str
    begins: dt.datetime
    ends: dt.datetime


@functools.lru_cache(maxsize=256)
def _read(der: bytes) -> _Certificate:
    loaded = load_certificate(der)
    subject, issuer = loaded.subject.comparable(), loaded.issuer.comparable()
    return _Certificate(der, subject, issuer, public_key_sha256(loaded), *_dates(der))


_Path = tuple[_Certificate, ...]


def order_chain(
    certificates: t.Sequence[bytes], csr: bytes, now: dt.datetime | None = None
) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the certificate of the CSR's key, and its chain as ``chain_above()`` finds it.

    Of several certificates of the key, the newest one that is valid now counts. Raises GateError if the key has no
    certificate, or if several are equally new. The default of ``now`` is the present time.
    """
    moment = now or utc_now()
    distinct = list(dict.fromkeys(certificates))
    wanted = public_key_sha256(load_csr(csr))
    leaves = newest_of_key(distinct, wanted, moment)
    if not leaves:
        found = _listed(map(described, distinct)) or "nothing"
        raise GateError(f"none of the certificates have the key of the request (SHA-256 {wanted}): found {found}")
    if len(leaves) > 1:
        found = _listed(map(described, leaves))
        raise GateError(
            f"{len(leaves)} of the certificates have the key of the request (SHA-256 {wanted}) and the same dates, "
            f"so that nothing tells which one is meant: {found}"
        )
    return leaves[0], chain_above(leaves[0], distinct, moment)


def newest_of_key(certificates: t.Sequence[bytes], key_sha256: str, now: dt.datetime) -> list[bytes]:
    """Return the certificates of a key with the latest begin; if some are valid now, only these are compared."""
    of_key = [one for one in _readable(certificates) if one.key == key_sha256]
    usable = [one for one in of_key if not date_problem(one.der, now)] or of_key
    newest = max(((one.begins, one.ends) for one in usable), default=None)
    return [one.der for one in usable if (one.begins, one.ends) == newest]


def chain_above(certificate: bytes, others: t.Sequence[bytes], now: dt.datetime | None = None) -> tuple[bytes, ...]:
    """Return one path out of the others, from the certificate's issuer upwards, without the other certificates.

    Each certificate on the path has the issuer name of the one below, and signed it. Of several paths, one without a
    fault is best, then one that ends at a root, then the shortest to a root, then the one that is valid longest.

    The path has no expired certificates at its top, except for an intermediate CA that issued the certificate itself.
    It also has no root that is not a CA by its extensions. A path with a fault is returned if there is no other, and
    so is a certificate that has the issuer's name but did not sign: the gate reports both.
    """
    moment = now or utc_now()
    start = _read(certificate)
    pool = _readable(dict.fromkeys(others))
    issuers = [one for one in pool if one.subject == start.issuer and one.key != start.key]
    if issuers and not any(issued_by(certificate, one.der) for one in issuers) and not is_self_signed(certificate):
        return (issuers[0].der,)
    # The search is limited, so it follows the most promising paths first.
    pool.sort(key=lambda one: (not date_problem(one.der, moment), is_self_issued(one.der), one.ends), reverse=True)
    paths = [_trimmed(path, moment) for path in itertools.islice(_paths((start,), pool), _MOST_PATHS)]
    best = max(paths, key=lambda path: _merit(path, moment))
    return tuple(one.der for one in best[1:])


def check_chain(certificate: bytes, chain: t.Sequence[bytes], now: dt.datetime) -> None:
    """Raise GateError unless each certificate of the chain is a CA, is valid now and signed the one below."""
    for depth, (below, issuer) in enumerate(zip((certificate, *chain), chain)):
        check_issued(below, issuer, chain[:depth])
        problem = date_problem(issuer, now)
        if problem:
            raise GateError(
                f"{described(issuer)}, which issued {described(below)}, {problem}: "
                "put the CA's renewed certificate in its place, or leave the chain out"
            )


def chain_warnings(
    given: t.Sequence[bytes], certificate: bytes, chain: t.Sequence[bytes], now: dt.datetime
) -> tuple[str, ...]:
    """Return warnings about a chain that was chosen from the given certificates, one sentence each."""
    warnings = [uncertain(below, issuer) for below, issuer in zip((certificate, *chain), chain)]
    left_out = [der for der in dict.fromkeys(given) if der not in (certificate, *chain)]
    if left_out:
        named = _listed(f"{described(der)}, {_why_left_out(der, certificate, now)}" for der in left_out)
        warnings.append(f"left out of the chain of {described(certificate)}: {named}")
    return tuple(warning for warning in warnings if warning)


def _listed(phrases: t.Iterable[str]) -> str:
    named = list(phrases)
    more = [f"and {len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
    return "; ".join(named[:_MOST_NAMED] + more)


def _why_left_out(der: bytes, certificate: bytes, now: dt.datetime) -> str:
    readable = _readable([der])
    problem = (date_problem(der, now) or (is_self_issued(der) and ca_problem(der))) if readable else None
    if problem:
        return f"which {problem}"
    if readable and readable[0].key == public_key_sha256(load_certificate(certificate)):
        return "an older certificate of the same key"
    return "which is not on the path that was chosen"


def _paths(path: _Path, pool: t.Sequence[_Certificate]) -> t.Iterator[_Path]:
    """Return each complete path that begins with this one."""
    ends = len(path) > _LONGEST_PATH or is_self_signed(path[-1].der)
    above = [] if ends else [issuer for issuer in pool if _may_follow(issuer, path)]
    if not above:
        yield path
    for issuer in above:
        yield from _paths((*path, issuer), pool)


def _may_follow(issuer: _Certificate, path: _Path) -> bool:
    if issuer.subject != path[-1].issuer:
        return False
    # CAs may certify each other: a second certificate of one name and key would close a circle.
    if any((issuer.subject, issuer.key) == (one.subject, one.key) for one in path):
        return False
    return issued_by(path[-1].der, issuer.der) is not False


def _trimmed(path: _Path, now: dt.datetime) -> _Path:
    while len(path) > 1 and _top_is_dispensable(path, now):
        path = path[:-1]
    return path


def _top_is_dispensable(path: _Path, now: dt.datetime) -> bool:
    """Tell whether the path can do without a faulty top: relying parties have their own copy of the root."""
    top, issued_the_leaf = path[-1].der, len(path) == 2
    if date_problem(top, now):
        return not issued_the_leaf or is_self_issued(top)
    return not issued_the_leaf and is_self_signed(top) and bool(ca_problem(top))


def _merit(path: _Path, now: dt.datetime) -> tuple[int, int, bool, int, dt.datetime]:
    chain = [one.der for one in path[1:]]
    faults = sum(bool(issuer_problem(der, chain[:depth]) or date_problem(der, now)) for depth, der in enumerate(chain))
    doubts = sum(issued_by(below.der, issuer.der) is not True for below, issuer in zip(path, path[1:]))
    rooted = is_self_signed(path[-1].der)
    return -faults, -doubts, rooted, -len(path) if rooted else len(path), min(one.ends for one in path)


def _readable(certificates: t.Iterable[bytes]) -> list[_Certificate]:
    found = []
    for der in certificates:
        with contextlib.suppress(ConfigurationError):
            found.append(_read(der))
    return found


def _dates(der: bytes) -> tuple[dt.datetime, dt.datetime]:
    try:
        return validity_of(load_certificate(der))
    except ConfigurationError:
        return _NEVER, _NEVER
