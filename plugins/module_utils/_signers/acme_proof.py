# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove to an ACME CA that names are ours, with a program of the user (RFC 8555, 8)."""

from __future__ import annotations

import dataclasses
import os
import shutil
import typing as t

from .._errors import ConfigurationError, SignerError
from .._printable import brief
from .acme_network import refusal
from .process import run

try:
    from acme import messages
    from acme.client import ClientV2
except ImportError:
    pass  # told by the signer

_OUTPUT_LIMIT = 65536


@dataclasses.dataclass(frozen=True)
class Proof:
    """The proof for one name: its challenge, and where the program publishes what."""

    authorization: messages.AuthorizationResource
    challenge: messages.ChallengeBody
    variables: t.Mapping[str, str]

    @property
    def domain(self) -> str:
        """The name."""
        return self.variables["DOMAIN"]

    @property
    def is_new(self) -> bool:
        """Whether the CA was not told yet that it can look."""
        return bool(self.challenge.status == messages.STATUS_PENDING)


class Prover:
    """Publishes proofs of one kind. Usable from several threads."""

    def __init__(self, kind: str, argv: t.Sequence[str], timeout: float) -> None:
        """``kind`` is the challenge, or ``none``. Raises ConfigurationError where there is no such program."""
        self._kind = kind
        self._argv = tuple(argv)
        self._timeout = timeout
        if kind == "none":
            return
        if not argv or shutil.which(argv[0]) is None:
            named = f"{argv[0]} is no program that can be run" if argv else "it is missing"
            raise ConfigurationError(
                f"acme.challenge {kind} needs a program that publishes the proof, acme.hook: {named}"
            )

    def proof(self, client: ClientV2, authorization: messages.AuthorizationResource) -> Proof:
        """Return the proof for a name that the CA has not authorised yet. Raises SignerError."""
        name = authorization.body.identifier.value
        offered = {str(one.chall.to_partial_json().get("type")): one for one in authorization.body.challenges}
        if self._kind == "none":
            raise SignerError(
                f"the CA has not authorised {name} in advance for this account: have it do so, or set acme.challenge "
                f"and acme.hook (it offers {_listed(offered)})"
            )
        if self._kind not in offered:
            raise SignerError(f"the CA does not offer the challenge {self._kind} for {name}, only {_listed(offered)}")
        challenge = offered[self._kind]
        content = challenge.chall.validation(client.net.key)
        place = (
            {"RECORD": challenge.chall.validation_domain_name(name)}
            if self._kind == "dns-01"
            else {"PATH": challenge.chall.path}
        )
        return Proof(authorization, challenge, {"DOMAIN": name, "TYPE": self._kind, "CONTENT": content, **place})

    def present(self, proof: Proof) -> None:
        """Publish a proof; it may be there already. Raises SignerError."""
        self._run(proof, "present")

    def clean_up(self, proof: Proof) -> str:
        """Remove a proof; return a warning where that fails, or an empty text."""
        try:
            self._run(proof, "cleanup")
        except SignerError as exc:
            return str(exc)
        return ""

    def _run(self, proof: Proof, action: str) -> None:
        inherited = {name: value for name, value in os.environb.items() if not name.startswith(b"REDTRUST_")}
        told = {"ACTION": action, **proof.variables}
        environment = {f"REDTRUST_ACME_{name}".encode(): value.encode() for name, value in told.items()}
        done = run(self._argv, b"", {**inherited, **environment}, timeout=self._timeout, limit=_OUTPUT_LIMIT)
        if done.status:
            said = brief(done.stderr.decode("utf-8", "replace").strip(), 1000) or "it said nothing on standard error"
            ended = f"ended with exit status {done.status} at {action} of {proof.domain}"
            raise SignerError(f"acme.hook, {self._argv[0]}, {ended}: {said}")


def why_refused(authorization: messages.AuthorizationResource) -> SignerError:
    """Return the failure for a name that the CA does not authorise."""
    name = authorization.body.identifier.value
    for challenge in authorization.body.challenges:
        if challenge.error is not None:
            return refusal(challenge.error, f"{name} was not authorised")
    return SignerError(f"{name} was not authorised: the CA says {authorization.body.status.name}, and not why")


def _listed(offered: t.Iterable[str]) -> str:
    return brief(", ".join(sorted(offered))) or "none"
