# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that speaks ACME, in memory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import ipaddress
import json
import os
import sys
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    AnswerLostError,
    ConfigurationError,
    NotSentError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers import acme
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.acme_account import (
    Account,
    make_key,
    read_key,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.acme_names import identifiers
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.acme_proof import Prover
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.acme_renewal import (
    certificate_id,
    why_due,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.acme_signer import AcmeSigner
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    NotYet,
    Revocation,
    Signed,
    SigningOrder,
)

from .acme_ca import BASE, PREFIX, AcmeCa, csr_for, problem

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.process
needs_acme = pytest.mark.skipif(importlib.util.find_spec("acme") is None, reason="the library acme is not here")
WWW = x509.DNSName("www.example.com")
NOW = dt.datetime.now(tz=dt.timezone.utc)
HOOK = "import json, os, sys; print(json.dumps(dict(os.environ)), file=open(sys.argv[1], 'a'))"
# The certificate of RFC 9773, appendix A.
EXAMPLE_ID = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@dataclasses.dataclass
class Desk:
    """A signer, its CA, and the number that the store keeps. The clock goes on when somebody sleeps."""

    folder: Path
    ca: AcmeCa = dataclasses.field(default_factory=AcmeCa)
    csr: bytes = dataclasses.field(default_factory=lambda: csr_for("www.example.com", WWW))
    number: str | None = None
    time: float = 1000.0

    @property
    def key(self) -> Path:
        return self.folder / "account.pem"

    def signer(self, challenge: str = "http-01", hook: str = HOOK, **options: t.Any) -> AcmeSigner:
        """Return the signer of another run."""
        argv = [sys.executable, "-S", "-c", hook, str(self.folder / "told")]
        own: dict[str, t.Any] = {"account": Account(), "prover": Prover(challenge, argv, 30.0), "connect": self.connect}
        return AcmeSigner(
            f"{BASE}/directory", self.key, clock=lambda: self.time, sleep=self._sleep, **{**own, **options}
        )

    def sign(self, signer: AcmeSigner | None = None, **changes: t.Any) -> Signed | NotYet:
        order = SigningOrder(
            "5eed" * 16,
            "www",
            2,
            self.csr,
            DistinguishedName((("cn", "www.example.com"),)),
            NOW,
            again=self.number is not None,
            order_number=self.number,
            keep_order_number=self._keep,
        )
        return (signer or self.signer()).sign(dataclasses.replace(order, **changes))

    def told(self) -> list[dict[str, str]]:
        """Return what the hook was told, run by run."""
        lines = (self.folder / "told").read_text(encoding="utf-8").splitlines()
        own = [json.loads(line) for line in lines]
        return [{name[14:]: text for name, text in one.items() if name.startswith("REDTRUST_")} for one in own]

    def connect(self, _secrets: object, _connections: int) -> AcmeCa:
        """Return the CA."""
        return self.ca

    def _keep(self, number: str) -> None:
        self.number = number

    def _sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@needs_acme
def test_a_certificate_with_its_chain(desk: Desk) -> None:
    signed = desk.sign()
    assert isinstance(signed, Signed)
    assert (
        x509.load_der_x509_certificate(signed.certificate).public_key() == x509.load_der_x509_csr(desk.csr).public_key()
    )
    assert signed.chain == (desk.ca.root.public_bytes(Encoding.DER),)
    assert desk.number == f"{BASE}/order/1"
    assert not signed.warnings


@needs_acme
def test_the_hook_publishes_and_removes_the_proof(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDTRUST_ACME_EAB_HMAC_KEY", "canary")
    desk.sign()
    present, cleanup = desk.told()
    assert set(present) == {"ACTION", "DOMAIN", "TYPE", "CONTENT", "PATH"}
    assert (present["ACTION"], present["DOMAIN"], present["TYPE"]) == ("present", "www.example.com", "http-01")
    assert present["PATH"] == "/.well-known/acme-challenge/" + "A" * 22
    assert present["CONTENT"].startswith("A" * 22 + ".")
    assert cleanup == {**present, "ACTION": "cleanup"}


@needs_acme
def test_the_hook_publishes_a_dns_record(desk: Desk) -> None:
    desk.sign(desk.signer("dns-01"))
    present, _cleanup = desk.told()
    assert present["RECORD"] == "_acme-challenge.www.example.com"
    assert len(present["CONTENT"]) == 43


@needs_acme
def test_names_that_are_authorised_in_advance_need_no_hook(desk: Desk) -> None:
    for number in ("1", "2"):
        desk.ca.planned["/order"].append(_ready(desk.ca, number))
        desk.number = None
        assert isinstance(desk.sign(desk.signer("none")), Signed)
    assert not (desk.folder / "told").exists()


def _ready(ca: AcmeCa, number: str) -> t.Any:
    """Have the CA know the names already."""
    status, content, headers = ca._order("", {"identifiers": [{"type": "dns", "value": "www.example.com"}]})
    assert headers["location"] == f"{BASE}/order/{number}"
    ca.authorise(number)
    return status, content, headers


@needs_acme
def test_names_that_are_not_authorised_in_advance(desk: Desk) -> None:
    with pytest.raises(SignerError, match=r"not authorised www\.example\.com in advance.*offers dns-01, http-01\)$"):
        desk.sign(desk.signer("none"))


@needs_acme
def test_a_challenge_that_the_ca_does_not_offer(desk: Desk) -> None:
    desk.ca.proofs = ("tls-alpn-01",)
    with pytest.raises(SignerError, match=r"does not offer the challenge http-01 for www\.example\.com, only tls-alpn"):
        desk.sign()


@needs_acme
def test_the_order_goes_on_in_the_next_run(desk: Desk) -> None:
    desk.ca.decides = "checking"
    assert desk.sign() == NotYet("the CA is still checking www.example.com")
    desk.ca.authorise("1")
    assert isinstance(desk.sign(), Signed)
    assert (len(desk.ca.orders), desk.ca.issued) == (1, 1)


@needs_acme
def test_a_proof_stays_until_the_ca_has_decided(desk: Desk) -> None:
    """The next run publishes it again, which may be on another machine, and does not tell the CA to look again."""
    desk.ca.decides = "checking"
    desk.sign()
    assert [one["ACTION"] for one in desk.told()] == ["present"]
    desk.sign()
    assert [one["ACTION"] for one in desk.told()] == ["present", "present"]
    assert desk.ca.paths().count("/challenge/1/0/http-01") == 1


@needs_acme
def test_an_order_that_stays_processing(desk: Desk) -> None:
    desk.ca.finalizes = "processing"
    before = desk.time
    assert desk.sign() == NotYet(f"the order is processing ({BASE}/order/1)")
    assert 50 < desk.time - before <= 60
    desk.ca.orders["1"].status = "valid"
    assert isinstance(desk.sign(), Signed)
    assert (len(desk.ca.orders), desk.ca.issued) == (1, 1)


@needs_acme
def test_the_ca_says_when_to_ask_again(desk: Desk) -> None:
    desk.ca.finalizes = "processing"
    desk.sign()
    desk.ca.sent.clear()
    before = desk.time
    desk.ca.planned["/order/1"] = [(200, desk.ca._told("1"), {"retry-after": "40"})] * 9
    assert isinstance(desk.sign(), NotYet)
    assert desk.time - before == 40


@needs_acme
@pytest.mark.parametrize("path", ["/authorization/1/0", "/challenge/1/0/http-01", "/finalize/1", "/certificate/1"])
def test_one_certificate_after_a_kill(desk: Desk, path: str) -> None:
    class KilledError(Exception):
        pass

    desk.ca.planned[path] = [KilledError()]
    with pytest.raises(KilledError):
        desk.sign()
    assert isinstance(desk.sign(), Signed)
    assert (len(desk.ca.orders), desk.ca.issued) == (1, 1)


@needs_acme
@pytest.mark.parametrize("path", ["/order", "/finalize/1", "/certificate/1", "/account"])
def test_a_lost_answer_is_asked_for_again(desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CA has done it, and the answer is lost on its way."""
    answer = desk.ca._answer
    lost = [path]

    def losing(asked: str, payload: t.Any) -> t.Any:
        done = answer(asked, payload)
        if asked in lost:
            lost.remove(asked)
            raise AnswerLostError("the answer did not come", step="the ACME CA", url=asked)
        return done

    monkeypatch.setattr(desk.ca, "_answer", losing)
    assert isinstance(desk.sign(), Signed)
    assert not lost
    assert desk.ca.issued == 1


@needs_acme
def test_a_nonce_that_is_refused_is_no_failure(desk: Desk) -> None:
    desk.ca.planned["/order"] = [problem("badNonce", status=400)] * 4
    assert isinstance(desk.sign(), Signed)
    desk.ca.planned["/order/1"] = [problem("badNonce", status=400)] * 5
    with pytest.raises(SignerError, match="the CA says badNonce"):
        desk.sign()


@needs_acme
@pytest.mark.parametrize("code", ["badCSR", "rejectedIdentifier", "unsupportedIdentifier"])
def test_never(desk: Desk, code: str) -> None:
    desk.ca.planned["/order"] = [problem(code, "not\033[31m here", identifier={"type": "dns", "value": "www.x.org"})]
    with pytest.raises(
        SignerRejectedError, match=rf"www, revision 2: the CA says {code} about www.x.org: not\?\[31m h"
    ):
        desk.sign()


@needs_acme
def test_never_for_one_of_several_names(desk: Desk) -> None:
    inner = {"type": PREFIX + "rejectedIdentifier", "detail": "not that one"}
    desk.ca.planned["/order"] = [problem("compound", "two of them", subproblems=[inner])]
    with pytest.raises(SignerRejectedError, match="compound: two of them; rejectedIdentifier: not that one"):
        desk.sign()


@needs_acme
@pytest.mark.parametrize("code", ["unauthorized", "caa", "serverInternal", "externalAccountRequired", "somethingNew"])
def test_what_may_mend_itself_is_tried_again(desk: Desk, code: str) -> None:
    desk.ca.planned["/order"] = [problem(code)]
    with pytest.raises(SignerError, match=code) as caught:
        desk.sign()
    assert not isinstance(caught.value, SignerRejectedError)
    assert caught.value.retry_after is None


@needs_acme
@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "120"}, 120.0), ({}, 3600.0)])
def test_a_limit_is_obeyed(desk: Desk, headers: dict[str, str], seconds: float) -> None:
    status, content, own = problem("rateLimited", status=429)
    desk.ca.planned["/order"] = [(status, content, {**own, **headers})]
    with pytest.raises(SignerError, match="rateLimited") as caught:
        desk.sign()
    assert caught.value.retry_after == seconds


@needs_acme
def test_a_proxy_that_has_no_time(desk: Desk) -> None:
    desk.ca.planned["/order"] = [(503, b"<html>", {"retry-after": "30", "content-type": "text/html"})]
    with pytest.raises(
        SignerError, match=r"answered HTTP 503 without a reason \(https://acme.example.com/order\)"
    ) as no:
        desk.sign()
    assert no.value.retry_after == 30


@needs_acme
@pytest.mark.parametrize("content", [b"<html>", {"status": "strange"}, b"[]"])
def test_an_answer_that_is_none_of_acme(desk: Desk, content: object) -> None:
    desk.ca.planned["/order"] = [(201, content, {"location": f"{BASE}/order/9"})]
    with pytest.raises(SignerError, match=r"www, revision 2: the CA'?s? answer"):
        desk.sign()


@needs_acme
@pytest.mark.parametrize("content", [b"<html>", b"[]", b"null", {}, {"newOrder": 5, "newNonce": [], "newAccount": {}}])
def test_a_directory_that_is_none(desk: Desk, content: object) -> None:
    desk.ca.planned["/directory"] = [(200, content, {"content-type": "application/json"})]
    with pytest.raises(SignerError, match=r"the directory https://acme.*: the CA's answer is none of ACME") as raised:
        desk.sign()
    assert raised.value.not_sent


@needs_acme
def test_a_certificate_that_is_none(desk: Desk) -> None:
    desk.ca.planned["/certificate/1"] = [(200, b"rubbish", {})]
    with pytest.raises(SignerError, match="did not answer with the certificate and its chain: no certificate found"):
        desk.sign()
    assert isinstance(desk.sign(), Signed)


@needs_acme
def test_a_name_that_the_ca_could_not_check(desk: Desk) -> None:
    desk.ca.decides = "invalid"
    with pytest.raises(
        SignerError, match=r"www\.example\.com was not authorised: the CA says connection: nobody"
    ) as no:
        desk.sign()
    assert not isinstance(no.value, SignerRejectedError)
    assert [one["ACTION"] for one in desk.told()] == ["present", "cleanup"]
    desk.ca.orders["1"].status = "invalid"
    desk.ca.decides = "valid"
    assert isinstance(desk.sign(), Signed)
    assert desk.number == f"{BASE}/order/2"


@needs_acme
@pytest.mark.parametrize(("code", "kind"), [("badCSR", SignerRejectedError), ("serverInternal", SignerError)])
def test_an_order_that_fails(desk: Desk, code: str, kind: type[SignerError]) -> None:
    desk.ca.finalizes = "invalid"
    desk.ca.planned["/finalize/1"] = [AnswerLostError("lost", step="the ACME CA", url=BASE)]
    answer = desk.ca._finalize

    def failing(number: str, payload: t.Any) -> t.Any:
        desk.ca.orders[number].error = {"type": PREFIX + code, "detail": "no"}
        return answer(number, payload)

    desk.ca._finalize = failing  # type: ignore[method-assign]
    with pytest.raises(SignerError, match=rf"order/1 failed: the CA says {code}: no") as caught:
        desk.sign()
    assert caught.value.__class__ is kind


@needs_acme
def test_an_order_that_fails_without_a_reason(desk: Desk) -> None:
    desk.ca.finalizes = "invalid"
    with pytest.raises(SignerError, match="does not say why; the next run makes another one"):
        desk.sign()


@needs_acme
def test_an_order_that_the_ca_does_not_know_any_more(desk: Desk) -> None:
    desk.number = f"{BASE}/order/77"
    desk.ca.planned["/order/77"] = [problem("malformed", "no such order", 404)]
    signed = desk.sign()
    assert isinstance(signed, Signed)
    assert signed.warnings == (f"the CA does not know the order {BASE}/order/77 any more, so there is another one",)
    desk.number = f"{BASE}/order/78"
    desk.ca.planned["/order/78"] = [problem("unauthorized", "of another account")]
    with pytest.raises(SignerError, match="unauthorized: of another account"):
        desk.sign()


@needs_acme
@pytest.mark.parametrize("number", ["17", "https://other.example.com/order/1", f"{BASE}.evil.example/order/1"])
def test_a_number_of_another_ca_is_not_asked_about(desk: Desk, number: str) -> None:
    desk.number = number
    assert isinstance(desk.sign(), Signed)
    assert desk.number == f"{BASE}/order/1"


@needs_acme
def test_a_profile(desk: Desk) -> None:
    desk.ca.meta = {"profiles": {"classic": "as always", "short": "six days"}}
    desk.sign(desk.signer(profile="short"))
    assert desk.ca.orders["1"].profile == "short"
    with pytest.raises(ConfigurationError, match="no profile long, but classic, short"):
        desk.sign(desk.signer(profile="long"))


@needs_acme
def test_a_hook_that_fails(desk: Desk) -> None:
    failing = "import sys; sys.exit('the zone is\\033[31m locked')"
    with pytest.raises(SignerError, match=r"exit status 1 at present of www\.example\.com: the zone is\?\[31m locked$"):
        desk.sign(desk.signer(hook=failing))
    cleaning = "import os, sys; sys.exit('locked' if os.environ['REDTRUST_ACME_ACTION'] == 'cleanup' else 0)"
    signed = desk.sign(desk.signer(hook=cleaning))
    assert isinstance(signed, Signed)
    (warning,) = signed.warnings
    assert "exit status 1 at cleanup of www.example.com: locked" in warning


@needs_acme
@pytest.mark.parametrize(
    ("argv", "words"), [([], "it is missing"), (["/no/such"], "/no/such is no program that can be run")]
)
def test_a_challenge_needs_a_hook(argv: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"acme.challenge dns-01 needs a program.*{words}"):
        Prover("dns-01", argv, 60.0)


@needs_acme
def test_the_account_is_made_once_in_a_run(desk: Desk) -> None:
    signer = desk.signer(account=Account(("ops@example.com", "tel:+34600000000"), True))
    for _certificate in range(2):
        desk.number = None
        desk.sign(signer)
    (registration,) = [payload for path, payload in desk.ca.sent if path == "/account"]
    assert registration == {
        "contact": ["mailto:ops@example.com", "tel:+34600000000"],
        "termsOfServiceAgreed": True,
    }
    assert desk.ca.paths().count("/directory") == 1
    (warning,) = signer.warnings
    assert warning == f"made the key of the ACME account, {desk.key}: back it up"
    assert desk.key.stat().st_mode & 0o777 == 0o600
    again = desk.signer()
    assert isinstance(desk.sign(again), Signed)
    assert not again.warnings


@needs_acme
def test_terms_of_service_must_be_agreed_to(desk: Desk) -> None:
    desk.ca.meta = {"termsOfService": "https://acme.example.com/terms"}
    with pytest.raises(ConfigurationError, match=r"\(https://acme.example.com/terms\): read them, and set acme.terms_"):
        desk.sign()
    assert "/account" not in desk.ca.paths()


@needs_acme
def test_an_external_account_is_bound(desk: Desk) -> None:
    desk.ca.meta = {"externalAccountRequired": True}
    with pytest.raises(ConfigurationError, match=r"wants an external account binding: set acme\.eab_kid"):
        desk.sign()
    desk.sign(desk.signer(account=Account(eab_kid="partner-1", eab_hmac_key="c2VjcmV0LXNlY3JldA==")))
    (registration,) = [payload for path, payload in desk.ca.sent if path == "/account"]
    header = json.loads(_text(registration["externalAccountBinding"]["protected"]))
    assert header == {"alg": "HS256", "kid": "partner-1", "url": f"{BASE}/account"}
    assert "c2VjcmV0" not in json.dumps(desk.ca.sent)


def _text(encoded: str) -> str:
    import base64

    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


@needs_acme
def test_an_account_that_is_refused_is_asked_for_once(desk: Desk) -> None:
    desk.ca.planned["/account"] = [problem("unauthorized", "the MAC is wrong")]
    signer = desk.signer()
    for _certificate in range(3):
        with pytest.raises(SignerError, match="the account: the CA says unauthorized: the MAC is wrong") as refused:
            desk.sign(signer)
        # No order was made, and no certificate waits longer and longer for what is not its own fault.
        assert (refused.value.not_sent, refused.value.concerns_all) == (True, True)
    assert desk.ca.paths().count("/account") == 1
    assert desk.number is None


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (Account(eab_kid="a"), "need each other"),
        (Account(eab_hmac_key="YWFh"), "need each other"),
        (Account(eab_kid="a", eab_hmac_key="canary!"), "not base64url"),
        (Account(eab_kid="a", eab_hmac_key="canar"), "not base64url"),
    ],
)
def test_a_binding_that_cannot_be_used(account: Account, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        account.check()
    assert "canar" not in str(caught.value)
    assert "canar" not in repr(account)


@needs_acme
def test_a_ca_that_is_down(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = NotSentError("nothing was sent (Connection refused)", step="the ACME CA", url=f"{BASE}/directory")
    monkeypatch.setattr(desk.ca, "send", _raising(refused))
    signer = desk.signer()
    monkeypatch.setattr(signer._open, "_retry", dataclasses.replace(signer._open._retry, deadline=0.0))
    with pytest.raises(SignerError, match=r"the directory https://acme.*nothing was sent \(Connection refused") as no:
        desk.sign(signer)
    assert no.value.not_sent


def _raising(error: Exception) -> t.Callable[..., t.Any]:
    def send(_request: object) -> t.NoReturn:
        raise error

    return send


@needs_acme
def test_a_certificate_is_revoked(desk: Desk) -> None:
    signed = desk.sign()
    assert isinstance(signed, Signed)
    revocation = Revocation("www", 2, signed.certificate, reason="superseded")
    for _twice in range(2):
        desk.signer().revoke(revocation)
    assert desk.ca.revoked == [x509.load_der_x509_certificate(signed.certificate).serial_number]
    (first, _second) = [payload for path, payload in desk.ca.sent if path == "/revoke"]
    assert first["reason"] == 4
    desk.ca.planned["/revoke"] = [problem("badRevocationReason", status=400)]
    with pytest.raises(SignerError, match="the revocation of www, revision 2: the CA says badRevocationReason"):
        desk.signer().revoke(revocation)
    with pytest.raises(ConfigurationError, match="boredom is no reason"):
        desk.signer().revoke(dataclasses.replace(revocation, reason="boredom"))


@needs_acme
def test_the_ca_says_when_to_renew(desk: Desk) -> None:
    signed = desk.sign()
    assert isinstance(signed, Signed)
    assert desk.signer().why_due(signed.certificate, signed.chain, NOW) == ""  # this CA has no such service
    day = dt.timedelta(days=1)
    window = {"start": (NOW - 2 * day).isoformat(), "end": (NOW - day).isoformat()}
    desk.ca.renewal = {"suggestedWindow": window, "explanationURL": "https://acme.example.com/incident"}
    said = desk.signer().why_due(signed.certificate, signed.chain, NOW)
    assert said.startswith("the CA wants it renewed between ")
    assert said.endswith(" UTC (https://acme.example.com/incident)")
    assert desk.signer().why_due(signed.certificate, signed.chain, NOW - 3 * day) == ""
    asked = desk.ca.paths()[-1]
    assert asked == f"/renewal/{certificate_id(signed.certificate)}"
    desk.ca.sent.clear()
    assert desk.signer().why_due(signed.certificate, signed.chain, NOW + 365 * day) == ""
    assert not desk.ca.sent  # it must not be asked about a certificate that has expired


@needs_acme
def test_a_certificate_of_another_ca_is_not_due(desk: Desk, pki: Openssl) -> None:
    desk.ca.renewal = {}
    name = certificate_id(pki.der("leaf"))
    desk.ca.planned[f"/renewal/{name}"] = [problem("malformed", "unknown", 404)]
    assert desk.signer().why_due(pki.der("leaf"), (), NOW) == ""


@needs_acme
def test_a_ca_that_wants_to_be_left_alone_about_renewals(desk: Desk, pki: Openssl) -> None:
    desk.ca.renewal = {}
    name = certificate_id(pki.der("leaf"))
    status, content, headers = problem("rateLimited", status=429)
    desk.ca.planned[f"/renewal/{name}"] = [(status, content, {**headers, "retry-after": "60"})] * 2
    signer = desk.signer()
    for _certificate in range(3):
        with pytest.raises(SignerError, match="renewal information: the CA says rateLimited"):
            signer.why_due(pki.der("leaf"), (), NOW)
    assert len(desk.ca.planned[f"/renewal/{name}"]) == 1
    desk.time += 61
    with pytest.raises(SignerError):
        signer.why_due(pki.der("leaf"), (), NOW)
    assert not desk.ca.planned[f"/renewal/{name}"]


@needs_acme
@pytest.mark.parametrize("told", [{}, {"suggestedWindow": {"start": "x", "end": "y"}}, [], {"suggestedWindow": None}])
def test_renewal_information_that_is_none(desk: Desk, pki: Openssl, told: t.Any) -> None:
    desk.ca.renewal = told
    with pytest.raises(SignerError, match="renewal information: the CA's answer is none of ACME"):
        desk.signer().why_due(pki.der("leaf"), (), NOW)


def test_the_moment_is_in_the_window_and_stays() -> None:
    start, end = NOW, NOW + dt.timedelta(days=10)
    told = {"suggestedWindow": {"start": start.isoformat(), "end": end.isoformat()}}
    hours = [start + dt.timedelta(hours=hour) for hour in range(241)]
    moments = [
        next(hour for hour in hours if why_due(told, f"certificate {number}".encode(), hour)) for number in range(40)
    ]
    assert start < min(moments) < start + dt.timedelta(days=2)
    assert end - dt.timedelta(days=2) < max(moments) <= end
    with pytest.raises(ValueError, match="before it begins"):
        why_due({"suggestedWindow": {"start": end.isoformat(), "end": start.isoformat()}}, b"", NOW)


def test_the_name_of_a_certificate_is_that_of_the_standard(openssl: Openssl) -> None:
    """RFC 9773, 4.1: a key identifier and a serial number whose first bit is set."""
    openssl.root("root", "/CN=Example CA", "-addext", "subjectKeyIdentifier=69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    openssl.request("leaf", "/CN=example.com")
    arguments = ("-in", "leaf.csr", "-out", "leaf.crt", "-days", "9", "-extfile", "extensions")
    (openssl.folder / "extensions").write_text("authorityKeyIdentifier=keyid:always")
    openssl("x509", "-req", "-CA", "root.crt", "-CAkey", "root.key", "-set_serial", "0x87654321", *arguments)
    assert certificate_id(openssl.der("leaf")) == EXAMPLE_ID


def _order(csr: bytes, *names: str) -> SigningOrder:
    return SigningOrder("5eed", "www", 1, csr, DistinguishedName((("cn", "www"),)), NOW, names)


def test_the_names_of_a_csr() -> None:
    address = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))
    csr = csr_for("WWW.Example.com", WWW, x509.DNSName("*.example.org"), address)
    asked = _order(csr, "DNS:www.EXAMPLE.com", "IP:192.0.2.1")
    assert identifiers(asked) == (("dns", "www.example.com"), ("dns", "*.example.org"), ("ip", "192.0.2.1"))
    assert identifiers(_order(csr_for("www.example.com"))) == (("dns", "www.example.com"),)
    assert identifiers(_order(csr_for("intranet", x509.DNSName("intranet")))) == (("dns", "intranet"),)


@pytest.mark.parametrize(
    ("csr", "names", "words"),
    [
        (
            csr_for(""),
            (),
            "the CSR has no DNS name.*Have Redtrust write the names into its CSRs, or use another signer",
        ),
        (csr_for("John Doe"), (), "common name in the CSR, 'John Doe', is no DNS name"),
        (csr_for("john"), (), "common name in the CSR, 'john', is no DNS name"),
        (csr_for("www.example.com"), ("DNS:b.example.com",), "has DNS:b.example.com, which the CSR does not have"),
        (csr_for("www.example.com"), ("email:a@example.com",), "has email:a@example.com, which the CSR does not"),
        (csr_for("", x509.RFC822Name("a@example.com")), (), "a name that is no DNS name and no address"),
    ],
)
def test_a_csr_that_an_acme_ca_cannot_certify(csr: bytes, names: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        identifiers(_order(csr, *names))


def test_the_csr_of_the_vendor_has_no_name(vendor_csr: str) -> None:
    import base64

    with pytest.raises(ConfigurationError, match="the CSR has no DNS name"):
        identifiers(_order(base64.b64decode(vendor_csr)))


@needs_acme
@pytest.mark.parametrize(("kind", "alg"), [("ec:p256", "ES256"), ("rsa:2048", "RS256")])
def test_the_key_of_an_account(openssl: Openssl, kind: str, alg: str) -> None:
    openssl.request("account", "/CN=x", key=kind)
    path = openssl.folder / "account.key"
    path.chmod(0o640)
    assert str(read_key(path)[1]) == alg


@needs_acme
def test_a_key_that_cannot_be_used(openssl: Openssl, tmp_path: Path) -> None:
    openssl.request("account", "/CN=x")
    path = openssl.folder / "account.key"
    path.chmod(0o604)
    with pytest.raises(ConfigurationError, match=r"every user of this machine may use .*chmod o-rwx"):
        read_key(path)
    path.chmod(0o600)
    public = openssl("pkey", "-in", "account.key", "-pubout")
    encrypted = openssl("pkey", "-in", "account.key", "-aes128", "-passout", "pass:secret")
    edwards = openssl("genpkey", "-algorithm", "ed25519")
    for content in (b"", b"rubbish", public, encrypted, edwards):
        path.write_bytes(content)
        with pytest.raises(
            ConfigurationError, match=r"acme\.account_key_path: .*account\.key (is no|must be a) private"
        ):
            read_key(path)
    with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
        read_key(openssl.folder)


@needs_acme
def test_runs_at_the_same_time_make_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "account.pem"
    link = os.link

    def slower(source: Path, target: Path) -> None:
        if not path.exists():
            (tmp_path / "other").write_bytes(b"the key of the other run")
            link(tmp_path / "other", path)
        link(source, target)

    monkeypatch.setattr(os, "link", slower)
    make_key(path)
    assert path.read_bytes() == b"the key of the other run"
    assert not make_key(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["account.pem", "other"]


@needs_acme
def test_a_key_that_cannot_be_made(desk: Desk) -> None:
    missing = dataclasses.replace(desk, folder=desk.folder / "absent")
    with pytest.raises(ConfigurationError, match="is not there, and this user cannot make it in"):
        missing.signer().check(NOW)
    with pytest.raises(ConfigurationError, match=r"cannot be made \(No such file or directory\)"):
        make_key(missing.key)
    desk.signer().check(NOW)
    assert not desk.key.exists()


@needs_acme
@pytest.mark.parametrize(
    "url", ["http://acme.example.com/directory", "acme.example.com", "https://", "ftp://a/b", "https://[::1/directory"]
)
def test_an_address_that_is_none(desk: Desk, url: str) -> None:
    with pytest.raises(ConfigurationError, match="must begin with https://"):
        AcmeSigner(url, desk.key, account=Account(), prover=Prover("none", [], 1.0), connect=desk.connect)


def _options(desk: Desk, **others: t.Any) -> dict[str, t.Any]:
    own = {"directory_url": f"{BASE}/directory", "account_key_path": str(desk.key)}
    return {**{name: rule.get("default") for name, rule in acme.OPTIONS.items()}, **own, **others}


@needs_acme
def test_a_signer_of_the_options(desk: Desk) -> None:
    signer = acme.KIND.build(_options(desk), NOW)
    signer.check(NOW)
    assert signer.identity() == f"{BASE}/directory"
    for others, words in (
        ({"timeout": 0.0}, "acme.timeout must be a number of seconds above 0"),
        ({"challenge": "http-01"}, "acme.challenge http-01 needs a program"),
        ({"eab_kid": "a"}, "need each other"),
        ({"ca_path": str(desk.folder / "absent")}, "ca_path: .*absent cannot be read"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            acme.KIND.build(_options(desk, **others), NOW)


def test_without_the_library_nothing_else_is_tried(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "acme" else object())
    with pytest.raises(ConfigurationError, match=r"needs the Python library acme on .*pip install 'acme>=4'"):
        acme.KIND.build(_options(desk), NOW)
