# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of a list of certificates, and the items of a step that they become."""

from __future__ import annotations

import functools
import itertools
import typing as t
from pathlib import Path

from .._enroll.api import (
    Adoption,
    CertificateItem,
    FinalizeItem,
    RenewItem,
    RequestItem,
    SettleItem,
    SignItem,
    Unusable,
)
from .._errors import ConfigurationError
from .._models import CertificateSpec, DistinguishedName
from .._x509.api import certificate_facts, normalize_thumbprint, parse_certificates
from .entry_specs import FIELDS
from .lists import Listed, read_file, read_values
from .paths import file_path
from .renewal import Renewals
from .specs import BATCH, CONNECTION, STORE, Spec

Params = t.Mapping[str, t.Any]
Names = t.Callable[[], t.Sequence[str]]
Made = t.TypeVar("Made")
Source = t.TypeVar("Source")
Source_co = t.TypeVar("Source_co", covariant=True)

# Longer lists are read twice. An entry takes about 2 KB.
_MOST_KEPT = 20000


def certificates_spec(*, required: bool = False) -> Spec:
    """Return the argument spec of a module for a list of certificates.

    The entries have no spec here: Ansible would refuse the whole list for one of them. See ``listed``.
    """
    certificates = {"type": "list", "elements": "dict", "required": required}
    return {**CONNECTION, **STORE, **BATCH, "certificates": certificates}


def listed_spec() -> Spec:
    """Return ``certificates_spec`` for a list that may also come from a file."""
    return {**certificates_spec(), "certificates_file": {"type": "path"}}


class CheckedList:
    """The entries of a list, all of which were read once, so that the list as a whole can be used.

    A long list is read again when it is used, rather than kept in memory.
    """

    def __init__(self, read: t.Callable[[], t.Iterator[Listed]]) -> None:
        """Read the list. Raises ConfigurationError if it cannot be used."""
        entries = read()
        self._read = read
        self._kept = list(itertools.islice(entries, _MOST_KEPT))
        more = sum(1 for _entry in entries)
        self._count = len(self._kept) + more
        if more:
            self._kept.clear()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> t.Iterator[Listed]:
        return iter(self._kept) if self._kept else self._read()


