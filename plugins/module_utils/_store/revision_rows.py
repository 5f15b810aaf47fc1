# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions as rows of SQL, and back. The caller holds the transaction."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import hashlib
import json
import typing as t

from .._clock import parse_timestamp
from .._errors import ConfigurationError, StoreError
from .._models import Approval, CertificateSpec, Enrollment, Revision, State
from .base import makes_room_first
from .database import NotUniqueError, Transaction
from .key_file import Key

KEY = ("service", "name", "revision", "attempt")
DATES = ("not_valid_before", "not_valid_after", "signing_since", "retry_at", "created_at", "updated_at", "revoked_at")
# Those of the first releases with a checksum.
FIRST_COLUMNS = (
    *KEY,
    "generation",
    "state",
    "spec",
    "renews",
    "request_code",
    "csr",
    "certificate",
    "chain",
    "thumbprint",
    "not_valid_before",
    "not_valid_after",
    "certificate_id",
    "adopted",
    "upload_started",
    "note",
    "signing_since",
    "failures",
    "retry_at",
    "created_at",
    "updated_at",
)
# A column that is added later is empty in the rows that are there, and comes last.
COLUMNS = (
    *FIRST_COLUMNS,
    "order_number",
    "approvals",
    "approvals_needed",
    "revoked_at",
    "approvals_not_by",
    "renewed_because",
)
# The checksum is over all the others, as they are stored: SQLite does not see a bit that flips inside a value.
STORED = (*COLUMNS, "checksum")
# The nonce tells which put has written a row.
WRITTEN = (*STORED, "nonce")
CHANGEABLE = tuple(column for column in WRITTEN if column not in KEY)
# How many names one query asks for; SQLite before 3.32 takes 999 parameters at most.
CHUNK = 500

# Only the constants above are put together here, never a value.
SELECT = f"SELECT {', '.join(STORED)} FROM revisions"  # noqa: S608
SELECT_SERVICE = f"{SELECT} WHERE service = ?"
SELECT_NAME = f"{SELECT_SERVICE} AND name = ?"
ONE_OF = f"name IN ({', '.join('?' * CHUNK)})"
SELECT_NAMES = f"{SELECT_SERVICE} AND {ONE_OF}"
_INSERT = (
    f"INSERT INTO revisions ({', '.join(WRITTEN)}) VALUES ({', '.join('?' * len(WRITTEN))}) ON CONFLICT DO NOTHING"  # noqa: S608
)
_UPDATE = (
    f"UPDATE revisions SET {', '.join(f'{column} = ?' for column in CHANGEABLE)}"  # noqa: S608
    f" WHERE {' AND '.join(f'{column} = ?' for column in KEY)} AND generation = ?"
)
_NONCE = f"SELECT nonce FROM revisions WHERE {' AND '.join(f'{column} = ?' for column in KEY)}"  # noqa: S608


class ConflictError(Exception):
    """Another run was first; ``asked`` is the revision that was not written."""

    def __init__(self, asked: Revision) -> None:
        super().__init__(asked.label)
        self.asked = asked


class Write:
    """The write of one revision: ``asked`` as the store was asked to put it, ``stored`` as it is stored then."""

    def __init__(self, asked: Revision, key: Key, nonce: str) -> None:
        begun = asked.created_at if asked.generation else None
        self.asked = asked
        self.stored = dataclasses.replace(
            asked, generation=asked.generation + 1, created_at=begun, updated_at=None, stored_as=asked.state
        )
        self.row = {**_values(self.stored, key), "checksum": b"", "nonce": nonce}

    def date(self, now: str) -> None:
        """Give the row its time, unless an earlier try did; one without a date of creation begins now."""
        if self.stored.updated_at is not None:
            return
        moment = date_from_text(now)
        self.stored = dataclasses.replace(self.stored, created_at=self.stored.created_at or moment, updated_at=moment)
        self.row["created_at"] = self.row["created_at"] or now
        self.row["updated_at"] = now
        self.row["checksum"] = checksum(self.row[column] for column in COLUMNS)

    def order(self) -> tuple[object, ...]:
        """Return by what the writes of a transaction are sorted: "at most one" holds after each of them."""
        return (makes_room_first(self.asked), *(self.row[column] for column in KEY))


def chunks(names: t.Iterable[str]) -> t.Iterator[list[str]]:
    """Yield the different names in lists of exactly CHUNK, the last one filled up by repetition."""
    unique = list(dict.fromkeys(names))
    for start in range(0, len(unique), CHUNK):
        end = start + CHUNK
        part = unique[start:end]
        yield part + part[-1:] * (CHUNK - len(part))


