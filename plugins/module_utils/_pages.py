# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that a person sees who signs in: HTML with one style, no script, nothing that would have to be fetched."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import typing as t

from ._page_words import JOB_SAYS, REDTRUST_SAYS, SIGN_IN, TEXTS, TRY_AGAIN, Kind

__all__ = ("CONTENT_SECURITY_POLICY", "LANGUAGES", "Kind", "language_of", "page")

LANGUAGES = ("en", "es", "pt")

# RFC 9110, 12.5.4 and 12.4.2: a range of languages, and its weight.
_RANGE = re.compile(
    r"\s*(?P<language>[a-z]{1,8}|\*)(?:-[a-z0-9]{1,8})*\s*(?:;\s*q=(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*",
    re.ASCII | re.IGNORECASE,
)
# In characters; browsers send less than a hundred.
_LONGEST_HEADER = 1000

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
# No form-action: browsers apply it to the redirects that follow a form as well, and nobody knows through which hosts,
# such as those of an identity provider, a login at Redtrust leads.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
)

_DOCUMENT = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Redtrust</title>
<style>{style}</style>
</head>
<body>
<main class="{tone}">
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
_FORM = '<form method="post" action="/start"><button>{label}</button></form>'

# What somebody has to know at once is an alert, what is good to know is a status.
_ROLES = {"good": ' role="status"', "bad": ' role="alert"', "plain": ""}
_GOOD: tuple[Kind, ...] = ("signed_in", "elsewhere")
_BAD: tuple[Kind, ...] = ("no_token", "not_from_here", "refused", "not_reached", "failed", "over")
_AGAIN: tuple[Kind, ...] = ("no_token", "not_from_here", "refused", "not_reached")


def language_of(accept_language: str) -> str:
    """Return the language that a browser likes most of those there are; English where it likes none of them."""
    liked: dict[str, float] = {}
    for item in accept_language[:_LONGEST_HEADER].split(","):
        found = _RANGE.fullmatch(item)
        if found:
            name = found["language"].lower()
            liked[name] = max(liked.get(name, 0.0), float(found["weight"] or 1))
    others = liked.pop("*", 0.0)
    weights = {name: liked.get(name, others) for name in (*liked, *LANGUAGES) if name in LANGUAGES}
    best = max(weights, key=lambda name: weights[name])
    return best if weights[best] else "en"


def page(kind: Kind, language: str, *, service: str, partner: str, detail: str = "") -> bytes:
    """Return a whole page; ``detail`` is somebody else's words, or the address of ``wrong_address``."""
    values = {"service": _strong(service), "partner": _strong(partner)}
    title, *paragraphs = (text.format(**values) for text in TEXTS[kind][language].split("\n"))
    tone = "good" if kind in _GOOD else "bad" if kind in _BAD else "plain"
    said = "\n".join([*(f"<p>{text}</p>" for text in paragraphs), *_detail(kind, language, detail)])
    content = f"<div{_ROLES[tone]}>\n{said}\n</div>"
    if kind == "sign_in" or kind in _AGAIN:
        label = SIGN_IN if kind == "sign_in" else TRY_AGAIN
        content += "\n" + _FORM.format(label=label[language])
    document = _DOCUMENT.format(language=language, style=_STYLE, title=title, tone=tone, content=content)
    # What cannot be written in UTF-8 came from the service, and need not be shown.
    return document.encode("utf-8", "replace")


def _strong(text: str) -> str:
    return f"<strong>{html.escape(text)}</strong>"


def _detail(kind: Kind, language: str, detail: str) -> t.Iterator[str]:
    text = html.escape(detail)
    if text and kind == "wrong_address":
        yield f'<p><a href="{text}">{text}</a></p>'
    elif text and kind == "refused":
        yield f'<p class="detail"><b>{REDTRUST_SAYS[language]}</b> {text}</p>'
    elif text:
        yield f'<p class="detail"><b>{JOB_SAYS[language]}</b> <span lang="en">{text}</span></p>'
