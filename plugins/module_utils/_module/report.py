# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences for people about a list of certificates: progress, results and reasons. Pure.

Certificates are entries of the modules' result ``certificates``. A report takes one entry after the other and keeps
counts and the first names, so a long list needs little memory.
"""

from __future__ import annotations

import datetime as dt
import re
import types
import typing as t

from .kinds import IN_WORDS, Kinds, ends_soon, lacks_approval
from .postponed import Postponements
from .signer_form import signer_name

Entry = t.Mapping[str, t.Any]

# The states of a pending revision, and the words for its wait; {} is the signer.
_WAITING = {
    "intended": "to be requested",
    "requested": "for {}",
    "signing": "at {}",
    "issued": "to be uploaded",
    # requested, and people have not approved it yet
    "unapproved": "for approval",
}
_APPROVE = "approve with redtrust_enrollment, state=approved"
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
    "wait": "would be held",
}
_ALWAYS = ("unchanged", "failed")
# The kinds of which each certificate is told.
_NEW_KINDS = ("issued", "renewed", "adopted")
# The actions of a certificate that one pass requests, signs and uploads.
_WHOLE_WAY = ("issue", "replace", "renew")
# Longer lists are summed up.
_MOST_CHANGED = 20
_MOST_PREDICTED = 50
_MOST_CAUSES = 10
_MOST_NAMES = 3
# Messages of one cause may differ in a time, the share of a jitter, a thumbprint or another long number, or a place in
# the list.
_OF_ONE = re.compile(
    r"\bline \d+|\bcertificates\[\d+\]|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?|[\d.]+ \w+ of its jitter"
    r"|\b[0-9A-Fa-f]{16,}\b"
)
# Characters next to a name with which the text is another name.
_GOES_ON_BEFORE = re.compile(r"[\w.-]\Z")
_GOES_ON_AFTER = re.compile(r"[\w-]")


class Group:
    """Certificates of which the same is told, in the words for the first one. ``since`` is the earliest time."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.count = 0
        self.names: list[str] = []
        self.since = ""

    def add(self, name: str, since: str = "") -> None:
        self.count += 1
        if len(self.names) < _MOST_NAMES:
            self.names.append(name)
        self.since = min(filter(None, (self.since, since)), default="")

    def among(self) -> str:
        """Return the names, or their number and the first of them."""
        few = ", ".join(self.names)
        return few if self.count <= _MOST_NAMES else f"{_certificates(self.count)}, among them {few}"


