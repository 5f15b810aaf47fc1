# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make mutants of a file: copies of it with one small change each, which the tests should notice.

mutmut makes most changes. This module adds a few: a condition becomes always true or always false, a call or a raise is
removed, a function returns None. We run the mutants ourselves, since mutmut changes neither decorated functions nor the
code of modules and classes.

Annotations, decorators, type aliases, docstrings and texts for people are not changed. A text is for people if it is
the message of an exception or has two words or more, unless it is SQL.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import difflib
import itertools
import re

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_assignment, operator_string

Change = tuple[cst.CSTNode, cst.CSTNode]

_TWO_WORDS = re.compile(r"[A-Za-z]\S* +\S*[A-Za-z]")
_SQL = re.compile(r"\s*(ALTER|BEGIN|COMMIT|CREATE|DELETE|DROP|INSERT|PRAGMA|ROLLBACK|SELECT|UPDATE|VACUUM|WHERE)\b")
_TEXTS = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)
_FOR_TYPES = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
_GENERIC = {"dict", "frozenset", "list", "set", "tuple", "type"}
_TYPING = {"cast", "NewType", "TypeVar"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A file with one change. ``first`` and ``last`` are the lines of the changed statement or condition."""

    path: str
    first: int
    last: int
    before: str
    source: str

    def diff(self) -> str:
        """Return the changed lines, before and after the change."""
        lines = difflib.unified_diff(self.before.splitlines(), self.source.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))

    @property
    def line(self) -> int:
        """Return the number of the first changed line."""
        pairs = zip(self.before.splitlines(), self.source.splitlines(), strict=False)
        return next((number for number, (old, new) in enumerate(pairs, 1) if old != new), self.last)


def mutants(path: str, source: str) -> list[Mutant]:
    """Return the distinct mutants of a file, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    places = wrapper.resolve(WhitespaceInclusivePositionProvider)
    lines = source.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    made = {source}
    found: list[Mutant] = []
    for around, old, new in _changes(wrapper.module):
        first, last = places[around].start.line, places[around].end.line
        begin, end = (starts[at.line - 1] + at.column for at in (places[old].start, places[old].end))
        indent = " " * (len(lines[first - 1]) - len(lines[first - 1].lstrip(" ")))
        changed = source[:begin] + _code(wrapper.module, source[begin:end], indent, old, new) + source[end:]
        if changed not in made and _is_python(changed):
            made.add(changed)
            found.append(Mutant(path, first, last, source, changed))
    return sorted(found, key=lambda mutant: mutant.line)


def _code(module: cst.Module, before: str, indent: str, old: cst.CSTNode, new: cst.CSTNode) -> str:
    """Return the code of a new node, with the indent of the old one."""
    code: str = module.code_for_node(new)
    if module.code_for_node(old).replace("\n", f"\n{indent}") == before:
        return code.replace("\n", f"\n{indent}")
    return code


def _is_python(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _changes(module: cst.Module) -> c.Iterator[tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode]]:
    """Yield for each change the statement or condition around it, the old node and the new node."""
    waiting: list[tuple[cst.CSTNode, cst.CSTNode, bool]] = [(module, module, False)]
    while waiting:
        node, around, in_class = waiting.pop()
        if _is_left_out(node):
            continue
        if isinstance(node, cst.BaseCompoundStatement):
            around, in_class = node, isinstance(node, cst.ClassDef)
        elif isinstance(node, cst.BaseSmallStatement) or (
            isinstance(node, cst.BaseExpression) and isinstance(around, cst.BaseCompoundStatement)
        ):
            around = node
        for old, new in (*_of_mutmut(node, in_class), *_of_ours(node)):
            yield old if isinstance(around, cst.BaseCompoundStatement) else around, old, new
        waiting.extend((child, around, in_class) for child in _children(node))


def _of_mutmut(node: cst.CSTNode, in_class: bool) -> c.Iterator[Change]:
    for kind, operator in mutation_operators:
        for number, new in enumerate(operator(node) if isinstance(node, kind) else ()):
            if operator is operator_string and number:
                continue  # the first change adds letters; the others only change case, which SQL ignores
            if operator is operator_arg_removal and _is_idle(node, new):
                continue
            # mypy finds a None in a field or constant of a class.
            if operator is operator_assignment and (in_class or _is_text(node.value)):
                continue
            yield node, new


def _of_ours(node: cst.CSTNode) -> c.Iterator[Change]:
    if isinstance(node, cst.If | cst.While | cst.CompIf):
        yield node.test, cst.Name("False")
    if isinstance(node, cst.If | cst.CompIf):
        yield node.test, cst.Name("True")
    if isinstance(node, cst.Raise) or (isinstance(node, cst.Expr) and isinstance(node.value, cst.Call)):
        yield node, cst.Pass()
    if isinstance(node, cst.Return) and node.value is not None and _name(node.value) != "None":
        yield node.value, cst.Name("None")


def _is_idle(old: cst.Call, new: cst.Call) -> bool:
    """Return whether a changed argument is of no interest to the tests.

    This holds for arguments for people and for type checkers. It also holds if later arguments move up: mypy finds it.
    """
    pairs = enumerate(zip(old.args, new.args, strict=False))
    number = next((number for number, (one, other) in pairs if one is not other), len(new.args))
    if len(new.args) < len(old.args) and number < len(new.args) and old.args[number].keyword is None:
        return new.args[number].keyword is None
    if number == 0 and (_is_error(old) or _name(old.func) in _TYPING):
        return True
    return _is_text(old.args[number].value)


def _is_error(call: cst.Call) -> bool:
    """Return whether a call makes an exception. Its first argument is the message."""
    return _name(call.func).endswith("Error")


def _is_text(value: cst.CSTNode | None) -> bool:
    """Return whether a value is a literal text for people."""
    return isinstance(value, _TEXTS) and _is_for_people(value)


def _is_for_people(text: cst.BaseString) -> bool:
    """Return whether a text is prose."""
    shown = _shown(text)
    return bool(_TWO_WORDS.search(shown)) and not _SQL.match(shown)


def _shown(text: cst.CSTNode) -> str:
    """Return a text with a word in place of each inserted value."""
    if isinstance(text, cst.ConcatenatedString):
        return _shown(text.left) + _shown(text.right)
    if isinstance(text, cst.FormattedString):
        return "".join(part.value if isinstance(part, cst.FormattedStringText) else "x" for part in text.parts)
    return str(text.value).lstrip("bBrRuU").strip("\"'")


def _children(node: cst.CSTNode) -> c.Sequence[cst.CSTNode]:
    """Return the children of a node that may be changed."""
    if isinstance(node, cst.Call) and (_is_error(node) or _name(node.func) in _TYPING):
        return list(node.args[1:])
    return list(node.children)


def _is_left_out(node: cst.CSTNode) -> bool:
    if isinstance(node, _FOR_TYPES):
        return True
    if isinstance(node, cst.If):
        return _name(node.test) == "TYPE_CHECKING"
    if isinstance(node, cst.Assign):
        name = _name(node.targets[0].target)
        return name.startswith("__") or _is_alias(node.value)
    if isinstance(node, cst.Expr):
        return isinstance(node.value, _TEXTS)
    return _is_text(node)


def _is_alias(value: cst.BaseExpression) -> bool:
    """Return whether a value is a type: ``t.Mapping[str, int]``, ``tuple[int, int]``, ``t.TypeVar("T")``."""
    if isinstance(value, cst.Call):
        return _name(value.func) in _TYPING
    if isinstance(value, cst.Subscript) and isinstance(value.value, cst.Attribute):
        return _name(value.value.value) in ("t", "c")
    if isinstance(value, cst.Subscript):
        return _name(value.value) in _GENERIC
    return False


def _name(node: cst.CSTNode) -> str:
    """Return the last part of a dotted name; an empty text for other nodes."""
    if isinstance(node, cst.Attribute):
        return str(node.attr.value)
    return str(node.value) if isinstance(node, cst.Name) else ""
