# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the report as text: what may run, what is escaped, what is said once, how large it is."""

from __future__ import annotations

import base64
import collections
import dataclasses
import datetime as dt
import gzip
import hashlib
import html.parser
import json
import re
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report import (
    html as page,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report import (
    html_lately,
    html_people,
    html_text,
    html_timeline,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import (
    Happening,
    Status,
    View,
    timeline,
)
from ansible_collections.redtrust.certificate_enroll.tests import fleets

FLEETS = [fleets.empty, fleets.well, fleets.trouble, fleets.hostile]
VOID = {"meta", "path", "use", "rect", "line", "wbr"}
# A hundred thousand certificates have to fit into ten megabytes.
BYTES_A_ROW = 100


class Parsed(html.parser.HTMLParser):
    """The elements of a page, and the texts outside of style and script. Fails if an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.sources: dict[str, list[str]] = collections.defaultdict(list)
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("style", "script"):
            self.sources[self._open[-1]].append(data)
        else:
            self.texts.append(data)

    def values(self, name: str) -> list[str]:
        """Return the values of an attribute, wherever it is."""
        return [attributes[name] or "" for _tag, attributes in self.elements if name in attributes]


def text_of(view: View) -> str:
    return "".join(page.render(view))


def data_of(text: str) -> dict[str, t.Any]:
    found = re.search(r'id="data">([^<]+)<', text)
    assert found is not None
    read: dict[str, t.Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return read


def words_of(part: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", part.replace("<p", " <p"))).strip()


@pytest.mark.parametrize("fleet", FLEETS)
def test_only_its_own_style_and_script_are_let_in(fleet: t.Callable[[], View]) -> None:
    parsed = Parsed(text_of(fleet()))
    policy = next(str(value) for value in parsed.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'; ")
    runs = [source for source in parsed.sources["script"] if "use strict" in source]
    assert len(runs) == (0 if fleet is fleets.empty else 1)
    for kind, sources in (("style", parsed.sources["style"]), ("script", runs)):
        for source in sources:
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert parsed.values("style") == []
    assert [name for _tag, found in parsed.elements for name in found if name.startswith("on")] == []
    assert [value for name in ("href", "src", "action") for value in parsed.values(name) if value[0] != "#"] == []


@pytest.mark.parametrize("fleet", FLEETS)
def test_what_refers_to_something_finds_it(fleet: t.Callable[[], View]) -> None:
    parsed = Parsed(text_of(fleet()))
    ids = parsed.values("id")
    assert sorted(set(ids)) == sorted(ids)
    wanted = {value[1:] for value in parsed.values("href")} | set(parsed.values("aria-labelledby"))
    assert wanted <= set(ids)


def test_texts_of_others_are_texts() -> None:
    """Names, subjects, reasons and titles that would be elements, or turn the line."""
    text = text_of(fleets.hostile())
    parsed = Parsed(text)
    assert {tag for tag, _found in parsed.elements} & {"img", "iframe"} == set()
    said = "".join(parsed.texts)
    assert fleets.HOSTILE[0] in said
    assert fleets.HOSTILE[1] in said
    assert "moc.elpmaxe[U+202E]www" in said
    assert "two lines[U+001B][31m and a colour" in said
    assert "[U+D800] half of a character" in said
    assert [char for char in text if not char.isprintable() and char != "\n"] == []
    assert text.encode()


def test_the_data_says_what_the_view_says() -> None:
    view = fleets.trouble()
    data = data_of(text_of(view))

    def text(key: str, row: int) -> str:
        return str(data[key]["texts"][data[key]["places"][row]])

    for row, entry in enumerate(view.entries):
        assert data["names"][2 * row : 2 * row + 2] == [entry.name, entry.subject]
        assert data["statuses"][data["status"][row]][0] == entry.status.value
        for key in ("service", "provider", "ca", "state", "key", "renewal"):
            assert text(key, row) == getattr(entry, key)
        assert data["thumbprint"][row] == entry.thumbprint
        end, begin, due, renew, updated = data["times"][5 * row : 5 * row + 5]
        assert end == (entry.not_valid_after.timestamp() // 1 if entry.not_valid_after else None)
        if entry.not_valid_before and entry.due_at:
            assert end - begin == entry.not_valid_before.timestamp() // 1
            assert end - due == entry.due_at.timestamp() // 1
        if entry.renew_at:
            assert end - due - renew == entry.renew_at.timestamp() // 1
        assert updated == (entry.updated_at.timestamp() // 1 if entry.updated_at else None)
    cases = [(view.entries[row].name, data["words"][problem]) for row, _kind, _since, problem, _step in data["cases"]]
    assert cases == [(entry.name, one.problem) for entry in view.entries for one in entry.attention]
    assert [view.entries[row].name for row in data["people"]] == [one.name for one in view.entries if one.needs_person]


def test_a_hundred_thousand_fit() -> None:
    small, large = (len(text_of(fleets.large(size)).encode()) for size in (1000, 4000))
    assert (large - small) / 3000 < BYTES_A_ROW
    assert small < 500_000


def test_the_same_view_gives_the_same_page() -> None:
    assert text_of(fleets.trouble()) == text_of(fleets.trouble())


def test_what_is_the_same_for_all_of_a_kind_is_said_once() -> None:
    view = fleets.trouble()
    part = words_of(html_people.people(view))
    _status, _kind, problem, step = fleets.TROUBLES[3]
    assert part.count(step) == 1
    assert part.count(problem[1:]) == 1
    assert "The request is rejected 3 certificates" in part
    assert part.endswith("and 3 more")
    first = view.attention[0]
    other = dataclasses.replace(first.attention[0], next_step="ask Maria")
    view = dataclasses.replace(view, attention=(first, dataclasses.replace(first, attention=(other, other))))
    part = words_of(html_people.people(view))
    assert part.count("Next: renew it") == part.count("Next: ask Maria.") == 1
    assert "1 more problem" in part


def test_a_trouble_without_words_is_listed() -> None:
    """Such as a certificate that waits too long: its status says it all."""
    view = fleets.trouble()
    bare = dataclasses.replace(view.attention[0], attention=(), renewal="revision 2 is on its way")
    part = words_of(html_people.people(dataclasses.replace(view, attention=(bare,))))
    assert bare.name in part
    assert "Revision 2 is on its way." in part


def test_one_that_waits_too_long_is_named_so() -> None:
    view = fleets.trouble()
    waits = next(entry for entry in view.entries if entry.status is Status.WAITING)
    part = words_of(html_people.people(dataclasses.replace(view, attention=(waits,))))
    assert "Waiting, and ends soon 1 certificate It is at the signer." in part


def test_no_trouble_is_said() -> None:
    text = text_of(fleets.well())
    assert "All is well: nothing needs a person" in text
    assert "Nothing. What is due renews itself." in text
    assert "All is well" not in text_of(fleets.trouble())


def _renewed(number: int, at: dt.datetime, **other: t.Any) -> Happening:
    return dataclasses.replace(
        Happening(at, fleets.SERVICES[0], f"n{number}", 2, "renewed", "it was due", "awx"), **other
    )


def test_what_one_run_did_is_one_line() -> None:
    now = fleets.NOW
    run = [_renewed(number, now - number * dt.timedelta(minutes=1)) for number in range(40)]
    another = _renewed(99, now - dt.timedelta(hours=2), what="given_up", actor="maria")
    view = dataclasses.replace(fleets.well(), happenings=(*run, another))
    part = html_lately.lately(view)
    assert part.count("<li>") == 2
    assert words_of(part) == (
        "What happened lately Monday, 30 Nov 2026 09:02 to 09:41 Renewed n0, n1, n2 and 37 more by awx It was due "
        "07:41 Given up n99 by maria It was due"
    )


def test_a_chart_counts_what_ends_and_what_needs_a_person() -> None:
    view = fleets.trouble()
    part = html_timeline.ends(view)
    found = r"<title>(\w+, \d+ \w+ \d+): (\d+) certificates? ends?(?:, (\d+) needs? a person)?</title>"
    titles = re.findall(found, part)
    days = {
        f"{html_text.weekday(one.begins)}, {html_text.date(one.begins)}": one.count for one in timeline(view, "day")
    }
    assert {day: count for day, count in days.items() if count} == {day: int(count) for day, count, _people in titles}
    soon = [one for one in view.attention if one.not_valid_after and one.not_valid_after > view.taken_at]
    days_left = [(one.not_valid_after.date() - view.taken_at.date()).days for one in soon if one.not_valid_after]
    assert sum(int(people) for _day, _n, people in titles if people) == sum(left <= 30 for left in days_left)


def test_many_days_are_not_drawn_by_day() -> None:
    view = dataclasses.replace(fleets.well(), soon=400 * fleets.DAY)
    assert "The next 60 days, by day" in html_timeline.ends(view)


def test_a_time_that_is_less_than_a_day_has_a_chart_of_two_days() -> None:
    part = html_timeline.ends(dataclasses.replace(fleets.well(), soon=fleets.DAY / 2))
    assert "Today and tomorrow" in part
    assert "0 days" not in part


def test_a_year_has_four_digits_for_machines() -> None:
    moment = dt.datetime(110, 5, 20, 3, 38, 9, tzinfo=dt.timezone.utc)
    assert 'datetime="0110-05-20T03:38:09Z"' in html_text.day_of(moment)
    assert 'datetime="0110-05-20T03:38:09Z"' in html_text.clock(moment)


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 2), (1, 2), (3, 4), (10, 10), (11, 12), (12, 12), (13, 16), (99, 100), (101, 120)]
)
def test_the_scale_of_a_chart_is_easy_to_read(highest: int, top: int) -> None:
    assert html_timeline._rounded_up(highest) == top


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0, "just now"),
        (1, "in 60 minutes"),
        (47, "in 47 hours"),
        (48, "in 2 days"),
        (80, "in 3 days"),
        (-30 * 24, "30 days ago"),
    ],
)
def test_a_time_is_told_by_its_distance(hours: int, words: str) -> None:
    assert html_text.distance(fleets.NOW + dt.timedelta(hours=hours), fleets.NOW) == words


def test_a_kind_that_is_new_has_words() -> None:
    assert html_text.kind_words("signer_is_closed") == "Signer is closed"
