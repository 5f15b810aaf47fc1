# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words and the pieces of which the page is made: texts of others as HTML, numbers, times, symbols. Pure."""

from __future__ import annotations

import datetime as dt
import html
import typing as t

from .._clock import span, timestamp
from .view import Status

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# In characters: a longer name is cut where it is one of many. The script knows this number as well.
_LONG = 90

# The kinds of attention, as the headings of a list.
KINDS = {
    "expired": "The certificate has ended",
    "revoked": "The certificate is revoked",
    "create_unknown": "A request for a key had no answer",
    "upload_unknown": "An upload had no answer",
    "rejected": "The request is rejected",
    "unapproved": "Waiting for an approval",
    "certificate_refused": "The certificate is refused",
    "backing_off": "Failing",
    "interrupted": "Interrupted",
    "waiting": "Waiting",
}
# The tone of what happened: that of the status that it is closest to.
TONES = {
    "issued": "in_use",
    "renewed": "in_use",
    "adopted": "in_use",
    "approved": "in_use",
    "failed": "failing",
    "unanswered": "failing",
    "rejected": "failing",
    "revoked": "revoked",
    "given_up": "none",
}
# The form of each symbol differs, so nobody needs its colour. Paths in a box of 16 by 16, drawn as lines.
SYMBOLS = {
    "expired": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M5.5 5.5l5 5M10.5 5.5l-5 5",
    "revoked": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M3.4 3.4l9.2 9.2",
    "needs_person": "M8 2a2.6 2.6 0 1 0 0 5.2A2.6 2.6 0 1 0 8 2M2.5 14c.3-3.2 2.5-4.6 5.5-4.6s5.2 1.4 5.5 4.6z",
    "failing": "M8 1.8l6.7 12.2H1.3zM8 6v4M8 11.8v.4",
    "waiting": "M4 1.5h8M4 14.5h8M4.8 1.5c0 4 6.4 5 6.4 9v4M11.2 1.5c0 4-6.4 5-6.4 9v4",
    "ends_soon": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M8 4.5V8l2.6 1.8",
    "in_use": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M5 8.3l2.1 2.1L11 6",
    "none": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M5 8h6",
}


def shown(text: str) -> str:
    """Return a text of others on one line, in which each character that cannot be seen is named, such as ``[U+202E]``.

    So nothing turns the direction of the text, and two names that look alike are not alike.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _named(char) for char in text)


def _named(char: str) -> str:
    return " " if char in "\t\n\r" else f"[U+{ord(char):04X}]"


def escaped(text: str) -> str:
    """Return a text of others as HTML, for content and for attributes."""
    return html.escape(shown(text))


def name(text: str) -> str:
    """Return a name as HTML that has its own direction of writing, and may be broken after a dot."""
    long = ' class="long"' if len(text) > _LONG else ""
    return f"<bdi{long}>{escaped(text).replace('.', '.<wbr>')}</bdi>"


def opens(service: str, text: str) -> str:
    """Return the attributes of a name that the script makes into a button for the details."""
    return f'data-service="{escaped(service)}" data-name="{escaped(text)}"'


def label(status: Status) -> str:
    """Return the words of a status, as they begin a line."""
    return sentence(status.words)


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def kind_words(kind: str) -> str:
    """Return a kind of attention in words."""
    return KINDS.get(kind) or sentence(kind.replace("_", " "))


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def symbol(key: str) -> str:
    """Return the symbol of a status. Its words stand beside it, so screen readers skip it."""
    return f'<svg class="i {key}" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{key}"/></svg>'


def symbols() -> str:
    """Return the drawings to which the symbols refer."""
    drawn = "".join(f'<path id="i-{key}" d="{path}"/>' for key, path in SYMBOLS.items())
    return f'<svg width="0" height="0" class="away" aria-hidden="true"><defs>{drawn}</defs></svg>'


def pill(status: Status) -> str:
    """Return a status with its symbol."""
    return f'<span class="pill {status.value}">{symbol(status.value)}{label(status)}</span>'


def date(moment: dt.date) -> str:
    """Return a date such as ``3 Dec 2026``."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def short_date(moment: dt.date) -> str:
    """Return a date such as ``3 Dec``."""
    return f"{moment.day} {_MONTHS[moment.month - 1]}"


def month(moment: dt.date) -> str:
    """Return a month such as ``Dec``."""
    return _MONTHS[moment.month - 1]


def weekday(moment: dt.date) -> str:
    """Return the name of the day, in English everywhere."""
    return _DAYS[moment.weekday()]


def utc(moment: dt.datetime) -> dt.datetime:
    """Return a time in UTC."""
    return moment.astimezone(dt.timezone.utc)


def day_of(moment: dt.datetime) -> str:
    """Return a day as HTML, with the whole time for machines."""
    return f'<time datetime="{timestamp(moment)}">{date(utc(moment))}</time>'


def clock(moment: dt.datetime) -> str:
    """Return the time of day, as HTML."""
    return f'<time datetime="{timestamp(moment)}">{utc(moment):%H:%M}</time>'


def distance(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how far a time is from now: ``in 3 days``, ``5 hours ago``. The script of the page says the same."""
    if abs(moment - now) < dt.timedelta(minutes=1):
        return "just now"
    number, unit = span(abs(moment - now)).split(" ")
    words = f"{number.partition('.')[0]} {unit}"
    return f"in {words}" if moment > now else f"{words} ago"


def joined(parts: t.Iterable[str]) -> str:
    """Return the parts as lines."""
    return "\n".join(parts)
