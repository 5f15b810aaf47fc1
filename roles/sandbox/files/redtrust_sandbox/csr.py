# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's certificate signing requests, in each style and format of the settings.

The example on the vendor's page has an empty subject and a signature with SHA-1; providers of the style ``legacy``
answer like that. ``cryptography`` does not sign with SHA-1, so this module builds such a request itself. It makes a
request with SHA-256, takes the part that is signed, which does not name the algorithm, and signs it with SHA-1.
"""

from __future__ import annotations

import base64
import re
import typing as t
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.x509.oid import NameOID

from redtrust_sandbox.errors import ApiError
from redtrust_sandbox.keys import PrivateKey

HASHES: t.Mapping[str, hashes.HashAlgorithm] = {
    "SHA1": hashes.SHA1(),
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
ATTRIBUTES: t.Mapping[str, x509.ObjectIdentifier] = {
    "cn": NameOID.COMMON_NAME,
    "o": NameOID.ORGANIZATION_NAME,
    "c": NameOID.COUNTRY_NAME,
    "st": NameOID.STATE_OR_PROVINCE_NAME,
    "l": NameOID.LOCALITY_NAME,
    "ou": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "e": NameOID.EMAIL_ADDRESS,
    "sn": NameOID.SURNAME,
    "givenname": NameOID.GIVEN_NAME,
    "serialnumber": NameOID.SERIAL_NUMBER,
    "organizationidentifier": x509.ObjectIdentifier("2.5.4.97"),
    "title": NameOID.TITLE,
    "dc": NameOID.DOMAIN_COMPONENT,
    "uid": NameOID.USER_ID,
}
_ANYTHING = re.compile(r".+\Z", re.DOTALL)
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+\Z")
_ASCII = re.compile(r"[\x01-\x7f]+\Z")
_RESTRICTED = {
    NameOID.COUNTRY_NAME: _PRINTABLE,
    NameOID.SERIAL_NUMBER: _PRINTABLE,
    NameOID.EMAIL_ADDRESS: _ASCII,
    NameOID.DOMAIN_COMPONENT: _ASCII,
}

# The country "Brasil", as in the page's example, causes a warning for each name, which would flood the log.
warnings.filterwarnings("ignore", message="Attribute's length must be|Country names should be", category=UserWarning)

Dn = t.Sequence[tuple[str, str]]


def subject(dn: Dn) -> x509.Name:
    """Return the requested name unchanged, with its order, its repetitions, and "Brasil" as a country."""
    parts = []
    for attribute, value in dn:
        oid = ATTRIBUTES.get(attribute.lower())
        if oid is None:
            raise ApiError(400, "ERR_INVALID_PARAM", "The dn has an attribute that is not known")
        if not _RESTRICTED.get(oid, _ANYTHING).match(value):
            raise ApiError(400, "ERR_INVALID_PARAM", "The dn has a value that its attribute cannot take")
        parts.append(x509.RelativeDistinguishedName([x509.NameAttribute(oid, value, _validate=False)]))
    return x509.Name(parts)


def build(key: PrivateKey, name: x509.Name, hash_type: str, style: str) -> bytes:
    """Return the DER of a request for this key, in the provider's style."""
    if style in ("legacy", "empty-subject"):
        name = x509.Name([])
    if style in ("legacy", "sha1"):
        hash_type = "SHA1"
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(_key_usage(key), critical=True)
    if hash_type == "SHA1":
        return _with_sha1(key, builder.sign(key, hashes.SHA256()).tbs_certrequest_bytes)
    signed = builder.sign(key, t.cast("hashes.SHA256", HASHES[hash_type]))
    return signed.public_bytes(serialization.Encoding.DER)


def present(der: bytes, csr_format: str) -> str:
    """Return the request as text: base64 on one line, base64 in lines, or PEM."""
    text = base64.b64encode(der).decode()
    if csr_format == "bare":
        return text
    lines = "\r\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    if csr_format == "lines":
        return lines + "\r\n"
    return f"-----BEGIN CERTIFICATE REQUEST-----\r\n{lines}\r\n-----END CERTIFICATE REQUEST-----\r\n"


def _key_usage(key: PrivateKey) -> x509.KeyUsage:
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=is_rsa,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _with_sha1(key: PrivateKey, tbs: bytes) -> bytes:
    algorithm = hashes.SHA1()
    if isinstance(key, rsa.RSAPrivateKey):
        oid, parameters = "1.2.840.113549.1.1.5", b"\x05\x00"
        signature = key.sign(tbs, padding.PKCS1v15(), algorithm)
    elif isinstance(key, dsa.DSAPrivateKey):
        oid, parameters = "1.2.840.10040.4.3", b""
        signature = key.sign(tbs, algorithm)
    else:
        oid, parameters = "1.2.840.10045.4.1", b""
        signature = key.sign(tbs, ec.ECDSA(algorithm))
    identifier = _der(0x30, _der_oid(oid) + parameters)
    return _der(0x30, tbs + identifier + _der(0x03, b"\x00" + signature))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _der_oid(dotted: str) -> bytes:
    first, second, *others = (int(part) for part in dotted.split("."))
    content = bytearray([first * 40 + second])
    for number in others:
        size = max((number.bit_length() + 6) // 7, 1)
        groups = [(number >> 7 * place) & 0x7F for place in reversed(range(size))]
        content += bytes([0x80 | group for group in groups[:-1]] + groups[-1:])
    return _der(0x06, bytes(content))
