# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented answers of CAs that cannot be started here, and signers that ask a server which gives them."""

from __future__ import annotations

import base64
import json
import typing as t
from pathlib import Path

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    SIGNERS,
    Revocation,
    Signer,
    SigningOrder,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import Loopback, reply

from .rest_ca import ID, SINCE

if t.TYPE_CHECKING:
    from ..conftest import Openssl

DATA = Path(__file__).parent / "data"
CN = DistinguishedName((("cn", "Ana Garcia"),))


class Recorded:
    """The answers of one CA, with the certificates of a test in them."""

    def __init__(self, ca: str, pki: Openssl) -> None:
        self._folder = DATA / ca
        self._pki = pki

    def __call__(self, name: str, status: str) -> bytes:
        """Return an answer."""
        text = (self._folder / name).read_text(encoding="utf-8")
        kind = "text/html" if name.endswith(".html") else "application/json"
        for one in ("leaf", "ca", "root"):
            der = self._pki.der(one)
            once = base64.b64encode(der)
            text = text.replace(f"@{one}_base64_twice@", base64.b64encode(once).decode())
            text = text.replace(f"@{one}_base64@", once.decode())
            text = text.replace(f"@{one}@", json.dumps((self._pki.folder / f"{one}.crt").read_text())[1:-1])
        return reply(text.encode(), status, Content_Type=kind)


def signer(name: str, server: Loopback, ca_path: str, **options: t.Any) -> Signer:
    """Return a signer of a kind with the defaults of its options."""
    kind = SIGNERS[name]
    defaults = {option: rules.get("default") for option, rules in kind.options.items()}
    given = {"url": server.url("/base"), "ca_path": ca_path, "retry_timeout": 0.0, **options}
    return kind.build({**defaults, **given}, utc_now())


def order(pki: Openssl, dn: DistinguishedName = CN, **changes: t.Any) -> SigningOrder:
    """Return the order of the request ``leaf``."""
    facts = {"request_id": ID, "name": "ana", "revision": 2, "csr": pki.csr("leaf"), "dn": dn, "since": SINCE}
    return SigningOrder(**{**facts, **changes})


def revocation(pki: Openssl, reason: str = "keyCompromise") -> Revocation:
    """Return the revocation of the certificate ``leaf``."""
    return Revocation("ana", 2, pki.der("leaf"), (pki.der("ca"),), reason)
