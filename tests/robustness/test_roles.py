# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles fail when a certificate failed: for any error, in any step, with any signer.

Each run is one play with one role. One certificate fails in each step that can fail in that way, and two do not. The
play writes its variables to a file at its end, and the tests read that file.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.tests.robustness import signing_ca
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Fault, Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.playing import run_playbook
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from .conftest import NewSite

# With this folder on the path, the modules of a play reach the fault points of the tests.
ARMED = Path(__file__).resolve().parent / "armed"
ROLES = ("issue", "renew")
SIGNERS = ("local_ca", "command", "own tasks")
STEPS = ("request", "sign", "gate", "upload", "file")
WAYS = ("refused", "for good", "unreachable", "not usable", "crash")
GOOD = ("good 1", "good 2")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One certificate that fails in a step, in a way. ``cause`` is part of its message."""

    step: str
    cause: str

    @property
    def name(self) -> str:
        return f"at {self.step}"


def cells(signer: str, way: str) -> list[Cell]:
    """Return the failures of this way with this signer. A local CA makes no certificate that the gate refuses."""
    causes = {step: CAUSES.get((step, way), {}) for step in STEPS}
    told = {step: cause if isinstance(cause, str) else cause.get(signer) for step, cause in causes.items()}
    return [Cell(step, cause) for step, cause in told.items() if cause]


_REFUSED, _BLOCKED = (words for _status, words in signing_ca.WORDS.values())
# The words of the failing party, by step and way. A pair that is missing here cannot occur.
CAUSES: t.Mapping[tuple[str, str], str | t.Mapping[str, str]] = {
    ("request", "refused"): "HTTP 400",
    ("request", "for good"): "HTTP 403",
    ("request", "unreachable"): "the answer did not come",
    ("request", "not usable"): "a page for people in HTML, perhaps of a proxy",
    ("sign", "refused"): {
        "local_ca": "subject_alt_name 'at sign' is not DNS:",
        "command": f"exit status 1: {_REFUSED}",
        "own tasks": f'the task "Have the CA sign" failed: non-zero return code: {_REFUSED}',
    },
    ("sign", "for good"): {
        "command": f"the CA refused the request: {_BLOCKED}",
        "own tasks": f'the task "Have the CA sign" failed: non-zero return code: {_BLOCKED}',
    },
    ("sign", "unreachable"): {
        "command": "Connection refused",
        "own tasks": "Connection refused",
    },
    ("sign", "not usable"): {
        "command": "did not print the certificate and its chain: no certificate found, but ",
        "own tasks": "at sign.pem: no certificate found, but ",
    },
    ("sign", "crash"): {"command": "ended with signal 9", "own tasks": 'the task "Have the CA sign" failed: '},
    ("gate", "refused"): {"command": "cn=somebody else", "own tasks": "cn=somebody else"},
    ("gate", "for good"): {"own tasks": "none of the certificates have the key of the request"},
    ("gate", "not usable"): {"command": "expired", "own tasks": "expired"},
    ("upload", "refused"): "HTTP 400",
    ("upload", "for good"): "HTTP 403",
    ("upload", "unreachable"): "did not come",
    ("upload", "not usable"): "does not confirm the upload",
    ("file", "refused"): "at file.pem is a directory: move it away",
}
SERVER = {"refused": "status:400", "for good": "status:403", "unreachable": "drop", "not usable": "rubbish"}
SIGNING = {"gate refused": "another subject", "gate for good": "another key", "gate not usable": "expired"}


class Stage:
    """A place that runs a play, with one role and one signer."""

    def __init__(self, site: Site, role: str, signer: str) -> None:
        self.site = site
        self.role = role
        self.signer = signer
        self.told: dict[str, t.Any] = {}
        self.output = ""
        self._directory = site.certificates.parent
        self._ca = Path(site.local_ca["certificate_path"]).parent

    def run(
        self,
        names: t.Sequence[str],
        ways: t.Mapping[str, str],
        fault: Fault | None = None,
        entries: t.Sequence[t.Mapping[str, t.Any]] = (),
    ) -> int:
        """Run the play and return its status; ``ways`` are the ways in which the CA fails, by name.

        ``entries`` replaces the usual entries of the names.
        """
        tasks = self._directory / "sign.yml"
        tasks.write_text(yaml.safe_dump(self._own_tasks(ways)), encoding="utf-8")
        (self._directory / "answers").mkdir(exist_ok=True)
        role, asked = self.role, list(entries) or [self.entry(name) for name in names]
        forced = [{"name": entry["name"], "force": True} for entry in asked]
        variables = {
            "certificates": [dict(entry) for entry in asked] if role == "issue" else forced,
            "directory": str(self.site.certificates),
            **self._signing(ways),
        }
        facts = {name: f"{{{{ {role}_{name} }}}}" for name in ("results", "changed", "failed", "stopped")}
        tell = [self._tell(facts)]
        return self.play([{"block": [self.include(variables)], "always": tell}], fault)

    def include(self, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return a task that includes the role; the names of the variables lack their prefix."""
        given = {f"{self.role}_{name}": value for name, value in variables.items()}
        return {"ansible.builtin.include_role": {"name": f"redtrust.certificate_enroll.{self.role}"}, "vars": given}

    def play(self, tasks: t.Sequence[t.Mapping[str, t.Any]], fault: Fault | None = None, *options: str) -> int:
        """Run a play with these tasks and return its status."""
        path = self._directory / "play.yml"
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "module_defaults": {"group/redtrust.certificate_enroll.redtrust": self.site.options},
            "tasks": tasks,
        }
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        environment = {
            "PYTHONPATH": str(ARMED),
            # so that the faults of the server strike the certificates that they are meant for
            "REDTRUST_ONE_THREAD": "1",
            **(fault.environment() if fault else {}),
        }
        status, self.output = run_playbook(path, self._directory, *options, **environment)
        told = self._directory / "told.json"
        self.told = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
        return status

    def _tell(self, facts: t.Mapping[str, str]) -> dict[str, t.Any]:
        """Return a task that writes the variables of the play to a file."""
        place = str(self._directory / "told.json")
        copy = {"content": "{{ told | to_json }}", "dest": place, "mode": "0600"}
        return {"ansible.builtin.copy": copy, "vars": {"told": dict(facts)}, "check_mode": False}

    def refused(self, attempts: t.Sequence[t.Mapping[str, t.Any]], *options: str) -> list[str]:
        """Try the role with each of these variables; return the error messages."""
        words = "ansible_failed_result.msg | default('') ~ ansible_failed_result.argument_errors | default('')"
        said = f"{{{{ said + [{words}] }}}}"
        rescue = [{"ansible.builtin.set_fact": {"said": said}}]
        entries = [self.entry("a")] if self.role == "issue" else [{"name": "a", "force": True}]
        blocks = [{"block": [self.include({"certificates": entries, **one})], "rescue": rescue} for one in attempts]
        begin: dict[str, t.Any] = {"ansible.builtin.set_fact": {"said": []}}
        assert self.play([begin, *blocks, self._tell({"said": "{{ said }}"})], None, *options) == 0, self.output
        return t.cast("list[str]", self.told["said"])

    def _signing(self, ways: t.Mapping[str, str]) -> dict[str, t.Any]:
        """Return the variables of the signer."""
        if self.signer == "local_ca":
            return {"signer": "local_ca", "local_ca": self.site.local_ca}
        if self.signer == "command":
            return {"signer": "command", "command": {"argv": self._argv(ways), "timeout": 60}}
        answers = str(self._directory / "answers")
        return {"tasks_file": str(self._directory / "sign.yml"), "answers_directory": answers}

    def _argv(self, ways: t.Mapping[str, str]) -> list[str]:
        return [sys.executable, signing_ca.__file__, str(self._ca), json.dumps(dict(ways))]

    def _own_tasks(self, ways: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
        argv = [*self._argv(ways), str(self._directory / "answers" / "{{ item.name }}.pem")]
        return [
            {
                "name": "Have the CA sign",
                "ansible.builtin.command": {"argv": argv, "stdin": "{{ item.csr }}"},
                "environment": {"REDTRUST_NAME": "{{ item.name }}"},
                "loop": "{{ issue_requests }}",
                "loop_control": {"label": "{{ item.name }}"},
            }
        ]

    @staticmethod
    def entry(name: str) -> dict[str, t.Any]:
        """Return the entry of a name."""
        entry = {"name": name, "dn": {"cn": name, "o": "Example"}, "provider": "CA_DEMO", "key_type": "ECDSA"}
        return {**entry, "key_length": 256, "subject_alt_name": []}

    def issued(self, names: t.Iterable[str]) -> None:
        """Issue the certificates that the role renew starts with."""
        if self.role == "renew":
            self.site.pipeline(*names, workers=1)

    def result(self, name: str) -> dict[str, t.Any]:
        """Return the play's result of a certificate."""
        (found,) = [entry for entry in self.told["results"] if entry["name"] == name]
        return t.cast("dict[str, t.Any]", found)


@pytest.fixture
def stage(request: pytest.FixtureRequest, v442: Appliance, new_site: NewSite) -> Stage:
    role, signer = request.param
    return Stage(new_site(v442).with_login(), role, signer)


def test_every_step_and_way_is_thought_of() -> None:
    """Only these cannot happen; every other step and way has a cause."""
    impossible = {
        ("request", "crash"),  # a crash of the module, not of one certificate: see below
        ("gate", "unreachable"),
        ("gate", "crash"),
        ("upload", "crash"),
        *(("file", way) for way in WAYS if way != "refused"),
    }
    assert set(itertools.product(STEPS, WAYS)) - set(CAUSES) == impossible


def wish_for_what_no_ca_makes(stage: Stage, name: str) -> None:
    """Leave a pending request that an earlier release did not refuse."""
    first = "redtrust_csr" if stage.role == "issue" else "redtrust_renew"
    options = {"certificates": [stage.entry(name)]} if stage.role == "issue" else {"force": True}
    ran = stage.site.step(first, [name], **options)
    assert not ran.status, ran
    with stage.site.place.opened() as store:
        pending = store.enrollment(stage.site.options["host"], name).pending
        assert pending
        store.put(dataclasses.replace(pending, spec=dataclasses.replace(pending.spec, subject_alt_name=(name,))))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stage", itertools.product(ROLES, SIGNERS), indirect=True, ids=" with ".join)
def test_what_failed_is_told_with_its_cause(stage: Stage, way: str) -> None:
    found = cells(stage.signer, way)
    if not found:
        pytest.skip("a local CA is never killed alone")
    names = [cell.name for cell in found]
    stage.issued([*names, *GOOD])
    steps = {cell.step for cell in found}
    entries = [stage.entry(name) for name in (*names, *GOOD)]
    if stage.signer == "local_ca" and "sign" in steps:
        wish_for_what_no_ca_makes(stage, "at sign")
        entries = [{**entry, "subject_alt_name": ["at sign"] * (entry["name"] == "at sign")} for entry in entries]
    for step, endpoint in (("request", "create"), ("upload", "finalize")):
        if step in steps:
            stage.site.appliance.fault(endpoint, "before", SERVER[way])
    if "file" in steps:
        path = stage.site.certificates / "at file.pem"
        path.unlink(missing_ok=True)
        (path / "in the way").mkdir(parents=True)
    ways = {"at sign": way, "at gate": SIGNING.get(f"gate {way}", "")}
    status = stage.run([*names, *GOOD], ways, entries=entries)

    assert status == 2, stage.output
    assert stage.told["failed"] == names, stage.output
    assert [cell for cell in found if cell.cause not in stage.result(cell.name)["msg"]] == [], stage.output
    assert [cell for cell in found if cell.cause not in _unfolded(stage.output)] == [], stage.output
    assert f"{len(names)} of {len(names) + 2} certificates failed: " in stage.output
    assert {stage.result(name)["state"] for name in GOOD} == {"finalized"}
    assert set(stage.told["changed"]) - {"at file"} == set(GOOD)


def _unfolded(output: str) -> str:
    """Return the output without the quoting of JSON."""
    return output.replace('\\"', '"')


@pytest.mark.parametrize("point", ["create send", "sign before", "finalize send", "file before"])
@pytest.mark.parametrize("stage", [(role, "local_ca") for role in ROLES], indirect=True, ids=" with ".join)
def test_a_module_that_is_killed_is_told(stage: Stage, point: str, tmp_path: Path) -> None:
    stage.issued(GOOD)
    status = stage.run(GOOD, {}, Fault(point, "kill", once=str(tmp_path / "once")))
    assert status == 2, stage.output
    assert set(stage.told["failed"]) == set(GOOD), stage.output
    assert {stage.result(name)["error"]["type"] for name in GOOD} == {"ModuleFailed"}
    assert "2 of 2 certificates failed: " in stage.output
    assert stage.run(GOOD, {}) == 0, stage.output
    assert {stage.result(name)["state"] for name in GOOD} == {"finalized"}


@pytest.mark.parametrize("point", ["create received", "sign before", "finalize received", "file before"])
@pytest.mark.parametrize("stage", [(role, "local_ca") for role in ROLES], indirect=True, ids=" with ".join)
def test_an_error_that_nobody_expected_is_told_of_one(stage: Stage, point: str) -> None:
    stage.issued(GOOD)
    first, second = GOOD
    assert stage.run(GOOD, {}, Fault(point, once=str(stage.site.certificates.parent / "once"))) == 2, stage.output
    assert (stage.told["failed"], stage.result(second)["state"]) == ([first], "finalized"), stage.output
    assert stage.result(first)["error"]["exception"] == "UnexpectedError"
    assert f"1 of 2 certificates failed: {first}: an error that nobody expected" in stage.output


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["run", "check"])
@pytest.mark.parametrize("stage", [(role, "local_ca") for role in ROLES], indirect=True, ids=" with ".join)
def test_what_cannot_come_to_a_good_end_is_refused_before_a_key_is_made(stage: Stage, options: tuple[str, ...]) -> None:
    stage.issued(["a"])
    ca, nowhere = stage.site.local_ca, str(stage.site.certificates / "none")
    signs = {"signer": "local_ca", "local_ca": ca}
    rest = {"type": "http", "url": "https://ca.invalid"}
    attempts: dict[str, dict[str, t.Any]] = {
        f"nothing says what signs: {stage.role}_signer is not set": {"singer": "local_ca"},
        f"{stage.role}_signer is 'loca_ca', which is no type of signer: it must be one of": {"signer": "loca_ca"},
        "the type of the signer must be one of local_ca, command,": {"signer": {"type": "hhtp", "token": "secret"}},
        "http.request.body: ${crs_pem} is not a placeholder": {"signer": {**rest, "request": {"body": "${crs_pem}"}}},
        f"{stage.role}_local_ca is not set": {"signer": "local_ca"},
        "is not on PATH": {"signer": "command", "command": {"argv": ["no-such-program"]}},
        "cannot be read": {"signer": "local_ca", "local_ca": {**ca, "private_key_path": nowhere}},
        "holds no private key": {"signer": "local_ca", "local_ca": {**ca, "private_key_path": ca["certificate_path"]}},
        "but the CA itself ends at": {"signer": "local_ca", "local_ca": {**ca, "validity": "90y"}},
        "is not a directory; make it first": {**signs, "directory": nowhere},
        "_tasks_file, none.yml, is not there": {"tasks_file": "none.yml"},
        f"_answers_directory, {nowhere}, is not a directory": {"answers_directory": nowhere},
        "quote it in YAML": {**signs, "mode": 420},
        "a: dn.c is the boolean false": {"certificates": [{"name": "a", "dn": {"c": False}}]},
    }
    keys = stage.site.appliance.one("SELECT COUNT(*) FROM keys")
    said = stage.refused(list(attempts.values()), *options)
    assert [words for words, told in zip(attempts, said, strict=True) if words not in told] == [], said
    assert stage.site.appliance.one("SELECT COUNT(*) FROM keys") == keys
