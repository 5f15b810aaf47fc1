# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates to tell of, and a process that tells."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.api import KINDS, Rules
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.happenings import Told
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.position import Position
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.watcher import Watcher

NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
RULES = Rules(frozenset(KINDS), RenewalPolicy.parse("20d"), soon=30 * DAY, patience=2 * DAY)
HOLDER = "a test"


def row(name: str, state: State = State.FINALIZED, revision: int = 1, days: float = 90, **fields: t.Any) -> Revision:
    spec = CertificateSpec(name, DistinguishedName((("cn", name),)), "CA")
    dates = _validity(days) if state is State.FINALIZED else {}
    return Revision("svc", name, revision, 1, state, spec, **{**dates, **fields})


def _validity(days: float) -> dict[str, t.Any]:
    """Return the fields of a certificate that was obtained long ago, whenever the test puts it into the store."""
    return {"not_valid_before": NOW - 300 * DAY, "not_valid_after": NOW + days * DAY, "adopted": True}


def issue(store: Store, name: str, days: float = 90) -> Revision:
    """Issue or renew a certificate, as a run does."""
    enrollment = store.enrollment("svc", name)
    number = enrollment.current.revision + 1 if enrollment.current else 1
    (issued,) = store.put(row(name, State.ISSUED, number))
    old = [enrollment.current.moved(State.SUPERSEDED)] if enrollment.current else []
    new = issued.moved(State.FINALIZED, **_validity(days))
    return store.put(*old, new)[-1]


@dataclasses.dataclass
class Teller:
    """A process that tells, at a time that the test sets."""

    store: Store
    rules: Rules = RULES
    now: dt.datetime = NOW
    name: str = "default"
    holder: str = HOLDER

    def __post_init__(self) -> None:
        self.position = Position(self.store, "svc", self.name, self.holder)
        assert self.position.take() is None
        self._events = Watcher(self.store, self.position, self.rules, lambda: self.now).events()

    def next(self) -> Told | None:
        """Return the next event; the one before counts as told."""
        return next(self._events)

    def all(self) -> list[Told]:
        """Return what is to be told now."""
        return list(itertools.takewhile(lambda told: told is not None, self._events))  # type: ignore[arg-type]

    def kinds(self) -> list[tuple[str, str]]:
        """Return kind and name of what is to be told now."""
        return [(told["kind"], told["name"]) for told in self.all()]
