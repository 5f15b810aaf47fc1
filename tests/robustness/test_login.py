# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins without a person, and sessions that are kept: the modules against a real server."""

from __future__ import annotations

import re
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import PATIENCE_SECONDS
from ansible_collections.redtrust.certificate_enroll.tests.robustness.runs import Play, own_core
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, command, started
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Authority

if t.TYPE_CHECKING:
    from .conftest import NewSite
    from .driver import Site

PASSPHRASE = "canary-passphrase"
BY_CERTIFICATE = [("login_request", 302), ("login_certificate", 302), ("exchange", 200)]


class Certified:
    """A server that knows one user by a certificate; the certificate, with its key once plain and once encrypted."""

    def __init__(self, folder: Path) -> None:
        ours = Authority(folder, "ours")
        self.certificate = ours.issue("maria")
        self.stranger = ours.issue("stranger")
        self.sealed = str(folder / "sealed.key")
        command = ["openssl", "pkey", "-in", self.certificate, "-aes256", "-passout", "stdin", "-out", self.sealed]
        subprocess.run(command, input=PASSPHRASE.encode(), check=True, timeout=60)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            free = listener.getsockname()[1]
        # no process listens there, so a client that followed the redirect would fail
        self.redirect_url = f"https://127.0.0.1:{free}/in?tkn="
        user = {"username": "maria", "password": "hers", "domain": "local.users", "certificate_cn": "maria"}
        partner = {"name": "CA_DEMO", "secret": "sandbox-partner-secret", "redirect_urls": [self.redirect_url]}
        config = {
            "users": [user],
            "partners": [partner],
            "tls": {"client_cert": "optional", "client_ca_path": ours.path},
        }
        (folder / "server").mkdir()
        self.server = started(folder / "server", "4.33", "--key-pool", "0", config=config)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Certified]:
    one = Certified(tmp_path_factory.mktemp("certified"))
    yield one
    one.server.stop()


@pytest.fixture
def certified(running: Certified) -> Certified:
    running.server.reset()
    return running


def site_of(certified: Certified, new_site: NewSite, **options: t.Any) -> Site:
    with_certificate = {"client_cert": certified.certificate, "redirect_url": certified.redirect_url}
    return new_site(certified.server, **{**with_certificate, **options})


class TestByCertificate:
    def test_a_job_needs_nobody(self, certified: Certified, new_site: NewSite) -> None:
        site = site_of(certified, new_site)
        ran = site.step("redtrust_csr", ["www"])
        assert [row["state"] for row in site.revisions()] == ["requested"]
        assert certified.server.asked() == [*BY_CERTIFICATE, ("create", 200)]
        assert {user for (user,) in certified.server.asked("user")} == {"maria"}
        assert ran.said["certificates"][0]["action"] == "issue"

    def test_again_once_the_session_has_ended(self, certified: Certified, new_site: NewSite) -> None:
        site = site_of(certified, new_site).with_session_key()
        assert site.run("redtrust_token").said["action"] == "certificate"
        assert site.run("redtrust_token").said["action"] == "none"
        command("end-sessions", "--directory", str(certified.server.directory))
        assert site.run("redtrust_login", state="kept").said["action"] == "certificate"

    @pytest.mark.parametrize("style", ["parameter", "appended", "last"])
    def test_each_form_of_the_redirect(self, certified: Certified, new_site: NewSite, style: str) -> None:
        certified.server.set(tkn_style=style)
        assert site_of(certified, new_site).run("redtrust_token").said["action"] == "certificate"

    def test_a_key_with_a_passphrase(self, certified: Certified, new_site: NewSite) -> None:
        site = site_of(certified, new_site, client_key=certified.sealed)
        for passphrase, words in (
            (None, "is encrypted: set client_key_passphrase"),
            ("canary-wrong", "client_key_passphrase does not open the key in"),
        ):
            ran = site.run("redtrust_token", client_key_passphrase=passphrase)
            assert words in ran.said["msg"]
            assert "canary" not in str(ran.said)
        assert certified.server.asked() == []
        ran = site.run("redtrust_token", client_key_passphrase=PASSPHRASE)
        assert ran.said["action"] == "certificate"
        assert PASSPHRASE not in str(ran.said)

    @pytest.mark.parametrize("why", ["of nobody known", "not taken"])
    def test_a_form_is_named(self, certified: Certified, new_site: NewSite, why: str) -> None:
        site = site_of(certified, new_site)
        if why == "not taken":
            certified.server.set(certificate_login="form")
        else:
            site.options["client_cert"] = certified.stranger
        said = site.run("redtrust_token").said
        assert "asks for a form to be filled in, or for another login, instead of taking client_cert" in said["msg"]
        assert certified.server.asked() == [("login_request", 200)]

    def test_it_is_not_led_to_another_host(self, certified: Certified, new_site: NewSite) -> None:
        with socket.create_server(("127.0.0.2", 0)) as elsewhere:
            elsewhere.settimeout(0)
            certified.server.set(login_redirect=f"https://127.0.0.2:{elsewhere.getsockname()[1]}/in")
            said = site_of(certified, new_site).run("redtrust_token").said
            assert "or for another login" in said["msg"]
            with pytest.raises(BlockingIOError):
                elsewhere.accept()
        assert certified.server.asked() == [("login_request", 302)]

    def test_redtrust_login_asks_nobody_then(self, certified: Certified, new_site: NewSite) -> None:
        ran = site_of(certified, new_site).run("redtrust_login", force=True)
        assert ran.said["action"] == "certificate"
        assert certified.server.asked() == BY_CERTIFICATE


