# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA behind a program: real programs, among them ``openssl ca``."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import select
import shlex
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
    Revocation,
    Signed,
    SigningOrder,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.command import CommandSigner
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import (
    certificate_facts,
    check_certificate,
    csr_pem,
    parse_csr,
)

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.process

DN = DistinguishedName(
    (("c", "ES"), ("o", 'A/B + C, "D"'), ("ou", "One"), ("ou", "Two"), ("cn", "Jos\u00e9 P\u00e9rez"))
)
SINCE = dt.datetime(2026, 11, 23, tzinfo=dt.timezone.utc)
OPENSSL_CA = """\
[ca]
default_ca = partner
[partner]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
certificate = {folder}/root.crt
private_key = {folder}/root.key
default_days = 30
default_md = sha256
policy = anything
preserve = yes
unique_subject = no
x509_extensions = leaf
[anything]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
[leaf]
basicConstraints = critical,CA:FALSE
subjectAltName = $ENV::REDTRUST_SUBJECT_ALT_NAME
"""


@pytest.fixture
def order(pki: Openssl) -> SigningOrder:
    return SigningOrder(
        "5eed", "john doe", 3, pki.csr("leaf"), DN, SINCE, ("DNS:www.example.com", "email:j@example.com")
    )


def shell(script: str, *, timeout: float = 60.0) -> CommandSigner:
    """Return a signer that runs a few lines of shell."""
    return CommandSigner(["/bin/sh", "-c", script], timeout=timeout)


def test_openssl_ca(openssl: Openssl, vendor_csr: str, order: SigningOrder) -> None:
    openssl.root("root", "/CN=Partner CA")
    (openssl.folder / "index.txt").touch()
    (openssl.folder / "ca.cnf").write_text(OPENSSL_CA.format(folder=openssl.folder))
    configuration = shlex.quote(str(openssl.folder / "ca.cnf"))
    signer = shell(
        f'openssl ca -config {configuration} -batch -utf8 -in /dev/stdin -subj "$REDTRUST_SUBJECT" && '
        f"cat {shlex.quote(str(openssl.folder / 'root.crt'))}"
    )
    order = dataclasses.replace(order, csr=parse_csr(vendor_csr))
    signed = signer.sign(order)
    assert isinstance(signed, Signed)
    assert signed.chain == (openssl.der("root"),)
    facts = certificate_facts(signed.certificate)
    assert facts.subject == DN
    now = facts.not_valid_before
    check_certificate(signed.certificate, signed.chain, order.csr, DN, subject_match="equals", now=now)
    names = openssl.text("x509", "-inform", "DER", "-noout", "-ext", "subjectAltName", stdin=signed.certificate)
    assert names.endswith("DNS:www.example.com, email:j@example.com")


def test_the_chain_may_come_in_any_order_and_form(pki: Openssl, order: SigningOrder) -> None:
    (pki.folder / "all.pem").write_bytes(
        b"".join((pki.folder / f"{n}.crt").read_bytes() for n in ("root", "leaf", "ca"))
    )
    pki("crl2pkcs7", "-nocrl", "-certfile", "all.pem", "-outform", "DER", "-out", "all.p7b")
    for name in ("all.pem", "all.p7b"):
        signed = CommandSigner(["cat", str(pki.folder / name)]).sign(order)
        assert isinstance(signed, Signed)
        assert (signed.certificate, signed.chain) == (pki.der("leaf"), (pki.der("ca"), pki.der("root")))


def test_what_is_not_on_the_path_is_left_out_and_named(pki: Openssl, order: SigningOrder) -> None:
    folder = shlex.quote(str(pki.folder))
    signed = shell(f"cd {folder} && cat other.crt leaf.crt ca.crt").sign(order)
    assert isinstance(signed, Signed)
    assert (signed.certificate, signed.chain) == (pki.der("leaf"), (pki.der("ca"),))
    (warning,) = signed.warnings
    assert certificate_facts(pki.der("other")).thumbprint in warning


def _handed_over(order: SigningOrder, folder: Path) -> tuple[dict[str, str], str]:
    """Return the environment and the standard input that a program received."""
    probe = (
        "import json, os, sys; json.dump([dict(os.environ), sys.stdin.read()], open(sys.argv[1], 'w')); sys.exit(75)"
    )
    told = folder / "told.json"
    assert CommandSigner([sys.executable, "-c", probe, str(told)]).sign(order) == NotYet()
    environment, stdin = json.loads(told.read_text())
    return environment, stdin


