# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in a terminal of 80 columns."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.columns import (
    cut,
    table,
    width_of,
    wrapped,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.terminal import lines, render
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import View, view_of
from ansible_collections.redtrust.certificate_enroll.tests import fleets

VIEWS = [fleets.empty, fleets.well, fleets.trouble, fleets.hostile]


@pytest.mark.parametrize("make", VIEWS)
def test_no_line_is_too_long(make: t.Callable[[], View]) -> None:
    view = make()
    assert all(width_of(line) <= 69 for line in lines(view))
    # as the callback default shows them
    shown = json.dumps({"msg": lines(view)}, indent=4, ensure_ascii=False).splitlines()
    assert all(width_of(line) - line.count('"') - line.count("\\") <= 80 for line in shown)
    assert all(width_of(line.rstrip("\n")) <= 80 for line in render(view))


def test_a_fleet_in_trouble_is_told_gravest_first() -> None:
    view = fleets.trouble()
    told = lines(view)
    assert told[0] == "Certificates of Example S.A., 2026-11-30 09:41 UTC"
    assert told[1] == f"{len(view.entries):,} enrollments of 3 services, {len(view.attention)} need a person."
    places = [next(place for place, line in enumerate(told) if line.startswith(heading)) for heading in HEADINGS]
    assert places == sorted(places)


HEADINGS = ("NEEDS A PERSON (", "WAITING (", "ENDS NEXT", "HAPPENED LATELY")


def test_a_fleet_that_is_well_needs_nobody() -> None:
    told = lines(fleets.well())
    assert told[1] == "48 enrollments of redtrust.example.com, none needs a person."
    assert not [line for line in told if line.startswith(("NEEDS", "WAITING"))]
    assert "SERVICE" not in "".join(told)


def test_an_empty_store_is_not_a_fleet_in_good_order() -> None:
    assert lines(fleets.empty())[1:] == ["The store has no enrollment yet."]


def test_long_lists_are_cut() -> None:
    told = lines(fleets.large(3000))
    assert len(told) < 120
    assert [line for line in told if line.startswith("  and ") and line.endswith(" more")]


def test_one_that_needs_a_person() -> None:
    view = fleets.trouble()
    one = dataclasses.replace(view.attention[0], service="redtrust")
    alone = view_of("One", view.taken_at, "1", view.soon, [one])
    assert lines(alone)[1] == "1 enrollment of redtrust, 1 needs a person."
    assert f"  {one.name}: has ended" in lines(alone)


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert cut("a-very-long-name-of-a-server", 13) == "a-ver...erver"
    assert cut("short", 13) == "short"
    assert cut("a\nb\x1b[31m", 13) == "a b?[31m"


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ('a"b', 4), ("a\\b", 4), ("ä", 1), ("a\u0308", 1), ("証明", 4)]
)
def test_the_width_is_that_in_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width


def test_wide_characters_are_cut_to_columns() -> None:
    assert width_of(cut("証" * 40, 20)) <= 20


@pytest.mark.parametrize("width", [12, 20, 69])
def test_a_text_is_wrapped(width: int) -> None:
    text = "the certificate in use has ended, " + "x" * 100 + " and so on"
    found = list(wrapped(text, width, "  > ", "    "))
    assert all(width_of(line) <= width for line in found)
    assert "".join(line[4:] for line in found).replace(" ", "") == text.replace(" ", "")
    assert found[0].startswith("  > ")


def test_the_first_columns_of_a_table_give_way() -> None:
    rows = [("name" * 10, "service" * 5, "2026-12-01"), ("b", "s", "")]
    (first, second) = table(rows, 50, "  ", gives_way=2)
    assert first.endswith("  2026-12-01")
    assert width_of(first) == 50
    assert second == "  b" + " " * (first.index("  serv") - 3) + "  s"


def test_a_short_table_is_as_wide_as_it_needs() -> None:
    assert list(table([("a", "1"), ("bc", "2")], 50)) == ["a   1", "bc  2"]
