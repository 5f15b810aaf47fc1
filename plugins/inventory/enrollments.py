# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory of enrollments."""

from __future__ import annotations

DOCUMENTATION = r"""
name: enrollments
short_description: The enrollments in the store as hosts
version_added: 0.5.0
description:
  - Makes a host of each enrollment of a service, so that patterns, C(--limit) and the slices of AWX select
    certificates.
  - The plugin reads the store on the machine where Ansible runs, and changes nothing.
    It does not ask the server.
  - The source is a YAML file whose name is V(redtrust.yml), or ends with V(.redtrust.yml).
    With an ending of V(.yaml) it is the same.
  - Each host is in the group C(enrollments).
    Its variables C(ansible_connection) and C(ansible_python_interpreter) have the tasks of these hosts run on the
    machine of Ansible, with its own Python.
    Ansible connects to nothing.
  - The group C(in_use) has the enrollments with a certificate in use, and C(pending) those with a revision on its way.
    C(state_finalized) and those like it have the enrollments by the state of their latest revision, and
    C(provider_CA_DEMO) and those like it by its provider.
  - C(due_now) has the enrollments whose renewal a run would begin now.
    C(due_within_7d) and C(due_within_30d) have these, and those whose renewal begins within that time, see
    O(due_within).
    The moment is C(renewal.renew_at) of M(redtrust.certificate_enroll.redtrust_enrollment_info).
    So a renewal that is on its way is in C(pending), and in none of these groups.
  - C(needs_attention) has the enrollments that a person must look at, and C(attention_expired) and those like it have
    them by the kind of their problem.
  - A character of a provider that is not fit for the name of a group becomes an underscore.
  - Each host has the variable C(enrollment).
    It has the members of C(enrollments[]) that M(redtrust.certificate_enroll.redtrust_enrollment_info) returns, with
    C(service), and with C(state) of the latest revision.
    The variable C(certificate) is an entry for the option C(certificates) of modules that renew.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.store_reading
  - redtrust.certificate_enroll.renewal
  - constructed
notes:
  - Do not mix these hosts with real ones of the same name.
    Set O(host_prefix) if an inventory has both.
  - C(--limit) takes a blank for the end of a name.
    Write V(ana?garcia) for a name such as V(ana garcia).
  - A relative O(store_path) in the file is relative to the folder of the file.
options:
  plugin:
    description: The name of the plugin.
    type: str
    required: true
    choices: [redtrust.certificate_enroll.enrollments]
  due_within:
    description:
      - Make a group for each of these times, such as C(due_within_7d) for V(7d).
        The time is given in years of 365 days, weeks, days, hours, minutes and seconds, in that order, such as V(30d),
        V(12h) or V(1d12h).
    type: list
    elements: str
    default: [7d, 30d]
  revisions:
    description:
      - Give each host all its revisions in C(enrollment.revisions), rather than the current one and the pending one
        alone.
      - It makes the inventory of a large store several times as large.
    type: bool
    default: false
  host_prefix:
    description: Put this before the name of each host.
    type: str
    default: ""
seealso:
  - module: redtrust.certificate_enroll.redtrust_enrollment_info
    description: Shows the same facts in a task.
  - plugin: redtrust.certificate_enroll.certificate
    plugin_type: lookup
    description: Looks up a certificate itself.
"""

EXAMPLES = r"""
# fleet.redtrust.yml, with the store from the environment; try it with
# ansible-inventory -i fleet.redtrust.yml --graph
plugin: redtrust.certificate_enroll.enrollments
service: redtrust.example.com

---
# The same options of renewal as in the job that renews, since the store does not know them
plugin: redtrust.certificate_enroll.enrollments
store_path: /srv/redtrust/store.sqlite3
service: redtrust.example.com
renew_before: 33%
renewal_windows:
  - {days: [mon, tue, wed, thu], from: "22:00", to: "06:00", zone: Europe/Madrid}

---
# Groups of one's own: by the month in which a certificate ends, and by a part of the name
plugin: redtrust.certificate_enroll.enrollments
service: redtrust.example.com
keyed_groups:
  - key: (enrollment.current.not_valid_after | default(''))[:7]
    prefix: ends
groups:
  servers: inventory_hostname.endswith('.example.com')
"""

import datetime as dt
import functools
import typing as t
from pathlib import Path

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.host import Host
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.utils.display import Display

from ..module_utils._clock import parse_duration, parse_timestamp, utc_now
from ..module_utils._errors import ConfigurationError
from ..module_utils._models import Enrollment
from ..module_utils._module.api import RENEWAL, Renewals, enrollment_facts
from ..plugin_utils.store_reading import reading
from ..plugin_utils.trust import template, untrusted

Params = t.Mapping[str, t.Any]

_FILE = "redtrust"
_ALL = "enrollments"
_VARIABLES = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


