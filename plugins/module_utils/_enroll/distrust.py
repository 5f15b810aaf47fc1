# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which certificates are not trusted any more, and when one that came in vain is renewed again. Pure: no I/O."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import threading

from .._errors import GateError
from .._models import CertificateSpec, DistinguishedName, Enrollment, Revision, State
from .criteria import Criteria

# So many certificates in a row that are not trusted mean that the signer gives no others.
MOST_REFUSED = 20
_FIRST_WAIT = dt.timedelta(days=1)
# The longest wait is 32 days.
_MOST_DOUBLINGS = 5


@dataclasses.dataclass(frozen=True)
class Distrust:
    """The certificates that are not trusted any more: those that meet one of the criteria, or are below a CA that does.

    Of each criterion all parts must be met. When it was issued counts for the certificate in use alone.
    """

    criteria: tuple[Criteria, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.criteria)

    def why(self, revision: Revision) -> str:
        """Return why a certificate is not trusted any more; empty if it is, or if that cannot be told."""
        for whole, who, when in self._parts:
            if whole.match(revision) is True:
                return f"it is not trusted any more (distrusted): {whole}"
            if revision.chain and _above(who, revision.chain) and when.match(revision) is True:
                return f"a CA above it is not trusted any more (distrusted): {whole}"
        return ""

    def is_unknown(self, revision: Revision) -> bool:
        """Return whether it cannot be told whether a certificate is trusted, since the store does not have it."""
        return not self.why(revision) and any(one.match(revision) is None for one in self.criteria)

    @functools.cached_property
    def _parts(self) -> tuple[tuple[Criteria, Criteria, Criteria], ...]:
        """The criteria, each with the part about the CA or the serial number, and the part about the time."""
        return tuple(
            (one, dataclasses.replace(one, issued_before=None), Criteria(issued_before=one.issued_before))
            for one in self.criteria
        )

    def check(self, pending: Revision) -> None:
        """Raise GateError if the certificate of a request that is on its way is not trusted."""
        why = self.why(pending)
        if why:
            raise GateError(f"the certificate {pending.thumbprint} of the signer is of no use: {why}")


class Refusals:
    """How many certificates in a row were refused since they are not trusted. Usable from several threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._in_a_row = 0
        self.why_down = ""

    def count(self, error: GateError | None) -> None:
        """Count a certificate that came, with the reason why it was refused; None is one that is fine."""
        with self._mutex:
            self._in_a_row = self._in_a_row + 1 if error else 0
            if error and self._in_a_row >= MOST_REFUSED and not self.why_down:
                self.why_down = (
                    f"{MOST_REFUSED} certificates in a row are of a CA that is not trusted any more, the last one: "
                    f"{error}; set a signer of another CA"
                )


def renewed_again_from(enrollment: Enrollment) -> dt.datetime | None:
    """Return when a certificate that came in vain may be renewed again for the same reason; None if it did not.

    It came in vain if it replaced one that was distrusted or revoked, and is so itself. A renewal in each run would
    wear out the server and the CA, and change nothing. So the first waits a day, and each one that follows twice as
    long as the one before, at most 32 days.
    """
    finished = [one for one in enrollment.revisions if one.state in (State.FINALIZED, State.SUPERSEDED)]
    in_vain = 0
    while in_vain < len(finished) and finished[-1 - in_vain].renewed_because:
        in_vain += 1
    current = enrollment.current
    if not in_vain or current is None or current.created_at is None:
        return None
    wait: dt.timedelta = _FIRST_WAIT * 2 ** min(in_vain - 1, _MOST_DOUBLINGS)
    return current.created_at + wait


@functools.lru_cache(maxsize=256)
def _above(criteria: Criteria, chain: tuple[bytes, ...]) -> bool:
    """Return whether a CA of a chain meets the criteria. Most certificates of a store have the same chain."""
    return any(criteria.match(dataclasses.replace(_NOBODY, certificate=der)) is True for der in chain)


# The form in which criteria get the certificate of a CA.
_NOBODY = Revision("", "", 0, 0, State.FINALIZED, CertificateSpec("", DistinguishedName(()), ""))
