# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection meets Ansible: options in, Outcomes out, secrets masked; check mode and diff, once."""

from __future__ import annotations

import hashlib
import os
import traceback
import typing as t
from pathlib import Path

from ansible.module_utils.basic import missing_required_lib

from .._clock import utc_now
from .._enroll.api import BatchOptions, Item, Step, predict, run_batch
from .._errors import ConfigurationError, RedtrustError
from .._holder import holder
from .._http.api import REQUESTS_IMPORT_ERROR, HttpsTransport, check_files
from .._models import Outcome
from .._service.api import Calls, Client, Retry
from .._session.api import Credentials, Session, SessionFile, SessionPlace, StoredSession
from .._store.api import Store, open_store
from .._x509.api import CRYPTOGRAPHY_IMPORT_ERROR
from . import options as arguments
from .masked import MaskedModule
from .paths import check_store_outlives_job, file_path
from .results import Result, error_facts
from .yaml_values import check_values


class Context:
    """One module run: its options, and what is built from them when it is first needed."""

    def __init__(self, module: MaskedModule) -> None:
        self.module = module
        self.params: dict[str, t.Any] = module.params
        self.check_mode: bool = module.check_mode
        self.now = utc_now
        self._store: Store | None = None
        self._client: Client | None = None

    def register(self, secret: str | bytes) -> None:
        """Keep a secret out of everything that leaves the module, in each form in which it could."""
        self.module.secrets.add(secret)

    @property
    def service(self) -> str:
        """The name of the service in the store."""
        return arguments.service_of(self.params)

    @property
    def store(self) -> Store:
        """The store, opened at first use; in check mode it is only read."""
        if self._store is None:
            warning = check_store_outlives_job(self.params)
            if warning:
                self.module.warn(warning)
            self._store = open_store(file_path(self.params, "store_path"), read_only=self.check_mode)
        return self._store

    @property
    def client(self) -> Client:
        """The client of the service."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def session(self) -> Session:
        """Return the session, which logs in when it is first used."""
        credentials = arguments.credentials_of(self.params)
        return Session(
            self.client,
            credentials,
            self._kept_session(credentials),
            register=self.register,
            now=self.now,
            warn=self.module.warn,
        )

    def _kept_session(self, credentials: Credentials) -> SessionPlace | None:
        if credentials.access_token:
            return None
        # Who holds the session refreshes it and, where that fails, logs in.
        patience = 2 * (self.params["retry_timeout"] + self.params["timeout"])
        if credentials.session_key:
            identity = arguments.session_identity(self.params)
            return StoredSession(self.store, identity, credentials.session_key, holder=holder(), patience=patience)
        return SessionFile(self._session_path(), credentials.key_material(), patience=patience)

    def names(self) -> list[str]:
        """Return the names of all enrollments of the service that have or await a certificate."""
        return [found.name for found in self.store.enrollments(self.service) if found.pending or found.current]

    def run_batch(self, step: Step[Item], items: t.Sequence[Item]) -> list[Outcome]:
        """Do the step for each item; in check mode say what would be done."""
        if not 1 <= self.params["workers"] <= 256:
            raise ConfigurationError(f"workers must be from 1 to 256, not {self.params['workers']}")
        if not 0 <= self.params["wait_timeout"] <= 86400:
            raise ConfigurationError(f"wait_timeout is in seconds, at most 86400, not {self.params['wait_timeout']:g}")
        if self.check_mode:
            return predict(step, items, self.store, self.service, self.module.secrets.hide)
        options = BatchOptions(
            self.service,
            holder(),
            workers=self.params["workers"],
            wait=self.params["wait_timeout"],
            is_down=lambda: self._client is not None and self._client.breaker.is_open(),
            why_down=lambda: self.client.breaker.reason,
            hide=self.module.secrets.hide,
            now=self.now,
        )
        return run_batch(step, items, self.store, options)

    def close(self) -> None:
        """Give back what was opened."""
        if self._store is not None:
            self._store.close()

    def _connect(self) -> Client:
        options = arguments.transport_of(self.params)
        check_files(options)
        contract, partner = arguments.contract_of(self.params), arguments.partner_of(self.params)
        if contract.wants_signature and partner is None:
            self.module.warn(
                f"generation {contract.api_version} refuses requests that are not signed: "
                "set partner and partner_secret"
            )
        if partner:
            self.register(partner.secret)
        calls = Calls(
            arguments.address_of(self.params),
            HttpsTransport(options, hide=self.module.secrets.hide),
            partner=partner,
            secrets=self.module.secrets,
            retry=Retry(deadline=self.params["retry_timeout"]),
            warn=self.module.warn,
        )
        return Client(contract, calls, arguments.finalized_codes_of(self.params))

    def _session_path(self) -> str:
        """Return where the session is kept: as asked for, else beside the store, for this user and AWX job."""
        if self.params["session_path"]:
            return file_path(self.params, "session_path")
        names = ("host", "port", "auth_port", "api_version", "partner", "username", "domain", "client_cert")
        identity = [str(self.params[name]) for name in names] + [os.environ.get("JOB_ID", "")]
        digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]
        return str(Path(file_path(self.params, "store_path")).parent / "sessions" / digest)


def run(spec: arguments.Spec, work: t.Callable[[Context], Result], **rules: t.Any) -> None:
    """Run a module to its end: ``work`` does it, this reads the options and returns the result."""
    module = MaskedModule(argument_spec=spec, supports_check_mode=True, **rules)
    for library, problem in (("requests", REQUESTS_IMPORT_ERROR), ("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)):
        if problem:
            module.fail_json(msg=missing_required_lib(library), exception=problem)
    try:
        result = _result(Context(module), work)
    except Exception as exc:  # noqa: BLE001
        # What gets past this is printed as it is, and an error that nobody expected may quote anything, a password as
        # well as a request that was just sent. Here ends what concerns the whole run; see attempt() for one item.
        place = traceback.extract_tb(exc.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        module.fail_json(
            msg=f"{type(exc).__name__} in {where}: {exc}. This is a mistake in the collection, please report it",
            error=error_facts(exc),
            exception=traceback.format_exc(),
        )
    for warning in result.warnings:
        module.warn(warning)
    values = {"changed": result.changed, **result.values}
    if module._diff:  # noqa: SLF001
        values["diff"] = list(result.diff)
    if result.failure:
        module.fail_json(msg=result.failure, **values)
    module.exit_json(**values)


def _result(context: Context, work: t.Callable[[Context], Result]) -> Result:
    """Do the work; an error of the collection is a result as well."""
    try:
        check_values(context.module.given)
        return work(context)
    except RedtrustError as exc:
        return Result(changed=False, values={"error": error_facts(exc)}, failure=str(exc))
    finally:
        context.close()
