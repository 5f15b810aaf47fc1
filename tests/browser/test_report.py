# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the report in a real browser: barriers, search, sorting, filters, paper, and names that mean harm."""

from __future__ import annotations

import datetime as dt
import itertools
import typing as t
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report import html
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import Entry, Status, View
from ansible_collections.redtrust.certificate_enroll.tests import fleets

from .conftest import PICTURES

if t.TYPE_CHECKING:
    from .conftest import NewVisitor
    from .visitor import Visitor

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 780}
# Texts in a drawing, of which axe-core does not see what is behind them; columns that a phone does not show.
# What is hidden until there is more than a page.
NOT_JUDGED = (
    ".chart text",
    "#pages[hidden]",
    *(f"#table .c-{name}" for name in ("renew", "ca", "provider", "service")),
)

FLEETS: dict[str, t.Callable[[], View]] = {
    "empty": fleets.empty,
    "well": fleets.well,
    "trouble": fleets.trouble,
    "hostile": fleets.hostile,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the page of each fleet."""
    folder = tmp_path_factory.mktemp("pages")
    made = {name: folder / f"{name}.html" for name in FLEETS}
    for name, path in made.items():
        path.write_text("".join(html.render(FLEETS[name]())), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def trouble() -> View:
    return fleets.trouble()


NewReader = t.Callable[..., "Visitor"]


@pytest.fixture
def reader(visitor: NewVisitor, files: dict[str, Path]) -> NewReader:
    """Return a function that opens the page of a fleet in a window."""

    def opens(name: str, *, phone: bool = False, address: str = "", days: int = 0, **look: t.Any) -> Visitor:
        opened = visitor(**look)
        opened.page.set_viewport_size(t.cast("t.Any", PHONE if phone else WIDE))
        opened.page.emulate_media(reduced_motion="reduce")  # nobody waits until it has scrolled
        opened.page.clock.set_fixed_time(fleets.NOW + days * fleets.DAY)
        opened.open(files[name].as_uri() + address)
        if name != "empty" and look.get("script", True):
            opened.page.locator("[data-ready]").wait_for()
        return opened

    return opens


def rows(page: Page) -> list[str]:
    """Return the names in the table."""
    return page.locator("#table tbody th").all_inner_texts()


def names(entries: t.Iterable[Entry]) -> list[str]:
    return [entry.name for entry in entries][:50]


def found(page: Page) -> str:
    return page.locator("#found").inner_text()


def gravest(entries: t.Iterable[Entry]) -> list[Entry]:
    last = dt.datetime.max.replace(tzinfo=dt.timezone.utc)
    return sorted(entries, key=lambda entry: (entry.status.gravity, entry.not_valid_after or last))


@pytest.mark.parametrize(
    ("name", "phone", "scheme"),
    [
        ("empty", False, "light"),
        ("trouble", False, "light"),
        ("trouble", False, "dark"),
        ("trouble", True, "dark"),
        ("hostile", False, "light"),
    ],
)
def test_nobody_is_kept_out(name: str, phone: bool, scheme: str, reader: NewReader) -> None:
    """axe-core finds no barrier, a narrow window is enough, nothing is fetched, and the console is empty."""
    opened = reader(name, phone=phone, scheme=scheme)
    assert opened.barriers(*NOT_JUDGED) == []
    assert opened.overflow() <= 0
    assert opened.complaints == []
    assert [address for address in opened.asked if not address.startswith("file:")] == []
    assert len(opened.asked) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_texts_of_a_drawing_have_the_colours_of_other_texts(scheme: str, reader: NewReader) -> None:
    """axe-core has judged those: a soft text on a card."""
    page = reader("trouble", scheme=scheme).page
    colour = "element => [getComputedStyle(element).fill, getComputedStyle(element).color]"
    drawn = page.locator(".chart text").first.evaluate(colour)[0]
    assert drawn == page.locator("figcaption .soft").first.evaluate(colour)[1]


@pytest.mark.parametrize("width", [320, 360, 412])
def test_no_word_of_a_status_is_broken_on_a_phone(width: int, reader: NewReader) -> None:
    page = reader("trouble", phone=True).page
    page.set_viewport_size({"width": width, "height": 780})
    broken = """() => [...document.querySelectorAll("#table .pill")].flatMap(pill => {
      const text = pill.lastChild, words = [...text.data.matchAll(/\\S+/g)];
      return words.filter(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length > 1;
      }).map(word => word[0]);
    })"""
    page.locator("#table .pill").first.wait_for()
    assert page.evaluate(broken) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("phone", [False, True])
def test_details_open_and_close_with_the_keyboard(phone: bool, reader: NewReader, trouble: View) -> None:
    opened = reader("trouble", phone=phone, scheme="dark" if phone else "light")
    page = opened.page
    entry = trouble.attention[0]
    button = page.locator("#people").get_by_role("button", name=entry.name)
    button.focus()
    page.keyboard.press("Enter")
    details = page.get_by_role("dialog", name=entry.name)
    text = details.inner_text()
    for value in (entry.subject, entry.thumbprint, entry.ca, entry.key, entry.attention[0].next_step):
        assert value in text
    page.keyboard.press("Escape")
    details.wait_for(state="detached")
    assert button.and_(page.locator(":focus")).count() == 1
    page.keyboard.press("Enter")
    # axe-core takes what is behind a dialog for its background
    page.evaluate("document.querySelectorAll('header, main, footer').forEach(element => element.remove())")
    assert opened.barriers(inside="dialog") == []


def test_a_certificate_that_is_gone_is_no_button(reader: NewReader, trouble: View) -> None:
    page = reader("trouble").page
    line = page.locator(".log li", has_text=fleets.GONE)
    assert line.count() == 1
    assert line.get_by_role("button").count() == 0
    named = [one.name for one in trouble.happenings if one.name != fleets.GONE]
    assert page.locator(".log").get_by_role("button", name=named[0]).count() == 1


def test_a_search_finds_all_of_its_words_anywhere(reader: NewReader, trouble: View) -> None:
    page = reader("trouble").page
    wanted = [entry for entry in trouble.entries if "garcía" in entry.name and "person" in entry.ca.lower()]
    assert 1 < len(wanted) < 50
    page.get_by_label("Search", exact=True).fill("GARCÍA person")
    page.get_by_text(f"{len(wanted)} of {len(trouble.entries):,} certificates").wait_for()
    assert rows(page) == names(gravest(wanted))
    entry = trouble.entries[700]
    page.get_by_label("Search", exact=True).fill(entry.thumbprint.lower())
    page.get_by_text(f"1 of {len(trouble.entries):,} certificates").wait_for()
    assert rows(page) == [entry.name]
    page.get_by_label("Search", exact=True).fill("nothing has this")
    page.get_by_text("No certificate is like that.").wait_for()
    page.get_by_role("button", name="Clear", exact=True).click()
    assert found(page) == f"{len(trouble.entries):,} certificates"


def _end(entry: Entry) -> float:
    return entry.not_valid_after.timestamp() if entry.not_valid_after else 0.0


def test_each_column_sorts_both_ways(reader: NewReader, trouble: View) -> None:
    """What has no value comes last in either direction."""
    page = reader("trouble").page
    keys: dict[str, t.Callable[[Entry], t.Any]] = {
        "Certificate": lambda entry: entry.name,
        "Ends": _end,
        "Provider": lambda entry: entry.provider,
    }
    for column, key in keys.items():
        head = page.locator("#table th", has=page.get_by_role("button", name=column, exact=True))
        filled = [entry for entry in trouble.entries if key(entry)]
        for direction, backwards in (("ascending", False), ("descending", True)):
            head.get_by_role("button").click()
            assert head.get_attribute("aria-sort") == direction
            wanted = sorted(filled, key=key, reverse=backwards)
            assert rows(page) == names(wanted)
            page.get_by_role("button", name="Last", exact=True).click()
            bare = [entry.name for entry in trouble.entries if not key(entry)]
            assert rows(page)[-1] == (bare or names([wanted[-1]]))[-1]


def test_pages_are_turned(reader: NewReader, trouble: View) -> None:
    page = reader("trouble").page
    order = [entry.name for entry in gravest(trouble.entries)]
    pages = page.get_by_role("navigation", name="Pages of the table")
    assert pages.get_by_role("button", name="Previous").is_disabled()
    pages.get_by_role("button", name="Next").press("Enter")
    assert rows(page) == order[50:100]
    assert pages.inner_text().startswith(f"Rows 51 to 100 of {len(order):,}")
    pages.get_by_role("button", name="Last").click()
    assert rows(page) == order[len(order) // 50 * 50 :]
    assert pages.get_by_role("button", name="Next").is_disabled()


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.WAITING, Status.ENDS_SOON])
def test_a_number_at_the_top_filters_the_table(status: Status, reader: NewReader, trouble: View) -> None:
    page = reader("trouble").page
    tile = page.locator(f".tile.{status.value}").get_by_role("button")
    assert tile.get_attribute("aria-pressed") == "false"
    tile.press("Enter")
    wanted = [entry for entry in trouble.entries if entry.status is status]
    assert found(page) == f"{len(wanted)} of {len(trouble.entries):,} certificates"
    assert rows(page) == names(gravest(wanted))
    assert tile.get_attribute("aria-pressed") == "true"
    assert page.locator("#found").evaluate("element => element === document.activeElement")
    tile.click()
    assert tile.get_attribute("aria-pressed") == "false"
    assert found(page) == f"{len(trouble.entries):,} certificates"


def test_each_number_of_the_report_leads_to_as_many_rows(reader: NewReader) -> None:
    """The tables of CAs, providers, services, days and weeks, and what is left of a list."""
    page = reader("trouble").page
    for summary in page.locator("summary").all():
        summary.click()
    sums = page.locator(".sums tbody tr")
    assert sums.count() > 40
    for place in itertools.chain(range(0, sums.count(), 20), range(sums.count() - 10, sums.count(), 4)):
        row = sums.nth(place)
        row.get_by_role("button").click()
        assert found(page).startswith(f"{row.locator('td').first.inner_text()} of ")
    card = page.locator(".trouble", has_text="Failing").last
    card.get_by_role("button", name="and 3 more").click()
    assert found(page).startswith(card.locator(".count").inner_text().split()[0] + " of ")


def test_a_bar_leads_to_what_ends_then(reader: NewReader) -> None:
    page = reader("trouble").page
    column = page.locator(".chart").last.locator("g").nth(2)
    title = column.locator("title").text_content() or ""
    column.click()
    words, _colon, number = title.partition(": ")
    assert found(page).startswith(f"{number.split()[0]} of ")
    chosen = page.get_by_label("Ends", exact=True).locator("option:checked").inner_text()
    assert chosen.split(" to ")[1] == words.split(" to ")[1]


def test_filters_are_in_the_address(reader: NewReader, trouble: View) -> None:
    opened = reader("trouble", address="#status=in_use&provider=CA_LEGACY&sort=ends&down=true")
    page = opened.page
    wanted = [one for one in trouble.entries if one.status is Status.IN_USE and one.provider == "CA_LEGACY"]
    assert found(page).startswith(f"{len(wanted)} of ")
    assert rows(page) == names(sorted(wanted, key=_end, reverse=True))
    page.get_by_label("Status", exact=True).select_option("Failing")
    page.wait_for_function("location.hash.includes('status=failing')")
    page.reload()
    page.locator("[data-ready]").wait_for()
    assert page.get_by_label("Status", exact=True).input_value() == "failing"
    opened = reader("trouble", address="#status=nonsense&sort=__proto__&ends=a/b&q=%00&ca=toString")
    assert opened.complaints == []


def test_without_a_script_the_report_is_there(reader: NewReader, trouble: View) -> None:
    """And nothing looks as if it could be pressed."""
    opened = reader("trouble", script=False)
    page = opened.page
    text = opened.text()
    assert f"{len(trouble.attention)} certificates need a person" in text
    assert trouble.attention[0].name in text
    assert trouble.happenings[0].name in text
    assert page.get_by_role("img", name="The next 30 days, by day").is_visible()
    assert rows(page) == names(gravest(trouble.entries))
    assert found(page) == f"The first 50 of {len(trouble.entries):,} certificates"
    assert page.locator("button, input, select").count() == 0
    assert "need JavaScript" in page.locator("noscript").inner_text()


def test_script_and_html_make_the_same_rows(reader: NewReader) -> None:
    """So nothing moves when the script takes over."""
    texts = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    seen = [
        reader("trouble", script=script).page.locator("#table tbody tr").evaluate_all(texts) for script in (False, True)
    ]
    assert seen[0] == seen[1]


def test_names_that_mean_harm_are_shown_and_do_nothing(reader: NewReader) -> None:
    opened = reader("hostile")
    page = opened.page
    page.locator(".tile.needs_person button").click()
    for place in range(len(fleets.HOSTILE)):
        page.locator("#table tbody button").nth(place).click()
        page.keyboard.press("Escape")
    assert page.locator("img, main b b, iframe").count() == 0
    assert page.locator("script").count() == 1
    text = page.locator("body").inner_text()
    assert fleets.HOSTILE[0] in text
    assert "moc.elpmaxe[U+202E]www" in text
    assert [char for char in "\u202e\u200b\x1b" if char in page.content()] == []
    assert page.title() == fleets.HOSTILE[0]
    assert opened.complaints == []


def test_only_the_script_of_the_page_may_run(reader: NewReader) -> None:
    """So an empty console proves something."""
    opened = reader("well")
    opened.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'run'";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<img src='x.png'><p style='color: red'>x</p>");
        }"""
    )
    opened.page.wait_for_function("document.querySelector('img').complete")
    assert opened.page.title() != "run"
    assert len(opened.complaints) >= 3
    assert opened.page.evaluate("document.querySelector('img').naturalWidth") == 0
    assert opened.page.evaluate("getComputedStyle(document.querySelector('main ~ p')).color") != "rgb(255, 0, 0)"


