# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one step for many certificates: leases, bounded workers, one outcome for each, in order."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import threading
import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .._clock import utc_now
from .._errors import ConfigurationError, InternalError, LeaseHeldError, NotTriedError, RedtrustError, StoreError
from .._holder import is_gone
from .._models import Enrollment, Outcome
from .._store.api import LEASE_SECONDS, Lease, Store
from .attempt import attempt
from .policy import after_internal_error
from .step import Item, Plan, Step

_LONGEST_POLL = 1.0

Hide = t.Callable[[str], str]


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How a list is worked on.

    ``holder`` names this run to others and is its own; ``wait`` bounds in seconds how long enrollments that
    another run works on are waited for. ``is_down`` says that the service need not be asked any more, ``why_down``
    why; ``hide`` masks secrets in a text.
    """

    service: str
    holder: str
    workers: int = 8
    wait: float = 300.0
    is_down: t.Callable[[], bool] = lambda: False
    why_down: t.Callable[[], str] = lambda: "the service is down"
    hide: Hide = str
    now: t.Callable[[], dt.datetime] = utc_now
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep


def predict(step: Step[Item], items: t.Sequence[Item], store: Store, service: str, hide: Hide = str) -> list[Outcome]:
    """Return what ``run`` would do, having changed nothing."""
    return [_outcome(plan) for plan in _plans(step, items, store, service, hide)]


def run_batch(step: Step[Item], items: t.Sequence[Item], store: Store, options: BatchOptions) -> list[Outcome]:
    """Do the step for each item and return the outcomes in the order of the items.

    One that fails does not stop the others, whatever it fails with; see ``attempt`` for what ends the run. Only what is
    to be acted on is leased, and it is planned again from what the store says once the lease is held.
    """
    plans = _plans(step, items, store, options.service, options.hide)
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


def _plans(
    step: Step[Item], items: t.Sequence[Item], store: Store, service: str, hide: Hide
) -> list[Plan[Item] | Outcome]:
    names = _names(items)
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ConfigurationError(f"certificates names more than once: {', '.join(repeated[:10])}")
    return [_plan(step, item, found, hide) for item, found in zip(items, store.enrollments(service, names))]


def _plan(step: Step[Item], item: Item, enrollment: Enrollment, hide: Hide) -> Plan[Item] | Outcome:
    """Plan for one item. A failure that nobody expected is one to act on: it is counted, which needs the lease."""
    planned = attempt(lambda: step.plan(item, enrollment), hide)
    if isinstance(planned, InternalError):
        return Plan(item, enrollment, "none", "nothing was done", acts=True, error=planned)
    return _failed(item, planned, enrollment) if isinstance(planned, RedtrustError) else planned


def _work(step: Step[Item], items: t.Sequence[Item], store: Store, options: BatchOptions) -> list[Outcome]:
    """Act on the items whose leases are held, several at a time."""
    if not items:
        return []
    plans = _plans(step, items, store, options.service, options.hide)
    with ThreadPoolExecutor(max_workers=max(1, min(options.workers, len(plans)))) as pool:
        return list(pool.map(lambda plan: _act(step, plan, store, options), plans))


def _act(step: Step[Item], plan: Plan[Item] | Outcome, store: Store, options: BatchOptions) -> Outcome:
    if isinstance(plan, Outcome) or not plan.acts:
        return _outcome(plan)
    if plan.error is None and options.is_down():
        error = NotTriedError(f"not tried, since {options.why_down()}", step=plan.action, url=options.service)
        return dataclasses.replace(_failed(plan.item, error, plan.enrollment), reason=plan.reason)
    done = attempt(lambda: _acted(step, plan), options.hide)
    if isinstance(done, Outcome):
        return done
    if isinstance(done, InternalError):
        attempt(functools.partial(_count, done, plan.enrollment, store, options), options.hide)
    left = plan.enrollment
    with contextlib.suppress(StoreError):
        left = store.enrollment(plan.enrollment.service, plan.item.name)
    failed = _failed(plan.item, done, left)
    return dataclasses.replace(failed, action=plan.action, reason=plan.reason, warnings=plan.warnings)


def _acted(step: Step[Item], plan: Plan[Item]) -> Outcome:
    if isinstance(plan.error, InternalError):
        raise plan.error
    return step.act(plan)


def _count(error: InternalError, planned: Enrollment, store: Store, options: BatchOptions) -> None:
    """Write down what an error that nobody expected leaves, so that it is not met again in each run.

    Not where another run has taken over: what is on its way is that one's.
    """
    if store.acquire([_key(planned.service, planned.name)], options.holder, LEASE_SECONDS):
        return
    left = after_internal_error(store.enrollment(planned.service, planned.name), error, options.now())
    if left is not None:
        store.put(left)


def _outcome(plan: Plan[Item] | Outcome) -> Outcome:
    if isinstance(plan, Outcome):
        return plan
    if plan.error is not None:
        return dataclasses.replace(_failed(plan.item, plan.error, plan.enrollment), reason=plan.reason)
    return plan.outcome()


def _failed(item: Item, error: RedtrustError, enrollment: Enrollment) -> Outcome:
    known = enrollment.pending or enrollment.current or enrollment.latest
    return Outcome(item.name, "none", "nothing was done", revision=known, error=error)


def _held(item: Item, lease: Lease) -> Outcome:
    error = LeaseHeldError(f"{lease.holder} is working on it and did not finish in time; {lease.advice}")
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
        attempt(lambda: store.renew(holder, LEASE_SECONDS))


def _key(service: str, name: str) -> str:
    return f"enrollment/{service}/{name}"
