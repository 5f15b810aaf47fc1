# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule allows: patterns of text, networks of addresses, lengths of keys. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t


class Allowed(t.Protocol):
    """Values that a rule allows, such as patterns or networks."""

    texts: tuple[str, ...]

    def match(self, value: str, /) -> bool:
        """Return whether a value is one of them."""


class Patterns:
    """Texts in which ``*`` stands for any number of characters.

    ``fold`` makes equal what is not told apart. ``*`` does not stand for the characters ``stops``, but ``**`` does.
    """

    def __init__(self, texts: t.Sequence[str], fold: t.Callable[[str], str] = str, stops: str = "") -> None:
        self.texts = tuple(texts)
        self._fold = fold
        folded = [fold(text) for text in texts]
        self._exact = frozenset(text for text in folded if "*" not in text)
        self._patterns = [_compiled(text, stops) for text in folded if "*" in text]

    def match(self, value: str) -> bool:
        """Return whether a value fits one of the patterns."""
        folded = self._fold(value)
        return folded in self._exact or any(pattern.fullmatch(folded) for pattern in self._patterns)


class Networks:
    """Networks of IP addresses, and single addresses. Raises ValueError for a text that is none."""

    def __init__(self, texts: t.Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._networks = [ipaddress.ip_network(text) for text in texts]

    def match(self, value: str) -> bool:
        """Return whether an address is in one of the networks."""
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


@dataclasses.dataclass(frozen=True)
class Lengths:
    """The lengths of a key that are allowed, in bits."""

    at_least: int | None = None
    at_most: int | None = None

    def __str__(self) -> str:
        bounds = [f"at least {self.at_least}"] if self.at_least is not None else []
        bounds += [f"at most {self.at_most}"] if self.at_most is not None else []
        return " and ".join(bounds) or "any length"

    def match(self, length: int) -> bool:
        """Return whether a length is allowed."""
        return (self.at_least or 0) <= length and (self.at_most is None or length <= self.at_most)


def _compiled(text: str, stops: str) -> re.Pattern[str]:
    one = f"[^{re.escape(stops)}]*" if stops else ".*"
    parts = (one if part == "*" else ".*" if part[:1] == "*" else re.escape(part) for part in re.split(r"(\*+)", text))
    return re.compile("".join(parts), re.DOTALL)
