# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The things of this field as frozen dataclasses: specs, revisions, enrollments, outcomes.

Nothing here does I/O. Fields that hold a secret are left out of ``repr``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import hashlib
import json
import typing as t

from ._errors import ConfigurationError

Action = t.Literal["none", "resume", "issue", "replace", "renew"]


class State(str, enum.Enum):
    """The states of one revision; the order is the order of a life without incident."""

    INTENDED = "intended"
    REQUESTED = "requested"
    SIGNING = "signing"
    ISSUED = "issued"
    FINALIZED = "finalized"
    SUPERSEDED = "superseded"
    CREATE_UNKNOWN = "create_unknown"
    REJECTED = "rejected"
    ABANDONED = "abandoned"

    def __str__(self) -> str:
        return self.value


# The states in which a revision is on its way; an enrollment has at most one such revision.
PENDING = frozenset({State.INTENDED, State.REQUESTED, State.SIGNING, State.ISSUED})


@dataclasses.dataclass(frozen=True)
class Tokens:
    """The token triple of one login. ``expires_at`` is in UTC."""

    access_token: str = dataclasses.field(repr=False)
    refresh_token: str | None = dataclasses.field(repr=False, default=None)
    expires_at: dt.datetime | None = None


@dataclasses.dataclass(frozen=True)
class DistinguishedName:
    """An ordered list of attributes, as the user wrote them; an attribute may repeat.

    ``unknown`` holds, for each attribute, the members that a newer release has written beside it.
    """

    attributes: tuple[tuple[str, str], ...]
    unknown: tuple[t.Mapping[str, t.Any], ...] = dataclasses.field(default=(), compare=False, repr=False)

    @classmethod
    def from_option(cls, value: object) -> DistinguishedName:
        """Read a DN option: a list of ``{attribute, value}``, or a mapping of attribute to value or values.

        Raises ConfigurationError when it is neither, is empty, or holds an empty attribute or value.
        """
        return cls(_without_gaps(_dn_pairs(value)))

    def to_json(self) -> list[dict[str, str]]:
        """Return the wire form of the vendor's page."""
        return [{"attribute": attribute, "value": value} for attribute, value in self.attributes]

    @classmethod
    def from_stored(cls, entries: t.Sequence[t.Mapping[str, t.Any]]) -> DistinguishedName:
        """Read the result of ``to_stored()``, of this or another release.

        Raises ConfigurationError, KeyError or TypeError when there is no attribute, or one lacks its name or value.
        """
        pairs = [(str(entry["attribute"]), _dn_text(entry["attribute"], entry["value"])) for entry in entries]
        attributes = _without_gaps(pairs)
        if max(map(len, entries)) == 2:
            return cls(attributes)
        return cls(attributes, tuple(_without(entry, ("attribute", "value")) for entry in entries))

    def to_stored(self) -> list[dict[str, t.Any]]:
        """Return the wire form, with the unknown members as they were read."""
        unknown = self.unknown or ({},) * len(self.attributes)
        return [{**members, **entry} for members, entry in zip(unknown, self.to_json())]

    def __str__(self) -> str:
        return ", ".join(f"{attribute}={value}" for attribute, value in self.attributes)


