#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a store, bring it up to date, move it, or export its events."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_store
short_description: Make a store, bring it up to date, move it, or export its events
version_added: 0.5.0
description:
  - With O(state=present) makes sure that the store is there, with the tables of this release.
    The other modules do so by themselves if they may.
    In PostgreSQL, jobs may have a role that cannot make tables, and then a person runs this module with another role.
  - With O(state=copied) copies everything that another store holds into this one, whatever the kind of either, and
    retires the other.
    So a store moves from SQLite to PostgreSQL and back.
  - With O(state=exported) writes the events of O(service) to a file, so that other programs can read and check them.
  - It does not ask the server.
    The guide C(docs/postgresql.md) of the collection shows the whole way.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
options:
  state:
    description:
      - V(present) makes the tables if there are none, and upgrades those of an older release.
      - V(copied) needs O(source).
        The store must be empty, hold exactly the same as the source, or be one that was moved to the source before.
        In the last case its contents are replaced.
      - The copy has all enrollments, sessions, events and replacements.
        Leases and the state of rate limits stay behind.
        Request codes are opened with the key of the source, and sealed with the key of this store.
      - No copy is made while a job holds a lease in either store, and no job can write while a copy is made.
        All rows of both stores are counted and summed up afterwards.
        If they differ, nothing is changed.
      - A copy that was interrupted is run again.
        It begins anew, or finishes what is left.
        After a copy that succeeded, the same task changes nothing.
      - The source is retired, since two stores with the same enrollments would issue each certificate twice.
        All modules refuse a store that is retired, and name the store that has taken its place.
        At no time can both be used.
    type: str
    choices: [present, copied, exported]
    default: present
  events_path:
    description:
      - The path of the file for the events, with O(state=exported).
        It is written as a whole, with mode V(0600), unless it holds just these events already.
      - The file is in JSON Lines, in UTF-8, one event a line, in the order of their numbers.
        The keys are those of C(enrollments[].history) of M(redtrust.certificate_enroll.redtrust_enrollment_info).
        The guide C(docs/events.md) of the collection shows how another program checks the file.
    type: path
  source:
    description: The store to copy from, with O(state=copied).
    type: dict
    suboptions:
      path:
        description: The path of a store in SQLite.
        type: path
      dsn:
        description: The connection string of a store in PostgreSQL, as in O(store_dsn).
        type: str
      key:
        description: The key of the store at O(source.dsn), as in O(store_key).
        type: str
  force:
    description:
      - With O(state=present), put a store to use again that was retired.
        Do this only if the other store is lost, or if no job has ever used it.
        If both are used, certificates are issued twice.
      - To go back to this store otherwise, copy the other one back.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Make the tables
  redtrust.certificate_enroll.redtrust_store:
    store_dsn: "{{ redtrust_owner_dsn }}"
    store_key: "{{ redtrust_store_key }}"

- name: Move a store from SQLite to PostgreSQL
  redtrust.certificate_enroll.redtrust_store:
    state: copied
    store_dsn: "{{ redtrust_owner_dsn }}"
    store_key: "{{ redtrust_store_key }}"
    source:
      path: /srv/redtrust/store.sqlite3

- name: Move it back
  redtrust.certificate_enroll.redtrust_store:
    state: copied
    store_path: /srv/redtrust/store.sqlite3
    source:
      dsn: "{{ redtrust_owner_dsn }}"
      key: "{{ redtrust_store_key }}"

- name: Export the events for an audit
  redtrust.certificate_enroll.redtrust_store:
    state: exported
    service: redtrust.example.com
    events_path: /srv/audit/events.jsonl

- name: Use a store again whose copy was lost before any job has used it
  redtrust.certificate_enroll.redtrust_store:
    store_path: /srv/redtrust/store.sqlite3
    force: true
"""

RETURN = r"""
action:
  description:
    - The action of the module, or in check mode the action that it would take.
      V(create) means that it made the tables, V(upgrade) that it brought them up to date, and V(use) that it put a
      retired store to use.
      V(copy) means that it copied the source and retired it.
      V(finish) means that the store held the same already, and that the source was retired, or was so already.
      V(export) means that it wrote the events.
      V(none) means that there was nothing to do.
  returned: success
  type: str
  sample: copy
kind:
  description: The kind of the store, V(sqlite) or V(postgresql).
  returned: success
  type: str
  sample: postgresql
schema_version:
  description:
    - The version of the tables.
      Each release that changes them has a greater number.
  returned: success, unless O(state=exported)
  type: int
  sample: 4
counts:
  description:
    - How many enrollments the store has, and how many rows each table has.
      In check mode these are the numbers that it would have, and the dictionary is empty if the tables are old.
  returned: success, unless O(state=exported)
  type: dict
  sample: {enrollments: 41, revisions: 55, sessions: 1, events: 230, chains: 1, replacements: 0, notes: 2}
checksum:
  description:
    - SHA-256, in hex, over all that the store holds, whatever key seals it.
      It is the same as RV(source.checksum).
  returned: success with O(state=copied), V(none) in check mode and if RV(action=none)
  type: str
  sample: 1a79a4d60de6718e8e5b326e338ae533a3f1e3b4a4b9b9a0e7a0f6a1c2d3e4f5
retired:
  description:
    - Why the store cannot be used, or V(none) if it can.
      A warning says the same, with the next step.
  returned: success, unless O(state=exported)
  type: dict
  contains:
    other:
      description: The store to which it was moved, or of which it is a copy.
      type: str
      returned: always
      sample: /srv/redtrust/store.sqlite3
    at:
      description: When that was, in UTC (ISO 8601).
      type: str
      returned: always
      sample: "2026-01-31T12:00:00.000000Z"
    unfinished:
      description: Whether it is a copy that was not finished.
      type: bool
      returned: always
events:
  description: What was exported.
  returned: success with O(state=exported)
  type: dict
  contains:
    path:
      description: The path of the file.
      type: str
      returned: always
    count:
      description: How many events there are.
      type: int
      returned: always
    checkpoint:
      description: The end of the chain of events, to be kept in another place.
      type: str
      returned: always, V(none) if there was never an event
source:
  description: What the source holds.
  returned: success with O(state=copied)
  type: dict
  contains:
    kind:
      description: As RV(kind).
      type: str
      returned: always
    counts:
      description: As RV(counts).
      type: dict
      returned: always
    checksum:
      description: As RV(checksum).
      type: str
      returned: always
"""

from ..module_utils._module.api import CONNECTION, STORE, STORE_STATE, bring_about, run


def main() -> None:
    """Run the module."""
    run({**CONNECTION, **STORE, **STORE_STATE}, bring_about)


if __name__ == "__main__":
    main()
