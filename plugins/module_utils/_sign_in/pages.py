# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of a sign-in: HTML with one style, without scripts and without anything else to fetch."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import html
import re
import typing as t

from .._clock import timestamp
from .words import JOB_AT, JOB_SAYS, NUMBERED_JOB, PERSON, REDTRUST_SAYS, SIGN_IN, TEXTS, TRY_AGAIN, UNTIL, Kind

__all__ = ("CONTENT_SECURITY_POLICY", "LANGUAGES", "About", "Kind", "More", "language_of", "page")

LANGUAGES = ("en", "es", "pt-BR", "pt-PT")

# RFC 9110, 12.5.4 and 12.4.2: a range of languages, with its region if it has one, and its weight.
_RANGE = re.compile(
    r"\s*(?P<language>[a-z]{1,8}|\*)(?:-[a-z]{4})?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?(?:-[a-z0-9]{1,8})*\s*"
    r"(?:;\s*q=(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*",
    re.ASCII | re.IGNORECASE,
)
# In characters; browsers send less than a hundred.
_LONGEST_HEADER = 1000
# In characters: of a name that is shown.
_LONGEST_NAME = 80

_STYLE = """
:root { color-scheme: light dark; --back: #eef0f4; --card: #fff; --text: #1a1c22; --soft: #43474f; --line: #80858f;
  --act: #0b468c; --on-act: #fff; --plain: #0b468c; --good: #0b5d2a; --bad: #a01414; }
@media (prefers-color-scheme: dark) { :root { --back: #121419; --card: #1e2128; --text: #f3f4f6; --soft: #c8ccd4;
  --line: #7d838e; --act: #a6ccff; --on-act: #06192e; --plain: #a6ccff; --good: #8fdda8; --bad: #ffb3a8; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: var(--back); color: var(--text);
  font: 1.0625rem/1.55 system-ui, sans-serif; }
main { max-width: 34rem; margin: min(10vh, 6rem) auto 0; padding: 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-top: .375rem solid var(--plain); border-radius: .5rem;
  overflow-wrap: anywhere; }
main.good { border-top-color: var(--good); }
main.bad { border-top-color: var(--bad); }
h1 { margin: 0 0 1rem; font-size: 1.625rem; line-height: 1.25; text-wrap: balance; }
p { margin: 0 0 1rem; }
p:last-child { margin-bottom: 0; }
.detail { padding-left: .875rem; border-left: .25rem solid var(--line); }
.detail b { display: block; color: var(--soft); font-size: .9375rem; font-weight: 400; }
.until { margin-top: 1.5rem; color: var(--soft); }
form { margin-top: 1.5rem; }
button { min-width: 10rem; min-height: 3rem; padding: .5rem 1.5rem; border: 2px solid var(--act);
  border-radius: .375rem; background: var(--act); color: var(--on-act);
  font: inherit; font-weight: 600; cursor: pointer; }
button:hover { text-decoration: underline; text-underline-offset: .2em; }
a { display: inline-block; min-height: 2.75rem; padding: .5rem 0; color: var(--act); }
:focus-visible { outline: .1875rem solid var(--text); outline-offset: .1875rem; }
@media (max-width: 30rem) { main { margin-top: 0; padding: 1.25rem; } button { width: 100%; } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No form-action: browsers apply it to the redirects after a form as well, and a login at Redtrust may lead through any
# host, such as that of an identity provider.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
)

_DOCUMENT = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - {job}</title>
<style>{style}</style>
</head>
<body>
<main class="{tone}">
<h1>{heading}</h1>
{content}
</main>
</body>
</html>
"""
_FORM = '<form method="post" action="/start"><button>{label}</button></form>'

# Screen readers read out an alert at once, and a status when there is time.
_ROLES = {"good": ' role="status"', "bad": ' role="alert"', "plain": ""}
_GOOD: tuple[Kind, ...] = ("signed_in", "elsewhere")
_AGAIN: tuple[Kind, ...] = ("no_token", "bad_token", "not_from_here", "refused", "not_answered", "not_reached")
_BAD: tuple[Kind, ...] = (*_AGAIN, "failed", "over")


@dataclasses.dataclass(frozen=True)
class About:
    """The server, the partner and the waiting job that each page names; a job without a number by its owner."""

    service: str
    partner: str
    owner: str
    number: str | None = None

    def title(self) -> str:
        """Return a title that tells the windows of several jobs from each other, and from pages of Redtrust."""
        return f"Ansible ({self._name})"

    def job(self, language: str) -> str:
        """Return the name of the job, as HTML."""
        words = NUMBERED_JOB if self.number else JOB_AT
        return words[language].format(html.escape(self._name))

    @property
    def _name(self) -> str:
        return _clipped(self.number or self.owner)


