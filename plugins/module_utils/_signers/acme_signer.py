# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signer that speaks ACME; see ``acme``."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
import threading
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from .._clock import utc_now
from .._errors import ConfigurationError, GateError, SignerError
from .._http.api import HttpsTransport, Transport, TransportOptions, check_files, is_this_machine
from .._models import CertificateSpec
from .._secrets import Secrets
from .._x509.api import chain_warnings, order_chain, parse_certificates
from .acme_account import Account, check_key_file, make_key, read_key
from .acme_names import check_spec, identifiers
from .acme_network import AcmeNetwork, failure, problems
from .acme_order import OrderRun, Patience
from .acme_proof import Prover
from .acme_renewal import certificate_id, has_ended, why_due
from .base import REVOCATION_REASONS, NotYet, Revocation, Signed, Signer, SigningOrder

try:
    from acme import messages
    from acme.client import ClientV2
    from cryptography import x509
except ImportError:
    pass  # told by ``acme``

_NOT_FOUND = 404
# What a directory must have to make orders (RFC 8555, 7.1.1).
_NEEDED = ("newNonce", "newAccount", "newOrder")


class AcmeSigner(Signer):
    """Signs at a CA that speaks ACME. The directory and the account are looked up with the first request."""

    def __init__(
        self,
        directory_url: str,
        account_key_path: Path,
        *,
        account: Account,
        prover: Prover,
        connect: t.Callable[[Secrets, int], Transport],
        profile: str | None = None,
        timeout: float = 60.0,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        """Take what the options say; ``connect`` takes the secrets to mask and how many connections there may be.

        Raises ConfigurationError; nothing is sent.
        """
        _check_url(directory_url)
        if not (math.isfinite(timeout) and timeout > 0):
            raise ConfigurationError(f"acme.timeout must be a number of seconds above 0, not {timeout:g}")
        account.check()
        self._directory_url = directory_url
        self._key_path = account_key_path
        self._account = account
        self._prover = prover
        self._connect = connect
        self.secrets = Secrets()
        self._profile = profile
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._mutex = threading.Lock()
        self._client: ClientV2 | None = None
        self._refused = ""
        self._directory: messages.Directory | None = None
        self._left_alone: tuple[float, str] = (-math.inf, "")

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> AcmeSigner:
        """Take the options of the module. Raises ConfigurationError."""
        hook = options["hook"] or {"argv": [], "timeout": 60.0}
        tls = TransportOptions(options["validate_certs"], options["ca_path"], proxy=options["proxy"])
        check_files(tls)
        return cls(
            options["directory_url"],
            Path(options["account_key_path"]),
            account=Account(
                tuple(options["contact"]), options["terms_agreed"], options["eab_kid"], options["eab_hmac_key"]
            ),
            prover=Prover(options["challenge"], hook["argv"], hook["timeout"]),
            connect=lambda secrets, connections: HttpsTransport(tls, hide=secrets.hide, connections=connections),
            profile=options["profile"],
            timeout=options["timeout"],
        )

    @functools.cached_property
    def _transport(self) -> Transport:
        return self._connect(self.secrets, self.connections)

    @functools.cached_property
    def _open(self) -> AcmeNetwork:
        """What is asked without an account."""
        return AcmeNetwork(self._transport, None, None)

    def identity(self) -> str:
        return self._directory_url

    def check(self, _now: dt.datetime) -> None:
        check_key_file(self._key_path)

    def check_spec(self, spec: CertificateSpec) -> None:
        check_spec(spec)

    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        names = identifiers(order)
        client, network = self._opened()
        patience = Patience(self._timeout, self._clock, self._sleep)
        run = OrderRun(client, network, self._prover, patience, self._profile)
        with _explained(network, f"{order.name}, revision {order.revision}"):
            answer = run.certificate(order, names)
        return answer if isinstance(answer, NotYet) else _signed(answer, order, run.warnings)

    def revoke(self, revocation: Revocation) -> None:
        client, network = self._opened()
        try:
            reason = REVOCATION_REASONS[revocation.reason]
        except KeyError:
            raise ConfigurationError(f"{revocation.reason} is no reason for a revocation at an ACME CA") from None
        with _explained(network, f"the revocation of {revocation.name}, revision {revocation.revision}"):
            try:
                client.revoke(x509.load_der_x509_certificate(revocation.certificate), reason)
            except messages.Error as error:
                if error.code != "alreadyRevoked":
                    raise

    def why_due(self, certificate: bytes, _chain: t.Sequence[bytes], now: dt.datetime) -> str:
        until, why = self._left_alone
        if self._clock() < until:
            raise SignerError(why, retry_after=until - self._clock())
        name = certificate_id(certificate)
        if name is None or has_ended(certificate, now):
            return ""
        try:
            with _explained(self._open, "renewal information"):
                return self._why_due(name, certificate, now)
        except SignerError as exc:
            if exc.retry_after:
                self._left_alone = (self._clock() + exc.retry_after, str(exc))
            raise

    def _why_due(self, name: str, certificate: bytes, now: dt.datetime) -> str:
        try:
            url = self._known_directory()["renewalInfo"]
        except KeyError:
            return ""  # this CA has none
        try:
            told = self._open.fetch(f"{url}/{name}").json()
        except messages.Error:
            if self._open.last_status() == _NOT_FOUND:
                return ""  # another CA issued the certificate
            raise
        return why_due(told, certificate, now)

    def _known_directory(self) -> messages.Directory:
        with self._mutex:
            if self._directory is None:
                told = self._open.fetch(self._directory_url).json()
                if not isinstance(told, dict):
                    raise ValueError("it is no directory")
                self._directory = messages.Directory.from_json(told)
            return self._directory

    def _opened(self) -> tuple[ClientV2, AcmeNetwork]:
        """Return the client with its account, which is made where it is missing.

        Raises SignerError, which concerns all requests: no order is made without an account.
        """
        try:
            return self._connected()
        except SignerError as exc:
            raise SignerError(str(exc), retry_after=exc.retry_after, not_sent=True, concerns_all=True) from exc

    def _connected(self) -> tuple[ClientV2, AcmeNetwork]:
        with _explained(self._open, f"the directory {self._directory_url}"):
            directory = self._known_directory()
            if not all(isinstance(directory.to_partial_json().get(name), str) for name in _NEEDED):
                raise ValueError(f"it has no addresses {', '.join(_NEEDED)}")
        with self._mutex:
            if self._refused:
                raise SignerError(self._refused)
            if self._client is None:
                self._client = self._registered(directory)
            return self._client, t.cast("AcmeNetwork", self._client.net)

    def _registered(self, directory: messages.Directory) -> ClientV2:
        self._check_profile(directory)
        if make_key(self._key_path):
            self.warnings = (*self.warnings, f"made the key of the ACME account, {self._key_path}: back it up")
        network = AcmeNetwork(self._transport, *read_key(self._key_path))
        client = ClientV2(directory, network)
        try:
            with _explained(network, "the account"):
                self._account.register(client)
        except SignerError as exc:
            # Each request would be refused in the same way.
            if isinstance(exc.__cause__, messages.Error) and not exc.retry_after:
                self._refused = str(exc)
            raise
        return client

    def _check_profile(self, directory: messages.Directory) -> None:
        profiles = directory.meta.profiles
        if self._profile and profiles is not None and self._profile not in profiles:
            raise ConfigurationError(f"acme.profile: the CA has no profile {self._profile}, but {', '.join(profiles)}")


@contextlib.contextmanager
def _explained(network: AcmeNetwork, doing: str) -> t.Iterator[None]:
    """Turn errors of the library and of the transport into failures of the signer."""
    try:
        yield
    except problems() as exc:
        raise failure(exc, network, doing) from exc


def _signed(answer: bytes, order: SigningOrder, warnings: t.Sequence[str]) -> Signed:
    now = utc_now()
    try:
        given = parse_certificates(answer)
        certificate, chain = order_chain(given, order.csr, now)
    except (ConfigurationError, GateError) as exc:
        raise SignerError(f"the CA did not answer with the certificate and its chain: {exc}") from exc
    return Signed(certificate, chain, (*chain_warnings(given, certificate, chain, now), *warnings))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme, parts.hostname or ""
    except ValueError:
        scheme, host = "", ""
    if scheme == "https" and host:
        return
    if scheme != "http" or not is_this_machine(host):
        raise ConfigurationError(
            "acme.directory_url must begin with https:// (http:// is for this machine alone), such as "
            "https://acme.example.com/directory"
        )
