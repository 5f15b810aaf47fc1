# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of a request at Microsoft AD CS."""

from __future__ import annotations

import re
import typing as t

from .._errors import ConfigurationError
from .._models import CertificateSpec
from .._x509.api import load_csr
from .base import SigningOrder
from .preset import Options, PresetCode

_KINDS = {"DNS": "dns", "IP": "ipaddress", "email": "email", "URI": "url", "UPN": "upn"}


class AdcsCode(PresetCode):
    """The requests to one CA."""

    def __init__(self, options: Options) -> None:
        """Raises ConfigurationError."""
        self._options = options
        template = options["template"]
        if template and not re.fullmatch(r"[^\s:&](?:[^\r\n:&]*[^\s:&])?", template):
            raise ConfigurationError(f"adcs.template must be the name of a template, not {template!r}")

    def values(self, order: SigningOrder) -> t.Mapping[str, t.Any]:
        """Return the attributes of a request. Raises ConfigurationError where the CA could not do it."""
        if self._options["subject"] == "csr" and not load_csr(order.csr).has_subject:
            raise ConfigurationError(
                "the CSR has no subject, and the web enrollment of AD CS has no other place for one: use "
                "another signer, or set adcs.subject to template where the CA builds the subject from the directory"
            )
        lines = [f"CertificateTemplate:{self._options['template']}"] if self._options["template"] else []
        if order.subject_alt_name:
            lines.append(f"san:{'&'.join(self._names(order.subject_alt_name))}")
        return {"attributes": "\r\n".join([*lines, f"RedtrustRequest:{order.request_id}"])}

    def check_spec(self, spec: CertificateSpec) -> None:
        if spec.subject_alt_name:
            tuple(self._names(spec.subject_alt_name))

    def _names(self, names: t.Sequence[str]) -> t.Iterator[str]:
        if not self._options["san_attribute"]:
            raise ConfigurationError(
                "subject_alt_name cannot be handed to AD CS, unless adcs.san_attribute is set and the CA has "
                "EDITF_ATTRIBUTESUBJECTALTNAME2"
            )
        for written in names:
            kind, _colon, value = written.partition(":")
            if kind not in _KINDS or re.search(r"[&\r\n]", value):
                raise ConfigurationError(f"subject_alt_name {written!r} cannot be handed to AD CS")
            yield f"{_KINDS[kind]}={value}"
