# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets for the report: none, well, in trouble, large, and with names that mean harm. The same in each run."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import random
import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import Attention
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._report.view import (
    Entry,
    Happening,
    Status,
    View,
    view_of,
)

NOW = dt.datetime(2026, 11, 30, 9, 41, 7, tzinfo=dt.timezone.utc)
SOON = dt.timedelta(days=30)
DAY = dt.timedelta(days=1)
SERVICES = ("redtrust.example.com", "redtrust.pt.example.com", "test.redtrust.example.com")

# A certificate of which only the log tells.
GONE = "gone.example.com"

_FIRST = ("ana", "bruno", "carmen", "diego", "elena", "filipa", "gonzalo", "helena", "inês", "joão", "lucía", "núria")
_LAST = ("alves", "castro", "díaz", "ferreira", "garcía", "lopes", "martín", "moreno", "ortega", "pereira", "santos")
_WHERE = ("www", "api", "mail", "vpn", "pay", "shop", "sso", "git", "db", "print")
_CAS = {
    "CA_SERVERS": "Example Issuing CA G2",
    "CA_PEOPLE": "Example Person CA 2025",
    "CA_PUBLIC": "R11",
    "CA_LEGACY": "CORP-ISSUING-01",
}
_KEYS = ("RSA 2048", "RSA 2048", "RSA 3072", "EC P-256")

_Problem = tuple[Status, str, str, str]
TROUBLES: tuple[_Problem, ...] = (
    (
        Status.EXPIRED,
        "expired",
        "the certificate in use ended at {end:%Y-%m-%dT%H:%M:%SZ}",
        "renew it with redtrust_renew, and see why that did not happen in time",
    ),
    (
        Status.REVOKED,
        "revoked",
        "the certificate in use was revoked at {since:%Y-%m-%dT%H:%M:%SZ}",
        (
            "run redtrust_certificate or redtrust_renew, which renews it at once; where it should not be renewed, run "
            "redtrust_enrollment with state=revoked and renew=false"
        ),
    ),
    (
        Status.NEEDS_PERSON,
        "unapproved",
        "it waits for the approval of 2 people, and has that of maria",
        (
            "look at what is asked for; then one more person (not maria) runs redtrust_enrollment with state=approved, "
            "or with state=denied and a comment"
        ),
    ),
    (
        Status.NEEDS_PERSON,
        "rejected",
        "the CA rejected it: the organization is not validated for this account",
        "change what is asked for, ask again with force, or run redtrust_enrollment with state=abandoned",
    ),
    (
        Status.FAILING,
        "backing_off",
        (
            "it failed 4 times in a row (the CA answered 503 Service Unavailable); nothing is tried before "
            "2026-11-30T14:00:00Z"
        ),
        "mend the cause, then run redtrust_csr or redtrust_renew with force",
    ),
)


