# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcomes of a batch in the order of its items."""

from __future__ import annotations

import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll import batch
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import BatchOptions, Step, Told
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Outcome
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store

ANY = BatchOptions("svc", "a run")


class Given(tuple[t.Any, ...]):
    """Items that a test gives."""

    __slots__ = ()

    def begun_at(self, place: int) -> t.Iterator[t.Any]:
        yield from self[place:]
        yield from self[:place]


def run(step: Step[t.Any, t.Any], items: t.Iterable[t.Any], store: Store, options: BatchOptions = ANY) -> list[Outcome]:
    """Do the step for each item."""
    return _in_order(batch.run_batch(step, Given(items), store, options))


def predict(
    step: Step[t.Any, t.Any], items: t.Iterable[t.Any], store: Store, options: BatchOptions = ANY
) -> list[Outcome]:
    """Predict what ``run`` would do."""
    return _in_order(batch.predict(step, Given(items), store, options))


def _in_order(told: t.Iterable[Told]) -> list[Outcome]:
    return [outcome for _position, outcome in sorted(told, key=lambda one: one[0])]
