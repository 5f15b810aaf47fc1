# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the entries of a list: check their options, convert them as Ansible does, and add the defaults.

A list may have 100,000 entries. A value that already has the type of its option is taken as it is. Ansible is asked
only about the others, since that takes ten times as long.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._errors import ConfigurationError
from .names import check_name
from .specs import Spec
from .yaml_values import QUOTE_IN_YAML, Texts, few, is_text, reading

Given = t.Mapping[t.Any, t.Any]
Rules = t.Mapping[str, t.Any]

_SCALARS: t.Mapping[str, type] = {"bool": bool, "float": float, "int": int, "str": str}
_WANTED = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "path": "text",
    "str": "text",
}
_LONGEST_SHOWN = 60


class Entries:
    """The options of an entry, and the values that all entries have in common.

    ``advice`` says how to write text in the list. A relative path is in ``folder``; without it the path stays as it is.
    ``secret`` gets each secret value before anything else happens with it.
    """

    def __init__(
        self, spec: Spec, defaults: Given, secret: t.Callable[[str], None], *, advice: str, folder: str = ""
    ) -> None:
        """Check the defaults. Raises ConfigurationError."""
        self._spec = spec
        self._secret = secret
        self._advice = advice
        self._folder = folder
        self._texts = Texts(spec)
        self._secrets = [option for option, rules in spec.items() if rules.get("no_log")]
        self._paths = [option for option, rules in spec.items() if rules["type"] == "path"]
        self._required = [option for option, rules in spec.items() if rules.get("required")]
        self._types = {option: _SCALARS[rules["type"]] for option, rules in spec.items() if _is_free_scalar(rules)}
        self._fits = {option: fits for option, rules in spec.items() for fits in _checks(rules)}
        self._base: dict[str, t.Any] = {option: rules.get("default") for option, rules in spec.items()}
        self._base.update(self._common(defaults))

    def name(self, entry: object) -> str:
        """Return the name of an entry, and tell its secrets. Raises ConfigurationError if there is no usable name."""
        if not isinstance(entry, t.Mapping):
            raise ConfigurationError(f"an entry is a mapping with a name and other options, not {shown(entry)}")
        self._tell_secrets(entry)
        name = entry.get("name")
        if isinstance(name, str):
            return check_name(name)
        if name is None:
            raise ConfigurationError("the entry has no name")
        raise ConfigurationError(f"name is {shown(name)}, not text: {self._advice}")

    def values(self, entry: Given) -> dict[str, t.Any]:
        """Return every option of an entry. Raises ConfigurationError that names the option."""
        types, given = self._types, entry
        for option, value in entry.items():
            if value.__class__ is not types.get(option) and not self._is_fit(option, value):
                given = self._converted(entry, self._advice)
                break
        values = {**self._base, **given}
        for option in self._required:
            if values[option] is None:
                raise ConfigurationError(f"{option} is not set")
        for option in self._paths if self._folder else ():
            if given.get(option):
                values[option] = os.path.join(self._folder, values[option])  # noqa: PTH118
        return values

    def _is_fit(self, option: str, value: object) -> bool:
        """Return whether a value is taken as it is. Null must not take the place of a default."""
        if value is None:
            return option in self._base and self._base[option] is None
        fits = self._fits.get(option)
        return fits is not None and fits(value)

    def _common(self, defaults: Given) -> dict[str, t.Any]:
        """Return the values that all entries have in common."""
        self._tell_secrets(defaults)
        if defaults.get("name") is not None:
            raise ConfigurationError("certificate_defaults: each entry has a name of its own")
        try:
            return self._converted(defaults, QUOTE_IN_YAML)
        except ConfigurationError as exc:
            raise ConfigurationError(f"certificate_defaults: {exc}") from exc

    def _tell_secrets(self, entry: Given) -> None:
        for option in self._secrets:
            if entry.get(option) is not None:
                for text in _scalars(entry[option]):
                    self._secret(text)

    def _converted(self, entry: Given, advice: str) -> dict[str, t.Any]:
        """Return the options that are set, converted as Ansible does."""
        for option in entry:
            if option not in self._spec:
                raise ConfigurationError(unknown("option", option, self._spec))
        misread = list(self._texts.misread(entry, ""))
        if misread:
            raise ConfigurationError(f"{few(misread)}: {advice}")
        return {option: self._option(option, value) for option, value in entry.items() if value is not None}

    def _option(self, option: str, value: object) -> t.Any:
        """Return the value of one option, converted as Ansible does."""
        if value.__class__ is self._types.get(option) or self._is_fit(option, value):
            return value
        rules = self._spec[option]
        own = {rule: rules[rule] for rule in ("type", "elements", "choices", "options") if rule in rules}
        result = ArgumentSpecValidator({option: own}).validate({option: value})
        if _is_misfit(rules, value) or result.error_messages:
            found = "" if rules.get("no_log") else f"{shown(value)}, "
            raise ConfigurationError(f"{option} is {found}not {_wanted(rules)}")
        converted = result.validated_parameters[option]
        if rules["type"] == "path" and converted.startswith(("~", "$")):
            raise ConfigurationError(f"{option} is {shown(converted)}, but this host has no value for its beginning")
        return converted


def unknown(kind: str, name: object, known: t.Iterable[str]) -> str:
    """Say that there is no option or column of this name, with a similar one, or else with all of them."""
    import difflib  # only a mistake needs it

    similar = difflib.get_close_matches(str(name).lower().replace("-", "_"), known, n=1)
    rest = f"did you mean {similar[0]}?" if similar else f"there are {', '.join(sorted(known))}"
    return f"there is no {kind} {shown(name)}; {rest}"


def shown(value: object) -> str:
    """Return a value for a message."""
    if isinstance(value, t.Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = reading(value) or repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _is_free_scalar(rules: Rules) -> bool:
    return rules["type"] in _SCALARS and "choices" not in rules


def _checks(rules: Rules) -> t.Iterator[t.Callable[[t.Any], bool]]:
    """Return a check of whether Ansible would leave a value alone, for an option that has more than one simple type."""
    kind, elements = rules["type"], _SCALARS.get(rules.get("elements", ""))
    if "choices" in rules or "options" in rules:
        return
    if kind == "path":
        yield lambda value: value.__class__ is str and "$" not in value and not value.startswith("~")
    elif kind == "list" and elements:
        yield lambda value: value.__class__ is list and all(element.__class__ is elements for element in value)
    elif kind in ("raw", "dict"):
        yield lambda value: is_text(value) and (kind == "raw" or value.__class__ is dict)


def _is_misfit(rules: Rules, value: object) -> bool:
    """Return whether Ansible would make a value fit that does not: text of a list, the number 1 of true."""
    kind = rules["type"]
    if kind == "list" and isinstance(value, list) and "elements" in rules:
        return any(_is_misfit({"type": rules["elements"]}, element) for element in value)
    if kind in ("str", "path"):
        return isinstance(value, (bool, bytes, list, tuple, t.Mapping))
    return kind in ("int", "float") and isinstance(value, bool)


def _wanted(rules: Rules) -> str:
    if "choices" in rules:
        return f"one of: {', '.join(map(str, rules['choices']))}"
    kind: str = rules["type"]
    return _WANTED.get(kind, kind) + {"int": " of whole numbers", "str": " of text"}.get(rules.get("elements", ""), "")


def _scalars(value: object) -> t.Iterator[str]:
    """Return the texts and numbers in a value, as text."""
    if isinstance(value, t.Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for inner in value:
            yield from _scalars(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