class Report:
    """The report about one list. Each certificate is added once.

    ``signer`` is the value of the option of that name, or words for another signer. In check mode the entries are
    predictions. Without ``now`` no certificate is found to end soon.
    """

    def __init__(self, *, signer: object = "", check_mode: bool = False, now: dt.datetime | None = None) -> None:
        self.check_mode = check_mode
        self.kinds = Kinds()
        self._now = now
        self._signer = signer_name(signer)
        # the certificates that were uploaded or written to a file
        self.changed_names: list[str] = []
        self.failed_names: list[str] = []
        self._counts: dict[str, int] = {}
        self._done = 0
        self._acting = 0
        self._new: dict[str, list[str]] = {kind: [] for kind in _NEW_KINDS}
        self._waits: dict[str, Group] = {}
        self._causes: dict[str, Group] = {}
        self._other_causes = 0
        self._postponed = Postponements()
        self._predicted: list[str] = []
        # the end of the chain of events, if events were added
        self.checkpoint = ""
        self._predictions: dict[str, Group] = {}

    @property
    def counts(self) -> t.Mapping[str, int]:
        """The number of certificates by action; ``failed``, ``not_tried`` and ``postponed`` count the others."""
        return types.MappingProxyType(self._counts)

    def add(self, entry: Entry) -> None:
        """Add a certificate."""
        self._done += 1
        action, changed = entry["action"], entry["changed"]
        if changed and is_new(entry):
            self.changed_names.append(str(entry["name"]))
            self.kinds.add("changed", str(entry["name"]))
        if entry["failed"]:
            self._add_failed(entry)
            return
        if entry.get("postponed"):
            self._postponed.add(entry)
            action = "postponed" if action == "none" else action
        self._counts[action] = self._counts.get(action, 0) + 1
        if self.check_mode:
            self._acting += bool(changed)
            self._predict(entry)
            return
        kind = _kind(entry)
        if kind in ("waiting", "postponed"):
            self._add_ending(entry)
        if kind == "waiting":
            self._add_waiting(entry)
            return
        self.kinds.add(kind, str(entry["name"]))
        if kind in self._new and len(self._new[kind]) < _MOST_CHANGED:
            self._new[kind].append(f"{kind}: {_certificate(entry)}")

    def add_unchanged(self, count: int = 1) -> None:
        """Add certificates in use of which nothing else is told."""
        self._done += count
        self._counts["none"] = self._counts.get("none", 0) + count
        self.kinds.counts["unchanged"] += count

    def lines(self, total: int, stopped: str = "") -> list[str]:
        """Return the results in lines: counts, changes, waits, failures; in check mode the predictions.

        ``total`` is the number of certificates. Those that were not added were not begun, for the reason ``stopped``.
        """
        return self._prediction(total) if self.check_mode else self._summary(total, stopped)

    def failure(self, total: int, stopped: str = "") -> str:
        """Return one sentence about the failures; empty if nothing failed. The arguments are those of ``lines``."""
        failed, left = len(self.failed_names), total - self._done
        if not failed and not stopped:
            return ""
        if not failed and left <= 0:
            return f"{stopped}; no certificate is lacking for it"
        parts = [*self._told_causes(), *([f"{_count(left)} were not begun: {stopped}"] if left > 0 else [])]
        return f"{_count(failed)} of {_count(total)} certificates failed: {'; '.join(parts)}"

    def progress(self, total: int | None, elapsed: float) -> str:
        """Return the progress after ``elapsed`` seconds, and roughly the time for the rest if ``total`` is known."""
        done, failed = self._done, f"{_count(len(self.failed_names))} failed"
        if total is None:
            return f"{_certificates(done)} done, {failed}"
        left = total - done
        rest = f", {_count(left)} left, about {_roughly(elapsed / done * left)}" if left > 0 and done else ""
        return f"{_count(done)} of {_certificates(total)} done, {failed}{rest}"

    def _add_failed(self, entry: Entry) -> None:
        self.failed_names.append(str(entry["name"]))
        not_tried = (entry.get("error") or {}).get("type") == "NotTriedError"
        action = "not_tried" if not_tried else "failed"
        self._counts[action] = self._counts.get(action, 0) + 1
        self.kinds.add("failed", str(entry["name"]))
        self._add_ending(entry)
        cause = _kind_of_cause(entry)
        if cause in self._causes or len(self._causes) < _MOST_CAUSES:
            _grouped(self._causes, cause, str(entry["msg"])).add(str(entry["name"]))
        else:
            self._other_causes += 1

    def _add_waiting(self, entry: Entry) -> None:
        lacks = lacks_approval(entry)
        group = _grouped(self._waits, "unapproved" if lacks else entry["state"], _approvals(entry) if lacks else "")
        group.add(str(entry["name"]), entry.get("waiting_since") or "")
        self.kinds.add_waiting(entry)

    def _add_ending(self, entry: Entry) -> None:
        if self._now is not None and ends_soon(entry, self._now):
            self.kinds.add("ending", str(entry["name"]))

    def _predict(self, entry: Entry) -> None:
        would = _would(entry)
        if len(self._predicted) < _MOST_PREDICTED:
            self._predicted.append(f"{entry['name']}: {would}")
        _grouped(self._predictions, _OF_ONE.sub("#", would), would).add(str(entry["name"]))

    def _told_causes(self) -> t.Iterator[str]:
        """Return each cause once, with the names of its certificates."""
        for group in self._causes.values():
            few = group.count <= _MOST_NAMES
            yield f"{group.among()}: {group.words}" if few else f"{group.words}: {group.among()}"
        if self._other_causes:
            yield f"{_certificates(self._other_causes)} for other reasons, see the results"

    def _summary(self, total: int, stopped: str) -> list[str]:
        left = total - self._done
        counts = self.kinds.counts
        counted = [
            f"{_count(counts[kind])} {words}" for kind, words in IN_WORDS.items() if counts[kind] or kind in _ALWAYS
        ]
        lines = [f"{_certificates(total)}: {', '.join(counted)}" + (f", {_count(left)} not begun" if left > 0 else "")]
        new = [line for kind in _NEW_KINDS for line in self._new[kind]][:_MOST_CHANGED]
        more = sum(counts[kind] for kind in _NEW_KINDS) - len(new)
        lines += [*new, f"and {_count(more)} more"] if more else new
        lines += [self._waiting(state, group) for state, group in self._waits.items()]
        lines += self._postponed.lines()
        lines += [f"failed: {cause}" for cause in self._told_causes()]
        lines += [f"not begun: {stopped}"] if stopped and left > 0 else []
        return [*lines, _events(self.checkpoint)] if self.checkpoint else lines

    def _waiting(self, state: str, group: Group) -> str:
        where = _WAITING[state].format(_signer(self._signer))
        since = f"{', the longest' if group.count > 1 else ''} since {group.since}" if group.since else ""
        if state != "unapproved":
            return f"waiting {where}{since}: {group.among()}"
        so_far = f" ({group.words})" if group.count == 1 else ""
        return f"waiting {where}{since}: {group.among()}{so_far}; {_APPROVE}"

    def _prediction(self, total: int) -> list[str]:
        """Return the predicted actions and their reasons: for each certificate, or in groups if there are many."""
        failed, acting = len(self.failed_names), self._acting
        rest = self._done - acting - failed
        lines = [f"{_certificates(total)}: {_count(acting)} would change, {_count(rest)} not, {failed} failed"]
        if self._done <= _MOST_PREDICTED:
            lines += self._predicted
        else:
            lines += [f"{group.words}: {group.among()}" for group in self._predictions.values()]
        lines += self._postponed.lines()
        return lines + [f"failed: {cause}" for cause in self._told_causes()]