@pytest.fixture
def new_job(v433: Appliance, tmp_path: Path) -> t.Callable[..., Play]:
    """Return jobs of ansible-runner. It gives each play a terminal, though there is no person."""
    facts = v433.facts
    names = ("host", "port", "auth_port", "api_version", "ca_path", "partner", "partner_secret", "redirect_url")
    credential = {f"REDTRUST_{name.upper()}": str(facts[name]) for name in names}
    keeping = {"REDTRUST_SESSION_KEY": "a key of sessions", "REDTRUST_STORE_PATH": str(tmp_path / "store.sqlite3")}

    def made(environment: dict[str, str], **variables: t.Any) -> Play:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        return Play(own_core(), directory, "login", variables, {**credential, **keeping, **environment})

    return made


AWX = {"JOB_ID": "4711", "AWX_HOST": "https://awx.example.com"}


class TestInAJob:
    """A job of AWX: there is no person at the terminal, and no browser reaches the listener."""

    def said_by(self, play: Play) -> str:
        run = play.start_with_timeout(PATIENCE_SECONDS)
        try:
            assert run.wait() != 0, run.said()
        finally:
            run.kill_all()
        assert play.runner_status() == "failed"
        return run.said()

    @pytest.mark.parametrize("names", [("JOB_ID",), ("AWX_HOST",), ("JOB_ID", "AWX_HOST")])
    def test_nobody_is_asked(self, names: tuple[str, ...], v433: Appliance, new_job: t.Callable[..., Play]) -> None:
        """Launch the job of the guide to signing in with an empty answer."""
        environment = {name: AWX[name] for name in names}
        said = self.said_by(new_job(environment, login_method="paste", login_temporal_token=""))
        assert "A person has to sign in, and a job cannot ask. Open https://" in said
        assert "Then launch this job template again at once, with that address as login_temporal_token" in said
        assert [step for step, _status in v433.asked()] == ["login_request"]

    def test_the_job_template_to_launch_again_is_named(self, new_job: t.Callable[..., Play]) -> None:
        said = self.said_by(new_job(AWX, login_method="paste", awx_job_template_name="Sign in, team A"))
        assert re.search(r'launch the job template \\*"Sign in, team A\\*" again at once', said)

    def test_the_job_that_stays_signed_in_names_the_one_to_launch(self, new_job: t.Callable[..., Play]) -> None:
        for variables, name in (({}, "Redtrust: sign in"), ({"login_job_template": "Sign in (A)"}, "Sign in (A)")):
            said = self.said_by(new_job(AWX, login_state="kept", **variables))
            assert re.search(rf'a person has to sign in: launch the job template \\*"{re.escape(name)}\\*"; ', said)
            assert "127.0.0.1:8765" not in re.sub(r'(?m)^.*"url": .*$', "", said)


