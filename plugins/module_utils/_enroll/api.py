# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an enrollment: request, renew, sign, finalize, the whole way, and settle by hand; for one and for many.

A step plans and then acts. A plan is made from the store, the item and the time; it carries its decision and changes
nothing. Acting carries that decision out and decides nothing again. It commits the intent before anything leaves the
machine and the outcome afterwards, so a run may die anywhere. A batch plans twice: without a lease to find out which
items act, and under the lease for those.
"""

from __future__ import annotations

import importlib
import typing as t

from .approval import ApprovalRule, counted, missing
from .attempt import attempt
from .attention import Attention, attention
from .batch import BatchOptions, ItemList, Told, Unusable, predict, run_batch
from .calendar import Calendar, Freeze, Window, instant
from .certificate import CertificateItem, CertificateStep, Steps
from .criteria import Criteria
from .distrust import Distrust
from .finalize import FinalizeItem, FinalizeStep
from .forecast import Forecast, forecast
from .outlook import Outlook, outlook
from .patterns import Allowed, Lengths, Networks, Patterns
from .renewal import Quota, RenewalPolicy
from .replace import Count, Incident, Incidents, Survey, count, is_replaced
from .request import Adoption, RenewItem, RenewStep, RequestItem, RequestStep
from .revoke import RevokeStep, Terms
from .rules import Rule, Rules
from .settle import SettleItem, SettleStep
from .sign import SignItem, SignStep
from .step import Decided, Item, Plan, Step
from .urgent import AskCa, Lookups, Reasons
from .verdict import VerdictStep

# imported where it is used first: few runs look for revocations
if t.TYPE_CHECKING:
    from .revocation import Places, RevocationSources

__all__ = [
    "Adoption",
    "Allowed",
    "ApprovalRule",
    "AskCa",
    "Attention",
    "BatchOptions",
    "Calendar",
    "CertificateItem",
    "CertificateStep",
    "Count",
    "Criteria",
    "Decided",
    "Distrust",
    "FinalizeItem",
    "FinalizeStep",
    "Forecast",
    "Freeze",
    "Incident",
    "Incidents",
    "Item",
    "ItemList",
    "Lengths",
    "Lookups",
    "Networks",
    "Outlook",
    "Patterns",
    "Places",
    "Plan",
    "Quota",
    "Reasons",
    "RenewItem",
    "RenewStep",
    "RenewalPolicy",
    "RequestItem",
    "RequestStep",
    "RevocationSources",
    "RevokeStep",
    "Rule",
    "Rules",
    "SettleItem",
    "SettleStep",
    "SignItem",
    "SignStep",
    "Step",
    "Steps",
    "Survey",
    "Terms",
    "Told",
    "Unusable",
    "VerdictStep",
    "Window",
    "attempt",
    "attention",
    "count",
    "counted",
    "forecast",
    "instant",
    "is_replaced",
    "missing",
    "outlook",
    "predict",
    "run_batch",
]


def __getattr__(name: str) -> t.Any:
    if name not in ("Places", "RevocationSources"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(".revocation", __package__), name)
