# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow docs/postgresql.md on this machine: every command and every statement of it, in its order."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg import conninfo, sql

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._rate import Rate
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import postgresql_key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Store,
    open_postgresql,
    open_store,
)
from ansible_collections.redtrust.certificate_enroll.tests.postgres import (
    SUPERUSER,
    Server,
    guarded,
    other_user,
    programs,
)
from ansible_collections.redtrust.certificate_enroll.tests.robustness.bouncer import program
from ansible_collections.redtrust.certificate_enroll.tests.robustness.tls_front import tls_front
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Authority

LIMIT_SECONDS = 600
ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "postgresql.md").read_text(encoding="utf-8")
HOST = "db.example.com"
KEY = "the key that was made above"
PASSWORDS = {"redtrust_owner": "the password of the owner", "redtrust_jobs": "the password of the jobs"}
_BLOCK = re.compile(
    r"^(?P<level>##+) (?P<heading>[^\n]+)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_WHO = re.compile(r"-- (?:as (?P<who>[\w ]+), in the database (?P<database>\w+)|on the primary)\n")


@dataclasses.dataclass(frozen=True)
class Block:
    """One block of code of the guide, below its heading."""

    heading: str
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in these languages, in their order."""
    found, heading = [], ""
    for match in _BLOCK.finditer(GUIDE):
        heading = match["heading"] or heading
        if match["language"] in languages:
            found.append(Block(heading, match["language"], match["text"]))
    return found


def texts(heading: str, language: str) -> list[str]:
    """Return the blocks in a language below a heading."""
    return [one.text for one in blocks(language) if one.heading == heading]


class Reader:
    """A person with a database server, who does what the guide says."""

    def __init__(self, server: Server, folder: Path, port: int, ca: str, certificate: str) -> None:
        self.server = server
        self.folder = folder
        self.port = port
        self.ca = ca
        self.certificate = certificate
        self.places = {"/etc/pki/redtrust/db-ca.pem": ca, "/srv/redtrust": str(folder / "srv")}
        self.sqlite = folder / "srv" / "store.sqlite3"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("REDTRUST_", "PG"))},
            "PATH": f"{Path(sys.executable).parent}:{programs()}:{os.environ['PATH']}",
            "ANSIBLE_NOCOLOR": "1",
            # the name of the server leads to this machine
            "PGHOSTADDR": "127.0.0.1",
            "PGPORT": str(port),
            "REDTRUST_HOST": "redtrust.example.com",
        }

    def wipe(self) -> None:
        """Remove all that the guide has made."""
        self.execute("DROP DATABASE IF EXISTS redtrust WITH (FORCE);\n", "an administrator", "postgres")
        for role in PASSWORDS:
            self.execute(f"DROP ROLE IF EXISTS {role};\n", "an administrator", "postgres")
        shutil.rmtree(self.sqlite.parent, ignore_errors=True)

    def prepare(self) -> None:
        """Have an empty store, with the rights of the jobs."""
        self.wipe()
        for text in texts("The roles and the database", "sql"):
            self.statements(text)
        self.store("redtrust_owner").close()
        self.statements(*texts("The rights of the jobs", "sql"))

    def here(self, text: str) -> str:
        """Return a text of the guide with the paths of this test."""
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def shell(self, text: str, **variables: str) -> str:
        """Run commands; return what they write."""
        command = ["/bin/bash", "-euc", self.here(text)]
        environment = {**self.environment, **variables}
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.folder, env=environment, timeout=300
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def statements(self, text: str) -> list[list[tuple[t.Any, ...]]]:
        """Execute statements as the one who is named in the first line; return the rows of each query."""
        named = _WHO.match(text)
        who = (named and named["who"]) or ("an administrator" if named else "redtrust_jobs")
        database = (named and named["database"]) or "redtrust"
        return self.execute(_WHO.sub("", text), who, database)

    def execute(
        self, text: str, who: str = "redtrust_jobs", database: str = "redtrust"
    ) -> list[list[tuple[t.Any, ...]]]:
        """Execute statements, each in a transaction of its own."""
        rows = []
        with psycopg.connect(self.dsn(who, database), autocommit=True) as connection:
            for statement in re.split(r";\n", re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)):
                if statement.strip():
                    cursor = connection.execute(sql.SQL(statement))
                    rows.append(cursor.fetchall() if cursor.description else [])
        return rows

    def dsn(self, who: str, database: str = "redtrust") -> str:
        """Return a connection string over TLS, for an administrator by the socket."""
        if who not in PASSWORDS:
            return self.server.dsn(database)
        return conninfo.make_conninfo(
            host=HOST,
            hostaddr="127.0.0.1",
            port=self.port,
            dbname=database,
            user=who,
            password=PASSWORDS[who],
            sslmode="verify-full",
            sslrootcert=self.places["/etc/pki/redtrust/db-ca.pem"],
        )

    def store(self, who: str = "redtrust_jobs") -> Store:
        """Open the store as a job does."""
        return open_postgresql(self.dsn(who), KEY, warn=pytest.fail)

    def play(self, task: str) -> dict[str, t.Any]:
        """Run a task of the guide in a playbook; return its result."""
        (parsed,) = yaml.safe_load(self.here(task))
        parsed.setdefault("register", "result")
        told = self.folder / "told.json"
        show = {
            "ansible.builtin.copy": {
                "dest": str(told),
                "content": f"{{{{ {parsed['register']} | to_json }}}}",
                "mode": "0600",
            }
        }
        variables = {"redtrust_store_dsn": self.dsn("redtrust_owner"), "redtrust_store_key": KEY}
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": [parsed, show]}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        self.shell("ansible-playbook play.yml")
        result: dict[str, t.Any] = json.loads(told.read_text(encoding="utf-8"))
        return result


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Reader]:
    folder = tmp_path_factory.mktemp("guide")
    authority = Authority(folder, "db-ca")
    certificate = authority.issue(HOST)
    with Server(tcp=True) as server, tls_front(certificate, f"{server.directory}/.s.PGSQL.{server.port}") as port:
        server.start()
        # who comes by the socket needs a password, too, except for the administrator
        access = server.data / "pg_hba.conf"
        others = "scram-sha-256\n"
        access.write_text(
            f"local all {SUPERUSER} trust\nlocal all all {others}host all all 127.0.0.1/32 {others}", encoding="utf-8"
        )
        server.execute("SELECT pg_reload_conf()")
        yield Reader(server, folder, port, authority.path, certificate)


@pytest.fixture
def ready(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Return a reader who has an empty store."""
    monkeypatch.setattr(postgresql_key, "_ITERATIONS", 10)
    reader.prepare()
    return reader


def told(output: str) -> dict[str, t.Any]:
    """Return the result of the module in the output of the command ansible."""
    assert output.startswith("localhost | "), output
    found: dict[str, t.Any] = json.loads(output.partition("=>")[2])
    return found


def revision(name: str, state: State = State.INTENDED, **fields: t.Any) -> Revision:
    spec = CertificateSpec(name, DistinguishedName((("cn", name),)), "CA")
    return Revision(
        **{"service": "redtrust", "name": name, "revision": 1, "attempt": 1, "state": state, "spec": spec, **fields}
    )


class TestTheWay:
    """From nothing to a store there, back, and to a backup that is restored."""

    def test_all_of_it(self, reader: Reader) -> None:
        reader.wipe()
        self.make(reader)
        self.move(reader)
        self.restore(reader)

    def make(self, reader: Reader) -> None:
        for text in texts("The roles and the database", "sql"):
            reader.statements(text)
        assert len(reader.shell(*texts("The key", "sh")).strip()) >= 32
        made = told(reader.shell(*texts("The tables", "sh")))
        assert (made["changed"], made["action"], made["kind"]) == (True, "create", "postgresql")
        with pytest.raises(StoreError, match="permission denied"):
            reader.store()
        reader.statements(*texts("The rights of the jobs", "sql"))
        seen = told(reader.shell(*texts("The rights of the jobs", "sh")))
        assert (seen["action"], seen["schema_version"]) == ("none", made["schema_version"])

    def move(self, reader: Reader) -> None:
        with open_store(str(reader.sqlite)) as store:
            (asked,) = store.put(revision("www"))
            store.put(asked.moved(State.REQUESTED, request_code="a code", csr=b"\x30\x00"))
        (command,) = texts("Moving to PostgreSQL and back", "sh")
        there, back = texts("Moving to PostgreSQL and back", "yaml")
        moved = told(reader.shell(command))
        assert (moved["action"], moved["counts"]["enrollments"]) == ("copy", 1)
        assert moved["checksum"] == moved["source"]["checksum"]
        assert reader.play(there)["action"] == "none"
        with reader.store() as store:
            assert store.enrollment("redtrust", "www").revisions[0].request_code == "a code"
        assert reader.play(back)["action"] == "copy"
        assert reader.play(back)["action"] == "none"
        with open_store(str(reader.sqlite)) as store:
            assert store.enrollment("redtrust", "www").revisions[0].request_code == "a code"
        assert reader.play(there)["action"] == "copy"

    def restore(self, reader: Reader) -> None:
        # the programs of the Python index speak no TLS
        dump, restore = (text.replace("=verify-full", "=disable") for text in texts("Backup", "sh"))
        reader.shell(dump, PGPORT=str(reader.server.port))
        with reader.store() as store:
            store.put(revision("later"))
        reader.execute("DROP DATABASE redtrust WITH (FORCE);\n", "an administrator", "postgres")
        for text in texts("The roles and the database", "sql"):
            reader.statements(re.sub(r"^CREATE ROLE .*\n", "", text, flags=re.MULTILINE))
        reader.shell(restore, PGPORT=str(reader.server.port))
        reader.statements(*texts("The rights of the jobs", "sql"))
        with reader.store() as store:
            assert [one.name for one in store.enrollments()] == ["www"]


def work(store: Store) -> None:
    """Do with a store what jobs do."""
    name = os.urandom(4).hex()
    store.acquire([name], "a job", 60)
    store.renew("a job", 60)
    asked = store.put(*(revision(f"{name}-{number}") for number in range(60)))
    store.put(*(one.moved(State.ABANDONED) for one in asked))
    store.release([name], "a job")
    generation = store.put_session(name, b"sealed", 0)
    store.put_session(name, None, generation)
    assert store.prune_events("redtrust", dt.datetime(2100, 1, 1, tzinfo=dt.timezone.utc))
    store.draw(name, 1, Rate(8.0, 4))
    store.block(name, 60, "the CA asked for it")
    store.block(name, 0, "")
    for total in (1, 2):
        store.put_replacement("redtrust", "a replacement", "{}", total=total, actor="ana")
    store.end_replacement("redtrust", "a replacement")
    store.add_to_note(name, 1)
    store.add_to_note(name, 1)
    store.put_note(name, None)


GRANTED = [
    (table, right)
    for rights, tables in re.findall(
        r"GRANT ([A-Z, ]+) ON ([a-z_, ]+) TO redtrust_jobs;", "".join(texts("The rights of the jobs", "sql"))
    )
    for table in tables.split(", ")
    for right in rights.split(", ")
]


class TestRights:
    def test_a_job_works_with_them(self, ready: Reader) -> None:
        with ready.store() as store:
            work(store)

    @pytest.mark.parametrize("right", GRANTED, ids=" ".join)
    def test_and_needs_each(self, ready: Reader, right: tuple[str, str]) -> None:
        ready.execute(f"REVOKE {right[1]} ON {right[0]} FROM redtrust_jobs;\n", "redtrust_owner")
        with pytest.raises(StoreError, match=r"permission denied|not to be seen by this role"), ready.store() as store:
            work(store)

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE another (a int)",
            "ALTER TABLE revisions ADD COLUMN another int",
            "DROP TABLE events",
            "TRUNCATE leases",
            "DELETE FROM revisions",
            "UPDATE events SET state = 'finalized'",
            "CREATE INDEX another ON revisions (state)",
            "CREATE SCHEMA another",
        ],
    )
    def test_nothing_else_is_allowed(self, ready: Reader, statement: str) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ready.execute(f"{statement};\n")


