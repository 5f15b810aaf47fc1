# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of the signer, built from the documentation in each signer's file."""

from __future__ import annotations

import textwrap
import typing as t

from ..module_utils._signers.api import SIGNERS, SignerKind


def _own_option(kind: SignerKind) -> str:
    return f"{kind.option}:\n{textwrap.indent(kind.documentation.strip(), '  ')}\n"


def _choice(*, required: bool) -> str:
    meanings = " ".join(f"V({kind.name}) is {kind.choice} (see O({kind.option}))." for kind in SIGNERS.values())
    return f"""signer:
  description:
    - The signer of the requests. {meanings}
    - It is a dict with its C(type) and the options of that type, as in the examples.
      It may also be the type alone, with its options in the option that is named here.
    - The type C(approval) waits until somebody approves the request, and has the C(signer) that it waits for in it.
      Its other members are those of O(approval).
  type: raw
  required: {str(required).lower()}
"""


def _options(*, required: bool) -> str:
    texts = [_choice(required=required), *map(_own_option, SIGNERS.values())]
    return "options:\n" + textwrap.indent("".join(texts), "  ")


class ModuleDocFragment:
    """The fragment. The annotation keeps the linter of ansible-test from parsing the source of the value."""

    DOCUMENTATION: t.ClassVar[str] = _options(required=True)
    # for a module that only sometimes needs a signer
    OPTIONAL: t.ClassVar[str] = _options(required=False)
