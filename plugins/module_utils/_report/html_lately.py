# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened lately, by day; what one run did to many certificates is one line."""

from __future__ import annotations

import datetime as dt
import itertools
import typing as t

from .html_text import TONES, clock, date, escaped, joined, name, opens, sentence, utc, weekday
from .view import Happening, View
from .words import HAPPENED

# How many lines are shown at once, and how many names in a line.
_MOST_LINES = 15
_MOST_NAMES = 3


def lately(view: View) -> str:
    """Return the happenings, the latest first."""
    lines = [tuple(found) for _key, found in itertools.groupby(view.happenings, _alike)]
    first = _days(lines[:_MOST_LINES], view)
    rest = lines[_MOST_LINES:]
    more = f"<details><summary>Earlier</summary>\n{_days(rest, view)}\n</details>" if rest else ""
    return f"""<section id="lately" aria-labelledby="lately-h">
<h2 id="lately-h">What happened lately</h2>
<div class="card">
{first or '<p class="soft">Nothing is noted.</p>'}
{more}
</div>
</section>"""


def _alike(happening: Happening) -> tuple[dt.date, str, str, str, str]:
    """Return what happenings in one line have in common."""
    return utc(happening.at).date(), happening.what, happening.why, happening.actor, happening.service


def _days(lines: t.Sequence[tuple[Happening, ...]], view: View) -> str:
    days = itertools.groupby(lines, lambda line: utc(line[0].at).date())
    return joined(
        f'<h3>{weekday(day)}, {date(day)}</h3>\n<ul class="log">\n{joined(_line(line, view) for line in found)}\n</ul>'
        for day, found in days
    )


def _line(line: tuple[Happening, ...], view: View) -> str:
    """Return one line; of many happenings it has the first names and the time of the first and the last."""
    latest, earliest = line[0], line[-1]
    when = clock(latest.at)
    if utc(earliest.at).strftime("%H:%M") != utc(latest.at).strftime("%H:%M"):
        when = f"{clock(earliest.at)} to {when}"
    names = ", ".join(f"<strong {opens(one.service, one.name)}>{name(one.name)}</strong>" for one in line[:_MOST_NAMES])
    rest = len(line) - _MOST_NAMES
    names += f" and {rest:,} more" if rest > 0 else ""
    tone = TONES.get(latest.what, "none")
    return f"""<li><span class="when">{when}</span> <span class="what {tone}">{_what(latest)}</span>
<div>{names}{_about(latest, view)}</div></li>"""


def _what(happening: Happening) -> str:
    return escaped(sentence(HAPPENED.get(happening.what, happening.what)))


def _about(happening: Happening, view: View) -> str:
    """Return why, by whom and where, as far as that is known."""
    actor = f"by {name(happening.actor)}" if happening.actor else ""
    where = f"on {name(happening.service)}" if len(view.services) > 1 else ""
    aside = " ".join(filter(None, (actor, where)))
    why = f'<p class="why">{sentence(escaped(happening.why))}</p>' if happening.why else ""
    return (f' <span class="soft">{aside}</span>' if aside else "") + why