class Counted(t.Protocol[Source_co]):
    """Values that can be counted, and read more than once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> t.Iterator[Source_co]: ...


class Items(t.Generic[Source, Made]):
    """The items of a step, each made of an entry or a name when it is needed.

    An item that cannot be made fails alone.
    """

    def __init__(self, sources: Counted[Source], make: t.Callable[[Source], Made | Unusable]) -> None:
        self._sources = sources
        self._make = make

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> t.Iterator[Made | Unusable]:
        return map(self._make, self._sources)

    def begun_at(self, place: int) -> t.Iterator[Made | Unusable]:
        """Yield the items from a place to the end, and then those before it."""
        yield from map(self._make, itertools.islice(self._sources, place, None))
        yield from map(self._make, itertools.islice(self._sources, place))


def listed(params: Params, entry: Spec, secret: t.Callable[[str], None]) -> CheckedList | None:
    """Return the entries of the list, from the option or the file; None without a list.

    ``secret`` gets each secret of an entry. Raises ConfigurationError for a list that cannot be used.
    """
    given, path = params["certificates"], params.get("certificates_file")
    defaults = params.get("certificate_defaults") or {}
    if given is not None and path is not None:
        raise ConfigurationError("certificates and certificates_file are both set: give one of them")
    if path is not None:
        return CheckedList(functools.partial(read_file, file_path("certificates_file", path), entry, defaults, secret))
    return None if given is None else CheckedList(functools.partial(read_values, given, entry, defaults, secret))


def required(entries: CheckedList | None) -> CheckedList:
    """Return the entries. Raises ConfigurationError if there is no list."""
    if entries is None:
        raise ConfigurationError("neither certificates nor certificates_file is set: give one of them")
    return entries


def request_items(entries: CheckedList) -> Items[Listed, RequestItem]:
    """Return the certificates to request."""
    return _items(entries, lambda _name, entry: RequestItem(_spec(entry), force=entry["force"]))


def renew_items(
    entries: CheckedList | None, names: Names, params: Params, renewals: Renewals
) -> Items[Listed, RenewItem] | Items[str, RenewItem]:
    """Return the certificates to renew when due: the listed ones, or without a list those of ``names``."""
    if entries is None:
        return Items(names(), lambda name: RenewItem(name, renewals.standard, force=params["force"]))
    return _items(entries, lambda name, entry: _renewal(name, entry, renewals, force=params["force"]))


def certificate_items(
    entries: CheckedList | None, names: Names, params: Params, renewals: Renewals
) -> Items[Listed, CertificateItem] | Items[str, CertificateItem]:
    """Return the certificates to make sure of: the listed ones, or without a list those of ``names``, to renew."""
    if entries is None:
        return Items(names(), lambda name: CertificateItem(RenewItem(name, renewals.standard, force=params["force"])))

    def item(name: str, entry: Params) -> CertificateItem:
        only_renewed = params["renew_only"] or entry["dn"] is None
        renewal = _renewal(name, entry, renewals, force=params["force"])
        return CertificateItem(renewal, None if only_renewed else _spec(entry))

    return _items(entries, item)


def sign_items(entries: CheckedList | None, names: Names) -> Items[Listed, SignItem] | Items[str, SignItem]:
    """Return the requests to sign: the listed ones, or without a list those of ``names``."""
    if entries is None:
        return Items(names(), SignItem)
    return _items(entries, lambda name, _entry: SignItem(name))


def settle_items(entries: CheckedList, state: str) -> Items[Listed, SettleItem]:
    """Return the enrollments that a person settles.

    An option that says what is meant must not be passed over, so it is refused where it says nothing.
    """

    def item(name: str, entry: Params) -> SettleItem:
        if entry["csr_sha256"] and state not in ("approved", "denied"):
            raise ConfigurationError(f"csr_sha256 has no meaning with state {state}, only with approved and denied")
        if entry["thumbprint"] and state != "revoked":
            raise ConfigurationError(f"thumbprint has no meaning with state {state}, only with revoked")
        return SettleItem(name, entry["csr_sha256"] or None, entry["thumbprint"] or None)

    return _items(entries, item)


def finalize_items(entries: CheckedList | None, names: Names) -> Items[Listed, FinalizeItem] | Items[str, FinalizeItem]:
    """Return the certificates to upload: the listed ones, or without a list those of ``names``."""
    if entries is None:
        return Items(names(), FinalizeItem)
    return _items(entries, lambda name, entry: FinalizeItem(name, functools.partial(_given, entry, missing_ok=True)))


def _items(entries: CheckedList, make: t.Callable[[str, Params], Made]) -> Items[Listed, Made]:
    """Return the items of a list."""

    def made(entry: Listed) -> Made | Unusable:
        if entry.error is not None:
            return Unusable(entry.name, entry.error)
        try:
            return make(entry.name, entry.values)
        except ConfigurationError as exc:
            return Unusable(entry.name, exc)

    return Items(entries, made)


def _renewal(name: str, entry: Params, renewals: Renewals, *, force: bool) -> RenewItem:
    return RenewItem(
        name,
        renewals.policy(entry["renew_before"]),
        force=entry["force"] or force,
        adoption=functools.partial(_adoption, entry),
        request_code=entry["request_code"],
    )


def _spec(entry: Params) -> CertificateSpec:
    name = entry["name"]
    try:
        dn = DistinguishedName.from_option(entry["dn"])
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc}") from exc
    if not entry["provider"]:
        raise ConfigurationError(f"{name}: provider is not set; it is the name of the provider at the service")
    given = {field.name: entry[field.name] for field in FIELDS}
    lists = {option: tuple(value) for option, value in given.items() if isinstance(value, list)}
    return CertificateSpec(**{**given, **lists, "name": name, "dn": dn})


def _adoption(entry: Params) -> Adoption | None:
    """Return the certificate to adopt for an entry, from its PEM or from its thumbprint and DN."""
    given = _given(entry)
    if not given and not entry["thumbprint"]:
        return None
    if not given:
        return Adoption(_spec(entry), normalize_thumbprint(entry["thumbprint"]))
    facts = certificate_facts(given[0])
    if entry["thumbprint"] and normalize_thumbprint(entry["thumbprint"]) != facts.thumbprint:
        raise ConfigurationError(f"the certificate's thumbprint is {facts.thumbprint}, not the one that is given")
    dn = entry["dn"] if entry["dn"] is not None else facts.subject.to_json()
    return Adoption(
        _spec({**entry, "dn": dn}), facts.thumbprint, given[0], facts.not_valid_before, facts.not_valid_after
    )


def _given(entry: Params, *, missing_ok: bool = False) -> list[bytes]:
    """Return the certificates of an entry, from its value or its path, in the order given.

    With ``missing_ok`` a missing file is an empty list: the CA may not have answered yet.
    """
    if entry["certificate"] and entry["certificate_path"]:
        raise ConfigurationError("give certificate or certificate_path, not both")
    if entry["certificate"]:
        return parse_certificates(entry["certificate"])
    path = entry["certificate_path"]
    if not path:
        return []
    try:
        return parse_certificates(Path(path).read_bytes())
    except OSError as exc:
        if missing_ok and isinstance(exc, (FileNotFoundError, NotADirectoryError)):
            return []
        raise ConfigurationError(f"{path} cannot be read ({exc.strerror})") from exc
    except ConfigurationError as exc:
        raise ConfigurationError(f"{path}: {exc}") from exc
