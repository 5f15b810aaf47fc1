# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs a person, by the kind of trouble, with the next step in words."""

from __future__ import annotations

import typing as t

from .._enroll.api import Attention
from .html_text import away, counted, day_of, escaped, joined, kind_words, name, opens, pill, sentence
from .view import Entry, View

# How many certificates are shown of each kind; the table has them all.
_MOST = 6

_Case = tuple[Entry, t.Optional[Attention]]


def people(view: View) -> str:
    """Return the certificates that need a person, each under its gravest trouble."""
    kinds: dict[str, list[_Case]] = {}
    for entry in view.attention:
        first = entry.attention[0] if entry.attention else None
        kinds.setdefault(first.kind if first else entry.status.value, []).append((entry, first))
    cards = joined(_card(kind, cases, view) for kind, cases in kinds.items())
    return f"""<section id="people" aria-labelledby="people-h">
<h2 id="people-h">Needs a person</h2>
{cards or '<p class="card good">Nothing. What is due renews itself.</p>'}
</section>"""


def _card(kind: str, cases: t.Sequence[_Case], view: View) -> str:
    """Return one kind; a next step that is the same for all is said once."""
    steps = {attention.next_step for _entry, attention in cases if attention}
    common = steps.pop() if len(steps) == 1 else ""
    items = joined(_item(entry, attention, view, not common) for entry, attention in cases[:_MOST])
    step = _step(common) if common else ""
    rest = len(cases) - _MOST
    more = (
        f'<p class="more" data-filter="kind" data-value="{escaped(kind)}">and {rest:,} more</p>' if rest > 0 else ""
    )
    return f"""<article class="card trouble {cases[0][0].status.value}">
<h3>{kind_words(kind)} <span class="count">{counted(len(cases), "certificate")}</span></h3>
{step}<ul>
{items}
</ul>{more}
</article>"""


def _item(entry: Entry, attention: Attention | None, view: View, with_step: bool) -> str:
    since = ""
    if attention and attention.since:
        since = f', <span class="since">since {day_of(attention.since)}, {away(attention.since, view.taken_at)}</span>'
    where = f'<span class="soft"> {name(entry.service)}</span>' if len(view.services) > 1 else ""
    problem = f"<p>{sentence(escaped(attention.problem))}.</p>" if attention else f"<p>{sentence(escaped(entry.renewal))}</p>"
    step = _step(attention.next_step) if attention and with_step else ""
    return (
        f'<li><p class="who"><strong {opens(entry.service, entry.name)}>{name(entry.name)}</strong>{where} {pill(entry.status)}{since}</p>{problem}{step}</li>'
    )


def _step(words: str) -> str:
    return f'<p class="step"><b>Next:</b> {escaped(words)}.</p>\n'
