# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issue certificates with threads, requests and cryptography, and nothing else: log in, create, sign, finalize.

It keeps nothing, repeats nothing and checks nothing. It is what the collection is measured against, and uses no code of
the collection.
"""

from __future__ import annotations

import argparse
import base64
import concurrent.futures
import datetime as dt
import hashlib
import hmac
import json
import threading
import time
import typing as t
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_YEAR = dt.timedelta(days=365)
_LOCAL = threading.local()


class Program:
    """One login, and as many certificates as are asked for. ``facts`` are those of the sandbox's ready.json."""

    def __init__(self, facts: t.Mapping[str, t.Any], ca: Path, ca_key: Path) -> None:
        self.facts = facts
        self.ca = x509.load_pem_x509_certificate(ca.read_bytes())
        key = serialization.load_pem_private_key(ca_key.read_bytes(), None)
        if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise TypeError("the key of the CA is neither RSA nor EC")
        self.ca_key = key
        self.authorization: dict[str, str] = {}

    def login(self) -> None:
        """Start a session with user and password."""
        facts = self.facts
        body = {"username": facts["username"], "password": facts["password"], "domain": facts["domain"]}
        tokens = self.ask("POST", "/raapi/v1/auth/login", body)
        self.authorization = {"Authorization": f"Bearer {tokens['accessToken']}"}

    def issue(self, entry: t.Mapping[str, t.Any]) -> None:
        """Issue one certificate. ``entry`` is one of the list that the collection gets too."""
        body = {
            "dn": [{"attribute": name, "value": value} for name, value in entry["dn"].items()],
            "hashType": entry["hash_type"],
            "keyLength": entry["key_length"],
            "keyType": entry["key_type"],
            "provider": entry["provider"],
        }
        made = self.ask("POST", "/raapi/v1/csr/create", body)
        certificate = self.sign(x509.load_der_x509_csr(base64.b64decode(made["csr"])))
        upload = {
            "dataInB64": base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode(),
            "provider": entry["provider"],
            "requestCode": made["requestCode"],
        }
        self.ask("PUT", "/raapi/v1/csr/finalize", upload)

    def sign(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """Sign a request with the CA's key."""
        now = dt.datetime.now(dt.timezone.utc)
        builder = x509.CertificateBuilder(self.ca.subject, request.subject, request.public_key())
        return (
            builder.serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + _YEAR)
            .sign(self.ca_key, hashes.SHA256())
        )

    def ask(self, verb: str, path: str, body: t.Any) -> t.Any:
        """Send a request on this thread's connection, and return the data of the answer."""
        headers = {**self._signature(), **self.authorization}
        address = f"https://{self.facts['host']}:{self.facts['port']}{path}"
        answer = self._session().request(verb, address, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()["data"]

    def _signature(self) -> dict[str, str]:
        name, timestamp = self.facts["partner"], str(int(time.time()))
        key = self.facts["partner_secret"].encode()
        signature = hmac.new(key, f"{name}:{timestamp}".encode(), hashlib.sha256).hexdigest()
        return {"x-partner-name": name, "x-request-timestamp": timestamp, "x-hmac-signature": signature}

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(_LOCAL, "session", None)
        if session is None:
            session = _LOCAL.session = requests.Session()
            session.trust_env = False
            session.verify = self.facts["ca_path"]
        return session


def main() -> None:
    """Issue the certificates of a list in a file with one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready", type=Path, required=True, help="the sandbox's ready.json")
    parser.add_argument("--ca", type=Path, required=True, help="certificate of the CA, PEM")
    parser.add_argument("--ca-key", type=Path, required=True, help="its key, PEM")
    parser.add_argument("--list", type=Path, required=True, help="the certificates, JSON Lines")
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    program = Program(json.loads(options.ready.read_text(encoding="utf-8")), options.ca, options.ca_key)
    entries = [json.loads(line) for line in options.list.read_text(encoding="utf-8").splitlines()]
    program.login()
    with concurrent.futures.ThreadPoolExecutor(options.workers) as threads:
        for _done in threads.map(program.issue, entries):
            pass


if __name__ == "__main__":
    main()
