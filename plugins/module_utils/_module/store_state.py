# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a store that the module redtrust_store brings about."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import ConfigurationError, StoreError
from .._store.api import Action, Facts, Place, SqlitePlace, postgresql_place
from .context import Context
from .events import checkpoint_of, write_events
from .masked import dsn_passwords
from .options import SHORTEST_KEY
from .paths import file_path
from .results import Result
from .specs import Spec

STORE_STATE: Spec = {
    "state": {"type": "str", "choices": ["present", "copied", "exported"], "default": "present"},
    "events_path": {"type": "path"},
    "source": {
        "type": "dict",
        "options": {
            "path": {"type": "path"},
            "dsn": {"type": "str", "no_log": True},
            "key": {"type": "str", "no_log": True},
        },
    },
    "force": {"type": "bool", "default": False},
}


def bring_about(context: Context) -> Result:
    """Bring the store to the state that the options ask for, or in check mode predict it."""
    source, force = context.params["source"], context.params["force"]
    state = context.params["state"]
    if (state == "exported") != bool(context.params["events_path"]):
        raise ConfigurationError("events_path and state: exported go together: it is the file for the events")
    if force and state != "present":
        raise ConfigurationError(f"force is of no use with state: {state}; it puts a store to use with state: present")
    if state == "copied":
        return _copied(context, _source(context, source))
    if source is not None:
        raise ConfigurationError("source needs state: copied; without it nothing would be copied")
    if state == "exported":
        return _exported(context)
    return _present(context, use=force)


def _exported(context: Context) -> Result:
    path = file_path("events_path", context.params["events_path"])
    # read first, so that its event is in the file whatever other runs add meanwhile
    checkpoint = checkpoint_of(context.store.chain(context.service))
    changed, count = write_events(context.store, context.service, path, check_mode=context.check_mode)
    events = {"path": path, "count": count, "checkpoint": checkpoint}
    action = "export" if changed else "none"
    return Result(changed, {"action": action, "kind": context.place.kind, "events": events})


def _source(context: Context, given: t.Mapping[str, t.Any] | None) -> Place:
    """Return the place to copy from. Raises ConfigurationError."""
    path, dsn, key = ((given or {}).get(name) or "" for name in ("path", "dsn", "key"))
    if bool(path) == bool(dsn):
        raise ConfigurationError(
            "source needs either path, for a store in SQLite, or dsn and key, for one in PostgreSQL"
        )
    if bool(dsn) != bool(key):
        raise ConfigurationError(f"source.dsn and source.key go together: {'key' if dsn else 'dsn'} is not set")
    if path:
        return SqlitePlace(file_path("source.path", path))
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(f"source.key must have at least {SHORTEST_KEY} characters")
    for password in dsn_passwords(dsn):
        context.register(password)
    try:
        return postgresql_place(dsn, key, context.module.warn)
    except StoreError as exc:
        raise ConfigurationError(f"source.dsn: {exc}") from exc


def _present(context: Context, *, use: bool) -> Result:
    place = context.place
    before = place.look()
    wanted = _wanted(before, place.newest, use=use)
    after = before
    if wanted != "none":
        after = dataclasses.replace(before, version=place.newest) if context.check_mode else place.prepare(use=use)
    if use:
        after = dataclasses.replace(after, retired=None)
    diff = [{"before": _told(before), "after": _told(after)}] if wanted != "none" else ()
    warnings = [place.why_not_used(after.retired)] if after.retired is not None else ()
    return Result(wanted != "none", {"action": wanted, **_told(after)}, diff=diff, warnings=warnings)


def _wanted(before: Facts, newest: int, *, use: bool) -> str:
    if before.version is None:
        return "create"
    if before.version < newest:
        return "upgrade"
    return "use" if use and before.retired is not None else "none"


def _told(facts: Facts) -> dict[str, t.Any]:
    retired = facts.retired
    return {
        "kind": facts.kind,
        "schema_version": facts.version,
        "counts": dict(facts.counts),
        "retired": retired and {"other": retired.other, "at": retired.at, "unfinished": retired.unfinished},
    }


def _copied(context: Context, source: Place) -> Result:
    target = context.place
    copied = target.foresee(source) if context.check_mode else target.take(source)
    changed = copied.action is not Action.NONE
    there, here = ({"counts": dict(held.counts), "checksum": held.checksum} for held in (copied.source, copied.target))
    return Result(
        changed,
        {
            "action": copied.action.value,
            "kind": target.kind,
            "schema_version": target.newest,
            "retired": None,
            **here,
            "source": {"kind": source.kind, **there},
        },
        diff=[{"before": {"store in use": source.name}, "after": {"store in use": target.name}}] if changed else (),
    )
