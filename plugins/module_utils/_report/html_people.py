# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs a person, by the kind of trouble, with the next step in words."""

from __future__ import annotations

import dataclasses
import typing as t

from .._enroll.api import Attention
from .html_text import counted, day_of, distance, escaped, joined, kind_words, name, opens, sentence
from .view import Entry, Status, View

# How many certificates are shown of each kind; the table has them all.
_MOST = 6

# Their problem is when it began, which each item says.
_SAID_BY_TIME = ("expired", "revoked")

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
    """Return one kind; what is the same for all its certificates is said once."""
    problem = "" if kind in _SAID_BY_TIME else _common(attention.problem for _entry, attention in cases if attention)
    step = _common(attention.next_step for _entry, attention in cases if attention)
    items = joined(_item(entry, _rest(attention, problem, step), view) for entry, attention in cases[:_MOST])
    rest = len(cases) - _MOST
    # Those that wait are here only as their certificates end soon.
    heading = kind_words(kind) + (", and ends soon" if cases[0][0].status is Status.WAITING else "")
    more = (
        f'\n<p class="more" data-filter="kind" data-value="{escaped(kind)}">and {rest:,} more</p>' if rest > 0 else ""
    )
    return f"""<article class="card trouble {cases[0][0].status.value}">
<h3>{heading} <span class="count">{counted(len(cases), "certificate")}</span></h3>
{_problem(problem)}{_step(step)}<ul>
{items}
</ul>{more}
</article>"""


def _common(texts: t.Iterable[str]) -> str:
    """Return the text if all are the same."""
    different = set(texts)
    return different.pop() if len(different) == 1 else ""


def _rest(attention: Attention | None, problem: str, step: str) -> Attention | None:
    """Return what is left to say of one certificate."""
    if attention is None:
        return None
    return dataclasses.replace(
        attention,
        problem="" if attention.problem == problem or attention.kind in _SAID_BY_TIME else attention.problem,
        next_step="" if attention.next_step == step else attention.next_step,
    )


def _item(entry: Entry, attention: Attention | None, view: View) -> str:
    about = [name(entry.service)] if len(view.services) > 1 else []
    if attention and attention.since:
        about.append(f"since {day_of(attention.since)}, {distance(attention.since, view.taken_at)}")
    if entry.not_valid_after and entry.not_valid_after > view.taken_at:
        about.append(f"ends {day_of(entry.not_valid_after)}, {distance(entry.not_valid_after, view.taken_at)}")
    if len(entry.attention) > 1:
        about.append(counted(len(entry.attention) - 1, "more problem"))
    facts = "".join(f'<span class="fact">{text}</span> ' for text in about)
    said = _problem(attention.problem) + _step(attention.next_step) if attention else _problem(entry.renewal)
    who = f"<strong {opens(entry.service, entry.name)}>{name(entry.name)}</strong>"
    return f'<li><p class="who">{who} {facts}</p>{said}</li>'


def _problem(words: str) -> str:
    return f"<p>{escaped(sentence(words))}.</p>\n" if words else ""


def _step(words: str) -> str:
    return f'<p class="step"><b>Next:</b> {escaped(words)}.</p>\n' if words else ""
