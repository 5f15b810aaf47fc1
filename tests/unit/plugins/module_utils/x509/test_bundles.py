# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in the wrappings of people, programs and Windows, and other data that is not a certificate."""

from __future__ import annotations

import base64
import json
import typing as t
import urllib.parse

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    chain_warnings,
    encode_upload,
    order_chain,
    parse_certificates,
    thumbprint,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509 import made

if t.TYPE_CHECKING:
    from ..conftest import Openssl

LEAF_KEY, CA_KEY = made.Key(), made.Key()
LEAF = made.certificate(made.cn("www"), made.cn("CA"), LEAF_KEY, CA_KEY)
CA = made.certificate(made.cn("CA"), made.cn("CA"), CA_KEY, CA_KEY, ca=True)
BOTH = [LEAF, CA]
PEM = made.armoured(LEAF) + made.armoured(CA)
BARE = base64.b64encode(LEAF).decode()
DER_P7 = made.signed_data(*BOTH)


def _indented(text: str, by: str) -> str:
    return "".join(by + line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(
    "label",
    [
        "CERTIFICATE",
        "X509 CERTIFICATE",
        "X.509 CERTIFICATE",
        "CERTIFICATE CHAIN",
        "TRUSTED CERTIFICATE",
        "PKCS7",
        "PKCS #7 SIGNED DATA",
        "PKCS#7",
        "CMS",
    ],
)
def test_labels(label: str) -> None:
    assert parse_certificates(made.armoured(LEAF, label)) == [LEAF]
    assert parse_certificates(made.armoured(DER_P7, label)) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PEM.replace("\n", r"\n"), id="newlines as backslash n"),
        pytest.param(PEM.replace("\n", r"\r\n"), id="newlines as backslash r backslash n"),
        pytest.param(PEM.replace("\n", r"\\n"), id="newlines escaped twice"),
        pytest.param(json.dumps(PEM), id="a JSON string"),
        pytest.param(json.dumps(json.dumps(PEM)), id="a JSON string in a JSON string"),
        pytest.param(json.dumps({"certificate": PEM}), id="a member of JSON"),
        pytest.param(json.dumps([made.armoured(LEAF), made.armoured(CA)]), id="a JSON list"),
        pytest.param(json.dumps(PEM.splitlines(), indent=2), id="a JSON list of lines"),
        pytest.param(json.dumps(PEM).replace("/", r"\/").replace("+", r"\u002B"), id="JSON that escapes more"),
        pytest.param(f"'{PEM}'", id="in quotes"),
        pytest.param(PEM.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(PEM.replace("\n", "\r"), id="CR"),
        pytest.param(PEM.replace("\n", " "), id="folded by YAML"),
        pytest.param(PEM.replace("\n", "\n\n"), id="blank lines"),
        pytest.param(PEM.replace("\n", ""), id="no line breaks at all"),
        pytest.param(PEM.rstrip(), id="no line break at the end"),
        pytest.param(_indented(PEM, "    "), id="indented"),
        pytest.param(_indented(PEM, "> "), id="quoted in mail"),
        pytest.param("\ufeff" + PEM, id="byte order mark"),
        pytest.param(PEM.replace("\n", "<br>\n"), id="line breaks of HTML"),
        pytest.param(f"<pre>{PEM}</pre>", id="in HTML"),
        pytest.param(PEM.replace("\n", "&#10;").replace("+", "&#43;"), id="entities of HTML"),
        pytest.param(urllib.parse.quote(PEM), id="in a URL"),
        pytest.param(PEM.replace("-----\nM", "-----\nProc-Type: 4,MIC-CLEAR\nX-Note: a b\n\nM"), id="headers"),
        pytest.param(f"Bag Attributes\n    localKeyID: 01\nsubject=CN = www\n{PEM}# done\n", id="comments around"),
        pytest.param(made.armoured(LEAF) + "# the CA\n" + made.armoured(CA), id="comments between"),
        pytest.param(base64.b64encode(PEM.encode()).decode(), id="base64 of PEM"),
        pytest.param(base64.encodebytes(PEM.encode()).decode(), id="base64 of PEM in lines"),
        pytest.param(base64.b64encode(DER_P7).decode(), id="base64 of PKCS#7"),
        pytest.param(PEM, id="plain"),
    ],
)
def test_text_of_every_kind(text: str) -> None:
    for data in (text, text.encode(), text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-16-be")):
        assert parse_certificates(data) == BOTH


@pytest.mark.parametrize("bare", [BARE.rstrip("="), f'"{BARE}"', BARE.replace("M", "M\\n", 3), "\n" + BARE + "\u200b"])
def test_bare_base64_of_every_kind(bare: str) -> None:
    assert parse_certificates(bare) == [LEAF]


def test_what_openssl_writes_after_a_trusted_certificate(pki: Openssl) -> None:
    trusted = pki("x509", "-in", "ca.crt", "-trustout", "-addtrust", "serverAuth", "-setalias", "ours")
    assert b"BEGIN TRUSTED CERTIFICATE" in trusted
    assert parse_certificates(trusted + (pki.folder / "root.crt").read_bytes()) == [pki.der("ca"), pki.der("root")]


def test_pkcs7_in_every_encoding(pki: Openssl) -> None:
    assert parse_certificates(DER_P7) == BOTH
    assert parse_certificates(made.signed_data(*BOTH, content=made.tlv(0x24, made.tlv(4, b"signed")))) == BOTH
    in_der = pki("crl2pkcs7", "-nocrl", "-certfile", "leaf.crt", "-outform", "DER")
    assert parse_certificates(in_der) == [pki.der("leaf")]
    signed = ("-sign", "-signer", "leaf.crt", "-inkey", "leaf.key", "-nodetach", "-outform", "DER")
    for streamed in ((), ("-stream",)):
        signed_by_leaf = pki("cms", *signed, *streamed, "-certfile", "ca.crt", stdin=b"the answer of a CA")
        assert sorted(parse_certificates(signed_by_leaf)) == sorted([pki.der("leaf"), pki.der("ca")])


def test_pkcs7_to_upload_is_read_by_cryptography() -> None:
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(encode_upload(LEAF, [CA], "pkcs7")))
    assert sorted(certificate.public_bytes(Encoding.DER) for certificate in found) == sorted(BOTH)


