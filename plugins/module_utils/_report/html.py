# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page: nothing is fetched from anywhere, and nothing but its own style and script may run."""

from __future__ import annotations

import base64
import hashlib
import typing as t

from .html_data import packed
from .html_lately import lately
from .html_people import people
from .html_script import SCRIPT
from .html_style import STYLE
from .html_summary import groups, header, summary
from .html_table import certificates
from .html_text import escaped, symbols
from .html_timeline import ends
from .view import View


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; base-uri 'none'; form-action 'none'"
)


def render(view: View) -> t.Iterator[str]:
    """Yield the page in parts. Its texts are made such that UTF-8 can write them."""
    yield f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="generator" content="redtrust.certificate_enroll {escaped(view.release)}">
<title>{escaped(view.title)}</title>
<style>{STYLE}</style>
</head>
<body>
{symbols()}
"""
    yield f"{header(view)}\n<main>\n{summary(view)}\n"
    for part in (people, ends, certificates, lately, groups) if view.entries else ():
        yield f"{part(view)}\n"
    yield f"""</main>
<footer><p class="soft">All times are in UTC. Made by redtrust.certificate_enroll {escaped(view.release)}.</p></footer>
"""
    if view.entries:
        yield f'<script type="text/plain" id="data">{packed(view)}</script>\n<script>{SCRIPT}</script>\n'
    yield "</body>\n</html>\n"
