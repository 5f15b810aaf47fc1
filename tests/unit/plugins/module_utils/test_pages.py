# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages as documents. How they look and are used is tried in a browser, see tests/browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import itertools
import re
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _pages as pages

KINDS: tuple[pages.Kind, ...] = t.get_args(pages.Kind)
AGAIN = {"sign_in", "no_token", "not_from_here", "refused", "not_reached"}
ALARMING = {"no_token", "not_from_here", "refused", "not_reached", "failed", "over"}
REASSURING = {"signed_in", "elsewhere"}
VOID = {"meta"}
NASTY = '<b>"it\'s" & {service} %s</b><!--'


class Document(html.parser.HTMLParser):
    """What is in a page; an element that is not closed, or closed and not open, is an error."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(content.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def roles(self) -> set[str | None]:
        return {attributes["role"] for _tag, attributes in self.elements if "role" in attributes}


def document(kind: pages.Kind, language: str = "en", **words: str) -> Document:
    return Document(pages.page(kind, language, **{"service": "rt.example.com", "partner": "CA_DEMO", **words}))


EACH = list(itertools.product(KINDS, pages.LANGUAGES))


@pytest.mark.parametrize(("kind", "language"), EACH)
class TestEachPage:
    def test_what_a_page_has(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language)
        assert page.all("html") == [{"lang": language}]
        assert len(page.all("h1")) == len(page.all("main")) == 1
        assert page.texts["title"] == f"{page.texts['h1']} - Redtrust"
        assert {"charset": "utf-8"} in page.all("meta")

    def test_it_has_the_button_where_that_helps(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language)
        assert page.all("form") == ([{"method": "post", "action": "/start"}] if kind in AGAIN else [])
        assert page.all("button") == ([{}] if kind in AGAIN else [])

    def test_it_tells_a_screen_reader_what_happened(self, kind: pages.Kind, language: str) -> None:
        expected = {"alert"} if kind in ALARMING else {"status"} if kind in REASSURING else set()
        assert document(kind, language).roles == expected

    def test_nothing_is_fetched_or_run(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language, detail="words")
        assert {tag for tag, _attributes in page.elements}.isdisjoint({"script", "img", "link", "iframe"})
        given = {name for _tag, attributes in page.elements for name in attributes}
        assert given <= {"lang", "charset", "name", "content", "class", "role", "method", "action", "href"}
        assert [one["href"] for one in page.all("a")] == (["words"] if kind == "wrong_address" else [])
        assert re.search(r"url\(|@import|expression", page.texts["style"]) is None

    def test_the_policy_lets_its_style_in_and_nothing_else(self, kind: pages.Kind, language: str) -> None:
        style = document(kind, language).texts["style"]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        rules = [rule.strip() for rule in pages.CONTENT_SECURITY_POLICY.split(";")]
        assert rules == [
            "default-src 'none'",
            f"style-src 'sha256-{digest}'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]

    def test_what_is_passed_in_stays_text(self, kind: pages.Kind, language: str) -> None:
        plain = document(kind, language, service="S", partner="P", detail="D")
        nasty = document(kind, language, service=NASTY, partner=NASTY, detail=NASTY)
        assert [tag for tag, _attributes in nasty.elements] == [tag for tag, _attributes in plain.elements]
        assert nasty.texts["main"] == re.sub(r"\b[SPD]\b", lambda _found: NASTY, plain.texts["main"])

    def test_a_detail_is_shown_where_one_is_given(self, kind: pages.Kind, language: str) -> None:
        assert "3 of 7" in document(kind, language, detail="3 of 7").texts["main"]
        assert "class" not in {name for one in document(kind, language).all("p") for name in one}

    def test_quotes_are_straight(self, kind: pages.Kind, language: str) -> None:
        text = document(kind, language).texts["main"]
        assert re.search("[\u2018-\u201f\u00ab\u00bb\u2013\u2014]", text) is None
        assert "  " not in text


@pytest.mark.parametrize("kind", KINDS)
def test_each_language_says_as_much_in_words_of_its_own(kind: pages.Kind) -> None:
    each = [document(kind, language) for language in pages.LANGUAGES]
    assert len({page.texts["h1"] for page in each}) == 3
    assert len({page.texts["p"] for page in each}) == 3
    assert len({len(page.all("p")) for page in each}) == 1
    assert len({len(page.all("strong")) for page in each}) == 1


def test_each_page_has_a_title_of_its_own() -> None:
    for language in pages.LANGUAGES:
        assert len({document(kind, language).texts["title"] for kind in KINDS}) == len(KINDS)


def test_the_landing_page_names_server_and_partner() -> None:
    for language in pages.LANGUAGES:
        text = document("sign_in", language).texts["main"]
        assert "rt.example.com" in text
        assert "CA_DEMO" in text


def test_words_of_others_are_marked_as_theirs() -> None:
    """Those of the job are English whatever the page is; which language Redtrust speaks is not known."""
    assert document("failed", "es", detail="the disk is full").all("span") == [{"lang": "en"}]
    assert "Mensaje de la tarea" in document("failed", "es", detail="the disk is full").texts["main"]
    assert document("refused", "es", detail="Usado").all("span") == []
    assert "Respuesta de Redtrust" in document("refused", "es", detail="Usado").texts["main"]


def test_what_is_not_text_is_shown_all_the_same() -> None:
    assert b"half ?" in pages.page("refused", "en", service="rt", partner="CA", detail="half \ud800")


@pytest.mark.parametrize(
    ("accept_language", "expected"),
    [
        # the first is the example of RFC 9110, 12.5.4, with a language of ours
        ("es, en-gb;q=0.8, en;q=0.7", "es"),
        ("da, en-gb;q=0.8, en;q=0.7", "en"),
        ("pt-BR", "pt"),
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt"),
        ("PT-br", "pt"),
        ("es-419,es;q=0.9", "es"),
        ("es-ES", "es"),
        ("zh-Hant-TW, pt;q=0.1", "pt"),
        ("en;q=0.5, es;q=0.8, pt;q=0.7", "es"),
        ("en;q=0.5,pt;q=0.500,es;q=0.501", "es"),
        ("pt,es", "pt"),
        ("es,pt", "es"),
        ("es ; q=0.2 , pt\t;\tq=0.3", "pt"),
        ("es;Q=1.000, en;q=0.999", "es"),
        ("de, fr;q=0.9", "en"),
        ("", "en"),
        ("*", "en"),
        ("*;q=0.5, pt;q=0.2", "en"),
        ("*;q=0.2, pt;q=0.5", "pt"),
        # none of the first, whatever else
        ("en;q=0, *", "es"),
        ("en;q=0, es;q=0, *;q=0.1", "pt"),
        ("es;q=0", "en"),
        ("en;q=0, es;q=0, pt;q=0", "en"),
        # not as it should be
        ("es;q=2, pt;q=0.1", "pt"),
        ("es;q=-1", "en"),
        ("es;q=0.1234", "en"),
        ("es;q=nan, pt;q=inf", "en"),
        ("es;q", "en"),
        ("es_ES", "en"),
        ("espanol-largo", "en"),
        ("\u0435s", "en"),
        (",,;;==,", "en"),
        (",, pt ,", "pt"),
    ],
)
def test_the_language_that_a_browser_likes_most(accept_language: str, expected: str) -> None:
    assert pages.language_of(accept_language) == expected


def test_only_the_beginning_of_a_long_list_is_read() -> None:
    assert pages.language_of("xx," * 100 + "es") == "es"
    assert pages.language_of("xx," * 1000 + "es") == "en"
    assert pages.language_of("es," + "a-" * 10_000_000) == "es"
