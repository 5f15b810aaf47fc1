# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that is reached through a program."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import os
import shutil
import typing as t
from pathlib import Path

from .._clock import utc_now
from .._errors import ConfigurationError, RedtrustError, SignerError, SignerRejectedError
from .._printable import printable
from .._x509.api import (
    certificate_facts,
    certificate_pem,
    chain_warnings,
    csr_pem,
    openssl_subject,
    order_chain,
    parse_certificates,
    rfc4514,
)
from .base import NotYet, Revocation, Signed, Signer, SignerKind, SigningOrder
from .process import Completed, run

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "argv": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "float", "default": 60.0},
    "revoke_argv": {"type": "list", "elements": "str"},
}

DOCUMENTATION = r"""
description:
  - The program for O(signer=command).
    The module runs it once for each request, without a shell, and several times at once (see O(workers)).
  - It reads the CSR as PEM on standard input, and prints the certificate and its chain, in any form and order, on
    standard output.
    Certificates that are not part of the chain are left out, and a warning names them (see
    M(redtrust.certificate_enroll.redtrust_finalize)).
  - Its exit status is 0 for a certificate, 75 for "not yet", and 77 for "never" with the reason on standard error.
    With any other exit status the next run hands the request over again.
  - With exit status 75 it may print one line on standard output, which is what the CA calls the request.
    The store keeps it, and each later run of the program for this request gets it as E(REDTRUST_ORDER_NUMBER).
  - Its environment has E(REDTRUST_SUBJECT), the distinguished name of the request in the form of
    C(openssl ca -utf8 -subj).
    E(REDTRUST_DN) is the same in the form of RFC 4514, and E(REDTRUST_DN_JSON) is the same as a JSON list of
    C({attribute, value}).
    E(REDTRUST_SUBJECT_ALT_NAME) is separated by commas.
    E(REDTRUST_NAME) and E(REDTRUST_REVISION) are the name and the number of the revision.
    E(REDTRUST_REQUEST_ID) is the same each time the program gets the same request, so that it need not issue twice.
    It changes after a certificate for the request was refused, so that the program issues a new one.
    The program gets no other variable that begins with C(REDTRUST_).
type: dict
suboptions:
  argv:
    description: The program and its arguments.
    type: list
    elements: str
    required: true
  timeout:
    description:
      - How many seconds the program may take for one request.
        After that the module kills it, with all processes that it started.
    type: float
    default: 60
  revoke_argv:
    description:
      - The program and its arguments that revoke a certificate, for C(state=revoked) of
        M(redtrust.certificate_enroll.redtrust_enrollment).
        Without it nothing can be revoked.
      - It reads the certificate and its chain as PEM on standard input.
        Its environment has E(REDTRUST_NAME), E(REDTRUST_REVISION), E(REDTRUST_REASON), which is the reason as in RFC
        5280, E(REDTRUST_SERIAL), which is the serial number in hex, and E(REDTRUST_ORDER_NUMBER) if it is known.
      - Its exit status is 0 if the certificate is revoked, also if it was before, and 77 if the CA refuses it for good.
        With any other exit status it can be asked again.
    type: list
    elements: str
    version_added: 0.5.0
"""

# sysexits.h
NOT_YET = 75
REJECTED = 77

OUTPUT_LIMIT = 1024 * 1024
_REASON_LINES = 5
_REASON_LENGTH = 1000
_NUMBER_LENGTH = 1000


class CommandSigner(Signer):
    """Signs by running a program: CSR in PEM on its standard input, certificate and chain on its standard output.

    The program may print them in any form and order. Exit status 75 (EX_TEMPFAIL) means "not yet", 77
    (EX_NOPERM) "never", with the reason on standard error. Together with "not yet" it may print an order number, which
    it gets from then on. The request is in the environment:

    - ``REDTRUST_SUBJECT``: the DN for ``-subj`` of OpenSSL (with ``-utf8``); ``REDTRUST_DN``: the same as RFC 4514
      writes it; ``REDTRUST_DN_JSON``: the same as a JSON list of ``{attribute, value}``, as the user wrote it
    - ``REDTRUST_SUBJECT_ALT_NAME``: ``DNS:a,IP:b``, may be empty
    - ``REDTRUST_NAME``, ``REDTRUST_REVISION``, ``REDTRUST_REQUEST_ID`` (the same each time the same request is signed:
      a program that keeps it in mind need not issue twice; another one once a certificate for it was refused)
    - ``REDTRUST_ORDER_NUMBER``: what the CA calls the request, where the program has printed it; not set otherwise

    Another program revokes: it gets the certificate and its chain in PEM, and the reason in ``REDTRUST_REASON``.

    No other variable that begins with ``REDTRUST_`` is handed on: these hold the secrets of our own process.
    """

    def __init__(
        self, argv: t.Sequence[str], *, timeout: float = 60.0, revoke_argv: t.Sequence[str] | None = None
    ) -> None:
        """Take the programs and their arguments; ``timeout`` is in seconds, for one certificate.

        Raises ConfigurationError when there is no such program.
        """
        if not (math.isfinite(timeout) and timeout > 0):
            raise ConfigurationError(f"the timeout of the command must be a number of seconds above 0, not {timeout:g}")
        self._argv = _found(argv, "the command of the signer")
        self._revoke_argv = _found(revoke_argv, "the command that revokes") if revoke_argv is not None else None
        self._timeout = timeout

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], _now: dt.datetime) -> CommandSigner:
        """Find the programs that the options name; raises as the constructor does."""
        return cls(options["argv"], timeout=options["timeout"], revoke_argv=options.get("revoke_argv"))

    def identity(self) -> str:
        """Return a hash of the program and its arguments, which may hold a secret."""
        return hashlib.sha256(json.dumps(self._argv).encode("utf-8", "surrogateescape")).hexdigest()

    def _sign(self, order: SigningOrder) -> Signed | NotYet:
        completed = run(
            self._argv,
            csr_pem(order.csr).encode(),
            {**_inherited(), **_environment(order)},
            timeout=self._timeout,
            limit=OUTPUT_LIMIT,
        )
        if completed.status == 0:
            return self._signed(completed, order)
        if completed.status == NOT_YET:
            _keep_order_number(completed, order)
            return NotYet(_said(completed))
        raise _failure(completed, self._argv[0], "the CA refused the request")

    def revoke(self, revocation: Revocation) -> None:
        if self._revoke_argv is None:
            raise ConfigurationError(
                "command.revoke_argv is not set, so this signer cannot revoke: set it to a program that revokes a "
                "certificate at the CA"
            )
        pem = "".join(certificate_pem(der) for der in (revocation.certificate, *revocation.chain))
        environment = {**_inherited(), **_environment_of(revocation)}
        completed = run(self._revoke_argv, pem.encode(), environment, timeout=self._timeout, limit=OUTPUT_LIMIT)
        if completed.status:
            raise _failure(completed, self._revoke_argv[0], "the CA refused to revoke it")

    def _signed(self, completed: Completed, order: SigningOrder) -> Signed:
        now = utc_now()
        try:
            printed = parse_certificates(completed.stdout)
            certificate, chain = order_chain(printed, order.csr, now)
            return Signed(certificate, chain, chain_warnings(printed, certificate, chain, now))
        except RedtrustError as exc:
            raise SignerError(f"{self._argv[0]} did not print the certificate and its chain: {exc}") from exc


