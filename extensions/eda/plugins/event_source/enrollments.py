# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell ansible-rulebook what happens to the certificates in a store."""

from __future__ import annotations

import datetime as dt
import re
import sys
import typing as t
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

DOCUMENTATION = r"""
---
short_description: What happens to the certificates in a store of redtrust.certificate_enroll
version_added: 0.5.0
description:
  - An ansible-rulebook event source that follows the store of C(redtrust.certificate_enroll).
  - It tells that a certificate ends soon, is due for renewal, waits too long, failed, needs a person, was issued, or
    was renewed.
  - It keeps in the store what it has told.
    So nothing is lost while the source is down, and nothing is told twice.
    After a crash the last event may be told once more, with the same C(id).
  - The page docs/event-driven.md of the collection describes the events and what is promised.
requirements:
  - ansible-core, in the Python environment of ansible-rulebook
  - the Python package cryptography
  - the Python package psycopg, version 3.1 or newer, with O(store_dsn)
options:
  service:
    description:
      - The name of the server in the store.
      - Can also be set with the environment variable E(REDTRUST_SERVICE).
    type: str
    required: true
  store_path:
    description:
      - Path of the SQLite database, which must be there already.
      - Can also be set with the environment variable E(REDTRUST_STORE_PATH).
    type: path
    default: ~/.local/share/redtrust/store.sqlite3
  store_dsn:
    description:
      - Connection string of the PostgreSQL database, instead of O(store_path).
      - Can also be set with the environment variable E(REDTRUST_STORE_DSN).
    type: str
  store_key:
    description:
      - The key of the store in PostgreSQL. Required with O(store_dsn).
      - Can also be set with the environment variable E(REDTRUST_STORE_KEY).
    type: str
  position:
    description:
      - The name under which the store keeps what was told.
        Each rulebook needs a name of its own.
        If two sources have the same name at the same time, the second one waits until the first one has ended.
      - A new name begins with the conditions that hold now, and with the events from now on.
    type: str
    default: default
  kinds:
    description:
      - What to tell. By default everything is told.
    type: list
    elements: str
    choices: [due, expiring, failed, issued, missed, needs_person, renewed, waiting]
  soon:
    description:
      - How long before its end a certificate is C(expiring), such as V(30d) or V(12h).
    type: str
    default: 30d
  waiting_longer_than:
    description:
      - After which time on its way a request is C(waiting), such as V(1d) or V(2h).
    type: str
    default: 1d
  remind:
    description:
      - After which time a condition that still holds is told again, such as V(1d).
        By default it is told once.
    type: str
  interval:
    description:
      - How many seconds to wait before the store is looked at again.
    type: float
    default: 10
  renew_before:
    description:
      - When a certificate is C(due), as in the options of the modules that renew.
        Give the same values here and there.
    type: str
  renew_jitter:
    description:
      - As O(renew_before).
    type: str
  renewal_windows:
    description:
      - As O(renew_before).
        A certificate is C(due) once a window is open.
    type: list
    elements: dict
  renewal_freezes:
    description:
      - As O(renew_before).
    type: list
    elements: dict
  feedback:
    description:
      - Whether ansible-rulebook confirms each event.
        It does so only with C(--persistence-id), and refuses this option without it.
        An event filter must then leave each event its C(id).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Renew what is due
  hosts: localhost
  sources:
    - redtrust.certificate_enroll.enrollments:
        service: redtrust.example.com
        store_path: /srv/redtrust/store.sqlite3
        position: renewals
        kinds: [due, waiting]
        remind: 6h
  rules:
    - name: Renew
      condition: event.kind in ["due", "waiting"]
      throttle:
        once_after: 1 minute
        group_by_attributes:
          - event.service
      action:
        run_playbook:
          name: redtrust.certificate_enroll.renew
"""

# Where the folder ansible_collections is: ansible-rulebook runs this file by its path, without Ansible's loader.
_ROOT = str(Path(__file__).parents[7])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import parse_duration
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import (
    RENEWAL,
    STORE,
    Renewals,
    StoreOptions,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Place,
    SqlitePlace,
    Store,
    open_postgresql,
    open_store,
    postgresql_place,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.api import (
    KINDS,
    Outlet,
    Rules,
    Source,
    tell,
    warn,
)

_SPEC: dict[str, dict[str, t.Any]] = {
    **STORE,
    **RENEWAL,
    "position": {"type": "str", "default": "default"},
    "kinds": {"type": "list", "elements": "str", "choices": list(KINDS)},
    "soon": {"type": "str", "default": "30d"},
    "waiting_longer_than": {"type": "str", "default": "1d"},
    "remind": {"type": "str"},
    "interval": {"type": "float", "default": 10.0},
    "feedback": {"type": "bool", "default": False},
}
_POSITION = re.compile(r"[A-Za-z0-9_.-]{1,64}")


async def main(queue: t.Any, args: dict[str, t.Any]) -> None:
    """Hand over events until ansible-rulebook ends."""
    given = dict(args)
    feedback = given.pop("eda_feedback_queue", None)
    await tell(read_source(given), Outlet(queue, feedback))


def read_source(args: t.Mapping[str, t.Any]) -> Source:
    """Read the arguments of the source. Raises ConfigurationError."""
    validated = ArgumentSpecValidator(_SPEC).validate(dict(args))
    if validated.error_messages:
        raise ConfigurationError("; ".join(validated.error_messages))
    params = validated.validated_parameters
    options = StoreOptions.read({**params, "host": None}, args)
    if not options.service:
        raise ConfigurationError("service is not set: it says whose certificates are meant")
    if not _POSITION.fullmatch(params["position"]):
        raise ConfigurationError("position must be 1 to 64 letters, digits, dots, dashes and underscores")
    if not params["interval"] >= 1:
        raise ConfigurationError(f"interval must be at least 1 second, not {params['interval']}")
    rules = Rules(
        frozenset(KINDS if params["kinds"] is None else params["kinds"]),
        _policy(params),
        soon=_duration(params, "soon"),
        patience=_duration(params, "waiting_longer_than"),
        remind=_duration(params, "remind") if params["remind"] is not None else None,
    )
    return Source(lambda: _opened(options), options.service, params["position"], rules, params["interval"])


def _policy(params: t.Mapping[str, t.Any]) -> RenewalPolicy:
    policy: RenewalPolicy = Renewals.read(params).standard
    return policy


def _duration(params: t.Mapping[str, t.Any], option: str) -> dt.timedelta:
    duration: dt.timedelta = parse_duration(option, params[option])
    if option == "remind" and duration < dt.timedelta(minutes=1):
        raise ConfigurationError(f"remind must be at least a minute, not {params[option]!r}")
    return duration


def _opened(options: StoreOptions) -> Store:
    """Open the store. One that is missing is not made: its path or its database is most likely mistaken."""
    place: Place = postgresql_place(options.dsn, options.key, warn) if options.dsn else SqlitePlace(options.path)
    if place.version() is None:
        raise StoreError(f"store {place.name}: there is none; give the place of the one that the jobs use")
    return open_postgresql(options.dsn, options.key, warn=warn) if options.dsn else open_store(options.path)
