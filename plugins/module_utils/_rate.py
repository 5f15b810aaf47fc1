# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rates, as options have them. Pure."""

from __future__ import annotations

import dataclasses
import re

from ._errors import ConfigurationError

_SECONDS = {"s": 1, "min": 60, "h": 3600}
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:\s*/\s*(s|min|h))?")
# Between two runs that share a slower one, people would wait for hours. A faster one is none.
_SLOWEST = 1 / 3600
_FASTEST = 1000.0
_LARGEST_BURST = 10_000


@dataclasses.dataclass(frozen=True)
class Rate:
    """At most ``per_second`` on average, and ``burst`` of them at once."""

    per_second: float
    burst: int

    @property
    def of_a_second(self) -> int:
        """How many come in one second, at least 1."""
        return _of_a_second(self.per_second)


def parse_rate(option: str, rate: str | None, burst: int | None) -> Rate | None:
    """Return the rate in an option, such as ``8/s``, ``500/min``, ``10000/h`` or ``8``, which is in a second.

    Return None where it is not set. The default of ``burst`` is what comes in one second, at least 1. Raises
    ConfigurationError that names the option, and the one for ``burst`` beside it.
    """
    beside = f"{option[: -len('rate')]}burst"
    text = (rate or "").strip()
    if not text:
        if burst is not None:
            raise ConfigurationError(f"{beside} needs {option}: without a rate nothing is limited")
        return None
    found = _WRITTEN.fullmatch(text)
    per_second = float(found[1]) / _SECONDS[found[2] or "s"] if found else 0.0
    if not _SLOWEST <= per_second <= _FASTEST:
        raise ConfigurationError(
            f"{option} must be how many in a second, a minute or an hour, such as 8/s, 500/min or 10000/h, from 1/h to "
            f"{_FASTEST:.0f}/s, not {text!r}"
        )
    if burst is not None and not 1 <= burst <= _LARGEST_BURST:
        raise ConfigurationError(f"{beside} must be from 1 to {_LARGEST_BURST}, not {burst}")
    return Rate(per_second, burst or _of_a_second(per_second))


def _of_a_second(per_second: float) -> int:
    return max(1, int(per_second))
