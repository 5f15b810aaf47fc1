# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA on disk; the openssl program reads its certificates."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime as dt
import functools
import re
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import Signed, SigningOrder
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.local_ca import LocalCa
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.profile import Profile
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    certificate_facts,
    certificate_pem,
    check_certificate,
    parse_csr,
    thumbprint,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509 import made

if t.TYPE_CHECKING:
    from ..conftest import Openssl

Files = dict[str, str]
DN = DistinguishedName((("cn", "john doe"), ("o", "Redtrust"), ("c", "Brasil"), ("ou", "One"), ("ou", "Two")))


@dataclasses.dataclass(frozen=True)
class Ca:
    """A CA that openssl made, as files; ``now`` is one minute after the start of its certificate."""

    openssl: Openssl
    name: str = "ca"

    @functools.cached_property
    def now(self) -> dt.datetime:
        return certificate_facts(self.openssl.der(self.name)).not_valid_before + dt.timedelta(minutes=1)

    def path(self, name: str) -> str:
        return str(self.openssl.folder / name)

    def signer(self, profile: Profile | None = None, changes: Files | None = None) -> LocalCa:
        files = {"certificate_path": f"{self.name}.crt", "private_key_path": f"{self.name}.key", **(changes or {})}
        paths = {name: self.path(value) for name, value in files.items() if name.endswith("_path")}
        return LocalCa(
            certificate_path=paths["certificate_path"],
            private_key_path=paths["private_key_path"],
            chain_path=paths.get("chain_path"),
            passphrase=files.get("passphrase"),
            now=self.now,
            profile=profile,
        )

    def order(self, csr: bytes, **changes: t.Any) -> SigningOrder:
        order = SigningOrder("5eed", "john", 1, csr, DN, since=self.now)
        return dataclasses.replace(order, **changes)

    def certificate(self, signer: LocalCa, order: SigningOrder) -> bytes:
        signed = signer.sign(order)
        assert isinstance(signed, Signed)
        return signed.certificate


@pytest.fixture(scope="session")
def ca(pki: Openssl) -> Ca:
    """The CA of the PKI, and more files around it."""
    pki("pkcs8", "-topk8", "-in", "ca.key", "-passout", "pass:sesame", "-out", "ca.enc.key")
    pki("pkcs8", "-topk8", "-in", "ca.key", "-passout", "pass:sesame", "-outform", "DER", "-out", "ca.enc.der")
    pki("pkey", "-in", "ca.key", "-outform", "DER", "-out", "ca.key.der")
    pki("x509", "-in", "ca.crt", "-outform", "DER", "-out", "ca.der")
    (pki.folder / "bundle.crt").write_bytes(
        b"".join((pki.folder / f"{name}.crt").read_bytes() for name in ("root", "ca"))
    )
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    pki.request("rsa", "/CN=RSA CA", key="rsa:2048")
    pki("req", "-x509", "-key", "rsa.key", "-subj", "/CN=RSA CA", "-days", "3650", "-out", "rsa.crt", *usage)
    pki.request("ed", "/CN=Ed CA", key="ed25519")
    pki("req", "-x509", "-key", "ed.key", "-subj", "/CN=Ed CA", "-days", "3650", "-out", "ed.crt", *usage)
    return Ca(pki)


@pytest.fixture
def csr(pki: Openssl) -> bytes:
    return pki.csr("leaf")


@pytest.mark.parametrize("name", ["ca", "rsa", "ed"])
def test_what_it_signs_passes_openssl_and_the_gate(ca: Ca, csr: bytes, name: str) -> None:
    ca = Ca(ca.openssl, name)
    order = ca.order(csr)
    signed = ca.signer().sign(order)
    assert isinstance(signed, Signed)
    assert signed.chain == (ca.openssl.der(name),)
    (ca.openssl.folder / f"by-{name}.crt").write_text(certificate_pem(signed.certificate))
    moment = str(int(ca.now.timestamp()))
    above = ("-untrusted", "ca.crt") if name == "ca" else ("-trusted", f"{name}.crt")
    ca.openssl("verify", "-x509_strict", "-attime", moment, "-trusted", "root.crt", *above, f"by-{name}.crt")
    check_certificate(signed.certificate, signed.chain, csr, DN, subject_match="equals", now=ca.now)