def test_it_goes_onto_paper(reader: NewReader, trouble: View) -> None:
    """Dark text on white, without what can only be pressed, and with many rows."""
    page = reader("trouble", scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert _lightness(page.locator("body"), "backgroundColor") > 240
    assert _lightness(page.locator("body"), "color") < 60
    for gone in ("#tools", "#pages", "header nav"):
        assert not page.locator(gone).is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#table tbody tr").count() == 1000
    assert found(page) == f"{len(trouble.entries):,} certificates, of which the first 1,000 are printed"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#table tbody tr").count() == 50


def _lightness(element: Locator, name: str) -> float:
    rgb: list[float] = element.evaluate(
        f"element => getComputedStyle(element).{name}.match(/[0-9.]+/g).map(Number).slice(0, 3)"
    )
    return sum(rgb) / 3


def test_an_old_report_says_so(reader: NewReader) -> None:
    assert reader("well").page.locator("#age").inner_text() == ""
    assert reader("well", days=12).page.locator("#age").inner_text() == "12 days ago"


@pytest.mark.skipif(not PICTURES, reason="pictures are taken where CERTIFICATE_ENROLL_PICTURES names a folder")
def test_pictures_of_the_guide(reader: NewReader) -> None:
    folder = Path(PICTURES)
    for name, look in (("light", {}), ("dark", {"scheme": "dark"}), ("phone", {"phone": True})):
        reader("trouble", **look).take_window_picture(folder / f"report-{name}.png")
    opened = reader("trouble")
    opened.page.locator("#certificates").scroll_into_view_if_needed()
    opened.page.evaluate("document.getElementById('ends').scrollIntoView()")
    opened.take_window_picture(folder / "report-table.png")
