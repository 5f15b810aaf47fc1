# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of a report, read by the programs for which they are made; with texts that mean harm, too."""

from __future__ import annotations

import csv
import io
import json
import re
import typing as t
import unicodedata
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report import csv_form
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.api import FORMS, metrics_of_each
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import Status, View
from ansible_collections.redtrust.certificate_enroll.tests import fleets

VIEWS: t.Mapping[str, t.Callable[[], View]] = {
    "empty": fleets.empty,
    "well": fleets.well,
    "trouble": fleets.trouble,
    "hostile": fleets.hostile,
}
# The elements with their attributes and children in the schema of Jenkins, as of 2026-01:
# https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
JUNIT: t.Mapping[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "time", "skipped", "timestamp"}, {"testcase"}),
    "testcase": ({"name", "time", "classname"}, {"skipped", "failure"}),
    "skipped": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
}


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest) -> View:
    return VIEWS[request.param]()


def rendered(form: str, view: View) -> str:
    return "".join(FORMS[form](view))


def test_json_has_all(view: View) -> None:
    read = json.loads(rendered("json", view))
    assert read["count"] == len(read["enrollments"]) == len(view.entries)
    assert [one["name"] for one in read["enrollments"]] == [entry.name for entry in view.entries]
    assert [one["status"] for one in read["enrollments"]] == [entry.status.value for entry in view.entries]
    assert sum(one["needs_person"] for one in read["enrollments"]) == read["needs_person"] == len(view.attention)
    assert read["by_status"] == {str(status): view.by_status[status] for status in Status}
    assert [one["name"] for one in read["happenings"]] == [one.name for one in view.happenings]
    assert read["taken_at"] == "2026-11-30T09:41:07Z"
    assert len(read["ends_by_day"]) == 31


def test_csv_has_a_row_for_each(view: View) -> None:
    text = rendered("csv", view)
    assert text.startswith("\ufeffservice,name,")
    assert "\n" not in text.replace("\r\n", "") or view.title in fleets.HOSTILE
    rows = list(csv.DictReader(io.StringIO(text[1:], newline="")))
    assert [row["name"].lstrip("'") for row in rows] == [
        entry.name.replace("\0", "?").lstrip("'") for entry in view.entries
    ]
    assert {row["needs_person"] for row in rows} <= {"yes", "no"}
    for row in rows:
        assert not [cell for cell in row.values() if re.match(r"\s*[=+@\t\r-]", cell)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("a; b=1", "a; b=1"),
        ("a;=1", "a;'=1"),
        ('a; "=1', "a;' \"=1"),
        ("a\n-1", "a\n'-1"),
        ("a\t\t+1", "a\t'\t'+1"),
        ("", ""),
    ],
)
def test_a_spreadsheet_takes_no_value_for_a_formula(value: str, written: str) -> None:
    assert csv_form._harmless(value) == written


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type == "gauge" for family in families)
    found = [sample for family in families for sample in family.samples]
    keyed = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}
    assert len(keyed) == len(found), "a series occurs twice"
    return keyed


def test_prometheus_reads_the_metrics(view: View) -> None:
    read = samples(rendered("prometheus", view))
    assert read["redtrust_report_timestamp_seconds", frozenset()] == view.taken_at.timestamp()
    assert read["redtrust_report_info", frozenset({("release", view.release)})] == 1
    count = sum(value for (name, _labels), value in read.items() if name == "redtrust_enrollments")
    assert count == len(view.entries)
    for service in view.services:
        labels = {("service", service)}
        mine = [entry for entry in view.entries if entry.service == service]
        assert read["redtrust_enrollments_need_person", frozenset(labels)] == sum(one.needs_person for one in mine)
        ends = [one.not_valid_after for one in mine if one.not_valid_after]
        earliest = "redtrust_certificate_earliest_not_after_timestamp_seconds"
        assert read[earliest, frozenset(labels)] == int(min(ends).timestamp())
        within = read["redtrust_certificates_ending", frozenset({*labels, ("within", "7d")})]
        assert within == sum(end <= view.taken_at + 7 * fleets.DAY for end in ends)


def test_the_number_of_series_does_not_depend_on_the_fleet() -> None:
    assert len(samples(rendered("prometheus", fleets.trouble(200)))) == len(
        samples(rendered("prometheus", fleets.trouble(1240)))
    )


def test_metrics_of_each_certificate(view: View) -> None:
    read = samples("".join(metrics_of_each(view)))
    ends = [
        value for (name, _labels), value in read.items() if name == "redtrust_certificate_not_after_timestamp_seconds"
    ]
    known = [entry.not_valid_after.timestamp() for entry in view.entries if entry.not_valid_after]
    assert sorted(ends) == sorted(map(int, known))
    states = [labels for name, labels in read if name == "redtrust_enrollment_status"]
    assert len(states) == len(view.entries)


def test_junit_is_as_jenkins_reads_it(view: View) -> None:
    root = ElementTree.fromstring(rendered("junit", view))
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        cases = list(suite)
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
    assert root.get("tests") == str(len(view.entries))
    assert len(root.findall(".//failure")) == len(view.attention)


def test_a_failed_test_case_has_the_next_step() -> None:
    view = fleets.trouble()
    root = ElementTree.fromstring(rendered("junit", view))
    steps = {one.next_step for entry in view.attention for one in entry.attention}
    told = {line.partition("next step: ")[2] for one in root.iter("failure") for line in (one.text or "").splitlines()}
    assert told - {""} == steps


def test_each_row_of_a_table_in_markdown_has_all_cells(view: View) -> None:
    width = 0
    for line in rendered("markdown", view).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1 if line.startswith("|") else 0
        assert not width or not cells or cells == width
        width = cells


def test_markdown_is_bounded() -> None:
    text = rendered("markdown", fleets.large(3000))
    assert len(text.splitlines()) < 150
    assert re.search(r"^And [0-9]+ more\.$", text, re.MULTILINE)


def test_texts_of_users_are_no_markup() -> None:
    text = rendered("markdown", fleets.hostile())
    outside = re.sub(r"(`+).*?\1", "", text)
    assert not re.search(r"(?<!\\)[<*_\[\]~]", outside)
    assert not re.search(r"(?<!\\)&(?!#64;)", outside)


@pytest.mark.parametrize("form", ["markdown", "text"])
def test_no_line_has_characters_that_a_terminal_obeys(form: str, view: View) -> None:
    for line in rendered(form, view).split("\n"):
        assert not [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]


def test_each_form_is_the_same_in_each_run(view: View) -> None:
    for name, form in FORMS.items():
        assert "".join(form(view)) == "".join(form(view)), name
