# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of one partner, whose certificates a real CA signs."""

from __future__ import annotations

import collections
import collections.abc as c
import datetime as dt
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.signer import build_signer
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.signer_form import taken_apart
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS, Signer
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import (
    ONE_PASS,
    Launcher,
    Ran,
    Running,
    Site,
)
from ansible_collections.redtrust.certificate_enroll.tests.robustness.launcher import Fault
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

# Its CSRs have an empty subject and a signature with SHA-1, as on the vendor's page.
LEGACY = "CA_LEGACY"


class Desk(Site):
    """A place with a server of 4.42, in which all certificates come from one signer."""

    def __init__(
        self,
        appliance: Appliance,
        directory: Path,
        launcher: Launcher,
        signer: str,
        options: c.Mapping[str, t.Any],
    ) -> None:
        super().__init__(appliance, directory, launcher, {})
        self.with_login()
        self.signer: dict[str, t.Any] = {"type": signer, **options}

    def enroll(self, *entries: dict[str, t.Any], fault: Fault | None = None, **options: t.Any) -> Ran:
        """Have these certificates in use, in one pass; no name waits after a failure."""
        return self.start_enrolling(*entries, fault=fault, **options).wait()

    def have(self, *entries: dict[str, t.Any], **options: t.Any) -> Ran:
        """Have these certificates in use, and fail with all that was said where one is not."""
        ran = self.enroll(*entries, **options)
        assert ran.status == 0, ran
        return ran

    def start_enrolling(self, *entries: dict[str, t.Any], fault: Fault | None = None, **options: t.Any) -> Running:
        """Begin to do so."""
        self.let_waiting_end()
        own = {"certificates": entries, "results": "all", "directory": str(self.certificates), "signer": self.signer}
        return self.start(ONE_PASS, fault, **{**own, **options})

    def revoke(self, name: str, reason: str, **options: t.Any) -> Ran:
        """Have the CA revoke the certificate in use, and fail with all that was said where it does not."""
        ran = self.run("redtrust_enrollment", **{**self.revocation(name, reason), **options})
        assert ran.status == 0, ran
        return ran

    def revocation(self, name: str, reason: str) -> dict[str, t.Any]:
        """Return the options of the module that has the CA revoke the certificate in use."""
        return {"state": "revoked", "certificates": [{"name": name}], "reason": reason, "signer": self.signer}

    def built_signer(self) -> Signer:
        """Return the signer as a module builds it."""
        params = taken_apart({"signer": self.signer, "workers": 1}, SIGNERS)
        kind = SIGNERS[params["signer"]]
        defaults = {name: rules.get("default") for name, rules in kind.options.items()}
        params[kind.name] = {**defaults, **params[kind.name]}
        return build_signer(params, dt.datetime.now(tz=dt.timezone.utc), Secrets())

    def in_use(self) -> list[x509.Certificate]:
        """Return the certificates that the server has in use."""
        rows = self.appliance.rows(
            "SELECT c.pem FROM certificates c JOIN keys k USING (request_code) WHERE k.request > ? AND"
            " c.state = 'current' ORDER BY c.rowid",
            self.since,
        )
        return [x509.load_pem_x509_certificate(pem.encode()) for (pem,) in rows]

    def signed_for(self, records: c.Iterable[x509.Certificate]) -> list[int]:
        """Return how many certificates the CA's records have for each request in the store, least first.

        A run that is killed may leave a key on the server whose request never came back; that is no request here.
        """
        counts = collections.Counter(public_key(certificate) for certificate in records)
        rows = [row["csr"] for row in self.revisions() if row["csr"]]
        return sorted(counts[public_key(x509.load_der_x509_csr(csr))] for csr in rows)


def public_key(of: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return a public key in DER."""
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def entry(name: str, *dn: tuple[str, str], provider: str = "CA_DEMO", **others: t.Any) -> dict[str, t.Any]:
    """Return an entry that asks for a certificate, with the key type that is fastest to make."""
    attributes = dn or (("cn", name), ("o", "Example"), ("c", "ES"))
    wanted = [{"attribute": attribute, "value": value} for attribute, value in attributes]
    own = {"name": name, "dn": wanted, "provider": provider, "key_type": "ECDSA", "key_length": 256}
    return {**own, **others}


def subject(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """Return the attributes of the subject, by the names of RFC 4514 or by OID, in order."""
    return [(attribute.rfc4514_attribute_name, str(attribute.value)) for attribute in certificate.subject]
