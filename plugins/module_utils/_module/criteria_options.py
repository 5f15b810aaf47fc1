# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the options that select certificates: by their CA, serial number, provider, kind of key, time or name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t
from pathlib import Path

from .._clock import parse_timestamp
from .._enroll.api import Criteria
from .._errors import ConfigurationError
from .._x509.api import issuer_named, parse_certificates
from .entry_specs import CERTIFICATE
from .lists import read_file
from .paths import file_path
from .specs import Spec

Values = t.Mapping[str, t.Any]

# What can be told from a certificate and from the time at which it was issued.
CA_CRITERIA: Spec = {
    "issuer": {"type": "str"},
    "issuer_path": {"type": "path"},
    "serial_numbers": {"type": "list", "elements": "str"},
    "serial_numbers_file": {"type": "path"},
    "issued_before": {"type": "str"},
}
OTHER_CRITERIA: Spec = {
    "provider": {"type": "str"},
    "key_type": {"type": "str", "no_log": False},
    "names": {"type": "list", "elements": "str"},
    "names_file": {"type": "path"},
}

# A file with another ending has one name a line.
_LISTS = (".csv", ".json", ".jsonl", ".ndjson", ".yaml", ".yml")
_LONGEST_SHOWN = 60


def read_criteria(place: str, given: Values) -> Criteria:
    """Read the criteria in the option ``place``, which messages name. Raises ConfigurationError."""
    for one, other in (
        ("issuer", "issuer_path"),
        ("serial_numbers", "serial_numbers_file"),
        ("names", "names_file"),
    ):
        if given.get(one) is not None and given.get(other) is not None:
            raise ConfigurationError(f"{place}.{one} and {place}.{other} are both set: give one of them")
    for option in ("issuer", "provider", "key_type"):
        if given.get(option) is not None and not given[option].strip():
            raise ConfigurationError(f"{place}.{option} is empty")
    before = given["issued_before"]
    return Criteria(
        issuer=_issuer(place, given["issuer"]),
        issuer_certificate=_ca(place, given["issuer_path"]),
        serial_numbers=_serial_numbers(place, given["serial_numbers"], given["serial_numbers_file"]),
        provider=given.get("provider"),
        key_type=given.get("key_type"),
        issued_before=None if before is None else moment(f"{place}.issued_before", before),
        names=_names(place, given.get("names"), given.get("names_file")),
    )


def distrusted_criteria(params: Values) -> tuple[Criteria, ...]:
    """Read the option ``distrusted``. Raises ConfigurationError."""
    found = []
    for number, given in enumerate(params.get("distrusted") or ()):
        place = f"distrusted[{number}]"
        criteria = read_criteria(place, given)
        if not dataclasses.replace(criteria, issued_before=None):
            raise ConfigurationError(f"{place} needs an issuer, an issuer_path or serial numbers")
        found.append(criteria)
    return tuple(found)


def moment(option: str, text: str) -> dt.datetime:
    """Read a time. Raises ConfigurationError that names the option."""
    try:
        return parse_timestamp(text.strip())
    except ValueError as exc:
        raise ConfigurationError(
            f"{option} must be a time such as 2026-01-31T06:00:00Z (UTC unless it has an offset), not {text!r}"
        ) from exc


def one_certificate(option: str, path: str, why: str) -> bytes:
    """Return the only certificate in a file. Raises ConfigurationError, with ``why`` where there are others."""
    try:
        found = parse_certificates(Path(file_path(option, path)).read_bytes())
    except OSError as exc:
        raise ConfigurationError(f"{option}: {path} cannot be read ({exc.strerror})") from exc
    except ConfigurationError as exc:
        raise ConfigurationError(f"{option}: {path}: {exc}") from exc
    if len(found) != 1:
        raise ConfigurationError(f"{option}: {path} has {len(found)} certificates: {why}")
    return found[0]


def _issuer(place: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        issuer_named(text)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{place}.issuer: {exc}") from exc
    return text.strip()


def _ca(place: str, path: str | None) -> bytes | None:
    if path is None:
        return None
    does = "are to be replaced" if place == "replace" else "are not trusted"
    return one_certificate(f"{place}.issuer_path", path, f"leave only that of the CA in it whose certificates {does}")


def _serial_numbers(place: str, given: t.Sequence[str] | None, path: str | None) -> frozenset[int] | None:
    option = f"{place}.serial_numbers" + ("" if path is None else "_file")
    numbers = given if path is None else _lines(option, path)
    if numbers is None:
        return None
    return _some(option, frozenset(_serial_number(option, number) for number in numbers))


def _serial_number(option: str, text: str) -> int:
    digits = re.sub(r"[\s:]|^\s*0[xX]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]{1,64}", digits):
        raise ConfigurationError(
            f"{option} must be serial numbers in hex, with or without colons, such as 0A:1B:2C, not "
            f"{text[:_LONGEST_SHOWN]!r}"
        )
    return int(digits, 16)


def _names(place: str, given: t.Sequence[str] | None, path: str | None) -> frozenset[str] | None:
    option = f"{place}.names_file"
    if path is None:
        return None if given is None else _some(f"{place}.names", frozenset(given))
    if Path(path).suffix.lower() not in _LISTS:
        return _some(option, frozenset(_lines(option, path)))
    entries = read_file(file_path(option, path), CERTIFICATE, None, lambda _secret: None)
    return _some(option, frozenset(entry.name for entry in entries))


def _lines(option: str, path: str) -> list[str]:
    """Return the lines of a file that are not blank, and no comment."""
    try:
        lines = Path(file_path(option, path)).read_text(encoding="utf-8-sig").splitlines()
    except OSError as exc:
        raise ConfigurationError(f"{option}: {path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{option}: {path} is not text in UTF-8") from exc
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


def _some(option: str, found: frozenset[t.Any]) -> frozenset[t.Any]:
    if not found:
        raise ConfigurationError(f"{option} is empty: it would select nothing")
    return found
