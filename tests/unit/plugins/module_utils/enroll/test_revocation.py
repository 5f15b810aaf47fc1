# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that are revoked are renewed at once; what cannot be known is said, and never taken for good."""

from __future__ import annotations

import collections.abc as c
import contextlib
import datetime as dt
import typing as t
from base64 import b64decode
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    Calendar,
    Criteria,
    Distrust,
    Freeze,
    Lookups,
    Places,
    Quota,
    Reasons,
    RenewalPolicy,
    RenewItem,
    RevocationSources,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import NotSentError, SignerError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.api import HttpRequest, HttpResponse
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Enrollment, Revision, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_facts
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.ocsp import ocsp_request
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    MONTH,
    NOW,
    SPEC,
    World,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.x509.revocation_ca import (
    CRL_URL,
    OCSP_URL,
    RevocationCa,
    der,
)

NEVER = RenewalPolicy.parse("never")
FROZEN = RenewalPolicy.parse("89d", None, Calendar((), (Freeze(NOW - DAY, NOW + 9 * DAY),)))
CA = RevocationCa()
GOOD, BAD, HELD = CA.issue(), CA.issue(), CA.issue()
CA.revoke(BAD)
CA.revoke(HELD, x509.ReasonFlags.certificate_hold)


class Net:
    """A responder and a server of revocation lists. ``requests`` are those that came."""

    def __init__(self, ca: RevocationCa = CA) -> None:
        self.ca = ca
        self.requests: list[HttpRequest] = []
        self.down: set[str] = set()
        self.status = 200
        self.takes_get = True
        self.crl: c.Callable[[], bytes] = ca.crl
        self.by_request = {ocsp_request(der(one), ca.der): one for one in (GOOD, BAD, HELD)}

    def turn(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        if request.step in self.down:
            raise NotSentError("nothing was sent (refused)", **request.where)
        if self.status != 200 or (request.step == "ocsp" and request.verb == "GET" and not self.takes_get):
            return HttpResponse(405 if self.status == 200 else self.status, {}, b"")
        if request.step == "crl":
            return HttpResponse(200, {}, self.crl())
        asked = request.body
        if request.verb == "GET":
            asked = b64decode(unquote(request.url.removeprefix(f"{OCSP_URL}/")))
        return HttpResponse(200, {}, self.ca.answer(self.by_request[t.cast("bytes", asked)]))

    def steps(self) -> list[str]:
        return [request.step for request in self.requests]


class Now:
    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> dt.datetime:
        return self.moment


def used(certificate: x509.Certificate = GOOD, name: str = "www", **fields: t.Any) -> Revision:
    facts = certificate_facts(der(certificate))
    given: dict[str, t.Any] = {
        "certificate": der(certificate),
        "chain": (CA.der,),
        "created_at": NOW - 9 * DAY,
        **fields,
    }
    given |= {"not_valid_before": facts.not_valid_before, "not_valid_after": facts.not_valid_after}
    return Revision("svc", name, 1, 1, State.FINALIZED, SPEC, thumbprint=facts.thumbprint, **given)


def enrolled(*revisions: Revision) -> Enrollment:
    return Enrollment("svc", revisions[0].name, revisions)


def asking(net: Net, *sources: str, places: Places | None = None, now: Now | None = None, **lookups: t.Any) -> Reasons:
    clock = now or Now()
    chosen: t.Any = sources or ("ocsp", "crl")
    found = RevocationSources(chosen, net, places or Places(), clock)
    return Reasons(lookups=Lookups(found, **lookups), now=clock)


def told(net: Net, revision: Revision, *sources: str, **options: t.Any) -> tuple[str, list[str]]:
    """Return the reason to renew a certificate, and the warnings."""
    reasons = asking(net, *sources, **options)
    reasons.look_up([revision])
    return reasons.of(enrolled(revision)).because, [*reasons.warnings()]


class TestWhatIsTold:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("ocsp", f"OCSP at {OCSP_URL} says: revoked at 2026-05-31 23:00 UTC, keyCompromise"),
            ("crl", f"the revocation list {CRL_URL} says: revoked at 2026-05-31 23:00 UTC, keyCompromise"),
        ],
    )
    def test_revoked(self, source: str, words: str) -> None:
        net = Net()
        assert told(net, used(BAD), source) == (words, [])
        assert net.steps() == [source]

    @pytest.mark.parametrize("source", ["ocsp", "crl"])
    def test_good(self, source: str) -> None:
        assert told(Net(), used(GOOD), source) == ("", [])

    @pytest.mark.parametrize("source", ["ocsp", "crl"])
    def test_on_hold(self, source: str) -> None:
        because, (warning,) = told(Net(), used(HELD), source)
        assert because == ""
        assert warning == (
            "1 certificate is on hold at the CA (certificateHold), and not renewed for that, since the CA may take it "
            "back: www"
        )

    def test_the_first_that_tells_counts(self) -> None:
        net = Net()
        net.down = {"ocsp"}
        assert told(net, used(BAD))[0].startswith("the revocation list")
        assert net.steps() == ["ocsp", "crl"]
        assert told(Net(), used(BAD), "crl", "ocsp")[0].startswith("the revocation list")

    def test_a_responder_that_takes_no_get(self) -> None:
        net = Net()
        net.takes_get = False
        assert told(net, used(BAD), "ocsp")[0].startswith("OCSP at")
        assert [(request.verb, request.url) for request in net.requests][1:] == [("POST", OCSP_URL)]
        assert net.requests[1].headers["Content-Type"] == "application/ocsp-request"


