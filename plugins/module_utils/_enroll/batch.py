# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step for many certificates: several at a time, each alone, none twice at once.

A list may be longer than memory likes, so it is read, planned and told in blocks. Only the items that act are leased,
a few at a time: so a run that dies leaves few leases behind, and two runs share a list. Each run begins a long list at
another place, so that two of them meet seldom.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import itertools
import queue
import time
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor

from .._clock import utc_now
from .._errors import ConfigurationError, InternalError, LeaseHeldError, NotTriedError, RedtrustError, StoreError
from .._holder import is_gone
from .._models import Enrollment, Outcome
from .._store.api import LEASE_SECONDS, Lease, Store, heartbeat
from .attempt import attempt
from .backoff import after_internal_error
from .step import Decided, Item, Plan, Step

Hide = t.Callable[[str], str]
Found_co = t.TypeVar("Found_co", covariant=True)
# The position of an item in the list, and its outcome.
Told = tuple[int, Outcome]

_LONGEST_POLL = 1.0
# How many enrollments are read from the store and planned at a time.
_BLOCK = 500
# A thread waits for the disk as well as for the network: with more threads than requests in flight, neither idles.
_THREADS_PER_WORKER = 2
# A list of no more claims than this is begun at its beginning.
_FEW_CLAIMS = 4


@dataclasses.dataclass(frozen=True)
class Unusable:
    """An item whose options cannot be used. It fails alone, with this error."""

    name: str
    error: RedtrustError


class ItemList(t.Protocol[Found_co]):
    """The items of a batch."""

    def __len__(self) -> int: ...

    def __iter__(self) -> t.Iterator[Found_co]: ...

    def begun_at(self, place: int) -> t.Iterator[Found_co]:
        """Yield the items from a place to the end, and then those before it."""


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """The terms of a batch.

    ``workers`` is how many requests are in flight at a time; the transport and the signer see to that. ``wait`` is in
    seconds: it bounds the waiting for enrollments that another run works on, once nothing else is left to do.
    ``why_down`` tells why asking the service or the signer is of no use any more; it is empty while it is of use.
    ``hide`` masks secrets in a text. ``finish`` completes each outcome, in any thread.
    """

    service: str
    holder: str
    workers: int = 8
    wait: float = 300.0
    why_down: t.Callable[[], str] = lambda: ""
    hide: Hide = str
    finish: t.Callable[[Outcome], Outcome] = lambda outcome: outcome
    now: t.Callable[[], dt.datetime] = utc_now
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep


def predict(
    step: Step[Item, Decided], items: ItemList[Item | Unusable], store: Store, options: BatchOptions
) -> t.Iterator[Told]:
    """Yield the outcomes that ``run_batch`` would have; change nothing."""
    for block in _planned(step, enumerate(items), store, options):
        for position, _item, plan in block:
            yield position, options.finish(_outcome(plan))


def run_batch(
    step: Step[Item, Decided], items: ItemList[Item | Unusable], store: Store, options: BatchOptions
) -> t.Iterator[Told]:
    """Do the step for each item; yield position and outcome of each when it is done, in no order.

    An item that fails does not stop the others; ``attempt`` lists the errors that end the run.

    The first plans are made without a lease and only tell which items act. Those items are leased, planned once more
    from the rows that the store has by then, and the step acts on that second plan. What another run holds is passed
    over, and looked at again at the end. Raises StoreError if the store cannot be used any more, after the outcomes of
    all items that were begun.
    """
    with _Run(step, store, options) as run:
        try:
            for block in _planned(step, _from_its_place(items, options), store, options):
                yield from run.begin(block)
            yield from run.complete()
            yield from run.wait_for_others()
        except StoreError:
            yield from run.end_begun()
            raise


Planned = tuple[int, t.Any, Plan[Decided]]


