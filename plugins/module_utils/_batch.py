# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one step for many certificates: leases, bounded workers, one outcome for each, in order."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from ._enroll.api import Item, Plan, Step
from ._errors import ConfigurationError, LeaseHeldError, NotTriedError, RedtrustError, StoreError
from ._holder import is_gone
from ._models import Enrollment, Outcome
from ._store.api import Lease, Store

# A lease is renewed three times in its life, so one missed renewal does not lose it.
LEASE_SECONDS = 60.0
_LONGEST_POLL = 1.0


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How a list is worked on.

    ``holder`` names this run to others and is its own; ``wait`` bounds in seconds how long enrollments that
    another run works on are waited for. ``is_down`` says that the service need not be asked any more, ``why_down`` why.
    """

    service: str
    holder: str
    workers: int = 8
    wait: float = 300.0
    is_down: t.Callable[[], bool] = lambda: False
    why_down: t.Callable[[], str] = lambda: "the service is down"
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep


def predict(step: Step[Item], items: t.Sequence[Item], store: Store, service: str) -> list[Outcome]:
    """Return what ``run`` would do, having changed nothing."""
    return [_outcome(plan) for plan in _plans(step, items, store, service)]


def run(step: Step[Item], items: t.Sequence[Item], store: Store, options: BatchOptions) -> list[Outcome]:
    """Do the step for each item and return the outcomes in the order of the items.

    One that fails does not stop the others. Only what is to be acted on is leased, and it is planned again
    from what the store says once the lease is held.
    """
    plans = _plans(step, items, store, options.service)
    outcomes = {name: _outcome(plan) for name, plan in zip(_names(items), plans)}
    waiting = [plan.item for plan in plans if isinstance(plan, Plan) and plan.acts]
    deadline = options.clock() + options.wait
    pause = 0.05
    while waiting:
        with _leased(waiting, store, options) as others:
            mine = [item for item in waiting if item.name not in others]
            outcomes.update({outcome.name: outcome for outcome in _work(step, mine, store, options)})
        waiting = [item for item in waiting if item.name in others]
        if waiting and options.clock() >= deadline:
            outcomes.update({item.name: _held(item, others[item.name]) for item in waiting})
            break
        if waiting:
            options.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL)
    return [outcomes[name] for name in _names(items)]


def _plans(step: Step[Item], items: t.Sequence[Item], store: Store, service: str) -> list[Plan[Item] | Outcome]:
    names = _names(items)
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ConfigurationError(f"certificates names more than once: {', '.join(repeated[:10])}")
    return [_plan(step, item, found) for item, found in zip(items, store.enrollments(service, names))]


def _plan(step: Step[Item], item: Item, enrollment: Enrollment) -> Plan[Item] | Outcome:
    try:
        return step.plan(item, enrollment)
    except RedtrustError as exc:
        return _failed(item, exc, enrollment)


def _work(step: Step[Item], items: t.Sequence[Item], store: Store, options: BatchOptions) -> list[Outcome]:
    """Act on the items whose leases are held, several at a time."""
    if not items:
        return []
    plans = _plans(step, items, store, options.service)
    with ThreadPoolExecutor(max_workers=max(1, min(options.workers, len(plans)))) as pool:
        return list(pool.map(lambda plan: _act(step, plan, store, options), plans))


def _act(step: Step[Item], plan: Plan[Item] | Outcome, store: Store, options: BatchOptions) -> Outcome:
    if isinstance(plan, Outcome) or not plan.acts:
        return _outcome(plan)
    if options.is_down():
        error = NotTriedError(f"not tried, since {options.why_down()}", step=plan.action, url=options.service)
        return dataclasses.replace(_failed(plan.item, error, plan.enrollment), reason=plan.reason)
    try:
        return step.act(plan)
    except RedtrustError as exc:
        left = plan.enrollment
        with contextlib.suppress(StoreError):
            left = store.enrollment(plan.enrollment.service, plan.item.name)
        return dataclasses.replace(_failed(plan.item, exc, left), action=plan.action, reason=plan.reason)


def _outcome(plan: Plan[Item] | Outcome) -> Outcome:
    return plan if isinstance(plan, Outcome) else plan.outcome()


def _failed(item: Item, error: RedtrustError, enrollment: Enrollment) -> Outcome:
    known = enrollment.pending or enrollment.current or enrollment.latest
    return Outcome(item.name, "none", "nothing was done", revision=known, error=error)


def _held(item: Item, lease: Lease) -> Outcome:
    error = LeaseHeldError(f"{lease.holder} is working on it and did not finish in time")
    return Outcome(item.name, "none", "nothing was done", error=error)


def _names(items: t.Sequence[Item]) -> list[str]:
    return [item.name for item in items]


@contextlib.contextmanager
def _leased(items: t.Sequence[Item], store: Store, options: BatchOptions) -> t.Iterator[dict[str, Lease]]:
    """Hold the leases that can be had, renewed while the work goes on; yield those that others hold, by name.

    Those of a run that is known to be gone can be had at once, others when they are over.
    No run waits while it holds a lease, so two of them cannot wait for each other.
    """
    keys = {_key(options.service, item.name): item.name for item in items}
    others = store.acquire(list(keys), options.holder, LEASE_SECONDS, is_gone)
    mine = [key for key in keys if key not in others]
    done = threading.Event()
    heart = threading.Thread(target=_renew_until, args=(done, store, options.holder), daemon=True)
    if mine:
        heart.start()
    try:
        yield {keys[key]: lease for key, lease in others.items()}
    finally:
        done.set()
        if mine:
            heart.join()
            store.release(mine, options.holder)


def _renew_until(done: threading.Event, store: Store, holder: str) -> None:
    """Keep the leases alive. A renewal that fails is left to the next: every write is checked anyway."""
    while not done.wait(LEASE_SECONDS / 3):
        with contextlib.suppress(RedtrustError):
            store.renew(holder, LEASE_SECONDS)


def _key(service: str, name: str) -> str:
    return f"enrollment/{service}/{name}"


def utc_now() -> dt.datetime:
    """Return the time of this machine."""
    return dt.datetime.now(tz=dt.timezone.utc)
