# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of progress: a new one from time to time, and none for a short run."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.plugin_utils import progress

PATIENCE_SECONDS = 20


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "progress"


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "RHYTHM", progress.Rhythm(0.001, 0.001, 0.001))


def test_each_new_line_is_shown(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    said: queue.Queue[str] = queue.Queue()
    with progress.shown(place, said.put):
        for line in ("1 of 3 done", "2 of 3 done"):
            place.write_text(line, encoding="utf-8")
            assert said.get(timeout=PATIENCE_SECONDS) == line
    assert said.empty()


def test_a_short_run_shows_nothing(place: Path) -> None:
    said: list[str] = []
    place.write_text("1 of 1 done", encoding="utf-8")
    with progress.shown(place, said.append):
        pass
    assert said == []


def test_only_one_line_that_does_nothing_to_a_terminal(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    said: queue.Queue[str] = queue.Queue()
    place.write_bytes(b"1 of\x1b[31m \xff 3" + 300 * b"x" + b"\nmore")
    with progress.shown(place, said.put):
        line = said.get(timeout=PATIENCE_SECONDS)
    assert line.startswith("1 of?[31m \ufffd 3xxx")
    assert len(line) == 200


def test_a_main_process_that_is_gone_stops_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    said: queue.Queue[str] = queue.Queue()

    def show(line: str) -> None:
        said.put(line)
        raise BrokenPipeError

    with progress.shown(place, show):
        for line in ("1 of 3 done", "2 of 3 done"):
            place.write_text(line, encoding="utf-8")
            assert said.get(timeout=PATIENCE_SECONDS) == line


def test_a_failure_of_the_module_is_passed_on(place: Path) -> None:
    with pytest.raises(RuntimeError, match="no"), progress.shown(place, print):
        raise RuntimeError("no")
