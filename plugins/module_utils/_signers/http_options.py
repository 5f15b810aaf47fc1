# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read values of options that Ansible does not look into, and name the option where one is wrong. Pure."""

from __future__ import annotations

import re
import typing as t

from .._errors import ConfigurationError


def at(option: str, name: str) -> str:
    """Return the name of a member of an option."""
    return f"{option}.{name}"


def mapping_of(option: str, value: object, names: t.Sequence[str] | None) -> dict[str, t.Any]:
    """Return a mapping without members that are None; ``names`` are those it may have. Raises ConfigurationError."""
    if value is None:
        return {}
    if not isinstance(value, t.Mapping):
        raise ConfigurationError(f"{option} must be a mapping, not {type(value).__name__}")
    given = {str(name): member for name, member in value.items() if member is not None}
    unknown = [name for name in given if names is not None and name not in names]
    if unknown and names is not None:
        raise ConfigurationError(f"{at(option, unknown[0])} is not known: {option} has {', '.join(names)}")
    return given


def text_of(option: str, value: object) -> str | None:
    """Return a text, None where there is none or it is empty. Raises ConfigurationError."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        # What is in a mapping may be a secret, and is too long to quote.
        is_one = isinstance(value, (bool, int, float))
        found = f"{value!r} (quote it in YAML)" if is_one else type(value).__name__
        raise ConfigurationError(f"{option} must be text, not {found}")
    return value


def texts_of(option: str, value: object) -> dict[str, str]:
    """Return a mapping of texts; a number becomes text. Raises ConfigurationError."""
    given = mapping_of(option, value, None)
    for name, text in given.items():
        if isinstance(text, bool) or not isinstance(text, (str, int, float)):
            raise ConfigurationError(f"{at(option, name)} must be text, not {type(text).__name__}")
    return {name: str(text) for name, text in given.items()}


def number_of(value: object) -> float | None:
    """Return a number, also one that a template has made text of; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def statuses_of(option: str, value: object, default: t.Iterable[int] = ()) -> frozenset[int]:
    """Return HTTP statuses. Raises ConfigurationError."""
    if value is None:
        return frozenset(default)
    given: t.Sequence[t.Any] = value if isinstance(value, (list, tuple)) else [value]
    wrong = [one for one in given if isinstance(one, bool) or not re.fullmatch("[1-5][0-9][0-9]", str(one))]
    if wrong:
        raise ConfigurationError(f"{option} must be HTTP statuses such as 202, not {wrong[0]!r}")
    return frozenset(int(one) for one in given)