def test_a_certificate_that_cannot_be_read_is_left_out_beside_others() -> None:
    unreadable = made.certificate(made.cn("odd"), made.cn("odd"), CA_KEY, CA_KEY, begins=made.tlv(0x17, b"yesterday"))
    found = parse_certificates(PEM + made.armoured(unreadable))
    assert found == [*BOTH, unreadable]
    assert order_chain(found, LEAF_KEY.csr(), made.NOW) == (LEAF, (CA,))
    (warning,) = chain_warnings(found, LEAF, [CA], made.NOW)
    assert f"a certificate that cannot be read ({thumbprint(unreadable)}: " in warning
    with pytest.raises(ConfigurationError, match="a certificate that cryptography cannot read"):
        parse_certificates(unreadable)


def _wrong(pki: Openssl) -> dict[str, tuple[bytes | str, str]]:
    pki("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.key")
    pki("genrsa", "-traditional", "-out", "rsa-old.key", "2048")
    pfx = ("-export", "-in", "leaf.crt", "-inkey", "leaf.key", "-passout", "pass:sesame")
    encrypted = ("-topk8", "-in", "leaf.key", "-passout", "pass:sesame")
    (pki.folder / "crl.cnf").write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=index\ndefault_md=sha256\n")
    (pki.folder / "index").write_text("")
    crl = ("-gencrl", "-config", "crl.cnf", "-cert", "ca.crt", "-keyfile", "ca.key", "-crldays", "1")
    crl_pem = pki("ca", *crl)
    enveloped = ("cms", "-encrypt", "-outform", "DER", "-aes256", "leaf.crt")
    page = "<html><head><title>Sign in</title></head></html>"
    return {
        "PKCS#12": (pki("pkcs12", *pfx), "a PKCS#12 file"),
        "PKCS#12 in base64": (base64.encodebytes(pki("pkcs12", *pfx)), "a PKCS#12 file"),
        "request": (pki.csr("leaf"), "a certificate request"),
        "request as PEM": ((pki.folder / "leaf.csr").read_bytes(), "PEM of: CERTIFICATE REQUEST"),
        "request without armour": (base64.b64encode(pki.csr("leaf")), "a certificate request"),
        "request called a certificate": (made.armoured(pki.csr("leaf")), "a certificate request"),
        "PKCS#8": (pki("pkey", "-in", "leaf.key", "-outform", "DER"), "a private key"),
        "key as PEM": ((pki.folder / "leaf.key").read_bytes(), "PEM of: PRIVATE KEY"),
        "key called a certificate": (made.armoured(pki("pkey", "-in", "leaf.key", "-outform", "DER")), "a private key"),
        "EC key": (pki("ec", "-in", "ec.key", "-outform", "DER"), "a private key"),
        "RSA key": (pki("rsa", "-in", "rsa-old.key", "-outform", "DER", "-traditional"), "a private key"),
        "encrypted key": (pki("pkcs8", *encrypted, "-outform", "DER"), "an encrypted private key"),
        "encrypted key as PEM": (pki("pkcs8", *encrypted), "PEM of: ENCRYPTED PRIVATE KEY"),
        "public key": (pki("pkey", "-in", "leaf.key", "-pubout", "-outform", "DER"), "a public key"),
        "Ed25519 key": (pki("genpkey", "-algorithm", "ed25519", "-outform", "DER"), "a private key"),
        "CRL": (pki("crl", "-outform", "DER", stdin=crl_pem), "a revocation list"),
        "CRL as PEM": (crl_pem, "PEM of: X509 CRL"),
        "OCSP": (bytes.fromhex("30030a0106"), "an OCSP response"),
        "enveloped": (pki(*enveloped, stdin=b"x"), "PKCS#7 that is encrypted"),
        "HTML": (page, "an HTML page"),
        "HTML after a comment": (f"<!-- x -->\n<!DOCTYPE html>\n{page}", "an HTML page"),
        "XML": ('<?xml version="1.0"?><error/>', "XML"),
        "JSON": ('{"error": "denied"}', "JSON"),
        "path": ("/etc/pki/www.pem", "the path of a file"),
        "path of Windows": ("C:\\certs\\www.cer", "the path of a file"),
        "vault": ("$ANSIBLE_VAULT;1.1;AES256\n62313", "a file that Ansible Vault encrypted"),
        "SSH": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@host", "an SSH public key"),
        "Java key store": (b"\xfe\xed\xfe\xed\0\0\0\2", "a Java key store"),
        "ZIP": (b"PK\x03\x04rest", "a ZIP archive"),
        "UTF-16": ("Access denied".encode("utf-16"), "text that begins 'Access denied'"),
        "cut off": (LEAF[:-9], "cut off: 9 of"),
        "cut off in base64": (base64.b64encode(LEAF[:-9]), "cut off: 9 of"),
        "too long": (LEAF + CA, "goes on after its end"),
        "nothing": ("", "nothing at all"),
    }


