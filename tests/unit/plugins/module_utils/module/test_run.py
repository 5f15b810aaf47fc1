# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules as Ansible runs them, in this process: options in, JSON out, secrets masked, check mode and files."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import datetime as dt
import errno
import json
import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll import batch
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    ConfigurationError,
    InternalError,
    NotSentError,
    NotTriedError,
    PolicyError,
    RedtrustError,
    RefusedError,
    SessionError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Outcome,
    Postponed,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import results
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import run as _module
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.files import CertificateFiles
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.masked import MaskedModule
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_pem
from ansible_collections.redtrust.certificate_enroll.plugins.modules import (
    redtrust_csr,
    redtrust_enrollment_info,
    redtrust_finalize,
    redtrust_renew,
    redtrust_sign,
    redtrust_token,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Authority,
    Connection,
    Loopback,
    Seen,
    reply,
    server_context,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.scripted import (
    answer,
    created,
    refusal,
    tokens,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

Give = c.Callable[..., None]
Run = c.Callable[..., dict[str, t.Any]]
WWW = {"name": "www", "dn": {"cn": "www"}, "provider": "CA"}


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Give:
    """Give these options to the next AnsibleModule, in place of standard input."""
    for name in os.environ:
        if name.startswith("REDTRUST_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)

    def given(*, check: bool = False, diff: bool = False, **options: t.Any) -> None:
        own = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(tmp_path)}
        text = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, **own}})
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", text.encode())

    return given


