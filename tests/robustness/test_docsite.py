# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the guides of docs/docsite/rst as a reader does: write each file, run each command, compare the output."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests import guides

LIMIT_SECONDS = 600
# The others go on from the first one.
FOLLOWED = ("guide_start", "guide_choosing_a_ca", "guide_performance", "guide_fleet", "guide_promises")
PORT = "8642"
# What differs from run to run.
VARYING = (
    (re.compile(r"\b[0-9A-F]{40}\b"), "THUMBPRINT"),
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?"), "DATE"),
    (re.compile(r"\bCN ?= ?|\b(serialNumber|O|C) ?= ?"), lambda match: match[0].replace(" ", "")),
)


def same(text: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text.strip()


def shows(output: str, line: str) -> bool:
    """Return whether the output has a line, in which ``...`` is any text."""
    wanted = re.compile(".*".join(re.escape(part) for part in same(line).split("...")) + "$")
    return any(wanted.match(same(found)) for found in output.splitlines())


class Reader:
    """A person with an empty home, whose path has a blank."""

    def __init__(self, folder: Path) -> None:
        home = folder / "a reader"
        self.folder = home / "redtrust"
        self.folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("REDTRUST_")},
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
        }

    def follow(self, name: str) -> None:
        """Do what a guide says."""
        for block in guides.blocks(guides.text_of(name)):
            if block.why_not:
                continue
            if block.caption:
                (self.folder / block.caption).write_text(self.here(block.text), encoding="utf-8")
            elif block.language == "console":
                for command, lines in block.commands():
                    self.run(f"{name}, line {block.line}", command, lines)

    def run(self, where: str, command: str, lines: t.Sequence[str]) -> None:
        """Run a command, and look for the lines of its output."""
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", self.here(command)],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
            timeout=200,
        )
        told = f"{where}: {command}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, told
        for line in lines:
            assert shows(done.stdout, line), f"not in the output: {line}\n{told}"

    def here(self, text: str) -> str:
        """Return a text with a port that is free."""
        return text.replace(PORT, self.port)

    def stop(self) -> None:
        """Stop the server if a failed guide has left it."""
        if (self.folder / "practice.yml").exists():
            subprocess.run(
                ["ansible-playbook", "practice.yml", "-e", "state=stopped"],
                check=True,
                capture_output=True,
                cwd=self.folder,
                env=self.environment,
                timeout=100,
            )


@pytest.fixture
def reader(tmp_path: Path) -> t.Iterator[Reader]:
    one = Reader(tmp_path)
    yield one
    one.stop()


def test_the_guides_do_what_they_say(reader: Reader) -> None:
    for name in FOLLOWED:
        reader.follow(name)
    assert "<title>" in (reader.folder / "report.html").read_text(encoding="utf-8")


def test_what_is_not_followed_has_no_command_to_run() -> None:
    left = {
        f"{name}, line {block.line}"
        for name in guides.names()
        if name not in FOLLOWED
        for block in guides.blocks(guides.text_of(name))
        if block.language == "console" and not block.why_not
    }
    assert left == set()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('"2 certificates: 2 issued, 0 unchanged, 0 failed",', True),
        ('"2 certificates: 3 issued, 0 unchanged, 0 failed",', False),
        ('"2 certificates: ..., 0 failed",', True),
        ('"issued: a, thumbprint AE9086635894D07B8EF16030763075A661D328C1, valid until 2027-02-28"', True),
        ('"issued: b, thumbprint AE9086635894D07B8EF16030763075A661D328C1, valid until 2027-02-28"', False),
        ("subject=CN = A, O = B", True),
    ],
)
def test_lines_are_compared(line: str, found: bool) -> None:
    output = (
        '    "2 certificates: 2 issued, 0 unchanged, 0 failed",\n'
        '    "issued: a, thumbprint B9032F09CA54D247F8247808412D9C57E1FC770B, valid until 2031-01-01"\n'
        "subject=CN=A, O=B\n"
    )
    assert shows(output, line) is found
