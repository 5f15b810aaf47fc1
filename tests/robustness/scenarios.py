# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs that the tests make fail, each with its starting state and the faults to try."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import datetime as dt
import json
import sys
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.redtrust.certificate_enroll.tests.robustness import signing_ca
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Fault, Site

# A run that dies at one of these points has written its intent to ask, and has not asked.
NOT_ASKED_YET = "store put (intended|create_unknown) committed|create send|create sent"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A job, with its starting state.

    ``points`` matches the fault points to try, as ``<module> <point> <times passed before>``. ``steps`` matches the
    steps whose answers fail. ``first`` is the module that asks for certificates. ``before`` is called before the job,
    ``between`` before each following job. ``options`` are those of the job alone. ``answer`` is a fault of the server
    in each cell: step, moment, action. ``in_vain`` matches the points at which an intent may have made no key.

    Cells of one scenario share a store, each with a name of its own, unless they test the session.
    """

    name: str
    points: str
    steps: str
    api_version: str = "4.42"
    first: str = "redtrust_csr"
    session: c.Callable[[Site], object] = Site.with_access_token
    before: c.Callable[[Site, c.Sequence[str]], object] = lambda _site, _names: None
    between: c.Callable[[Site], object] = lambda _site: None
    options: c.Callable[[Site, str], c.Mapping[str, t.Any]] = lambda _site, _name: {}
    answer: tuple[str, str, str] | None = None
    in_vain: str = NOT_ASKED_YET
    patches: c.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def has_token(self) -> bool:
        """Whether the modules get an access token. They have no session of their own then."""
        return self.session is Site.with_access_token


def issue(site: Site, names: c.Sequence[str]) -> None:
    """Issue certificates that are due: 20 of their 80 days are left. The new ones are valid for a year."""
    local_ca = {"validity": "20d", **site.local_ca}
    for module in ("redtrust_csr", "redtrust_sign", "redtrust_finalize"):
        signer: dict[str, t.Any] = {"local_ca": local_ca} if module == "redtrust_sign" else {}
        assert site.step(module, names, **signer).status == 0
    site.let_them_age(names)


def sign_wrongly(site: Site, names: c.Sequence[str]) -> None:
    """Have signed certificates without the right subject, which the CA forgot."""
    for module in ("redtrust_csr", "redtrust_sign"):
        assert site.step(module, names).status == 0
    with site.place.opened() as store:
        rows = [enrollment.pending for enrollment in store.enrollments()]
        store.put(
            *(dataclasses.replace(row, certificate=_nobody(row.csr), chain=()) for row in rows if row and row.csr)
        )


def have_refused(site: Site, names: c.Sequence[str]) -> None:
    """Have certificates that the gate refused."""
    sign_wrongly(site, names)
    ran = site.step("redtrust_finalize", names)
    assert {entry["error"]["type"] for entry in ran.entries.values()} == {"GateError"}


def _nobody(csr: bytes) -> bytes:
    """Return a certificate for the key of a CSR and for no subject."""
    now = dt.datetime.now(tz=dt.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Forgetful")])
    key = x509.load_der_x509_csr(csr).public_key()
    builder = x509.CertificateBuilder(name, x509.Name([]), key, x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=20))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def not_yet(_site: Site, _name: str) -> dict[str, t.Any]:
    """Return the options of a signer that is not done yet."""
    return {"signer": "command", "command": {"argv": ["sh", "-c", "exit 75"]}}


def wait_for_signer(site: Site, names: c.Sequence[str]) -> None:
    """Have requests that wait for the signer."""
    ran = site.step(ONE_PASS, names, **not_yet(site, ""))
    assert {entry["action"] for entry in ran.entries.values()} == {"wait"}, ran


def forgetful(site: Site, name: str) -> dict[str, t.Any]:
    """Return the options of a signer whose certificate has another subject."""
    directory = Path(site.local_ca["certificate_path"]).parent
    ways = json.dumps({name: "another subject"})
    return {"signer": "command", "command": {"argv": [sys.executable, signing_ca.__file__, str(directory), ways]}}


def in_one_session(_site: Site, _name: str) -> dict[str, t.Any]:
    """Return the options with which the one pass also ends the session."""
    return {"end_session": "always"}


def die_at(point: str, module: str = "redtrust_csr") -> c.Callable[[Site, c.Sequence[str]], None]:
    """For each name, run a job that dies at the point."""

    def died(site: Site, names: c.Sequence[str]) -> None:
        for name in names:
            first = module if module == ONE_PASS else "redtrust_csr"
            assert site.pipeline(name, first=first, faults={module: Fault(point, "kill")})[-1].status == -9

    return died


def with_temporal_token(site: Site) -> None:
    """Give the modules the temporary token of a person's sign-in."""
    site.options["temporal_token"] = site.appliance.temporary_token()