class InventoryModule(BaseInventoryPlugin, Constructable):
    """The plugin; its name is Ansible's."""

    NAME = "redtrust.certificate_enroll.enrollments"

    def verify_file(self, path: str) -> bool:
        """Return whether a file is a source for this plugin, by its name."""
        file = Path(path)
        is_ours = file.suffix in (".yml", ".yaml") and f".{file.stem}".endswith(f".{_FILE}")
        return is_ours and bool(super().verify_file(path))  # type: ignore[no-untyped-call]

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the enrollments to the inventory."""
        super().parse(inventory, loader, path, cache)
        config: dict[str, t.Any] = self._read_config_data(path)  # type: ignore[no-untyped-call]
        params = self._params(config, path)
        with reading("enrollments", params, config, AnsibleParserError) as (store, service):
            self._add(inventory, store.find(service), Hosts.read(params, utc_now()), params)
            if not inventory.groups[_ALL].hosts:
                Display().warning(f"enrollments: the store has no enrollment of the service {service}")

    def _params(self, config: t.Mapping[str, t.Any], path: str) -> dict[str, t.Any]:
        """Return the options. A path in the file is relative to the folder of the file."""
        params: dict[str, t.Any] = self.get_options()  # type: ignore[no-untyped-call]
        given = config.get("store_path")
        if isinstance(given, str) and not given.startswith(("~", "$", "/")):
            params["store_path"] = str(Path(path).parent.resolve() / given)
        return params

    def _add(self, inventory: InventoryData, enrollments: t.Iterable[Enrollment], hosts: Hosts, params: Params) -> None:
        fit = functools.lru_cache(maxsize=None)(lambda group: inventory.add_group(self._sanitize_group_name(group)))
        for group in (_ALL, *hosts.always):
            fit(group)
        for name, value in _VARIABLES.items():
            inventory.set_variable(_ALL, name, template(value))
        composes = any(params[name] for name in ("compose", "groups", "keyed_groups"))
        for enrollment in enrollments:
            host = untrusted(params["host_prefix"] + enrollment.name)
            inventory.add_host(host, _ALL)
            variables, groups = hosts.of(enrollment)
            # Ansible's own function takes a group for a host of the same name, and the longest part of the time.
            for name, value in variables.items():
                inventory.hosts[host].set_variable(name, untrusted(value))
            for group in groups:
                inventory.add_host(host, fit(group))
            if composes:
                self._compose_all(host, inventory.hosts[host], params)

    def _compose_all(self, host: str, known: Host, params: Params) -> None:
        """Add the variables and the groups that the user has described."""
        strict = params["strict"]
        self._set_composite_vars(params["compose"], known.get_vars(), host, strict)  # type: ignore[no-untyped-call]
        variables = known.get_vars()
        add = (self._add_host_to_composed_groups, self._add_host_to_keyed_groups)
        for members, groups in zip(add, (params["groups"], params["keyed_groups"])):
            members(groups, variables, host, strict, fetch_hostvars=False)  # type: ignore[no-untyped-call]


class Hosts:
    """The variables and groups of hosts, as of ``now``; ``due`` has the end of the time of each group."""

    def __init__(self, renewals: Renewals, due: t.Mapping[str, dt.datetime], now: dt.datetime, *, all_revisions: bool):
        self._policy = renewals.standard
        self._due = due
        self._now = now
        self._all_revisions = all_revisions

    @classmethod
    def read(cls, params: Params, now: dt.datetime) -> Hosts:
        """Read the options. Raises ConfigurationError."""
        due = {"due_now": now}
        for text in map(str, params["due_within"]):
            due[f"due_within_{text}"] = now + parse_duration("due_within", text)
        return cls(_renewals(params, now), due, now, all_revisions=params["revisions"])

    @property
    def always(self) -> t.Sequence[str]:
        """Return the groups that are there even if they have no host, so that a play may name them."""
        return ["in_use", "pending", "needs_attention", *self._due]

    def of(self, enrollment: Enrollment) -> tuple[dict[str, t.Any], list[str]]:
        """Return the variables of an enrollment, and its groups."""
        facts = enrollment_facts(enrollment, self._policy, self._now)
        if not self._all_revisions:
            del facts["revisions"]
        latest = enrollment.latest
        state = str(latest.state) if latest else ""
        variables = {
            "enrollment": {**facts, "service": enrollment.service, "state": state},
            "certificate": {"name": enrollment.name},
        }
        groups = [f"state_{state}", *([f"provider_{latest.spec.provider}"] if latest else [])]
        return variables, [*groups, *self._groups(facts)]

    def _groups(self, facts: t.Mapping[str, t.Any]) -> t.Iterator[str]:
        if facts["current"]:
            yield "in_use"
        if facts["pending"]:
            yield "pending"
        problems = facts["attention"]
        if problems:
            yield "needs_attention"
        yield from {f"attention_{problem['kind']}" for problem in problems}
        renew_at = facts["renewal"] and facts["renewal"]["renew_at"]
        if renew_at:
            moment = parse_timestamp(renew_at)
            yield from (group for group, end in self._due.items() if moment <= end)


def _renewals(params: Params, now: dt.datetime) -> Renewals:
    """Read the options of renewal. Ansible does not check the suboptions of a plugin."""
    given = {name: _texts(params[name]) for name in RENEWAL if params[name] is not None}
    result = ArgumentSpecValidator(RENEWAL).validate(given)
    if result.error_messages:
        raise ConfigurationError("; ".join(result.error_messages))
    return Renewals.read({**dict.fromkeys(RENEWAL), **result.validated_parameters}, now)


def _texts(value: t.Any) -> t.Any:
    """Return a value with dates as text, as they arrive at a module."""
    if isinstance(value, dict):
        return {name: _texts(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_texts(member) for member in value]
    return value.isoformat() if isinstance(value, dt.date) else value
