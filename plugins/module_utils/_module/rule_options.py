# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the policy of a task: the rules for what may be requested, from an option or a file.

A policy that cannot be used ends the task before anything is sent. Each message names the rule and the field.
"""

from __future__ import annotations

import datetime as dt
import functools
import typing as t
import unicodedata

from .._clock import parse_duration
from .._enroll.api import Allowed, Lengths, Networks, Patterns, Rule, Rules
from .._errors import ConfigurationError
from .._models import CertificateSpec
from .._x509.api import ALTERNATIVE_NAMES, attribute_named
from .entries import shown, unknown
from .list_formats import format_of, rows
from .paths import file_path
from .specs import Spec, option
from .yaml_values import reading

Params = t.Mapping[str, t.Any]
Fold = t.Callable[[str], str]
Made = t.TypeVar("Made")

POLICY: Spec = {
    "policy": {"type": "list", "elements": "dict"},
    "policy_file": option("policy_file", type="path"),
}

# ``*`` in a pattern does not stand for the characters that divide such a name.
_STOPS = {"email": "@", "URI": "/?#@\\"}
_OTHERS = "*"
_QUOTE = "quote it in YAML"


def read_rules(
    params: Params,
    names: t.Callable[[], t.Iterable[str]],
    lifetime: dt.timedelta | None = None,
    accepts: t.Callable[[CertificateSpec], None] = lambda _spec: None,
) -> Rules:
    """Return the rules of the task. Raises ConfigurationError.

    ``names``, ``lifetime`` and ``accepts`` are those of ``Rules``.
    """
    given, path = params["policy"], params["policy_file"] or None
    if given is not None and path is not None:
        raise ConfigurationError("policy and policy_file (or REDTRUST_POLICY_FILE) are both set: give one of them")
    if given is None and path is None:
        return Rules(accepts=accepts)
    rules = _rules(enumerate(given), "policy[{}]") if path is None else _of_file(file_path("policy_file", path))
    return Rules(rules, names=names, lifetime=lifetime, accepts=accepts)


def _of_file(path: str) -> tuple[Rule, ...]:
    form = format_of(path)
    if form == "csv":
        raise ConfigurationError(f"{path}: a policy cannot be written in CSV: write it in YAML or JSON")
    return _rules(rows(path, form, {}, "policy"), path + ", line {}")


def _rules(numbered: t.Iterable[tuple[int, object]], place: str) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for number, given in numbered:
        where = place.format(number)
        rule = _rule(where, given)
        _check_reached(where, rule, rules)
        rules.append(rule)
    if not rules:
        raise ConfigurationError("the policy has no rule, so nothing could be requested: leave it out, or add a rule")
    return tuple(rules)


def _check_reached(where: str, rule: Rule, before: t.Sequence[Rule]) -> None:
    """Raise ConfigurationError for a rule that can never decide, since rules before it are about all of its names."""
    if rule.name in [one.name for one in before]:
        raise ConfigurationError(f"{where}: there is another rule {rule.name} before it")
    # A pattern that matches the text of another one matches all that the other one does.
    taken = [next((one.name for one in before if one.names.match(text)), None) for text in rule.names.texts]
    if None not in taken:
        raise ConfigurationError(
            f"{where}: rule {rule.name}: names can never match, since the rule {taken[0]} before it is about them "
            "already"
        )


def _rule(where: str, given: object) -> Rule:
    if not isinstance(given, t.Mapping):
        raise ConfigurationError(f"{where}: a rule is a mapping with names, dn and other fields, not {shown(given)}")
    name = given.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"{where}: the rule has no name, which is the text that messages call it by")
    try:
        return Rule(**_fields(given))
    except ConfigurationError as exc:
        raise ConfigurationError(f"{where}: rule {name}: {exc}") from exc


def _fields(given: t.Mapping[t.Any, t.Any]) -> dict[str, t.Any]:
    for field in given:
        if field not in _READ:
            raise ConfigurationError(unknown("field", field, _READ))
    for field in ("names", "dn"):
        if given.get(field) is None:
            raise ConfigurationError(f"{field} is not set: {_WANTED[field]}")
    read = {field: _READ[field](field, value) for field, value in given.items() if value is not None}
    attributes, others = read.pop("dn")
    required = [(attribute_named(text).oid, text) for text in read.pop("dn_required", ())]
    for oid, text in required:
        if oid not in attributes and others is None:
            raise ConfigurationError(f"dn_required has {text}, which dn does not allow")
    return {**read, "dn": attributes, "other_dn": others, "dn_required": tuple(required)}


def _texts(field: str, value: object) -> tuple[str, ...]:
    """Return the texts of a list; a single text is a list of one."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)):
        raise ConfigurationError(f"{field} is {shown(value)}, not a list of texts")
    if not values:
        raise ConfigurationError(f"{field} is empty, so that nothing is allowed")
    for one in values:
        if not isinstance(one, str):
            raise ConfigurationError(f"{field} has {reading(one) or shown(one)}, not a text: {_QUOTE}")
        if not one.strip() or one != one.strip():
            raise ConfigurationError(f"{field} has {one!r}, which is empty or has blank ends")
    return tuple(values)


