# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own matters: tables, rights, key, lost connections and answers, another server, messages."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import sqlite3
import threading
import time
import typing as t

import psycopg
import pytest
from psycopg import conninfo

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StaleRevisionError, StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import PENDING, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import (
    postgresql_connection,
    postgresql_driver,
    postgresql_link,
    postgresql_schema,
    schema,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.database import NotUniqueError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.key_file import Key
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql import PostgresqlStore
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_driver import (
    Address,
    DriverError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_explained import explained
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.postgresql_link import Link, translated
from ansible_collections.redtrust.certificate_enroll.tests.postgres import Server
from ansible_collections.redtrust.certificate_enroll.tests.postgres_proxy import Cut, Proxy

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("fast_key")]

STORE_KEY = "a store key, for tests"


def opened(dsn: str, **options: t.Any) -> PostgresqlStore:
    return PostgresqlStore(dsn, STORE_KEY, **{"warn": pytest.fail, "patience": 10.0, **options})


@pytest.fixture
def other() -> t.Iterator[Server]:
    """Run a server that a test may stop, break and put back."""
    with Server() as server:
        yield server.start()


class TestTables:
    def test_they_have_the_columns_of_the_tables_in_sqlite(self) -> None:
        kinds = {"text": "TEXT", "bytea": "BLOB", "bigint": "INTEGER"}
        found = {(table, column, kinds[kind]) for table, column, kind, *_rest in postgresql_schema._made_columns()} - {
            ("revisions", "request_code", "BLOB")
        }  # SQLite has bytes in a column that was made for text
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            schema.upgrade(connection, Key(b"", ""))
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            expected = {
                (table, column, kind)
                for table in tables
                for _number, column, kind, *_rest in connection.execute(f"PRAGMA table_info({table})")
            } - {("revisions", "request_code", "TEXT")}
            indices = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            assert set(postgresql_schema.INDICES) == {name for (name,) in connection.execute(indices)}
        assert found == expected
        assert postgresql_schema.newest() == len(schema.MIGRATIONS)

    def test_the_states_of_the_indices_are_those_of_the_model(self) -> None:
        pending = postgresql_schema.INDICES["one_pending"].partition(" IN ")[2]
        assert set(pending.strip("()").replace("'", "").split(", ")) == {str(state) for state in PENDING}
        assert postgresql_schema.INDICES["one_finalized"].endswith(f"state = '{State.FINALIZED}'")

    def test_of_many_first_runs_each_finds_them_made(self, dsn: str) -> None:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            stores = list(pool.map(lambda _number: opened(dsn), range(8)))
        keys = {store.database.sealing_key()._secret for store in stores}
        for store in stores:
            store.close()
        assert len(keys) == 1

    def test_those_of_another_program_are_refused(self, postgres: Server, dsn: str) -> None:
        postgres.execute("CREATE TABLE revisions (theirs text)", dsn)
        for read_only in (False, True):
            with pytest.raises(StoreError, match="another program has a table revisions there"):
                opened(dsn, read_only=read_only)
        assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", dsn) == [(1,)]

    def test_another_table_of_that_name_ends_their_making(self, postgres: Server, dsn: str) -> None:
        postgres.execute("CREATE TABLE notes (theirs text)", dsn)
        with pytest.raises(StoreError, match=r"\"notes\" already exists; another program has such a table: choose"):
            opened(dsn)
        with opened(dsn, read_only=True) as store:
            assert store.enrollments() == []

    @pytest.mark.parametrize(
        "change",
        [
            "ALTER TABLE leases DROP COLUMN holder",
            "ALTER TABLE events RENAME COLUMN hash TO hesh",
            'ALTER TABLE revisions ALTER COLUMN name TYPE text COLLATE "POSIX"',
            "ALTER TABLE limits ALTER COLUMN free_at DROP NOT NULL",
            "ALTER TABLE sessions DROP CONSTRAINT sessions_pkey",
            "DROP INDEX one_finalized",
            "DROP TABLE replacements",
        ],
    )
    def test_those_that_are_not_as_made_are_refused(self, postgres: Server, dsn: str, change: str) -> None:
        opened(dsn).close()
        postgres.execute(change, dsn)
        for read_only in (False, True):
            with pytest.raises(StoreError, match=r"it is damaged \([a-z_]+.* not as made"):
                opened(dsn, read_only=read_only)

    def test_those_of_a_newer_release_are_refused(self, postgres: Server, dsn: str) -> None:
        opened(dsn).close()
        postgres.execute("UPDATE store_schema SET version = version + 1", dsn)
        for read_only in (False, True):
            with pytest.raises(StoreError, match=r"a newer release .*\(schema 6, this release knows 5\); update"):
                opened(dsn, read_only=read_only)

    def test_an_upgrade_keeps_what_is_there_and_is_done_once(self, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store:
            store.put(make())
        added = ("ALTER TABLE revisions ADD COLUMN colour TEXT", "CREATE TABLE more (x TEXT)")
        newer = (*postgresql_schema.MIGRATIONS, added)

        def upgrade(_number: int) -> int:
            link = Link(Address.read(dsn), 10.0)
            link.open(5.0)
            postgresql_schema.upgrade(link, postgresql_schema.version(link, "", newer), newer)
            found = postgresql_schema.version(link, "", newer)
            link.close()
            return found

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert list(pool.map(upgrade, range(8))) == [6] * 8

    def test_an_upgrade_that_fails_leaves_the_older_version(self, dsn: str) -> None:
        opened(dsn).close()
        link = Link(Address.read(dsn), 10.0)
        link.open(5.0)
        broken = ("CREATE TABLE more (x TEXT)", "ALTER TABLE missing ADD x TEXT")
        with pytest.raises(DriverError):
            postgresql_schema.upgrade(link, 5, (*postgresql_schema.MIGRATIONS, broken))
        link.close()
        with opened(dsn) as store:
            assert store.database.select("SELECT to_regclass('more')") == [(None,)]

    def test_a_reader_finds_nothing_where_there_is_nothing(self, dsn: str, make: MakeRevision) -> None:
        with opened(dsn, read_only=True) as reader:
            assert reader.enrollments() == []
            assert reader.names("redtrust") == []
            assert reader.session("session/a") is None
            with opened(dsn) as store:
                stored = store.put(make(request_code="R-SECRET"))
            (found,) = reader.enrollment("redtrust", "www").revisions
            assert found == dataclasses.replace(stored[0], request_code=None)

    def test_a_reader_cannot_write(self, dsn: str, make: MakeRevision) -> None:
        opened(dsn).close()
        with opened(dsn, read_only=True) as reader:
            for call in (lambda: reader.put(make()), lambda: reader.renew("me", 1)):
                with pytest.raises(StoreError, match="opened to be read only; nothing was written"):
                    call()

    def test_an_older_version_is_upgraded_by_a_run_that_writes(self) -> None:
        with pytest.raises(StoreError, match=r"store x: an older release .* run redtrust_store, or any job that"):
            postgresql_schema.require_newest(postgresql_schema.newest() - 1, "x")

    def test_a_version_that_never_was_is_damage(self, postgres: Server, dsn: str) -> None:
        opened(dsn).close()
        postgres.execute("UPDATE store_schema SET version = 3", dsn)
        with pytest.raises(StoreError, match=r"it is damaged \(schema 3 never was\)"):
            opened(dsn)


class TestKey:
    def test_another_one_is_told_before_anything_is_written(self, postgres: Server, dsn: str) -> None:
        opened(dsn).close()
        before = postgres.execute("SELECT * FROM notes ORDER BY key", dsn)
        for read_only in (False, True):
            with pytest.raises(StoreError, match="store_key is not the one with which this store was made") as caught:
                PostgresqlStore(dsn, "ANOTHER-SECRET-KEY", read_only=read_only)
            assert "ANOTHER" not in str(caught.value)
        assert postgres.execute("SELECT * FROM notes ORDER BY key", dsn) == before

    def test_no_row_has_a_request_code_or_the_key(self, postgres: Server, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store:
            store.put(make(request_code="R-SECRET"))
        with opened(dsn) as store:
            (found,) = store.enrollment("redtrust", "www").revisions
            assert found.request_code == "R-SECRET"
        everything = str(
            postgres.execute("SELECT * FROM revisions", dsn) + postgres.execute("SELECT * FROM notes", dsn)
        )
        assert "R-SECRET" not in everything
        assert STORE_KEY not in everything

    def test_each_store_has_its_own(self, postgres: Server, dsn: str) -> None:
        secrets = set()
        for _time in range(2):
            with opened(dsn) as store:
                secrets.add(store.database.sealing_key()._secret)
            postgres.empty(dsn)
        assert len(secrets) == 2

    def test_one_that_is_gone_is_not_made_anew(self, postgres: Server, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store:
            store.put(make(request_code="R-1"))
        postgres.execute("DELETE FROM notes WHERE key = 'store_key'", dsn)
        with pytest.raises(StoreError, match=r"the note store_key is missing.*restore a backup"):
            opened(dsn)
        postgres.execute("UPDATE revisions SET request_code = NULL", dsn)
        opened(dsn).close()

    @pytest.mark.parametrize("note", ["", "{}", '{"salt": "x", "check": "", "iterations": 1}', "[]"])
    def test_one_that_is_damaged_is_told(self, postgres: Server, dsn: str, note: str) -> None:
        opened(dsn).close()
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE notes SET value = %s WHERE key = 'store_key'", (note,))
        with pytest.raises(StoreError, match="the note store_key is damaged"):
            opened(dsn)


def as_role(postgres: Server, dsn: str, *grants: str) -> str:
    """Make a role with these rights, and return its connection string."""
    with contextlib.suppress(psycopg.errors.UndefinedObject):
        postgres.execute("DROP OWNED BY job", dsn)
        postgres.execute("DROP ROLE job")
    postgres.execute("CREATE ROLE job LOGIN")
    for grant in grants:
        postgres.execute(f"GRANT {grant} TO job", dsn)
    return conninfo.make_conninfo(dsn, user="job")


class TestRights:
    GRANTS = ("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public",)

    def test_a_job_needs_no_right_to_make_tables(self, postgres: Server, dsn: str, make: MakeRevision) -> None:
        opened(dsn).close()
        with opened(as_role(postgres, dsn, *self.GRANTS)) as store:
            (stored,) = store.put(make(request_code="R-1"))
            store.put(stored.moved(State.REQUESTED))
            assert store.acquire(["a"], "me", 60) == {}
            assert store.renew("me", 60) == 1
            store.release(["a"], "me")
            store.put_session("session/a", b"x", 0)
            place = store.database.select("SELECT value FROM notes WHERE key = 'store_place'")
            assert place[0][0].endswith(", timeline 1"), "such a role may ask for the timeline"

    def test_without_tables_it_is_told_who_makes_them(self, postgres: Server, dsn: str) -> None:
        with pytest.raises(StoreError, match=r"permission denied for schema public; .* redtrust_store make the tables"):
            opened(as_role(postgres, dsn))
        assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", dsn) == [(0,)]

    @pytest.mark.parametrize("grant", ["SELECT ON ALL TABLES IN SCHEMA public", "SELECT ON store_schema"])
    def test_without_rights_on_the_tables_it_is_told_so(
        self, postgres: Server, dsn: str, make: MakeRevision, grant: str
    ) -> None:
        opened(dsn).close()
        with pytest.raises(StoreError, match=r"permission denied for table .*grant the rights"):  # noqa: SIM117
            with opened(as_role(postgres, dsn, grant)) as store:
                store.put(make())


WRITES: dict[str, t.Callable[[PostgresqlStore, MakeRevision], object]] = {
    "put": lambda store, make: store.put(make("a"), make("b", state=State.FINALIZED)),
    "change": lambda store, _make: store.put(store.enrollment("redtrust", "kept").revisions[0]),
    "acquire": lambda store, _make: store.acquire(["a", "held"], "me", 60),
    "renew": lambda store, _make: store.renew("before", 3600),
    "release": lambda store, _make: store.release(["held"], "before"),
    "keep session": lambda store, _make: store.put_session("session/a", b"new", 1),
    "forget session": lambda store, _make: store.put_session("session/a", None, 1),
    "put notes": lambda store, _make: store.put_notes({"guard": "b", "x": "1"}, guard="guard", expected="a"),
}


def let_others_join(
    monkeypatch: pytest.MonkeyPatch, store: PostgresqlStore, until: threading.Event | None = None
) -> None:
    """Hold each transaction back after its beginning, so that the writes of other threads come into it."""
    connection = store.database._writer.connection  # type: ignore[attr-defined]
    begin, over = connection.begin, until or threading.Event()

    def begin_and_wait(patience: float) -> None:
        begin(patience)
        over.wait(0.3)

    monkeypatch.setattr(connection, "begin", begin_and_wait)


class TestLostAnswers:
    @pytest.mark.parametrize("cut", list(Cut))
    @pytest.mark.parametrize("verb", WRITES)
    def test_a_commit_without_answer_is_told_right(self, dsn: str, make: MakeRevision, verb: str, cut: Cut) -> None:
        """Whether it was committed or not, the result is that of a write whose answer came."""
        with opened(dsn) as direct:
            direct.put(make("kept"))
            direct.acquire(["held"], "before", 60)
            direct.put_session("session/a", b"old", 0)
            direct.put_note("guard", "a")
        with Proxy(dsn) as proxy, opened(proxy.dsn, patience=3.0) as store:
            proxy.arm({1: cut})
            result = WRITES[verb](store, make)
            assert proxy.happened == 1
            generations = {one.name: [row.generation for row in one.revisions] for one in store.enrollments()}
            events = [event.name for event in store.events("redtrust")]
            others = store.acquire(["a", "held"], "looks", 3600)
            assert (store.session("session/a"), result) == {
                "keep session": ((2, b"new"), 2),
                "forget session": (None, 0),
            }.get(verb, ((1, b"old"), result))
        assert generations == {"put": {"kept": [1], "a": [1], "b": [1]}, "change": {"kept": [2]}}.get(
            verb, {"kept": [1]}
        )
        assert sorted(events) == {"put": ["a", "b", "kept"], "change": ["kept", "kept"]}.get(verb, ["kept"])
        holders = {key: lease.holder for key, lease in others.items()}
        expected = {"acquire": {"a": "me", "held": "before"}, "release": {}}
        assert holders == expected.get(verb, {"held": "before"})
        if verb == "acquire":
            assert isinstance(result, dict)
            assert list(result) == ["held"], "it is not told that another run holds what it has taken itself"

    def test_a_pipeline_that_psycopg_cannot_leave_is_a_lost_connection(
        self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that ends a session between two answers leaves psycopg like this, once in some hundred times."""
        with opened(dsn) as store:
            store.put(make("kept"))
            pipeline = psycopg.Connection.pipeline
            stuck: list[psycopg.Connection[t.Any]] = []

            @contextlib.contextmanager
            def pipeline_that_sticks(connection: psycopg.Connection[t.Any]) -> t.Iterator[None]:
                with pipeline(connection):
                    yield
                if not stuck:
                    stuck.append(connection)
                    connection.pgconn.enter_pipeline_mode()
                    connection.pgconn.send_query_params(b"SELECT 1", None)
                    connection.pgconn.exit_pipeline_mode()

            monkeypatch.setattr(psycopg.Connection, "pipeline", pipeline_that_sticks)
            store.put(make("a"))
            assert [connection.closed for connection in stuck] == [True]
            assert sorted(one.name for one in store.enrollments()) == ["a", "kept"]

    def test_after_a_commit_without_answer_it_is_not_said_that_nothing_was_written(
        self, dsn: str, make: MakeRevision
    ) -> None:
        """The server may commit it later, for example when its standby is there again."""
        with Proxy(dsn) as proxy, opened(proxy.dsn, patience=2.0) as store, psycopg.connect(dsn) as rival:
            (stored,) = store.put(make())
            proxy.arm({1: Cut.BEFORE}, stay_down=True)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                late = pool.submit(store.put, stored)
                while not proxy.happened:
                    time.sleep(0.01)
                rival.execute("SELECT * FROM revisions FOR UPDATE")
                proxy.is_down = False
                with pytest.raises(StoreError, match="lock timeout; another run keeps it locked; look for a job"):
                    late.result()

    @pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
    def test_what_is_returned_is_what_is_stored(self, dsn: str, make: MakeRevision, cut: Cut) -> None:
        with Proxy(dsn) as proxy, opened(proxy.dsn) as store:
            proxy.arm({1: cut})
            stored = store.put(make(request_code="R-1"))
            assert store.enrollment("redtrust", "www").revisions == stored

    @pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
    def test_a_whole_group_is_told_right(
        self, dsn: str, make: MakeRevision, cut: Cut, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        committed = threading.Event()
        with Proxy(dsn) as proxy, opened(proxy.dsn) as store:
            let_others_join(monkeypatch, store, until=committed)
            proxy.arm({1: cut})
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                stored = list(pool.map(lambda number: store.put(make(f"{number:02}"))[0], range(16)))
            committed.set()
            assert proxy.happened == 1
            assert [one.latest for one in store.enrollments("redtrust")] == stored
            assert {row.generation for row in stored} == {1}
            assert sorted(event.name for event in store.events("redtrust")) == [f"{number:02}" for number in range(16)]

    def test_another_run_that_was_first_is_still_told(self, dsn: str, make: MakeRevision) -> None:
        with Proxy(dsn) as proxy, opened(proxy.dsn) as store, opened(dsn) as rival:
            (read,) = store.put(make())
            proxy.arm({1: Cut.BEFORE}, stay_down=True)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                late = pool.submit(store.put, read)
                while not proxy.happened:
                    time.sleep(0.01)
                rival.put(read.moved(State.ABANDONED))
                proxy.is_down = False
                with pytest.raises(StaleRevisionError, match="another run has changed it to abandoned"):
                    late.result()


class TestLostConnections:
    def test_a_server_that_restarts_is_waited_for(self, other: Server, make: MakeRevision) -> None:
        with opened(other.database()) as store:
            (stored,) = store.put(make())
            other.restart()
            assert store.enrollment("redtrust", "www").revisions == (stored,)
            other.crash()
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                put, read = pool.submit(store.put, stored), pool.submit(store.enrollments)
                time.sleep(0.3)
                assert not put.done()
                assert not read.done()
                other.start()
                assert put.result()[0].generation == 2
                assert read.result()

    def test_one_that_stays_away_is_told_without_a_secret(self, other: Server, make: MakeRevision) -> None:
        dsn = conninfo.make_conninfo(other.database(), password="SECRET-WORD")
        name = conninfo.conninfo_to_dict(dsn)["dbname"]
        with opened(dsn, patience=0.5) as store:
            other.crash()
            for call in (lambda: store.put(make()), store.enrollments, lambda: opened(dsn, patience=0.2)):
                with pytest.raises(StoreError, match=f"store {name} at {other.directory}: .*then run again") as caught:
                    call()
                assert "SECRET" not in str(caught.value)

    def test_hundreds_of_threads_do_not_wait_for_it_one_after_another(self, other: Server, make: MakeRevision) -> None:
        with opened(other.database(), patience=1.0) as store:
            other.crash()
            began = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(64) as pool:
                writes = [pool.submit(store.put, make(f"{number}")) for number in range(32)]
                reads = [pool.submit(store.names, "redtrust") for _number in range(32)]
                assert {type(one.exception()) for one in writes} == {StoreError}
                assert {type(one.exception()) for one in reads} == {StoreError}
            assert time.monotonic() - began < 20

    def test_who_has_no_patience_left_gets_the_last_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tries: list[float] = []

        def connect(_address: Address) -> t.NoReturn:
            tries.append(time.monotonic())
            raise DriverError("refused", lost=True)

        monkeypatch.setattr(postgresql_link, "connect", connect)
        link = Link(Address.read("host=db"), 1.0)
        for patience in (0.3, 0.0, 0.0):
            with pytest.raises(DriverError, match="refused"):
                link.open(patience)
        made = len(tries)
        assert made > 1
        monkeypatch.setattr(postgresql_link, "_FRESH_SECONDS", 0.0)
        with pytest.raises(DriverError, match="refused"):
            link.open(0.0)
        assert len(tries) == made + 1, "the failure is too old to tell anything"

    def test_a_cut_in_the_middle_of_a_write_is_nothing_to_the_run(self, postgres: Server, dsn: str) -> None:
        with opened(dsn) as store:

            def work(transaction: t.Any) -> int:
                done = int(transaction.execute("INSERT INTO notes (key, value) VALUES ('a', 'b')"))
                if not cut:
                    cut.append(True)
                    postgres.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
                    )
                transaction.execute("UPDATE notes SET value = 'c' WHERE key = 'a'")
                return done

            cut: list[bool] = []
            assert store.database.write("test", work) == 1
            assert store.database.select("SELECT value FROM notes WHERE key = 'a'") == [("c",)]

    def test_a_circle_of_locks_is_left_by_trying_again(self, dsn: str) -> None:
        with opened(dsn) as one, opened(dsn) as two:
            insert = "INSERT INTO notes (key, value) VALUES ('a', ''), ('b', '')"
            one.database.write("test", lambda transaction: transaction.execute(insert))
            meet = threading.Barrier(2)

            def change(store: PostgresqlStore, first: str, second: str) -> None:
                met: list[bool] = []

                def work(transaction: t.Any) -> None:
                    transaction.execute("UPDATE notes SET value = value || ? WHERE key = ?", (first, first))
                    if not met:
                        met.append(True)
                        meet.wait(10)
                    transaction.execute("UPDATE notes SET value = value || ? WHERE key = ?", (first, second))

                store.database.write("test", work)

            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                for done in [pool.submit(change, one, "a", "b"), pool.submit(change, two, "b", "a")]:
                    done.result()
            values = one.database.select("SELECT value FROM notes WHERE key IN ('a', 'b')")
            assert sorted("".join(sorted(value)) for (value,) in values) == ["ab", "ab"]

    def test_a_lock_that_stays_is_told(self, dsn: str, make: MakeRevision) -> None:
        with opened(dsn, patience=0.6) as store, psycopg.connect(dsn) as rival:
            (stored,) = store.put(make())
            rival.execute("SELECT * FROM revisions FOR UPDATE")
            with pytest.raises(StoreError, match="lock timeout; nothing was written; another run keeps it locked"):
                store.put(stored)
            rival.rollback()
            store.put(stored)

    @pytest.mark.parametrize(("state", "passes"), [("40001", True), ("53100", False)])
    def test_an_error_in_what_is_sent_with_the_commit_is_over_with_its_transaction(
        self, postgres: Server, dsn: str, make: MakeRevision, state: str, passes: bool
    ) -> None:
        """The server skips the COMMIT then, so the transaction has to be ended before the next one begins."""
        with opened(dsn) as store:
            postgres.execute("CREATE SEQUENCE inserts", dsn)
            postgres.execute(
                f"""
                CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('inserts') = 1 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END IF;
                    RETURN NEW;
                END $$
                """,
                dsn,
            )
            postgres.execute("CREATE TRIGGER fails BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fail()", dsn)
            with contextlib.nullcontext() if passes else pytest.raises(StoreError, match="not now; nothing was writ"):
                store.put(make("a"))
            store.put(make("b"))
            assert [one.name for one in store.enrollments()] == (["a", "b"] if passes else ["b"])

    def test_what_a_rollback_that_failed_has_left_is_not_committed_with_the_next_write(
        self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that was paused ends any statement, also this one, when its time is over."""
        send = Link.send
        failed: list[t.Sequence[t.Any]] = []

        def fail(link: Link, statements: t.Sequence[t.Any]) -> t.Any:
            if statements[0][0] == "ROLLBACK" and not failed:
                failed.append(statements)
                raise DriverError("canceling statement due to statement timeout", "57014")
            return send(link, statements)

        monkeypatch.setattr(Link, "send", fail)
        with opened(dsn) as store:
            end = store.database.before_commit

            def refuse(*_what: object) -> None:
                store.database.before_commit = end
                raise StoreError("not this one")

            store.database.before_commit = refuse
            with pytest.raises(StoreError, match="not this one"):
                store.put(make("a"))
            assert failed
            store.put(make("b"))
            assert [one.name for one in store.enrollments()] == ["b"]

    def test_what_fails_at_the_end_of_one_write_does_not_undo_it_without_a_word(
        self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The end of one write is sent together with the next one. A server that was paused may cancel it."""
        send, cancelled = Link.send, threading.Event()
        cancel = "DO $$ BEGIN RAISE EXCEPTION 'canceling statement' USING ERRCODE = '57014'; END $$"

        def cancel_once(link: Link, statements: t.Sequence[t.Any]) -> t.Any:
            words = [statement.split(maxsplit=1)[0] for statement, _values in statements]
            if words[:2] == ["RELEASE", "SAVEPOINT"] and not cancelled.is_set():
                cancelled.set()
                statements = [(cancel, ()), *statements[1:]]
            return send(link, statements)

        with opened(dsn) as store:
            let_others_join(monkeypatch, store, until=cancelled)
            monkeypatch.setattr(Link, "send", cancel_once)
            names = [f"{number}" for number in range(8)]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for put in [pool.submit(store.put, make(name)) for name in names]:
                    put.result()
            assert cancelled.is_set()
            assert [one.name for one in store.enrollments()] == names

    def test_the_watch_over_late_answers_outlives_a_connection(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A connection that ends just then has no file any more."""
        fileno = psycopg.Connection.fileno
        asked: list[psycopg.Connection[t.Any]] = []

        def fileno_of_one_that_has_ended(connection: psycopg.Connection[t.Any]) -> int:
            asked.append(connection)
            if len(asked) == 1:
                raise psycopg.OperationalError("the connection is closed")
            return fileno(connection)

        link = Link(Address.read(dsn), 0.2)
        link.open(5.0)
        monkeypatch.setattr(psycopg.Connection, "fileno", fileno_of_one_that_has_ended)
        with pytest.raises(DriverError) as caught:
            link.run("SELECT pg_sleep(5)")
        assert caught.value.lost
        link.close()

    def test_one_that_writes_waits_for_no_run_with_other_names(self, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store, psycopg.connect(dsn) as rival:
            store.acquire(["theirs"], "other", 0)
            store.put(make("theirs"))
            rival.execute("SELECT * FROM revisions FOR UPDATE")
            rival.execute("SELECT * FROM leases FOR UPDATE")
            store.put(make("mine"))
            others = store.acquire(["mine", "theirs"], "me", 60)
            assert {key: lease.holder for key, lease in others.items()} == {"theirs": "other"}

    def test_hundreds_of_threads_write_to_a_store(self, postgres: Server, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store:

            def write(number: int) -> int:
                (row,) = store.put(make(f"{number:03}"))
                store.enrollment("redtrust", f"{number:03}")
                (row,) = store.put(row)
                return row.generation

            with concurrent.futures.ThreadPoolExecutor(256) as pool:
                assert set(pool.map(write, range(256))) == {2}
            # one that writes, one that reads, and this one
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert postgres.execute(count, dsn) == [(3,)]

    def test_nothing_is_left_in_the_session(self, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store:
            store.put(make())
            link = store.database._writer.connection.link  # type: ignore[attr-defined]
            assert link.rows("SELECT count(*) FROM pg_prepared_statements") == [(0,)]
            assert link.rows("SELECT count(*) FROM pg_settings WHERE source = 'session'") == [(0,)]

    def test_a_commit_is_on_the_disk_whatever_the_database_says(
        self, postgres: Server, dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = conninfo.conninfo_to_dict(dsn)["dbname"]
        postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        try:
            with opened(dsn) as store:
                shown = store.database.write("test", lambda transaction: transaction.rows("SHOW synchronous_commit"))
            assert shown == [("on",)]
        finally:
            postgres.execute(f"ALTER DATABASE {name} RESET synchronous_commit")

    def test_a_write_takes_few_round_trips(self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its beginning, its statement, two reads for what belongs to the end of all writes, and the rest at once."""
        sent: list[list[str]] = []
        run, send = Link.run, Link.send

        def counted_run(link: Link, statement: str, *rest: t.Any) -> t.Any:
            sent.append([one.split(maxsplit=1)[0] for one in statement.split(";")])
            return run(link, statement, *rest)

        def counted_send(link: Link, statements: t.Sequence[t.Any]) -> t.Any:
            sent.append([statement.split(maxsplit=1)[0] for statement, _values in statements])
            return send(link, statements)

        with opened(dsn) as store:
            (stored,) = store.put(make())
            monkeypatch.setattr(Link, "run", counted_run)
            monkeypatch.setattr(Link, "send", counted_send)
            store.put(stored)
        assert sent == [
            ["BEGIN", "SET", "SET", "SET", "SELECT", "SAVEPOINT"],
            ["UPDATE"],
            ["SELECT"],
            ["SELECT"],
            ["RELEASE", "INSERT", "UPDATE", "COMMIT"],
        ]

    @pytest.mark.parametrize("can_pipeline", [False, True])
    def test_an_error_among_statements_that_are_sent_together_is_that_of_the_write(
        self, dsn: str, monkeypatch: pytest.MonkeyPatch, can_pipeline: bool
    ) -> None:
        monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: can_pipeline)
        insert = "INSERT INTO notes (key, value) VALUES (?, '')"
        with opened(dsn) as store:

            def write(keys: str) -> None:
                store.database.write("test", lambda transaction: transaction.many(insert, [(key,) for key in keys]))

            write("ab")
            for keys in ("cad", "efghijklmnopqrstuvwxyz0123456789a"):
                with pytest.raises(NotUniqueError):
                    write(keys)
            write("z")
            found = store.database.select("SELECT key FROM notes WHERE value = '' ORDER BY key")
            assert found == [("a",), ("b",), ("z",)]

    def test_a_group_that_an_exception_interrupts_is_told_right(
        self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = postgresql_connection.PostgresqlConnection.commit

        def interrupt(connection: postgresql_connection.PostgresqlConnection) -> None:
            monkeypatch.setattr(postgresql_connection.PostgresqlConnection, "commit", commit)
            raise KeyboardInterrupt

        with opened(dsn) as store:
            monkeypatch.setattr(postgresql_connection.PostgresqlConnection, "commit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                store.put(make())
            assert store.enrollments() == []
            store.put(make())

    def test_none_of_a_group_is_told_that_it_is_stored_where_the_commit_is_interrupted(
        self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send, interrupted = Link.send, threading.Event()

        def interrupt(link: Link, statements: t.Sequence[t.Any]) -> t.Any:
            if statements[-1][0] == "COMMIT" and not interrupted.is_set():
                interrupted.set()
                raise KeyboardInterrupt
            return send(link, statements)

        with opened(dsn) as store:
            let_others_join(monkeypatch, store, until=interrupted)
            monkeypatch.setattr(Link, "send", interrupt)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                puts = {f"{number}": pool.submit(store.put, make(f"{number}")) for number in range(8)}
                errors = {name: put.exception() for name, put in puts.items()}
            assert [type(error) for error in errors.values() if error] == [KeyboardInterrupt]
            assert [one.name for one in store.enrollments()] == [name for name, error in errors.items() if not error]


class TestAnotherServer:
    def test_one_that_went_on_from_an_earlier_state_ends_the_run(self, other: Server, make: MakeRevision) -> None:
        dsn = other.database()
        with opened(dsn) as store:
            (stored,) = store.put(make())
            other.go_back(other.copied(), promote=True)
            for _time in range(2):
                with pytest.raises(StoreError, match=r"went over .*timeline 1 before.*timeline 2 now\).*nothing more"):
                    store.put(stored)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                late = [pool.submit(store.put, make(f"{number}")) for number in range(8)]
                assert {type(one.exception()) for one in late} == {StoreError}
            assert [one.revisions for one in store.enrollments()] == [(stored,)]
        warned: list[str] = []
        for expected in (1, 1):
            with opened(dsn, warn=warned.append) as store:
                store.put(store.enrollment("redtrust", "www").revisions[0])
            assert len(warned) == expected, "it is told once"
        assert "timeline 1 before" in warned[0]
        assert "timeline 2 now" in warned[0]

    def test_it_is_warned_of_though_the_answer_to_its_note_is_lost(self, postgres: Server, dsn: str) -> None:
        opened(dsn).close()
        postgres.execute("UPDATE notes SET value = 'server 1, timeline 1' WHERE key = 'store_place'", dsn)
        warned: list[str] = []
        with Proxy(dsn) as proxy:
            proxy.arm({1: Cut.AFTER})
            for _time in range(2):
                opened(proxy.dsn, warn=warned.append).close()
            assert proxy.happened == 1
        assert [warning.partition("(")[2].partition(" before")[0] for warning in warned] == ["server 1, timeline 1"]

    def test_all_writes_of_the_transaction_that_meets_it_fail(
        self, dsn: str, make: MakeRevision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also those whose own statements went well."""
        with opened(dsn) as store:
            let_others_join(monkeypatch, store)
            server = store.database._writer.connection._server  # type: ignore[attr-defined]
            monkeypatch.setattr(server, "_known", ("another", "00000001"))
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                late = [pool.submit(store.put, make(f"{number}")) for number in range(8)]
                errors = [one.exception() for one in late]
            assert {type(error) for error in errors} == {StoreError}
            assert store.enrollments() == []

    def test_a_standby_is_told(self, other: Server) -> None:
        dsn = other.database()
        opened(dsn).close()
        other.stop()
        (other.data / "standby.signal").touch()
        other.start()
        with pytest.raises(StoreError, match=r"this server is a standby.*let store_dsn name the primary"):
            opened(dsn)
        with opened(dsn, read_only=True) as store:
            assert store.enrollments() == []

    def test_a_database_that_can_only_be_read_is_told(self, postgres: Server, dsn: str, make: MakeRevision) -> None:
        opened(dsn).close()
        name = conninfo.conninfo_to_dict(dsn)["dbname"]
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            with (
                opened(dsn) as store,
                pytest.raises(StoreError, match="read-only transaction; nothing was written; the"),
            ):
                store.put(make())
        finally:
            postgres.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    def test_where_the_role_may_not_ask_the_rest_goes_on(self, postgres: Server, dsn: str, make: MakeRevision) -> None:
        opened(dsn).close()
        postgres.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", dsn)
        try:
            warned: list[str] = []
            with opened(as_role(postgres, dsn, *TestRights.GRANTS), warn=warned.append) as store:
                store.put(make())
                assert store.database.select("SELECT value FROM notes WHERE key = 'store_place'") == [
                    ("server unknown, timeline 1",)
                ]
        finally:
            postgres.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC", dsn)


class TestConnecting:
    def test_without_the_driver_the_line_is_named(self, monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
        monkeypatch.delattr(postgresql_driver, "psycopg")
        with pytest.raises(StoreError, match=r"psycopg, version 3.1 or newer.* add the line psycopg\[binary\]>=3.1 to"):
            opened(dsn)

    def test_an_old_driver_is_refused(self, monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
        monkeypatch.setattr(psycopg, "__version__", "3.0.18")
        with pytest.raises(StoreError, match=r"needs psycopg 3\.1 or newer, and this is 3\.0\.18"):
            opened(dsn)

    @pytest.mark.parametrize("dsn", ["host=x password=my SECRET", "postgresql://user:SECRET@[::1", "SECRET", "", "a=b"])
    def test_what_is_no_connection_string_is_not_quoted(self, dsn: str) -> None:
        with pytest.raises(StoreError, match="store_dsn cannot be read as a connection string") as caught:
            opened(dsn)
        assert "SECRET" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize(
        ("dsn", "name"),
        [
            ("postgresql://me:pw@db.example.com/store", "store at db.example.com"),
            ("host=db port=5433 user=me password=pw", "me at db:5433"),
            ("host=/run/postgresql port=5433 dbname=x", "x at /run/postgresql"),
            ("hostaddr=192.0.2.1 dbname=x", "x at 192.0.2.1"),
            ("dbname=x", "x at local socket"),
            ("host=a,b dbname='postgresql://u:pw@h/d'", "its default at a,b"),
        ],
    )
    def test_it_is_named_by_host_and_database(self, dsn: str, name: str) -> None:
        assert Address.read(dsn).name == name

    @pytest.mark.parametrize(
        ("dsn", "variable", "mode"),
        [
            ("host=db", None, "verify-full"),
            ("host=db sslmode=require", None, "require"),
            ("host=db", "verify-ca", None),
            ("host=db sslmode=require", "verify-ca", "require"),
        ],
    )
    def test_the_server_must_prove_its_name_unless_told_otherwise(
        self, monkeypatch: pytest.MonkeyPatch, dsn: str, variable: str | None, mode: str | None
    ) -> None:
        if variable:
            monkeypatch.setenv("PGSSLMODE", variable)
        assert Address.read(dsn).parameters.get("sslmode") == mode

    def test_of_several_servers_the_one_that_can_write_is_taken(self) -> None:
        assert Address.read("host=a,b").parameters["target_session_attrs"] == "read-write"
        assert Address.read("host=a,b target_session_attrs=any").parameters["target_session_attrs"] == "any"
        assert "target_session_attrs" not in Address.read("host=a").parameters

    def test_nothing_secret_is_in_its_text(self) -> None:
        address = Address.read("host=db password=SECRET sslpassword=OTHER")
        assert "SECRET" not in repr(address)
        assert address.tell(ValueError("with SECRET\nand OTHER")) == "with ******** and ********"

    def test_a_weaker_mode_is_warned_of_over_tcp_alone(self, make: MakeRevision) -> None:
        with Server(tcp=True) as server:
            server.start()
            tcp = {"host": "127.0.0.1", "password": "a password, for tests"}
            name = str(conninfo.conninfo_to_dict(server.database())["dbname"])
            with pytest.raises(StoreError, match=r"sslrootcert=|say sslmode="):
                opened(server.dsn(name, **tcp), patience=1.0)
            warned: list[str] = []
            for mode, host in (("disable", tcp), ("prefer", tcp), ("disable", {})):
                dsn = server.dsn(name, sslmode=mode, **host)
                with opened(dsn, warn=warned.append) as store:
                    store.names("redtrust")
            assert [warning.partition(":")[0] for warning in warned] == [
                "store_dsn has sslmode=disable",
                "store_dsn has sslmode=prefer",
            ]
            wrong = server.dsn(name, host="127.0.0.1", password="WRONG-WORD", sslmode="disable")
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"authentication failed.*check the user and the password") as caught:
                opened(wrong, patience=30.0)
            assert time.monotonic() - began < 10, "it is not tried again"
            assert "WRONG" not in str(caught.value)

    def test_a_database_that_is_missing_is_told_at_once(self, postgres: Server) -> None:
        with pytest.raises(StoreError, match=r"\"nowhere\" does not exist; make the database"):
            opened(postgres.dsn("nowhere"), patience=30.0)

    def test_a_user_that_is_missing_is_told_at_once(self, postgres: Server) -> None:
        with pytest.raises(StoreError, match=r"role \"nobody\" does not exist; check the user"):
            opened(postgres.dsn(user="nobody"), patience=30.0)

    def test_too_many_connections_are_told(self, other: Server) -> None:
        dsn = other.database()
        other.execute(f"ALTER DATABASE {conninfo.conninfo_to_dict(dsn)['dbname']} CONNECTION LIMIT 1")
        other.execute("CREATE ROLE job LOGIN")
        as_job = conninfo.make_conninfo(dsn, user="job")
        with (
            psycopg.connect(as_job),
            pytest.raises(StoreError, match=r"too many connections .*give the server more connections"),
        ):
            opened(as_job, patience=0.5)

    def test_a_database_that_does_not_hold_all_texts_is_refused(self, postgres: Server) -> None:
        postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
        try:
            with pytest.raises(StoreError, match=r"encoding LATIN1, .*ENCODING 'UTF8'"):
                opened(postgres.dsn("latin"))
        finally:
            postgres.drop(postgres.dsn("latin"))

    def test_a_text_with_nul_is_refused(self, dsn: str, make: MakeRevision) -> None:
        with opened(dsn) as store:
            with pytest.raises(StoreError, match="PostgreSQL holds no text with a NUL"):
                store.put(make(note="a\0b"))
            assert store.enrollments() == []
            store.put(make())


@pytest.mark.parametrize(
    ("state", "said", "advice"),
    [
        ("53100", "could not extend file", "nothing was written; make room on the disk of the database server"),
        ("53200", "out of memory", "out of memory; look at it"),
        ("53300", "sorry, too many clients", "give the server more connections"),
        ("25006", "cannot execute INSERT", "can only be read: let store_dsn name the primary"),
        ("42501", "permission denied", "let redtrust_store make the tables"),
        ("42P01", "relation does not exist", "let redtrust_store make the tables"),
        (None, "failed to resolve host 'db': [Errno -2] Name or service not known", "check the host in store_dsn"),
        ("28P01", "Passwort-Authentifizierung fehlgeschlagen", "check the user and the password in store_dsn"),
        ("28000", "Rolle existiert nicht", "check the user and the password in store_dsn"),
        ("3D000", "Datenbank existiert nicht", "make the database"),
        ("57P01", "terminating connection", "look at the database and the network"),
        ("57014", "canceling statement due to statement timeout", "look at its load and its locks"),
        ("58030", "could not fsync", "failing disk on the database server"),
        ("XX001", "invalid page", "restore a backup"),
        ("40P01", "deadlock detected", "other runs keep it locked"),
        (None, "no pg_hba.conf entry for host", "check the user and the password"),
        (None, "server does not support SSL, but SSL was required", "set up TLS on the server"),
        (None, "anything else", "nothing was written"),
    ],
)
def test_each_error_has_its_next_step(state: str | None, said: str, advice: str) -> None:
    with pytest.raises(StoreError) as caught, explained("x at db"):
        raise DriverError(said, state)
    assert str(caught.value).startswith(f"store x at db: {said}; ")
    assert advice in str(caught.value)


def test_what_is_lost_is_not_said_to_be_not_written() -> None:
    with pytest.raises(StoreError, match=r"^store x at db: gone; look at the database and the network") as caught:  # noqa: SIM117
        with explained("x at db"):
            raise DriverError("gone", lost=True)
    assert "nothing was written" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "advice"),
    [("58030", "look for a full or failing disk on the database server"), ("55P03", "another run keeps it locked")],
)
def test_what_is_lost_has_the_next_step_of_its_error(state: str, advice: str) -> None:
    with pytest.raises(StoreError, match=f"^store x at db: gone; {advice}"), explained("x at db"):
        raise DriverError("gone", state, lost=True)


def test_statements_are_translated() -> None:
    assert translated("a LIKE '1%' AND b = ?") == "a LIKE '1%%' AND b = %s"


def test_the_note_of_the_key_is_text_for_other_releases(postgres: Server, dsn: str) -> None:
    opened(dsn).close()
    ((note,),) = postgres.execute("SELECT value FROM notes WHERE key = 'store_key'", dsn)
    assert set(json.loads(note)) == {"salt", "check", "iterations"}
