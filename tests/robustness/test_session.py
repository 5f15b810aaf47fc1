# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session for many processes, even if one dies; the ledger counts logins and repeated requests.

The sandbox ends a session whose refresh token it sees a second time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import CONNECTION, Connection
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session import kept
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.credentials import (
    Credentials,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.kept import (
    KeptSession,
    SessionStorage,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_file import SessionFile
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.session_row import SessionRow
from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import refusals, steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Fault, Ran, Running, Site
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.conftest import NewSite

KEY = "a session key of the user's own"
Place = t.Literal["file", "store"]
PLACES: tuple[Place, ...] = ("file", "store")
# The points of a refresh in their order. Each has the number of times it is passed first, and the next action after a
# death there. The first save stores the mark that the token was sent.
REFRESH: dict[Place, list[tuple[str, int, str]]] = {
    "file": [
        ("session before", 0, "refresh"),
        ("session written", 0, "refresh"),
        ("session saved", 0, "login"),
        ("refresh send", 0, "login"),
        ("refresh sent", 0, "login"),
        ("refresh received", 0, "login"),
        ("session before", 1, "login"),
        ("session written", 1, "login"),
        ("session saved", 1, "none"),
    ],
    "store": [
        ("store acquire committed", 0, "refresh"),
        ("store session before", 0, "refresh"),
        ("store session written", 0, "refresh"),
        ("store session committed", 0, "login"),
        ("refresh send", 0, "login"),
        ("refresh sent", 0, "login"),
        ("refresh received", 0, "login"),
        ("store session before", 1, "login"),
        ("store session written", 1, "login"),
        ("store session committed", 1, "none"),
        ("store release before", 0, "none"),
    ],
}
CELLS = [(place, *cell) for place in PLACES for cell in REFRESH[place]]


@pytest.fixture(autouse=True)
def cheap_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in the same way as the modules of the driver."""
    monkeypatch.setattr(kept, "_KEY_ITERATIONS", 1)


def site_of(appliance: Appliance, new_site: NewSite, place: Place, **options: t.Any) -> Site:
    """Return a place that keeps its session in a file or in the store; in 4.42 the modules log in by themselves."""
    own = {"session_path": None, "session_key": KEY} if place == "store" else {}
    site = new_site(appliance, **{**own, **options})
    return site if appliance.is_433 else site.with_login()


@contextlib.contextmanager
def kept_place(site: Site) -> t.Iterator[SessionStorage]:
    """Open the storage of the session of a place."""
    if site.options.get("session_key"):
        given = {name: value for name, value in site.options.items() if name in CONNECTION}
        params = ArgumentSpecValidator(CONNECTION).validate(given).validated_parameters
        with site.place.opened() as store:
            yield SessionRow(store, Connection.read(params).stored_session, KEY, holder="the test")
        return
    credentials = Credentials(
        username=site.options.get("username"),
        password=site.options.get("password"),
        partner_secret=site.options["partner_secret"].encode(),
    )
    yield SessionFile(str(site.session_path), credentials.key_material())


def loaded(site: Site) -> KeptSession:
    with kept_place(site) as place:
        found = place.load()
    assert found is not None
    return found


def let_be_due(site: Site) -> None:
    """Make a session due for a refresh; at the service it still lives."""
    with kept_place(site) as place, place.locked():
        session = place.load()
        assert session is not None
        begun, end = dt.timedelta(seconds=-540), dt.timedelta(seconds=60)
        place.save(dataclasses.replace(session, opened_at=session.opened_at + begun, ends_at=session.opened_at + end))


def let_end(site: Site) -> None:
    """Make an access token expire; at the service it still lives."""
    with kept_place(site) as place, place.locked():
        session = place.load()
        assert session is not None
        begun = session.opened_at - dt.timedelta(hours=1)
        place.save(dataclasses.replace(session, opened_at=begun, ends_at=session.opened_at))


def at_once(site: Site, count: int, **options: t.Any) -> list[Ran]:
    """Run redtrust_token in many processes at once."""
    return [one.wait() for one in [site.start("redtrust_token", **options) for _number in range(count)]]


def actions(ran: list[Ran]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in ran:
        assert one.status == 0, one
        counts[one.said["action"]] = counts.get(one.said["action"], 0) + 1
    return counts


def reuses(appliance: Appliance) -> int:
    return int(appliance.one("SELECT COALESCE(SUM(refresh_reuses), 0) FROM sessions"))


def counted(appliance: Appliance) -> dict[str, int]:
    """Return the number of requests for tokens since the test began, by step."""
    return {
        step: count for step, count in steps(appliance).items() if step in ("login", "exchange", "refresh", "logout")
    }


class TestMany:
    @pytest.mark.parametrize(("version", "place"), [("v442", "file"), ("v433", "store")])
    def test_sixteen_processes(
        self, request: pytest.FixtureRequest, new_site: NewSite, version: str, place: Place
    ) -> None:
        """One process logs in for all, and later one process refreshes for all."""
        appliance: Appliance = request.getfixturevalue(version)
        site = site_of(appliance, new_site, place)
        how, given = "login", {}
        if appliance.is_433:
            how, given = "exchange", {"temporal_token": appliance.temporary_token()}
        before, known = counted(appliance), reuses(appliance)
        assert actions(at_once(site, 16, **given)) == {how: 1, "none": 15}
        let_be_due(site)
        assert actions(at_once(site, 16)) == {"refresh": 1, "none": 15}
        assert counted(appliance) == {**before, how: 1, "refresh": 1}
        assert reuses(appliance) == known

    def test_what_is_refreshed_serves_the_lists_of_all(self, v442: Appliance, new_site: NewSite) -> None:
        site = site_of(v442, new_site, "store")
        site.run("redtrust_token")
        let_be_due(site)
        lists = [site.step_options("redtrust_csr", [f"{number} {letter}" for letter in "ab"]) for number in range(4)]
        running = [site.start("redtrust_csr", **options) for options in lists]
        assert {one.wait().status for one in running} == {0}
        assert steps(v442) == {"login": 1, "refresh": 1, "create": 8}
        assert refusals(v442) == []


class TestDeath:
    @pytest.mark.parametrize(("place", "point", "skip", "then"), CELLS)
    def test_of_who_refreshes(
        self,
        v442: Appliance,
        new_site: NewSite,
        place: Place,
        point: str,
        skip: int,
        then: str,
        record_property: t.Callable[[str, object], None],
    ) -> None:
        """The later processes send no token that may be used up, and detect at once that the process is dead."""
        known = reuses(v442)
        site = site_of(v442, new_site, place)
        site.run("redtrust_token")
        let_be_due(site)
        killed = site.run("redtrust_token", Fault(point, "kill", skip))
        assert killed.status == -9, killed
        done = actions(at_once(site, 3))
        assert done == ({"none": 3} if then == "none" else {then: 1, "none": 2})
        assert reuses(v442) == known
        assert counted(v442)["login"] == (2 if then == "login" else 1)
        if place == "file":
            assert {path.name for path in site.session_path.parent.iterdir()} == {"kept", "kept.lock"}
        record_property("deaths in the middle of a refresh", 1)

    @pytest.mark.parametrize("place", PLACES)
    def test_of_who_logs_in(self, v442: Appliance, new_site: NewSite, place: Place) -> None:
        site = site_of(v442, new_site, place)
        for point in ("login received", "session written" if place == "file" else "store session written"):
            assert site.run("redtrust_token", Fault(point, "kill")).status == -9
        assert actions(at_once(site, 3)) == {"login": 1, "none": 2}
        assert counted(v442) == {"login": 3}

    @pytest.mark.parametrize("point", ["refresh send", "refresh received"])
    def test_where_only_a_person_can_log_in(self, v433: Appliance, new_site: NewSite, point: str) -> None:
        """The runs use the rest of the session, and then send its refresh token once more, not twice."""
        v433.set(expired_access_at_refresh="accept")
        known = reuses(v433)
        site = site_of(v433, new_site, "store")
        site.run("redtrust_token", temporal_token=v433.temporary_token())
        let_be_due(site)
        assert site.run("redtrust_token", Fault(point, "kill")).status == -9
        carried_out = point == "refresh received"
        for _number in range(2):
            used = site.run("redtrust_token")
            assert (used.status, used.said["action"]) == (0, "none")
            kept_alive = site.run("redtrust_login", state="kept")
            assert kept_alive.errors == {"SessionError"}
            assert "a run that refreshed the kept session, whose access token ends at " in kept_alive.said["msg"]
            assert "is used to its end, then the refresh token is tried once more" in kept_alive.said["msg"]
        assert counted(v433) == {"exchange": 1, **({"refresh": 1} if carried_out else {})}
        let_end(site)
        again = [site.run("redtrust_token") for _number in range(3)]
        if carried_out:
            assert [ran.errors for ran in again] == [{"SessionError"}] * 3
            assert "REFRESH_TOKEN_INVALID" in again[0].said["msg"]
            assert "have a person sign in with redtrust_login and session_key" in again[2].said["msg"]
        else:
            assert [ran.said["action"] for ran in again] == ["refresh", "none", "none"]
        assert counted(v433)["refresh"] == (2 if carried_out else 1)
        assert reuses(v433) - known == carried_out
        assert site.run("redtrust_token", temporal_token=v433.temporary_token()).said["action"] in ("exchange", "none")
        assert site.run("redtrust_token").said["action"] == "none"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", ["status:503", "status:429", "html:503"])
def test_a_service_that_is_busy_costs_nothing(v433: Appliance, new_site: NewSite, place: Place, status: str) -> None:
    """No person has to sign in, whatever the schedule did meanwhile, and every job goes on."""
    known = reuses(v433)
    site = site_of(v433, new_site, place)
    site.run("redtrust_token", temporal_token=v433.temporary_token())
    let_be_due(site)
    v433.fault("refresh", "before", status, times=2)
    kept_alive = site.run("redtrust_login", state="kept")
    assert kept_alive.errors == {"SessionError"}
    assert "nothing is lost by that, the next run tries again" in kept_alive.said["msg"]
    assert "a person has to sign in" not in kept_alive.said["msg"]
    # the temporary token that opened the session is used up, and is not the cause
    used = site.run("redtrust_token", temporal_token="used-up")
    assert (used.status, used.said["action"]) == (0, "none")
    assert site.run("redtrust_login", state="kept").said["action"] == "refresh"
    assert counted(v433) == {"exchange": 2, "refresh": 3}
    assert reuses(v433) == known


@pytest.mark.parametrize("place", PLACES)
def test_a_session_whose_access_token_is_over_is_ended_as_well(
    v442: Appliance, new_site: NewSite, place: Place
) -> None:
    v442.set(access_token_lifetime=1)
    site = site_of(v442, new_site, place)
    site.run("redtrust_token")
    let_end(site)
    v442.until(lambda: time.time() > loaded(site).opened_at.timestamp() + 1)
    v442.set(access_token_lifetime=600)
    assert site.run("redtrust_token", state="absent").said["action"] == "logout"
    assert counted(v442) == {"login": 1, "refresh": 1, "logout": 1}
    assert v442.one("SELECT end_reason FROM sessions ORDER BY rowid DESC LIMIT 1") == "logout"


def test_a_logout_that_was_refused_is_no_logout(v442: Appliance, new_site: NewSite) -> None:
    site = site_of(v442, new_site, "file")
    site.run("redtrust_token")
    v442.fault("logout", "before", "status:409:ERR_CLOSING_SESSIONS:No se puede cerrar")
    ended = site.run("redtrust_token", state="absent")
    assert (ended.status, ended.said["action"], ended.changed) == (0, "forgotten", True)
    assert "its end at the service is not confirmed: logout at " in str(ended.said["warnings"])
    assert "ERR_CLOSING_SESSIONS, No se puede cerrar" in str(ended.said["warnings"])
    assert list(site.session_path.parent.iterdir()) == []


class TestLostAnswer:
    @pytest.mark.parametrize("action", ["after drop", "after half", "after status:500", "before drop", "after rubbish"])
    @pytest.mark.parametrize("place", PLACES)
    def test_of_a_refresh(self, v442: Appliance, new_site: NewSite, place: Place, action: str) -> None:
        """The token is never sent again, even if the service did not carry the refresh out."""
        known = reuses(v442)
        site = site_of(v442, new_site, place)
        site.run("redtrust_token")
        let_be_due(site)
        moment, what = action.split(" ")
        v442.fault("refresh", moment, what, times=0)
        assert actions(at_once(site, 3)) == {"login": 1, "none": 2}
        assert counted(v442) == {"login": 2, "refresh": 1}
        assert reuses(v442) == known


class TestHeld:
    """A process that is stopped during its work, and wakes up after others have gone on."""

    def test_who_holds_the_file_is_named_and_harms_nobody(
        self, v442: Appliance, new_site: NewSite, tmp_path: Path
    ) -> None:
        site = site_of(v442, new_site, "file")
        site.run("redtrust_token")
        let_be_due(site)
        held = site.start("redtrust_token", Fault("session saved", "hold", once=str(tmp_path / "held")))
        held.until_held()
        other = site.run("redtrust_token", timeout=0.5)
        assert other.errors == {"SessionError"}
        assert f"(pid {held.pid}, " in other.said["msg"]
        assert "for more than 1 seconds; end that process" in other.said["msg"]
        held.let_go()
        assert held.wait().said["action"] == "refresh"
        assert site.run("redtrust_token").said["action"] == "none"
        assert counted(v442) == {"login": 1, "refresh": 1}

    @pytest.mark.parametrize(
        ("point", "skip"), [("store session before", 0), ("store session committed", 0), ("refresh received", 0)]
    )
    def test_who_lost_the_store_overwrites_nothing(
        self, v442: Appliance, new_site: NewSite, point: str, skip: int
    ) -> None:
        known = reuses(v442)
        site = site_of(v442, new_site, "store")
        site.run("redtrust_token")
        let_be_due(site)
        held = site.start("redtrust_token", Fault(point, "hold", skip))
        held.until_held()
        site.let_leases_end()
        assert site.run("redtrust_token").said["action"] in ("login", "refresh")
        newer = loaded(site)
        held.let_go()
        late = held.wait()
        assert late.errors == {"StaleRevisionError"}
        assert "another run was first; nothing was written" in late.said["msg"]
        assert loaded(site) == newer
        assert site.run("redtrust_token").said["action"] == "none"
        assert reuses(v442) == known


class TestList:
    NAMES = tuple(f"name {number}" for number in range(40))

    def arrived(self, appliance: Appliance, count: int) -> bool:
        return steps(appliance).get("create", 0) >= count

    def requested(self, running: Running) -> None:
        ran = running.wait()
        assert ran.status == 0, ran
        assert ran.said["summary"] == {"issue": len(self.NAMES)}

    def keys(self, appliance: Appliance) -> int:
        return int(appliance.one("SELECT COUNT(*) FROM secrets WHERE kind = 'request_code'"))

    @pytest.mark.parametrize(("module", "requests"), [("redtrust_csr", 1), (ONE_PASS, 2)])
    def test_a_session_that_ends_in_the_middle(
        self, v442: Appliance, new_site: NewSite, module: str, requests: int
    ) -> None:
        """There is one new session for all workers. Each certificate has one accepted request of each kind."""
        site = site_of(v442, new_site, "file", workers=8)
        before = self.keys(v442)
        v442.fault("create", "before", "delay:0.5", times=0)
        running = site.start(module, **site.step_options(module, self.NAMES))
        v442.until(lambda: self.arrived(v442, 10))
        with v442.database() as ledger:
            ledger.execute("UPDATE sessions SET ended = 0, end_reason = 'command' WHERE ended IS NULL")
        self.requested(running)
        assert counted(v442) == {"login": 2, "refresh": 1}
        late = [row for row in refusals(v442) if row[0] in ("create", "finalize")]
        assert 1 <= len(late) <= 8
        asked = steps(v442)
        assert asked["create"] + asked.get("finalize", 0) == requests * len(self.NAMES) + len(late)
        assert self.keys(v442) - before == len(self.NAMES)

    def test_a_session_that_is_about_to_end_in_the_middle(self, v433: Appliance, new_site: NewSite) -> None:
        """One worker refreshes the session in time for all; no request is refused. The list takes ten seconds."""
        temporary = v433.temporary_token()
        v433.set(access_token_lifetime=9)
        site = site_of(v433, new_site, "store", workers=4, temporal_token=temporary)
        v433.fault("create", "after", "delay:1", times=0)
        self.requested(site.start("redtrust_csr", **site.step_options("redtrust_csr", self.NAMES)))
        assert refusals(v433) == []
        asked = counted(v433)
        assert asked["exchange"] == 1
        # twice if the machine is so busy that the list takes longer
        assert asked["refresh"] in (1, 2)

    def test_403_is_not_tried_again(self, v442: Appliance, new_site: NewSite) -> None:
        site = site_of(v442, new_site, "file")
        v442.fault("create", "before", "status:403", times=0)
        ran = site.step("redtrust_csr", ["a", "b", "c"])
        assert ran.errors == {"RefusedError"}
        assert steps(v442) == {"login": 1, "create": 3}

    def test_401_that_stays_is_tried_once_more_with_one_new_session(self, v442: Appliance, new_site: NewSite) -> None:
        site = site_of(v442, new_site, "file", workers=1)
        v442.fault("create", "before", "status:401", times=0)
        ran = site.step("redtrust_csr", ["a", "b", "c"])
        assert ran.errors == {"UnauthorizedError"}
        assert steps(v442) == {"login": 1, "refresh": 1, "create": 2}


class TestSessionKey:
    def test_a_person_logs_in_once_and_the_jobs_run_unattended(self, v433: Appliance, new_site: NewSite) -> None:
        site = site_of(v433, new_site, "store")
        opened = site.run("redtrust_token", temporal_token=v433.temporary_token())
        assert opened.said["action"] == "exchange", opened
        for name in ("first", "second"):
            let_be_due(site)
            for ran in site.pipeline(name):
                assert ran.status == 0, ran
            ended = site.run("redtrust_token", state="absent", job_only=True)
            assert (ended.status, ended.changed) == (0, False)
        assert counted(v433) == {"exchange": 1, "refresh": 2}
        assert v433.one("SELECT COUNT(*) FROM certificates WHERE state = 'current'") >= 2
        assert not site.session_path.parent.exists()

    def test_a_wrong_key_leaves_it_as_it_is(self, v442: Appliance, new_site: NewSite) -> None:
        site = site_of(v442, new_site, "store")
        site.run("redtrust_token")
        before = loaded(site)
        for state in ("present", "absent"):
            for check in (True, False):
                options = {"session_key": "another key of sixteen", "state": state}
                ran = site.run("redtrust_token", None, _ansible_check_mode=check, **options)
                assert ran.errors == {"SessionError"}
                assert "session_key does not open the session that the store keeps" in ran.said["msg"]
        assert loaded(site) == before
        assert counted(v442) == {"login": 1}

    def test_it_is_ended_where_that_is_asked_for(self, v442: Appliance, new_site: NewSite) -> None:
        site = site_of(v442, new_site, "store")
        site.run("redtrust_token")
        assert site.run("redtrust_token", state="absent", _ansible_check_mode=True).said["action"] == "logout"
        assert site.run("redtrust_token", state="absent").said["action"] == "logout"
        assert site.run("redtrust_token", state="absent").said["action"] == "none"
        assert counted(v442) == {"login": 1, "logout": 1}

    def test_job_only_ends_a_session_of_the_job(self, v442: Appliance, new_site: NewSite) -> None:
        site = site_of(v442, new_site, "file")
        site.run("redtrust_token")
        assert site.run("redtrust_token", state="absent", job_only=True).said["action"] == "logout"
        assert list(site.session_path.parent.iterdir()) == []

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"session_path": "/somewhere"}, "session_key keeps the session in the store, session_path in a file"),
            ({"session_key": "canary-short"}, "session_key must have at least 16 characters"),
        ],
    )
    def test_options_that_cannot_be(
        self, v442: Appliance, new_site: NewSite, options: dict[str, t.Any], message: str
    ) -> None:
        ran = site_of(v442, new_site, "store").run("redtrust_token", **options)
        assert ran.errors == {"ConfigurationError"}
        assert message in ran.said["msg"]
        assert "canary" not in ran.said["msg"]
        assert v442.asked() == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("point", ["before", "written"])
def test_a_full_disk_leaves_the_session_that_was(v442: Appliance, new_site: NewSite, place: Place, point: str) -> None:
    """The mark cannot be saved, so the refresh is not sent."""
    site = site_of(v442, new_site, place)
    site.run("redtrust_token")
    let_be_due(site)
    before = loaded(site)
    full = Fault(f"session {point}" if place == "file" else f"store session {point}", "full")
    ran = site.run("redtrust_token", full)
    assert ran.errors == {"SessionError" if place == "file" else "StoreError"}
    assert "No space left on device" in ran.said["msg"]
    assert loaded(site) == before
    assert counted(v442) == {"login": 1}
    assert site.run("redtrust_token").said["action"] == "refresh"