def _mapping(field: str, value: object) -> t.Mapping[str, t.Any]:
    if not isinstance(value, t.Mapping):
        raise ConfigurationError(f"{field} is {shown(value)}, not a mapping")
    for key in value:
        if not isinstance(key, str):
            raise ConfigurationError(f"{field} has {reading(key) or shown(key)} as a key, not a text: {_QUOTE}")
    return value


def _patterns(field: str, value: object, fold: Fold = str) -> Patterns:
    return Patterns(_texts(field, value), fold)


def _without_case(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _dn(field: str, value: object) -> tuple[dict[str, tuple[str, Patterns]], Patterns | None]:
    """Return the patterns by attribute, and those for all other attributes."""
    given = _mapping(field, value)
    if not given:
        raise ConfigurationError(f"dn is empty, so that nothing is allowed: {_WANTED['dn']}")
    found: dict[str, tuple[str, Patterns]] = {}
    others = None
    for attribute, values in given.items():
        patterns = _patterns(f"dn.{attribute}", values, _without_case)
        if attribute == _OTHERS:
            others = patterns
            continue
        oid = attribute_named(attribute).oid
        if oid in found:
            raise ConfigurationError(f"dn has {found[oid][0]} and {attribute}, which are the same attribute")
        found[oid] = (attribute, patterns)
    return found, others


def _subject_alt_name(field: str, value: object) -> dict[str, Allowed]:
    found: dict[str, Allowed] = {}
    for kind, values in _mapping(field, value).items():
        if kind not in ALTERNATIVE_NAMES:
            raise ConfigurationError(f"{field}: {unknown('kind', kind, ALTERNATIVE_NAMES)}")
        texts = _texts(f"{field}.{kind}", values)
        if kind == "IP":
            found[kind] = _networks(f"{field}.{kind}", texts)
        else:
            found[kind] = Patterns(texts, str if kind == "URI" else str.lower, _STOPS.get(kind, ""))
    return found


def _networks(field: str, texts: tuple[str, ...]) -> Networks:
    try:
        return Networks(texts)
    except ValueError as exc:
        raise ConfigurationError(f"{field}: {exc}; write an address, or a network such as 192.0.2.0/24") from exc


def _key_types(field: str, value: object) -> dict[str, Lengths]:
    found: dict[str, Lengths] = {}
    for kind, bounds in _mapping(field, value).items():
        place = f"{field}.{kind}"
        given = _mapping(place, {} if bounds is None else bounds)
        for name in given:
            if name not in ("min_length", "max_length"):
                raise ConfigurationError(f"{place}: {unknown('field', name, ('min_length', 'max_length'))}")
        low, high = (_count(f"{place}.{name}", given.get(name)) for name in ("min_length", "max_length"))
        if low is not None and high is not None and low > high:
            raise ConfigurationError(f"{place}: min_length {low} is greater than max_length {high}")
        if kind.upper() in found:
            raise ConfigurationError(f"{field} has {kind} twice")
        found[kind.upper()] = Lengths(low, high)
    if not found:
        raise ConfigurationError(f"{field} is empty, so that nothing is allowed")
    return found


def _count(field: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)  # a template makes text of a number
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{field} is {shown(value)}, not a whole number that is not negative")
    return value


def _group_ids(field: str, value: object) -> frozenset[int]:
    numbers = [_count(field, one) for one in value] if isinstance(value, (list, tuple)) else [None]
    if None in numbers:
        raise ConfigurationError(f"{field} is {shown(value)}, not a list of whole numbers")
    return frozenset(number for number in numbers if number is not None)


def _flag(field: str, value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"  # a template makes text of it
    if not isinstance(value, bool):
        raise ConfigurationError(f"{field} is {shown(value)}, not true or false")
    return value


def _duration(field: str, value: object) -> dt.timedelta:
    if not isinstance(value, str):
        raise ConfigurationError(f"{field} is {reading(value) or shown(value)}, not a duration such as 90d")
    duration = parse_duration(field, value)
    if not duration:
        raise ConfigurationError(f"{field} is {value}, so that nothing is allowed")
    return duration


_READ: t.Mapping[str, t.Callable[[str, t.Any], t.Any]] = {
    "name": lambda _field, value: value,
    "names": _patterns,
    "dn": _dn,
    "dn_required": _texts,
    "subject_alt_name": _subject_alt_name,
    "wildcards": _flag,
    "key_types": _key_types,
    "hash_types": functools.partial(_patterns, fold=_without_case),
    "providers": _patterns,
    "group_ids": _group_ids,
    "max_lifetime": _duration,
    "max_certificates": _count,
}
FIELDS = tuple(_READ)
_WANTED = {
    "names": "list the names of the entries that the rule is about, such as [person-*]",
    "dn": 'list the attributes and values that may be requested, or {"*": ["*"]} for any',
}
