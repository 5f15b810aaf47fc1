# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an enrollment, for one certificate: request, renew, sign, finalize, and settle by hand.

A step plans, which reads nothing but what it is given and changes nothing, and then acts. Each act commits
its intent before it leaves the machine and the outcome after, so that a run may die anywhere.
"""

from __future__ import annotations

from .attempt import attempt
from .attention import attention
from .batch import BatchOptions, predict, run_batch
from .finalize import FinalizeItem, FinalizeStep
from .policy import RenewBefore
from .request import Adoption, RenewItem, RenewStep, RequestItem, RequestStep
from .settle import SettleItem, SettleStep
from .sign import SignItem, SignStep
from .step import Item, Plan, Step

__all__ = [
    "Adoption",
    "BatchOptions",
    "FinalizeItem",
    "FinalizeStep",
    "Item",
    "Plan",
    "RenewBefore",
    "RenewItem",
    "RenewStep",
    "RequestItem",
    "RequestStep",
    "SettleItem",
    "SettleStep",
    "SignItem",
    "SignStep",
    "Step",
    "attempt",
    "attention",
    "predict",
    "run_batch",
]
