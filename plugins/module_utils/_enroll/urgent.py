# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reasons to renew a certificate that is not due: it is distrusted, it is revoked, or the CA wants it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._clock import to_the_minute
from .._errors import RedtrustError
from .._models import Enrollment, Revision
from .attempt import attempt
from .distrust import Distrust, renewed_again_from

if t.TYPE_CHECKING:
    from .revocation import RevocationSources

Kind = t.Literal["distrusted", "revoked", "wanted"]
# Returns why the CA wants a certificate to be renewed, from the certificate and its chain in DER, and the time.
AskCa = t.Callable[[bytes, t.Sequence[bytes], dt.datetime], str]
_MOST_NAMES = 3


@dataclasses.dataclass(frozen=True)
class Reason:
    """A reason to renew a certificate now; without ``kind`` there is none.

    ``waits_until`` is set where the last renewal for it was in vain. The wish of a CA is like a date on which the
    certificate is due. The other reasons do not wait for a window or the like.
    """

    kind: Kind | None = None
    words: str = ""
    waits_until: dt.datetime | None = None

    @property
    def acts(self) -> bool:
        """Whether there is a reason that does not wait."""
        return self.kind is not None and self.waits_until is None

    @property
    def because(self) -> str:
        """The reason, if it holds whatever the time."""
        return self.words if self.acts and self.kind != "wanted" else ""

    @property
    def wish(self) -> str:
        """What the CA wants, if it does."""
        return self.words if self.kind == "wanted" else ""

    @property
    def renewed_because(self) -> str | None:
        """What is noted in a renewal of the certificate: the same reason again would be in vain."""
        return None if self.kind == "wanted" else self.kind

    @property
    def why_not(self) -> str:
        """Why it is not renewed now although there is a reason; empty if that is not so."""
        if self.waits_until is None:
            return ""
        return f"{self.words}, as was the one before it: it is renewed again from {to_the_minute(self.waits_until)} on"


NO_REASON = Reason()


@dataclasses.dataclass(frozen=True)
class Lookups:
    """How the CAs are asked: ``workers`` at a time, for ``time_limit`` seconds in a run. ``hide`` masks secrets."""

    sources: RevocationSources | None = None
    ask_ca: AskCa | None = None
    workers: int = 8
    time_limit: float = 600.0
    hide: t.Callable[[str], str] = str
    clock: t.Callable[[], float] = time.monotonic


class Reasons:
    """The reasons of one run. Each certificate is looked up once. Usable from several threads."""

    def __init__(
        self,
        distrust: Distrust | None = None,
        lookups: Lookups | None = None,
        *,
        now: t.Callable[[], dt.datetime],
    ) -> None:
        self.distrust = distrust or Distrust()
        self._lookups = lookups or Lookups()
        self._now = now
        self._mutex = threading.Lock()
        self._ends: float | None = None
        # by thumbprint; those of which nothing is to be told are there without a reason
        self._found: dict[str, Reason] = {}
        self._not_known: dict[str, set[str]] = {}
        self._held: set[str] = set()
        self._not_judged: set[str] = set()
        self._in_vain: dict[str, Reason] = {}

    @property
    def asks(self) -> bool:
        """Whether the CAs are asked."""
        return self._lookups.sources is not None or self._lookups.ask_ca is not None

    def look_up(self, certificates: t.Sequence[Revision]) -> None:
        """Ask the CAs about certificates, several at a time. No error is raised; see ``warnings``."""
        new = [one for one in certificates if one.certificate and one.thumbprint and one.thumbprint not in self._found]
        if not new or not self.asks:
            return
        if self._ends is None:
            self._ends = self._lookups.clock() + self._lookups.time_limit
        with ThreadPoolExecutor(max_workers=self._lookups.workers) as pool:
            for revision, reason in zip(new, pool.map(self._asked, new)):
                self._found[t.cast("str", revision.thumbprint)] = reason

    def of(self, enrollment: Enrollment) -> Reason:
        """Return the reason to renew the certificate in use. What was not looked up is not known."""
        current = enrollment.current
        if current is None:
            return NO_REASON
        why = self.distrust.why(current)
        reason = Reason("distrusted", why) if why else self._found.get(current.thumbprint or "", NO_REASON)
        if not why and self.distrust.is_unknown(current):
            self._not_judged.add(enrollment.name)
        if reason.renewed_because is None:
            return reason
        until = renewed_again_from(enrollment)
        if until is None or until <= self._now():
            return reason
        waits = dataclasses.replace(reason, waits_until=until)
        self._in_vain[enrollment.name] = waits
        return waits

    def warnings(self) -> t.Iterator[str]:
        """Yield sentences about what is not known, and about renewals that were in vain."""
        for words, names in sorted(self._not_known.items()):
            yield f"whether {_certificates(names)} revoked is not known ({words}): {_few(names)}"
        if self._held:
            yield (
                f"{_certificates(self._held)} on hold at the CA (certificateHold), and not renewed for that, since the "
                f"CA may take it back: {_few(self._held)}"
            )
        if self._not_judged:
            yield (
                f"whether {_certificates(self._not_judged)} distrusted is not known, since the store does not have the "
                f"certificate: adopt it again with certificate_path: {_few(self._not_judged)}"
            )
        if self._in_vain:
            first = min(self._in_vain.items(), key=lambda one: one[1].waits_until or self._now())[1]
            yield (
                f"renewed in vain: {_certificates(self._in_vain)} distrusted or revoked again after the renewal, the "
                f"first one: {first.why_not}; have another CA sign, or correct the option distrusted: "
                f"{_few(self._in_vain)}"
            )

    def _asked(self, revision: Revision) -> Reason:
        found = attempt(lambda: self._ask(revision), self._lookups.hide)
        if isinstance(found, RedtrustError):
            return self._unknown(str(found), revision)
        return found

    def _ask(self, revision: Revision) -> Reason:
        """Ask the CAs about one certificate; an answer that cannot be had is noted."""
        if self._ends is not None and self._lookups.clock() > self._ends:
            over = f"the time to ask in one run, revocation.time_limit {self._lookups.time_limit:g}, is over"
            return self._unknown(over, revision)
        reason = self._revoked(revision) if self._lookups.sources is not None else NO_REASON
        if reason.kind is not None or self._lookups.ask_ca is None:
            return reason
        wish = self._lookups.ask_ca(t.cast("bytes", revision.certificate), revision.chain, self._now())
        return Reason("wanted", wish) if wish else reason

    def _revoked(self, revision: Revision) -> Reason:
        from .._x509.api import NotKnownError

        sources = t.cast("RevocationSources", self._lookups.sources)
        try:
            told = sources.ask(t.cast("bytes", revision.certificate), revision.chain)
        except NotKnownError as exc:
            return self._unknown(str(exc), revision)
        if told.revoked is None:
            return NO_REASON
        if told.revoked.is_hold:
            with self._mutex:
                self._held.add(revision.name)
            return NO_REASON
        return Reason("revoked", told.words)

    def _unknown(self, words: str, revision: Revision) -> Reason:
        with self._mutex:
            self._not_known.setdefault(self._lookups.hide(words), set()).add(revision.name)
        return NO_REASON


def _certificates(names: t.Collection[str]) -> str:
    return "1 certificate is" if len(names) == 1 else f"{len(names):,} certificates are"


def _few(names: t.Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:_MOST_NAMES]) + (", ..." if len(found) > _MOST_NAMES else "")
