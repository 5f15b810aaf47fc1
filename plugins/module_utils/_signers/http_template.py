# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts with placeholders, such as ``${csr_pem}``: read them from options, and fill them in. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._errors import ConfigurationError
from .http_values import Values

# A text, and the same with placeholders in lists and mappings of any depth.
Tree = t.Any

_PARTS = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[^{}$]*)\})?")


@dataclasses.dataclass(frozen=True)
class Placeholder:
    """The name of a value."""

    name: str


@dataclasses.dataclass(frozen=True)
class Template:
    """A text with placeholders. ``option`` is where it comes from."""

    option: str
    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, option: str, text: str, known: t.Callable[[str], str | None]) -> Template:
        """Read a text. ``known`` says what is wrong with the name of a placeholder. Raises ConfigurationError."""
        parts: list[str | Placeholder] = []
        end = 0
        for found in _PARTS.finditer(text):
            parts.append(text[end : found.start()])
            end = found.end()
            if found["dollar"]:
                parts.append("$")
                continue
            if found["name"] is None:
                raise ConfigurationError(f"{option}: write $$ for a $ that begins no placeholder such as ${{csr_pem}}")
            problem = known(found["name"])
            if problem:
                raise ConfigurationError(f"{option}: ${{{found['name']}}} {problem}")
            parts.append(Placeholder(found["name"]))
        return cls(option, tuple(part for part in (*parts, text[end:]) if part))

    @property
    def names(self) -> frozenset[str]:
        """The names of the placeholders."""
        return frozenset(part.name for part in self.parts if isinstance(part, Placeholder))

    @property
    def only(self) -> str | None:
        """The name of the placeholder, if the text is nothing else."""
        first = self.parts[0] if len(self.parts) == 1 else None
        return first.name if isinstance(first, Placeholder) else None

    def text(self, values: Values, quote: t.Callable[[str], str] = str) -> str:
        """Fill the text in; ``quote`` is applied to each value. Raises ConfigurationError where a value is missing."""
        return "".join(
            part if isinstance(part, str) else quote(self._text_of(part.name, values)) for part in self.parts
        )

    def value(self, values: Values) -> t.Any:
        """Return the value of the only placeholder as it is, None where it has none; a longer text as text."""
        return self.text(values) if self.only is None else values.get(self.only)

    def _text_of(self, name: str, values: Values) -> str:
        value = values.get(name)
        if value is None:
            raise ConfigurationError(f"{self.option}: {values.about} has no value for ${{{name}}}")
        if isinstance(value, bytes) or (isinstance(value, list) and not all(isinstance(one, str) for one in value)):
            raise ConfigurationError(f"{self.option}: ${{{name}}} cannot be a part of a text")
        if isinstance(value, list):
            if any("," in one for one in value):
                raise ConfigurationError(f"{self.option}: a value of ${{{name}}} has a comma in it: {values.about}")
            return ",".join(value)
        return str(value)


def parse_tree(option: str, value: t.Any, known: t.Callable[[str], str | None]) -> Tree:
    """Return JSON types with templates for their texts; names stay. Raises ConfigurationError."""
    if isinstance(value, str):
        return Template.parse(option, value, known)
    if isinstance(value, t.Mapping):
        return {str(name): parse_tree(f"{option}.{name}", member, known) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [parse_tree(f"{option}[{place}]", member, known) for place, member in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise ConfigurationError(f"{option} must be text, a number, a list or a mapping, not {type(value).__name__}")


def templates_in(tree: Tree) -> t.Iterator[Template]:
    """Return the templates in a tree."""
    if isinstance(tree, Template):
        yield tree
    elif isinstance(tree, (dict, list)):
        for member in tree.values() if isinstance(tree, dict) else tree:
            yield from templates_in(member)


def fill(tree: Tree, values: Values) -> t.Any:
    """Return JSON types with the values filled in; a member whose placeholder has no value is left out."""
    if isinstance(tree, Template):
        return tree.value(values)
    if isinstance(tree, dict):
        filled = {name: fill(member, values) for name, member in tree.items()}
        return {name: value for name, value in filled.items() if value is not None or tree[name] is None}
    if isinstance(tree, list):
        members = ((member, fill(member, values)) for member in tree)
        return [value for member, value in members if value is not None or member is None]
    return tree
