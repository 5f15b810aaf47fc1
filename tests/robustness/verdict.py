# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the final state: the store, the files, and above all the ledger of the server.

It uses neither the code of the store nor that of the server: it reads rows with plain SQL.
"""

from __future__ import annotations

import base64
import collections
import collections.abc as c
import hashlib
import json
import re
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .driver import Site

PENDING = ("intended", "requested", "signing", "issued")
Row = c.Mapping[str, t.Any]


def verdict(site: Site, *, never_left: int = 0) -> list[str]:
    """Return the problems, in sentences; nothing if every promise was kept since the site was made.

    ``never_left`` is the maximum number of runs that died between the intent and its request. Those leave a
    ``create_unknown`` for which the server has no request.
    """
    return [
        *_revision_problems(site.revisions()),
        *_key_problems(site, never_left),
        *_certificate_problems(site),
        *_event_problems(site),
        *_session_problems(site),
        *_lease_problems(site),
        *_file_problems(site),
    ]


def _revision_problems(rows: c.Sequence[Row]) -> c.Iterator[str]:
    done = collections.Counter(
        (row["service"], row["name"], row["revision"]) for row in rows if row["state"] in ("finalized", "superseded")
    )
    for row in rows:
        label = f"{row['name']}, revision {row['revision']}, attempt {row['attempt']}"
        if row["state"] in PENDING:
            yield f"{label} is still {row['state']}"
        if done[row["service"], row["name"], row["revision"]] != 1:
            yield f"{label} is {row['state']}, and its revision has no certificate, or more than one"
    for name in {row["name"] for row in rows}:
        current = sum(1 for row in rows if row["name"] == name and row["state"] == "finalized")
        if current != 1:
            yield f"{name} has {current} certificates in use"


def _key_problems(site: Site, never_left: int) -> c.Iterator[str]:
    """Compare the keys without a certificate, by the requested name, with the creates of unknown outcome.

    A create without an answer, or with an error, that made no key has an unknown outcome as well: the client cannot
    tell. A request that a decision gave up has the CSR of its key.
    """
    rows = site.revisions()
    explained = {bytes(row["csr"]) for row in rows if row["csr"] and row["state"] in ("abandoned", "rejected")}
    keys = site.appliance.rows("SELECT dn, csr FROM keys WHERE request > ? AND finalized_at IS NULL", site.since)
    orphans = collections.Counter(_asked(dn) for dn, csr in keys if _der(csr) not in explained)
    unknown = collections.Counter(
        _asked(json.dumps(json.loads(row["spec"])["dn"])) for row in rows if row["state"] == "create_unknown"
    )
    for asked, count in orphans.items():
        if count > unknown[asked]:
            yield f"{count} keys for {asked} have no certificate, and the store knows of {unknown[asked]}"
    in_vain = site.appliance.one(
        "SELECT COUNT(*) FROM requests WHERE id > ? AND step = 'create' AND (status IS NULL OR status = 200 OR"
        " status >= 500 OR fault LIKE '%delay%') AND id NOT IN (SELECT request FROM keys)",
        site.since,
    )
    surplus = unknown.total() - orphans.total() - in_vain
    if not 0 <= surplus <= never_left:
        yield (
            f"{unknown.total()} creates are of unknown outcome, but {orphans.total()} keys have no certificate, "
            f"{in_vain} requests made no key and at most {never_left} never left"
        )


def _certificate_problems(site: Site) -> c.Iterator[str]:
    """Compare the uploads since the start with the store, and the certificates in use on both sides."""
    here = {row["thumbprint"]: row for row in site.revisions() if row["state"] in ("finalized", "superseded")}
    there = site.appliance.rows(
        "SELECT c.thumbprint, c.state, c.pem, k.csr FROM certificates c JOIN keys k USING (request_code)"
        " WHERE k.request > ?",
        site.since,
    )
    for thumbprint, state, pem, csr in there:
        row = here.pop(thumbprint, None)
        if row is None:
            yield f"the server has {thumbprint}, which the store does not know as uploaded"
            continue
        if bytes(row["certificate"]) != _certificate(pem.encode()) or bytes(row["csr"]) != _der(csr):
            yield f"{thumbprint} is another certificate or for another request in the store"
        if (state, row["state"]) not in (("current", "finalized"), ("replaced", "superseded")):
            yield f"{thumbprint} is {state} on the server and {row['state']} in the store"
    for thumbprint, row in here.items():
        known = site.appliance.rows("SELECT state FROM certificates WHERE thumbprint = ?", thumbprint)
        expected = "current" if row["state"] == "finalized" else "replaced"
        if known != [(expected,)]:
            yield f"{thumbprint} is {row['state']} in the store, and the server says {known}"


def _event_problems(site: Site) -> c.Iterator[str]:
    """Check the chain of events, and that the last event of each revision says what its row does."""
    numbers: dict[str, int] = {}
    hashes: dict[str, bytes] = {}
    states: dict[tuple[t.Any, ...], str] = {}
    for event in site.events():
        service, number, *_others = event.values()
        key = (service, event["name"], event["revision"], event["attempt"])
        before = hashes.get(service, bytes(32))
        if number != numbers.get(service, 0) + 1 or event["hash"] != _chained(before, [*event.values()][:-1]):
            yield f"event {number} of {service} does not follow the one before it"
        if event["was"] != states.get(key):
            yield f"event {number} says that {key} was {event['was']}, and it was {states.get(key)}"
        numbers[service], hashes[service], states[key] = number, event["hash"], event["state"]
    for end in site.chains():
        if (end["number"], end["hash"]) != (numbers.get(end["service"]), hashes.get(end["service"])):
            yield f"the chain of {end['service']} does not end with event {end['number']}"
    rows = {tuple(row[name] for name in ("service", "name", "revision", "attempt")): row for row in site.revisions()}
    for key, row in rows.items():
        if row["state"] != states.get(key):
            yield f"{key} is {row['state']}, and its last event says {states.get(key)}"


def _chained(before: bytes, values: c.Iterable[t.Any]) -> bytes:
    """Return the hash of an event, as docs/events.md describes it."""
    parts = [b"b32,", before]
    for value in values:
        text = value.encode() if isinstance(value, str) else b""
        kind = b"-" if value is None else b"t%d," % len(text) if isinstance(value, str) else b"%d" % value
        parts += [b",", kind, text]
    return hashlib.sha256(b"".join(parts)).digest()


def _session_problems(site: Site) -> c.Iterator[str]:
    # One reuse is allowed if only a person can log in: the access token has expired, so nothing can be lost.
    query = "SELECT id, refresh_reuses FROM sessions WHERE rowid > ? AND refresh_reuses > ?"
    for session, reuses in site.appliance.rows(query, site.since_session, 0 if site.options.get("username") else 1):
        yield f"a refresh token of session {session} was sent again, {reuses} times"


def _lease_problems(site: Site) -> c.Iterator[str]:
    """Name the leases that would delay the next run: those of live processes, or not over where none can be seen.

    A slice that is killed between the end of a name and the end of its lease leaves the lease behind. Nobody asks for
    a finished name, so it stays there when it is over.
    """
    for lease in site.leases():
        named = re.search(r"pid (\d+),.* process \S+/(\d+),", lease["holder"])
        delays = _start(named[1]) == named[2] if named else lease["expires_at"] > site.place.now
        if delays:
            yield f"{lease['holder']} still holds {lease['key']}"


def _start(pid: str) -> str | None:
    """Return the start of a process, see proc_pid_stat(5). After many processes a pid is that of another one."""
    try:
        return Path("/proc", pid, "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        return None


def _file_problems(site: Site) -> c.Iterator[str]:
    expected = _expected_files(site.revisions())
    found = {path.name: path.read_bytes() for path in site.certificates.iterdir()}
    for name in sorted({*expected, *found}):
        if name not in found:
            yield f"{site.certificates / name} is not there"
        elif name not in expected:
            yield f"{site.certificates / name} was left behind"
        elif found[name] != expected[name]:
            yield f"{site.certificates / name} is not what is in use"
    for path, own in ((site.store_path, site.place.suffixes), (site.session_path, ("", ".lock"))):
        if path.parent.is_dir():
            left = {one.name for one in path.parent.iterdir()} - {path.name + suffix for suffix in own}
            yield from (f"{path.parent / name} was left behind" for name in sorted(left))


def _expected_files(rows: c.Iterable[Row]) -> dict[str, bytes]:
    expected: dict[str, bytes] = {}
    for row in rows:
        if row["state"] == "finalized" and row["certificate"]:
            expected[f"{row['name']}.pem"] = _pem(row["certificate"])
            chain = [_pem(base64.b64decode(text)) for text in json.loads(row["chain"])]
            if chain:
                expected[f"{row['name']}-chain.pem"] = b"".join(chain)
    return expected


def _asked(dn: str) -> str:
    return json.dumps(json.loads(dn), sort_keys=True)


def _der(csr_pem: str) -> bytes:
    return x509.load_pem_x509_csr(csr_pem.encode()).public_bytes(Encoding.DER)


def _certificate(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