class TestNotKnown:
    """Nothing is renewed, and nothing is taken for good."""

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("ocsp", f"OCSP at {OCSP_URL}: nothing was sent (refused)"),
            ("crl", f"the revocation list {CRL_URL}: nothing was sent (refused)"),
        ],
    )
    def test_nobody_answers(self, source: str, why: str) -> None:
        net = Net()
        net.down = {source}
        because, warnings = told(net, used(BAD), source)
        assert (because, warnings) == ("", [f"whether 1 certificate is revoked is not known ({why}): www"])

    @pytest.mark.parametrize("source", ["ocsp", "crl"])
    def test_a_page_instead(self, source: str) -> None:
        net = Net()
        net.status = 404
        assert "it answers with HTTP 404" in told(net, used(BAD), source)[1][0]

    def test_a_certificate_that_names_no_place(self) -> None:
        silent = used(CA.issue(ocsp_url=None, crl_url=None))
        net = Net()
        because, (warning,) = told(net, silent)
        assert because == ""
        assert "not known (it names no OCSP responder; it names no revocation list): www" in warning
        assert net.requests == []

    def test_a_chain_that_is_not_known(self) -> None:
        net, alone = Net(), used(BAD, chain=())
        assert "name its file in revocation.issuer_paths" in told(net, alone)[1][0]
        assert net.requests == []
        assert told(net, alone, places=Places(issuers=(RevocationCa("x").der, CA.der)))[0].startswith("OCSP at")

    def test_an_answer_of_somebody_else(self) -> None:
        net, imposter = Net(RevocationCa()), used(BAD)
        net.by_request = {ocsp_request(der(BAD), CA.der): BAD}
        because, (warning,) = told(net, imposter)
        assert because == ""
        assert "signature" in warning

    def test_a_place_that_is_down_is_left_alone(self) -> None:
        net = Net()
        net.down = {"ocsp"}
        reasons = asking(net, "ocsp", workers=1)
        fleet = [used(CA.issue(), f"www-{number}") for number in range(9)]
        reasons.look_up(fleet)
        assert len(net.requests) == 3
        first, second = sorted(reasons.warnings())
        assert first.startswith("whether 3 certificates are revoked is not known (OCSP at")
        assert second.startswith("whether 6 certificates are revoked is not known")
        assert second.endswith("not asked any more in this run): www-3, www-4, www-5, ...")

    def test_the_time_for_all_of_it_is_bounded(self) -> None:
        ticks = iter(range(0, 1000, 100))
        net = Net()
        reasons = asking(net, "ocsp", workers=1, time_limit=250.0, clock=lambda: next(ticks))
        reasons.look_up([used(one, f"www-{place}") for place, one in enumerate((GOOD, BAD, HELD))])
        assert len(net.requests) == 2
        assert "revocation.time_limit 250, is over): www-2" in next(iter(reasons.warnings()))

    def test_a_mistake_of_ours_is_not_the_end_of_the_run(self) -> None:
        net = Net()
        net.by_request = {}
        assert "an error that nobody expected, KeyError" in told(net, used(GOOD), "ocsp")[1][0]


