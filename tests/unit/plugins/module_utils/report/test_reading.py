# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A view is read from a store, in one pass."""

from __future__ import annotations

import datetime as dt
import gc
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import RenewalPolicy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.happenings import happening_of
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.reading import read_view
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import View, ends_next, timeline
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store

from .stored import DAY, OTHER, SERVICE, fill, fleet

NOW = dt.datetime(2026, 6, 3, 12, 0, 0, 5, tzinfo=dt.timezone.utc)  # a Wednesday


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "store.db"
    with open_store(str(path)) as store:
        fill(store, fleet(NOW))
    return path


def read(store: Store, services: list[str] | None = None, recent: int = 5) -> View:
    return read_view(store, services, RenewalPolicy(), NOW, title="All", soon=30 * DAY, recent=recent)


def test_all_services_are_read(path: Path) -> None:
    with open_store(str(path), read_only=True) as store:
        view = read(store)
    names = [(entry.service, entry.name) for entry in view.entries]
    assert names == sorted({(row.service, row.name) for row in fleet(NOW)})
    assert view.services == (SERVICE, OTHER)
    assert view.taken_at == NOW.replace(microsecond=0)
    assert gc.isenabled()


def test_the_sums_agree(path: Path) -> None:
    with open_store(str(path), read_only=True) as store:
        view = read(store)
    total = len(view.entries)
    assert sum(view.by_status.values()) == total
    assert sum(sum(counts.values()) for counts in view.by_service.values()) == total
    assert view.by_provider["CA_LEGACY"] == {"in_use": 1}
    assert view.by_status["needs_person"] == 3
    gravity = [entry.status.gravity for entry in view.attention]
    assert gravity == sorted(gravity)
    assert len(gravity) == 7


def test_one_service_is_read(path: Path) -> None:
    with open_store(str(path), read_only=True) as store:
        view = read(store, [OTHER, OTHER])
        assert [entry.name for entry in view.entries] == ["given-up", "on-another"]
        assert {one.service for one in view.happenings} == {OTHER}
        with pytest.raises(
            ConfigurationError, match=r"no enrollment of 'redtrsut', 'x'; .* 'redtrust.example.com', 'test'"
        ):
            read(store, ["redtrsut", "x", OTHER])


def test_a_store_without_enrollments(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "store.db")) as store:
        view = read(store)
        assert (view.services, list(view.entries), view.happenings) == ((), [], ())
        with pytest.raises(ConfigurationError, match="none, as it is empty"):
            read(store, ["redtrust"])


def test_the_last_happenings_come_first(path: Path) -> None:
    with open_store(str(path), read_only=True) as store:
        told = read(store, recent=1000).happenings
        assert read(store, recent=3).happenings == told[:3]
        assert read(store, recent=0).happenings == ()
        times = [one.at for one in told]
        assert times == sorted(times, reverse=True)
        # also those of the same second
        for service in (SERVICE, OTHER):
            written = list(filter(None, map(happening_of, store.events(service))))
            assert [one for one in told if one.service == service] == written[::-1]
    assert {row.name for row in fleet(NOW)} - {one.name for one in told} == {"to-approve", "waits"}


def test_the_timeline_counts_what_ends(path: Path) -> None:
    with open_store(str(path), read_only=True) as store:
        view = read(store)
    days = timeline(view, "day")
    assert [days[0].begins, days[-1].begins] == [NOW.date(), NOW.date() + 30 * DAY]
    assert {one.begins - NOW.date(): one.count for one in days if one.count} == {
        days * DAY: 1 for days in (2, 5, 10, 20)
    }
    weeks = timeline(view, "week")
    assert weeks[0].begins == dt.date(2026, 6, 1)
    assert (weeks[0].count, len(weeks)) == (1, 53)
    ahead = [entry for entry in view.entries if entry.not_valid_after and entry.not_valid_after > NOW]
    assert sum(week.count for week in weeks) == len(ahead)


def test_what_ends_next_has_not_ended(path: Path) -> None:
    with open_store(str(path), read_only=True) as store:
        view = read(store)
    assert [entry.name for entry in ends_next(view, 3)] == ["waits-too-long", "short-lived", "soon"]