class _Run(t.Generic[Item, Decided]):
    """The items of one run that act: those that wait, those at work, and those that other runs hold."""

    def __init__(self, step: Step[Item, Decided], store: Store, options: BatchOptions) -> None:
        self._step = step
        self._store = store
        self._options = options
        self._threads = _THREADS_PER_WORKER * options.workers
        # with the first plans
        self._waiting: collections.deque[Planned[Decided]] = collections.deque()
        self._passed: list[Planned[Decided]] = []
        self._others: dict[str, Lease] = {}
        self._held: set[str] = set()
        self._over: list[str] = []
        self._gives_back = True
        self._at_work = 0
        self._done: queue.SimpleQueue[tuple[int, str, Future[Outcome]]] = queue.SimpleQueue()
        self._closing = contextlib.ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> _Run[Item, Decided]:
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def begin(self, block: t.Iterable[Planned[Decided]]) -> t.Iterator[Told]:
        """Yield the outcomes of the items that do not act, and begin those that do."""
        for position, item, plan in block:
            if _needs_lease(plan):
                self._waiting.append((position, item, plan))
            else:
                yield position, self._options.finish(_outcome(plan))
        yield from self._work_on(enough=self._threads)

    def complete(self) -> t.Iterator[Told]:
        """Yield the outcomes of all items that were begun."""
        yield from self._work_on(enough=0)

    def wait_for_others(self) -> t.Iterator[Told]:
        """Do the items that other runs held. No lease is held meanwhile, so two runs cannot wait for each other."""
        deadline = self._options.clock() + self._options.wait
        pause = 0.05
        while self._passed:
            if self._options.clock() >= deadline:
                for position, item, _plan in self._passed:
                    yield position, self._options.finish(_held(item.name, self._others[item.name]))
                return
            self._options.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL)
            self._waiting.extend(self._passed)
            self._passed = []
            yield from self.complete()

    def end_begun(self) -> t.Iterator[Told]:
        """Yield the outcomes of the items that are at work, after a failure of the store; begin no other."""
        self._gives_back = False
        while self._at_work:
            yield self._next()

    def _work_on(self, enough: int) -> t.Iterator[Told]:
        """Work until at most ``enough`` items wait, with 0 until none is at work; yield the outcomes meanwhile."""
        while True:
            while self._waiting and self._at_work <= self._threads:
                yield from self._claim()
            if len(self._waiting) <= enough and (enough or not self._at_work):
                break
            yield self._next()
        while not self._done.empty():
            yield self._next()
        if not self._at_work:
            self._give_back()

    def _claim(self) -> t.Iterator[Told]:
        """Lease some of the items that wait, and hand them to the workers.

        Yield the outcomes of those that are not tried, since the service is down. They need no lease.
        """
        some: list[Planned[Decided]] = []
        while self._waiting and len(some) < self._threads:
            position, item, plan = self._waiting.popleft()
            if plan.error is None and self._options.why_down():
                yield position, self._options.finish(_not_tried(plan, self._options))
            else:
                some.append((position, item, plan))
        if some:
            self._lease(some)

    def _lease(self, some: t.Sequence[Planned[Decided]]) -> None:
        """Lease items, and hand those to the workers that no other run holds."""
        keys = {_key(self._options.service, item.name): item.name for _position, item, _plan in some}
        pool = self._opened()
        others = self._store.acquire(list(keys), self._options.holder, LEASE_SECONDS, is_gone)
        self._held.update(key for key in keys if key not in others)
        held = {keys[key]: lease for key, lease in others.items()}
        self._others.update(held)
        self._passed += [planned for planned in some if planned[1].name in held]
        mine = [(position, item) for position, item, _plan in some if item.name not in held]
        for position, item, plan in _plans(self._step, mine, self._store, self._options):
            self._at_work += 1
            begun = pool.submit(self._do, plan)
            begun.add_done_callback(functools.partial(self._put, position, item.name))

    def _put(self, position: int, name: str, done: Future[Outcome]) -> None:
        self._done.put((position, name, done))

    def _do(self, plan: Plan[Decided]) -> Outcome:
        """Act on one plan, in a worker's thread."""
        return self._options.finish(_act(self._step, plan, self._store, self._options))

    def _next(self) -> Told:
        """Wait for the next outcome. Leases are given back in groups. Raises what ends the run."""
        position, name, done = self._done.get()
        self._at_work -= 1
        self._over.append(_key(self._options.service, name))
        if len(self._over) >= self._threads:
            self._give_back()
        return position, done.result()

    def _give_back(self) -> None:
        over, self._over = self._over, []
        if over and self._release(over):
            self._held.difference_update(over)

    def _opened(self) -> ThreadPoolExecutor:
        """Return the workers. From the first lease on all leases are renewed, until the last worker has ended."""
        if self._pool is None:
            self._closing.callback(self._release_all)
            renew = functools.partial(self._store.renew, self._options.holder, LEASE_SECONDS)
            self._closing.enter_context(heartbeat(lambda: attempt(renew), LEASE_SECONDS))
            self._pool = ThreadPoolExecutor(max_workers=self._threads)
            self._closing.callback(self._pool.shutdown, cancel_futures=True)
        return self._pool

    def _release_all(self) -> None:
        if self._held:
            self._release(sorted(self._held))

    def _release(self, keys: t.Sequence[str]) -> bool:
        """Give leases back; return whether that was done.

        They end by themselves. So a failure must not cost the results, nor each time the patience of the store.
        """
        if self._gives_back:
            try:
                self._store.release(keys, self._options.holder)
            except StoreError:
                self._gives_back = False
        return self._gives_back


