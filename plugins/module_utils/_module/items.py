# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of an entry of ``certificates`` in each module, and the items of a step that they become."""

from __future__ import annotations

import dataclasses
import functools
import typing as t
from pathlib import Path

from .._enroll.api import Adoption, FinalizeItem, RenewBefore, RenewItem, RequestItem, SettleItem, SignItem
from .._errors import ConfigurationError
from .._models import CertificateSpec, DistinguishedName
from .._x509.api import certificate_facts, normalize_thumbprint, parse_certificates
from .names import check_name
from .specs import BATCH, CONNECTION, STORE, Spec

Params = t.Mapping[str, t.Any]
Names = t.Callable[[], t.Iterable[str]]

# The rules of an option, by the type of the field of CertificateSpec.
_TYPES: t.Mapping[str, t.Mapping[str, str]] = {
    "DistinguishedName": {"type": "raw"},
    "bool": {"type": "bool"},
    "int": {"type": "int"},
    "str": {"type": "str"},
    "str | None": {"type": "str"},
    "t.Mapping[str, t.Any]": {"type": "dict"},
    "tuple[int, ...]": {"type": "list", "elements": "int"},
    "tuple[str, ...]": {"type": "list", "elements": "str"},
}
# Fields that do not take part in comparisons are not options.
_FIELDS = tuple(field for field in dataclasses.fields(CertificateSpec) if field.compare)


def _option(field: dataclasses.Field[t.Any]) -> dict[str, t.Any]:
    """Return the option for a field of CertificateSpec. An option without a default is required."""
    rules = {**_TYPES[str(field.type)], "no_log": not field.repr}
    if field.default_factory is not dataclasses.MISSING:
        return {**rules, "default": field.default_factory()}
    if field.default is dataclasses.MISSING:
        return {**rules, "required": True}
    if field.default is None:
        return rules
    return {**rules, "default": list(field.default) if isinstance(field.default, tuple) else field.default}


REQUESTED: Spec = {
    **{field.name: _option(field) for field in _FIELDS},
    "force": {"type": "bool", "default": False},
}

RENEWED: Spec = {
    **{name: {**rules, "required": name == "name"} for name, rules in REQUESTED.items()},
    "renew_before": {"type": "str"},
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
    "thumbprint": {"type": "str"},
}

FINALIZED: Spec = {
    "name": {"type": "str", "required": True},
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
}

NAMED: Spec = {"name": {"type": "str", "required": True}}


def certificates_spec(entry: Spec, *, required: bool = False) -> Spec:
    """Return the argument spec of a module for a list of certificates; ``entry`` is the spec of one certificate."""
    certificates = {"type": "list", "elements": "dict", "options": entry, "required": required}
    return {**CONNECTION, **STORE, **BATCH, "certificates": certificates}


def request_items(params: Params) -> list[RequestItem]:
    """Return the certificates to request."""
    return [RequestItem(_spec(entry), force=entry["force"]) for entry in params["certificates"]]


def renew_items(params: Params, names: Names) -> list[RenewItem]:
    """Return the certificates to renew when due: the listed ones, or without a list those of ``names``."""
    standard = RenewBefore.parse(params["renew_before"])
    if params["certificates"] is None:
        return [RenewItem(name, standard, force=params["force"]) for name in names()]
    return [
        RenewItem(
            _name(entry),
            RenewBefore.parse(entry["renew_before"]) if entry["renew_before"] else standard,
            force=entry["force"] or params["force"],
            adoption=functools.partial(_adoption, entry),
            request_code=entry["request_code"],
        )
        for entry in params["certificates"]
    ]


def sign_items(params: Params, names: Names) -> list[SignItem]:
    """Return the requests to sign: the listed ones, or without a list those of ``names``."""
    if params["certificates"] is None:
        return [SignItem(name) for name in names()]
    return [SignItem(_name(entry)) for entry in params["certificates"]]


def settle_items(params: Params) -> list[SettleItem]:
    """Return the enrollments that a person settles."""
    return [SettleItem(_name(entry)) for entry in params["certificates"]]


def finalize_items(params: Params, names: Names) -> list[FinalizeItem]:
    """Return the certificates to upload: the listed ones, or without a list those of ``names``."""
    if params["certificates"] is None:
        return [FinalizeItem(name) for name in names()]
    return [
        FinalizeItem(_name(entry), functools.partial(_given, entry, missing_ok=True))
        for entry in params["certificates"]
    ]


def _name(entry: Params) -> str:
    return check_name(str(entry["name"]))


def _spec(entry: Params) -> CertificateSpec:
    name = _name(entry)
    try:
        dn = DistinguishedName.from_option(entry["dn"])
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc}") from exc
    if not entry["provider"]:
        raise ConfigurationError(f"{name}: provider is not set; it is the name of the provider at the service")
    given = {field.name: entry[field.name] for field in _FIELDS}
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