def test_a_pooler_in_between(ready: Reader) -> None:
    place, port = ready.server.directory, free_port()
    certificate, ca = place / "pgbouncer.pem", place / "ca.pem"
    shutil.copy(ready.certificate, certificate)
    shutil.copy(ready.ca, ca)
    changes = {
        # the name is not known here, and so it cannot be checked
        "host=db.example.com port=5432": f"host=127.0.0.1 port={ready.port}",
        "server_tls_sslmode = verify-full": "server_tls_sslmode = verify-ca",
        "listen_port = 6432": f"listen_port = {port}",
        "/etc/pgbouncer/userlist.txt": str(place / "userlist.txt"),
        "/etc/pki/redtrust/pgbouncer.key": str(certificate),
        "/etc/pki/redtrust/pgbouncer.pem": str(certificate),
        "/etc/pki/redtrust/db-ca.pem": str(ca),
    }
    (settings,) = texts("PgBouncer", "ini")
    for there, here in changes.items():
        settings = settings.replace(there, here)
    (place / "pgbouncer.ini").write_text(settings, encoding="utf-8")
    (place / "userlist.txt").write_text('"redtrust_jobs" "the password of the jobs"\n', encoding="utf-8")
    through = conninfo.make_conninfo(ready.dsn("redtrust_jobs"), port=port)
    with pooler(place, through), open_postgresql(through, KEY, warn=pytest.fail) as store:
        work(store)


