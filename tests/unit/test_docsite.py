# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the guides of docs/docsite/rst: their index, links and pictures, and that the code has each message."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll import attention
from ansible_collections.redtrust.certificate_enroll.tests import guides

ROOT = guides.ROOT
PREFIX = "ansible_collections.redtrust.certificate_enroll.docsite."
REPOSITORY = "https://github.com/redtrust-partners/certificate_enroll/"
PICTURES = "https://raw.githubusercontent.com/redtrust-partners/certificate_enroll/main/"
MESSAGE = re.compile(r"^``(.+)``$", re.MULTILINE)
# Shorter parts of a message are in the code by chance.
SHORTEST = 12

each_guide = pytest.mark.parametrize("name", guides.names())


def labels() -> set[str]:
    return {label for name in guides.names() for label in re.findall(r"^\.\. _(\S+):$", guides.text_of(name), re.M)}


def test_the_index_has_each_guide() -> None:
    index = yaml.safe_load((ROOT / "docs" / "docsite" / "extra-docs.yml").read_text(encoding="utf-8"))
    listed = [name for section in index["sections"] for name in section["toctree"]]
    assert sorted(listed) == guides.names()


@each_guide
def test_its_label_is_its_name(name: str) -> None:
    assert f"{PREFIX}{name}" in labels()


@each_guide
def test_it_leads_to_guides_that_are_there(name: str) -> None:
    used = re.findall(r":ref:`(?:[^`<]+<)?([\w.]+)>?`", guides.text_of(name))
    assert set(used) <= labels()


@each_guide
def test_it_leads_to_pages_that_are_there(name: str) -> None:
    text = guides.text_of(name)
    used = re.findall(rf"{re.escape(REPOSITORY)}blob/main/([^>\s]+)", text)
    for path, _hash, anchor in (link.partition("#") for link in used):
        assert (ROOT / path).is_file(), path
        assert not anchor or anchor in guides.anchors(ROOT / path), f"{path}#{anchor}"
    folders = re.findall(rf"{re.escape(REPOSITORY)}tree/main/([^>\s]+)", text)
    assert [path for path in folders if not (ROOT / path).is_dir()] == []
    assert len(used) + len(folders) == text.count(REPOSITORY)


@each_guide
def test_its_pictures_are_there(name: str) -> None:
    text = guides.text_of(name)
    for address in re.findall(r"\.\. image:: (\S+)", text):
        assert address.startswith(PICTURES)
        assert (ROOT / address[len(PICTURES) :]).is_file()
    drawn = re.findall(r"<svg[^>]*>", text)
    assert all('role="img" aria-label="' in one for one in drawn)
    assert len(re.findall(r"^ +:alt: .+", text, re.M)) == text.count(".. image::")


@pytest.mark.process
@each_guide
def test_its_code_can_be_read(name: str) -> None:
    for block in guides.blocks(guides.text_of(name)):
        if block.language == "yaml":
            yaml.safe_load(block.text)
        if block.language in ("bash", "console"):
            commands = block.text if block.language == "bash" else "\n".join(line for line, _output in block.commands())
            done = subprocess.run(["bash", "-n"], input=commands, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), f"line {block.line}"


@functools.cache
def told() -> tuple[str, ...]:
    """Return the parts of all texts in the code, without what is filled in."""
    found: set[str] = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 1000:
                found.add(node.value)
    return tuple(found)


def parts(message: str) -> list[str]:
    return [part.strip() for part in message.split("...") if len(part.strip()) >= SHORTEST]


def in_the_code(message: str) -> bool:
    return bool(parts(message)) and all(any(part in text for text in told()) for part in parts(message))


@pytest.mark.parametrize("message", MESSAGE.findall(guides.text_of("guide_troubleshooting")))
def test_the_code_has_the_message(message: str) -> None:
    assert in_the_code(message)


def test_a_message_of_old_is_found() -> None:
    assert not in_the_code("store ...: it is too old, and a person must convert it")
    assert not in_the_code("...")
    assert len(MESSAGE.findall(guides.text_of("guide_troubleshooting"))) > 50


def test_each_message_has_a_cause() -> None:
    text = guides.text_of("guide_troubleshooting")
    assert len(re.findall(r"^``.+``\n  \S", text, re.M)) == len(MESSAGE.findall(text))


def test_each_kind_of_problem_is_explained() -> None:
    text = guides.text_of("guide_troubleshooting")
    for kind in t.get_args(attention.Kind):
        assert f"   * - ``{kind}``\n" in text
