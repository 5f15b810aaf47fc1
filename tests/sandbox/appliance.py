# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server under test, and a client that is written from the vendor's page alone.

It uses neither the collection's client nor the sandbox's code.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import hmac
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import typing as t
import urllib.parse
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PACKAGE_ROOT = Path(__file__).resolve().parents[2] / "roles" / "sandbox" / "files"
VENDOR_DN = [
    {"attribute": "cn", "value": "john doe"},
    {"attribute": "o", "value": "Redtrust"},
    {"attribute": "c", "value": "Brasil"},
    {"attribute": "st", "value": "PJE"},
    {"attribute": "l", "value": "Sao Paolo"},
    {"attribute": "ou", "value": "Developement"},
]

Json = t.Any


def command(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the sandbox's command line."""
    return subprocess.run(
        [sys.executable, "-m", "redtrust_sandbox", *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
    )


@functools.cache
def ca_key() -> ec.EllipticCurvePrivateKey:
    """Return the key of the tests' CA."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate_for(
    public_key: t.Any, begins: float = -3600, ends: float = 86400, name: str = "issued"
) -> x509.Certificate:
    """Issue a certificate. The times are in seconds from now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(seconds=begins))
        .not_valid_after(now + datetime.timedelta(seconds=ends))
        .sign(ca_key(), hashes.SHA256())
    )


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the thumbprint as Windows shows it."""
    return hashlib.sha1(der(certificate)).hexdigest().upper()


@dataclasses.dataclass(frozen=True)
class Signature:
    """The three values that sign a request."""

    partner: str
    timestamp: str
    signature: str

    def headers(self) -> dict[str, str]:
        """Return the signature in the form for most requests."""
        return {
            "x-partner-name": self.partner,
            "x-request-timestamp": self.timestamp,
            "x-hmac-signature": self.signature,
        }

    def query(self) -> dict[str, str]:
        """Return the signature in the form for the login URL."""
        return {"partner": self.partner, "timestamp": self.timestamp, "hmac": self.signature}


class Appliance:
    """One running server."""

    def __init__(self, facts: dict[str, t.Any]) -> None:
        self.facts = facts
        self.version: str = facts["api_version"]
        self.directory = Path(facts["directory"])
        self.http = requests.Session()
        self.http.trust_env = False
        with self.database() as connection:
            self._settings = connection.execute("SELECT key, value FROM settings").fetchall()
        self._mark = 0

    # -- the ledger, by plain SQL ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def database(self) -> t.Iterator[sqlite3.Connection]:
        """Open the ledger as a plain SQLite database."""
        connection = sqlite3.connect(self.directory / "ledger.sqlite3", timeout=30)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def rows(self, sql: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        """Return the rows of a query."""
        with self.database() as connection:
            return connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: t.Any) -> t.Any:
        """Return the only value of a query."""
        ((value,),) = self.rows(sql, *values)
        return value

    def asked(self, columns: str = "step, status") -> list[tuple[t.Any, ...]]:
        """Return the requests since the test began."""
        return self.rows(f"SELECT {columns} FROM requests WHERE id > ? ORDER BY id", self._mark)  # noqa: S608

    def set(self, **values: t.Any) -> None:
        """Change settings by plain SQL."""
        with self.database() as connection:
            for key, value in values.items():
                connection.execute("UPDATE settings SET value = ? WHERE key = ?", (str(value), key))

    def provider(self, name: str, style: str) -> None:
        """Add a provider by plain SQL."""
        with self.database() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (f"provider.{name}", style))

    def fault(self, step: str, moment: str, action: str, **others: t.Any) -> None:
        """Add a fault by plain SQL."""
        name, _colon, argument = action.partition(":")
        row = {"step": step, "moment": moment, "action": name, "argument": argument or None, **others}
        marks = ", ".join("?" for _value in row)
        with self.database() as connection:
            connection.execute(f"INSERT INTO faults ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    def reset(self) -> Appliance:
        """Reset settings and faults, and let ``asked`` begin here."""
        with self.database() as connection:
            connection.execute("DELETE FROM faults")
            connection.execute("DELETE FROM settings")
            connection.executemany("INSERT INTO settings VALUES (?, ?)", self._settings)
            self._mark = connection.execute("SELECT COALESCE(MAX(id), 0) FROM requests").fetchone()[0]
        return self

    def until(self, condition: t.Callable[[], bool]) -> None:
        """Wait for something that the server does without a request."""
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server."""
        self.http.close()
        command("stop", "--directory", str(self.directory))

    # -- requests -------------------------------------------------------------------------------------------------

    @property
    def is_433(self) -> bool:
        """Tell whether this is the first generation."""
        return self.version == "4.33"

    @property
    def create_verb(self) -> str:
        """Return the verb of csr/create and of the exchange."""
        return "GET" if self.is_433 else "POST"

    def path(self, step: str) -> tuple[str, str]:
        """Return verb and path of a step."""
        first = {
            "exchange": ("GET", "/authapi/v1/login_by_temp_token"),
            "refresh": ("PUT", "/authapi/v1/refresh-token"),
            "logout": ("DELETE", "/authapi/v1/logout"),
            "create": ("GET", "/raapi/v1/csr/create"),
            "renew": ("GET", "/raapi/v2/csr/create"),
            "finalize": ("PUT", "/raapi/v1/csr/finalize"),
        }
        second = {
            "login": ("POST", "/raapi/v1/auth/login"),
            "exchange": ("POST", "/authapi/v1/login_by_temp_token"),
            "refresh": ("PUT", "/raapi/v1/auth/refresh-token"),
            "logout": ("DELETE", "/raapi/v1/auth/logout"),
            "create": ("POST", "/raapi/v1/csr/create"),
            "renew": ("POST", "/raapi/v1/csr/create"),
            "finalize": ("PUT", "/raapi/v1/csr/finalize"),
        }
        return (first if self.is_433 else second)[step]

    def url(self, path: str) -> str:
        """Return the address of a path on the port that serves it."""
        port = self.facts["port"] if path.startswith("/raapi") else self.facts["auth_port"]
        return f"https://{self.facts['host']}:{port}{path}"

    def sign(self, at: float | None = None, secret: str | None = None, partner: str | None = None) -> Signature:
        """Sign for the present time, or for another one."""
        name = partner or self.facts["partner"]
        timestamp = str(int(time.time() if at is None else at))
        key = (secret or self.facts["partner_secret"]).encode()
        return Signature(name, timestamp, hmac.new(key, f"{name}:{timestamp}".encode(), hashlib.sha256).hexdigest())

    def send(self, verb: str, url: str, **others: t.Any) -> requests.Response:
        """Send a request unchanged."""
        return self.http.request(verb, url, verify=self.facts["ca_path"], allow_redirects=False, timeout=30, **others)

    def ask(
        self, step: str, body: Json = None, token: str | None = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """Send a signed request for a step."""
        verb, path = self.path(step)
        sent = self.sign().headers() if headers is None else headers
        if token is not None:
            sent = {**sent, "Authorization": f"Bearer {token}"}
        return self.send(verb, self.url(path), json=body, headers=sent)

    # -- the actions of a partner ---------------------------------------------------------------------------------

    def login_url(self, **changes: t.Any) -> str:
        """Return the signed link, without the parameters that are None."""
        query: dict[str, t.Any] = {
            "Consumer": "RA_API",
            "Domain": self.facts["domain"],
            "RedirectUrl": self.facts["redirect_url"],
            **self.sign().query(),
            **changes,
        }
        kept = {name: value for name, value in query.items() if value is not None}
        return self.url("/authclient/auth/loginrequest") + "?" + urllib.parse.urlencode(kept)

    def form(self, **changes: t.Any) -> str:
        """Open the login page, and return the hidden value of its form."""
        page = self.send("GET", self.login_url(**changes))
        assert page.status_code == 200, page.text
        found = re.search(r'name="form" value="([^"]+)"', page.text)
        assert found is not None
        return found.group(1)

    def submit(self, form: str, **changes: str) -> requests.Response:
        """Send the login form."""
        facts = self.facts
        fields = {"form": form, "username": facts["username"], "password": facts["password"], "domain": facts["domain"]}
        return self.send("POST", self.url("/authclient/auth/login"), data={**fields, **changes})

    def temporary_token(self, redirect_url: str | None = None) -> str:
        """Sign in as a browser does, and return the tkn of the redirect."""
        changes = {} if redirect_url is None else {"RedirectUrl": redirect_url}
        location = self.submit(self.form(**changes)).headers["Location"]
        return urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["tkn"][0]

    def tokens(self) -> dict[str, str]:
        """Return the tokens of a new session."""
        temporary = self.temporary_token()
        answer = self.ask("exchange", {"temporalToken": temporary}, temporary)
        assert answer.status_code == 200, answer.text
        data: dict[str, str] = answer.json()["data"]
        return data

    def access(self) -> str:
        """Return the access token of a new session."""
        return self.tokens()["accessToken"]

    def create_body(self, **changes: t.Any) -> dict[str, t.Any]:
        """Return the body of the page's example, without the fields that are None."""
        body: dict[str, t.Any] = {
            "dn": VENDOR_DN,
            "hashType": "SHA384",
            "keyLength": "2048" if self.is_433 else 2048,
            "keyType": "RSA",
            "provider": "CA_BRASIL",
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def create(self, token: str, step: str = "create", **changes: t.Any) -> requests.Response:
        """Request a key pair and a CSR."""
        return self.ask(step, self.create_body(**changes), token)

    def created(self, token: str, step: str = "create", **changes: t.Any) -> Request:
        """Return the request code and the CSR of a successful create."""
        answer = self.create(token, step, **changes)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        csr = x509.load_der_x509_csr(base64.b64decode(data["csr"]))
        return Request(data["requestCode"], csr, changes.get("provider", "CA_BRASIL"))

    def finalize(self, token: str, request: Request, data: bytes, **changes: t.Any) -> requests.Response:
        """Upload the CA's certificate."""
        body = {
            "dataInB64": base64.b64encode(data).decode(),
            "provider": request.provider,
            "requestCode": request.code,
            **changes,
        }
        return self.ask("finalize", {name: value for name, value in body.items() if value is not None}, token)

    def issued(self, token: str) -> x509.Certificate:
        """Return a certificate that is current on the server."""
        request = self.created(token)
        certificate = certificate_for(request.csr.public_key())
        assert self.finalize(token, request, der(certificate)).status_code == 200
        return certificate


@dataclasses.dataclass(frozen=True)
class Request:
    """The request of an answer of csr/create."""

    code: str
    csr: x509.CertificateSigningRequest
    provider: str


def started(directory: Path, api_version: str, *arguments: str, config: Json = None) -> Appliance:
    """Start a server that ends with this process at the latest."""
    more = list(arguments)
    if config is not None:
        path = directory / "given.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        more += ["--config", str(path)]
    place = ["--directory", str(directory), "--api-version", api_version]
    done = command("serve", "--daemon", *place, "--parent-pid", str(os.getpid()), *more, check=False)
    assert done.returncode == 0, done.stderr
    return Appliance(json.loads((directory / "ready.json").read_text(encoding="utf-8")))


def problem(answer: requests.Response) -> tuple[int, str]:
    """Return status and errorCode of an error answer, and check its envelope."""
    body = answer.json()
    assert set(body) == {"message", "messageType", "errorCode", "data"}
    assert body["messageType"] == "ERROR"
    assert body["message"]
    assert body["data"] is None
    return answer.status_code, body["errorCode"]
