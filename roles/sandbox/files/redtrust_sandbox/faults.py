# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: failures of the server that a test orders.

Each row of the table ``faults`` is one fault; the server reads them on each request.

  step         the step it applies to, or * for each
  moment       before: the fault replaces the work; after: it happens after the work is done and committed
  action       drop              close the connection without an answer
               status:CODE       answer this HTTP status with an error envelope; status:409:ERR_INVALID_STATE:words
                                 also sets the errorCode and the message
               html:CODE         answer this HTTP status with a page in HTML, as a proxy or load balancer does
               body:TEXT         answer status 200 with exactly this text as the body; it may be empty
               delay:SECONDS     wait, then continue as usual
               huge              an envelope of ``huge_bytes`` bytes
               rubbish           an answer that is not JSON
               half              the first half of the answer, then close the connection
               trickle           endless white space, one byte every ``trickle_interval`` seconds
               redirect:URL      302 to this address
  argument     the text after the colon
  skip         how many matching requests pass first
  times        how often it happens; 0 for no limit
  retry_after  value of a Retry-After header (with status)
  seen, fired  how often it matched, how often it happened

At most one fault of each moment happens to a request: the oldest that is due. The request counts as seen for each
matching fault.
"""

from __future__ import annotations

import dataclasses
import typing as t

from redtrust_sandbox.errors import ConfigError
from redtrust_sandbox.generations import STEP_NAMES
from redtrust_sandbox.ledger import Ledger

MOMENTS = ("before", "after")
PLAIN_ACTIONS = ("drop", "huge", "rubbish", "half", "trickle")
ACTIONS_WITH_ARGUMENT = ("status", "html", "body", "delay", "redirect")


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault."""

    step: str
    moment: str
    action: str
    argument: str | None = None
    skip: int = 0
    times: int = 1
    retry_after: str | None = None

    def __str__(self) -> str:
        """Return moment, action and argument in the form of the ledger."""
        return ":".join(part for part in (self.moment, self.action, self.argument) if part)


def from_text(step: str, moment: str, action: str, **others: t.Any) -> Fault:
    """Build a fault from text such as ``status:503``; raises ConfigError."""
    name, _colon, argument = action.partition(":")
    fault = Fault(step=step, moment=moment, action=name, argument=argument or None, **others)
    if step != "*" and step not in STEP_NAMES:
        raise ConfigError(f"There is no step {step!r}; there are {', '.join(STEP_NAMES)} and *")
    if moment not in MOMENTS:
        raise ConfigError(f"A fault happens before or after, not {moment!r}")
    if fault.skip < 0 or fault.times < 0:
        raise ConfigError("skip and times cannot be negative")
    _check_action(fault)
    return fault


def _check_action(fault: Fault) -> None:
    if fault.action in PLAIN_ACTIONS:
        if fault.argument is not None:
            raise ConfigError(f"{fault.action} takes no argument")
        return
    if fault.action not in ACTIONS_WITH_ARGUMENT:
        every = ", ".join(PLAIN_ACTIONS + ACTIONS_WITH_ARGUMENT)
        raise ConfigError(f"There is no action {fault.action!r}; there are {every}")
    argument = fault.argument or ""
    if fault.action in ("status", "html"):
        _check_status(fault.action, argument)
    if fault.action == "delay" and not argument.replace(".", "", 1).isdigit():
        raise ConfigError("delay needs seconds, as in delay:2.5")
    if fault.action == "redirect" and not argument:
        raise ConfigError("redirect needs an address, as in redirect:https://example.com/")


def _check_status(action: str, argument: str) -> None:
    status, colon, _words = argument.partition(":")
    if not (status.isdigit() and 200 <= int(status) <= 599) or (action == "html" and colon):
        raise ConfigError(f"{action} needs a code from 200 to 599, as in {action}:503")


def add(ledger: Ledger, fault: Fault) -> int:
    """Add a fault; return its number."""
    return ledger.insert("faults", dataclasses.asdict(fault))


def clear(ledger: Ledger) -> int:
    """Remove all faults; return how many there were."""
    return ledger.run("DELETE FROM faults")


def due(ledger: Ledger, step: str) -> dict[str, Fault]:
    """Return the faults of a request of this step, by moment, and count them."""
    chosen: dict[str, Fault] = {}
    if ledger.foreign("SELECT COUNT(*) FROM faults") == [(0,)]:
        return chosen
    rows = ledger.rows(
        "SELECT id, step, moment, action, argument, skip, times, retry_after, seen, fired FROM faults"
        " WHERE step IN (?, '*') ORDER BY id",
        step,
    )
    if not rows:
        return chosen
    with ledger.transaction():
        for row in rows:
            fault = Fault(*row[1:8])
            seen, fired = row[8], row[9]
            fires = seen >= fault.skip and (fault.times == 0 or fired < fault.times) and fault.moment not in chosen
            if fires:
                chosen[fault.moment] = fault
            ledger.run("UPDATE faults SET seen = seen + 1, fired = fired + ? WHERE id = ?", int(fires), row[0])
    return chosen
