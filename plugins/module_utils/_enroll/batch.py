# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one step for many certificates: leases, bounded workers, one outcome for each, in order."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .._clock import utc_now
from .._errors import ConfigurationError, InternalError, LeaseHeldError, NotTriedError, RedtrustError, StoreError
from .._holder import is_gone
from .._models import Enrollment, Outcome
from .._store.api import LEASE_SECONDS, Lease, Store, heartbeat
from .attempt import attempt
from .backoff import after_internal_error
from .step import Decided, Item, Plan, Step

_LONGEST_POLL = 1.0

Hide = t.Callable[[str], str]


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How to work on a list.

    ``holder`` names this run to others; no other run has the same. ``wait`` is in seconds: it bounds the waiting for
    enrollments that another run works on. ``is_down`` tells that asking the service is of no use any more, and
    ``why_down`` why. ``hide`` masks secrets in a text.
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


def predict(
    step: Step[Item, Decided], items: t.Sequence[Item], store: Store, service: str, hide: Hide = str
) -> list[Outcome]:
    """Return the outcomes that ``run_batch`` would have; change nothing."""
    return [_outcome(plan) for plan in _plans(step, items, store, service, hide)]


def run_batch(step: Step[Item, Decided], items: t.Sequence[Item], store: Store, options: BatchOptions) -> list[Outcome]:
    """Do the step for each item and return the outcomes in the order of the items.

    An item that fails does not stop the others; ``attempt`` lists the errors that end the run.

    The first plans are made without a lease and only tell which items act. Those items are leased, planned once more
    from the rows that the store has by then, and the step acts on that second plan.
    """
    plans = _plans(step, items, store, options.service, options.hide)
    outcomes = {item.name: _outcome(plan) for item, plan in zip(items, plans)}
    waiting = [item for item, plan in zip(items, plans) if _needs_lease(plan)]
    deadline = options.clock() + options.wait
    pause = 0.05
    while waiting:
        with _leased(waiting, store, options) as others:
            mine = [item for item in waiting if item.name not in others]
            outcomes.update({outcome.name: outcome for outcome in _work(step, mine, store, options)})
        waiting = [item for item in waiting if item.name in others]
        if waiting and options.clock() >= deadline:
            outcomes.update({item.name: _held(item.name, others[item.name]) for item in waiting})
            break
        if waiting:
            options.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL)
    return [outcomes[item.name] for item in items]


def _plans(
    step: Step[Item, Decided], items: t.Sequence[Item], store: Store, service: str, hide: Hide
) -> list[Plan[Decided]]:
    names = [item.name for item in items]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ConfigurationError(f"certificates names more than once: {', '.join(repeated[:10])}")
    return [_plan(step, item, found, hide) for item, found in zip(items, store.enrollments(service, names))]


def _plan(step: Step[Item, Decided], item: Item, enrollment: Enrollment, hide: Hide) -> Plan[Decided]:
    planned = attempt(lambda: step.plan(item, enrollment), hide)
    if isinstance(planned, RedtrustError):
        return Plan(enrollment, "none", "nothing was done", error=planned)
    return planned


def _needs_lease(plan: Plan[Decided]) -> bool:
    """Return whether there is something to write down: acting on a decision, or counting an unexpected error."""
    return plan.decision is not None or isinstance(plan.error, InternalError)


def _work(step: Step[Item, Decided], items: t.Sequence[Item], store: Store, options: BatchOptions) -> list[Outcome]:
    """Plan and act on the items whose leases are held, several at a time."""
    if not items:
        return []
    plans = _plans(step, items, store, options.service, options.hide)
    with ThreadPoolExecutor(max_workers=min(options.workers, len(plans))) as pool:
        return list(pool.map(lambda plan: _act(step, plan, store, options), plans))


def _act(step: Step[Item, Decided], plan: Plan[Decided], store: Store, options: BatchOptions) -> Outcome:
    done: Outcome | RedtrustError
    if isinstance(plan.error, InternalError):
        done = plan.error
    elif plan.decision is None:
        done = _outcome(plan)
    elif plan.error is None and options.is_down():
        error = NotTriedError(f"not tried, since {options.why_down()}", step=plan.action, url=options.service)
        done = _failed(plan, error)
    else:
        done = attempt(functools.partial(step.act, plan, plan.decision), options.hide)
    return done if isinstance(done, Outcome) else _after_failure(plan, done, store, options)


def _after_failure(plan: Plan[Decided], error: RedtrustError, store: Store, options: BatchOptions) -> Outcome:
    """Return the outcome of a failure under the lease, with the revision that the store has now."""
    if isinstance(error, InternalError):
        attempt(functools.partial(_count, error, plan.enrollment, store, options))
    left = plan.enrollment
    with contextlib.suppress(StoreError):
        left = store.enrollment(left.service, left.name)
    failed = _failed(dataclasses.replace(plan, enrollment=left), error)
    return dataclasses.replace(failed, action=plan.action, warnings=plan.warnings)


def _count(error: InternalError, planned: Enrollment, store: Store, options: BatchOptions) -> None:
    """Write down an error that nobody expected, so that the next runs wait longer and longer.

    Do so only while this run has the lease: the revision on its way may be that of another run by now.
    """
    if store.acquire([_key(planned.service, planned.name)], options.holder, LEASE_SECONDS):
        return
    left = after_internal_error(store.enrollment(planned.service, planned.name), error, options.now())
    if left is not None:
        store.put(left)


def _outcome(plan: Plan[Decided]) -> Outcome:
    return plan.outcome() if plan.error is None else _failed(plan, plan.error)


def _failed(plan: Plan[Decided], error: RedtrustError) -> Outcome:
    known = plan.enrollment.pending or plan.enrollment.current or plan.enrollment.latest
    return Outcome(plan.enrollment.name, "none", plan.reason, revision=known, error=error)


def _held(name: str, lease: Lease) -> Outcome:
    error = LeaseHeldError(f"{lease.holder} is working on it and did not finish in time; {lease.advice}")
    return Outcome(name, "none", "nothing was done", error=error)


@contextlib.contextmanager
def _leased(items: t.Sequence[Item], store: Store, options: BatchOptions) -> t.Iterator[dict[str, Lease]]:
    """Hold the leases that can be had, renewed while the work goes on; yield those that others hold, by name.

    Those of a run that is known to be gone can be had at once, others when they are over.
    No run waits while it holds a lease, so two of them cannot wait for each other.
    """
    keys = {_key(options.service, item.name): item.name for item in items}
    others = store.acquire(list(keys), options.holder, LEASE_SECONDS, is_gone)
    by_name = {keys[key]: lease for key, lease in others.items()}
    mine = [key for key in keys if key not in others]
    if not mine:
        yield by_name
        return
    renew = functools.partial(store.renew, options.holder, LEASE_SECONDS)
    try:
        with heartbeat(lambda: attempt(renew), LEASE_SECONDS):
            yield by_name
    finally:
        store.release(mine, options.holder)


def _key(service: str, name: str) -> str:
    return f"enrollment/{service}/{name}"
