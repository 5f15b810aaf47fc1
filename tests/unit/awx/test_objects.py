# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other objects of AWX: accepted by it, with names that lead to each other, and with a playbook for each."""

from __future__ import annotations

import copy
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.tests.awx import rules
from ansible_collections.redtrust.certificate_enroll.tests.awx.objects import (
    EXTENSION,
    PLAYBOOKS,
    PROJECT,
    Object,
    files_of,
    objects,
)

GUIDE = EXTENSION.parents[1] / "docs" / "docsite" / "rst" / "guide_awx.rst"
MAIL = {
    "recipients": ["pki@example.com"],
    "sender": "awx@example.com",
    "host": "mail.example.com",
    "port": 25,
    "use_tls": True,
    "use_ssl": False,
    "username": "",
    "password": "",
}
ALL = {
    "redtrust_awx_organization": "PKI",
    "redtrust_awx_prefix": "Certificates",
    "redtrust_awx_project_url": "https://git.example.com/pki/redtrust.git",
    "redtrust_awx_project_branch": "main",
    "redtrust_awx_project_credential": "git",
    "redtrust_awx_project_signature_credential": "signatures",
    "redtrust_awx_image": "registry.example.com/redtrust-ee:0.5.0",
    "redtrust_awx_slices": 3,
    "redtrust_awx_stay_signed_in": True,
    "redtrust_awx_mail": MAIL,
    "redtrust_awx_webhook_url": "https://chat.example.com/hooks/1",
}
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
# The credential type that AWX has already.
MANAGED = {"Red Hat Ansible Automation Platform"}


@pytest.fixture(scope="module", params=[{}, ALL], ids=["defaults", "all settings"])
def made(request: pytest.FixtureRequest) -> dict[str, list[Object]]:
    return objects(**request.param)


@pytest.fixture(scope="module")
def full() -> dict[str, list[Object]]:
    return objects(**ALL)


def names(made: t.Mapping[str, list[Object]], kind: str) -> list[str]:
    return [one["name"] for one in made[f"controller_{kind}"]]


def test_the_names_have_the_prefix(full: dict[str, list[Object]]) -> None:
    free = {"localhost", "slice-1", "slice-2", "slice-3"}
    found = {one["name"] for kind in full.values() for one in kind} - free
    assert {name for name in found if not re.fullmatch(r"Certificates(: .+)?", name)} == set()


def test_an_object_names_only_objects_that_are_there(made: dict[str, list[Object]]) -> None:
    templates, workflows = made["controller_templates"], made["controller_workflows"]
    credentials = {name for one in templates for name in one["credentials"]}
    assert credentials == set(names(made, "credentials"))
    types = {one["credential_type"] for one in made["controller_credentials"]}
    assert types - MANAGED == set(names(made, "credential_types"))
    assert {one["project"] for one in templates} == set(names(made, "projects"))
    inventories = {one["inventory"] for one in templates}
    assert inventories == {one["inventory"] for one in made["controller_hosts"]} == set(names(made, "inventories"))
    environments = {one["execution_environment"] for one in templates if "execution_environment" in one}
    assert environments == set(names(made, "execution_environments"))
    told = {name for one in (*templates, *workflows) for name in one["notification_templates_error"]}
    assert told == set(names(made, "notifications"))
    launched = {one["unified_job_template"] for one in made["controller_schedules"]}
    nodes = {
        node["unified_job_template"]
        for one in workflows
        for node in one["simplified_workflow_nodes"]
        if "unified_job_template" in node
    }
    assert launched | nodes <= set(names(made, "templates"))


def test_each_template_has_a_playbook_that_awx_finds(made: dict[str, list[Object]]) -> None:
    used = {one["playbook"] for one in made["controller_templates"]}
    assert used == {f"playbooks/{path.name}" for path in (PROJECT / "playbooks").iterdir()}
    assert all(rules.is_playbook((PROJECT / name).read_text(encoding="utf-8")) for name in used)
    assert not any(rules.is_playbook(path.read_text(encoding="utf-8")) for path in PROJECT.glob("*.yml"))


def test_a_slice_has_a_host(made: dict[str, list[Object]]) -> None:
    (sliced,) = [one for one in made["controller_templates"] if "job_slice_count" in one]
    hosts = [one for one in made["controller_hosts"] if one["inventory"] == sliced["inventory"]]
    assert int(sliced["job_slice_count"]) == len(hosts) > 1
    assert sliced["allow_simultaneous"]


def test_awx_accepts_the_surveys(made: dict[str, list[Object]]) -> None:
    surveys = [one["survey_spec"] for one in made["controller_templates"] if one.get("survey_enabled")]
    assert len(surveys) == 2
    assert [rules.survey_problems(survey) for survey in surveys] == [[], []]


@pytest.mark.parametrize(
    ("key", "value"),
    [("type", "string"), ("variable", "replace_issuer"), ("required", "yes"), ("default", "closed"), ("choices", [])],
)
def test_the_rules_refuse_a_question_that_awx_refuses(key: str, value: object, full: dict[str, list[Object]]) -> None:
    (survey,) = [one["survey_spec"] for one in full["controller_templates"] if "replace" in one["name"]]
    survey = copy.deepcopy(survey)
    survey["spec"][-1][key] = value
    assert rules.survey_problems(survey)


