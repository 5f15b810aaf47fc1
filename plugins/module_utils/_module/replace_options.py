# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option replace: which certificates are to be replaced, until when, and under which name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t
from pathlib import Path

from .._clock import parse_duration, parse_timestamp
from .._enroll.api import Criteria
from .._errors import ConfigurationError
from .._x509.api import issuer_named, parse_certificates
from .entry_specs import CERTIFICATE
from .lists import read_file
from .paths import file_path
from .specs import Spec

REPLACE: Spec = {
    "replace": {
        "type": "dict",
        "options": {
            "id": {"type": "str"},
            "state": {"type": "str", "choices": ["open", "ended"], "default": "open"},
            "issuer": {"type": "str"},
            "issuer_path": {"type": "path"},
            "serial_numbers": {"type": "list", "elements": "str"},
            "serial_numbers_file": {"type": "path"},
            "provider": {"type": "str"},
            "key_type": {"type": "str", "no_log": False},
            "issued_before": {"type": "str"},
            "names": {"type": "list", "elements": "str"},
            "names_file": {"type": "path"},
            "deadline": {"type": "str"},
        },
    },
}

Values = t.Mapping[str, t.Any]

_CRITERIA = (
    "issuer",
    "issuer_path",
    "serial_numbers",
    "serial_numbers_file",
    "provider",
    "key_type",
    "issued_before",
    "names",
    "names_file",
)
# A file with another ending has one name a line.
_LISTS = (".csv", ".json", ".jsonl", ".ndjson", ".yaml", ".yml")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_LONGEST_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The replacement that a task names. ``criteria`` are empty if it only names one that was begun before.

    A deadline may be a time from the beginning of the replacement on.
    """

    id: str
    criteria: Criteria
    deadline: dt.datetime | dt.timedelta | None
    ends: bool

    @classmethod
    def read(cls, params: Values) -> Wanted | None:
        """Read the option; None where it is not set. Raises ConfigurationError."""
        given = params.get("replace")
        if given is None:
            return None
        name = given["id"]
        if name is not None and not _ID.fullmatch(name):
            raise ConfigurationError(
                "replace.id must be 1 to 64 letters, digits, blanks and . _ -, with a letter or digit first, not "
                f"{name!r}"
            )
        criteria = _criteria(given)
        if not criteria and name is None:
            raise ConfigurationError(f"replace needs an id, or at least one of {', '.join(_CRITERIA)}")
        return cls(name or criteria.default_id, criteria, _deadline(given["deadline"]), given["state"] == "ended")


def _criteria(given: Values) -> Criteria:
    for one, other in (
        ("issuer", "issuer_path"),
        ("serial_numbers", "serial_numbers_file"),
        ("names", "names_file"),
    ):
        if given[one] is not None and given[other] is not None:
            raise ConfigurationError(f"replace.{one} and replace.{other} are both set: give one of them")
    for option in ("issuer", "provider", "key_type"):
        if given[option] is not None and not given[option].strip():
            raise ConfigurationError(f"replace.{option} is empty")
    return Criteria(
        issuer=_issuer(given["issuer"]),
        issuer_certificate=_ca(given["issuer_path"]),
        serial_numbers=_serial_numbers(given["serial_numbers"], given["serial_numbers_file"]),
        provider=given["provider"],
        key_type=given["key_type"],
        issued_before=None if given["issued_before"] is None else _moment("issued_before", given["issued_before"]),
        names=_names(given["names"], given["names_file"]),
    )


def _issuer(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        issuer_named(text)
    except ConfigurationError as exc:
        raise ConfigurationError(f"replace.issuer: {exc}") from exc
    return text.strip()


def _ca(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        found = parse_certificates(Path(_path("issuer_path", path)).read_bytes())
    except OSError as exc:
        raise ConfigurationError(f"replace.issuer_path: {path} cannot be read ({exc.strerror})") from exc
    except ConfigurationError as exc:
        raise ConfigurationError(f"replace.issuer_path: {path}: {exc}") from exc
    if len(found) != 1:
        raise ConfigurationError(
            f"replace.issuer_path: {path} has {len(found)} certificates: leave only that of the CA in it whose "
            "certificates are to be replaced"
        )
    return found[0]


def _serial_numbers(given: t.Sequence[str] | None, path: str | None) -> frozenset[int] | None:
    option = "serial_numbers" if path is None else "serial_numbers_file"
    numbers = given if path is None else _lines(option, path)
    if numbers is None:
        return None
    return _some(option, frozenset(_serial_number(option, number) for number in numbers))


def _serial_number(option: str, text: str) -> int:
    digits = re.sub(r"[\s:]|^\s*0[xX]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]{1,64}", digits):
        raise ConfigurationError(
            f"replace.{option} must be serial numbers in hex, with or without colons, such as 0A:1B:2C, not "
            f"{text[:_LONGEST_SHOWN]!r}"
        )
    return int(digits, 16)


def _names(given: t.Sequence[str] | None, path: str | None) -> frozenset[str] | None:
    if path is None:
        return None if given is None else _some("names", frozenset(given))
    if Path(path).suffix.lower() not in _LISTS:
        return _some("names_file", frozenset(_lines("names_file", path)))
    entries = read_file(_path("names_file", path), CERTIFICATE, None, lambda _secret: None)
    return _some("names_file", frozenset(entry.name for entry in entries))


def _lines(option: str, path: str) -> list[str]:
    """Return the lines of a file that are not blank, and no comment."""
    try:
        lines = Path(_path(option, path)).read_text(encoding="utf-8-sig").splitlines()
    except OSError as exc:
        raise ConfigurationError(f"replace.{option}: {path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"replace.{option}: {path} is not text in UTF-8") from exc
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


def _some(option: str, found: frozenset[t.Any]) -> frozenset[t.Any]:
    if not found:
        raise ConfigurationError(f"replace.{option} is empty: it would select nothing")
    return found


def _path(option: str, path: str) -> str:
    return file_path(f"replace.{option}", path)


def _deadline(text: str | None) -> dt.datetime | dt.timedelta | None:
    if text is None:
        return None
    if re.match(r"\s*\d{4}-", text):
        return _moment("deadline", text)
    instead = ", or a time such as 2026-01-31T06:00:00Z"
    duration = parse_duration("replace.deadline", text, instead=instead)
    if not duration:
        raise ConfigurationError(f"replace.deadline must be longer than no time at all, not {text!r}")
    return duration


def _moment(option: str, text: str) -> dt.datetime:
    try:
        return parse_timestamp(text.strip())
    except ValueError as exc:
        raise ConfigurationError(
            f"replace.{option} must be a time such as 2026-01-31T06:00:00Z (UTC unless it has an offset), not {text!r}"
        ) from exc
