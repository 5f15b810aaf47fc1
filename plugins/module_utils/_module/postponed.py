# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences about certificates that are due and left for a later run. Pure."""

from __future__ import annotations

import typing as t

# The words for the option that left one certificate, and for several; {} is the time until then.
_WORDS = {
    "max_renewals": ("was left for later runs: max_renewals", "were left for later runs: max_renewals"),
    "renewal_windows": ("waits for renewal_windows until {}", "wait for renewal_windows until {} or later"),
    "renewal_freezes": ("waits for renewal_freezes until {}", "wait for renewal_freezes until {} or later"),
}


class Postponements:
    """The certificates that are due and left, by the option that left them. Keeps counts and the first times."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._until: dict[str, str] = {}
        self._ends: dict[str, str] = {}

    def add(self, entry: t.Mapping[str, t.Any]) -> None:
        """Add an entry of ``certificates`` that has ``postponed``."""
        by, until = entry["postponed"]["by"], entry["postponed"]["until"]
        self._counts[by] = self._counts.get(by, 0) + 1
        for times, time in ((self._until, until), (self._ends, entry["not_valid_after"])):
            times[by] = min(filter(None, (times.get(by), time)), default="")

    def lines(self) -> t.Iterator[str]:
        """Yield a sentence for each option."""
        for by, count in self._counts.items():
            one, several = _WORDS[by]
            words = f" {one}" if count == 1 else f"s {several}"
            ends = f"; {'it' if count == 1 else 'the first'} ends {self._ends[by][:10]}" if self._ends[by] else ""
            yield f"{count:,} due certificate{words.format(self._until[by])}{ends}"