class TestStayingSignedIn:
    def signed_in(self, server: Appliance, new_site: NewSite) -> Site:
        site = new_site(server, redirect_url=server.facts["redirect_url"]).with_session_key()
        ran = site.run("redtrust_login", temporal_token=server.temporary_token())
        assert ran.said["action"] == "exchange"
        return site

    def test_a_schedule_keeps_it_beyond_its_time(self, v433: Appliance, new_site: NewSite) -> None:
        """Each run refreshes the session, even a young one. Jobs still have it after the life of an access token."""
        site = self.signed_in(v433, new_site)
        for _run in range(3):
            assert site.run("redtrust_login", state="kept").said["action"] == "refresh"
        assert site.run("redtrust_token").said["action"] == "none"
        counts = [step for step, _status in v433.asked()]
        assert counts.count("refresh") == 3
        assert counts.count("exchange") == 1
        assert v433.one("SELECT SUM(refresh_reuses) FROM sessions") == 0

    def test_where_only_a_person_can_help(self, v433: Appliance, new_site: NewSite) -> None:
        site = self.signed_in(v433, new_site)
        command("end-sessions", "--directory", str(v433.directory))
        ran = site.run("redtrust_login", state="kept")
        assert ran.status == 1
        said = ran.said
        assert said["url"] == "http://127.0.0.1:8765/callback"
        assert f"run the role login and open {said['url']}; the session had ended by {said['ended_at']}" in said["msg"]
        assert said["ended_at"].startswith("20")
        again = site.run("redtrust_login", state="kept").said
        assert again["ended_at"] == said["ended_at"]

    def test_a_service_that_is_away_needs_no_person(self, v433: Appliance, new_site: NewSite) -> None:
        site = self.signed_in(v433, new_site)
        v433.fault("refresh", "before", "status:429")
        said = site.run("redtrust_login", state="kept").said
        assert "person has to" not in said["msg"]
        assert site.run("redtrust_login", state="kept").said["action"] == "refresh"

    def test_nobody_is_asked_while_it_lives(self, v433: Appliance, new_site: NewSite) -> None:
        site = self.signed_in(v433, new_site)
        before = len(v433.asked())
        assert site.run("redtrust_login").said["action"] == "none"
        assert len(v433.asked()) == before

    def test_without_waiting_it_says_what_is_needed(self, v433: Appliance, new_site: NewSite) -> None:
        site = new_site(v433, redirect_url=v433.facts["redirect_url"]).with_session_key()
        said = site.run("redtrust_login", wait=False).said
        assert (said["action"], said["changed"]) == ("needed", False)
        assert "/authclient/auth/loginrequest?Consumer=RA_API&" in said["login_url"]
        assert "there is no session" in said["reason"]

    def test_a_redirect_url_that_is_not_registered_is_told_at_once(self, v433: Appliance, new_site: NewSite) -> None:
        site = new_site(v433, redirect_url="http://127.0.0.1:8765/other").with_session_key()
        assert "REDIRECT_URL_NOT_REGISTERED" in site.run("redtrust_login").said["msg"]

    def test_a_wrong_session_key_is_told_before_anybody_is_asked(self, v433: Appliance, new_site: NewSite) -> None:
        site = self.signed_in(v433, new_site)
        for more in ({}, {"force": True}, {"state": "kept"}, {"temporal_token": "canary"}):
            said = site.run("redtrust_login", session_key="another key of sessions", **more).said
            assert "session_key does not open the session that the store keeps" in said["msg"]
        assert site.run("redtrust_login").said["action"] == "none"

    def test_a_server_in_trouble_has_refused_nobody(self, v433: Appliance, new_site: NewSite) -> None:
        site = new_site(v433, redirect_url=v433.facts["redirect_url"]).with_session_key()
        v433.fault("exchange", "before", "status:503")
        said = site.run("redtrust_login", temporal_token=v433.temporary_token()).said
        assert "Redtrust could not answer (HTTP 503" in said["msg"]
        assert "sign in again in some minutes" in said["msg"]
        assert "refused" not in said["msg"]
        assert said["error"]["status"] == 503

    def test_what_was_copied_wrongly_loses_nothing(self, v433: Appliance, new_site: NewSite) -> None:
        site = self.signed_in(v433, new_site)
        used = v433.temporary_token()
        for pasted, words in (
            ("http://127.0.0.1:8765/callback", "is an address without tkn"),
            (f"https://elsewhere.example/?tkn={used}", "does not lead to http://127.0.0.1:8765/callback"),
            ("canary", "TEMPORAL_TOKEN_INVALID"),
        ):
            said = site.run("redtrust_login", temporal_token=pasted).said
            assert words in said["msg"]
            assert used not in str(said)
        assert site.run("redtrust_login").said["action"] == "none"
        address = f"http://127.0.0.1:8765/callback?x=1&tkn={used.replace('=', '%3D').replace('+', '%2B')}&y=2"
        assert site.run("redtrust_login", temporal_token=address).said["action"] == "exchange"