def _without_gaps(found: t.Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = tuple(found)
    if not pairs:
        raise ConfigurationError("dn must name at least one attribute, for example {cn: Ana Garcia Lopez}")
    for attribute, text in pairs:
        if not attribute.strip() or not text.strip():
            raise ConfigurationError(f"dn has an empty attribute or value: {attribute!r} = {text!r}")
    return pairs


def _without(members: t.Mapping[str, t.Any], known: t.Iterable[str]) -> dict[str, t.Any]:
    return {name: value for name, value in members.items() if name not in known}


def _dn_pairs(value: object) -> t.Iterator[tuple[str, str]]:
    if isinstance(value, t.Mapping):
        for attribute, values in value.items():
            for single in values if isinstance(values, (list, tuple)) else [values]:
                yield str(attribute), _dn_text(attribute, single)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            if not isinstance(entry, t.Mapping) or set(entry) != {"attribute", "value"}:
                raise ConfigurationError(f"each entry of dn must be a mapping of attribute and value, not {entry!r}")
            yield str(entry["attribute"]), _dn_text(entry["attribute"], entry["value"])
    else:
        raise ConfigurationError(
            "dn must be a list of {attribute, value} or a mapping of attribute to value, not " + type(value).__name__
        )


def _dn_text(attribute: object, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"dn attribute {attribute!r} must be text, not {value!r} (quote it in YAML)")
    return value


# The fields of a spec that have no member of their own in its stored form.
_NOT_STORED = frozenset({"name", "request_code", "unknown"})


@dataclasses.dataclass(frozen=True)
class CertificateSpec:
    """The certificate that is asked for under one name: of the service, with ``subject_alt_name`` of the signer.

    ``subject_alt_name`` is written as community.crypto does (``DNS:www.example.com``, ``IP:192.0.2.1``, ...);
    the service has no field for it. ``unknown`` holds the fields that a newer release has written into the store: they
    are written back as they were read, and make no difference to anything here.
    """

    name: str
    dn: DistinguishedName
    provider: str
    key_type: str = "RSA"
    key_length: int = 2048
    hash_type: str = "SHA256"
    info: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    group_ids: tuple[int, ...] = ()
    subject_alt_name: tuple[str, ...] = ()
    request_code: str | None = dataclasses.field(default=None, repr=False)
    unknown: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def asked_for(self) -> dict[str, t.Any]:
        """Return every property of the certificate, as JSON types.

        The request code is no property of the certificate: it names a request.
        """
        return {
            "dn": self.dn.to_json(),
            "provider": self.provider,
            "key_type": self.key_type,
            "key_length": self.key_length,
            "hash_type": self.hash_type,
            "info": dict(self.info),
            "group_ids": list(self.group_ids),
            "subject_alt_name": list(self.subject_alt_name),
        }

    def fingerprint(self) -> str:
        """Return a SHA-256 in hex over ``asked_for()``: equal exactly when nothing differs."""
        text = json.dumps(self.asked_for(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def is_as(self, other: CertificateSpec) -> bool:
        """Return whether the two ask for the same; this is fast."""
        return (
            self.dn.attributes == other.dn.attributes
            and self.provider == other.provider
            and self.key_type == other.key_type
            and self.key_length == other.key_length
            and self.hash_type == other.hash_type
            and self.info == other.info
            and self.group_ids == other.group_ids
            and self.subject_alt_name == other.subject_alt_name
        )

    def differences(self, other: CertificateSpec) -> list[str]:
        """Return the names of the parameters in which the two differ, in a fixed order."""
        if self.is_as(other):
            return []
        theirs = other.asked_for()
        return [name for name, value in self.asked_for().items() if theirs[name] != value]

    def to_stored(self) -> dict[str, t.Any]:
        """Return the form that the store keeps: ``asked_for()`` with the unknown members."""
        return {**self.unknown, **self.asked_for(), "dn": self.dn.to_stored()}

    @classmethod
    def from_stored(cls, name: str, data: t.Mapping[str, t.Any]) -> CertificateSpec:
        """Read the result of ``to_stored()``, of this or another release. A missing field has its default.

        Raises ConfigurationError, KeyError or TypeError when a field cannot be read, or has no default: the DN and the
        provider.
        """
        fields = {field: data[field] for field in _STORED if field in data}
        for field in _STORED_AS_LIST:
            if field in fields:
                fields[field] = tuple(fields[field])
        unknown = _without(data, _STORED) if len(fields) < len(data) else {}
        fields["provider"] = data["provider"]
        fields["dn"] = DistinguishedName.from_stored(data["dn"])
        return cls(name=name, **fields, unknown=unknown)


# Many thousands of specs are read in a run, so the fields are looked up once.
_STORED = tuple(field.name for field in dataclasses.fields(CertificateSpec) if field.name not in _NOT_STORED)
_STORED_AS_LIST = tuple(field.name for field in dataclasses.fields(CertificateSpec) if isinstance(field.default, tuple))


@dataclasses.dataclass(frozen=True)
class Request:
    """The answer to csr/create: the request code (a secret) and the CSR in DER."""

    request_code: str = dataclasses.field(repr=False)
    csr: bytes


@dataclasses.dataclass(frozen=True)
class Finalized:
    """The answer to csr/finalize. Generation 4.33 promises an HTTP status only, so all may be unknown."""

    certificate_id: str | None = None
    thumbprint: str | None = None
    confirmed_by_second_answer: bool = False


@dataclasses.dataclass(frozen=True)
class Approval:
    """The consent of a person to a request; ``at`` is in UTC, ``why`` may be empty."""

    by: str
    at: dt.datetime
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Revision:
    """One certificate of an enrollment, or one attempt at it; a row of the store.

    ``generation`` is the version of the row: 0 is a row that is not stored yet. Certificates and the CSR are
    in DER, ``chain`` leads from the issuer upwards, dates are in UTC. ``failures`` counts those in a row, and before
    ``retry_at`` the next attempt is not made. A request code is kept until the certificate is finalized. A certificate
    that the gate refused stays until the signer has given another one. ``order_number`` is the CA's name for it.
    ``approvals_needed`` is how many approvals are wanted for it, by the last run that wanted any. ``approvals_not_by``
    is who must not give one. ``revoked_at`` is when the CA was told to revoke the certificate. ``renewed_because`` is
    ``distrusted`` or ``revoked`` where it was asked for since the one before was so. ``stored_as`` is the state of the
    row in the store, None if it has none.
    """

    service: str
    name: str
    revision: int
    attempt: int
    state: State
    spec: CertificateSpec
    generation: int = 0
    renews: str | None = None
    request_code: str | None = dataclasses.field(default=None, repr=False)
    csr: bytes | None = dataclasses.field(default=None, repr=False)
    certificate: bytes | None = dataclasses.field(default=None, repr=False)
    chain: tuple[bytes, ...] = dataclasses.field(default=(), repr=False)
    thumbprint: str | None = None
    not_valid_before: dt.datetime | None = None
    not_valid_after: dt.datetime | None = None
    certificate_id: str | None = None
    adopted: bool = False
    upload_started: bool = False
    note: str | None = None
    signing_since: dt.datetime | None = None
    failures: int = 0
    retry_at: dt.datetime | None = None
    order_number: str | None = None
    approvals: tuple[Approval, ...] = ()
    approvals_needed: int = 0
    revoked_at: dt.datetime | None = None
    approvals_not_by: str | None = None
    renewed_because: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    stored_as: State | None = dataclasses.field(default=None, compare=False, repr=False)

    def moved(self, state: State, **changes: t.Any) -> Revision:
        """Return a copy in another state, in which nothing has failed yet."""
        return dataclasses.replace(self, **{"state": state, "failures": 0, "retry_at": None, **changes})

    def failed(self, note: str, retry_at: dt.datetime | None) -> Revision:
        """Return a copy with one failure more."""
        return dataclasses.replace(self, note=note, failures=self.failures + 1, retry_at=retry_at)

    @property
    def refused(self) -> bool:
        """Return whether the gate refused the certificate that is kept here, so that the signer is to give another."""
        return self.certificate is not None and self.state in (State.REQUESTED, State.SIGNING)

    @property
    def label(self) -> str:
        """Return the words that name this revision in a message."""
        return f"{self.name}, revision {self.revision}"


@dataclasses.dataclass(frozen=True)
class Enrollment:
    """The life of one named certificate on one service: its revisions, oldest first."""

    service: str
    name: str
    revisions: tuple[Revision, ...] = ()

    @functools.cached_property
    def current(self) -> Revision | None:
        """Return the finalized revision, the one in use."""
        return self._latest(State.FINALIZED)

    @functools.cached_property
    def pending(self) -> Revision | None:
        """Return the revision that is on its way."""
        return self._latest(*PENDING)

    @property
    def latest(self) -> Revision | None:
        """Return the revision that was begun last, in any state."""
        return self.revisions[-1] if self.revisions else None

    @property
    def unknown_creates(self) -> int:
        """Return how many create calls had no answer. As many keys may lie orphaned on the server."""
        return sum(1 for revision in self.revisions if revision.state is State.CREATE_UNKNOWN)

    def with_rows(self, *rows: Revision) -> Enrollment:
        """Return the enrollment with these rows, each in the place of the row that has its revision and attempt."""
        found = {(row.revision, row.attempt): row for row in (*self.revisions, *rows)}
        return dataclasses.replace(self, revisions=tuple(found[key] for key in sorted(found)))

    def next_revision(self, spec: CertificateSpec) -> Revision:
        """Return the intent of the next revision, or of the next attempt at it.

        An attempt that was given up before it had a CSR left nothing behind on the server, so its row is used
        again. Failures in a row are counted on, unless something else is asked for.
        """
        current, latest = self.current, self.latest
        number = current.revision + 1 if current else latest.revision if latest else 1
        attempts = [revision for revision in self.revisions if revision.revision == number]
        last = attempts[-1] if attempts else None
        reusable = last is not None and last.state is State.ABANDONED and last.csr is None
        same = last is not None and last.spec.fingerprint() == spec.fingerprint()
        return Revision(
            service=self.service,
            name=self.name,
            revision=number,
            attempt=(last.attempt if last and reusable else last.attempt + 1 if last else 1),
            state=State.INTENDED,
            spec=spec,
            generation=last.generation if last and reusable else 0,
            renews=current.thumbprint if current else None,
            failures=last.failures if last and same else 0,
            stored_as=last.stored_as if last and reusable else None,
        )

    def _latest(self, *states: State) -> Revision | None:
        return next((revision for revision in reversed(self.revisions) if revision.state in states), None)


@dataclasses.dataclass(frozen=True)
class Postponed:
    """A renewal that is due and left for a later run: because of which option, and until when if that is known."""

    by: str
    until: dt.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one step for one certificate; one entry of a module's ``certificates`` result.

    ``revision`` is the one that the step worked on. ``in_use`` is the finalized one after the step. After a failure
    ``still_in_use`` is that one instead, since no file is written then.
    """

    name: str
    action: str
    reason: str
    changed: bool = False
    revision: Revision | None = None
    in_use: Revision | None = None
    still_in_use: Revision | None = None
    before: t.Mapping[str, t.Any] | None = None
    after: t.Mapping[str, t.Any] | None = None
    extra: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: Exception | None = None
    postponed: Postponed | None = None
