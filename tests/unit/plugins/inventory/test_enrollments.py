# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of enrollments, parsed in the same way as by Ansible."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.selection import SELECTION
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import RENEWAL
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store
from ansible_collections.redtrust.certificate_enroll.plugins.modules.redtrust_enrollment_info import work
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.stored import (
    DAY,
    SERVICE,
    VARIABLES,
    filled,
    put,
)

PLUGIN = "redtrust.certificate_enroll.enrollments"


class Source:
    """The file of an inventory, beside the store in ``store.db``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store.db"

    def written(self, **options: t.Any) -> str:
        """Return the path of a file with these options."""
        path = self.folder / "fleet.redtrust.yml"
        given = {"plugin": PLUGIN, "store_path": "store.db", "service": SERVICE, **options}
        given = {name: value for name, value in given.items() if value is not None}
        path.write_text(yaml.safe_dump(given), encoding="utf-8")
        return str(path)

    def parsed(self, **options: t.Any) -> InventoryManager:
        """Return the inventory of a file with these options."""
        return InventoryManager(DataLoader(), sources=[self.written(**options)])

    def groups(self, **options: t.Any) -> dict[str, list[str]]:
        """Return the names of the hosts in each group, except for the groups that Ansible makes."""
        found: dict[str, list[str]] = self.parsed(**options).get_groups_dict()
        return {name: hosts for name, hosts in found.items() if name not in ("all", "ungrouped")}

    def variables(self, host: str, **options: t.Any) -> dict[str, t.Any]:
        """Return the variables of a host as a task gets them."""
        inventory = self.parsed(**options)
        manager = VariableManager(loader=DataLoader(), inventory=inventory)
        found: dict[str, t.Any] = manager.get_vars(host=inventory.get_host(host), include_hostvars=False)
        return found


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def empty(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    made = Source(tmp_path_factory.mktemp("fleet"))
    filled(made.store)
    return made


def test_the_groups(source: Source) -> None:
    in_use = ["adopted", "ana garcia", "due", "ended"]
    assert source.groups() == {
        "enrollments": [*in_use, "waits"],
        "in_use": in_use,
        "pending": ["waits"],
        "needs_attention": ["ended", "waits"],
        "attention_expired": ["ended"],
        "attention_waiting": ["waits"],
        "due_now": ["due", "ended"],
        "due_within_7d": ["due", "ended"],
        "due_within_30d": ["due", "ended"],
        "state_finalized": in_use,
        "state_signing": ["waits"],
        "provider_CA_DEMO": ["adopted", "ana garcia", "due", "waits"],
        "provider_CA_2_Ex": ["ended"],
    }


@pytest.mark.parametrize(
    ("options", "due"),
    [
        ({"renew_before": "never"}, {}),
        ({"renew_before": "3d"}, {"now": ["ended"], "within_1d": ["ended"], "within_1w": ["due", "ended"]}),
        ({"renew_before": "250d"}, {name: ["adopted", "due", "ended"] for name in ("now", "within_1d", "within_1w")}),
    ],
)
def test_what_is_due_depends_on_the_options_of_renewal(
    source: Source, options: dict[str, str], due: dict[str, list[str]]
) -> None:
    groups = source.groups(due_within=["1d", "1w"], **options)
    found = {name[4:]: hosts for name, hosts in groups.items() if name.startswith("due_")}
    assert found == {"now": [], "within_1d": [], "within_1w": [], **due}


def test_a_time_with_a_blank_in_it_is_one_group(source: Source) -> None:
    due = {name: hosts for name, hosts in source.groups(due_within=["1d 12h"]).items() if "within" in name}
    assert due == {"due_within_1d_12h": ["due", "ended"]}


def test_a_certificate_is_due_when_a_window_opens_or_a_freeze_ends(empty: Source) -> None:
    with open_store(str(empty.store)) as store:
        put(store, "due", days=20)
    # YAML reads these as dates
    today = utc_now().date()
    freeze = {"from": today - DAY, "until": today + 2 * DAY}
    groups = empty.groups(renewal_freezes=[freeze])
    assert (groups["due_now"], groups["due_within_7d"]) == ([], ["due"])


def test_a_renewal_on_its_way_is_not_due(empty: Source) -> None:
    with open_store(str(empty.store)) as store:
        put(store, "due", days=5)
        current = store.enrollment(SERVICE, "due")
        store.put(current.next_revision(current.revisions[0].spec).moved(State.SIGNING))
    groups = empty.groups()
    assert (groups["pending"], groups["in_use"], groups["due_within_30d"]) == (["due"], ["due"], [])


def test_the_variables_are_those_of_enrollment_info(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = source.variables("due", renew_before="3d")
    enrollment = variables["enrollment"]
    assert (enrollment.pop("service"), enrollment.pop("state")) == (SERVICE, "finalized")
    assert "revisions" not in enrollment
    with open_store(str(source.store), read_only=True) as store:
        flags = {"needs_attention": False, "counts_only": False, "history": False, "verify_events": False}
        params = {
            **dict.fromkeys([*SELECTION, *RENEWAL, "checkpoint"]),
            **flags,
            "names": ["due"],
            "renew_before": "3d",
        }
        context = t.cast("t.Any", type("Context", (), {}))()
        context.store, context.service, context.params, context.now = store, SERVICE, params, utc_now
        (expected,) = work(context).values["enrollments"]
    revisions = expected.pop("revisions")
    assert enrollment == expected
    assert source.variables("due", revisions=True)["enrollment"]["revisions"] == revisions
    assert variables["certificate"] == {"name": "due"}


def test_tasks_run_here_with_the_python_of_ansible(source: Source) -> None:
    variables = source.variables("due")
    assert variables["ansible_connection"] == "local"
    templar = Templar(loader=DataLoader(), variables={"ansible_playbook_python": "/here/python"})
    assert templar.template(variables["ansible_python_interpreter"]) == "/here/python"


def test_no_text_of_the_store_is_a_template(empty: Source) -> None:
    name = "{{ 1 + 1 }}"
    with open_store(str(empty.store)) as store:
        put(store, name, State.REJECTED, note="{{ 2 + 2 }}", provider="{{ 3 + 3 }}")
    variables = empty.variables(name)
    # on its way to a task each variable is a template
    shown = Templar(loader=DataLoader(), variables=variables).template(variables["enrollment"])
    assert Templar(loader=DataLoader()).template(variables["inventory_hostname"]) == name
    assert (shown["name"], shown["pending"]) == (name, None)
    assert "{{ 2 + 2 }}" in shown["attention"][0]["problem"]


def test_names_that_groups_have_too(empty: Source) -> None:
    with open_store(str(empty.store)) as store:
        put(store, "in_use", State.SIGNING)
        put(store, "enrollments", days=300)
    inventory = empty.parsed()
    assert inventory.get_groups_dict()["enrollments"] == ["enrollments", "in_use"]
    assert inventory.get_groups_dict()["in_use"] == ["enrollments"]
    assert inventory.groups["in_use"].vars.get("enrollment") is None
    assert inventory.hosts["in_use"].vars["enrollment"]["name"] == "in_use"


def test_a_prefix_keeps_hosts_apart(source: Source) -> None:
    assert source.groups(host_prefix="cert_")["pending"] == ["cert_waits"]
    assert source.variables("cert_waits", host_prefix="cert_")["certificate"] == {"name": "waits"}


def test_groups_and_variables_of_the_user(source: Source) -> None:
    options = {
        "compose": {"month": "(enrollment.current.not_valid_after | default(''))[:7]"},
        "groups": {"long": "enrollment.name | length > 5"},
        "keyed_groups": [{"key": "month", "prefix": "ends"}],
    }
    groups = source.groups(**options)
    month = (utc_now() - 3 * DAY).strftime("%Y_%m")
    assert groups["long"] == ["adopted", "ana garcia"]
    assert "ended" in groups[f"ends_{month}"]
    assert source.variables("ended", **options)["month"] == month.replace("_", "-")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"service": None}, "neither service nor host is set"),
        ({"servce": "x"}, "there is no option 'servce'; did you mean service"),
        ({"store_path": "other.db"}, "there is no store at .*/fleet.*/other.db"),
        ({"due_within": ["soon"]}, "due_within must be a duration"),
        ({"renew_before": "soon"}, "renew_before must be a duration"),
        ({"renewal_windows": [{"from": 1320, "to": "06:00"}]}, r"renewal_windows\[0\].from must be a time"),
        ({"renewal_windows": [{"to": "06:00"}]}, "missing required arguments: from found in renewal_windows"),
        ({"renewal_freezes": [{"from": dt.date(2026, 1, 2), "until": dt.date(2026, 1, 1)}]}, "is not after"),
        ({"strict": True, "groups": {"x": "nothing.at.all"}}, "Could not add host adopted to group x"),
    ],
)
def test_what_is_wrong_is_named(source: Source, options: dict[str, t.Any], words: str) -> None:
    plugin = inventory_loader.get(PLUGIN)
    with pytest.raises(AnsibleParserError, match=words):
        plugin.parse(InventoryData(), DataLoader(), source.written(**options))


def test_a_service_without_enrollments_is_told(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text, *_more: warned.append(text))
    assert source.groups(service="other")["due_now"] == []
    assert warned == ["enrollments: the store has no enrollment of the service other"]


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("fleet.redtrust.yml", True),
        ("redtrust.yaml", True),
        ("fleet_redtrust.yml", False),
        ("fleet.redtrust.json", False),
        ("hosts.yml", False),
    ],
)
def test_the_name_of_the_file_tells_the_plugin(tmp_path: Path, name: str, *, is_ours: bool) -> None:
    (tmp_path / name).touch()
    plugin = inventory_loader.get(PLUGIN)
    assert plugin.verify_file(str(tmp_path / name)) is is_ours
