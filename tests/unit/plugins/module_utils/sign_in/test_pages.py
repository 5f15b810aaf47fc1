# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages as documents. Tests in a browser check their look and use, see tests/browser."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html.parser
import itertools
import re
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._sign_in import pages

KINDS: tuple[pages.Kind, ...] = t.get_args(pages.Kind)
AGAIN = {"sign_in", "no_token", "bad_token", "not_from_here", "refused", "not_answered", "not_reached"}
ALARMING = {*AGAIN, "failed", "over"} - {"sign_in"}
REASSURING = {"signed_in", "elsewhere"}
VOID = {"meta"}
NASTY = '<b>"it\'s" & {service} %s</b><!--'


class Document(html.parser.HTMLParser):
    """The elements of a page; an unclosed or unopened element is an error."""

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


ABOUT = pages.About("rt.example.com", "CA_DEMO", "maria@build01")
NOW = dt.datetime(2026, 1, 31, 11, 55, 0, tzinfo=dt.timezone.utc)


def document(kind: pages.Kind, language: str = "en", about: pages.About = ABOUT, **more: t.Any) -> Document:
    return Document(pages.page(kind, language, about, pages.More(**more)))


EACH = list(itertools.product(KINDS, pages.LANGUAGES))


@pytest.mark.parametrize(("kind", "language"), EACH)
class TestEachPage:
    def test_what_a_page_has(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language)
        assert page.all("html") == [{"lang": language}]
        assert len(page.all("h1")) == len(page.all("main")) == 1
        heading = page.texts["button"] if kind == "sign_in" else page.texts["h1"]
        assert page.texts["title"] == f"{heading} - Ansible (maria@build01)"
        assert {"charset": "utf-8"} in page.all("meta")

    def test_it_has_the_button_where_that_helps(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language)
        assert page.all("form") == ([{"method": "post", "action": "/start"}] if kind in AGAIN else [])
        assert page.all("button") == ([{}] if kind in AGAIN else [])

    def test_it_tells_a_screen_reader_what_happened(self, kind: pages.Kind, language: str) -> None:
        expected = {"alert"} if kind in ALARMING else {"status"} if kind in REASSURING else set()
        assert document(kind, language).roles == expected

    def test_nothing_is_fetched_or_run(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language, words="words", facts="facts", address="address", until=NOW, now=NOW)
        assert {tag for tag, _attributes in page.elements}.isdisjoint({"script", "img", "link", "iframe"})
        given = {name for _tag, attributes in page.elements for name in attributes}
        assert given <= {"lang", "charset", "name", "content", "class", "role", "method", "action", "href", "datetime"}
        assert [one["href"] for one in page.all("a")] == (["address"] if kind == "wrong_address" else [])
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
        each = [
            document(
                kind,
                language,
                pages.About(*(text or name for name in "SPJ")),
                **dict.fromkeys(("words", "facts", "person", "address"), text or "D"),
            )
            for text in ("", NASTY)
        ]
        plain, nasty = each
        assert [tag for tag, _attributes in nasty.elements] == [tag for tag, _attributes in plain.elements]
        for place in ("main", "title"):
            assert nasty.texts[place] == re.sub(r"\b[SPJD]\b", lambda _found: NASTY, plain.texts[place])

    def test_a_detail_is_shown_where_one_is_given(self, kind: pages.Kind, language: str) -> None:
        page = document(kind, language, facts="HTTP 503", words="3 of 7")
        assert "HTTP 503" in page.texts["main"]
        assert ("3 of 7" in page.texts["main"]) == (language == "en")
        assert "class" not in {name for one in document(kind, language).all("p") for name in one}

    def test_quotes_are_straight(self, kind: pages.Kind, language: str) -> None:
        text = document(kind, language).texts["main"]
        assert re.search("[\u2018-\u201f\u00ab\u00bb\u2013\u2014]", text) is None
        assert "  " not in text


@pytest.mark.parametrize("kind", KINDS)
def test_each_language_says_as_much_in_words_of_its_own(kind: pages.Kind) -> None:
    each = [document(kind, language) for language in pages.LANGUAGES]
    assert len({page.texts["h1"] for page in each}) >= 3
    assert len({page.texts["p"] for page in each}) == len(pages.LANGUAGES)
    assert len({len(page.all("p")) for page in each}) == 1
    assert len({len(page.all("strong")) for page in each}) == 1


