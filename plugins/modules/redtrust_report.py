#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report on all certificates of a store, as files and as lines for a terminal."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_report
short_description: Report on all certificates of a store
version_added: 0.5.0
description:
  - Tells how many enrollments are in which state, what needs a person, which certificates end next, and what happened
    lately.
    It returns that as lines for a terminal, and writes it to files in the forms that are asked for.
  - It only reads the store, from which other jobs may work meanwhile, and asks neither the server nor a CA.
    It never makes a store, and fails where there is none.
  - No file has a request code or another secret in it.
    A file has the names and the subjects of all certificates, so mind who may read it.
  - The guide C(docs/report.md) of the collection shows each form.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.renewal
  - ansible.builtin.files
attributes:
  check_mode:
    details:
      - In check mode no file is written.
        The store is only read in any case.
  diff_mode:
    support: none
options:
  services:
    description:
      - The names of the servers in the store on which to report.
        By default these are all, whatever O(service) and O(host) say.
    type: list
    elements: str
  html:
    description:
      - Path of a page for a browser, in HTML.
        It shows what needs a person, what ends when, and what happened lately, and all enrollments in a table that can
        be searched and sorted.
        It is one file, which asks nothing of any server, so it can be mailed, and put anywhere.
      - The path must begin with C(/), and its directory must exist, here and in the options for the other forms.
        A file is replaced as a whole, so nobody ever reads half of one.
    type: path
  json:
    description:
      - Path of a file for programs, in JSON.
        It has all that the report knows.
    type: path
  csv:
    description:
      - Path of a file for a spreadsheet, in CSV, with one enrollment a row.
        It is in UTF-8 with a byte order mark, so that Excel reads it.
        A value that a spreadsheet would take for a formula has an apostrophe before it, also behind a semicolon.
    type: path
  prometheus:
    description:
      - Path of a file with metrics, for the textfile collector of the node exporter of Prometheus.
        Its name must end with C(.prom), or the collector leaves it out.
        The module warns of another name.
    type: path
  prometheus_certificates:
    description:
      - Whether O(prometheus) also has four series for each certificate, such as its end.
        Otherwise the metrics are few, however many certificates there are.
    type: bool
    default: false
  junit:
    description:
      - Path of a file with test results, in JUnit XML, for the server of a CI.
        Each enrollment is a test case.
        It fails if a person must look at the enrollment, and is skipped if the enrollment waits or has no certificate.
    type: path
  markdown:
    description: Path of a file for a chat, or for the summary of a CI job, in Markdown.
    type: path
  text:
    description: Path of a file for a mail, with lines of 80 columns.
    type: path
  title:
    description: The title of the report.
    type: str
    default: Redtrust certificates
  soon:
    description:
      - What counts as ending soon, such as V(30d), V(12h) or V(1d12h).
        A certificate whose life is shorter than three times that ends soon in the last third of its life.
      - A certificate is renewed 30 days before its end by default.
        So with the default one that ends soon was not renewed when it was due.
    type: str
    default: 30d
  recent:
    description:
      - How many of the last happenings the report tells.
        The terminal shows fewer.
    type: int
    default: 50
"""

EXAMPLES = r"""
- name: Look at the certificates
  redtrust.certificate_enroll.redtrust_report:
  register: report

- name: Show what needs attention, and what ends next
  ansible.builtin.debug:
    msg: "{{ report.lines }}"

- name: Make a page to look at
  redtrust.certificate_enroll.redtrust_report:
    html: /srv/www/certificates.html
    mode: "0644"

- name: Write metrics for Prometheus, and a table for the auditor
  redtrust.certificate_enroll.redtrust_report:
    store_path: /var/lib/redtrust/store.sqlite3
    prometheus: /var/lib/node_exporter/textfile/redtrust.prom
    csv: /srv/audit/certificates.csv
    mode: "0644"

- name: Have CI show what a person must look at
  redtrust.certificate_enroll.redtrust_report:
    services: [redtrust.example.com]
    junit: "{{ lookup('ansible.builtin.env', 'CI_PROJECT_DIR') }}/certificates.xml"
  register: checked

- name: Fail if that is anything
  ansible.builtin.assert:
    that: checked.needs_person == 0
"""

RETURN = r"""
lines:
  description:
    - The report as lines for a terminal of 80 columns, as C(ansible.builtin.debug) shows them.
      Each is at most 69 columns wide.
  returned: always
  type: list
  elements: str
count:
  description: How many enrollments there are.
  returned: always
  type: int
  sample: 1204
needs_person:
  description:
    - How many enrollments a person must look at.
      The certificate has ended or was revoked, a person must decide, the enrollment keeps failing, or it waits although
      its certificate ends soon.
  returned: always
  type: int
  sample: 3
