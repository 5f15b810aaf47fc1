# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two builds of one commit, by two people, on two days."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import artifact
import pytest
import workshop

DAY = 86400
# ansible-galaxy asks for the time in this way
LATER = f"import time\nreal = time.time\ntime.time = lambda: real() + {3 * DAY}\n"
BUILD = "import artifact, pathlib, sys; artifact.build(pathlib.Path(sys.argv[1]), 'HEAD', pathlib.Path(sys.argv[2]))"


def test_another_person_builds_the_same_bytes_on_another_day(tmp_path: Path, built: artifact.Artifact) -> None:
    elsewhere, clock, output = tmp_path / "another folder", tmp_path / "clock", tmp_path / "output"
    subprocess.run(["git", "clone", "--quiet", "--shared", str(workshop.ROOT), str(elsewhere)], check=True)
    # what lies about in a folder is no part of the commit
    (elsewhere / "plugins" / "litter.py").write_text("litter\n", encoding="utf-8")
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(LATER, encoding="utf-8")
    place = tmp_path / "temporary"
    place.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(clock), str(workshop.ROOT / "tests" / "tools"))),
        "TMPDIR": str(place),
        "TZ": "Asia/Tokyo",
        "HOME": str(tmp_path),
    }
    before = time.time()
    subprocess.run([sys.executable, "-c", BUILD, str(elsewhere), str(output)], env=environment, umask=0o077, check=True)
    (path,) = output.iterdir()
    assert path.read_bytes() == built.path.read_bytes()
    assert path.name == built.path.name
    assert built.time < before


def test_the_clock_of_the_other_day_was_in_use(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import time; print(time.time())"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert float(shown) > time.time() + 2 * DAY


def test_nothing_in_it_tells_who_built_it_or_when(built: artifact.Artifact) -> None:
    with tarfile.open(built.path) as archive:
        members = archive.getmembers()
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (built.time, 0, 0, "", "")
    }
    assert {oct(member.mode) for member in members} == {"0o755", "0o644"}
    # RFC 1952: the flags of a gzip without a name of a file, then the time
    assert built.path.read_bytes()[3:8] == b"\0" + built.time.to_bytes(4, "little")


def test_the_time_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    command = ["git", "log", "-1", "--format=%cI", "HEAD"]
    committed = subprocess.run(command, cwd=workshop.ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert artifact.time_of(workshop.ROOT, "HEAD") == int(dt.datetime.fromisoformat(committed).timestamp())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert artifact.time_of(workshop.ROOT, "HEAD") == 1700000000
