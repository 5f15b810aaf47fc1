# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check docs/conformance.md and docs/promises.md.

No row is left out, no cell is empty, and each cited test exists.
"""

from __future__ import annotations

import ast
import collections.abc as c
import functools
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
DOCUMENT = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
# The sections of the vendor's page for 4.33, in its order; step 1 and step 3 have several parts.
PAGE = (
    "Title and overview",
    "Background",
    "Before you start",
    "Step 1: authentication request",
    "Step 1: required headers",
    "Step 1: redirection with temporary token",
    "Step 2: token exchange",
    "Step 3: csr/create",
    "Step 3: the example of csr/create",
    "Step 3: csr/finalize",
    "Step 4: certificate renewal",
    "Supported parameters",
)

_SECTION = re.compile(r"### (\d+)\. (.+)")
_ROW = re.compile(r"\| (R?[\d.]+) \|.*\|")
_TEST = re.compile(r"((?:\w+/)*test_\w+\.py)::(test_\w+)")
_TASK = re.compile(r"((?:\w+/)+\w+\.yml): (.+)")
_SPAN = re.compile(r"`([^`]+)`")
_READING = re.compile(r"\[(R\d+)\]\(#readings\)")


def problems(document: str, sides: int = 2) -> list[str]:
    """Return the problems of a document whose rows end with the evidence of this many sides."""
    return [*_numbering_problems(document), *_cell_problems(document), *_evidence_problems(document, sides)]


def _numbering_problems(document: str) -> c.Iterator[str]:
    lines = document.splitlines()
    sections = [match for line in lines if (match := _SECTION.fullmatch(line))]
    found = [line.split(" ", 2)[1] for line in lines if _ROW.fullmatch(line)]
    counts = [sum(number.startswith(f"{section[1]}.") for number in found) for section in sections]
    expected = [f"{number}.{row}" for number, count in enumerate(counts, 1) for row in range(1, (count or 1) + 1)]
    readings = sum(number.startswith("R") for number in found)
    expected += [f"R{number}" for number in range(1, readings + 1)]
    for is_there, should_be in itertools.zip_longest(found, expected, fillvalue="nothing"):
        if is_there != should_be:
            yield f"row {is_there} is where {should_be} should be"
            return


def _cell_problems(document: str) -> c.Iterator[str]:
    width = 0
    for line in document.splitlines():
        if line.startswith("| ---"):
            width = line.count("|")
        if not line.startswith("| ") or line.startswith("| |"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.count("|") != width:
            yield f"row {cells[0]} has {len(cells)} cells"
        if not all(cells):
            yield f"row {cells[0]} has an empty cell"


def _evidence_problems(document: str, sides: int) -> c.Iterator[str]:
    readings = {line.split(" ", 2)[1] for line in document.splitlines() if line.startswith("| R")}
    for line in document.splitlines():
        if not _ROW.fullmatch(line):
            continue
        number, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for cell in cells[-sides:]:
            spans = _SPAN.findall(cell)
            named = [span for span in spans if "::" in span or ".yml" in span]
            if cell != "-" and not named:
                yield f"row {number} shows nothing for: {cell[:60]}"
            yield from (f"row {number} names {span}, which is not there" for span in named if not _is_there(span))
        unknown = set(_READING.findall(line)) - readings
        yield from (f"row {number} names the reading {reading}, which is not there" for reading in sorted(unknown))


def _is_there(span: str) -> bool:
    test, task = _TEST.fullmatch(span), _TASK.fullmatch(span)
    if test:
        return test[2] in _names_in(test[1])
    return task is not None and task[2] in _names_in(task[1])


@functools.cache
def _names_in(file: str) -> frozenset[str]:
    """Return the tests or tasks of the only file whose path ends like this; none if there are several such files."""
    found = [path for path in TESTS.rglob(Path(file).name) if path.as_posix().endswith(f"/{file}")]
    if len(found) != 1:
        return frozenset()
    text = found[0].read_text(encoding="utf-8")
    if file.endswith(".yml"):
        return frozenset(re.findall(r"^ *- name: (.+?) *$", text, re.MULTILINE))
    return frozenset(node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))


def test_the_document_keeps_its_word() -> None:
    assert problems(DOCUMENT) == []


def test_the_promises_are_tested() -> None:
    assert problems(PROMISES, sides=1) == []
    assert "| - |" not in PROMISES


def test_each_section_of_the_page_has_its_rows() -> None:
    assert tuple(_SECTION.findall(DOCUMENT)[: len(PAGE)]) == tuple(
        (str(number), title) for number, title in enumerate(PAGE, 1)
    )


SOUND = """
### 1. First

| | the page | the client | the sandbox |
| --- | --- | --- | --- |
| 1.1 | "a" | - | - |
| 1.2 | "b" | so ([R1](#readings))<br>`test_layers.py::test_plugin_file` | too<br>`test_cli.py::test_ctrl_c_ends_it` |

### 2. Second

| | the page | the client | the sandbox |
| --- | --- | --- | --- |
| 2.1 | `c` | does<br>`enrollment/tasks/main.yml: Clean up` | - |

### Readings

| | question | chosen by | reading | the client | the sandbox |
| --- | --- | --- | --- | --- | --- |
| R1 | what | own | this | `test_layers.py::test_plugin_file` | `test_cli.py::test_ctrl_c_ends_it` |
"""


def test_what_is_right_passes() -> None:
    assert problems(SOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("| 1.1 |", "| 1.3 |", "row 1.3 is where 1.1 should be"),
        ('| 1.1 | "a" | - | - |\n', "", "row 1.2 is where 1.1 should be"),
        ('| 1.1 | "a" | - | - |\n', '| 1.1 | "a" | - | - |\n' * 2, "row 1.1 is where 1.2 should be"),
        ("| 2.1 |", "| 3.1 |", "row 3.1 is where 2.1 should be"),
        ("| R1 |", "| R2 |", "row R2 is where R1 should be"),
        ('| "a" |', "|  |", "row 1.1 has an empty cell"),
        ('| "a" | - |', '| "a" |', "row 1.1 has 3 cells"),
        ("<br>`test_cli.py::test_ctrl_c_ends_it`", "", "row 1.2 shows nothing for: too"),
        ("::test_plugin_file` | too", "::test_no_file` | too", "test_no_file, which is not there"),
        ("`test_layers.py::test_plugin_file` | too", "`test_l.py::test_plugin_file` | too", "which is not there"),
        ("`test_layers.py::test_plugin_file` | too", "`test_contract.py::test_row` | too", "which is not there"),
        ("main.yml: Clean up", "main.yml: Clean", "main.yml: Clean, which is not there"),
        ("[R1](#", "[R7](#", "reading R7, which is not there"),
    ],
)
def test_a_planted_fault_is_found(old: str, new: str, expected: str) -> None:
    assert old in SOUND
    found = problems(SOUND.replace(old, new, 1))
    assert found
    assert expected in found[0]
