# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two forms of the option signer: one dict with the type and its options, or a name beside an option of that name.

Ansible masks a secret only where the argument spec has it, and the options depend on the type. So the dict is taken
apart before Ansible looks at the options.
"""

from __future__ import annotations

import typing as t

from .._errors import ConfigurationError

# A wrapper: its other members are the option of that name, and ``signer`` in it is the signer that it wraps.
APPROVAL = "approval"
# Types whose option has another name, since a module has another option of that name: ``SignerKind.option``.
OTHER_OPTIONS = {"directory": "directory_signer"}


def taken_apart(params: t.Mapping[str, t.Any], types: t.Collection[str]) -> dict[str, t.Any]:
    """Return the options of a module with ``signer`` as a name, and the options of the signer under that name.

    ``types`` are the names of all signers. Raises ConfigurationError, without the value of an option in its message,
    since it may be a secret.
    """
    taken = dict(params)
    while isinstance(taken.get("signer"), t.Mapping):
        form = dict(taken.pop("signer"))
        name = form.pop("type", None)
        if not isinstance(name, str) or not name:
            raise ConfigurationError("signer has no type: it must be such as {type: command, argv: [ask-our-ca]}")
        if name == APPROVAL:
            taken["signer"] = form.pop("signer", None)
            if not taken["signer"]:
                raise ConfigurationError("signer of the type approval has no signer in it: say which one it waits for")
        elif name in types:
            taken["signer"] = name
        else:
            raise ConfigurationError(no_such_type(name, types))
        option = OTHER_OPTIONS.get(name, name)
        if form and taken.get(option):
            raise ConfigurationError(f"the options of the signer are in signer and in {option}: give them once")
        taken[option] = form or taken.get(option) or {}
    return taken


def no_such_type(name: object, types: t.Iterable[str]) -> str:
    """Return the sentence about a type of signer that does not exist."""
    return f"the type of the signer must be one of {', '.join(types)}, not {name!r}"


def signer_name(signer: object) -> str:
    """Return the name of the signer that signs in the end; empty where there is none."""
    while isinstance(signer, t.Mapping):
        signer = signer.get("signer") if signer.get("type") == APPROVAL else signer.get("type")
    return str(signer or "")
