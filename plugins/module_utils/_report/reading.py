# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a view from an open store, in one pass."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import typing as t

from .._enroll.api import RenewalPolicy
from .._errors import ConfigurationError
from .._release import RELEASE
from .._store.api import Store
from .entries import Terms, entry_of
from .happenings import latest_happenings
from .view import View, view_of


def read_view(
    store: Store,
    wanted: t.Sequence[str] | None,
    policy: RenewalPolicy,
    now: dt.datetime,
    *,
    title: str,
    soon: dt.timedelta,
    recent: int,
) -> View:
    """Return the view of the services that are wanted, or of all. The time is kept in whole seconds.

    Raises ConfigurationError for a service that the store does not know, and where none is wanted.
    """
    services = _known(store, wanted)
    terms = Terms(now.replace(microsecond=0), soon, policy)
    with _without_collections():
        entries = [entry_of(enrollment, terms) for service in services for enrollment in store.find(service)]
    happenings = latest_happenings(store, services, recent)
    return view_of(title, terms.now, RELEASE, soon, entries, happenings, services)


@contextlib.contextmanager
def _without_collections() -> t.Iterator[None]:
    """Keep Python from looking for garbage among entries of which none is any: that takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _known(store: Store, wanted: t.Sequence[str] | None) -> list[str]:
    found = store.services()
    if wanted is None:
        return found
    if not wanted:
        raise ConfigurationError("services is an empty list, of which all would seem to be well: leave it out")
    unknown = [name for name in wanted if name not in found]
    if unknown:
        known = ", ".join(map(repr, found)) or "none, as it is empty"
        raise ConfigurationError(
            f"services: the store has no enrollment of {', '.join(map(repr, unknown))}; it knows these services: "
            f"{known}. Give their names as the jobs have them in service, by default the host"
        )
    return sorted(set(wanted))