@pytest.fixture
def run(give: Give, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a module without a server, with a store in ``tmp_path``; return its result."""

    def ran(module: t.Any, **options: t.Any) -> dict[str, t.Any]:
        store = {"store_path": str(tmp_path / "state" / "store.db"), "host": "127.0.0.1", "retry_timeout": 0}
        give(**{**store, **options})
        with pytest.raises(SystemExit):
            module.main()
        said: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        return said

    return ran


@pytest.fixture
def server(tmp_path: Path) -> t.Iterator[Loopback]:
    authority = Authority(tmp_path, "ca")
    one = Loopback(server_context(authority.issue("127.0.0.1")))

    def behave(seen: Seen, connection: Connection) -> None:
        step = seen.path.rpartition("/")[2]
        body = {"login": tokens(), "create": created(), "logout": answer({})}[step].body
        connection.sendall(reply(body))

    one.behaviour = behave
    yield one
    one.close()


@pytest.fixture
def reached(server: Loopback, tmp_path: Path) -> dict[str, t.Any]:
    """The options to reach the server."""
    return {
        "port": server.port,
        "api_version": "4.42",
        "ca_path": str(tmp_path / "ca.pem"),
        "username": "u",
        "password": "canary-password",
        "timeout": 10,
    }


class TestModules:
    @pytest.mark.parametrize(
        ("module", "options", "problem"),
        [
            (
                redtrust_csr,
                {"certificates": [{**WWW, "dn": {"ou": 0o2341467000120}}]},
                "www: dn.ou is the number 16771",
            ),
            (
                redtrust_csr,
                {"certificates": [{**WWW, "subject_alt_name": [5]}]},
                "www: subject_alt_name[0] is the number 5",
            ),
            (
                redtrust_csr,
                {"certificates": [{**WWW, "info": {"a": {"b": True}}}]},
                "www: info.a.b is the boolean true",
            ),
            (redtrust_csr, {"certificates": [WWW, {**WWW, "name": 4711}]}, "certificates[1]: name is the number 4711"),
            (redtrust_renew, {"certificates": [{"name": 4711}]}, "certificates[0]: name is the number 4711"),
            (redtrust_renew, {"certificates": [{"name": "a", "provider": 5}]}, "a: provider is the number 5"),
            (redtrust_finalize, {"certificates": [{"name": 4711}]}, "certificates[0]: name is the number 4711"),
            (redtrust_finalize, {"mode": "420"}, "mode is 420, which YAML makes of 0644"),
            (redtrust_enrollment_info, {"names": [4711]}, "names[0] is the number 4711"),
        ],
    )
    def test_what_yaml_has_made_a_number_is_refused(
        self,
        run: Run,
        reached: dict[str, t.Any],
        module: t.Any,
        options: dict[str, t.Any],
        problem: str,
        tmp_path: Path,
    ) -> None:
        """Ansible has turned the number into text before a module reads its options."""
        given = {} if module is redtrust_enrollment_info else reached
        said = run(module, **given, **options)
        assert said["failed"]
        assert said["msg"].startswith(problem)
        assert "quote it in YAML" in said["msg"]
        assert said["error"] == {"type": "ConfigurationError"}
        assert not (tmp_path / "state").exists()

    def test_request_and_again(self, run: Run, reached: dict[str, t.Any], server: Loopback) -> None:
        said = run(redtrust_csr, **reached, certificates=[WWW], diff=True)
        assert said["changed"]
        (entry,) = said["certificates"]
        assert (entry["name"], entry["action"], entry["state"], entry["failed"]) == ("www", "issue", "requested", False)
        assert entry["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
        assert said["summary"] == {"issue": 1}
        assert said["diff"][0]["before"] == {}
        assert said["diff"][0]["after"]["state"] == "requested"
        again = run(redtrust_csr, **reached, certificates=[WWW])
        assert not again["changed"]
        assert again["certificates"][0]["action"] == "resume"
        assert "diff" not in again
        assert [seen.path.rpartition("/")[2] for seen in server.seen] == ["login", "create"]
        info = run(redtrust_enrollment_info)
        assert [one["pending"]["state"] for one in info["enrollments"]] == ["requested"]
        for shown in (said, again, info):
            assert "canary" not in json.dumps(shown)

    def test_check_mode_sends_and_writes_nothing(
        self, run: Run, reached: dict[str, t.Any], server: Loopback, tmp_path: Path
    ) -> None:
        said = run(redtrust_csr, **reached, certificates=[WWW], check=True)
        assert (said["changed"], said["certificates"][0]["action"]) == (True, "issue")
        assert server.connections == 0
        assert not (tmp_path / "state").exists()

    def test_the_session_and_its_end(self, run: Run, reached: dict[str, t.Any], server: Loopback) -> None:
        def token(**options: t.Any) -> tuple[bool, str]:
            said = run(redtrust_token, **reached, **options)
            assert "canary" not in json.dumps(said)
            return said["changed"], said["action"]

        assert token(check=True) == (True, "login")
        assert token(check=True, state="absent") == (False, "none")
        assert token() == (True, "login")
        assert token() == token(check=True) == (False, "none")
        assert token(check=True, state="absent") == (True, "logout")
        assert token(state="absent") == (True, "logout")
        assert token(state="absent") == (False, "none")
        assert [seen.path.rpartition("/")[2] for seen in server.seen] == ["login", "logout"]

    def test_a_logout_that_is_refused_is_no_logout(
        self, run: Run, reached: dict[str, t.Any], server: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warned: list[str] = []
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning))
        usual = server.behaviour

        def refuse(seen: Seen, connection: Connection) -> None:
            if seen.path.endswith("logout"):
                connection.sendall(reply(refusal("ERR_CLOSING_SESSIONS", "no").body, "409 Conflict"))
            else:
                usual(seen, connection)

        server.behaviour = refuse
        run(redtrust_token, **reached)
        said = run(redtrust_token, **reached, state="absent")
        assert (said["changed"], said["action"]) == (True, "forgotten")
        (warning,) = warned
        assert "its end at the service is not confirmed: logout at " in warning
        assert "ERR_CLOSING_SESSIONS" in warning
        assert run(redtrust_token, **reached, state="absent")["action"] == "none"

    def test_a_given_token_is_never_ended(self, run: Run) -> None:
        for check in (True, False):
            said = run(redtrust_token, access_token="canary", state="absent", check=check)
            assert (said["changed"], said["action"]) == (False, "none")

    def test_what_the_server_hands_out_is_hidden_before_it_is_sent_back(
        self, run: Run, reached: dict[str, t.Any], server: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No earlier request contained the refresh token or the request code when the server repeats them."""
        monkeypatch.setattr(batch, "_THREADS_PER_WORKER", 1)  # so that the request code is handed out before

        def repeat(seen: Seen, connection: Connection) -> None:
            if b"bad" in seen.body:
                told = refusal("X", "you have handed-out-token, handed-out-code, and code 12").body
                connection.sendall(reply(told, "400 Bad Request"))
            elif seen.path.endswith("login"):
                connection.sendall(reply(tokens(refreshToken="handed-out-token").body))
            else:
                connection.sendall(reply(created("handed-out-code").body))

        server.behaviour = repeat
        asked = [WWW, {**WWW, "name": "x", "provider": "bad"}]
        said = run(redtrust_csr, **reached, workers=1, certificates=asked, results="all")
        assert [one["failed"] for one in said["certificates"]] == [False, True]
        assert "and code 12" in said["certificates"][1]["msg"]
        assert "handed-out" not in json.dumps(said)
        shown = run(redtrust_enrollment_info)
        assert "and code 12" in json.dumps(shown)
        assert "handed-out" not in json.dumps(shown)

    def test_a_list_of_which_one_fails(self, run: Run, reached: dict[str, t.Any], server: Loopback) -> None:
        def refuse(seen: Seen, connection: Connection) -> None:
            if b"bad" in seen.body:
                connection.sendall(reply(refusal("ERR_NOT_FOUND", "no such provider").body, "400 Bad Request"))
            else:
                usual(seen, connection)

        usual, server.behaviour = server.behaviour, refuse
        asked = [WWW, {**WWW, "name": "x", "provider": "bad"}]
        said = run(redtrust_csr, **reached, certificates=asked, results="all")
        assert said["failed"]
        assert said["changed"]
        assert said["msg"].startswith("1 of 2 certificates failed: x: create at https://127.0.0.1:")
        assert said["summary"] == {"issue": 1, "failed": 1}
        good, bad = said["certificates"]
        assert (good["failed"], bad["failed"], bad["state"]) == (False, True, "abandoned")
        assert bad["error"]["type"] == "RefusedError"
        assert bad["error"]["error_code"] == "ERR_NOT_FOUND"

    @pytest.mark.parametrize("variable", ["JOB_ID", "AWX_HOST"])
    @pytest.mark.parametrize("module", [redtrust_csr, redtrust_renew, redtrust_enrollment_info])
    def test_in_awx_the_store_needs_a_place_of_its_own(
        self,
        run: Run,
        reached: dict[str, t.Any],
        server: Loopback,
        module: t.Any,
        variable: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv(variable, "42")
        listed = {"certificates": [WWW]} if module is redtrust_csr else {}
        for path in ("~/.local/share/redtrust/store.sqlite3", f"{tmp_path}/.local/share/redtrust//store.sqlite3"):
            said = run(module, **reached, **listed, store_path=path)
            assert said["failed"]
            assert said["msg"].startswith("store_path is the default, ~/.local/share/redtrust/store.sqlite3, which")
            assert "REDTRUST_STORE_PATH" in said["msg"]
        assert server.seen == []
        assert not (tmp_path / ".local").exists()
        assert not run(module, **reached, **listed).get("failed")

    @pytest.mark.parametrize("check", [False, True])
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"workers": 0}, "workers must be from 1 to 256, not 0"),
            ({"workers": 257}, "workers must be from 1 to 256, not 257"),
            ({"wait_timeout": -1}, "wait_timeout is in seconds, at most 86400, not -1"),
            ({"wait_timeout": "nan"}, "wait_timeout is in seconds, at most 86400, not nan"),
            ({"timeout": 0}, "timeout is in seconds, at most 3600, not 0"),
            ({"ca_path": "/nowhere"}, "ca_path: /nowhere cannot be read (No such file or directory)"),
            (
                {"certificates": [WWW, WWW]},
                "certificates[1]: the name www is in the list twice, first at certificates[0]",
            ),
        ],
    )
    def test_bad_options(self, run: Run, options: dict[str, t.Any], message: str, check: bool) -> None:
        said = run(redtrust_csr, **{"certificates": [WWW], "check": check, "access_token": "given-token", **options})
        assert said["failed"]
        assert said["msg"] == message
        assert said["error"] == {"type": "ConfigurationError"}

    def test_warnings_and_a_session_path_and_a_proxys_password(
        self, run: Run, reached: dict[str, t.Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warned: list[str] = []
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning))
        odd = {**WWW, "dn": {"cn": "www", "c": "Brasil"}}
        options = {**reached, "session_path": str(tmp_path / "own" / "session")}
        run(redtrust_csr, **options, certificates=[odd])
        assert [warning.partition(" = ")[0] for warning in warned] == ["www: dn attribute c"]
        assert (tmp_path / "own" / "session").is_file()
        proxy = "http://someone:canary-proxy@127.0.0.1:1"
        refused = run(redtrust_csr, **options, proxy=proxy, certificates=[{**WWW, "name": "x"}])
        assert refused["failed"]
        assert "canary" not in json.dumps(refused)

    def test_433_without_a_partner_is_warned_of(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        warned: list[str] = []
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning))
        asked = {"certificates": [WWW], "access_token": "given-token", "check": True}
        run(redtrust_csr, **asked, api_version="4.42")
        run(redtrust_csr, **asked, api_version="4.33", partner="P", partner_secret="canary")
        assert warned == []
        run(redtrust_csr, **asked, api_version="4.33")
        assert warned == ["generation 4.33 refuses requests that are not signed: set partner and partner_secret"]

    def test_files_are_asked_for_in_a_directory_that_is_there(self, run: Run, tmp_path: Path) -> None:
        for check in (False, True):
            said = run(redtrust_finalize, directory=str(tmp_path / "none"), check=check)
            assert said["msg"].endswith("none is not a directory; make it first")

    @pytest.mark.parametrize("check", [False, True])
    def test_a_signer_with_nothing_to_sign_is_checked(self, run: Run, pki: Openssl, check: bool) -> None:
        paths = {"certificate_path": str(pki.folder / "ca.crt"), "private_key_path": str(pki.folder / "ca.key")}
        for validity, words in (("1h", ""), ("90y", "but the CA itself ends at")):
            ca = {**paths, "validity": validity}
            said = run(redtrust_sign, certificates=[], signer="local_ca", local_ca=ca, check=check)
            assert (bool(words), words in said.get("msg", "")) == (said.get("failed", False), True)

    @pytest.mark.parametrize("signer", ["local_ca", "command"])
    def test_a_signer_needs_its_options(self, run: Run, signer: str) -> None:
        said = run(redtrust_sign, certificates=[], signer=signer)
        assert said["msg"] == f"signer is {signer} but all of the following are missing: {signer}"

    def test_a_missing_library_is_said(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_module, "REQUESTS_IMPORT_ERROR", "Traceback: no requests")
        said = run(redtrust_enrollment_info)
        assert "(requests)" in said["msg"]