@dataclasses.dataclass(frozen=True)
class More:
    """The content that only some pages have.

    ``words`` of the job are in English, those of Redtrust in an unknown language, so only the English page has them.
    ``facts`` are the same in each language, such as a status. ``until`` is the end of the job's wait.
    """

    words: str = ""
    facts: str = ""
    person: str = ""
    address: str = ""
    until: dt.datetime | None = None
    now: dt.datetime | None = None


def language_of(accept_language: str) -> str:
    """Return the available language that a browser prefers; English where it accepts none of them.

    Portuguese is that of Portugal everywhere but in Brazil, and that of Brazil where no country is named.
    """
    liked: dict[str, float] = {}
    for item in accept_language[:_LONGEST_HEADER].split(","):
        found = _RANGE.fullmatch(item)
        if found:
            name = _language(found["language"].lower(), (found["region"] or "").upper())
            liked[name] = max(liked.get(name, 0.0), float(found["weight"] or 1))
    others = liked.pop("*", 0.0)
    weights = {name: liked.get(name, others) for name in (*liked, *LANGUAGES) if name in LANGUAGES}
    best = max(weights, key=lambda name: weights[name])
    return best if weights[best] else "en"


def _language(name: str, region: str) -> str:
    if name == "pt":
        return "pt-BR" if region in ("", "BR", "419") else "pt-PT"
    return name


def page(kind: Kind, language: str, about: About, more: More | None = None) -> bytes:
    """Return a whole page."""
    more = more or More()
    values = {
        "service": _strong(about.service),
        "partner": _strong(about.partner),
        "job": about.job(language),
        "person": _strong(_clipped(more.person)),
    }
    heading, *paragraphs = (text.format(**values) for text in TEXTS[kind][language].split("\n"))
    if kind == "signed_in" and more.person:
        paragraphs.insert(0, PERSON[language].format(**values))
    said = "\n".join([*(f"<p>{text}</p>" for text in paragraphs), *_detail(kind, language, more)])
    tone = "good" if kind in _GOOD else "bad" if kind in _BAD else "plain"
    content = f"<div{_ROLES[tone]}>\n{said}\n</div>"
    if kind == "sign_in" or kind in _AGAIN:
        content += "\n" + "\n".join([*_until(language, more), _button(kind, language)])
    title = SIGN_IN[language] if kind == "sign_in" else heading
    document = _DOCUMENT.format(
        language=language,
        style=_STYLE,
        title=title,
        job=html.escape(about.title()),
        heading=heading,
        tone=tone,
        content=content,
    )
    # Only texts of the service can have characters that UTF-8 lacks; a replacement is good enough for them.
    return document.encode("utf-8", "replace")


def _strong(text: str) -> str:
    return f"<strong>{html.escape(text)}</strong>"


def _clipped(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _button(kind: Kind, language: str) -> str:
    return _FORM.format(label=(SIGN_IN if kind == "sign_in" else TRY_AGAIN)[language])


def _until(language: str, more: More) -> t.Iterator[str]:
    """Say when the time is over: by the clock, in UTC since the place of the browser is unknown, and from now on."""
    if more.until is None or more.now is None:
        return
    shape = "%H:%M:%S UTC" if more.until.date() == more.now.date() else "%Y-%m-%d %H:%M:%S UTC"
    time = f'<time datetime="{timestamp(more.until)}">{more.until.strftime(shape)}</time>'
    left = _duration(max((more.until - more.now).total_seconds(), 0))
    yield f'<p class="until">{UNTIL[language].format(time=time, left=left)}</p>'


def _duration(seconds: float) -> str:
    """Return a duration in units that all four languages write alike."""
    minutes = int(seconds // 60)
    if not minutes:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _detail(kind: Kind, language: str, more: More) -> t.Iterator[str]:
    if kind == "wrong_address":
        address = html.escape(more.address)
        yield f'<p><a href="{address}">{address}</a></p>'
    words = more.words if language == "en" else ""
    if words or more.facts:
        label = REDTRUST_SAYS[language] if more.facts else JOB_SAYS
        text = html.escape(": ".join(filter(None, (more.facts, words))))
        yield f'<p class="detail"><b>{label}</b> {text}</p>'
