# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with enrollments, for the plugins that read one."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store

SERVICE = "rt.example.com"
DAY = dt.timedelta(days=1)
VARIABLES = tuple(f"REDTRUST_{name}" for name in ("STORE_PATH", "STORE_DSN", "STORE_KEY", "SERVICE", "HOST"))


@functools.cache
def certificates() -> tuple[bytes, bytes]:
    """Return a certificate and that of its CA, in DER."""
    made = []
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example CA, 1")])
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "ES"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ana García"),
        ]
    )
    key = ec.generate_private_key(ec.SECP256R1())
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    for name, number in ((subject, 0xABC), (issuer, 1)):
        builder = x509.CertificateBuilder(issuer, name, key.public_key(), number, begins, begins + 365 * DAY)
        made.append(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    return made[0], made[1]


def put(store: Store, name: str, state: State = State.FINALIZED, *, days: float = 300, **fields: t.Any) -> None:
    """Write the next revision of a name; one in use has ``days`` left of its life of 400 days."""
    spec = CertificateSpec(name, DistinguishedName((("cn", name),)), fields.pop("provider", "CA_DEMO"))
    now = utc_now()
    in_use = {}
    if state is State.FINALIZED:
        der, ca = certificates()
        in_use = {
            "certificate": der,
            "chain": (ca,),
            "thumbprint": hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().upper(),
            "not_valid_before": now + (days - 400) * DAY,
            "not_valid_after": now + days * DAY,
            # otherwise its life would begin now
            "adopted": True,
        }
    store.put(Enrollment(SERVICE, name).next_revision(spec).moved(state, **{**in_use, **fields}))


def filled(path: Path) -> Path:
    """Return the path of a new store with an enrollment of each kind."""
    with open_store(str(path)) as store:
        put(store, "ana garcia", days=300, certificate_id="17")
        put(store, "due", days=5)
        put(store, "ended", days=-3, provider="CA-2 Ex")
        put(store, "waits", State.SIGNING)
        put(store, "adopted", days=200, certificate=None, chain=())
    return path