def date_to_text(value: dt.datetime) -> str:
    """Return ISO 8601 in UTC with microseconds: always as long, so that text sorts as time does."""
    if value.tzinfo is None:
        raise StoreError(f"{value.isoformat()} has no time zone and is not stored: dates must be in UTC")
    return value.astimezone(dt.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def date_from_text(text: str) -> dt.datetime:
    """Read the result of ``date_to_text()``."""
    return parse_timestamp(text)


def checksum(values: t.Iterable[t.Any]) -> bytes:
    """Return SHA-256 over values of SQL, each with its type and length.

    Empty values of later columns at the end do not count, so that a row keeps its checksum when a column is added.
    """
    parts: list[bytes] = []
    for value in _without_empty_end(list(values)):
        if value is None:
            parts.append(b"-")
        elif isinstance(value, str):
            content = value.encode()
            parts += (b"t%d" % len(content), content)
        elif isinstance(value, bytes):
            parts += (b"b%d" % len(value), value)
        else:
            parts.append(b"%d" % value)
    return hashlib.sha256(b",".join(parts)).digest()


def _without_empty_end(values: list[t.Any]) -> list[t.Any]:
    count = len(values)
    while count > len(FIRST_COLUMNS) and values[count - 1] is None:
        count -= 1
    return values[:count]


def to_row(revision: Revision, key: Key) -> dict[str, t.Any]:
    """Return the revision as values for the columns. The chain is JSON: a list of base64 of DER."""
    row = _values(revision, key)
    row["checksum"] = checksum(row.values())
    return row


def _values(revision: Revision, key: Key) -> dict[str, t.Any]:
    row = {column: getattr(revision, column) for column in COLUMNS}
    row.update({column: date_to_text(row[column]) for column in DATES if row[column] is not None})
    row["state"] = str(revision.state)
    row["spec"] = json.dumps(revision.spec.to_stored())
    row["adopted"], row["upload_started"] = int(revision.adopted), int(revision.upload_started)
    row["chain"] = json.dumps([base64.b64encode(certificate).decode() for certificate in revision.chain])
    row["approvals"] = _approvals_to_text(revision.approvals)
    row["approvals_needed"] = revision.approvals_needed or None
    if revision.request_code is not None:
        row["request_code"] = key.seal(revision.request_code, [row[column] for column in KEY])
    return row


def from_row(values: t.Sequence[t.Any], store: str, key: Key | None) -> Revision:
    """Read a row of ``SELECT``; without the key the request code is left out.

    Raises StoreError, naming the store, when the row is not as it was written, or this release does not write such.
    """
    row = dict(zip(COLUMNS, values))
    try:
        if checksum(values[:-1]) != values[-1]:
            raise ValueError("its checksum is another")  # noqa: TRY301
        for column in DATES:
            if row[column] is not None:
                row[column] = parse_timestamp(row[column])
        row["state"] = row["stored_as"] = State(row["state"])
        row["spec"] = CertificateSpec.from_stored(row["name"], json.loads(row["spec"]))
        row["chain"] = _chain(row["chain"])
        row["adopted"] = bool(row["adopted"])
        row["upload_started"] = bool(row["upload_started"])
        row["approvals"] = _approvals_from_text(row["approvals"])
        row["approvals_needed"] = row["approvals_needed"] or 0
        if row["request_code"] is not None:
            row["request_code"] = key.unseal(row["request_code"], values[: len(KEY)]) if key else None
        return Revision(**row)
    except (ValueError, TypeError, KeyError, AttributeError, ConfigurationError) as exc:
        raise StoreError(
            f"store {store}: the row of {values[1]!r}, revision {values[2]!r}, cannot be read ({exc}): "
            "it is damaged, or a newer release wrote it; use that release, or restore a backup"
        ) from exc


def _approvals_to_text(approvals: t.Sequence[Approval]) -> str | None:
    """Return the approvals as JSON: a list of objects with ``by``, ``at`` and ``why``; None where there are none."""
    if not approvals:
        return None
    return json.dumps([{"by": one.by, "at": date_to_text(one.at), "why": one.why} for one in approvals])


def _approvals_from_text(text: str | None) -> tuple[Approval, ...]:
    if text is None:
        return ()
    return tuple(Approval(one["by"], parse_timestamp(one["at"]), one["why"]) for one in json.loads(text))


@functools.lru_cache(maxsize=64)
def _chain(text: str) -> tuple[bytes, ...]:
    """Read a chain. Most certificates of a store have the same one."""
    return tuple(base64.b64decode(certificate, validate=True) for certificate in json.loads(text))


def write(transaction: Transaction, wanted: Write) -> bool:
    """Write a row over the generation that it was read with; return whether that was done now.

    It was done before where an earlier try of this put was committed, though its answer was lost: the nonce tells.
    Raises ConflictError when another run was first.
    """
    wanted.date(transaction.clock())
    row, before = wanted.row, wanted.asked.generation
    key = [row[column] for column in KEY]
    try:
        if before:
            values = (*(row[column] for column in CHANGEABLE), *key, before)
            done = transaction.execute(_UPDATE, values)
        else:
            done = transaction.execute(_INSERT, [row[column] for column in WRITTEN])
    except NotUniqueError:
        raise ConflictError(wanted.asked) from None
    if not done and transaction.rows(_NONCE, key) != [(row["nonce"],)]:
        raise ConflictError(wanted.asked)
    return done > 0


def enrollments(rows: t.Iterable[t.Sequence[t.Any]], store: str, key: Key | None) -> list[Enrollment]:
    """Group rows by service and name, sorted; the revisions of each are sorted, too."""
    found: dict[tuple[str, str], list[Revision]] = {}
    for row in rows:
        revision = from_row(row, store, key)
        found.setdefault((revision.service, revision.name), []).append(revision)
    for revisions in found.values():
        if len(revisions) > 1:
            revisions.sort(key=lambda revision: (revision.revision, revision.attempt))
    return [Enrollment(*named, tuple(found[named])) for named in sorted(found)]
