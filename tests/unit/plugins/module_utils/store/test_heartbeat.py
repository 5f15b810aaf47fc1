# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases are renewed as long as the work goes on, and no longer."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import heartbeat


class Beats:
    """Count the calls; ``enough`` is set after three."""

    def __init__(self) -> None:
        self.count = 0
        self.enough = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        if self.count == 3:
            self.enough.set()


def beating() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_it_beats_until_the_work_is_done() -> None:
    beats = Beats()
    with heartbeat(beats, 0.03):
        assert beats.enough.wait(30)
        (thread,) = beating()
        assert thread.daemon, "a process that ends does not wait for it"
    assert beating() == []


def test_work_that_ends_first_is_not_kept_waiting() -> None:
    beats = Beats()
    with heartbeat(beats, 3600.0):
        pass
    assert beats.count == 0
    assert beating() == []


def test_it_ends_with_work_that_fails() -> None:
    with pytest.raises(KeyError), heartbeat(Beats(), 0.03):
        raise KeyError
    assert beating() == []


def test_three_times_in_the_life_of_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []
    real = threading.Event.wait

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout)
        return real(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", wait)
    with heartbeat(Beats(), 60.0):
        pass
    assert 20.0 in waited
