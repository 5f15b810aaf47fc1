# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selecting enrollments."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.selection import (
    SELECTION,
    Counts,
    Selection,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import RENEWAL
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store
from ansible_collections.redtrust.certificate_enroll.plugins.modules.redtrust_enrollment_info import work


def selected(now: dt.datetime, **given: t.Any) -> Selection:
    flags = {"needs_attention": False, "counts_only": False}
    return Selection.read({**dict.fromkeys(SELECTION), **flags, **given}, now)


class TestExpiresWithin:
    NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)

    @pytest.mark.parametrize(
        ("text", "days"),
        [("30", 30), (" 30d ", 30), ("0", 0), ("-5", -5), ("1d12h", 1.5), ("4w", 28), ("999999", 999999)],
    )
    def test_a_number_alone_counts_days(self, text: str, days: float) -> None:
        assert selected(expires_within=text, now=self.NOW).until == self.NOW + dt.timedelta(days=days)

    def test_without_it_everything_is_shown(self) -> None:
        assert selected(now=self.NOW).until is None

    @pytest.mark.parametrize("text", ["", "soon", "33%", "1.5", "9999999"])
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"^expires_within must be a duration .*, or a number of days"):
            selected(expires_within=text, now=self.NOW)


class TestFind:
    NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)

    @pytest.fixture
    def store(self, tmp_path: Path) -> t.Iterator[Store]:
        """The revisions of enrollments, by name: their states, and days until the end of the certificate."""
        revisions: dict[str, list[tuple[State, int | None]]] = {
            "expired": [(State.FINALIZED, -1)],
            "good": [(State.FINALIZED, 90)],
            "lost": [(State.CREATE_UNKNOWN, None), (State.CREATE_UNKNOWN, None), (State.REQUESTED, None)],
            "renewing": [(State.FINALIZED, 5), (State.SIGNING, None)],
        }
        spec = CertificateSpec("", DistinguishedName((("cn", "x"),)), "CA")
        with open_store(str(tmp_path / "store.db")) as store:
            for name, rows in revisions.items():
                for number, (state, days) in enumerate(rows, 1):
                    end = None if days is None else self.NOW + dt.timedelta(days=days)
                    named = dataclasses.replace(spec, name=name)
                    store.put(Revision("redtrust", name, number, 1, state, named, not_valid_after=end))
            yield store

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ({}, ["expired", "good", "lost", "renewing"]),
            ({"states": []}, ["expired", "good", "lost", "renewing"]),
            ({"states": ["finalized", "rejected"]}, ["expired", "good"]),
            ({"expires_within": "5"}, ["expired", "renewing"]),
            ({"needs_attention": True}, ["expired", "lost", "renewing"]),
            ({"needs_attention": True, "expires_within": "5", "states": ["finalized"]}, ["expired"]),
            ({"names": ["renewing", "nobody", "good"]}, ["renewing", "nobody", "good"]),
            ({"names": ["renewing", "nobody", "good"], "needs_attention": True}, ["renewing"]),
            ({"names": ["renewing", "nobody", "good"], "expires_within": "90"}, ["renewing", "good"]),
            ({"after": "good", "limit": 1}, ["lost", "renewing"]),
        ],
    )
    def test_each_condition_must_be_met(self, store: Store, given: dict[str, t.Any], names: list[str]) -> None:
        """The limit is kept by the module, which must know whether there are more."""
        assert [found.name for found in selected(self.NOW, **given).find(store, "redtrust")] == names

    def test_they_are_counted(self, store: Store) -> None:
        counts = Counts(self.NOW)
        for enrollment in store.find("redtrust", names=["expired", "good", "lost", "renewing", "nobody"]):
            counts.add(enrollment)
        assert counts.values() == {
            "count": 5,
            "attention": {"expired": 1, "create_unknown": 1, "waiting": 2},
            "summary": {"finalized": 2, "requested": 1, "signing": 1},
            "unknown_creates": 2,
        }

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_limit_that_shows_nothing_is_a_mistake(self, limit: int) -> None:
        with pytest.raises(ConfigurationError, match=f"^limit must be at least 1, not {limit}"):
            selected(self.NOW, limit=limit)


class TestPages:
    """What redtrust_enrollment_info shows of a store with the enrollments 000 to 009."""

    @pytest.fixture
    def info(self, tmp_path: Path) -> t.Iterator[t.Callable[..., t.Mapping[str, t.Any]]]:
        with open_store(str(tmp_path / "store.db")) as store:
            for number in range(10):
                spec = CertificateSpec(f"{number:03}", DistinguishedName((("cn", "x"),)), "CA")
                store.put(Revision("redtrust", spec.name, 1, 1, State.INTENDED if number % 2 else State.REJECTED, spec))

            def shown(**given: t.Any) -> t.Mapping[str, t.Any]:
                params = {
                    **dict.fromkeys((*SELECTION, *RENEWAL, "history", "verify_events", "checkpoint")),
                    "needs_attention": False,
                    "counts_only": False,
                    **given,
                }
                context = types.SimpleNamespace(params=params, store=store, service="redtrust", now=utc_now)
                return work(t.cast("t.Any", context)).values

            yield shown

    @pytest.mark.parametrize("limit", [1, 3, 5, 9, 10, 11])
    @pytest.mark.parametrize("states", [None, ["rejected"]])
    def test_all_are_shown_once(
        self, info: t.Callable[..., t.Mapping[str, t.Any]], limit: int, states: list[str] | None
    ) -> None:
        names: list[str] = []
        after, pages = None, 0
        while pages == 0 or after is not None:
            page = info(limit=limit, after=after, states=states)
            assert page["count"] == len(page["enrollments"]) <= limit
            names += [one["name"] for one in page["enrollments"]]
            after, pages = page["next_after"], pages + 1
        assert names == [f"{number:03}" for number in range(0, 10, 2 if states else 1)]
        assert pages == -(-len(names) // limit)

    def test_without_a_limit_all_are_shown(self, info: t.Callable[..., t.Mapping[str, t.Any]]) -> None:
        page = info()
        assert (len(page["enrollments"]), page["count"], page["next_after"]) == (10, 10, None)

    def test_counts_are_the_same_without_the_enrollments(self, info: t.Callable[..., t.Mapping[str, t.Any]]) -> None:
        assert info(counts_only=True) == {**info(), "enrollments": []}
        assert info(counts_only=True)["summary"] == {"intended": 5, "rejected": 5}
