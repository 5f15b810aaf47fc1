# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of certificates for modules: shown, written as JSON Lines, checked, and kept for some time."""

from __future__ import annotations

import datetime as dt
import filecmp
import json
import os
import tempfile
import typing as t
from pathlib import Path

from .._clock import parse_duration
from .._errors import ConfigurationError
from .._private_files import flush_directory
from .._store.api import Chain, Event, Store, verify


def exported_events(store: Store, service: str) -> t.Iterator[str]:
    """Yield all events of a service as JSON Lines, by number; each line has its end. They are read in pages."""
    for event in store.events(service):
        yield json.dumps(event.to_json(), ensure_ascii=False) + "\n"


def write_events(store: Store, service: str, path: str, *, check_mode: bool) -> tuple[bool, int]:
    """Write all events of a service to a file, as a whole and for this user alone, unless it holds just them.

    Return whether it holds others, or does not exist, and how many events there are. Raises ConfigurationError.
    """
    place = Path(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".events-", dir=place.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                count = sum(1 for line in exported_events(store, service) if file.write(line.encode()))
                file.flush()
                os.fsync(file.fileno())
            differs = not place.is_file() or not filecmp.cmp(draft, place, shallow=False)
            if differs and not check_mode:
                draft.replace(place)
                flush_directory(place.parent)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as exc:
        raise ConfigurationError(f"events_path {path} cannot be written ({exc.strerror})") from exc
    return differs, count


def history(store: Store, service: str, name: str) -> list[dict[str, t.Any]]:
    """Return the events of one enrollment, oldest first."""
    return [event.to_json() for event in store.events(service, name)]


def verified(store: Store, service: str, checkpoint: str | None) -> tuple[dict[str, t.Any], str | None]:
    """Check the chain of a service; return the facts of it and the problem, None if there is none.

    Events that other runs add meanwhile are left out. Raises ConfigurationError for a checkpoint that cannot be used.
    """
    end = store.chain(service)
    expected = _expected(checkpoint, end) if checkpoint else None
    problem = verify(_up_to(store.events(service, after=end.begin.number), end), end, expected)
    if problem is not None and _has_moved(end, store.chain(service)):
        return verified(store, service, checkpoint)
    facts = {
        "count": end.number - end.begin.number,
        "first_number": end.begin.number + 1 if end.number > end.begin.number else None,
        "checkpoint": checkpoint_of(end),
        "verified": problem is None,
    }
    return facts, problem


def _has_moved(end: Chain, now: Chain) -> bool:
    """Return whether events were removed meanwhile, or the first ones were added."""
    return now.begin != end.begin or (not end.number and now.number > 0)


def _expected(checkpoint: str, end: Chain) -> Chain:
    """Read the option checkpoint. Raises ConfigurationError where it cannot be among the events that are kept."""
    expected = Chain.parse(checkpoint)
    if expected.service != end.service:
        raise ConfigurationError(f"checkpoint is of the service {expected.service}, not of {end.service}")
    if expected.number < end.begin.number:
        raise ConfigurationError(
            f"checkpoint is of event {expected.number}, and events up to {end.begin.number} were removed since their "
            "certificates have ended: give a newer one"
        )
    return expected


def _up_to(events: t.Iterable[Event], end: Chain) -> t.Iterator[Event]:
    """Yield the events that were there when the end of the chain was read."""
    for event in events:
        if event.number > end.number and end.number:
            return
        yield event


def checkpoint_of(chain: Chain) -> str | None:
    """Return the checkpoint of a chain; None where it has no event yet."""
    return str(chain) if chain.number else None


def kept_since(keep_events: str, now: dt.datetime) -> dt.datetime | None:
    """Return the time before which a certificate has ended whose events are removed; None to remove none.

    Raises ConfigurationError.
    """
    if keep_events.strip() == "forever":
        return None
    try:
        return now - parse_duration("keep_events", keep_events, instead=", or forever")
    except OverflowError:
        return None