def summed_up(outcomes: t.Sequence[Outcome], shown: str | None = "all", **options: t.Any) -> results.Result:
    summing = results.Results(shown, **options)
    for position, outcome in enumerate(outcomes):
        summing.add(position, outcome)
    return summing.result()


SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA", request_code="canary")
ROW = Revision("svc", "www", 1, 1, State.FINALIZED, SPEC, request_code="canary")


class TestResults:
    def test_the_sentence_names_ten(self) -> None:
        outcomes = [Outcome(f"n{number}", "none", "", error=PolicyError(f"no {number}")) for number in range(12)]
        result = summed_up([*outcomes, Outcome("fine", "none", "")])
        assert result.failure is not None
        assert result.failure.startswith("12 of 13 certificates failed: n0: no 0; n1: no 1; ")
        assert result.failure.endswith("n9: no 9; 2 certificates for other reasons, see the results")
        assert len(result.values["certificates"]) == 13
        assert result.values["summary"] == {"failed": 12, "none": 1}
        assert result.values["stopped"] is None

    def test_the_sentence_names_each_cause_once(self) -> None:
        outcomes = [Outcome(f"n{number}", "none", "", error=PolicyError("no")) for number in range(7)]
        result = summed_up([*outcomes, Outcome("x", "none", "", error=PolicyError("never"))])
        assert result.failure == "8 of 8 certificates failed: no: 7 certificates, among them n0, n1, n2; x: never"

    def test_what_was_not_tried_is_counted(self) -> None:
        lost = AnswerLostError("no answer", step="create", url="https://h")
        left = NotTriedError("not tried, since the service is down", step="issue", url="svc")
        outcomes = [Outcome("a", "issue", "", error=lost)] + [Outcome(name, "none", "", error=left) for name in "bc"]
        result = summed_up(outcomes)
        assert result.failure == (
            "3 of 3 certificates failed: a: create at https://h: no answer; "
            "b, c: issue at svc: not tried, since the service is down"
        )
        assert result.values["summary"] == {"failed": 1, "not_tried": 2}
        assert result.values["stopped"] == str(left)

    @pytest.mark.parametrize(
        ("error", "stops"),
        [
            (SessionError("no session"), True),
            (RefusedError("no", step="login", url="u", status=401), True),
            (NotSentError("no", step="refresh", url="u"), True),
            (RefusedError("no", step="create", url="u", status=400), False),
            (PolicyError("no"), False),
        ],
    )
    def test_another_list_is_not_begun_without_a_session(self, error: RedtrustError, stops: bool) -> None:
        stopped = summed_up([Outcome("a", "none", "", error=error)]).values["stopped"]
        assert stopped == (str(error) if stops else None)

    def test_warnings_say_whose_they_are(self) -> None:
        result = summed_up([Outcome("a", "issue", "", warnings=("c is odd",))])
        assert result.warnings == ["a: c is odd"]

    def test_a_warning_of_many_is_given_once(self) -> None:
        """A fleet whose CA gives short lives must not print a line for each certificate."""
        both = ("too long", "c is odd")
        result = summed_up([Outcome(f"n{at}", "none", "", warnings=both[: 1 + at % 2]) for at in range(9)])
        assert result.warnings == [
            "9 certificates, among them n0, n1, n2: too long",
            "4 certificates, among them n1, n3, n5: c is odd",
        ]
        assert result.failure is None

    @pytest.mark.parametrize(
        ("shown", "default", "fails", "names"),
        [
            (None, "all", False, ["none", "issue"]),
            (None, "changed", False, ["issue"]),
            (None, "all", True, ["bad"]),
            (None, "changed", True, ["bad"]),
            ("all", "changed", True, ["none", "issue", "bad"]),
            ("changed", "all", True, ["issue", "bad"]),
            ("failed", "all", True, ["bad"]),
            ("failed", "all", False, []),
        ],
    )
    def test_which_results_are_returned(self, shown: str | None, default: str, fails: bool, names: list[str]) -> None:
        """A task that fails shows its failures, and not thousands of other results."""
        outcomes = [Outcome("none", "none", "", revision=ROW), Outcome("issue", "issue", "", changed=True)]
        outcomes += [Outcome("bad", "none", "", error=PolicyError("no"))] if fails else []
        result = summed_up(outcomes, shown, default=default)
        assert [entry["name"] for entry in result.values["certificates"]] == names
        assert result.values["summary"] == {"none": 1, "issue": 1, **({"failed": 1} if fails else {})}
        assert result.changed

    @pytest.mark.parametrize(("shown", "kept"), [("all", 2), ("changed", 0), ("failed", 0), (None, 2)])
    def test_what_is_left_for_a_later_run_is_counted(self, shown: str | None, kept: int) -> None:
        until = dt.datetime(2026, 12, 1, 22, tzinfo=dt.timezone.utc)
        waits = Outcome("a", "none", "due since then", revision=ROW, postponed=Postponed("renewal_windows", until))
        result = summed_up([waits, Outcome("b", "none", "", revision=ROW)], shown)
        assert result.values["summary"] == {"postponed": 1, "none": 1}
        entries = result.values["certificates"]
        assert len(entries) == kept
        assert [entry.get("postponed") for entry in entries][:1] == (
            [{"by": "renewal_windows", "until": "2026-12-01T22:00:00Z"}] if kept else []
        )
        assert not result.changed

    def test_the_results_are_in_the_order_of_the_list(self) -> None:
        summing = results.Results("all")
        for position in (2, 0, 1):
            summing.add(position, Outcome(f"n{position}", "issue", "", changed=True, before={}, after={"state": "x"}))
        result = summing.result()
        assert [entry["name"] for entry in result.values["certificates"]] == ["n0", "n1", "n2"]
        assert [diff["after_header"] for diff in result.diff] == ["n0", "n1", "n2"]

    def test_no_request_code_in_any_result(self) -> None:
        shown = json.dumps(results.to_result(Outcome("www", "none", "", revision=ROW, in_use=ROW)))
        assert "canary" not in shown + repr(ROW)

    @pytest.mark.parametrize(
        ("broken", "kind"),
        [
            (dataclasses.replace(ROW, state=State.REQUESTED, csr=b"rubbish"), "ConfigurationError"),
            (dataclasses.replace(ROW, not_valid_after=t.cast("t.Any", "rubbish")), "InternalError"),
        ],
    )
    def test_one_that_cannot_be_shown_has_failed_alone(self, broken: Revision, kind: str) -> None:
        outcomes = [
            Outcome("a", "issue", "why", changed=True, revision=broken),
            Outcome("b", "finalize", "why", changed=True, revision=ROW),
        ]
        result = summed_up(outcomes)
        first, second = result.values["certificates"]
        assert (first["name"], first["action"], first["changed"], first["failed"]) == ("a", "issue", True, True)
        assert first["error"]["type"] == kind
        assert (second["failed"], second["state"]) == (False, "finalized")
        assert result.changed
        assert result.values["summary"] == {"failed": 1, "finalize": 1}
        assert result.failure is not None
        assert result.failure.startswith("1 of 2 certificates failed: a: ")
        assert len(result.diff) == 2

    def test_nothing_at_all(self) -> None:
        result = summed_up([])
        assert (result.changed, result.values["certificates"], result.failure) == (False, [], None)

    def test_an_error_of_another_kind(self) -> None:
        assert results.error_facts(KeyError("x")) == {"type": "KeyError"}
        facts = results.error_facts(RefusedError("no", step="create", url="https://h", status=400))
        assert facts == {"type": "RefusedError", "step": "create", "url": "https://h", "status": 400}