def test_the_subject_is_what_was_asked_for_not_what_the_csr_says(ca: Ca, vendor_csr: str) -> None:
    certificate = ca.certificate(ca.signer(), ca.order(parse_csr(vendor_csr)))
    assert certificate_facts(certificate).subject == DN


def test_standard_extensions(ca: Ca, csr: bytes) -> None:
    text = ca.openssl.text(
        "x509", "-noout", "-text", stdin=certificate_pem(ca.certificate(ca.signer(), ca.order(csr))).encode()
    )
    assert re.search(r"Basic Constraints: critical\n\s+CA:FALSE\n", text)
    assert re.search(r"Key Usage: critical\n\s+Digital Signature, Non Repudiation\n", text)
    issuer = ca.openssl.text("x509", "-in", "ca.crt", "-noout", "-ext", "subjectKeyIdentifier").split()[-1]
    assert re.search(rf"Authority Key Identifier: \n\s+(keyid:)?{issuer}\n", text)
    assert "Subject Key Identifier: \n" in text
    assert "Signature Algorithm: ecdsa-with-SHA256" in text
    for absent in ("Extended Key Usage", "Alternative Name", "CRL Distribution", "Authority Information"):
        assert absent not in text


def test_every_option_of_the_profile(ca: Ca, csr: bytes) -> None:
    profile = Profile.from_options(
        {
            "validity": "2d",
            "backdate": "30s",
            "key_usage": ["Digital Signature", "keyEncipherment", "keyAgreement", "encipherOnly"],
            "key_usage_critical": False,
            "extended_key_usage": ["serverAuth", "TLS Web Client Authentication", "1.2.3.4"],
            "crl_distribution_points": ["http://crl.example.com/a.crl", "ldap://crl.example.com/b"],
            "ocsp_servers": ["http://ocsp.example.com"],
            "ca_issuers": ["http://ca.example.com/ca.crt"],
            "digest": "sha512",
            "workers": 8,
        }
    )
    names = (
        "DNS:www.example.com",
        "IP:192.0.2.1",
        "IP:2001:db8::1",
        "email:a@example.com",
        "URI:https://example.com/x",
    )
    certificate = ca.certificate(ca.signer(profile), ca.order(csr, subject_alt_name=names))
    text = re.sub(r"\s+", " ", ca.openssl.text("x509", "-noout", "-text", stdin=certificate_pem(certificate).encode()))
    assert "Key Usage: Digital Signature, Key Encipherment, Key Agreement, Encipher Only" in text
    assert "TLS Web Server Authentication, TLS Web Client Authentication, 1.2.3.4" in text
    assert (
        "DNS:www.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:a@example.com, "
        "URI:https://example.com/x"
    ) in text
    assert re.findall(r"URI:((?:http|ldap)://crl\S+)", text) == list(profile.crl_distribution_points)
    assert "OCSP - URI:http://ocsp.example.com" in text
    assert "CA Issuers - URI:http://ca.example.com/ca.crt" in text
    assert "ecdsa-with-SHA512" in text
    facts = certificate_facts(certificate)
    assert facts.not_valid_before == ca.now - dt.timedelta(seconds=30)
    assert facts.not_valid_after == ca.now + dt.timedelta(days=2)


def test_validity_begins_no_earlier_than_the_ca(ca: Ca, csr: bytes) -> None:
    facts = certificate_facts(ca.certificate(ca.signer(Profile(backdate=dt.timedelta(days=1))), ca.order(csr)))
    assert facts.not_valid_before == certificate_facts(ca.openssl.der("ca")).not_valid_before


def test_a_certificate_that_would_outlive_its_ca_is_refused(ca: Ca, csr: bytes) -> None:
    ends = certificate_facts(ca.openssl.der("ca")).not_valid_after
    until_the_end = ca.signer(Profile(validity=ends - ca.now))
    assert certificate_facts(ca.certificate(until_the_end, ca.order(csr))).not_valid_after == ends
    with pytest.raises(SignerError, match="the CA itself ends at") as caught:
        ca.signer(Profile(validity=ends - ca.now + dt.timedelta(seconds=1))).sign(ca.order(csr))
    assert not isinstance(caught.value, SignerRejectedError)
    assert f"{ends:%Y-%m-%dT%H:%M:%SZ}" in str(caught.value)


