# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as metrics for Prometheus: a file for the textfile collector of its node exporter.

The names follow https://prometheus.io/docs/practices/naming/: base units, and ``_timestamp_seconds`` for a time. By
default the number of series depends on the number of services, CAs and providers, not on that of certificates.
"""

from __future__ import annotations

import datetime as dt
import functools
import typing as t

from .view import Entry, Status, Sums, View

_WITHIN_DAYS = (1, 7, 14, 30, 60, 90)

Labels = t.Mapping[str, str]
Samples = t.Iterable[tuple[Labels, int]]


def render(view: View, *, each: bool = False) -> t.Iterator[str]:
    """Yield the metrics in the text format 0.0.4; with ``each`` also series of each certificate."""
    for name, words, samples in (*_of_report(view), *_of_fleet(view), *(_of_each(view) if each else ())):
        yield f"# HELP redtrust_{name} {words}\n# TYPE redtrust_{name} gauge\n"
        for labels, value in samples:
            yield f"redtrust_{name}{_labels(labels)} {value}\n"


Metric = tuple[str, str, Samples]


def _of_report(view: View) -> t.Iterator[Metric]:
    yield "report_info", "The release of the collection that made the report.", [({"release": view.release}, 1)]
    taken = "When the store was read, in seconds since 1970."
    yield "report_timestamp_seconds", taken, [({}, _seconds(view.taken_at))]


def _of_fleet(view: View) -> t.Iterator[Metric]:
    count = "Enrollments by status, of which each has one"
    yield "enrollments", f"{count}.", _by_status(view.by_service, "service")
    yield "enrollments_by_ca", f"{count}, for the CA of the certificate in use.", _by_status(view.by_ca, "ca")
    yield "enrollments_by_provider", f"{count}, for the provider.", _by_status(view.by_provider, "provider")
    yield "enrollments_need_person", "Enrollments that a person must look at.", _need_person(view)
    yield "certificates_ending", "Certificates in use that end within so many days, or have ended.", _ending(view)
    earliest = "The earliest end of the certificates in use, in seconds since 1970."
    yield "certificate_earliest_not_after_timestamp_seconds", earliest, _earliest(view)


def _of_each(view: View) -> t.Iterator[Metric]:
    for field, words in (
        ("not_after", "The end of a certificate in use"),
        ("not_before", "The beginning of a certificate in use"),
        ("renewal", "When a certificate will be renewed"),
    ):
        samples = _times(view, functools.partial(_time_of, field))
        yield f"certificate_{field}_timestamp_seconds", f"{words}, in seconds since 1970.", samples
    samples = (({**_labels_of(entry), "status": str(entry.status)}, 1) for entry in view.entries)
    yield "enrollment_status", "The status of an enrollment.", samples


def _time_of(field: str, entry: Entry) -> dt.datetime | None:
    times = {"not_after": entry.not_valid_after, "not_before": entry.not_valid_before, "renewal": entry.renew_at}
    return times[field]


def _times(view: View, time_of: t.Callable[[Entry], dt.datetime | None]) -> Samples:
    for entry in view.entries:
        moment = time_of(entry)
        if moment is not None:
            yield {**_labels_of(entry), "ca": entry.ca, "provider": entry.provider}, _seconds(moment)


def _labels_of(entry: Entry) -> dict[str, str]:
    return {"service": entry.service, "name": entry.name}


def _by_status(found: Sums, label: str) -> Samples:
    for name, counts in found.items():
        for status in Status:
            yield {label: name, "status": str(status)}, counts.get(status, 0)


def _need_person(view: View) -> Samples:
    counts = dict.fromkeys(view.services, 0)
    for entry in view.attention:
        counts[entry.service] += 1
    return [({"service": name}, count) for name, count in counts.items()]


def _ending(view: View) -> Samples:
    limits = {days: view.taken_at + dt.timedelta(days=days) for days in _WITHIN_DAYS}
    counts = {(name, days): 0 for name in view.services for days in _WITHIN_DAYS}
    for entry in view.entries:
        for days, limit in limits.items():
            if entry.not_valid_after is not None and entry.not_valid_after <= limit:
                counts[entry.service, days] += 1
    return [({"service": name, "within": f"{days}d"}, count) for (name, days), count in counts.items()]


def _earliest(view: View) -> Samples:
    found: dict[str, dt.datetime] = {}
    for entry in view.entries:
        end = entry.not_valid_after
        if end is not None and end < found.get(entry.service, _NEVER):
            found[entry.service] = end
    return [({"service": name}, _seconds(end)) for name, end in found.items()]


_NEVER = dt.datetime.max.replace(tzinfo=dt.timezone.utc)


def _seconds(moment: dt.datetime) -> int:
    return int(moment.timestamp())


def _labels(labels: Labels) -> str:
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
