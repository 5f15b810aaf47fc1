# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulebooks of the collection and of its guide: their schema, their sources, and the names that they use."""

from __future__ import annotations

import datetime as dt
import json
import re
import typing as t
import uuid
from pathlib import Path

import jinja2
import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.extensions.eda.plugins.event_source import enrollments
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.api import KINDS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.conditions import Condition
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.happenings import of_condition

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = {path.stem: path for path in sorted((ROOT / "extensions/eda/rulebooks").glob("*.yml"))}
GUIDE = (ROOT / "docs/event-driven.md").read_text(encoding="utf-8")
OF_GUIDE = [text for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if "sources:" in text]
TEXTS = {
    **{name: path.read_text(encoding="utf-8") for name, path in SHIPPED.items()},
    **{f"guide {number}": text for number, text in enumerate(OF_GUIDE, 1)},
    "example": enrollments.EXAMPLES,
}


def rulesets(text: str) -> list[dict[str, t.Any]]:
    return list(yaml.safe_load(text))


def rendered(text: str, variables: t.Mapping[str, t.Any]) -> str:
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(variables)


def arguments(ruleset: dict[str, t.Any]) -> dict[str, t.Any]:
    return dict(ruleset["sources"][0]["redtrust.certificate_enroll.enrollments"])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_ansible_rulebook_takes_it(text: str) -> None:
    # it is there with one ansible-core, and not with each that the collection is tested with
    validators = pytest.importorskip("ansible_rulebook.validators", reason="ansible-rulebook is not installed")
    validators.Validate.rulebook(rulesets(text))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_source_takes_its_arguments(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDTRUST_SERVICE", "svc")
    for ruleset in rulesets(text):
        source = enrollments.read_source(arguments(ruleset))
        assert source.position != "default", "rulebooks must not share a position"
        assert source.rules.remind is not None, "an action that is lost would not be tried again"


def test_no_two_rulebooks_share_a_position() -> None:
    positions = [arguments(ruleset)["position"] for path in SHIPPED.values() for ruleset in rulesets(path.read_text())]
    assert len(set(positions)) == len(positions) == 2


def test_the_playbook_is_there() -> None:
    name = rulesets(TEXTS["renew"])[0]["rules"][0]["action"]["run_playbook"]["name"]
    assert (ROOT / "playbooks" / f"{name.removeprefix('redtrust.certificate_enroll.')}.yml").is_file()


def test_the_job_template_is_that_of_the_collection() -> None:
    launched = rulesets(TEXTS["awx"])[0]["rules"][0]["action"]["run_job_template"]
    settings = yaml.safe_load((ROOT / "extensions/awx/settings.yml").read_text(encoding="utf-8"))
    templates = yaml.safe_load((ROOT / "extensions/awx/templates.yml").read_text(encoding="utf-8"))
    names = [rendered(one["name"], settings) for one in templates["redtrust_awx_templates"]]
    for variables in ({}, {"redtrust_awx_prefix": settings["redtrust_awx_prefix"]}):
        assert rendered(launched["name"], variables) in names
        assert rendered(launched["organization"], variables) == settings["redtrust_awx_organization"]
    assert rendered(launched["name"], {"redtrust_awx_prefix": "Mine"}) == "Mine: issue and renew"


def test_the_guide_has_each_kind_and_each_key() -> None:
    kinds = re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert sorted(kinds) == sorted(KINDS)
    (example,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    read = json.loads(example)
    spec = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA")
    revision = Revision("svc", "www", 1, 1, State.SIGNING, spec)
    condition = Condition(read["kind"], "1.1", revision, "no")
    told = of_condition(Enrollment("svc", "www", (revision,)), condition, 0, dt.datetime.now(dt.timezone.utc))
    assert sorted(read) == sorted(told)
    assert read["meta"]["uuid"] == str(uuid.uuid5(uuid.NAMESPACE_URL, read["id"]))


def test_galaxy_lists_the_event_source() -> None:
    listed = yaml.safe_load((ROOT / "meta/extensions.yml").read_text(encoding="utf-8"))["extensions"]
    assert [one["args"]["ext_dir"] for one in listed] == ["eda/plugins/event_source"]
    assert (ROOT / "extensions/eda/plugins/event_source/enrollments.py").is_file()