def _approvals(entry: Entry) -> str:
    """Return the approvals that a request has, and who cannot give one."""
    approval = entry["approval"]
    names = ", ".join(given["by"] for given in approval["given"])
    words = f"{len(approval['given'])} of {approval['needed']} given{': ' + names if names else ''}"
    return f"{words}; not by {approval['not_by']}, who asked for the key" if approval["not_by"] else words


def is_new(entry: Entry) -> bool:
    """Return whether the users of a certificate get a new one: it was uploaded or written to a file."""
    if not entry["changed"]:
        return False
    return entry["action"] in ("finalize", "write") or _went_the_whole_way(entry)


def _events(checkpoint: str) -> str:
    """Return the line about the chain of events that ends with a checkpoint."""
    number = int(checkpoint.rsplit(":", 2)[1])
    return f"events: {number:,}, checkpoint {checkpoint}"


def listed(names: t.Sequence[str]) -> str:
    """Return the names, or their number and the first of them."""
    group = Group("")
    for name in names:
        group.add(name)
    return group.among()


def _grouped(groups: dict[str, Group], key: str, words: str = "") -> Group:
    found = groups.get(key)
    if found is None:
        found = groups[key] = Group(words)
    return found


def _went_the_whole_way(entry: Entry) -> bool:
    return entry["action"] in _WHOLE_WAY and entry["state"] == "finalized"


def _kind(entry: Entry) -> str:
    """Return the kind of a certificate that has not failed."""
    if entry["state"] in _WAITING:
        return "waiting"
    if not entry["changed"]:
        in_use = "postponed" if entry.get("postponed") else "unchanged"
        return in_use if entry["state"] == "finalized" else "without_certificate"
    if entry["action"] == "finalize" or _went_the_whole_way(entry):
        return "renewed" if (entry["revision"] or 1) > 1 else "issued"
    done = {"adopt": "adopted", "write": "written"}.get(entry["action"])
    return done or ("unchanged" if entry["state"] == "finalized" else "without_certificate")


def _certificate(entry: Entry) -> str:
    ends = f", valid until {entry['not_valid_after'][:10]}" if entry["not_valid_after"] else ""
    return f"{entry['name']}, thumbprint {entry['thumbprint']}{ends}"


def _signer(name: str) -> str:
    if name in _NO_SIGNER:
        return "a certificate to be given"
    # the signers import much, and are only needed where a certificate waits
    from .._signers.api import SIGNERS

    return SIGNERS[name].in_words if name in SIGNERS else name


def _would(entry: Entry) -> str:
    return f"{_DOES.get(entry['action'], entry['action'])}, {entry['reason']}" if entry["changed"] else entry["reason"]


def _kind_of_cause(entry: Entry) -> str:
    """Return a cause without the parts that are about this certificate alone."""
    return _OF_ONE.sub("#", _without_name(str(entry["msg"]), str(entry["name"])))


def _without_name(message: str, name: str) -> str:
    """Return a message with # for each whole occurrence of the name. A pattern for each name would be slow."""
    if not name or name not in message:
        return message
    first, *rest = message.split(name)
    parts = [first]
    for number, after in enumerate(rest):
        before = rest[number - 1] if number else first
        ends = after or (name if number + 1 < len(rest) else "")
        inside = _GOES_ON_BEFORE.search(before or (name if number else "")) or _GOES_ON_AFTER.match(ends)
        parts += [name if inside else "#", after]
    return "".join(parts)


def _certificates(count: int) -> str:
    return f"{_count(count)} certificate{'' if count == 1 else 's'}"


def _count(number: int) -> str:
    return f"{number:,}"


def _roughly(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
