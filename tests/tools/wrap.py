# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrap the guides and the documentation of plugins and roles by one rule. The program rewrites what breaks it.

The rule: each sentence begins a line. A sentence that is longer than a line fills the lines up to 120 columns. Markup
such as ``M(a.b.c)`` is one word. In YAML, text of more than one line is an item of a list. In reStructuredText,
directives and what belongs to them stay as they are.
"""

from __future__ import annotations

import collections.abc as c
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 120
FOLDERS = ("modules", "doc_fragments", "filter", "inventory", "lookup", "module_utils/_signers")
PROSE = frozenset({"description", "details", "notes", "returned"})

_BLOCK = re.compile(r'^ *[A-Z_]+ = r"""\n(.*?)^"""$', re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"(?:``[^`]+``|[^\sA-Z]|[A-Z](?!\()|[A-Z]\((?:[^)\\]|\\.)*\))+")
_END = re.compile(r"[.?!][)\"']?$")
# The beginning of a paragraph or of an item.
_TEXT = re.compile(r"(?P<margin> *)(?P<mark>- |\d+\. )?(?!\.\. )\S")
_BEGIN = re.compile(r"[\"'(]?[A-Z0-9]")


def files() -> list[Path]:
    """Return every file that documents a plugin or a role, and the guides."""
    plugins = (path for folder in FOLDERS for path in (ROOT / "plugins" / folder).glob("*.py"))
    return sorted([*plugins, *ROOT.glob("roles/*/meta/argument_specs.yml"), *ROOT.glob("docs/docsite/rst/*.rst")])


def wrapped(path: Path, text: str) -> str:
    """Return the text of a file with its documentation wrapped, except for EXAMPLES."""
    if path.suffix == ".rst":
        return wrapped_rst(text)
    if path.suffix != ".py":
        return wrapped_yaml(text)
    for match in reversed(list(_BLOCK.finditer(text))):
        if not match[0].lstrip().startswith("EXAMPLES"):
            text = text[: match.start(1)] + wrapped_yaml(match[1]) + text[match.end(1) :]
    return text


def wrapped_yaml(text: str) -> str:
    """Return YAML with its prose wrapped. Raise ValueError if that would change its meaning."""
    result = text
    for node, is_item in reversed(list(_prose(yaml.compose(text)))):
        before, after = result[: node.start_mark.index], result[node.end_mark.index :]
        lines = _filled(node.value, WIDTH - node.start_mark.column)
        margin = " " * node.start_mark.column
        if len(lines) > 1 and not is_item:
            before, margin = _with_an_item(before)
            lines = _filled(node.value, WIDTH - len(margin))
        result = before + f"\n{margin}".join(lines) + after
    if _meaning(result) != _meaning(text):
        raise ValueError("wrapping would change what is said")
    return result


def wrapped_rst(text: str) -> str:
    """Return reStructuredText with its paragraphs and items wrapped. Raise ValueError if that would change words."""
    lines = text.splitlines()
    result: list[str] = []
    while lines:
        result += _block(lines)
    if " ".join(result).split() != text.split():
        raise ValueError("wrapping would change what is said")
    return "\n".join(result) + "\n"


def _block(lines: list[str]) -> list[str]:
    """Take the next block from the lines. Return it, wrapped if it is a paragraph or an item."""
    first = lines.pop(0)
    if first.startswith(".."):
        taken = [first]
        while lines and (not lines[0] or lines[0].startswith(" ")):
            taken.append(lines.pop(0))
        return taken
    match = _TEXT.match(first)
    if not match or (lines and re.fullmatch(r"([=~-])\1+", lines[0])):
        return [first]
    mark = match["margin"] + (match["mark"] or "")
    margin = " " * len(mark)
    taken = [first[len(mark) :]]
    while lines and (more := _TEXT.match(lines[0])) and not more["mark"] and more["margin"] == margin:
        taken.append(lines.pop(0).strip())
    filled = _filled(" ".join(taken), WIDTH - len(mark))
    return [mark + filled[0], *(margin + line for line in filled[1:])]


def _prose(node: yaml.Node | None, key: str = "", is_item: bool = False) -> c.Iterator[tuple[yaml.ScalarNode, bool]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _prose(value, str(name.value))
    elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
        for value in node.value:
            yield from _prose(value, key, is_item=True)
    elif isinstance(node, yaml.ScalarNode) and node.style is None and key in PROSE:
        yield node, is_item


def _with_an_item(before: str) -> tuple[str, str]:
    """Begin a list item after a key. Return the text, and the margin of the item's further lines."""
    line = before.rpartition("\n")[2]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return f"{before.rstrip()}\n{indent}- ", f"{indent}  "


def _filled(text: str, width: int) -> list[str]:
    lines = [""]
    for word in _WORD.findall(text):
        ends = _END.search(lines[-1]) and _BEGIN.match(word)
        if lines[-1] and (ends or len(lines[-1]) + 1 + len(word) > width):
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def _meaning(text: str) -> object:
    """Return the content of YAML, in which a single text is equal to a list with this text."""

    def plain(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: plain(entry, str(name)) for name, entry in value.items()}
        if isinstance(value, list):
            return [plain(entry) for entry in value]
        return [value] if key in PROSE else value

    return plain(yaml.safe_load(text))


def main() -> int:
    """Rewrite the files that break the rule, and print their names."""
    for path in files():
        text = path.read_text(encoding="utf-8")
        if (new := wrapped(path, text)) != text:
            path.write_text(new, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