def _from_its_place(items: ItemList[Item | Unusable], options: BatchOptions) -> t.Iterator[tuple[int, Item | Unusable]]:
    """Yield the items with their positions, from the place where this run begins.

    Runs that go through a long list side by side would find everywhere what another one holds, or has just done.
    """
    count = len(items)
    digest = hashlib.sha256(options.holder.encode("utf-8", "surrogateescape")).digest()
    is_short = count <= _FEW_CLAIMS * _THREADS_PER_WORKER * options.workers
    place = 0 if is_short else int.from_bytes(digest, "big") % count
    return zip(itertools.chain(range(place, count), range(place)), items.begun_at(place))


def _planned(
    step: Step[Item, Decided],
    items: t.Iterable[tuple[int, Item | Unusable]],
    store: Store,
    options: BatchOptions,
) -> t.Iterator[t.Iterator[Planned[Decided]]]:
    """Yield blocks of items with their plans. Raises ConfigurationError for a name that comes again."""
    numbered = iter(items)
    seen: set[str] = set()
    while block := list(itertools.islice(numbered, _BLOCK)):
        names = [item.name for _position, item in block]
        repeated = sorted({name for name, count in collections.Counter(names).items() if count > 1 or name in seen})
        if repeated:
            raise ConfigurationError(f"certificates names more than once: {', '.join(repeated[:10])}")
        seen.update(names)
        yield _plans(step, block, store, options)


def _plans(
    step: Step[Item, Decided],
    items: t.Sequence[tuple[int, Item | Unusable]],
    store: Store,
    options: BatchOptions,
) -> t.Iterator[Planned[Decided]]:
    enrollments = list(store.enrollments(options.service, [item.name for _position, item in items]))
    known = [(item, found) for (_position, item), found in zip(items, enrollments) if not isinstance(item, Unusable)]
    step.look_up(known)
    for (position, item), found in zip(items, enrollments):
        yield position, item, _plan(step, item, found, options.hide)


def _plan(step: Step[Item, Decided], item: Item | Unusable, enrollment: Enrollment, hide: Hide) -> Plan[Decided]:
    planned = item.error if isinstance(item, Unusable) else attempt(lambda: step.plan(item, enrollment), hide)
    if isinstance(planned, RedtrustError):
        return Plan(enrollment, "none", "nothing was done", error=planned)
    return planned


def _needs_lease(plan: Plan[Decided]) -> bool:
    """Return whether there is something to write down: acting on a decision, or counting an unexpected error."""
    return plan.decision is not None or isinstance(plan.error, InternalError)


def _act(step: Step[Item, Decided], plan: Plan[Decided], store: Store, options: BatchOptions) -> Outcome:
    done: Outcome | RedtrustError
    if isinstance(plan.error, InternalError):
        done = plan.error
    elif plan.decision is None:
        done = _outcome(plan)
    elif plan.error is None and options.why_down():
        done = _not_tried(plan, options)
    else:
        done = attempt(functools.partial(step.act, plan, plan.decision), options.hide)
        if isinstance(done, NotTriedError):  # the service went down while this one waited for its turn
            done = _why_not_tried(plan, options)
    return done if isinstance(done, Outcome) else _after_failure(plan, done, store, options)


def _not_tried(plan: Plan[Decided], options: BatchOptions) -> Outcome:
    return _failed(plan, _why_not_tried(plan, options))


def _why_not_tried(plan: Plan[Decided], options: BatchOptions) -> NotTriedError:
    why = options.why_down() or "the service is down"
    return NotTriedError(f"not tried, since {why}", step=plan.action, url=options.service)


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
    current = plan.enrollment.current
    known = plan.enrollment.pending or current or plan.enrollment.latest
    return Outcome(plan.enrollment.name, "none", plan.reason, revision=known, still_in_use=current, error=error)


def _held(name: str, lease: Lease) -> Outcome:
    error = LeaseHeldError(f"{lease.holder} is working on it and did not finish in time; {lease.advice}")
    return Outcome(name, "none", "nothing was done", error=error)


def _key(service: str, name: str) -> str:
    return f"enrollment/{service}/{name}"
