# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences for people about a list of certificates: progress, results and reasons. Pure.

Certificates are entries of the modules' result ``certificates``.
"""

from __future__ import annotations

import re
import typing as t

from .._signers.api import SIGNERS

Entry = t.Mapping[str, t.Any]

# The states of a pending revision, and the words for its wait; {} is the signer.
_WAITING = {
    "intended": "to be requested",
    "requested": "for {}",
    "signing": "at {}",
    "issued": "to be uploaded",
}
# The values for no signer: the user provides the certificate.
_NO_SIGNER = ("", "none")
_DOES = {
    "issue": "would be issued",
    "replace": "would be replaced",
    "renew": "would be renewed",
    "adopt": "would be adopted",
    "resume": "would be resumed",
    "sign": "would be signed",
    "finalize": "would be uploaded",
    "write": "would be written to a file",
}
# Longer lists are summed up.
_MOST_CHANGED = 20
_MOST_PREDICTED = 50
_MOST_CAUSES = 10
_MOST_NAMES = 3
# Messages of one cause may differ in a time, a thumbprint or another long number.
_OF_ONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?|\b[0-9A-Fa-f]{16,}\b")


def failure(entries: t.Sequence[Entry], total: int, stopped: str = "") -> str:
    """Return one sentence about the failures; empty if nothing failed.

    ``total`` is the number of certificates. Those without an entry were not begun, for the reason ``stopped``.
    """
    failed = [entry for entry in entries if entry["failed"]]
    if not failed and not stopped:
        return ""
    left = total - len(entries)
    if not failed and left <= 0:
        return f"{stopped}; no certificate is lacking for it"
    parts = [*causes(failed), *([f"{_count(left)} were not begun: {stopped}"] if left > 0 else [])]
    return f"{_count(len(failed))} of {_count(total)} certificates failed: {'; '.join(parts)}"


def causes(failed: t.Sequence[Entry]) -> list[str]:
    """Return each cause once, with the names of its certificates."""
    groups: dict[str, list[Entry]] = {}
    for entry in failed:
        groups.setdefault(_kind_of_cause(entry), []).append(entry)
    told = [_cause(group) for group in groups.values()]
    if len(told) <= _MOST_CAUSES:
        return told
    rest = sum(len(group) for group in list(groups.values())[_MOST_CAUSES:])
    return [*told[:_MOST_CAUSES], f"{_certificates(rest)} for other reasons, see the results"]


def progress(entries: t.Sequence[Entry], total: int, elapsed: float) -> str:
    """Return the progress of a list after ``elapsed`` seconds, and roughly the time for the rest."""
    done, left = len(entries), total - len(entries)
    failed = sum(1 for entry in entries if entry["failed"])
    rest = f", {_count(left)} left, about {_roughly(elapsed / done * left)}" if left and done else ""
    return f"{_count(done)} of {_certificates(total)} done, {_count(failed)} failed{rest}"


def summary(entries: t.Sequence[Entry], total: int, *, stopped: str = "", signer: str = "") -> list[str]:
    """Return the results of a list in lines: counts, changes, waits, failures.

    ``signer`` is the value of the option of that name, or words for another signer.
    """
    kinds: dict[str, list[Entry]] = {}
    for entry in entries:
        kinds.setdefault(_kind(entry), []).append(entry)
    left = total - len(entries)
    counted = [f"{_count(len(kinds.get(kind, ())))} {kind}" for kind in _KINDS if kinds.get(kind) or kind in _ALWAYS]
    lines = [f"{_certificates(total)}: {', '.join(counted)}" + (f", {_count(left)} not begun" if left > 0 else "")]
    lines += _changes(kinds)
    lines += _waits(kinds.get("waiting", ()), signer)
    lines += [f"failed: {cause}" for cause in causes(kinds.get("failed", ()))]
    return [*lines, f"not begun: {stopped}"] if stopped and left > 0 else lines


def prediction(entries: t.Sequence[Entry], total: int) -> list[str]:
    """Return the predicted actions and their reasons: for each certificate, or in groups if there are many."""
    acting = [entry for entry in entries if entry["changed"] and not entry["failed"]]
    failed = [entry for entry in entries if entry["failed"]]
    rest = len(entries) - len(acting) - len(failed)
    lines = [f"{_certificates(total)}: {_count(len(acting))} would change, {_count(rest)} not, {len(failed)} failed"]
    if len(entries) <= _MOST_PREDICTED:
        lines += [f"{entry['name']}: {_would(entry)}" for entry in entries if not entry["failed"]]
    else:
        lines += [f"{_would(group[0])}: {_among(group)}" for group in _groups(entries, _would)]
    return lines + [f"failed: {cause}" for cause in causes(failed)]


_KINDS = (
    "issued",
    "renewed",
    "adopted",
    "unchanged",
    "with files written",
    "waiting",
    "without a certificate",
    "failed",
)
_ALWAYS = ("unchanged", "failed")


def _kind(entry: Entry) -> str:
    """Return the word of the summary for the result of a certificate."""
    if entry["failed"]:
        return "failed"
    if entry["state"] in _WAITING:
        return "waiting"
    if entry["action"] == "finalize" and entry["changed"]:
        return "renewed" if (entry["revision"] or 1) > 1 else "issued"
    done = {"adopt": "adopted", "write": "with files written"}.get(entry["action"]) if entry["changed"] else None
    return done or ("unchanged" if entry["state"] == "finalized" else "without a certificate")


def _changes(kinds: t.Mapping[str, t.Sequence[Entry]]) -> list[str]:
    changed = [(kind, entry) for kind in ("issued", "renewed", "adopted") for entry in kinds.get(kind, ())]
    lines = [f"{kind}: {_certificate(entry)}" for kind, entry in changed[:_MOST_CHANGED]]
    more = len(changed) - len(lines)
    return [*lines, f"and {_count(more)} more"] if more else lines


def _certificate(entry: Entry) -> str:
    ends = f", valid until {entry['not_valid_after'][:10]}" if entry["not_valid_after"] else ""
    return f"{entry['name']}, thumbprint {entry['thumbprint']}{ends}"


def _waits(waiting: t.Sequence[Entry], signer: str) -> t.Iterator[str]:
    for group in _groups(waiting, lambda entry: str(entry["state"])):
        where = _WAITING[group[0]["state"]].format(_signer(signer))
        moments = sorted(filter(None, (entry.get("waiting_since") for entry in group)))
        since = f"{', the longest' if len(group) > 1 else ''} since {moments[0]}" if moments else ""
        yield f"waiting {where}{since}: {_among(group)}"


def _signer(name: str) -> str:
    if name in _NO_SIGNER:
        return "a certificate to be given"
    return SIGNERS[name].in_words if name in SIGNERS else name


def _would(entry: Entry) -> str:
    return f"{_DOES.get(entry['action'], entry['action'])}, {entry['reason']}" if entry["changed"] else entry["reason"]


def _groups(entries: t.Iterable[Entry], key: t.Callable[[Entry], str]) -> list[list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if not entry["failed"]:
            found.setdefault(_OF_ONE.sub("#", key(entry)), []).append(entry)
    return list(found.values())


def _kind_of_cause(entry: Entry) -> str:
    """Return a cause without the parts that are about this certificate alone."""
    name = rf"(?<![\w.-]){re.escape(str(entry['name']))}(?![\w-])"
    return _OF_ONE.sub("#", re.sub(name, "#", str(entry["msg"])))


def _cause(group: t.Sequence[Entry]) -> str:
    if len(group) <= _MOST_NAMES:
        return f"{_among(group)}: {group[0]['msg']}"
    return f"{group[0]['msg']}: {_among(group)}"


def _among(group: t.Sequence[Entry]) -> str:
    return listed([str(entry["name"]) for entry in group])


def listed(names: t.Sequence[str]) -> str:
    """Return the names, or their number and the first of them."""
    few = ", ".join(names[:_MOST_NAMES])
    return few if len(names) <= _MOST_NAMES else f"{_certificates(len(names))}, among them {few}"


def _certificates(count: int) -> str:
    return f"{_count(count)} certificate{'' if count == 1 else 's'}"


def _count(number: int) -> str:
    return f"{number:,}"


def _roughly(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