def test_what_the_program_is_told(order: SigningOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDTRUST_PASSWORD", "canary")
    monkeypatch.setenv("REDTRUST_NAME", "canary")
    monkeypatch.setenv("PARTNER_SETTING", "kept")
    environment, stdin = _handed_over(order, tmp_path)
    assert stdin == csr_pem(order.csr)
    assert environment["PARTNER_SETTING"] == "kept"
    assert {name: value for name, value in environment.items() if name.startswith("REDTRUST_")} == {
        "REDTRUST_DN": r"CN=José Pérez,OU=Two,OU=One,O=A/B \+ C\, \"D\",C=ES",
        "REDTRUST_DN_JSON": json.dumps(DN.to_json()),
        "REDTRUST_NAME": "john doe",
        "REDTRUST_REQUEST_ID": "5eed",
        "REDTRUST_REVISION": "3",
        "REDTRUST_SUBJECT": r"/C=ES/O=A\/B \+ C, " + '"D"' + "/OU=One/OU=Two/CN=José Pérez",
        "REDTRUST_SUBJECT_ALT_NAME": "DNS:www.example.com,email:j@example.com",
    }


def test_arguments_are_not_for_a_shell(order: SigningOrder, tmp_path: Path) -> None:
    target = tmp_path / "told"
    probe = "import sys; open(sys.argv[1], 'w').write(sys.argv[2]); sys.exit(75)"
    assert CommandSigner([sys.executable, "-c", probe, str(target), "$(id) *"]).sign(order) == NotYet()
    assert target.read_text() == "$(id) *"


@pytest.mark.parametrize(
    "changes",
    [
        {"dn": DistinguishedName((("cn", "a\0b"),))},
        {"dn": DistinguishedName((("cn", "\ud800"),))},
        {"dn": DistinguishedName((("cn=x/o", "y"),))},
        {"subject_alt_name": ("DNS:a,DNS:b",)},
        {"subject_alt_name": ("DNS:a\nx",)},
    ],
)
def test_what_cannot_be_told_is_refused(order: SigningOrder, changes: dict[str, t.Any]) -> None:
    with pytest.raises(ConfigurationError):
        CommandSigner(["true"]).sign(dataclasses.replace(order, **changes))


def test_not_yet(order: SigningOrder) -> None:
    assert shell("echo waiting for Ann >&2; exit 75").sign(order) == NotYet("waiting for Ann")


def test_an_order_number_is_kept_and_given_back(order: SigningOrder, tmp_path: Path) -> None:
    kept: list[str] = []
    order = dataclasses.replace(order, keep_order_number=kept.append)
    assert shell("echo order/17; exit 75").sign(order) == NotYet()
    assert kept == ["order/17"]
    variables, _csr = _handed_over(dataclasses.replace(order, order_number="order/17"), tmp_path)
    assert variables["REDTRUST_ORDER_NUMBER"] == "order/17"
    assert kept == ["order/17"]


@pytest.mark.parametrize("printed", ["two\nlines", "\033[31mred", "x" * 1001])
def test_what_is_no_order_number_is_refused(order: SigningOrder, printed: str) -> None:
    kept: list[str] = []
    order = dataclasses.replace(order, keep_order_number=kept.append)
    with pytest.raises(SignerError, match="printed something that is no order number: it must be one line"):
        shell(f"printf %b {shlex.quote(printed)}; exit 75").sign(order)
    assert not kept


def test_never(order: SigningOrder) -> None:
    with pytest.raises(SignerRejectedError, match=r"refused the request: this person has left$"):
        shell("echo this person has left >&2; exit 77").sign(order)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo one >&2; echo >&2; printf 'two\\033[31m\\n' >&2; exit 3", r"exit status 3: one \| two\?\[31m$"),
        ("seq 1 9 >&2; exit 1", r"exit status 1: 5 \| 6 \| 7 \| 8 \| 9$"),
        ("exit 1", "exit status 1: it said nothing"),
        ("kill -9 $$", "ended with signal 9"),
        ("true", "did not print the certificate and its chain: no certificate found, but nothing at all"),
        ("cat", "but PEM of: CERTIFICATE REQUEST"),
    ],
)
def test_what_went_wrong_is_told(order: SigningOrder, script: str, message: str) -> None:
    with pytest.raises(SignerError, match=message) as caught:
        shell(script).sign(order)
    assert not isinstance(caught.value, SignerRejectedError)


def test_a_certificate_for_another_request_is_an_error(pki: Openssl, order: SigningOrder) -> None:
    with pytest.raises(SignerError, match=r"none of the certificates have the key.*\[cn=other\]"):
        CommandSigner(["cat", str(pki.folder / "other.crt")]).sign(order)


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_program_that_prints_without_end_is_stopped(order: SigningOrder, stream: str) -> None:
    with pytest.raises(SignerError, match="more than 1048576 bytes"):
        shell(f"yes >&{stream}").sign(order)