class TestLists:
    def test_a_list_is_fetched_once(self) -> None:
        net = Net()
        reasons = asking(net, "crl")
        reasons.look_up([used(CA.issue(), f"www-{number}") for number in range(20)])
        reasons.look_up([used(BAD)])
        assert net.steps() == ["crl"]
        assert reasons.of(enrolled(used(BAD))).because

    def test_and_again_when_it_is_too_old(self) -> None:
        net, now = Net(), Now()
        reasons = asking(net, "crl", now=now)
        reasons.look_up([used(GOOD)])
        now.moment += 2 * DAY
        reasons.look_up([used(CA.issue(), "other"), used(CA.issue(), "third")])
        assert net.steps() == ["crl", "crl"]
        assert "it was good until 2026-06-02" in next(iter(reasons.warnings()))

    def test_files_and_other_addresses(self) -> None:
        net = Net()
        places = Places(crl_files=(("/a.crl", RevocationCa("x").crl()), ("/b.crl", CA.crl())))
        assert told(net, used(BAD), "crl", places=places)[0].startswith("the revocation list /b.crl says: revoked")
        assert net.requests == []
        assert told(net, used(BAD), "crl", places=Places(crl_urls=("http://here.invalid/crl",)))[0]
        assert [request.url for request in net.requests] == ["http://here.invalid/crl"]

    def test_an_empty_file_is_a_list_that_cannot_be_read(self) -> None:
        net = Net()
        why, warnings = told(net, used(BAD), "crl", places=Places(crl_files=(("/a.crl", b""),)))
        assert (why, net.requests) == ("", [])
        assert "the revocation list /a.crl: it is no revocation list that can be read" in warnings[0]

    def test_the_responder_of_an_option(self) -> None:
        net, silent = Net(), used(CA.issue(ocsp_url=None))
        net.takes_get = False
        net.by_request[ocsp_request(t.cast("bytes", silent.certificate), CA.der)] = GOOD
        told(net, silent, "ocsp", places=Places(ocsp_url="http://here.invalid/?a"))
        assert [(request.verb, request.url) for request in net.requests] == [("POST", "http://here.invalid/?a")]