@contextlib.contextmanager
def pooler(place: Path, dsn: str) -> t.Iterator[None]:
    """Run PgBouncer with the settings in a folder, until it answers at a connection string."""
    started, user, log = program(), other_user(), place / "pgbouncer.log"
    switch: dict[str, t.Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    process = guarded([started, str(place / "pgbouncer.ini")], log, cwd=place, **switch)
    deadline = time.monotonic() + 30
    try:
        while not answers(dsn):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_settings_of_replication_are_known(ready: Reader) -> None:
    (settings,) = texts("Replication", "ini")
    for setting in settings.splitlines():
        name, _equals, value = setting.partition(" = ")
        (said,) = ready.server.run(
            "postgres", "-D", str(ready.server.data), "-c", f"{name}={value.strip(chr(39))}", "-C", name
        ).splitlines()[-1:]
        assert said == value.strip("'")


def test_questions_about_replication(ready: Reader) -> None:
    settings, standbys, others = ready.statements(*texts("Replication", "sql"))
    assert dict(settings)["synchronous_commit"] == "on"
    assert len(settings) == 4
    assert (standbys, others) == ([], [])


def test_what_a_person_may_ask(ready: Reader) -> None:
    with ready.store() as store:
        store.put(revision("www", State.CREATE_UNKNOWN))
        store.acquire(["www"], "a job", 60)
    states, unknown, _last, ends, leases, events, sizes, connections = ready.statements(
        *texts("Looking into it", "sql")
    )
    assert states == [("redtrust", "create_unknown", 1)]
    assert [row[1] for row in unknown] == ["www"]
    assert ends == []
    assert [row[:2] for row in leases] == [("a job", 1)]
    assert events == [("create_unknown", 1)]
    assert {row[0] for row in sizes} >= {"revisions", "events", "notes"}
    assert "redtrust_jobs" in {row[1] for row in connections}
