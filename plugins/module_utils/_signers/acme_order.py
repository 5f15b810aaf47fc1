# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take one order of an ACME CA as far as it goes (RFC 8555, 7.4)."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._errors import SignerError
from .acme_network import AcmeNetwork, refusal
from .acme_proof import Proof, Prover, why_refused
from .base import NotYet, SigningOrder

try:
    from acme import messages
    from acme.client import ClientV2
    from cryptography import x509
except ImportError:
    pass  # told by the signer

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0
_NOT_FOUND = 404


@dataclasses.dataclass
class Patience:
    """How long to wait for one order. Times are in seconds."""

    timeout: float
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._end = self.clock() + self.timeout
        self._pause = _FIRST_PAUSE

    def wait(self, wanted: float | None) -> bool:
        """Wait for a while, or as long as the CA wants; return False, at once, where the time is over."""
        pause = self._pause if wanted is None else max(wanted, _FIRST_PAUSE)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        if self.clock() + pause > self._end:
            return False
        self.sleep(pause)
        return True


class OrderRun:
    """One order, in one run and one thread.

    The URL of an order is kept before anything is done with it: so there is never a second certificate for a request.
    ``warnings`` are about this certificate.
    """

    def __init__(
        self, client: ClientV2, network: AcmeNetwork, prover: Prover, patience: Patience, profile: str | None
    ) -> None:
        self._client = client
        self._network = network
        self._prover = prover
        self._patience = patience
        self._profile = profile
        self.warnings: list[str] = []

    def certificate(self, order: SigningOrder, names: t.Sequence[tuple[str, str]]) -> bytes | NotYet:
        """Return the certificate with its chain as the CA gives it. Raises SignerError, or errors of the library."""
        url, body = self._resumed(order) or self._made(order, names)
        while body.status != messages.STATUS_VALID:
            if body.status == messages.STATUS_INVALID:
                raise self._why_invalid(url, body)
            if body.status == messages.STATUS_READY:
                self._finalize(body, order)
            waits_for = self._authorise(body) if body.status == messages.STATUS_PENDING else ""
            before, body = body.status, self._body(url)
            if body.status != before:
                continue
            if waits_for or not self._patience.wait(self._network.retry_after()):
                return NotYet(waits_for or f"the order is {body.status.name} ({url})")
            body = self._body(url)
        return bytes(self._post(body.certificate or "").content)

    def _resumed(self, order: SigningOrder) -> tuple[str, messages.Order] | None:
        """Return the order that an earlier run made, None where there is none that can still become a certificate."""
        url = order.order_number
        if url is None or _origin(url) != _origin(self._client.directory["newOrder"]):
            return None
        try:
            body = self._body(url)
        except messages.Error:
            if self._network.last_status() != _NOT_FOUND:
                raise
            self.warnings.append(f"the CA does not know the order {url} any more, so there is another one")
            return None
        # The run before told why it is.
        return None if body.status == messages.STATUS_INVALID else (url, body)

    def _made(self, order: SigningOrder, names: t.Sequence[tuple[str, str]]) -> tuple[str, messages.Order]:
        kinds = {"dns": messages.IDENTIFIER_FQDN, "ip": messages.IDENTIFIER_IP}
        identifiers = [messages.Identifier(typ=kinds[kind], value=name) for kind, name in names]
        wanted = messages.NewOrder(identifiers=identifiers, **({"profile": self._profile} if self._profile else {}))
        response = self._post(self._client.directory["newOrder"], wanted)
        url = response.headers.get("Location")
        if not url:
            raise SignerError("the CA made an order without a URL")
        order.keep_order_number(url)
        return url, messages.Order.from_json(response.json())

    def _finalize(self, body: messages.Order, order: SigningOrder) -> None:
        csr = x509.load_der_x509_csr(order.csr)
        try:
            self._post(body.finalize, messages.CertificateRequest(csr=csr))
        except messages.Error as error:
            # An answer that was lost, or a CA that is not as far as it said: the order tells.
            if error.code != "orderNotReady":
                raise

    def _authorise(self, body: messages.Order) -> str:
        """Have the names of an order authorised; return what that waits for, an empty text where it is done."""
        proofs = {}
        for url in body.authorizations:
            authorization = self._authorization(url)
            if authorization.body.status == messages.STATUS_PENDING:
                proofs[url] = self._prover.proof(self._client, authorization)
            elif authorization.body.status != messages.STATUS_VALID:
                raise why_refused(authorization)
        for proof in proofs.values():
            self._prover.present(proof)
        for proof in proofs.values():
            if proof.is_new:
                self._client.answer_challenge(proof.challenge, proof.challenge.chall.response(self._client.net.key))
        return self._decided(proofs)

    def _decided(self, proofs: dict[str, Proof]) -> str:
        """Wait until the CA has decided about each proof, and remove it then. Raises SignerError for a refusal."""
        refused: SignerError | None = None
        while proofs:
            for url, proof in list(proofs.items()):
                authorization = self._authorization(url)
                if authorization.body.status == messages.STATUS_PENDING:
                    continue
                del proofs[url]
                self.warnings += filter(None, [self._prover.clean_up(proof)])
                if authorization.body.status != messages.STATUS_VALID:
                    refused = refused or why_refused(authorization)
            if proofs and not self._patience.wait(self._network.retry_after()):
                break
        if refused is not None:
            raise refused
        # What is published stays: the CA may look at it before the next run.
        return f"the CA is still checking {', '.join(one.domain for one in proofs.values())}" if proofs else ""

    def _why_invalid(self, url: str, body: messages.Order) -> SignerError:
        if body.error is not None:
            return refusal(body.error, f"the order {url} failed")
        for authorization in map(self._authorization, body.authorizations):
            if authorization.body.status not in (messages.STATUS_VALID, messages.STATUS_PENDING):
                return why_refused(authorization)
        return SignerError(f"the order {url} failed, and the CA does not say why; the next run makes another one")

    def _authorization(self, url: str) -> messages.AuthorizationResource:
        body = messages.Authorization.from_json(self._post(url).json())
        return messages.AuthorizationResource(body=body, uri=url)

    def _body(self, url: str) -> messages.Order:
        return t.cast("messages.Order", messages.Order.from_json(self._post(url).json()))

    def _post(self, url: str, content: t.Any = None) -> t.Any:
        """Send a signed request; without a content it only asks (RFC 8555, 6.3)."""
        return self._network.post(url, content, new_nonce_url=self._client.directory["newNonce"])


def _origin(url: str) -> tuple[str, ...]:
    """Return the scheme, the host and the port of a URL."""
    return tuple(url.split("/", 3)[:3])