def test_what_would_outlive_its_ca_is_known_before_there_is_an_order(ca: Ca) -> None:
    ends = certificate_facts(ca.openssl.der("ca")).not_valid_after
    ca.signer(Profile(validity=ends - ca.now)).check(ca.now)
    with pytest.raises(ConfigurationError, match="the CA itself ends at"):
        ca.signer(Profile(validity=ends - ca.now + dt.timedelta(seconds=1))).check(ca.now)


@pytest.mark.parametrize("name", ["rsa", "ed"])
def test_the_same_order_gives_the_same_certificate(ca: Ca, csr: bytes, name: str) -> None:
    ca = Ca(ca.openssl, name)
    order = ca.order(csr)
    assert ca.certificate(ca.signer(), order) == ca.certificate(ca.signer(), order)


def test_the_same_order_gives_the_same_serial_number_from_an_ecdsa_key(ca: Ca, csr: bytes) -> None:
    first, second = (certificate_facts(ca.certificate(ca.signer(), ca.order(csr))) for _number in range(2))
    assert dataclasses.replace(first, thumbprint="") == dataclasses.replace(second, thumbprint="")


def test_whatever_differs_the_serial_number_differs(ca: Ca, csr: bytes, vendor_csr: str) -> None:
    orders = [
        ca.order(csr),
        ca.order(csr, request_id="5eee"),
        ca.order(csr, dn=DistinguishedName((("cn", "x"),))),
        ca.order(csr, since=ca.now + dt.timedelta(seconds=1)),
        ca.order(csr, subject_alt_name=("DNS:a.example",)),
        ca.order(parse_csr(vendor_csr)),
    ]
    certificates = [ca.certificate(ca.signer(), order) for order in orders]
    certificates.append(ca.certificate(ca.signer(Profile(digest="sha384")), orders[0]))
    certificates.append(ca.certificate(Ca(ca.openssl, "rsa").signer(), orders[0]))
    numbers = {certificate_facts(certificate).serial_number for certificate in certificates}
    assert len(numbers) == len(certificates)
    assert all(2**64 < number < 2**159 for number in numbers)


def test_its_key_is_the_identity_of_a_ca(ca: Ca) -> None:
    """Jobs that name its files in different ways share its rate."""
    other = {"certificate_path": "ca.der", "private_key_path": "ca.key.der", "chain_path": "bundle.crt"}
    identity = ca.signer().identity()
    assert identity == ca.signer(changes=other).identity() == ca.signer(Profile(digest="sha512")).identity()
    assert len(identity) == 64
    assert dataclasses.replace(ca, name="rsa").signer().identity() != identity


