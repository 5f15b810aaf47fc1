# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all certificates, with its first rows, which need no script."""

from __future__ import annotations

import datetime as dt
import heapq

from .html_text import counted, date, distance, joined, name, pill, utc
from .view import Entry, View
from .words import renewal

# How many rows a page of the table has. The script reads it from the table.
PAGE = 50

_COLUMNS = (
    ("name", "Certificate"),
    ("status", "Status"),
    ("ends", "Ends"),
    ("renew", "Renewal"),
    ("ca", "CA"),
    ("provider", "Provider"),
    ("service", "Service"),
)
_LAST = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


def certificates(view: View) -> str:
    """Return the table with the rows that come first: the gravest, and of those what ends first."""
    first = heapq.nsmallest(PAGE, view.entries, key=_order)
    head = "".join(f'<th scope="col" class="c-{key}" data-sort="{key}">{words}</th>' for key, words in _COLUMNS)
    rows = joined(_row(entry, view.taken_at) for entry in first)
    alone = ' class="alone"' if len(view.services) < 2 else ""
    return f"""<section id="certificates" aria-labelledby="certificates-h">
<h2 id="certificates-h">Certificates</h2>
<div class="card flush">
<form id="tools" role="search" aria-label="Certificates" hidden></form>
<p id="found" role="status">{_told(len(first), len(view.entries))}</p>
<table id="table"{alone} data-page="{PAGE}" aria-labelledby="certificates-h">
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table>
<nav id="pages" aria-label="Pages of the table" hidden></nav>
{_without_script(view)}</div>
</section>"""


def _told(shown: int, number: int) -> str:
    if shown == number:
        return counted(number, "certificate")
    return f"The first {shown} of {counted(number, 'certificate')}"


def _without_script(view: View) -> str:
    if len(view.entries) <= PAGE:
        return ""
    return (
        '<noscript><p class="soft pad">All rows, search, filters and sorting need JavaScript. '
        "The same report as CSV or JSON has all rows too.</p></noscript>\n"
    )


def _order(entry: Entry) -> tuple[int, dt.datetime, str, str]:
    return (entry.status.gravity, entry.not_valid_after or _LAST, entry.service, entry.name)


def _row(entry: Entry, now: dt.datetime) -> str:
    texts = "".join(
        f'<td class="c-{key}">{name(text)}</td>'
        for key, text in (("ca", entry.ca), ("provider", entry.provider), ("service", entry.service))
    )
    return (
        f'<tr><th scope="row" class="c-name">{name(entry.name)}</th>'
        f'<td class="c-status">{pill(entry.status)}</td>'
        f'<td class="c-ends">{_when(entry.not_valid_after, now)}</td>'
        f'<td class="c-renew">{_renewal(entry, now)}</td>{texts}</tr>'
    )


def _when(moment: dt.datetime | None, now: dt.datetime) -> str:
    if moment is None:
        return ""
    return f'{date(utc(moment))} <small class="soft">{distance(moment, now)}</small>'


def _renewal(entry: Entry, now: dt.datetime) -> str:
    """Return when a certificate is to be renewed; the script of the page says the same."""
    if entry.not_valid_after is None:
        return ""
    return _when(entry.renew_at, now) if entry.renew_at and entry.renew_at > now else renewal(entry, now)
