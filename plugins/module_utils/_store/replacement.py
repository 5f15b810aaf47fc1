# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replacement of many certificates, as the store has it."""

from __future__ import annotations

import dataclasses
import datetime as dt


@dataclasses.dataclass(frozen=True)
class Replacement:
    """A replacement that was begun for a service; it is open until ``ended_at`` is set.

    ``selection`` says in JSON which certificates are to be replaced: those of them that were obtained before
    ``begun_at``. ``total`` is their number at that time. ``actor`` is who began it. Dates are by the clock of the
    store.
    """

    service: str
    id: str
    selection: str
    begun_at: dt.datetime
    deadline: dt.datetime | None
    total: int
    actor: str
    ended_at: dt.datetime | None = None