def test_a_csr_without_proof_of_possession_is_rejected(ca: Ca, csr: bytes) -> None:
    with pytest.raises(SignerRejectedError, match="not signed by its own key"):
        ca.signer().sign(ca.order(csr[:-1] + bytes([csr[-1] ^ 1])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dn": DistinguishedName((("proident", "x"),))}, "proident"),
        ({"subject_alt_name": ("www.example.com",)}, "www.example.com"),
        ({"subject_alt_name": ("DNS:",)}, "DNS:"),
        ({"subject_alt_name": ("DNS:m\u00fcller.example",)}, "xn--"),
        ({"subject_alt_name": ("IP:300.0.0.1",)}, "IP:300"),
    ],
)
def test_orders_that_fit_no_certificate(ca: Ca, csr: bytes, changes: dict[str, t.Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ca.signer().sign(ca.order(csr, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate_path": "ca.der", "private_key_path": "ca.key.der"},
        {"private_key_path": "ca.enc.key", "passphrase": "sesame"},
        {"private_key_path": "ca.enc.der", "passphrase": "sesame"},
    ],
)
def test_files_in_every_form(ca: Ca, csr: bytes, changes: Files) -> None:
    signed = ca.signer(changes=changes).sign(ca.order(csr))
    assert isinstance(signed, Signed)
    assert signed.chain == (ca.openssl.der("ca"),)


@pytest.mark.parametrize(
    "changes", [{"certificate_path": "bundle.crt"}, {"chain_path": "root.crt"}, {"chain_path": "bundle.crt"}]
)
def test_the_chain_is_what_the_files_hold(ca: Ca, csr: bytes, changes: Files) -> None:
    signed = ca.signer(changes=changes).sign(ca.order(csr))
    assert isinstance(signed, Signed)
    assert signed.chain == (ca.openssl.der("ca"), ca.openssl.der("root"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"certificate_path": "absent.crt"}, r"absent\.crt cannot be read: No such file"),
        ({"private_key_path": "absent.key"}, r"absent\.key cannot be read: No such file"),
        ({"certificate_path": "ca.key"}, r"ca\.key: no certificate found, but PEM of: PRIVATE KEY"),
        ({"private_key_path": "ca.crt"}, r"ca\.crt holds no private key"),
        ({"private_key_path": "ca.der"}, r"ca\.der holds no private key"),
        ({"private_key_path": "ca.enc.key"}, r"ca\.enc\.key is encrypted: give its passphrase"),
        ({"private_key_path": "ca.enc.key", "passphrase": "abracadabra"}, "the passphrase is wrong"),
        ({"passphrase": "sesame"}, r"ca\.key is not encrypted, but a passphrase is given"),
        ({"private_key_path": "root.key"}, r"no certificate in .*ca\.crt has the key in .*root\.key"),
        ({"certificate_path": "leaf.crt", "private_key_path": "leaf.key"}, r"leaf\.crt cannot be used.*CA:TRUE"),
    ],
)
def test_what_is_wrong_with_the_files_is_told(ca: Ca, changes: Files, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        ca.signer(changes=changes)
    assert "sesame" not in repr(caught.value)
    assert "abracadabra" not in repr(caught.value)


def test_a_ca_that_may_not_sign_certificates(openssl: Openssl) -> None:
    openssl.root("ca", "/CN=CA", "-addext", "keyUsage=cRLSign")
    with pytest.raises(ConfigurationError, match="keyCertSign"):
        Ca(openssl).signer()


def test_an_expired_ca(ca: Ca) -> None:
    late = certificate_facts(ca.openssl.der("ca")).not_valid_after + dt.timedelta(seconds=1)
    with pytest.raises(ConfigurationError, match=r"ca\.crt cannot be used: .*expired at"):
        LocalCa(certificate_path=ca.path("ca.crt"), private_key_path=ca.path("ca.key"), now=late)


def test_a_dsa_key_is_refused(openssl: Openssl) -> None:
    openssl("dsaparam", "-genkey", "-noout", "-out", "ca.key", "1024")
    openssl("req", "-x509", "-key", "ca.key", "-subj", "/CN=CA", "-out", "ca.crt")
    with pytest.raises(ConfigurationError, match=r"ca\.key is not of the kind"):
        Ca(openssl).signer()


def test_threads_share_one_signer(ca: Ca, csr: bytes) -> None:
    signer = Ca(ca.openssl, "rsa").signer()
    orders = [ca.order(csr, request_id=f"{number:x}", since=ca.now + dt.timedelta(minutes=1)) for number in range(64)]
    alone = [ca.certificate(signer, order) for order in orders]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda order: ca.certificate(signer, order), orders)) == alone


