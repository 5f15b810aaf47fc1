# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates end: bars by day and by week, and the same as tables."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .html_text import counted, date, joined, month, short_date, weekday
from .view import Bar, View, timeline

_DAY = dt.timedelta(days=1)
# More bars than these are too thin for a finger.
_MOST_DAYS = dt.timedelta(days=60)

# In CSS pixels: of the drawing, and of the bars in it.
_HEIGHT = 190
_TOP = 18
_BASE = 152

_Unit = t.Literal["day", "week"]


@dataclasses.dataclass(frozen=True)
class _Span:
    """What ends in one day or week, and how many of those need a person."""

    begins: dt.date
    days: int
    count: int
    troubled: int

    @property
    def words(self) -> str:
        if self.days == 1:
            return f"{weekday(self.begins)}, {date(self.begins)}"
        return f"{short_date(self.begins)} to {date(self.begins + (self.days - 1) * _DAY)}"


def ends(view: View) -> str:
    """Return both charts."""
    soon = max(_DAY, min(view.soon, _MOST_DAYS))
    days = f"The next {soon.days} days, by day" if soon.days > 1 else "Today and tomorrow"
    return f"""<section id="ends" aria-labelledby="ends-h">
<h2 id="ends-h">What ends when</h2>
<div class="charts">
{_chart(days, _spans(dataclasses.replace(view, soon=soon), "day"))}
{_chart("The next 12 months, by week", _spans(view, "week"))}
</div>
<p class="legend">{_key("bar")} ends {_key("bad")} ends, and needs a person before</p>
</section>"""


def _key(tone: str) -> str:
    return f'<svg width="14" height="14" aria-hidden="true"><rect class="{tone}" width="14" height="14"/></svg>'


def _spans(view: View, unit: _Unit) -> list[_Span]:
    days = 1 if unit == "day" else 7
    troubled = timeline(dataclasses.replace(view, entries=view.attention), unit)
    return [_span(every, some, days) for every, some in zip(timeline(view, unit), troubled)]


def _span(every: Bar, some: Bar, days: int) -> _Span:
    return _Span(every.begins, days, every.count, some.count)


def _chart(heading: str, spans: t.Sequence[_Span]) -> str:
    total = sum(span.count for span in spans)
    words = f"{heading}: {_end(total)}"
    highest = max(spans, key=lambda span: span.count, default=None)
    if highest and highest.count:
        words += f", most of them {highest.words}: {highest.count:,}"
    table = _table(spans) if total else ""
    return f"""<figure class="card">
<figcaption><h3>{heading}</h3> <span class="soft">{_end(total)}</span></figcaption>
<svg class="chart" width="100%" height="{_HEIGHT}" role="img" aria-label="{words}">
{_drawing(spans, highest.count if highest else 0)}
</svg>
{table}</figure>"""


def _end(number: int) -> str:
    return counted(number, "certificate ends", "certificates end")


def _drawing(spans: t.Sequence[_Span], highest: int) -> str:
    top = _rounded_up(highest)
    step = 100 / max(len(spans), 1)
    lines = joined(_line(value, top) for value in (top // 2, top))
    bars = joined(_bar(span, place * step, step, top) for place, span in enumerate(spans) if span.count)
    labels = joined(_labels(spans, step))
    base = f'<line class="base" x1="0" x2="100%" y1="{_BASE}" y2="{_BASE}"/>'
    return joined(part for part in (lines, bars, base, labels) if part)


def _rounded_up(number: int) -> int:
    """Return the next number that is easy to read, and so is its half: 2, 4, 6, 8, 10, 12, 16, 20, 30..."""
    if number <= 10:
        return max(number + number % 2, 2)
    size: int = 10 ** (len(str(number)) - 2)
    return next(part * size for part in (10, 12, 16, 20, 30, 40, 60, 80, 100) if part * size >= number)


def _line(value: int, top: int) -> str:
    y = round(_BASE - (_BASE - _TOP) * value / top)
    return f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/><text class="y" x="-8" y="{y + 4}">{value:,}</text>'


def _bar(span: _Span, at: float, step: float, top: int) -> str:
    height = _height(span.count, top)
    words = f"{span.words}: {_end(span.count)}"
    drawn = _rect("bar", at, step, height)
    if span.troubled:
        words += f", {counted(span.troubled, 'needs', 'need')} a person"
        drawn += _rect("bad", at, step, min(_height(span.troubled, top), height))
    hit = f'<rect class="hit" x="{at:.2f}%" y="0" width="{step:.2f}%" height="{_BASE}"/>'
    return f'<g data-ends="{_ends(span)}"><title>{words}</title>{hit}{drawn}</g>'


def _rect(tone: str, at: float, step: float, height: int) -> str:
    """Return a bar with a gap on both sides."""
    x, width = at + step * 0.12, step * 0.76
    return f'<rect class="{tone}" x="{x:.2f}%" y="{_BASE - height}" width="{width:.2f}%" height="{height}"/>'


def _height(count: int, top: int) -> int:
    """Return a height that can be seen even for one of many."""
    return max(round((_BASE - _TOP) * count / top), 3)


def _labels(spans: t.Sequence[_Span], step: float) -> t.Iterator[str]:
    """Yield the words below the bars: each Monday, or the first week of each month; some only where there is room."""
    days = spans[0].days if spans else 1
    told = -1
    for place, span in enumerate(spans):
        last = span.begins + (days - 1) * _DAY
        begins = span.begins.weekday() == 0 if days == 1 else last.day <= 7
        if not begins or place > len(spans) - (3 if days == 1 else 2):
            continue
        told += 1
        at = f"{place * step:.2f}%"
        minor = ' class="minor"' if told % 3 else ""
        words = short_date(span.begins) if days == 1 else month(last)
        if days > 1 and last.month == 1:
            yield f'<text{minor} x="{at}" y="{_BASE + 35}">{last.year}</text>'
        yield f'<line class="tick" x1="{at}" x2="{at}" y1="{_BASE}" y2="{_BASE + 5}"/>'
        yield f'<text{minor} x="{at}" y="{_BASE + 20}">{words}</text>'


def _table(spans: t.Sequence[_Span]) -> str:
    rows = joined(
        f'<tr><th scope="row"><span data-filter="ends" data-value="{_ends(span)}">{span.words}</span></th>'
        f'<td class="n">{span.count:,}</td><td class="n">{span.troubled:,}</td></tr>'
        for span in spans
        if span.count
    )
    first = "Day" if spans[0].days == 1 else "Week"
    return f"""<details><summary>As a table</summary><table class="sums"><thead><tr><th scope="col">{first}</th><th
 scope="col" class="n">End</th><th scope="col" class="n">Need a person</th></tr></thead><tbody>
{rows}
</tbody></table></details>
"""


def _ends(span: _Span) -> str:
    """Return the first and the last day of a filter."""
    return f"{span.begins.isoformat()}/{(span.begins + (span.days - 1) * _DAY).isoformat()}"
