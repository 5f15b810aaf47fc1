# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that each signer has beside its own: how often it may be asked."""

from __future__ import annotations

import dataclasses
import typing as t

from .base import SignerKind

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {"rate": {"type": "str"}, "burst": {"type": "int"}}

# It goes on with the suboptions of a signer.
DOCUMENTATION = r"""
  rate:
    description:
      - How often the CA may be asked for a certificate, such as V(8/s), V(500/min), V(10000/h), or a number, which is
        in a second.
        From V(1/h) to V(1000/s).
      - All runs that share a store and this CA keep to it together, each with a fair share.
        They need the same value.
      - Without it there is no limit but the number of workers.
    type: str
    version_added: 0.5.0
  burst:
    description:
      - How many requests may reach the CA at once after a pause, from 1 to 10000.
        Needs O(SIGNER.rate).
      - The default is what O(SIGNER.rate) allows in one second, at least 1.
    type: int
    version_added: 0.5.0
"""


def limited(kind: SignerKind) -> SignerKind:
    """Return a kind of signer with these options."""
    documentation = kind.documentation.rstrip() + DOCUMENTATION.replace("SIGNER", kind.option)
    return dataclasses.replace(kind, options={**kind.options, **OPTIONS}, documentation=documentation)
