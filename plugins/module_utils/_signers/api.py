# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a request into a certificate: the partner's CA, behind one small interface.

A signer is one file: its name, its options with their documentation, and its code. ``SIGNERS`` lists all of them, and
adds the options that all have: how often a CA may be asked. The argument spec and the documentation of
``redtrust_sign`` are made from this list.
"""

from __future__ import annotations

import typing as t

from . import acme, adcs, cfssl, command, directory, ejbca, http, local_ca, openbao, step_ca
from .base import NotYet, Revocation, Signed, Signer, SignerKind, SigningOrder
from .extensions import check_subject_alt_name
from .limited import limited

_KINDS = (
    local_ca.KIND,
    command.KIND,
    http.KIND,
    openbao.KIND,
    openbao.VAULT,
    cfssl.KIND,
    step_ca.KIND,
    ejbca.KIND,
    adcs.KIND,
    directory.KIND,
    acme.KIND,
)
SIGNERS: t.Mapping[str, SignerKind] = {kind.name: limited(kind) for kind in _KINDS}

__all__ = [
    "SIGNERS",
    "NotYet",
    "Revocation",
    "Signed",
    "Signer",
    "SignerKind",
    "SigningOrder",
    "check_subject_alt_name",
]
