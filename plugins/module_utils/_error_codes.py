# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of the error codes of the service, as far as it is known. Pure.

The pages of the RA API list no codes. These are from the vendor's Administration API; that the RA API has the same ones
is a reading. No word of ``message`` decides anything: it comes in Spanish, Catalan or English.
"""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class Meaning:
    """The meaning of a code beyond the words of the service.

    ``advice`` is the next step. ``not_done``: nothing was carried out, even where the status leaves that open.
    ``concerns_all``: no other certificate would go through either. ``passes``: it ends by itself.
    """

    advice: str = ""
    not_done: bool = False
    concerns_all: bool = False
    passes: bool = False


_LICENSE = "no certificate will go through before the licence of the appliance is settled with Redtrust"

_MEANINGS: t.Mapping[str, Meaning] = {
    "SLAVE_SERVER": Meaning(
        "this is the secondary of a pair of appliances, which changes nothing, so nothing was done: set host to the "
        "primary, or look why the primary is away",
        not_done=True,
        concerns_all=True,
    ),
    "MUST_WAIT": Meaning(
        "the service wants a pause, perhaps after wrong passwords: wait some minutes before the next run, and look at "
        "username and password first, since more attempts may lock the account",
        not_done=True,
        concerns_all=True,
        passes=True,
    ),
    "CHANGE_PASSWORD": Meaning(
        "this user has to change the password first: a person does that at Redtrust's own sign-in page, then set "
        "password to the new one",
        concerns_all=True,
    ),
    "ERR_CERTIFICATES_GROUP_MANDATORY": Meaning(
        "the service wants each certificate in a group: set group_ids, which needs api_version 4.42"
    ),
    "ERR_LICENSE_EXCEEDED": Meaning(_LICENSE, concerns_all=True),
    "REQUIRE_PAYMENT": Meaning(_LICENSE, concerns_all=True),
    "ERR_INACTIVE_MODULE": Meaning(
        "no certificate will go through before the module for it is active on the appliance: ask who runs it",
        concerns_all=True,
    ),
}
_UNKNOWN = Meaning()


def canonical(code: str) -> str:
    """Return a code in the form for comparisons."""
    return code.strip().upper()


def meaning_of(code: str | None) -> Meaning:
    """Return the meaning of a code; an empty one for most of them."""
    return _MEANINGS.get(canonical(code or ""), _UNKNOWN)