class _Maker:
    """Make entries with one source of chance."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def entry(self, number: int, days_left: tuple[int, int] = (3, 360)) -> Entry:
        """Return an entry that is well: in use, or ending soon and to be renewed in time."""
        chance = self._chance
        name, provider = self._name(number)
        life = chance.choice((90, 90, 365)) * DAY
        days = chance.randint(days_left[0], min(days_left[1], life.days))
        end = NOW + days * DAY + dt.timedelta(seconds=chance.randrange(86_400))
        due = end - life / 3
        begin = end - life
        return Entry(
            service=SERVICES[0] if number % 10 < 7 else SERVICES[1] if number % 10 < 9 else SERVICES[2],
            name=name,
            status=Status.ENDS_SOON if days < SOON.days else Status.IN_USE,
            state="finalized",
            provider=provider,
            ca=_CAS[provider],
            subject=f"CN={name},O=Example S.A.,C=ES",
            key=chance.choice(_KEYS),
            thumbprint=hashlib.sha1(f"{number}".encode()).hexdigest().upper(),
            revision=chance.randint(1, 9),
            not_valid_before=begin,
            not_valid_after=end,
            due_at=due,
            renew_at=max(due, NOW),
            renewal=f"due since {due:%Y-%m-%d %H:%M} UTC" if due <= NOW else f"due from {due:%Y-%m-%d %H:%M} UTC on",
            updated_at=begin,
            ends_soon=days < SOON.days,
        )

    def troubled(self, number: int, trouble: _Problem) -> Entry:
        """Return an entry with a trouble."""
        entry, (status, kind, problem, step) = self.entry(number), trouble
        since = NOW - dt.timedelta(hours=self._chance.randint(2, 400))
        end = since if status is Status.EXPIRED else entry.not_valid_after
        words = problem.format(end=end, since=since)
        state = {"unapproved": "intended", "rejected": "rejected", "backing_off": "requested"}.get(kind, "finalized")
        attention = (Attention(t.cast("t.Any", kind), since, words, step),)
        return dataclasses.replace(
            entry,
            status=status,
            state=state,
            attention=attention,
            not_valid_after=end,
            renew_at=NOW if state == "finalized" else None,
            updated_at=since,
        )

    def _name(self, number: int) -> tuple[str, str]:
        chance = self._chance
        if number % 3 == 0:
            return f"{chance.choice(_FIRST)}.{chance.choice(_LAST)}.{number:05d}", "CA_PEOPLE"
        host = f"{chance.choice(_WHERE)}{number:05d}.example.com"
        return host, chance.choice(("CA_SERVERS", "CA_SERVERS", "CA_PUBLIC", "CA_LEGACY"))


def _view(entries: t.Iterable[Entry], happenings: t.Iterable[Happening] = (), title: str = "Certificates") -> View:
    return view_of(title, NOW, "0.5.0", SOON, entries, happenings, services=SERVICES)


def empty() -> View:
    """Return a fleet before its first run."""
    return view_of("Certificates", NOW, "0.5.0", SOON, [])


def well(size: int = 48) -> View:
    """Return a small fleet on one service in which nothing needs a person."""
    maker = _Maker(1)
    entries = [dataclasses.replace(maker.entry(number, (12, 300)), service=SERVICES[0]) for number in range(size)]
    happenings = [_happening(entry, "issued", NOW - 3 * DAY, "") for entry in entries[:5]]
    return view_of("Certificates of Example S.A.", NOW, "0.5.0", SOON, entries, happenings)


def trouble(size: int = 1240) -> View:
    """Return a fleet on three services with some of each trouble, and with a busy log."""
    maker = _Maker(2)
    numbers = (3, 1, 2, 3, 9)
    bad = [
        maker.troubled(size + 100 * kind + number, trouble)
        for kind, trouble in enumerate(TROUBLES)
        for number in range(numbers[kind])
    ]
    waiting = [_waiting(maker.entry(number)) for number in range(size, size + 6)]
    without = [_without(maker.entry(number)) for number in range(size + 10, size + 14)]
    entries = [*(maker.entry(number) for number in range(size)), *bad, *waiting, *without]
    return _view(entries, _log(entries, bad), "Certificates of Example S.A.")


def large(size: int = 100_000) -> View:
    """Return a fleet of many certificates, two in a hundred of them in trouble."""
    maker = _Maker(3)
    entries = [
        maker.troubled(number, TROUBLES[number // 50 % len(TROUBLES)]) if number % 50 == 0 else maker.entry(number)
        for number in range(size)
    ]
    return _view(entries, _log(entries, entries[::50]), "Certificates of Example S.A.")


HOSTILE = (
    "</script><b>bold</b><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "moc.elpmaxe\u202ewww",
    "zero\u200bwidth.example.com",
    "two\nlines\x1b[31m and a colour",
    "\ud800 half of a character",
    "שלום.example.com",
    "a-name-that-never-ends-" + "and-goes-on-" * 12 + "until-here",
    "=HYPERLINK(1)",
    "{{ lookup('pipe', 'id') }}",
    "<!-- --><!--",
    "&lt;b&gt;",
)


def hostile() -> View:
    """Return a fleet in which each text that others choose tries to break out of the page."""
    maker = _Maker(4)
    entries = []
    for number, text in enumerate(HOSTILE):
        attention = (Attention("rejected", NOW - DAY, f"the CA said {text}", f"read {text}"),)
        entries.append(
            dataclasses.replace(
                maker.entry(number),
                service=text,
                name=text,
                provider=text,
                ca=text,
                subject=f"CN={text}",
                key=text,
                renewal=text,
                status=Status.NEEDS_PERSON,
                attention=attention,
            )
        )
    happenings = [Happening(NOW, entry.service, entry.name, 1, "failed", entry.name, entry.name) for entry in entries]
    return view_of(HOSTILE[0], NOW, HOSTILE[1], SOON, entries, happenings)


def _waiting(entry: Entry) -> Entry:
    attention = Attention("waiting", NOW - DAY / 4, "it is at the signer", "run redtrust_sign again")
    return dataclasses.replace(
        entry,
        status=Status.WAITING,
        state="signing",
        attention=(attention,),
        ends_soon=False,
        renew_at=None,
        not_valid_after=NOW + 60 * DAY,
    )


def _without(entry: Entry) -> Entry:
    return dataclasses.replace(
        entry,
        status=Status.NONE,
        state="abandoned",
        ca="",
        thumbprint="",
        key="",
        not_valid_before=None,
        not_valid_after=None,
        due_at=None,
        renew_at=None,
        renewal="",
        ends_soon=False,
    )


def _happening(entry: Entry, what: str, at: dt.datetime, why: str, actor: str = "awx") -> Happening:
    return Happening(at, entry.service, entry.name, entry.revision, what, why, actor)


def _log(entries: t.Sequence[Entry], bad: t.Sequence[Entry]) -> list[Happening]:
    """Return what a renewal each night and some people did."""
    found = []
    for night in range(4):
        begin = NOW.replace(hour=2, minute=10) - night * DAY
        renewed = entries[night * 30 : night * 30 + 26 - 3 * night]
        found += [
            _happening(entry, "renewed", begin + dt.timedelta(seconds=9 * place), "due, as a third of its life is left")
            for place, entry in enumerate(entry for entry in renewed if entry.service == SERVICES[0])
        ]
    words = ("the CA answered 503 Service Unavailable", "the CA answered 503 Service Unavailable", "the CA timed out")
    found += [
        _happening(entry, "failed", NOW.replace(hour=2, minute=31) - place // 4 * DAY, words[place % 3])
        for place, entry in enumerate(bad[-9:])
    ]
    found.append(_happening(bad[0], "approved", NOW - DAY / 12, "checked with the owner by phone", "maria"))
    found.append(_happening(bad[3], "revoked", NOW - DAY / 7, "the laptop was stolen", "joao"))
    found.append(_happening(entries[7], "issued", NOW - DAY / 9, "", "maria"))
    gone = dataclasses.replace(entries[8], name=GONE)
    found.append(_happening(gone, "given_up", NOW - DAY / 8, "nobody needs it", "maria"))
    return found
