# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two forms of the option signer: one dict with the type and its options, or a name beside an option of that name.

Ansible masks a secret only where the argument spec has it, and the options depend on the type. So the dict is taken
apart before Ansible looks at the options.
"""

from __future__ import annotations

import json
import re
import typing as t

from .._errors import ConfigurationError

# A wrapper: its other members are the option of that name, and ``signer`` in it is the signer that it wraps.
APPROVAL = "approval"
# Types whose option has another name, since a module has another option of that name: ``SignerKind.option``.
OTHER_OPTIONS = {"directory": "directory_signer"}
# A text with another character in it is no name: it may be a mapping in YAML or the like, with secrets in it.
_NAME = re.compile(r"[^{}\[\]:=\n]{0,60}")

NO_NAME = (
    "is a text that is no name of a signer: it must be a name, or a mapping such as {type: command, argv: "
    "[ask-our-ca]}, which may also be text in JSON"
)


def is_name(text: str) -> bool:
    """Return whether a text may be the name of a signer, so that it can be printed."""
    return bool(_NAME.fullmatch(text))


def form_of(signer: object) -> object:
    """Return the option as it is meant: a mapping in JSON is text where it comes from a survey or extra variables."""
    if not isinstance(signer, str) or not signer.lstrip().startswith("{"):
        return signer
    try:
        return json.loads(signer)
    except (ValueError, RecursionError):
        return signer


def taken_apart(params: t.Mapping[str, t.Any], types: t.Collection[str]) -> dict[str, t.Any]:
    """Return the options of a module with ``signer`` as a name, and the options of the signer under that name.

    ``types`` are the names of all signers. Raises ConfigurationError, without the value of an option in its message,
    since it may be a secret.
    """
    taken = {**params, "signer": form_of(params["signer"])} if "signer" in params else dict(params)
    while isinstance(taken.get("signer"), t.Mapping):
        form = dict(taken.pop("signer"))
        name = form.pop("type", None)
        if not isinstance(name, str) or not name:
            raise ConfigurationError("signer has no type: it must be such as {type: command, argv: [ask-our-ca]}")
        if name == APPROVAL:
            taken["signer"] = form_of(form.pop("signer", None))
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
    _check_name(taken.get("signer"))
    return taken


def _check_name(signer: object) -> None:
    """Raise ConfigurationError for what is no name, which Ansible would print."""
    if signer is not None and not isinstance(signer, str):
        raise ConfigurationError(f"signer must be the name of a signer or a mapping, not {type(signer).__name__}")
    if signer and not is_name(signer):
        raise ConfigurationError(f"signer {NO_NAME}")


def no_such_type(name: object, types: t.Iterable[str]) -> str:
    """Return the sentence about a type of signer that does not exist."""
    found = repr(name) if isinstance(name, str) and is_name(name) else "a longer text"
    return f"the type of the signer must be one of {', '.join(types)}, not {found}"


def signer_name(signer: object) -> str:
    """Return the name of the signer that signs in the end; empty where there is none."""
    signer = form_of(signer)
    while isinstance(signer, t.Mapping):
        signer = form_of(signer.get("signer")) if signer.get("type") == APPROVAL else signer.get("type")
    name = str(signer or "")
    return name if is_name(name) else ""