@pytest.fixture
def files(give: Give, tmp_path: Path) -> c.Callable[..., CertificateFiles]:
    (tmp_path / "out").mkdir()

    def made(
        *,
        check: bool = False,
        backup: bool = False,
        in_use: c.Callable[[str], Revision | None] = lambda _name: None,
        **options: t.Any,
    ) -> CertificateFiles:
        give(check=check, **options)
        module = MaskedModule(argument_spec={}, supports_check_mode=True, add_file_common_args=True)
        return CertificateFiles(module, str(tmp_path / "out"), backup=backup, in_use=in_use)

    return made


class TestFiles:
    def outcome(self, pki: Openssl, *, chain: bool = True) -> Outcome:
        row = dataclasses.replace(ROW, certificate=pki.der("leaf"), chain=(pki.der("ca"),) if chain else ())
        return Outcome("www", "none", "why", in_use=row)

    def test_written_once(self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path) -> None:
        done = files(mode="0640").write(self.outcome(pki))
        leaf, chain = tmp_path / "out" / "www.pem", tmp_path / "out" / "www-chain.pem"
        assert (done.action, done.changed) == ("write", True)
        assert done.extra == {"path": str(leaf), "chain_path": str(chain)}
        assert leaf.read_text() == certificate_pem(pki.der("leaf"))
        assert chain.read_text() == certificate_pem(pki.der("ca"))
        assert stat.S_IMODE(leaf.stat().st_mode) == 0o640
        again = files(mode="0640").write(self.outcome(pki))
        assert (again.action, again.changed) == ("none", False)
        assert sorted(path.name for path in leaf.parent.iterdir()) == ["www-chain.pem", "www.pem"]

    def test_rights_alone_are_a_change(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path
    ) -> None:
        files(mode="0640").write(self.outcome(pki))
        assert files(mode="0600", check=True).write(self.outcome(pki)).changed
        assert files(mode="0600").write(self.outcome(pki)).changed
        assert stat.S_IMODE((tmp_path / "out" / "www.pem").stat().st_mode) == 0o600

    def test_check_mode_writes_nothing(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path
    ) -> None:
        assert files(check=True, mode="0600").write(self.outcome(pki)).changed
        assert list((tmp_path / "out").iterdir()) == []

    @pytest.mark.process
    def test_a_backup(self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path) -> None:
        path = tmp_path / "out" / "www.pem"
        path.write_text("old")
        done = files(backup=True).write(self.outcome(pki, chain=False))
        (kept,) = t.cast("list[str]", done.extra["backup_files"])
        assert Path(kept).read_text() == "old"
        assert path.read_text() == certificate_pem(pki.der("leaf"))
        assert "chain_path" not in done.extra

    def test_what_came_into_use_meanwhile_is_written(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path
    ) -> None:
        """Another run goes on before the first reading; yet another one goes on after the second."""
        rows = [dataclasses.replace(ROW, certificate=pki.der(name)) for name in ("ca", "other", "other", "other")]
        asked = iter(rows)
        done = files(in_use=lambda _name: next(asked)).write(self.outcome(pki, chain=False))
        assert done.changed
        assert (tmp_path / "out" / "www.pem").read_text() == certificate_pem(pki.der("other"))

    def test_what_is_out_of_use_is_not_written_for_a_moment_either(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[str] = []
        monkeypatch.setattr(
            basic.AnsibleModule,
            "atomic_move",
            lambda _self, source, target, **_more: written.append(Path(source).rename(target).read_text()),
        )
        newer = dataclasses.replace(ROW, certificate=pki.der("other"))
        files(in_use=lambda _name: newer).write(self.outcome(pki, chain=False))
        assert written == [certificate_pem(pki.der("other"))]

    def test_the_action_of_an_upload_stays(self, files: c.Callable[..., CertificateFiles], pki: Openssl) -> None:
        uploaded = dataclasses.replace(self.outcome(pki), action="finalize", changed=True)
        assert files().write(uploaded).action == "finalize"

    def test_a_file_that_cannot_be_written(self, files: c.Callable[..., CertificateFiles], pki: Openssl) -> None:
        name = "n" * 300
        done = files().write(dataclasses.replace(self.outcome(pki), name=name))
        assert isinstance(done.error, ConfigurationError)
        assert "File name too long" in str(done.error)
        assert str(done.extra["path"]).endswith(f"{name}.pem")

    def test_a_file_that_cannot_be_replaced(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_paths: object, **_options: object) -> t.NoReturn:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "rename", refused)
        done = files().write(self.outcome(pki))
        assert isinstance(done.error, ConfigurationError)
        assert "Operation not permitted" in str(done.error)

    def test_a_directory_in_the_place_of_a_file(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, tmp_path: Path
    ) -> None:
        (tmp_path / "out" / "www.pem").mkdir()
        done = files().write(self.outcome(pki))
        assert isinstance(done.error, ConfigurationError)
        assert str(done.error).endswith("www.pem is a directory: move it away; the certificate is in use already")

    def test_an_owner_that_is_not_there_is_the_failure_of_each_and_ends_nothing(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl, capsys: pytest.CaptureFixture[str]
    ) -> None:
        uploaded = dataclasses.replace(self.outcome(pki), action="finalize", changed=True)
        done = files(owner="nobody-has-this-name").write(uploaded)
        assert isinstance(done.error, ConfigurationError)
        assert "www.pem: chown failed: failed to look up user nobody-has-this-name" in str(done.error)
        assert (done.action, done.changed) == ("finalize", True)
        assert capsys.readouterr().out == ""

    def test_an_error_that_nobody_expected_is_the_failure_of_one(
        self, files: c.Callable[..., CertificateFiles], pki: Openssl
    ) -> None:
        def in_use(name: str) -> Revision | None:
            if name == "www":
                raise ValueError("nobody expected this")
            return None

        writing = files(in_use=in_use)
        outcomes = [self.outcome(pki), dataclasses.replace(self.outcome(pki), name="other")]
        first, second = map(writing.write, outcomes)
        assert isinstance(first.error, InternalError)
        assert "_module/files.py, line" in first.error.place
        assert (second.error, second.changed) == (None, True)

    def test_without_a_certificate_nothing_is_written(self, files: c.Callable[..., CertificateFiles]) -> None:
        for outcome in (Outcome("www", "none", ""), Outcome("www", "none", "", in_use=ROW)):
            assert files().write(outcome) is outcome

    def test_a_directory_that_cannot_be_written_to(
        self, files: c.Callable[..., CertificateFiles], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "access", lambda *_arguments: False)
        with pytest.raises(ConfigurationError, match="cannot be written to by this user"):
            files()
