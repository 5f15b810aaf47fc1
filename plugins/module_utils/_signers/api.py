# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What turns a request into a certificate: the partner's CA, behind one small interface."""

from __future__ import annotations

from .base import Signed, Signer, SigningOrder
from .command import CommandSigner
from .extensions import check_subject_alt_name
from .local_ca import LocalCa
from .profile import DIGESTS, Profile

__all__ = [
    "DIGESTS",
    "CommandSigner",
    "LocalCa",
    "Profile",
    "Signed",
    "Signer",
    "SigningOrder",
    "check_subject_alt_name",
]
