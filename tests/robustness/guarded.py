# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server and a CA with canaries for their own secrets, and canaries for every other secret of a module."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance, started

from .canaries import AWKWARD_TAIL, MARK, TOKEN_TAIL

# A secret that a person chooses may have any character; a token has no blank and only ASCII.
CHOSEN = (
    "partner_secret",
    "password",
    "session_key",
    "passphrase",
    "wrong_passphrase",
    "request_code",
    "proxy_password",
)
GIVEN = {
    **{name: f"{MARK} of a {name}{AWKWARD_TAIL}" for name in CHOSEN},
    "proxy_password": f"{MARK} of a proxy's password{AWKWARD_TAIL}:@",
    **{name: f"{MARK}-of-a-{name}{TOKEN_TAIL}" for name in ("access_token", "temporal_token")},
}
PARTNER_KEY = GIVEN["partner_secret"].encode()
WRITTEN = {
    "text": GIVEN["partner_secret"],
    "hex": PARTNER_KEY.hex(),
    "base64": base64.b64encode(PARTNER_KEY).decode(),
}


@dataclasses.dataclass(frozen=True)
class Guarded:
    """A server with known secrets, and the way to reach it."""

    appliance: Appliance

    def mark(self) -> int:
        """Return the number of secrets that the server has handed out."""
        count: int = self.appliance.one("SELECT COUNT(*) FROM secrets")
        return count

    def secrets(self, since: int = 0) -> dict[str, str]:
        """Return the secrets of its configuration, and those that it has handed out since a mark."""
        rows = self.appliance.rows("SELECT kind, value FROM secrets ORDER BY rowid")[since:]
        return {**GIVEN, **{f"{kind} {number}": value for number, (kind, value) in enumerate(rows, since)}}

    def kinds(self, since: int) -> set[str]:
        """Return the kinds of the secrets that it has handed out since a mark."""
        return {kind for (kind,) in self.appliance.rows("SELECT kind FROM secrets ORDER BY rowid")[since:]}

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment that AWX gives a job for a credential, with more options."""
        names = ("host", "port", "auth_port", "api_version", "ca_path", "partner", "domain")
        facts = {name: str(self.appliance.facts[name]) for name in names if self.appliance.facts[name]}
        return {f"REDTRUST_{name.upper()}": value for name, value in {**facts, **more}.items()}


def started_guarded(directory: Path, api_version: str) -> Guarded:
    """Start a server with canaries for its secrets; the caller stops it."""
    partner = {"name": "CA_DEMO", "secret": WRITTEN["hex"], "secret_encoding": "hex"}
    config = {
        "partners": [{**partner, "redirect_urls": ["https://your-app.com"]}],
        "users": [{"username": "demo", "password": GIVEN["password"], "domain": "local.users"}],
    }
    appliance = started(directory, api_version, config=config)
    appliance.facts["partner_secret"] = GIVEN["partner_secret"]
    return Guarded(appliance)


def make_sealed_ca(directory: Path) -> dict[str, str]:
    """Make the files of a CA whose key has a passphrase."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sealed CA")])
    now = dt.datetime.now(tz=dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(GIVEN["passphrase"].encode())
    sealed = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (directory / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "ca.key").write_bytes(sealed)
    return {"certificate_path": str(directory / "ca.pem"), "private_key_path": str(directory / "ca.key")}
