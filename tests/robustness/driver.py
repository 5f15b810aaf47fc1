# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the modules as the role does, with real files and real HTTPS; run them until nothing changes any more."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import datetime as dt
import typing as t
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import (
    PATIENCE_SECONDS,
    TREE,
    Fault,
    Launcher,
    Options,
    Ran,
    Running,
)
from ansible_collections.redtrust.certificate_enroll.tests.robustness.places import File, Place
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

__all__ = [
    "ONE_PASS",
    "PATIENCE_SECONDS",
    "TREE",
    "Fault",
    "Launcher",
    "Ran",
    "Running",
    "Site",
    "modules_of",
    "wanted",
]

# The module that takes a certificate the whole way.
ONE_PASS = "redtrust_certificate"


class Site:
    """One partner's place: a store, a session file and a directory of certificates in ``directory``, and a server.

    The store is at ``place``, by default in a file. ``options`` are for every module, such as ``access_token``; other
    options have the values of the server. ``patches`` are for every run. They make it fast to derive a key.
    """

    def __init__(
        self,
        appliance: Appliance,
        directory: Path,
        launcher: Launcher,
        local_ca: Options,
        place: Place | None = None,
        **options: t.Any,
    ) -> None:
        self.appliance = appliance
        self.launcher = launcher
        self.store_path = directory / "state" / "store.sqlite3"
        self.place = place or File(self.store_path)
        self.session_path = directory / "session" / "kept"
        self.certificates = directory / "certificates"
        self.local_ca = local_ca
        self.patches: dict[str, t.Any] = {"_session.kept._KEY_ITERATIONS": 1, **self.place.patches}
        self.since: int = appliance.one("SELECT COALESCE(MAX(id), 0) FROM requests")
        self.since_session: int = appliance.one("SELECT COALESCE(MAX(rowid), 0) FROM sessions")
        self.certificates.mkdir(parents=True, exist_ok=True)
        facts = appliance.facts
        names = ("host", "port", "auth_port", "api_version", "ca_path", "partner", "partner_secret")
        own = {**self.place.options, "session_path": str(self.session_path), "retry_timeout": 0}
        self.options: dict[str, t.Any] = {**{name: facts[name] for name in names}, **own, **options}

    def with_login(self) -> Site:
        """Make the modules log in by themselves. Only 4.42 allows it."""
        names = ("username", "password", "domain")
        self.options.update({name: self.appliance.facts[name] for name in names})
        return self

    def with_session_key(self) -> Site:
        """Make the modules keep the session in the store."""
        del self.options["session_path"]
        self.options["session_key"] = "a key of sessions, for tests"
        return self

    def with_access_token(self) -> Site:
        """Give the modules the access token of a new session, so that they keep none."""
        self.options["access_token"] = self.appliance.access()
        return self

    # -- runs -----------------------------------------------------------------------------------------------------

    def start(
        self,
        module: str,
        fault: Fault | None = None,
        *,
        environment: c.Mapping[str, str] | None = None,
        patches: Options | None = None,
        **options: t.Any,
    ) -> Running:
        """Start a module."""
        armed = {**(environment or {}), **(fault.environment() if fault else {})}
        return self.launcher.start(module, {**self.options, **options}, armed, {**self.patches, **(patches or {})})

    def run(self, module: str, fault: Fault | None = None, **others: t.Any) -> Ran:
        """Run a module to its end."""
        return self.start(module, fault, **others).wait()

    def step(self, module: str, names: c.Iterable[str], fault: Fault | None = None, **others: t.Any) -> Ran:
        """Run a step of the pipeline for these names, with the options of that step."""
        return self.run(module, fault, **{**self.step_options(module, names), **others})

    def step_options(self, module: str, names: c.Iterable[str]) -> dict[str, t.Any]:
        """Return the options of a step, or of the one pass. A certificate is valid for a year."""
        signing = {"signer": "local_ca", "local_ca": {"validity": "365d", **self.local_ca}}
        files = {"directory": str(self.certificates)}
        if module == "redtrust_csr":
            return {"certificates": [wanted(name) for name in names], "results": "all"}
        if module == ONE_PASS:
            return {"certificates": [wanted(name) for name in names], "results": "all", **signing, **files}
        more: dict[str, dict[str, t.Any]] = {"redtrust_sign": signing, "redtrust_finalize": files}
        return {"certificates": [{"name": name} for name in names], "results": "all", **more.get(module, {})}

    def pipeline(
        self,
        *names: str,
        first: str = "redtrust_csr",
        faults: c.Mapping[str, Fault] | None = None,
        logout: bool = False,
        **others: t.Any,
    ) -> list[Ran]:
        """Run the steps of the role for these names: ``first`` (csr or renew), sign, finalize; or the one pass.

        ``faults`` are by module. A name that failed in one step is not given to the next. A module that could not run
        at all ends the pipeline. With ``logout`` the session ends afterwards in any case, as in the playbook.
        """
        ran: list[Ran] = []
        ready: c.Sequence[str] = names
        for module in modules_of(first):
            if not ready:
                break
            ran.append(self.step(module, ready, (faults or {}).get(module), **others))
            if "certificates" not in ran[-1].said:
                break
            if module == first:
                ready = [name for name, entry in ran[-1].entries.items() if not entry["failed"]]
        if logout:
            fault = (faults or {}).get("redtrust_token")
            ran.append(self.run("redtrust_token", fault, **{**others, "state": "absent"}))
        return ran

    def until_quiet(
        self,
        *names: str,
        first: str = "redtrust_csr",
        limit: int = 6,
        before_pass: c.Callable[[], object] = lambda: None,
        **others: t.Any,
    ) -> int:
        """Run the pipeline until a pass changes nothing and nothing fails; return the number of passes.

        Before each pass, the wait of a name after a failure is over.
        """
        ran: list[Ran] = []
        for count in range(1, limit + 1):
            self.let_waiting_end()
            before_pass()
            ran = self.pipeline(*names, first=first, **others)
            if len(ran) >= len(modules_of(first)) and not any(one.status or one.changed for one in ran):
                return count
        raise AssertionError(f"it was not quiet after {limit} passes:\n" + "\n".join(map(str, ran)))

    # -- the store, by plain SQL ----------------------------------------------------------------------------------

    def rows(self, statement: str) -> list[dict[str, t.Any]]:
        """Execute a statement in the store, and return its rows."""
        return self.place.rows(statement)

    def revisions(self) -> list[dict[str, t.Any]]:
        """Return every row, oldest first; none if there is no store."""
        if not self.place.is_there:
            return []
        return self.rows("SELECT * FROM revisions ORDER BY service, name, revision, attempt")

    def events(self) -> list[dict[str, t.Any]]:
        """Return every event, in the order of its chain."""
        return self.rows("SELECT * FROM events ORDER BY service, number")

    def chains(self) -> list[dict[str, t.Any]]:
        """Return the end of each chain of events."""
        return self.rows("SELECT * FROM chains")

    def leases(self) -> list[dict[str, t.Any]]:
        """Return every row of the leases."""
        return self.rows("SELECT * FROM leases")

    def let_leases_end(self) -> None:
        """Make all leases expire."""
        self.rows("UPDATE leases SET expires_at = '2000-01-01T00:00:00.000000Z'")

    def let_them_age(self, names: c.Collection[str]) -> None:
        """Make the certificates in use 60 days older.

        The store's own code does it, since a row has a checksum.
        """
        age = dt.timedelta(days=60)
        with self.place.opened() as store:
            rows = [found.current for found in store.enrollments() if found.name in names and found.current]
            store.put(
                *(
                    dataclasses.replace(
                        row,
                        created_at=row.created_at and row.created_at - age,
                        signing_since=row.signing_since and row.signing_since - age,
                        not_valid_before=row.not_valid_before and row.not_valid_before - age,
                    )
                    for row in rows
                )
            )

    def let_waiting_end(self) -> None:
        """End the wait of names that keep failing, and that of credentials that were refused.

        The store's own code does the first, since a row has a checksum.
        """
        if self.place.is_there:
            self.rows("DELETE FROM limits WHERE key LIKE 'login/%'")
        now = dt.datetime.now(tz=dt.timezone.utc).isoformat()
        if not any(row["retry_at"] and row["retry_at"] > now for row in self.revisions()):
            return
        with self.place.opened() as store:
            rows = [row for enrollment in store.enrollments() for row in enrollment.revisions if row.retry_at]
            store.put(*(dataclasses.replace(row, retry_at=row.created_at) for row in rows))


def modules_of(first: str) -> tuple[str, ...]:
    """Return the modules of a job that begins with this one."""
    return (ONE_PASS,) if first == ONE_PASS else (first, "redtrust_sign", "redtrust_finalize")


def wanted(name: str) -> dict[str, t.Any]:
    """Return the entry that asks for a certificate, with the key type that is fastest to make."""
    dn = [{"attribute": "cn", "value": name}, {"attribute": "o", "value": "Example"}]
    return {"name": name, "dn": dn, "provider": "CA_DEMO", "key_type": "ECDSA", "key_length": 256}