CASES = [
    "PKCS#12",
    "PKCS#12 in base64",
    "request",
    "request as PEM",
    "request without armour",
    "request called a certificate",
    "PKCS#8",
    "key as PEM",
    "key called a certificate",
    "EC key",
    "RSA key",
    "encrypted key",
    "encrypted key as PEM",
    "public key",
    "Ed25519 key",
    "CRL",
    "CRL as PEM",
    "OCSP",
    "enveloped",
    "HTML",
    "HTML after a comment",
    "XML",
    "JSON",
    "path",
    "path of Windows",
    "vault",
    "SSH",
    "Java key store",
    "ZIP",
    "UTF-16",
    "cut off",
    "cut off in base64",
    "too long",
    "nothing",
]


@pytest.fixture(scope="module")
def wrong(pki: Openssl) -> dict[str, tuple[bytes | str, str]]:
    return _wrong(pki)


def test_each_case_is_tried(wrong: dict[str, t.Any]) -> None:
    assert list(wrong) == CASES


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_certificate_is_named(wrong: dict[str, tuple[bytes | str, str]], case: str) -> None:
    data, words = wrong[case]
    with pytest.raises(ConfigurationError) as caught:
        parse_certificates(data)
    assert str(caught.value).startswith("no certificate found, but ")
    assert words in str(caught.value)
    raw = data if isinstance(data, bytes) else data.encode()
    quoted = base64.b64encode(raw).decode()
    assert not any(quoted[at : at + 16] in str(caught.value) for at in range(0, len(quoted), 16))
