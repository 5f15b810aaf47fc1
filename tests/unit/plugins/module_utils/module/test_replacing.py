# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run in an open replacement: it begins or joins it, says how far it is, and ends it when nobody is left."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import Criteria
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.replace import REJECTED
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    BackingOffError,
    ConfigurationError,
    SignerError,
    StoreError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Outcome,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.opening import known_replacements
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.pace import FEWEST, Pace, noted_rate
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.replace_options import Wanted
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.replacing import (
    _SAME_CA,
    Replaced,
    Replacing,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    certificate,
    request_for,
)

OLD = certificate(request_for(ec.generate_private_key(ec.SECP256R1())))
DN = DistinguishedName((("cn", "a"),))
HOUR = dt.timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Place:
    """A store with certificates in use, and runs over it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = utc_now()
        self.warned: list[str] = []
        self.clock = Clock()
        self.kind: type[SqliteStore] = SqliteStore
        self._open: list[Store] = []

    def store(self) -> Store:
        return self._kept(SqliteStore(str(self.path)))

    def _kept(self, store: Store) -> Store:
        self._open.append(store)
        return store

    def close(self) -> None:
        for store in self._open:
            store.close()

    def issue(self, *names: str, provider: str = "CA", **fields: t.Any) -> None:
        for name in names:
            found = Enrollment("svc", name).next_revision(CertificateSpec(name, DN, provider))
            given = {"thumbprint": "A" * 40, **fields}
            self.store().put(dataclasses.replace(found, state=State.FINALIZED, **given))

    def run(self, wanted: Wanted | None = None, *, check_mode: bool = False) -> Replacing:
        context: t.Any = types.SimpleNamespace(
            store=self._kept(self.kind(str(self.path), read_only=check_mode)),
            service="svc",
            params={"actor": "ana"},
            check_mode=check_mode,
            now=lambda: self.now,
            module=types.SimpleNamespace(warn=self.warned.append),
        )
        return Replacing(context, wanted, self.clock)

    def replace(self, run: Replacing, name: str, certificate: bytes | None = None, **changes: t.Any) -> None:
        """Renew a certificate, and tell the run of it."""
        found = self.store().enrollment("svc", name)
        current = found.current
        assert current is not None
        assert run.incidents.why(found)
        spec = dataclasses.replace(current.spec, **changes)
        given: dict[str, t.Any] = {"state": State.FINALIZED, "thumbprint": "B" * 40, "certificate": certificate}
        renewed = dataclasses.replace(found.next_revision(spec), **given)
        new, _old = self.store().put(renewed, current.moved(State.SUPERSEDED))
        run.add(Outcome(name, "renew", "", changed=True, revision=new, in_use=new))

    def fail(self, run: Replacing, name: str, error: Exception) -> None:
        assert run.incidents.why(self.store().enrollment("svc", name))
        run.add(Outcome(name, "none", "", error=error))

    def rows(self) -> list[tuple[str, int, bool]]:
        return [(row.id, row.total, row.ended_at is None) for row in self.store().replacements("svc")]


@pytest.fixture
def place(tmp_path: Path) -> t.Iterator[Place]:
    made = Place(tmp_path / "state" / "store.db")
    made.issue("a", "b", "c")
    made.issue("d", provider="OTHER")
    yield made
    made.close()


def by_provider(
    provider: str = "CA",
    *,
    name: str = "x",
    deadline: dt.datetime | dt.timedelta | None = None,
    ends: bool = False,
    **more: t.Any,
) -> Wanted:
    return Wanted(name, Criteria(provider=provider, **more), deadline, ends)


def named(name: str = "x", *, ends: bool = False) -> Wanted:
    return Wanted(name, Criteria(), None, ends)


def the_result(replaced: Replaced) -> dict[str, t.Any]:
    assert replaced.result is not None
    return replaced.result


class TestBeginAndEnd:
    def test_all_can_be_shown(self, place: Place) -> None:
        assert known_replacements(place.store(), "svc", place.now) == []
        run = place.run(by_provider())
        place.replace(run, "a")
        place.run(by_provider("OTHER", name="y", deadline=place.now + dt.timedelta(days=1)))
        place.run(Wanted("y", Criteria(), None, ends=True))
        first, second = known_replacements(place.store(), "svc", place.now)
        assert (first["id"], first["total"], first["left"], first["ended_at"]) == ("x", 3, 2, None)
        assert first["criteria"] == "of the provider CA"
        assert first["begun_by"].startswith("ana on ")
        assert (second["id"], second["total"], second["left"]) == ("y", 1, 0)
        assert second["ended_at"] is not None
        assert second["deadline"] > second["begun_at"]

    def test_without_a_replacement_nothing_is_told(self, place: Place) -> None:
        run = place.run()
        assert (run.line(), run.changed, run.finish()) == ("", False, Replaced(None))

    def test_it_is_begun_once_and_any_run_takes_it_up_until_nobody_is_left(self, place: Place) -> None:
        first = place.run(by_provider())
        assert first.changed
        assert place.rows() == [("x", 3, True)]
        place.replace(first, "a")
        assert the_result(first.finish())["left"] == 2
        joined = place.run(by_provider())
        assert not joined.changed
        place.replace(joined, "b")
        joined.finish()
        other = place.run()
        place.replace(other, "c")
        ended = the_result(other.finish())
        assert place.rows() == [("x", 3, False)]
        assert (ended["total"], ended["replaced"], ended["left"]) == (3, 3, 0)
        assert ended["ended_at"] is not None
        assert ended["begun_by"].startswith("ana on ")
        assert place.run().finish() == Replaced(None)

    def test_the_same_task_joins_one_that_has_ended_and_replaces_nothing(self, place: Place) -> None:
        run = place.run(by_provider())
        for name in "abc":
            place.replace(run, name)
        assert run.finish().lines == ("replacement x: 3 of 3 replaced, it has ended",)
        again = place.run(by_provider())
        assert not again.changed
        assert not list(again.incidents)
        replaced = again.finish()
        assert the_result(replaced)["id"] == "x"
        assert replaced.lines[0].startswith("replacement x: it has ended, at 20")
        assert replaced.lines[1] == (
            "3 certificates that meet the criteria were obtained since it was begun, and stay; to replace those, give "
            "the replacement another id"
        )
        assert place.run(by_provider(name="y")).changed

    def test_one_that_has_ended_is_open_again_if_an_old_certificate_comes_to_light(self, place: Place) -> None:
        run = place.run(by_provider())
        for name in "abc":
            place.replace(run, name)
        run.finish()
        place.issue("e", adopted=True)
        again = place.run(by_provider())
        assert again.changed
        assert place.rows() == [("x", 3, True)]
        place.replace(again, "e")
        again.finish()
        assert place.rows() == [("x", 3, False)]

    def test_the_last_certificate_may_be_that_of_another_run(self, place: Place) -> None:
        one, other = place.run(by_provider()), place.run(by_provider())
        for name in "abc":
            place.replace(one, name)
        other.finish()
        assert place.rows() == [("x", 3, False)]
        one.finish()
        assert place.rows() == [("x", 3, False)]

    def test_another_run_may_begin_and_finish_it_while_this_one_counts(self, place: Place) -> None:
        class Slow(SqliteStore):
            """A store in which another run moves every certificate to another provider before this one has read it."""

            def find(self, *args: t.Any, **conditions: t.Any) -> t.Iterator[Enrollment]:
                if place.kind is Slow:
                    place.kind = SqliteStore
                    other = place.run(by_provider())
                    for one in list(place.store().find("svc")):
                        if one.current and one.current.spec.provider == "CA":
                            place.replace(other, one.name, provider="NEW")
                    other.finish()
                return super().find(*args, **conditions)

        place.kind = Slow
        late = place.run(by_provider())
        assert not late.changed
        assert the_result(late.finish())["ended_at"] is not None
        assert place.rows() == [("x", 3, False)]

    def test_it_can_be_ended_by_hand(self, place: Place) -> None:
        place.run(by_provider()).finish()
        ends = place.run(named(ends=True))
        assert ends.changed
        assert not list(ends.incidents)
        assert ends.finish().lines == ("replacement x: it was ended by hand",)
        assert place.rows() == [("x", 3, False)]
        again = place.run(named(ends=True))
        assert not again.changed
        assert again.finish().lines[0].startswith("replacement x: it has ended, at")

    def test_it_can_be_gone_on_with_by_its_name(self, place: Place) -> None:
        place.run(by_provider()).finish()
        assert [one.why for one in place.run(named()).incidents] == ["replaced for x: of the provider CA"]

    def test_several_at_a_time(self, place: Place) -> None:
        place.run(by_provider()).finish()
        both = place.run(by_provider("OTHER", name="y"))
        for name in "abcd":
            place.replace(both, name)
        replaced = both.finish()
        assert the_result(replaced)["id"] == "y", "that of the task comes first"
        assert [line.split(",")[0] for line in replaced.lines] == [
            "replacement y: 1 of 1 replaced",
            "replacement x: 3 of 3 replaced",
        ]


class TestMistakes:
    def test_what_matches_nothing_is_told_and_begins_nothing(self, place: Place) -> None:
        with pytest.raises(ConfigurationError) as caught:
            place.run(by_provider("CB"))
        assert str(caught.value) == (
            "replace: of the provider CB matches none of 4 certificates in use (the provider of the certificates in "
            "use: CA (3), OTHER (1)); nothing was done"
        )
        assert place.rows() == []

    def test_what_matches_nothing_together(self, place: Place) -> None:
        with pytest.raises(ConfigurationError, match="of the provider OTHER: all of it together matches none of 4"):
            place.run(by_provider("OTHER", names=frozenset({"a"})))

    def test_what_cannot_be_judged(self, place: Place) -> None:
        with pytest.raises(ConfigurationError, match=r"none of 4 .*; 4 cannot be judged, as the store"):
            place.run(Wanted("x", Criteria(issuer="CN=a"), None, ends=False))

    def test_a_part_of_a_list_that_matches_nothing(self, place: Place) -> None:
        place.run(Wanted("x", Criteria(names=frozenset({"a", "nobody"})), None, ends=False))
        assert place.warned == ["replace: 1 names have no certificate: nobody"]

    def test_another_selection_under_the_same_name(self, place: Place) -> None:
        place.run(by_provider())
        with pytest.raises(ConfigurationError, match=r"x was begun for other certificates \(of the provider CA\): giv"):
            place.run(by_provider("OTHER"))

    @pytest.mark.parametrize("ends", [True, False])
    def test_a_name_that_is_not_known(self, place: Place, ends: bool) -> None:
        with pytest.raises(ConfigurationError, match="no replacement x was begun for this service; known: there is no"):
            place.run(named(ends=ends))
        place.run(by_provider(name="y"))
        with pytest.raises(ConfigurationError, match="known: y"):
            place.run(named(ends=ends))

    def test_a_deadline_that_is_over(self, place: Place) -> None:
        over = by_provider(deadline=place.now - HOUR)
        with pytest.raises(ConfigurationError, match=r"replace.deadline is over, 20"):
            place.run(over)
        place.run(by_provider(deadline=place.now + HOUR)).finish()
        place.now += 2 * HOUR
        assert the_result(place.run(by_provider()).finish())["will_miss"] == 3

    def test_a_selection_of_a_newer_release(self, place: Place) -> None:
        place.store().put_replacement("svc", "x", '{"colour": "red"}', total=1, actor="host")
        with pytest.raises(StoreError, match="newer release"):
            place.run()

    def test_certificates_that_the_store_does_not_have_are_named(self, place: Place) -> None:
        place.issue("e", certificate=b"")
        place.store().put_replacement("svc", "x", Criteria(issuer="CN=a").to_text(), total=1, actor="host")
        place.run()
        place.store().put_replacement("svc", "y", Criteria(provider="CA").to_text(), total=1, actor="host")
        said = place.run().finish().warnings
        assert said == ("replacement x: 5 cannot be judged, as the store does not have the certificate: a, b, c, ...",)

    @pytest.mark.parametrize("name_a_ca", [True, False])
    def test_a_signer_that_is_the_ca_to_be_replaced(self, place: Place, name_a_ca: bool) -> None:
        place.issue("e", certificate=OLD)
        criteria = Criteria(issuer="www" if name_a_ca else None, names=frozenset({"e"}))
        run = place.run(Wanted("x", criteria, None, ends=False))
        place.replace(run, "e", certificate=OLD)
        warnings = run.finish().warnings
        assert warnings == ((f"replacement x: 1 {_SAME_CA}",) if name_a_ca else ())


class TestDeadline:
    def test_it_counts_from_the_beginning_and_can_be_changed(self, place: Place) -> None:
        place.run(by_provider(deadline=HOUR))
        (begun,) = place.store().replacements("svc")
        assert begun.deadline == begun.begun_at + HOUR
        place.run(by_provider(deadline=HOUR))
        assert place.store().replacements("svc") == [begun]
        place.run(named())
        assert place.store().replacements("svc") == [begun]
        place.run(by_provider(deadline=2 * HOUR))
        assert place.store().replacements("svc")[0].deadline == begun.begun_at + 2 * HOUR


class TestProgress:
    def many(self, place: Place, count: int) -> list[str]:
        names = [f"n{number:02}" for number in range(count)]
        place.issue(*names)
        return names

    def test_it_says_how_far_it_is_and_when_it_is_done(self, place: Place) -> None:
        names = self.many(place, 37)
        place.now = dt.datetime(2026, 6, 1, 14, 0, tzinfo=dt.timezone.utc)
        run = place.run(by_provider())
        assert run.line() == "", "it has no part in it yet, such as with a list of others"
        assert run.incidents.why(place.store().enrollment("svc", "b"))
        assert run.line() == "replacement x: 0 of 40 replaced"
        for name in names[:20]:
            place.clock.time += 30
            place.replace(run, name)
        assert run.line() == "replacement x: 20 of 40 replaced, done by 2026-06-01 14:10 UTC"
        place.fail(run, "a", SignerError("down"))
        assert run.line() == "replacement x: 20 of 40 replaced, 1 failed, done by 2026-06-01 14:10 UTC"

    def test_it_says_what_misses_the_deadline_and_why(self, place: Place) -> None:
        names = self.many(place, 37)
        found = place.store().enrollment("svc", "a")
        place.store().put(dataclasses.replace(found.next_revision(found.revisions[0].spec), state=State.REJECTED))
        run = place.run(by_provider(deadline=place.now + HOUR / 2))
        for name in names[:20]:
            place.clock.time += 90
            place.replace(run, name)
        assert "1 will miss the deadline, because 1: " + REJECTED in run.line()
        place.now += HOUR / 4
        words = run.line()
        assert "10 will miss the deadline, because 9: 0.0111 a second are too slow" in words
        result = the_result(run.finish())
        assert (result["will_miss"], result["left"]) == (10, 20)
        assert result["why"][1] == f"1: {REJECTED}"

    def test_what_other_runs_replace_counts(self, place: Place) -> None:
        names = self.many(place, 37)
        run, other = place.run(by_provider()), place.run()
        for name in names[:12]:
            place.replace(other, name)
        place.clock.time += 2
        place.replace(other, names[12])
        place.replace(run, names[13])
        assert run.line().startswith("replacement x: 14 of 40 replaced")

    def test_a_run_that_begins_later_counts_what_is_there(self, place: Place) -> None:
        names = self.many(place, 7)
        run = place.run(by_provider())
        for name in names:
            place.replace(run, name)
        other = place.run()
        assert other.incidents.why(place.store().enrollment("svc", "a"))
        assert other.line().startswith("replacement x: 7 of 10 replaced")

    def test_failures(self, place: Place) -> None:
        run = place.run(by_provider())
        place.fail(run, "a", SignerError("down"))
        assert the_result(run.finish())["failed"] == 1


class Broken(SqliteStore):
    """A store that takes no notes and counts nothing, once ``is_broken``."""

    is_broken = False

    def _refuse(self) -> None:
        if Broken.is_broken:
            raise StoreError("the disk is full")

    def find(self, *args: t.Any, **conditions: t.Any) -> t.Iterator[Enrollment]:
        self._refuse()
        return super().find(*args, **conditions)

    def put_note(self, key: str, value: str | None) -> None:
        self._refuse()
        super().put_note(key, value)

    def add_to_note(self, key: str, number: int) -> int:
        self._refuse()
        return super().add_to_note(key, number)


class TestWhatIsNoFailureOfTheCertificates:
    @pytest.fixture
    def broken(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
        monkeypatch.setattr(Broken, "is_broken", False)
        place.kind = Broken
        return place

    def test_a_store_that_fails_at_the_end(self, broken: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        run = broken.run(by_provider())
        monkeypatch.setattr(Broken, "is_broken", True)
        broken.clock.time += 2
        broken.replace(run, "a")
        replaced = run.finish()
        assert replaced.warnings == ("what is left to replace was not counted: the disk is full",)
        assert (the_result(replaced)["left"], the_result(replaced)["replaced"]) == (2, 1)

    def test_a_rate_that_cannot_be_noted(self, broken: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        run = broken.run()
        found = broken.store().enrollment("svc", "a").current
        monkeypatch.setattr(Broken, "is_broken", True)
        for _one in range(FEWEST):
            broken.clock.time += 1
            run.add(Outcome("a", "issue", "", changed=True, revision=found, in_use=found))
        assert run.finish() == Replaced(None)


class TestPace:
    def test_it_is_noted_if_there_were_enough(self, place: Place) -> None:
        clock = Clock()
        pace = Pace(clock)
        for _one in range(FEWEST - 1):
            pace.add()
            clock.time += 0.5
        assert pace.rate is None
        pace.note(place.store(), "svc")
        assert noted_rate(place.store(), "svc") is None
        pace.add()
        assert pace.rate == pytest.approx(2.0)
        pace.note(place.store(), "svc")
        assert noted_rate(place.store(), "svc") == pytest.approx(2.0)
        assert noted_rate(place.store(), "another") is None

    @pytest.mark.parametrize("value", ["", "rubbish", "[]", '{"per_second": 0}', '{"per_second": "fast"}'])
    def test_a_note_that_says_nothing(self, place: Place, value: str) -> None:
        place.store().put_note("rate/svc", value)
        assert noted_rate(place.store(), "svc") is None

    def test_a_run_without_a_replacement_notes_it_too(self, place: Place) -> None:
        run = place.run()
        found = place.store().enrollment("svc", "a").current
        for _one in range(FEWEST):
            place.clock.time += 1
            run.add(Outcome("a", "issue", "", changed=True, revision=found, in_use=found))
        run.finish()
        assert noted_rate(place.store(), "svc") == pytest.approx(1.0)


class TestRehearsal:
    def test_it_says_how_many_and_writes_nothing(self, place: Place) -> None:
        run = place.run(by_provider(deadline=HOUR), check_mode=True)
        assert [run.incidents.why(place.store().enrollment("svc", name)) != "" for name in "abcd"] == [1, 1, 1, 0]
        replaced = run.finish()
        (line,) = replaced.lines
        assert line == (
            "replacement x: 3 of 4 certificates would be replaced, how long that takes is not known, as no run has "
            "brought a few dozen into use yet"
        )
        result = the_result(replaced)
        assert (result["begun_at"], result["left"], result["total"], result["done_by"]) == (None, 3, 3, None)
        assert place.rows() == []

    def test_how_long_it_takes_at_the_rate_of_the_last_run(self, place: Place) -> None:
        place.now = dt.datetime(2026, 6, 1, 14, 0, tzinfo=dt.timezone.utc)
        place.store().put_note("rate/svc", '{"per_second": 0.01}')
        (line,) = place.run(by_provider(deadline=HOUR), check_mode=True).finish().lines
        assert line == (
            "replacement x: 3 of 4 certificates would be replaced, done by 2026-06-01 14:05 UTC if begun now, at 0.01 "
            "a second as in the last run, the deadline 2026-06-01 15:00 UTC would hold"
        )
        short = place.run(by_provider(deadline=dt.timedelta(seconds=100)), check_mode=True).finish()
        assert the_result(short)["will_miss"] == 2
        assert short.lines[1].startswith(
            "replacement x: 2 will miss the deadline 2026-06-01 14:01 UTC, because 2: 0.01 a second are too slow"
        )

    def test_what_would_fail(self, place: Place) -> None:
        run = place.run(by_provider(deadline=HOUR), check_mode=True)
        place.fail(run, "a", ConfigurationError("no such key"))
        place.fail(run, "b", BackingOffError("it waits"))
        result = the_result(run.finish())
        assert (result["failed"], result["will_miss"], result["why"]) == (
            2,
            1,
            ["1: they would fail, see the failures"],
        )

    def test_of_one_that_is_open_and_of_its_end(self, place: Place) -> None:
        place.run(by_provider()).finish()
        run = place.run(by_provider(), check_mode=True)
        assert not run.changed
        assert the_result(run.finish())["left"] == 3
        ends = place.run(named(ends=True), check_mode=True)
        assert ends.changed
        assert ends.finish().lines == ("replacement x: it would be ended by hand",)
        assert place.rows() == [("x", 3, True)]

    def test_a_store_that_is_not_there(self, tmp_path: Path) -> None:
        place = Place(tmp_path / "nowhere" / "store.db")
        assert place.run(check_mode=True).finish() == Replaced(None)
        with pytest.raises(ConfigurationError, match="matches none of 0 certificates"):
            place.run(by_provider(), check_mode=True)
        place.close()
