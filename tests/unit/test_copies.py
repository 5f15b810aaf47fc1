# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep copies of text equal where Ansible demands copies, and find all other duplicate text.

Ansible has no fragments for RETURN blocks and for the argument specs of roles.
"""

from __future__ import annotations

import collections.abc as c
import json
import re
import typing as t
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

ROOT = Path(__file__).resolve().parents[2]
RUN = 12
COLLECTION = "redtrust.certificate_enroll"

STEPS = ("redtrust_certificate", "redtrust_csr", "redtrust_finalize", "redtrust_renew", "redtrust_sign")
# Allowed differences between the RETURN blocks of these five modules, with the reason.
RETURN_MAY_DIFFER = {
    "certificates.action.description": "each step has actions of its own",
    "certificates.action.sample": "each step has actions of its own",
    "certificates.reason.sample": "the reason belongs to the action",
    "certificates.state.sample": "each step ends in a state of its own",
    "certificates.waiting_since.version_added": "redtrust_certificate is newer",
    "certificates.postponed.version_added": "redtrust_certificate is newer",
    "stopped.version_added": "redtrust_certificate is newer",
    "summary.description": "only a renewal is left for a later run",
    "summary.sample": "each step has actions of its own",
}
_OF_A_REPLACEMENT = (
    "id",
    "begun_at",
    "begun_by",
    "deadline",
    "ended_at",
    "total",
    "replaced",
    "left",
    "failed",
    "not_judged",
    "done_by",
    "will_miss",
    "why",
)
RETURN_OF_SOME = {
    **dict.fromkeys(
        ("replacement", *(f"replacement.{name}" for name in _OF_A_REPLACEMENT)), "only redtrust_certificate replaces"
    ),
    "certificates.csr": "there is none any more when a certificate is uploaded",
    "certificates.postponed": "only a renewal is left for a later run",
    "certificates.postponed.by": "only a renewal is left for a later run",
    "certificates.postponed.until": "only a renewal is left for a later run",
    "certificates.path": "a request and a signature write no files",
    "certificates.chain_path": "a request and a signature write no files",
    "certificates.backup_files": "a request and a signature write no files",
    "changed_names": "only redtrust_certificate sums up",
    "failed_names": "only redtrust_certificate sums up",
    "report": "only redtrust_certificate sums up",
    **dict.fromkeys(("kinds", "kinds.counts", "kinds.names", "kinds.requests"), "only redtrust_certificate sums up"),
    "session_ended": "only redtrust_certificate ends the session",
}

ROLES = ("issue", "renew")
# Allowed differences between the argument specs of these two roles, apart from the prefix, with the reason.
SPEC_MAY_DIFFER = {
    "renew_before.default": "the role issue need not renew",
    "renew_before.description": "the role issue need not renew",
    "renew_jitter.description": "the role issue renews only if a time is set, and then the default is no jitter",
    "certificates_file.description": "the role renew looks at certificates that are there",
    "results_all.description": "the role renew takes the whole store without a list",
}
SPEC_OF_SOME = {
    "replace": "a replacement renews what is in use",
    "force": "a renewal of everything makes sense, a new request for everything does not",
    "certificate_defaults": "a renewal takes the parameters of the earlier request",
}

# The role renew leaves out what its own name says.
SHORTER = {
    "before": "renew_before",
    "jitter": "renew_jitter",
    "windows": "renewal_windows",
    "freezes": "renewal_freezes",
}

Tree = dict[str, t.Any]


def differences(trees: t.Mapping[str, Tree], below: str, differ: t.Container[str], some: t.Container[str]) -> list[str]:
    """Return the differences between the trees, by the path of the field; ``below`` is the key of the subfields."""
    flat = {name: dict(_fields(tree, below)) for name, tree in trees.items()}
    found = []
    for path in dict.fromkeys(path for fields in flat.values() for path in fields):
        there = [name for name in flat if path in flat[name]]
        if len(there) < len(flat) and path not in some:
            found.append(f"only {', '.join(there)} has {path}")
        entries = [flat[name][path] for name in there]
        unlike = [key for key in dict.fromkeys(key for entry in entries for key in entry) if not _alike(entries, key)]
        found += [f"{path}.{key} differs between {', '.join(there)}" for key in unlike if f"{path}.{key}" not in differ]
    return found


def _alike(entries: c.Sequence[Tree], key: str) -> bool:
    return all(entry.get(key) == entries[0].get(key) for entry in entries)


def _fields(tree: Tree, below: str, prefix: str = "") -> c.Iterator[tuple[str, Tree]]:
    for name, entry in tree.items():
        yield prefix + name, {key: value for key, value in entry.items() if key != below}
        yield from _fields(entry.get(below, {}), below, f"{prefix}{name}.")


def return_block(module: str) -> Tree:
    match = _RETURN.search((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    return dict(yaml.safe_load(match[1])) if match else {}


def role_options(role: str) -> Tree:
    """Return the options of a role, without its prefix in their names and descriptions."""
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    other = ROLES[1 - ROLES.index(role)]
    options = {}
    for name, option in yaml.safe_load(text)["argument_specs"]["main"]["options"].items():
        said = json.dumps(option).replace(f"O({role}_", "O(").replace(f"O({other}_", "O(other role: ")
        short = name.removeprefix(f"{role}_")
        options[SHORTER.get(short, short)] = json.loads(re.sub(r"O\((\w+)\)", _in_full, said))
    return options


def _in_full(option: re.Match[str]) -> str:
    return f"O({SHORTER.get(option[1], option[1])})"


def test_return_blocks_are_the_same_where_they_say_the_same() -> None:
    blocks = {module: return_block(module) for module in STEPS}
    assert all(block["certificates"]["contains"] for block in blocks.values())
    assert differences(blocks, "contains", RETURN_MAY_DIFFER, RETURN_OF_SOME) == []


def test_argument_specs_are_the_same_where_they_say_the_same() -> None:
    specs = {role: role_options(role) for role in ROLES}
    assert all(spec["local_ca"]["options"] for spec in specs.values())
    assert differences(specs, "options", SPEC_MAY_DIFFER, SPEC_OF_SOME) == []


def module_options(module: str, option: str) -> Tree:
    """Return the suboptions of a module's option in the form of a role's description."""
    path = ROOT / "plugins" / "modules" / f"{module}.py"
    documentation = get_docstring(str(path), fragment_loader, collection_name=COLLECTION, plugin_type="module")[0]
    options = documentation["options"][option]["suboptions"]
    said = json.dumps({name: _as_in_a_role(entry) for name, entry in options.items()})
    return dict(json.loads(re.sub(rf"O\((?:{option}(?:\[\])?\.)?(.*?)\)", r"C(\1)", said)))


def _as_in_a_role(entry: Tree) -> Tree:
    """Return the part of an option that a role repeats. Defaults are in the module; a single line is a list."""
    said = entry["description"]
    said = {"description": said if isinstance(said, list) else [said]}
    return said | {key: entry[key] for key in ("type", "elements", "choices", "required") if key in entry}


@pytest.mark.parametrize(
    ("module", "option", "role"),
    [
        ("redtrust_sign", "local_ca", "issue"),
        ("redtrust_sign", "command", "issue"),
    ],
)
def test_a_role_describes_the_options_of_its_module(module: str, option: str, role: str) -> None:
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    options = yaml.safe_load(text)["argument_specs"]["main"]["options"][f"{role}_{option}"]["options"]
    described = {name: _as_in_a_role(entry) for name, entry in options.items()}
    trees = {module: module_options(module, option), f"role {role}": described}
    assert differences(trees, "", (), ()) == []


def test_nothing_is_excepted_that_is_the_same() -> None:
    blocks = {module: return_block(module) for module in STEPS}
    specs = {role: role_options(role) for role in ROLES}
    found = {*differences(blocks, "contains", (), ()), *differences(specs, "options", (), ())}
    excepted = [*RETURN_MAY_DIFFER, *RETURN_OF_SOME, *SPEC_MAY_DIFFER, *SPEC_OF_SOME]
    assert len(found) == len(excepted)
    assert all(any(path in problem.split() for problem in found) for path in excepted)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"a": {"type": "int", "sample": 1}}, ["a.type differs between one, two"]),
        ({"a": {"type": "str"}}, []),
        ({"a": {"type": "str", "contains": {"b": {"type": "str"}}}}, ["only two has a.b"]),
        ({"c": {"type": "str"}}, ["only two has c"]),
    ],
)
def test_a_planted_difference_is_found(change: Tree, expected: list[str]) -> None:
    trees = {"one": {"a": {"type": "str", "sample": 2}}, "two": {"a": {"type": "str", "sample": 2}} | change}
    assert differences(trees, "contains", {"a.sample"}, ()) == expected


_RETURN = re.compile(r'^RETURN = r"""\n(.*?)^"""', re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
HELD = frozenset(f"roles/{role}/meta/argument_specs.yml" for role in ROLES)


def text_files() -> dict[str, str]:
    """Return the text of the files that must not repeat each other, without the copies that the tests above check."""
    texts = {}
    for path in sorted(path for folder in ("plugins", "roles") for path in (ROOT / folder).rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in (".py", ".yml", ".md", ".j2") or name in HELD:
            continue
        texts[name] = path.read_text(encoding="utf-8")
        if path.stem in STEPS and path.parent.name == "modules":
            texts[name] = _RETURN.sub("", texts[name])
    return texts


def doubles(texts: t.Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return for each pair of files the first line of a run that both contain; blanks do not count."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, text in texts.items():
        lines = [line.strip() for line in _COMMENT.sub("", text).splitlines()]
        lines = [line for line in lines if line and not (line.startswith("#") and not name.endswith(".md"))]
        for start in range(len(lines) - RUN + 1):
            places[tuple(lines[start : start + RUN])].append(name)
    found: dict[tuple[str, str], str] = {}
    for run, names in places.items():
        for other in names[1:]:
            found.setdefault((names[0], other), run[0])
    return found


def test_nothing_stands_twice() -> None:
    texts = text_files()
    assert {"plugins/modules/redtrust_csr.py", "roles/issue/tasks/main.yml", "roles/issue/README.md"} <= texts.keys()
    assert doubles(texts) == {}


LINES = [f"line {number}" for number in range(RUN)]


@pytest.mark.parametrize(
    ("one", "two", "is_found"),
    [
        (LINES, ["before", *LINES, "after"], True),
        (LINES, [*LINES[:6], "", "  # a comment", *(f"    {line}" for line in LINES[6:])], True),
        (LINES, [*LINES[:6], "another", *LINES[6:]], False),
        (LINES[1:], LINES, False),
        (["# Copyright"] * RUN, ["# Copyright"] * RUN, False),
        ([*LINES, *LINES], [], True),
    ],
)
def test_a_planted_double_is_found(one: list[str], two: list[str], is_found: bool) -> None:
    assert bool(doubles({"one.py": "\n".join(one), "two.py": "\n".join(two)})) is is_found
