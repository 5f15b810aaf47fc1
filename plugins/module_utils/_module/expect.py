# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the option expect: what a certificate has to be, beside what is always checked."""

from __future__ import annotations

import datetime as dt
import typing as t

from .._clock import parse_duration
from .._errors import ConfigurationError
from .._x509.api import Expectations, key_usage_named, purpose_named


def expectations(params: t.Mapping[str, t.Any], lifetime: dt.timedelta | None = None) -> Expectations:
    """Return what the task expects. Raises ConfigurationError.

    ``lifetime`` is how long the signer asks for certificates, None if that is not known; it counts without one of the
    task, and a certificate that lives otherwise is then only warned of.
    """
    given: t.Mapping[str, t.Any] = params["expect"] or {}
    own = _duration(given, "lifetime")
    if own == dt.timedelta():
        raise ConfigurationError("expect.lifetime must be longer than nothing")
    if given.get("on_lifetime") == "refuse" and own is None and lifetime is None:
        raise ConfigurationError(
            "expect.on_lifetime is refuse, and how long the CA makes certificates is not known: set expect.lifetime"
        )
    return Expectations(
        lifetime=own or lifetime,
        tolerance=_duration(given, "lifetime_tolerance"),
        key_usage=_named(given, "key_usage", key_usage_named),
        extended_key_usage=_named(given, "extended_key_usage", purpose_named),
        exact_usages=given.get("usage_match") == "equals",
        exact_names=given.get("subject_alt_name_match") == "equals",
        on_lifetime=given.get("on_lifetime") or ("refuse" if own else "warn"),
        on_key_usage=given.get("on_key_usage") or "refuse",
        on_extended_key_usage=given.get("on_extended_key_usage") or "refuse",
        on_subject_alt_name=given.get("on_subject_alt_name") or "warn",
    )


def _duration(given: t.Mapping[str, t.Any], option: str) -> dt.timedelta | None:
    text = given.get(option)
    return parse_duration(f"expect.{option}", text) if text is not None else None


def _named(given: t.Mapping[str, t.Any], option: str, named: t.Callable[[str], str]) -> tuple[str, ...] | None:
    values = given.get(option)
    if values is None:
        return None
    try:
        return tuple(map(named, values))
    except ConfigurationError as exc:
        raise ConfigurationError(f"expect: {exc}") from exc
