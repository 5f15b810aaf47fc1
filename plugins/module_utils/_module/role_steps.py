# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide for a role whether it can begin, and which certificates take part in its last step. Pure."""

from __future__ import annotations

import typing as t

from .._errors import ConfigurationError
from .._models import PENDING
from .report import Entry
from .signer_form import NO_NAME, form_of, is_name, signer_name
from .yaml_values import check_values

_NO_SIGNER = ("", "none")
# The roles have an option for the options of these.
_NAMED_ALONE = ("local_ca", "command")
_PENDING = frozenset(map(str, PENDING))
_NO_KEY = "No key was made"


def refusal_of(settings: t.Mapping[str, t.Any]) -> str:
    """Return a sentence, or an empty text. ``settings`` are those of the filter ``refusal``."""
    # a signer that is a dict has its options in it
    signer = form_of(settings["signer"])
    if isinstance(signer, str) and not is_name(signer):
        return f"{settings['role']}_signer {NO_NAME}. {_NO_KEY}"
    named = {**settings, "signer": signer_name(signer)}
    if isinstance(signer, t.Mapping):
        named["signer_options"] = signer
    said = next(filter(None, (check(named) for check in _CHECKS)), "")
    return f"{said}. {_NO_KEY}" if said else ""


def _of_mode(settings: t.Mapping[str, t.Any]) -> str:
    """Refuse a number: in YAML, 0644 without quotes is 420. Before ansible-core 2.19 a template makes text of it."""
    mode, name = settings["mode"], f"{settings['role']}_mode"
    if not isinstance(mode, (int, float)) and _is_text(mode):
        return ""
    return f'{name} is the number {mode} (0644 without quotes is 420): quote it in YAML, as in {name}: "0644"'


def _is_text(mode: object) -> bool:
    try:
        check_values({"mode": mode})
    except ConfigurationError:
        return False
    return True


def _of_nobody(settings: t.Mapping[str, t.Any]) -> str:
    """Refuse to ask for keys that nobody would sign for."""
    role = settings["role"]
    if settings["signer"] or settings["tasks_file"] or settings["answers_directory"]:
        return ""
    return (
        f"nothing says what signs: {role}_signer is not set. Set it to a signer such as local_ca or command, or to "
        f"none where somebody else signs; or set {role}_tasks_file or {role}_answers_directory"
    )


def _of_signer(settings: t.Mapping[str, t.Any]) -> str:
    role, signer = settings["role"], settings["signer"]
    if signer in _NO_SIGNER:
        return ""
    if not settings["signer_options"]:
        return _without_options(role, signer)
    others = [f"{role}_{name}" for name in ("tasks_file", "answers_directory") if settings[name]]
    return f"{role}_signer is {signer}, and {others[0]} is set too: leave one of them out" if others else ""


def _without_options(role: str, signer: str) -> str:
    """Return the sentence about a signer that is only a name, and has no options."""
    # The signers import much, which a role that has its options need not wait for.
    from .._signers.api import SIGNERS

    if signer not in SIGNERS:
        types = ", ".join([*SIGNERS, "none"])
        return f"{role}_signer is {signer!r}, which is no type of signer: it must be one of {types}"
    if signer in _NAMED_ALONE:
        return f"{role}_signer is {signer}, and {role}_{signer} is not set"
    return f"{role}_signer is {signer}, without its options: write them with it, as {{type: {signer}, ...}}"


def _of_tasks(settings: t.Mapping[str, t.Any]) -> str:
    path = settings["tasks_file"]
    return f"{settings['role']}_tasks_file, {path}, is not there" if path and not settings["tasks_found"] else ""


def _of_answers(settings: t.Mapping[str, t.Any]) -> str:
    """Refuse a directory that is not there, unless the tasks of the caller may make it.

    It is on the machine that runs the modules, and so the role looks for it there.
    """
    path = settings["answers_directory"]
    if not path or settings["tasks_file"] or settings["answers_found"]:
        return ""
    return f"{settings['role']}_answers_directory, {path}, is not a directory; make it first"


def _of_renewal(settings: t.Mapping[str, t.Any]) -> str:
    if not settings.get("renews") or settings["signer"] not in _NO_SIGNER:
        return ""
    return (
        "issue_renew_before has an effect only with a signer of the collection: leave it out, and renew with the role "
        "redtrust.certificate_enroll.renew"
    )


def _of_replacement(settings: t.Mapping[str, t.Any]) -> str:
    if not settings.get("replaces") or settings["signer"] not in _NO_SIGNER:
        return ""
    return (
        "renew_replace has an effect only with a signer of the collection: set renew_signer, or renew a list of the "
        "certificates to replace with renew_force"
    )


_CHECKS = (_of_mode, _of_nobody, _of_signer, _of_tasks, _of_answers, _of_renewal, _of_replacement)


def ready_of(
    entries: t.Iterable[Entry], answers_directory: str = "", *, in_use: bool = False, check_mode: bool = False
) -> list[dict[str, str]]:
    """Return the certificates that can be uploaded after a request, as the filter ``ready`` documents them."""
    found = [str(entry["name"]) for entry in entries if _is_ready(entry, in_use=in_use, check_mode=check_mode)]
    if not answers_directory:
        return [{"name": name} for name in found]
    return [{"name": name, "certificate_path": f"{answers_directory}/{name}.pem"} for name in found]


def _is_ready(entry: Entry, *, in_use: bool, check_mode: bool) -> bool:
    """Return whether a certificate has a next step. In check mode no request is made, and it has no CSR."""
    if entry["failed"] or (check_mode and entry["changed"]):
        return False
    if entry["state"] == "requested" and "csr" not in entry:
        return False
    return in_use or entry["state"] in _PENDING
