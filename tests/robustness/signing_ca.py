# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Act as a CA: sign the CSR on standard input, or fail as the arguments say.

Arguments: the directory with ``ca.pem`` and ``ca.key``; a mapping in JSON of names to the ways in which their
certificates fail; the path for the certificate, or none for standard output. ``REDTRUST_NAME`` holds the requested
name.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

# Exit status and message.
WORDS = {"refused": (1, "the CA says: no such profile"), "for good": (77, "the CA says: this partner is blocked")}


def signed(directory: Path, csr: x509.CertificateSigningRequest, *, name: str, expired: bool, other_key: bool) -> str:
    """Return a certificate for the name, as PEM."""
    ca = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
    key = load_pem_private_key((directory / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = dt.datetime.now(tz=dt.timezone.utc)
    subject = [(NameOID.COMMON_NAME, name), (NameOID.ORGANIZATION_NAME, "Example")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*attribute) for attribute in subject]))
        .issuer_name(ca.subject)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key() if other_key else csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=-1 if expired else 90))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def answer(directory: Path, name: str, way: str) -> str:
    """Return the answer of the CA; exit if it gives none."""
    csr = x509.load_pem_x509_csr(sys.stdin.buffer.read())
    if way in WORDS:
        status, words = WORDS[way]
        print(words, file=sys.stderr)
        sys.exit(status)
    if way == "unreachable":
        socket.create_connection(("127.0.0.1", 1))
    if way == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "not usable":
        return "<html>the CA is being maintained</html>"
    subject = "somebody else" if way == "another subject" else name
    return signed(directory, csr, name=subject, expired=way == "expired", other_key=way == "another key")


def main() -> None:
    """Answer like a command of the signer."""
    directory, ways, *output = sys.argv[1:]
    name = os.environ["REDTRUST_NAME"]
    text = answer(Path(directory), name, json.loads(ways).get(name, ""))
    if output:
        Path(output[0]).write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
