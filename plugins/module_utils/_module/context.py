# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module: its options, and its store, client and session, each built at first use."""

from __future__ import annotations

import datetime as dt
import functools
import typing as t
from pathlib import Path

from .._clock import utc_now
from .._enroll.api import BatchOptions, Decided, Item, ItemList, Step, Unusable, predict, run_batch
from .._errors import ConfigurationError, StoreError
from .._holder import Actor, holder
from .._http.api import HttpsTransport, Retry, check_files
from .._models import Outcome
from .._service.api import Calls, Client, Throttle
from .._session.api import RefusedLogin, Session, SessionFile, SessionRow, SessionStorage
from .._signers.api import Signer
from .._store.api import Chain, Place, SqlitePlace, Store, open_postgresql, open_store, postgresql_place
from .events import kept_since
from .masked import MaskedModule
from .options import Connection, Limits, StoreOptions
from .paths import check_store_outlives_job, file_path
from .progress import Progress
from .results import Results
from .throttles import Throttles


class Watch(t.Protocol):
    """A part of the run that looks at each outcome."""

    def add(self, outcome: Outcome, /) -> None:
        """Take note of an outcome."""

    def line(self) -> str:
        """Return the progress in a line; empty if the progress of the list says more."""


class Context:
    """The context of one run. A module that does not connect does not need the connection options."""

    def __init__(self, module: MaskedModule) -> None:
        self.module = module
        self.params: dict[str, t.Any] = module.params
        self.check_mode: bool = module.check_mode
        self.now = utc_now
        self._store: Store | None = None
        self._client: Client | None = None
        self._throttles = Throttles(
            lambda: self.store if self._keeps_limits else None,
            # a module that asks only the CA has no connection
            patience=lambda: float(self.params["retry_timeout"]),
            at_once=lambda: self._workers,
            why_over=self._why_over,
            warn=module.warn,
        )
        # why the step that runs is of no use any more
        self._why_step_down: t.Callable[[], str] = lambda: ""

    def register(self, secret: str | bytes) -> None:
        """Mask a secret, in all its forms, in everything that leaves the module."""
        self.module.secrets.add(secret)

    @property
    def wants_diff(self) -> bool:
        """Whether the play runs with --diff."""
        return bool(self.module._diff)  # noqa: SLF001

    @functools.cached_property
    def connection(self) -> Connection:
        """The options of the connection and of the login."""
        return Connection.read(self.params)

    @functools.cached_property
    def _store_options(self) -> StoreOptions:
        given = {name for name, value in self.module.given.items() if value is not None}
        return StoreOptions.read(self.params, given)

    @property
    def service(self) -> str:
        """The name of the service in the store."""
        if self._store_options.service is None:
            raise ConfigurationError("neither service nor host is set: one of them says whose enrollments are meant")
        return self._store_options.service

    @property
    def store(self) -> Store:
        """The store, opened at first use; in check mode it is only read."""
        if self._store is None:
            self._store = self._opened(self._store_options, read_only=self.check_mode)
        return self._store

    @property
    def store_to_read(self) -> Store:
        """The store, which is only read, in check mode or not. Raises StoreError where there is none."""
        if self._store is None:
            if self.place.version() is None:
                raise StoreError(_no_store(self.place.name, in_file=not self._store_options.dsn))
            self._store = self._opened(self._store_options, read_only=True)
        return self._store

    @functools.cached_property
    def actor(self) -> Actor:
        """This process, and the person for whom it works."""
        return Actor.here(self.params.get("actor"))

    def _opened(self, options: StoreOptions, *, read_only: bool) -> Store:
        actor = self.actor
        if options.dsn:
            return open_postgresql(options.dsn, options.key, read_only=read_only, actor=actor, warn=self.module.warn)
        return open_store(self._store_path(), read_only=read_only, actor=actor)

    @property
    def place(self) -> Place:
        """The place of the store, which may be missing, old or retired."""
        options = self._store_options
        if options.dsn:
            return postgresql_place(options.dsn, options.key, self.module.warn)
        return SqlitePlace(self._store_path())

    def _store_path(self) -> str:
        path = self._store_options.path
        warning = check_store_outlives_job(path)
        if warning:
            self.module.warn(warning)
        return file_path("store_path", path)

    @property
    def client(self) -> Client:
        """The client of the service."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def session(self) -> Session:
        """Return the session, which logs in when it is first used."""
        return Session(
            self.client,
            self.connection.credentials,
            self._kept_session(),
            register=self.register,
            now=self.now,
            warn=self.module.warn,
            refused=self._refused_login() if self._keeps_limits else None,
        )

    def ask_again(self) -> None:
        """Let all runs of the store ask the service again that has refused a login, or wanted a pause."""
        self.store.block(self._service_key, 0, "")
        refused = self._refused_login()
        if refused is not None:
            refused.forget()

    @property
    def _service_key(self) -> str:
        return f"service/{self.service}"

    def _refused_login(self) -> RefusedLogin | None:
        """Return what the store knows of the login with user and password; None without them."""
        connection = self.connection
        if not connection.credentials.password:
            return None
        credentials = connection.login_material(self.service)
        return RefusedLogin(self.store, credentials, holder=holder(), patience=self._patience)

    def names(self) -> list[str]:
        """Return the names of all enrollments of the service that have or await a certificate."""
        return self.store.names(self.service)

    @functools.cached_property
    def limits(self) -> Limits:
        """The limits for the list."""
        return Limits.read(self.params)

    def signer_throttle(self, signer: Signer) -> Throttle:
        """Return what says when the signer may be asked."""
        return self._throttles.of(f"signer/{signer.identity()}", "the CA", signer.rate)

    @property
    def _keeps_limits(self) -> bool:
        """Whether the run shares limits with others: it may write, and works with the store anyway."""
        return not self.check_mode and ("workers" in self.params or bool(self.connection.credentials.session_key))

    @property
    def _workers(self) -> int:
        return self.limits.workers if "workers" in self.params else 1

    def batch(
        self,
        step: Step[Item, Decided],
        items: ItemList[Item | Unusable],
        results: Results,
        finish: t.Callable[[Outcome], Outcome] = lambda outcome: outcome,
        watch: Watch | None = None,
    ) -> Results:
        """Do the step for each item, in check mode predict it, and add the outcomes to ``results``.

        ``watch`` gets each outcome as well, and may have another line of progress. The rest of the list is not tried
        once the service or the signer is down. A store that cannot be used any more costs none of the outcomes until
        then: raises StoreError only where there is none.
        """
        instead = watch.line if watch is not None else str
        progress = Progress(self.params.get("progress_path"), results.report, results.expected, instead=instead)
        options = BatchOptions(
            self.service,
            holder(),
            workers=self.limits.workers,
            wait=self.limits.wait_timeout,
            why_down=self._why_over,
            hide=self.module.secrets.hide,
            finish=finish,
            now=self.now,
        )
        kept = kept_since(self.params.get("keep_events") or "forever", self.now())
        begun = self.store.chain(self.service)
        self._why_step_down = lambda: step.why_down
        try:
            for position, outcome in (predict if self.check_mode else run_batch)(step, items, self.store, options):
                results.add(position, outcome)
                if watch is not None:
                    watch.add(outcome)
                progress.tell()
            self._end(results, begun, kept)
        except StoreError as exc:
            if not results.total:
                raise
            results.break_off(exc)
        finally:
            self._why_step_down = lambda: ""
        return results

    def _end(self, results: Results, begun: Chain, kept: dt.datetime | None) -> None:
        """Remove events that need not be kept, and tell the end of their chain.

        All certificates are done by now, so what goes wrong here must not cost their results.
        """
        try:
            if kept is not None and not self.check_mode:
                self.store.prune_events(self.service, kept)
            results.end(self.store.chain(self.service), begun)
        except StoreError as exc:
            self.module.warn(f"the events of certificates are left as they are: {exc}")

    def _why_over(self) -> str:
        """Return why the run asks nobody any more; empty while it does."""
        return self._why_step_down() or self._why_down()

    def _why_down(self) -> str:
        """Return why the service is not asked any more; empty while it is."""
        if self._client is not None and self._client.breaker.is_open():
            return self._client.breaker.reason
        return self._throttles.why_down

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def _connect(self) -> Client:
        connection, server = self.connection, self.connection.server
        check_files(connection.transport)
        if server.contract.wants_signature and server.partner is None:
            self.module.warn(
                f"generation {server.contract.api_version} refuses requests that are not signed: "
                "set partner and partner_secret"
            )
        if server.partner:
            self.register(server.partner.secret)
        calls = Calls(
            server.address,
            HttpsTransport(connection.transport, hide=self.module.secrets.hide, connections=self._workers),
            partner=server.partner,
            secrets=self.module.secrets,
            retry=Retry(deadline=connection.retry_timeout),
            throttle=self._throttles.of(self._service_key, "the service", connection.rate),
            warn=self.module.warn,
        )
        return Client(server.contract, calls, connection.finalized_codes)

    def _kept_session(self) -> SessionStorage | None:
        connection, credentials = self.connection, self.connection.credentials
        if credentials.access_token:
            return None
        if credentials.session_key:
            return SessionRow(
                self.store, connection.stored_session, credentials.session_key, holder=holder(), patience=self._patience
            )
        return SessionFile(self._session_path(), credentials.key_material(), patience=self._patience)

    @property
    def _patience(self) -> float:
        """How long to wait for a process that holds the session: it refreshes it and, where that fails, logs in."""
        return 2 * (self.connection.retry_timeout + self.connection.transport.timeout)

    def _session_path(self) -> str:
        """Return the path of the session file: the option, by default a path next to store_path.

        A store in PostgreSQL has no place for files, so the default is where a store of SQLite would be.
        """
        connection = self.connection
        if connection.session_path:
            return file_path("session_path", connection.session_path)
        name = "session_path" if self._store_options.dsn else "store_path"
        store_path = file_path(name, self._store_options.path)
        return str(Path(store_path).parent / "sessions" / connection.session_file)


def _no_store(name: str, *, in_file: bool) -> str:
    """Say that there is no store: it must not look like one in which all is well."""
    give = "store_path or REDTRUST_STORE_PATH" if in_file else "store_dsn or REDTRUST_STORE_DSN"
    user = " (the default is in the home directory of the user who runs it)" if in_file else ""
    return (
        f"store {name}: there is none, so nothing is known of any certificate. If a job has issued some already, give "
        f"{give} as that job has it{user}; if not, issue the first one"
    )
