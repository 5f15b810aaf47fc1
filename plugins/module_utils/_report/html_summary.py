# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The top of the page: what it is of, how the fleet is in a sentence, and how many certificates are in which state."""

from __future__ import annotations

import typing as t

from .html_text import clock, counted, date, day_of, distance, escaped, joined, label, name, symbol, utc
from .view import Entry, Status, View, ends_next

_NAVIGATION = (
    ("people", "Needs a person"),
    ("ends", "What ends when"),
    ("certificates", "Certificates"),
    ("lately", "Lately"),
    ("groups", "By CA, provider, service"),
)


def header(view: View) -> str:
    """Return the title, when and of what the report is, and the ways to its parts."""
    links = "".join(f'<li><a href="#{key}">{words}</a></li>' for key, words in _NAVIGATION)
    ways = f'\n<nav aria-label="Parts of the report"><ul>{links}</ul></nav>' if view.entries else ""
    return f"""<header>
<h1>{name(view.title)}</h1>
<p class="soft">{_of_what(view)} {day_of(view.taken_at)}, {clock(view.taken_at)} UTC<span id="age"></span></p>{ways}
</header>"""


def _of_what(view: View) -> str:
    if not view.entries:
        return "As of"
    number = len(view.services)
    services = f"<strong>{name(view.services[0])}</strong>" if number == 1 else counted(number, "service")
    return f"{counted(len(view.entries), 'certificate')} on {services}, as of"


def summary(view: View) -> str:
    """Return how the fleet is, as a sentence and as numbers."""
    numbers = _numbers(view.by_status) if view.entries else ""
    return f"""<section id="summary" aria-labelledby="summary-h">
{_verdict(view)}
{numbers}</section>"""


def _numbers(counts: t.Mapping[str, int]) -> str:
    """Return a bar of all certificates, and the numbers by status, which say the same."""
    tiles = joined(_tile(status, counts.get(status, 0)) for status in Status)
    return f"""<svg class="share" width="100%" height="10" aria-hidden="true">{shares(counts)}</svg>
<ul class="tiles" aria-label="Certificates by status">
{tiles}
</ul>
"""


def _verdict(view: View) -> str:
    """Return the heading: first what a person must do, then what comes next."""
    people = len(view.attention)
    if people:
        kind, words = "needs_person", counted(people, "certificate needs", "certificates need") + " a person"
    elif view.entries:
        kind, words = "in_use", "All is well: nothing needs a person"
    else:
        kind, words = "none", "There are no certificates yet"
    return f'<h2 id="summary-h" class="verdict {kind}">{symbol(kind)}<span>{words}</span></h2>\n<p>{_next(view)}</p>'


def _next(view: View) -> str:
    if not view.entries:
        return "The playbook <code>redtrust.certificate_enroll.issue</code> issues the first ones."
    coming = ends_next(view, 1)
    if not coming:
        return "No certificate that is in use has an end ahead."
    return f"The next one to end is {_ends(coming[0], view)}"


def _ends(entry: Entry, view: View) -> str:
    if entry.not_valid_after is None:
        return f"{name(entry.name)}."
    when = f"{day_of(entry.not_valid_after)} ({distance(entry.not_valid_after, view.taken_at)})"
    if entry.renew_at is None or entry.needs_person:
        return f"{name(entry.name)}, on {when}."
    renewed = "at the next run" if entry.renew_at <= view.taken_at else f"on {date(utc(entry.renew_at))}"
    return f"{name(entry.name)}, on {when}. It is to be renewed {renewed}."


def shares(counts: t.Mapping[str, int]) -> str:
    """Return the parts of a bar, the gravest first; each that is not empty can be seen."""
    total = sum(counts.values())
    smallest = 1.2 if total else 0.0
    wide = {status: max(counts.get(status, 0) * 100 / total, smallest) for status in Status if counts.get(status)}
    scale = 100 / sum(wide.values()) if wide else 1.0
    at, drawn = 0.0, []
    for status, width in wide.items():
        drawn.append(f'<rect class="{status.value}" x="{at:.2f}%" width="{width * scale:.2f}%" height="100%"/>')
        at += width * scale
    return "".join(drawn)


def _tile(status: Status, number: int) -> str:
    empty = "" if number else " empty"
    return (
        f'<li class="tile {status.value}{empty}" data-filter="status" data-value="{status.value}">'
        f"<strong>{number:,}</strong> <span>{symbol(status.value)}<span>{label(status)}</span></span></li>"
    )


def groups(view: View) -> str:
    """Return the numbers of each CA, provider and service."""
    tables = joined(
        _group(key, heading, sums)
        for key, heading, sums in (
            ("ca", "CA", view.by_ca),
            ("provider", "Provider", view.by_provider),
            ("service", "Service", view.by_service),
        )
    )
    return f"""<section id="groups" aria-labelledby="groups-h">
<h2 id="groups-h">By CA, provider and service</h2>
<div class="groups">
{tables}
</div>
</section>"""


# How many groups are shown at once; the rest can be opened.
_MOST = 12


def _group(key: str, heading: str, sums: t.Mapping[str, t.Mapping[str, int]]) -> str:
    if not sums:
        return f'<div class="card"><h3>{heading}</h3><p class="soft">None yet.</p></div>'
    ordered = sorted(sums.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    first = _group_table(key, heading, ordered[:_MOST])
    rest = ordered[_MOST:]
    more = (
        f"<details><summary>{counted(len(rest), 'more', 'more')}</summary>{_group_table(key, heading, rest)}</details>"
    )
    return f'<div class="card"><h3>{heading}</h3>{first}{more if rest else ""}</div>'


_GRAVE = (Status.EXPIRED, Status.REVOKED, Status.NEEDS_PERSON, Status.FAILING)


def _group_table(key: str, heading: str, ordered: t.Sequence[tuple[str, t.Mapping[str, int]]]) -> str:
    rows = joined(_group_row(key, group, counts) for group, counts in ordered)
    return f"""<table class="sums"><thead><tr><th scope="col">{heading}</th><th scope="col" class="n">All</th><th
 scope="col" class="n">Troubled</th><th scope="col" class="n">Ends soon</th></tr></thead><tbody>
{rows}
</tbody></table>"""


def _group_row(key: str, group: str, counts: t.Mapping[str, int]) -> str:
    troubled = sum(counts.get(status, 0) for status in _GRAVE)
    share = f'<svg class="share" width="100%" height="6" aria-hidden="true">{shares(counts)}</svg>'
    numbers = (sum(counts.values()), troubled, counts.get(Status.ENDS_SOON, 0))
    cells = "".join(f'<td class="n">{number:,}</td>' for number in numbers)
    return (
        f'<tr><th scope="row"><span data-filter="{key}" data-value="{escaped(group)}">{name(group)}</span>{share}</th>'
        f"{cells}</tr>"
    )
