# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: ways in which the server fails when it is told to.

Each row of the table ``faults`` is one fault; the server reads them on each request.

  step         the step it applies to, or * for each
  moment       before: instead of doing what was asked; after: what was asked is done and committed, then this happens
  action       drop              close the connection without an answer
               status:CODE       answer this HTTP status with an error envelope; status:409:ERR_INVALID_STATE:words
                                 has an errorCode, and a message, of its own
               html:CODE         answer this HTTP status with a page in HTML, as a proxy or load balancer does
               body:TEXT         status 200 with this text as the body, as it is; none where there is no text
               delay:SECONDS     wait, then go on as if nothing was
               huge              an envelope of ``huge_bytes`` bytes
               rubbish           an answer that is not JSON
               half              the first half of the answer, then close the connection
               trickle           white space for ever, one byte every ``trickle_interval`` seconds
               redirect:URL      302 to this address
  argument     what follows the colon
  skip         how many matching requests pass first
  times        how often it happens; 0 for ever
  retry_after  value of a Retry-After header (with status)
  seen, fired  how often it matched, how often it happened

At most one fault of each moment happens to one request: the oldest that is due. Each matching one counts it as seen.
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
    """One fault as it is told."""

    step: str
    moment: str
    action: str
    argument: str | None = None
    skip: int = 0
    times: int = 1
    retry_after: str | None = None

    def __str__(self) -> str:
        """Return moment, action and argument, as the ledger records them."""
        return ":".join(part for part in (self.moment, self.action, self.argument) if part)


def from_text(step: str, moment: str, action: str, **others: t.Any) -> Fault:
    """Build from what a person typed, such as ``status:503``; raises ConfigError."""
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
    """Tell the server to fail; return the number of the fault."""
    return ledger.insert("faults", dataclasses.asdict(fault))


def clear(ledger: Ledger) -> int:
    """Forget all faults; return how many there were."""
    return ledger.run("DELETE FROM faults")


def due(ledger: Ledger, step: str) -> dict[str, Fault]:
    """Return the faults that happen to a request of this step, by moment, and count them."""
    rows = ledger.rows(
        "SELECT id, step, moment, action, argument, skip, times, retry_after, seen, fired FROM faults"
        " WHERE step IN (?, '*') ORDER BY id",
        step,
    )
    chosen: dict[str, Fault] = {}
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