def _inherited() -> dict[bytes, bytes]:
    return {name: value for name, value in os.environb.items() if not name.startswith(b"REDTRUST_")}


def _found(argv: t.Sequence[str], what: str) -> tuple[str, ...]:
    """Return a program that is there, with its arguments. Raises ConfigurationError."""
    if not argv or not argv[0]:
        raise ConfigurationError(f"{what} is empty")
    if shutil.which(argv[0]) is None:
        exists = os.sep in argv[0] and Path(argv[0]).exists()
        problem = "is not an executable file" if exists else "is not there" if os.sep in argv[0] else "is not on PATH"
        raise ConfigurationError(f"{what}, {argv[0]}, {problem}")
    return tuple(argv)


def _failure(completed: Completed, program: str, refused: str) -> SignerError:
    """Return the error for an exit status that is not 0."""
    if completed.status == REJECTED:
        return SignerRejectedError(f"{refused}: {_reason(completed)}")
    how = f"exit status {completed.status}" if completed.status > 0 else f"signal {-completed.status}"
    return SignerError(f"{program} ended with {how}: {_reason(completed)}")


def _environment_of(revocation: Revocation) -> dict[bytes, bytes]:
    number = revocation.order_number
    return _variables(
        {
            "NAME": revocation.name,
            **({} if number is None else {"ORDER_NUMBER": number}),
            "REASON": revocation.reason,
            "REVISION": str(revocation.revision),
            "SERIAL": f"{certificate_facts(revocation.certificate).serial_number:X}",
        }
    )


def _environment(order: SigningOrder) -> dict[bytes, bytes]:
    variables = {
        "DN": rfc4514(order.dn),
        "DN_JSON": json.dumps(order.dn.to_json()),
        "NAME": order.name,
        **({} if order.order_number is None else {"ORDER_NUMBER": order.order_number}),
        "REQUEST_ID": order.request_id,
        "REVISION": str(order.revision),
        "SUBJECT": openssl_subject(order.dn),
        "SUBJECT_ALT_NAME": _joined(order.subject_alt_name),
    }
    return _variables(variables)


def _variables(variables: t.Mapping[str, str]) -> dict[bytes, bytes]:
    return {f"REDTRUST_{name}".encode(): _encoded(name, value) for name, value in variables.items()}


def _joined(names: tuple[str, ...]) -> str:
    for name in names:
        if "," in name or not name.isprintable():
            raise ConfigurationError(f"subject_alt_name {name!r} cannot be handed to a command: it has a comma in it")
    return ",".join(names)


def _encoded(name: str, value: str) -> bytes:
    try:
        encoded = value.encode()
    except UnicodeEncodeError as exc:
        raise ConfigurationError(f"{value!r} cannot be handed to a command in REDTRUST_{name}: {exc.reason}") from exc
    if b"\0" in encoded:
        raise ConfigurationError(f"{value!r} cannot be handed to a command in REDTRUST_{name}: it has a NUL in it")
    return encoded


def _keep_order_number(completed: Completed, order: SigningOrder) -> None:
    """Have the order number kept that a program has printed. Raises SignerError for anything else."""
    printed = completed.stdout.decode("utf-8", "replace").strip()
    if not printed:
        return
    if printable(printed) != printed or "\n" in printed or len(printed) > _NUMBER_LENGTH:
        raise SignerError(
            f"the command ended with exit status {NOT_YET} (not yet) and printed something that is no order number: it "
            f"must be one line of at most {_NUMBER_LENGTH} printable characters, or nothing"
        )
    order.keep_order_number(printed)


def _said(completed: Completed) -> str:
    """Return the last lines of standard error on one line, without anything that a terminal would obey."""
    lines = completed.stderr.decode("utf-8", "replace").split("\n")
    readable = (printable(line).strip() for line in lines)
    last = [line for line in readable if line][-_REASON_LINES:]
    return " | ".join(last)[-_REASON_LENGTH:]


def _reason(completed: Completed) -> str:
    return _said(completed) or "it said nothing on standard error"


KIND = SignerKind(
    name="command",
    choice="a program",
    in_words="the command that signs",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    build=CommandSigner.from_options,
)
