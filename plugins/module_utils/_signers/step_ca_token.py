# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-time tokens for step-ca: JSON web tokens that are signed with the key of a provisioner."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import typing as t
from pathlib import Path

from .._clock import utc_now
from .._errors import ConfigurationError
from .._models import CertificateSpec, DistinguishedName
from .._x509.api import certificate_facts, find_attribute
from .base import Revocation, SigningOrder
from .preset import Options, PresetCode

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

_LASTS = dt.timedelta(minutes=5)
_COMMON_NAME = "2.5.4.3"
_CURVES: t.Mapping[str, tuple[str, str, int]] = {
    "secp256r1": ("P-256", "ES256", 32),
    "secp384r1": ("P-384", "ES384", 48),
    "secp521r1": ("P-521", "ES512", 66),
}


class StepCaCode(PresetCode):
    """The tokens of one provisioner."""

    def __init__(self, options: Options) -> None:
        """Read the key. Raises ConfigurationError."""
        self._options = options
        self._audience = (options["audience"] or options["url"] or "").rstrip("/")
        self._key = ProvisionerKey.read(options["key_path"], options["key_passphrase"], options["key_id"])

    def values(self, order: SigningOrder) -> t.Mapping[str, t.Any]:
        """Return the token for a request."""
        repeats = order.again and self._options["lost_answer"] == "repeat"
        number = f"{order.request_id}-{utc_now():%Y%m%d%H%M%S%f}" if repeats else order.request_id
        subject = self._common_name(order.dn)
        claims: dict[str, t.Any] = {"sans": [name.partition(":")[2] for name in order.subject_alt_name] or [subject]}
        if self._options["subject"] == "template":
            claims["redtrust"] = {"name": order.name, "revision": order.revision, "dn": _dn(order)}
        return {"token": self._token("sign", subject, number, claims)}

    def revocation_values(self, revocation: Revocation) -> t.Mapping[str, t.Any]:
        """Return the token that revokes. Another one each time: the CA says if it is revoked already."""
        serial = str(certificate_facts(revocation.certificate).serial_number)
        return {"token": self._token("revoke", serial, f"{serial}-{utc_now():%Y%m%d%H%M%S%f}", {})}

    def check_spec(self, spec: CertificateSpec) -> None:
        self._common_name(spec.dn)

    def _common_name(self, dn: DistinguishedName) -> str:
        """Return the subject of the token. Raises ConfigurationError where the CA cannot put the name into it."""
        found = [(_oid(attribute), attribute, value) for attribute, value in dn.attributes]
        names = [value for oid, _attribute, value in found if oid == _COMMON_NAME]
        others = [attribute for oid, attribute, _value in found if oid != _COMMON_NAME]
        if not names:
            raise ConfigurationError("step-ca needs a cn in the dn, which is the subject of its token")
        if self._options["subject"] == "common_name" and (others or len(names) > 1):
            raise ConfigurationError(
                f"step-ca puts one cn into a certificate, and not {', '.join(others or ['another cn'])}: ask "
                "for the cn alone, or set step_ca.subject to template, with a template of the provisioner that takes "
                "the whole dn"
            )
        return names[0]

    def _token(self, action: str, subject: str, number: str, more: t.Mapping[str, t.Any]) -> str:
        now = utc_now()
        claims = {
            "iss": self._options["provisioner"],
            "sub": subject,
            "aud": f"{self._audience}/1.0/{action}",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + _LASTS).timestamp()),
            "jti": number,
            **more,
        }
        return self._key.signed(claims)


class ProvisionerKey:
    """The private key of a provisioner, and its id."""

    def __init__(self, key: t.Any, key_id: str | None) -> None:
        """Raises ConfigurationError for a key that step-ca does not know."""
        self._key = key
        self._algorithm, self._public = _described(key)
        self._id = key_id or thumbprint(self._public)

    @classmethod
    def read(cls, path: str, passphrase: str | None, key_id: str | None) -> ProvisionerKey:
        """Read a key in PEM or as JWK. Raises ConfigurationError."""
        try:
            content = Path(path).expanduser().read_bytes()
        except OSError as exc:
            raise ConfigurationError(f"step_ca.key_path: {path} cannot be read ({exc.strerror})") from exc
        try:
            if content.lstrip().startswith(b"{"):
                written = json.loads(content)
                return cls(_of_jwk(written), key_id or written.get("kid"))
            secret = passphrase.encode() if passphrase else None
            return cls(serialization.load_pem_private_key(content, secret), key_id)
        except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm) as exc:
            raise ConfigurationError(
                f"step_ca.key_path: {path} must hold a private key, as PEM (look at step_ca.key_passphrase) or as JWK "
                "that is not encrypted (step crypto jwe decrypt makes one of the encryptedKey of the provisioner)"
            ) from exc

    def signed(self, claims: t.Mapping[str, t.Any]) -> str:
        """Return a token in the compact form (RFC 7515)."""
        header = {"alg": self._algorithm, "kid": self._id, "typ": "JWT"}
        content = f"{_encoded(header)}.{_encoded(claims)}"
        return f"{content}.{_base64url(self._signature(content.encode()))}"

    def _signature(self, content: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            size = _CURVES[self._key.curve.name][2]
            digest = {32: hashes.SHA256(), 48: hashes.SHA384(), 66: hashes.SHA512()}[size]
            first, second = decode_dss_signature(self._key.sign(content, ec.ECDSA(digest)))
            return first.to_bytes(size, "big") + second.to_bytes(size, "big")
        return t.cast("bytes", self._key.sign(content))


def _described(key: t.Any) -> tuple[str, dict[str, str]]:
    """Return the algorithm of a key, and its public part with the members of RFC 7638."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        curve, algorithm, size = _CURVES[key.curve.name]
        numbers = key.public_key().public_numbers()
        first, second = (_base64url(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
        return algorithm, {"kty": "EC", "crv": curve, "x": first, "y": second}
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        modulus = public.n.to_bytes((public.n.bit_length() + 7) // 8, "big")
        exponent = public.e.to_bytes((public.e.bit_length() + 7) // 8, "big")
        return "RS256", {"kty": "RSA", "n": _base64url(modulus), "e": _base64url(exponent)}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return "EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)}
    raise ValueError("a provisioner has a key for ECDSA, RSA or Ed25519")


def _of_jwk(written: t.Mapping[str, str]) -> t.Any:
    """Return the key of a JWK (RFC 7518, 6). Raises ValueError and KeyError."""
    if written["kty"] == "EC":
        curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
        return ec.derive_private_key(_number(written["d"]), curves[written["crv"]])
    if written["kty"] == "OKP" and written["crv"] == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(_decoded(written["d"]))
    first, second, private, by_first, by_second, inverse = (
        _number(written[name]) for name in ("p", "q", "d", "dp", "dq", "qi")
    )
    public = rsa.RSAPublicNumbers(_number(written["e"]), _number(written["n"]))
    return rsa.RSAPrivateNumbers(first, second, private, by_first, by_second, inverse, public).private_key()


def thumbprint(public: t.Mapping[str, str]) -> str:
    """Return the thumbprint of the public members of a key (RFC 7638)."""
    text = json.dumps(public, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def _dn(order: SigningOrder) -> list[dict[str, str]]:
    """Return the name as a template of step-ca takes it: OID and value of each attribute."""
    return [{"type": _oid(attribute), "value": value} for attribute, value in order.dn.attributes]


def _oid(attribute: str) -> str:
    found = find_attribute(attribute)
    return found.oid if found else attribute


def _encoded(value: t.Mapping[str, t.Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text), "big")