def test_each_page_has_a_title_of_its_own() -> None:
    for language in pages.LANGUAGES:
        assert len({document(kind, language).texts["title"] for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("language", pages.LANGUAGES)
class TestTheLandingPage:
    def test_its_heading_names_the_server_and_the_job(self, language: str) -> None:
        assert "(rt.example.com)" in document("sign_in", language).texts["h1"]
        assert "maria@build01" in document("sign_in", language).texts["h1"]
        numbered = document("sign_in", language, pages.About("rt", "CA", "maria@build01", "4711"))
        assert "4711" in numbered.texts["h1"]
        assert "maria@build01" not in numbered.texts["main"]
        assert numbered.texts["title"].endswith(" - Ansible (4711)")
        assert "CA_DEMO" in document("sign_in", language).texts["p"]

    @pytest.mark.parametrize(
        ("seconds", "time", "left"),
        [
            (300, "11:55:00 UTC", "5 min"),
            (299, "11:54:59 UTC", "4 min"),
            (45, "11:50:45 UTC", "45 s"),
            (-3, "11:49:57 UTC", "0 s"),
            (12_000, "15:10:00 UTC", "3 h 20 min"),
            (86_400, "2026-02-01 11:50:00 UTC", "24 h 0 min"),
        ],
    )
    def test_it_says_until_when(self, language: str, seconds: int, time: str, left: str) -> None:
        now = NOW - dt.timedelta(minutes=5)
        for kind in AGAIN:
            page = document(t.cast("pages.Kind", kind), language, now=now, until=now + dt.timedelta(seconds=seconds))
            assert re.search(rf"[ :]{re.escape(time)}, [a-z ]*\b{left}\b", page.texts["p"])
            assert page.all("time")[0]["datetime"] == f"{now + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
        assert document("over", language, now=now, until=now).all("time") == []

    def test_who_has_signed_in(self, language: str) -> None:
        page = document("signed_in", language, person="demo <x>")
        assert "rt.example.com" in page.texts["strong"]
        assert "demo <x>" in page.texts["strong"]
        assert document("signed_in", language, person="x" * 500).texts["strong"].endswith("x" * 80 + "...")
        assert document("signed_in", language).all("strong") == []


def test_words_of_others_are_on_the_english_page_only() -> None:
    """The job's words are English on every page; the language of Redtrust's words is not known."""
    assert "Message of the job: the disk is full" in document("failed", words="the disk is full").texts["main"]
    assert document("failed", "es", words="the disk is full").all("b") == []
    said: dict[str, t.Any] = {"facts": "HTTP 401, USED", "words": "It was used"}
    assert "Answer of Redtrust: HTTP 401, USED: It was used" in document("refused", **said).texts["main"]
    assert document("refused", "es", **said).texts["main"].strip().endswith("Volver a intentarlo")
    assert "Respuesta de Redtrust: HTTP 401, USED\n" in document("refused", "es", **said).texts["main"]


def test_what_is_not_text_is_shown_all_the_same() -> None:
    assert b"half ?" in pages.page("refused", "en", ABOUT, pages.More(words="half \ud800"))


@pytest.mark.parametrize(
    ("accept_language", "expected"),
    [
        # the first is the example of RFC 9110, 12.5.4, with a language of ours
        ("es, en-gb;q=0.8, en;q=0.7", "es"),
        ("da, en-gb;q=0.8, en;q=0.7", "en"),
        ("pt-BR", "pt-BR"),
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("pt-PT", "pt-PT"),
        ("pt-PT,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt-PT"),
        ("pt-pt;q=0.3, pt-br;q=0.2", "pt-PT"),
        ("pt-Latn-PT", "pt-PT"),
        ("pt-AO, en;q=0.5", "pt-PT"),
        ("pt-MZ", "pt-PT"),
        ("pt", "pt-BR"),
        ("pt;q=0.8, pt-PT;q=0.9", "pt-PT"),
        ("pt-PT;q=0, pt", "pt-BR"),
        ("ca-ES, es;q=0.8", "es"),
        ("es-419,es;q=0.9", "es"),
        ("es-ES", "es"),
        ("zh-Hant-TW, pt;q=0.1", "pt-BR"),
        ("en;q=0.5, es;q=0.8, pt;q=0.7", "es"),
        ("en;q=0.5,pt;q=0.500,es;q=0.501", "es"),
        ("pt,es", "pt-BR"),
        ("es,pt", "es"),
        ("es ; q=0.2 , pt\t;\tq=0.3", "pt-BR"),
        ("es;Q=1.000, en;q=0.999", "es"),
        ("de, fr;q=0.9", "en"),
        ("", "en"),
        ("*", "en"),
        ("*;q=0.5, pt;q=0.2", "en"),
        ("*;q=0.2, pt;q=0.5", "pt-BR"),
        # q=0 excludes a language; English is the default
        ("en;q=0, *", "es"),
        ("en;q=0, es;q=0, *;q=0.1", "pt-BR"),
        ("es;q=0", "en"),
        ("en;q=0, es;q=0, pt;q=0, pt-PT;q=0", "en"),
        # not valid by the RFC
        ("es;q=2, pt;q=0.1", "pt-BR"),
        ("es;q=-1", "en"),
        ("es;q=0.1234", "en"),
        ("es;q=nan, pt;q=inf", "en"),
        ("es;q", "en"),
        ("es_ES", "en"),
        ("espanol-largo", "en"),
        ("\u0435s", "en"),
        (",,;;==,", "en"),
        (",, pt ,", "pt-BR"),
    ],
)
def test_the_language_that_a_browser_likes_most(accept_language: str, expected: str) -> None:
    assert pages.language_of(accept_language) == expected


def test_only_the_beginning_of_a_long_list_is_read() -> None:
    assert pages.language_of("xx," * 100 + "es") == "es"
    assert pages.language_of("xx," * 1000 + "es") == "en"
    assert pages.language_of("es," + "a-" * 10_000_000) == "es"
