# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""csr/create and csr/finalize: key pairs, requests and certificates."""

from __future__ import annotations

import json
import re
import secrets
import string
import time
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from redtrust_sandbox import csr, upload
from redtrust_sandbox.call import Call
from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.keys import LENGTHS, KeyShop, PrivateKey
from redtrust_sandbox.ledger import Ledger
from redtrust_sandbox.models import Create, Finalize

_CODE_LETTERS = string.ascii_uppercase + string.digits
_CODE_LENGTH = 20
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}\Z")


class _Made(t.NamedTuple):
    """A key pair and its request."""

    private_key: str
    spki_sha256: str
    der: bytes


class Enrollment:
    """Make requests and accept certificates."""

    def __init__(self, ledger: Ledger, keys: KeyShop) -> None:
        self.ledger = ledger
        self.keys = keys

    async def create(self, call: Call, body: Create) -> dict[str, str]:
        """Make a key pair and a request for it; raises ApiError."""
        style = self._style(call, body.provider)
        if body.length() not in LENGTHS[body.key_type]:
            raise ApiError(400, "ERR_INVALID_PARAM", "A key of this type cannot have this length")
        name = csr.subject([(part.attribute, part.value) for part in body.dn])
        renews = self._renewed(body.renews())
        key = await self.keys.take(body.key_type, body.length())
        try:
            made = await self.keys.work(body.key_type, lambda: _make(key, name, body.hash_type, style))
        except ValueError as exc:
            raise ApiError(400, "ERR_INVALID_PARAM", "The dn has a value that its attribute cannot take") from exc
        code = _request_code()
        with self.ledger.transaction():
            self._record(call, body, made, code, renews)
        return {"requestCode": code, "csr": csr.present(made.der, call.settings.csr_format)}

    def finalize(self, call: Call, body: Finalize) -> dict[str, t.Any]:
        """Accept the certificate of a request; raises ApiError."""
        row = self.ledger.row(
            "SELECT provider, spki_sha256, renews, thumbprint FROM keys WHERE request_code = ?", body.request_code
        )
        if row is None:
            raise ApiError(400, "ERR_NOT_FOUND", "There is no request with this code")
        provider, spki_sha256, renews, known = row
        if provider != body.provider:
            raise ApiError(400, "ERR_INVALID_PARAM", "The request was made for another provider")
        certificate = upload.leaf(upload.certificates(body.data_in_b64), spki_sha256)
        thumbprint = upload.thumbprint(certificate)
        if known is not None:
            self._repeated(call, known, thumbprint)
        else:
            upload.check_dates(certificate, call.now)
            with self.ledger.transaction():
                self._accept(body.request_code, certificate, thumbprint, renews)
        number = self.ledger.row("SELECT id FROM certificates WHERE thumbprint = ?", thumbprint)
        return {"idCertificate": number[0] if number else None, "thumbprint": thumbprint}

    def _style(self, call: Call, provider: str) -> str:
        style = call.settings.providers.get(provider)
        if style is None:
            raise ApiError(400, "ERR_NOT_FOUND", "There is no such provider")
        return style

    def _renewed(self, thumbprint: str | None) -> str | None:
        if thumbprint is None:
            return None
        if not _THUMBPRINT.match(thumbprint):
            raise ApiError(400, "ERR_INVALID_PARAM", "A thumbprint is 40 hexadecimal digits")
        self._check_current(thumbprint.upper())
        return thumbprint.upper()

    def _check_current(self, thumbprint: str) -> None:
        row = self.ledger.row("SELECT state FROM certificates WHERE thumbprint = ?", thumbprint)
        if row is None:
            raise ApiError(400, "ERR_NOT_FOUND_CERT", "There is no certificate with the thumbprint to renew")
        if row[0] != "current":
            raise ApiError(409, "ERR_INVALID_STATE", "The certificate to renew has been replaced before")

    def _record(self, call: Call, body: Create, made: _Made, code: str, renews: str | None) -> None:
        self.ledger.insert(
            "keys",
            {
                "request_code": code,
                "at": time.time(),
                "request": call.number,
                "api_path": call.path,
                "partner": call.partner,
                "user": call.user,
                "session": call.session,
                "provider": body.provider,
                "key_type": body.key_type,
                "key_length": body.length(),
                "hash_type": body.hash_type,
                "dn": json.dumps([part.model_dump(by_alias=True) for part in body.dn]),
                "body": call.body.decode(),
                "spki_sha256": made.spki_sha256,
                "renews": renews,
                "private_key": made.private_key,
                "csr": csr.present(made.der, "pem"),
            },
        )
        self.ledger.secret("request_code", code)

    def _repeated(self, call: Call, known: str, thumbprint: str) -> None:
        if known != thumbprint:
            raise ApiError(409, "ERR_ALREADY_EXIST", "Another certificate was uploaded for this request")
        if call.settings.finalize_repeat == "error":
            raise ApiError(409, call.settings.finalize_repeat_code, "The request is already finalized")

    def _accept(self, code: str, certificate: x509.Certificate, thumbprint: str, renews: str | None) -> None:
        if renews is not None:
            self._check_current(renews)
            self.ledger.run(
                "UPDATE certificates SET state = 'replaced', replaced_by = ? WHERE thumbprint = ?", thumbprint, renews
            )
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        row = {"thumbprint": thumbprint, "request_code": code, "pem": pem, "at": time.time(), "state": "current"}
        self.ledger.insert("certificates", row)
        self.ledger.run(
            "UPDATE keys SET finalized_at = ?, thumbprint = ? WHERE request_code = ?", time.time(), thumbprint, code
        )


def _request_code() -> str:
    number, letters = secrets.randbelow(len(_CODE_LETTERS) ** _CODE_LENGTH), ""
    for _place in range(_CODE_LENGTH):
        number, digit = divmod(number, len(_CODE_LETTERS))
        letters += _CODE_LETTERS[digit]
    return letters


def _make(key: PrivateKey, name: x509.Name, hash_type: str, style: str) -> _Made:
    der = csr.build(key, name, hash_type, style)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _Made(pem.decode(), upload.spki(key.public_key()), der)
