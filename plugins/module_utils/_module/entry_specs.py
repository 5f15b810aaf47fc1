# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The specs of an entry of ``certificates`` in each module."""

from __future__ import annotations

import dataclasses
import typing as t

from .._models import CertificateSpec

if t.TYPE_CHECKING:
    from .specs import Spec

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
FIELDS = tuple(field for field in dataclasses.fields(CertificateSpec) if field.compare)


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
    **{field.name: _option(field) for field in FIELDS},
    "force": {"type": "bool", "default": False},
}

RENEWED: Spec = {
    **{name: {**rules, "required": name == "name"} for name, rules in REQUESTED.items()},
    "renew_before": {"type": "str"},
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
    "thumbprint": {"type": "str"},
}

SETTLED: Spec = {
    "name": {"type": "str", "required": True},
    "csr_sha256": {"type": "str"},
    "thumbprint": {"type": "str"},
}

FINALIZED: Spec = {
    "name": {"type": "str", "required": True},
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
}

NAMED: Spec = {"name": {"type": "str", "required": True}}


# The entry of a list whose certificates are made sure of: requested where they are missing, renewed where they are due.
CERTIFICATE = RENEWED