def test_a_program_that_prints_much_before_it_reads_much_is_no_deadlock(openssl: Openssl, order: SigningOrder) -> None:
    openssl.request("big", "/CN=x", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}.example" for n in range(6000)))
    big = dataclasses.replace(order, csr=openssl.csr("big"))
    told = shlex.quote(str(openssl.folder / "told"))
    with pytest.raises(SignerError, match="but text that begins 'much to say"):
        shell(f"yes much to say | head -c 1000000; cat >{told}", timeout=20).sign(big)
    assert (openssl.folder / "told").read_text() == csr_pem(big.csr)
    assert len(csr_pem(big.csr)) > 65536


def test_at_its_time_limit_the_program_is_killed_with_its_children(order: SigningOrder, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(SignerError, match=r"did not finish within 0\.5 seconds and was killed"):
            shell(f"sleep 600 >{shlex.quote(str(fifo))} & wait", timeout=0.5).sign(order)
        assert _at_its_end(reader)
    finally:
        os.close(reader)


def _at_its_end(reader: int) -> bool:
    """Tell whether a FIFO has no writer any more, after the kernel has ended the killed processes."""
    try:
        return os.read(reader, 1) == b""
    except BlockingIOError:
        poll = select.poll()
        poll.register(reader, select.POLLHUP)
        return bool(poll.poll(30_000))


def test_a_child_that_keeps_the_output_open_does_not_outwait_the_limit(order: SigningOrder) -> None:
    with pytest.raises(SignerError, match="did not finish within"):
        shell("sleep 600 & exit 0", timeout=0.3).sign(order)


def test_its_arguments_are_the_identity_of_a_ca() -> None:
    identity = CommandSigner(["sh", "-c", "a secret"]).identity()
    assert identity == CommandSigner(["sh", "-c", "a secret"], timeout=5.0).identity()
    assert identity != CommandSigner(["sh", "-c", "another secret"]).identity()
    assert identity != CommandSigner(["sh", "-ca secret"]).identity()
    assert "secret" not in identity
    assert len(identity) == 64


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    for argv, message in (
        ([str(tmp_path / "absent")], r"absent, is not there"),
        ([str(plain)], r"plain, is not an executable file"),
        (["no-such-program-here"], "no-such-program-here, is not on PATH"),
        ([], "is empty"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            CommandSigner(argv)


def test_a_program_that_cannot_be_started(order: SigningOrder, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    signer = CommandSigner([str(script)])
    with pytest.raises(SignerError, match="script cannot be started: No such file"):
        signer.sign(order)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_time_limit_that_is_none(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        CommandSigner(["true"], timeout=timeout)


class TestRevoke:
    @pytest.fixture
    def revocation(self, pki: Openssl) -> Revocation:
        return Revocation("john doe", 3, pki.der("leaf"), (pki.der("ca"),), "keyCompromise", "4711")

    def revoker(self, script: str, timeout: float = 60.0) -> CommandSigner:
        return CommandSigner(["false"], timeout=timeout, revoke_argv=["/bin/sh", "-c", script])

    def test_what_the_program_gets(
        self, pki: Openssl, revocation: Revocation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("REDTRUST_PASSWORD", "canary")
        target = shlex.quote(str(tmp_path))
        self.revoker(f"cat > {target}/pem; env | grep ^REDTRUST_ | sort > {target}/env").revoke(revocation)
        serial = f"{certificate_facts(revocation.certificate).serial_number:X}"
        assert (tmp_path / "env").read_text().splitlines() == [
            "REDTRUST_NAME=john doe",
            "REDTRUST_ORDER_NUMBER=4711",
            "REDTRUST_REASON=keyCompromise",
            "REDTRUST_REVISION=3",
            f"REDTRUST_SERIAL={serial}",
        ]
        assert (tmp_path / "pem").read_text() == "".join(
            (pki.folder / f"{name}.crt").read_text() for name in ("leaf", "ca")
        )

    def test_its_exit_status(self, revocation: Revocation) -> None:
        self.revoker("exit 0").revoke(revocation)
        with pytest.raises(SignerRejectedError, match="the CA refused to revoke it: who is that"):
            self.revoker("echo who is that >&2; exit 77").revoke(revocation)
        with pytest.raises(SignerError, match="/bin/sh ended with exit status 3: no route") as caught:
            self.revoker("echo no route >&2; exit 3").revoke(revocation)
        assert caught.value.__class__ is SignerError
        with pytest.raises(SignerError, match=r"did not finish within 0\.5 seconds"):
            self.revoker("sleep 60", 0.5).revoke(revocation)

    def test_without_a_program(self, revocation: Revocation) -> None:
        with pytest.raises(ConfigurationError, match=r"command\.revoke_argv is not set"):
            CommandSigner(["false"]).revoke(revocation)

    def test_a_program_that_is_not_there(self) -> None:
        with pytest.raises(ConfigurationError, match="the command that revokes, no-such-program-here, is not on PATH"):
            CommandSigner(["false"], revoke_argv=["no-such-program-here"])
        with pytest.raises(ConfigurationError, match="the command that revokes is empty"):
            CommandSigner(["false"], revoke_argv=[])