class TestRun:
    def issued(self, world: World) -> None:
        """Have the world's CA be one that tells of revocations."""

        def sign(csr: bytes) -> bytes:
            key = x509.load_der_x509_csr(csr).public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            return der(CA.issue("www", key=key))

        world.signer.chain = (CA.der,)
        world.signer.answers = [sign, sign, sign]
        world.issue()

    def in_use(self, world: World) -> x509.Certificate:
        current = world.enrollment().current
        assert current is not None
        return x509.load_der_x509_certificate(t.cast("bytes", current.certificate))

    @pytest.mark.parametrize("policy", [MONTH, NEVER, FROZEN], ids=["not due", "never", "frozen"])
    @pytest.mark.parametrize("whole_way", [True, False])
    def test_what_is_revoked_is_renewed_at_once(self, world: World, policy: RenewalPolicy, whole_way: bool) -> None:
        self.issued(world)
        CA.revoke(self.in_use(world))
        world.tells_why_not = False
        world.reasons = asking(Net(), "crl")
        item = RenewItem("www", policy)
        outcome = world.certificate(policy=policy) if whole_way else world.renew(item)
        assert (outcome.action, outcome.error) == ("renew", None)
        assert outcome.reason.startswith(f"the revocation list {CRL_URL} says: revoked at")
        latest = world.enrollment().latest
        assert latest is not None
        assert latest.renewed_because == "revoked"

    def test_a_ca_that_revokes_the_new_one_too(self, world: World) -> None:
        self.issued(world)
        for action in ("renew", "none", "none"):
            CA.revoke(self.in_use(world))
            world.reasons = reasons = asking(Net(), "crl")
            assert world.certificate().action == action
        assert "renewed in vain" in next(iter(reasons.warnings()))

    @pytest.mark.parametrize(
        ("item", "quota", "asks"),
        [
            (RenewItem("www", MONTH), None, True),
            (RenewItem("www", NEVER), None, True),
            (RenewItem("www", FROZEN), None, True),
            (RenewItem("www", RenewalPolicy.parse("89d")), None, False),
            (RenewItem("www", RenewalPolicy.parse("89d")), Quota(9), True),
            (RenewItem("www", MONTH, force=True), None, False),
            (RenewItem("www", MONTH, because="an incident"), None, False),
        ],
    )
    def test_nobody_asks_about_what_is_renewed_anyway(
        self, world: World, item: RenewItem, quota: Quota | None, asks: bool
    ) -> None:
        self.issued(world)
        net = Net()
        world.reasons = asking(net, "crl")
        world.now = NOW + 5 * DAY
        world.run(world.renew_step(quota), item)
        assert bool(net.requests) is asks

    def test_nobody_asks_about_what_is_distrusted(self, world: World) -> None:
        self.issued(world)
        net = Net()
        sources = RevocationSources(("ocsp",), net, Places(), Now())
        world.reasons = Reasons(Distrust((Criteria(issuer="Example CA"),)), Lookups(sources), now=Now())
        assert world.renew().action == "renew"
        assert net.requests == []

    def test_each_certificate_is_looked_up_once(self, world: World) -> None:
        self.issued(world)
        net = Net()
        net.by_request[ocsp_request(der(self.in_use(world)), CA.der)] = self.in_use(world)
        world.reasons = asking(net, "ocsp")
        for _run in range(3):
            assert world.certificate().action == "none"
        assert net.steps() == ["ocsp"]


class TestWishes:
    """The CA may want a certificate to be renewed: that is a date on which it is due, and no more."""

    def wish(self, words: str | Exception = "the CA wants it renewed") -> Reasons:
        def ask(certificate: bytes, chain: t.Sequence[bytes], now: dt.datetime) -> str:
            assert (certificate_facts(certificate), chain, now) is not None
            if isinstance(words, Exception):
                raise words
            return words

        return Reasons(lookups=Lookups(ask_ca=ask), now=Now())

    @pytest.mark.parametrize(
        ("policy", "action"), [(MONTH, "renew"), (NEVER, "renew"), (FROZEN, "none")], ids=["month", "never", "frozen"]
    )
    @pytest.mark.parametrize("whole_way", [True, False])
    def test_it_is_due(self, world: World, policy: RenewalPolicy, action: str, whole_way: bool) -> None:
        world.issue()
        world.reasons = self.wish()
        world.tells_why_not = False
        item = RenewItem("www", policy)
        outcome = world.certificate(policy=policy) if whole_way else world.renew(item)
        assert (outcome.action, outcome.error) == (action, None)
        if action == "renew":
            assert outcome.reason.startswith("the CA wants it renewed; valid until")
            latest = world.enrollment().latest
            assert latest is not None
            assert latest.renewed_because is None
        else:
            assert outcome.postponed is not None

    def test_max_renewals_holds(self, world: World) -> None:
        world.issue()
        world.reasons = self.wish()
        quota = Quota(1)
        assert quota.take("another")
        outcome = world.run(world.renew_step(quota), RenewItem("www", MONTH))
        assert (outcome.action, outcome.postponed and outcome.postponed.by) == ("none", "max_renewals")

    def test_a_ca_that_wants_nothing(self, world: World) -> None:
        world.issue()
        world.reasons = self.wish("")
        assert world.certificate().action == "none"

    def test_a_ca_that_does_not_answer(self, world: World) -> None:
        world.issue()
        world.reasons = self.wish(SignerError("ARI at ca.invalid: no answer"))
        assert world.certificate().action == "none"
        assert "ARI at ca.invalid: no answer" in next(iter(world.reasons.warnings()))