def have_session_to_refresh(site: Site, _names: c.Sequence[str]) -> None:
    """Have a session that is almost over."""
    site.appliance.set(access_token_lifetime=0.001, expired_access_at_refresh="accept")
    assert site.run("redtrust_token").status == 0
    site.appliance.set(access_token_lifetime=600)
    site.options.pop("temporal_token", None)


def with_stored_login(site: Site) -> None:
    """Make the modules log in, and keep the session in the store."""
    site.with_login().with_session_key()


def with_stored_temporal_token(site: Site) -> None:
    """Give the modules the temporary token of a person's sign-in, and keep the session in the store."""
    with_temporal_token(site.with_session_key())


IN_FILE = "redtrust_.* (session|login|exchange|refresh|logout) .*"
SCENARIOS = (
    Scenario("issue", ".*", "create|finalize"),
    Scenario(
        "renew",
        "redtrust_renew .*|.* (store put finalized|file) .*",
        "create|finalize",
        first="redtrust_renew",
        before=issue,
    ),
    Scenario("issue-4.33", "", "create|finalize", api_version="4.33"),
    Scenario("one-pass", ".*", "create|finalize", first=ONE_PASS),
    Scenario(
        "one-pass-renew",
        ".* (store put (intended|finalized)|file) .*",
        "create|finalize",
        first=ONE_PASS,
        before=issue,
    ),
    Scenario("one-pass-renew-4.33", "", "create|finalize", api_version="4.33", first=ONE_PASS, before=issue),
    Scenario("one-pass-not-yet", ".* (store put signing|sign|store release) .*", "", first=ONE_PASS, options=not_yet),
    Scenario("one-pass-on-its-way", ".* (store put|sign) .*", "finalize", first=ONE_PASS, before=wait_for_signer),
    Scenario(
        "one-pass-refused",
        ".* (sign after|store put (requested|signing|issued)) .*",
        "",
        first=ONE_PASS,
        options=forgetful,
    ),
    Scenario(
        "one-pass-upload-without-answer",
        ".* store put .*",
        "",
        first=ONE_PASS,
        before=die_at("finalize received", ONE_PASS),
    ),
    Scenario("intent-without-answer", ".* store put create_unknown .*", "create", before=die_at("create received")),
    Scenario("create-without-answer", ".* store put create_unknown .*", "", answer=("create", "after", "drop")),
    Scenario(
        "create-refused",
        ".* store put abandoned .*",
        "",
        answer=("create", "before", "status:400"),
        in_vain="store put abandoned (before|written)",
    ),
    Scenario(
        "create-unauthorized",
        "redtrust_csr (session .* [12]|refresh .*)",
        "",
        session=Site.with_login,
        answer=("create", "before", "status:401"),
        in_vain=".*",
    ),
    Scenario(
        "upload-without-answer",
        "redtrust_finalize store put .*",
        "finalize",
        before=die_at("finalize received", "redtrust_finalize"),
    ),
    Scenario("certificate-refused", "redtrust_finalize store put .*", "", before=sign_wrongly),
    Scenario("certificate-refused-before", "redtrust_sign .*", "", before=have_refused),
    Scenario("upload-refused", "redtrust_finalize store put .*", "", answer=("finalize", "before", "status:400")),
    Scenario(
        "slow-answer",
        ".* store renew .* 0",
        "",
        first=ONE_PASS,
        answer=("create", "before", "delay:0.5"),
        patches={"_enroll.batch.LEASE_SECONDS": 0.9},
    ),
    Scenario("login", IN_FILE, "login|logout", session=Site.with_login),
    Scenario("login-in-store", ".* store session .*", "", session=with_stored_login),
    Scenario(
        "refresh",
        "redtrust_csr (session|refresh) .*",
        "refresh",
        session=Site.with_login,
        before=have_session_to_refresh,
    ),
    Scenario(
        "refresh-in-store",
        "redtrust_csr (store session .*|store acquire .* 1|store release .* 0|refresh .*)",
        "",
        session=with_stored_login,
        before=have_session_to_refresh,
    ),
    Scenario(
        "exchange-4.33",
        IN_FILE,
        "exchange|logout",
        api_version="4.33",
        first=ONE_PASS,
        options=in_one_session,
        session=with_temporal_token,
        between=with_temporal_token,
    ),
    Scenario(
        "refresh-4.33",
        "",
        "refresh",
        api_version="4.33",
        session=with_temporal_token,
        before=have_session_to_refresh,
        between=with_temporal_token,
    ),
    Scenario(
        "refresh-in-store-4.33",
        "redtrust_csr refresh .*",
        "refresh",
        api_version="4.33",
        session=with_stored_temporal_token,
        before=have_session_to_refresh,
        between=with_temporal_token,
    ),
)