by_status:
  description:
    - How many enrollments have which status; each has one, the gravest that is true of it.
      The keys are C(expired), C(revoked), C(needs_person), C(failing), C(waiting), C(ends_soon), C(in_use) and C(none)
      (no certificate).
  returned: always
  type: dict
  sample: {expired: 0, revoked: 0, needs_person: 1, failing: 2, waiting: 12, ends_soon: 5, in_use: 1184, none: 0}
attention:
  description:
    - The enrollments that a person must look at, the gravest first, 100 at most.
      The file of O(json) has all of them.
  returned: always
  type: list
  elements: dict
  contains:
    service:
      description: The name of the server in the store.
      type: str
      returned: always
    name:
      description: The name of the enrollment.
      type: str
      returned: always
    status:
      description: Its status, as in RV(by_status).
      type: str
      returned: always
    not_valid_after:
      description: The end of the certificate in use, in UTC (ISO 8601).
      type: str
      returned: always, V(none) if no certificate is in use
    attention:
      description:
        - The problems, the gravest first, each with C(kind), C(since), C(problem) and C(next_step), as
          M(redtrust.certificate_enroll.redtrust_enrollment_info) returns them.
      type: list
      elements: dict
      returned: always
services:
  description: The names of the servers on which this reports.
  returned: always
  type: list
  elements: str
taken_at:
  description: When the store was read, in UTC (ISO 8601).
  returned: always
  type: str
  sample: "2026-12-01T04:10:00Z"
files:
  description: The files that were asked for.
  returned: always
  type: list
  elements: dict
  contains:
    form:
      description: The form, which is the name of the option.
      type: str
      returned: always
    path:
      description: The path.
      type: str
      returned: always
    changed:
      description:
        - Whether the file has changed, or in check mode would change.
          Each run writes the time into each file, so that a reader knows how old it is.
          The time alone is no change.
      type: bool
      returned: always
"""

import dataclasses
import datetime as dt
import functools
import typing as t
from pathlib import Path

from ..module_utils._clock import parse_duration, timestamp
from ..module_utils._errors import ConfigurationError
from ..module_utils._module.api import CONNECTION, RENEWAL, STORE, Context, Renewals, ReportFiles, Result, Spec, run
from ..module_utils._report.api import FORMS, Form, View, entry_facts, lines, metrics_of_each, read_view

_MOST_SHOWN = 100
_SHOWN = ("service", "name", "status", "not_valid_after", "attention")

FORM_OPTIONS: Spec = {name: {"type": "path"} for name in FORMS}


def work(context: Context) -> Result:
    """Read the store once, and write each form of the report."""
    files = ReportFiles(context.module, FORMS)
    view = _view(context)
    written = [
        files.write(name, functools.partial(_content, view, _form(context, name)), view.taken_at)
        for name in files.paths
    ]
    return Result(
        changed=any(file["changed"] for file in written),
        values={
            "lines": lines(view),
            "count": len(view.entries),
            "needs_person": len(view.attention),
            "by_status": {str(status): count for status, count in view.by_status.items()},
            "attention": [_shown(entry_facts(entry)) for entry in view.attention[:_MOST_SHOWN]],
            "services": list(view.services),
            "taken_at": timestamp(view.taken_at),
            "files": written,
        },
        warnings=[*_misnamed(files.paths.get("prometheus"))],
    )


def _misnamed(path: Path | None) -> t.Iterator[str]:
    if path is not None and path.suffix != ".prom":
        yield f"prometheus: the textfile collector leaves out {path.name}, whose name does not end with .prom"


def _view(context: Context) -> View:
    params, now = context.params, context.now()
    recent = params["recent"]
    if not 0 <= recent <= 10_000:
        raise ConfigurationError(f"recent must be from 0 to 10000, not {recent}")
    soon = parse_duration("soon", params["soon"])
    policy = Renewals.read(params, now).standard
    return read_view(
        context.store_to_read, params["services"], policy, now, title=params["title"], soon=soon, recent=recent
    )


def _form(context: Context, name: str) -> Form:
    return metrics_of_each if name == "prometheus" and context.params["prometheus_certificates"] else FORMS[name]


def _content(view: View, form: Form, taken_at: dt.datetime) -> t.Iterator[str]:
    return form(dataclasses.replace(view, taken_at=taken_at))


def _shown(facts: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: facts[name] for name in _SHOWN}


def main() -> None:
    """Run the module."""
    own: Spec = {
        "services": {"type": "list", "elements": "str"},
        **FORM_OPTIONS,
        "prometheus_certificates": {"type": "bool", "default": False},
        "title": {"type": "str", "default": "Redtrust certificates"},
        "soon": {"type": "str", "default": "30d"},
        "recent": {"type": "int", "default": 50},
    }
    run({**CONNECTION, **STORE, **RENEWAL, **own}, work, add_file_common_args=True)


if __name__ == "__main__":
    main()