class TestFilesOfCas:
    """More than one path, and names that no library encodes again; built byte by byte."""

    KEY, ROOT_KEY, OTHER_KEY, HOLDER = made.Key(), made.Key(), made.Key(), made.Key()
    # the attributes of an RDN are a set, and DER sorts them in this order
    NAME = made.name(
        (made.attribute(b"\0\1", made.BIT_STRING, made.UNIQUE_IDENTIFIER), made.attribute(b"M\xfcller", made.T61)),
        made.attribute(b"odd", 27, made.ORGANIZATION),
    )
    ROOT = made.certificate(made.cn("Root"), made.cn("Root"), ROOT_KEY, ROOT_KEY, ca=True)
    CA = made.certificate(NAME, made.cn("Root"), KEY, ROOT_KEY, ca=True)

    def signer(self, folder: Path, *certificates: bytes, chain: tuple[bytes, ...] = ()) -> LocalCa:
        paths = {name: folder / name for name in ("ca.crt", "ca.key", "chain.crt")}
        paths["ca.crt"].write_text("".join(map(made.armoured, certificates)))
        paths["chain.crt"].write_text("".join(map(made.armoured, chain)))
        paths["ca.key"].write_bytes(self.KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return LocalCa(
            certificate_path=str(paths["ca.crt"]),
            private_key_path=str(paths["ca.key"]),
            chain_path=str(paths["chain.crt"]) if chain else None,
            now=made.NOW,
            profile=Profile(validity=dt.timedelta(days=30)),
        )

    def signed(self, signer: LocalCa) -> tuple[bytes, tuple[bytes, ...]]:
        csr = self.HOLDER.csr()
        signed = signer.sign(SigningOrder("5eed", "john", 1, csr, DN, since=made.NOW))
        assert isinstance(signed, Signed)
        check_certificate(signed.certificate, signed.chain, csr, DN, subject_match="equals", now=made.NOW)
        return signed.certificate, signed.chain

    def test_its_name_is_the_issuer_byte_for_byte(self, tmp_path: Path) -> None:
        signer = self.signer(tmp_path, self.CA, self.ROOT)
        certificate, chain = self.signed(signer)
        assert chain == (self.CA, self.ROOT)
        assert certificate.count(self.NAME) == 1
        assert signer.warnings == ()

    def test_what_is_not_on_the_path_is_left_out_and_named(self, tmp_path: Path) -> None:
        crossed = made.certificate(self.NAME, made.cn("Other"), self.KEY, self.OTHER_KEY, ca=True, begins=made.days(-9))
        expired = made.certificate(
            made.cn("Root"), made.cn("Root"), self.ROOT_KEY, self.ROOT_KEY, ca=True, ends=made.days(-0.5)
        )
        unrelated = made.certificate(made.cn("Other"), made.cn("Other"), self.OTHER_KEY, self.OTHER_KEY, ca=True)
        signer = self.signer(tmp_path, crossed, self.CA, chain=(unrelated, expired))
        assert self.signed(signer)[1] == (self.CA,)
        (warning,) = signer.warnings
        assert warning.startswith(f"the CA in {tmp_path / 'ca.crt'}: left out")
        for der in (crossed, expired, unrelated):
            assert thumbprint(der) in warning

    def test_of_its_certificates_it_takes_the_newest_that_is_valid(self, tmp_path: Path) -> None:
        old, new, next_one = (
            made.certificate(self.NAME, made.cn("Root"), self.KEY, self.ROOT_KEY, ca=True, begins=begins, ends=ends)
            for begins, ends in (
                (made.days(-900), made.days(-1)),
                (made.days(-9), made.days(900)),
                (made.days(1), made.days(1800)),
            )
        )
        assert self.signed(self.signer(tmp_path, old, next_one, new, self.ROOT))[1] == (new, self.ROOT)

    def test_an_expired_ca_above_it_is_told(self, tmp_path: Path) -> None:
        middle = made.certificate(
            made.cn("Root"), made.cn("Top"), self.ROOT_KEY, self.OTHER_KEY, ca=True, ends=made.days(-0.5)
        )
        top = made.certificate(made.cn("Top"), made.cn("Top"), self.OTHER_KEY, self.OTHER_KEY, ca=True)
        with pytest.raises(ConfigurationError, match=r"cannot be used: \[cn=Root\].*expired at.*renewed certificate"):
            self.signer(tmp_path, self.CA, middle, top)

    @pytest.mark.parametrize("kind", ["2.5.29.15", "2.5.29.19"])
    def test_extensions_that_cannot_be_read_are_told(self, tmp_path: Path, kind: str) -> None:
        rubbish = made.extension(kind, b"\xff\xff")
        ca = made.certificate(
            self.NAME, made.cn("Root"), self.KEY, self.ROOT_KEY, ca=kind != "2.5.29.19", extensions=[rubbish]
        )
        with pytest.raises(ConfigurationError, match=r"cannot be used: .* cannot be read"):
            self.signer(tmp_path, ca)