def test_each_answer_is_read_by_its_playbook(full: dict[str, list[Object]]) -> None:
    for one in full["controller_templates"]:
        text = (PROJECT / one["playbook"]).read_text(encoding="utf-8")
        specs = (EXTENSION.parents[1] / "roles" / "login" / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
        for question in one.get("survey_spec", {}).get("spec", []):
            assert question["variable"] in text or question["variable"] in specs


def test_awx_accepts_the_notifications(full: dict[str, list[Object]]) -> None:
    mail, webhook = full["controller_notifications"]
    assert rules.notification_problems(mail) == rules.notification_problems(webhook) == []
    without = {**mail, "notification_configuration": {"host": "mail.example.com", "recipients": [], "port": "25"}}
    assert {"port", "sender", "recipients: empty"} <= set(rules.notification_problems(without))


def test_without_an_address_nobody_is_told() -> None:
    made = objects()
    assert made["controller_notifications"] == made["controller_execution_environments"] == []


def test_awx_accepts_the_schedules(made: dict[str, list[Object]]) -> None:
    assert [rules.schedule_problems(one["rrule"]) for one in made["controller_schedules"]] == [[], [], []]


@pytest.mark.parametrize(
    "rule",
    [
        "DTSTART:20260101T020000 RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART:20260101T020000Z RRULE:FREQ=DAILY",
        "RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART:20260101T020000Z RRULE:FREQ=SECONDLY;INTERVAL=1",
        "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1000",
    ],
)
def test_the_rules_refuse_a_schedule_that_awx_refuses(rule: str) -> None:
    assert rules.schedule_problems(rule)


def test_the_schedule_that_stays_signed_in_is_off_until_it_is_wanted(made: dict[str, list[Object]]) -> None:
    (kept,) = [one for one in made["controller_schedules"] if one["name"].endswith("stay signed in")]
    assert str(kept["enabled"]) == str(made["controller_projects"][0]["scm_url"] != "")
    assert [one for one in made["controller_schedules"] if "enabled" in one] == [kept]


def test_a_rehearsal_is_the_default_of_a_replacement(made: dict[str, list[Object]]) -> None:
    (replace,) = [one for one in made["controller_templates"] if one["playbook"].endswith("replace.yml")]
    assert (replace["job_type"], replace["ask_job_type_on_launch"]) == ("check", True)


def test_nobody_can_set_the_variables_of_a_decision(made: dict[str, list[Object]]) -> None:
    """A job that takes variables at launch would let anybody approve in any name."""
    decisions = [one for one in made["controller_templates"] if one["playbook"].endswith("decide.yml")]
    assert [one["extra_vars"]["decision"] for one in decisions] == ["approved", "denied"]
    assert not any("ask_variables_on_launch" in one or "survey_spec" in one for one in decisions)


def test_the_nodes_of_the_workflow_lead_to_each_other(made: dict[str, list[Object]]) -> None:
    (workflow,) = made["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
    led_to = {other for node in nodes.values() for kind in LINKS for other in node.get(kind, [])}
    assert led_to == set(nodes) - {"request"}
    assert [name for name, node in nodes.items() if "approval_node" in node] == ["decision"]


def test_both_playbooks_read_the_same_files() -> None:
    assert files_of("awx.yml") == files_of("aap.yml")
    assert set(files_of("awx.yml")) == {path.name for path in EXTENSION.glob("*.yml")}


def test_every_part_of_an_object_is_handed_to_awx(full: dict[str, list[Object]]) -> None:
    """The tasks name each option, so one that is new in the data must be named there too."""
    named: dict[str, set[str]] = {}
    for task in yaml.safe_load((PLAYBOOKS / "tasks" / "awx.yml").read_text(encoding="utf-8")):
        for name, options in task.items():
            if name.startswith("awx.awx."):
                named.setdefault(task["loop"], set()).update(options)
    for kind, found in full.items():
        parts = {key for one in found for key in one} - {"simplified_workflow_nodes"}
        assert parts == named[f"{{{{ {kind} }}}}"], kind
    (workflow,) = full["controller_workflows"]
    nodes = named["{{ controller_workflows | subelements('simplified_workflow_nodes') }}"]
    of_the_workflow = {"workflow_job_template", "organization"}
    assert {key for node in workflow["simplified_workflow_nodes"] for key in node} == nodes - of_the_workflow


def test_the_guide_has_each_setting_with_its_default() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^   \* - ``(redtrust_awx_\w+)``\n     -(.*)$", text, re.MULTILINE))
    settings = yaml.safe_load((EXTENSION / "settings.yml").read_text(encoding="utf-8"))
    told = {name: yaml.safe_load(default.strip().strip("`")) for name, default in rows.items()}
    wanted = {name: value or None if not isinstance(value, bool) else value for name, value in settings.items()}
    assert {name: value for name, value in told.items() if name != "redtrust_awx_mail"} == {
        name: value for name, value in wanted.items() if name != "redtrust_awx_mail"
    }


def test_the_guide_names_each_template(made: dict[str, list[Object]]) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    missing = [name for name in names(made, "templates") if f"``{name.partition(': ')[2]}``" not in text]
    assert missing == []


def test_the_project_asks_for_this_collection() -> None:
    path = Path(PROJECT / "collections" / "requirements.yml")
    (wanted,) = yaml.safe_load(path.read_text(encoding="utf-8"))["collections"]
    assert wanted["name"] == "redtrust.certificate_enroll"
