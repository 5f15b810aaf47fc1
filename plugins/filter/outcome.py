# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up what became of certificates over several tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: outcome
short_description: Sum up what became of certificates over several tasks
version_added: 0.4.0
description:
  - Takes what tasks with the modules of this collection registered, one after the other for the same certificates, and
    says what became of each certificate, in the order of the first task.
  - The first failure of a certificate is its cause, whatever a later task says of it.
  - A task that could not run at all is a failure of each certificate that was handed to it.
  - The roles of this collection use it. It is of use to those who write such tasks themselves.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
positional: _input, steps
options:
  _input:
    description: What this filter returned for an earlier part of the same list, or V({}) for the first part.
    type: dict
    required: true
  steps:
    description: The tasks, in their order. What did not run may be left out, or be registered as skipped.
    type: list
    elements: dict
    default: []
    suboptions:
      names:
        description: The names of the certificates that were handed to the task.
        type: list
        elements: str
        required: true
      result:
        description: What the task registered, or C(ansible_failed_result) for one of your own that failed.
        type: dict
        required: true
      task:
        description: The name of a task of your own that failed.
        type: str
        default: ""
  total:
    description: How many certificates the whole list has. The default is as many as are known.
    type: int
  elapsed:
    description: How long ago the list was begun, in seconds. Without it RV(_value.progress) says nothing of the time.
    type: float
    default: 0
  signer:
    description: What signs, the value of O(redtrust.certificate_enroll.redtrust_sign#module:signer) or words of yours.
    type: str
    default: ""
  check_mode:
    description: Whether the tasks only said what they would do.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Say what became of them
  ansible.builtin.debug:
    msg: "{{ ({} | redtrust.certificate_enroll.outcome(steps)).summary }}"
  vars:
    steps:
      - {names: [maria, jordi], result: "{{ requested }}"}
      - {names: [maria, jordi], result: "{{ signed }}"}
      - {names: [maria, jordi], result: "{{ finalized }}"}
"""

RETURN = r"""
_value:
  description: What became of the certificates.
  type: dict
  contains:
    results:
      description: One entry for each certificate, as the last task returned it that did something for it, or failed.
      type: list
      elements: dict
      returned: always
    changed:
      description: The names of those that are new, uploaded or written to a file.
      type: list
      elements: str
      returned: always
    failed:
      description: The names of those that failed.
      type: list
      elements: str
      returned: always
    stopped:
      description: Why no other certificate should be begun, empty where nothing speaks against it.
      type: str
      returned: always
    progress:
      description: How far the list is, in one sentence.
      type: str
      returned: always
      sample: 1,500 of 2,000 certificates done, 3 failed, 500 left, about 2 min
    summary:
      description: What became of the list, in lines for a person; in check mode what would be done, and why.
      type: list
      elements: str
      returned: always
    failure:
      description: What failed, in one sentence that has each cause once; empty where nothing failed.
      type: str
      returned: always
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils._module.api import RoleOutcome, StepResult, outcome_of, report


def outcome(
    before: t.Mapping[str, t.Any],
    steps: t.Sequence[t.Mapping[str, t.Any]] = (),
    *,
    total: int | None = None,
    elapsed: float = 0.0,
    signer: str = "",
    check_mode: bool = False,
) -> dict[str, t.Any]:
    """Return what the documentation says."""
    try:
        parts = [StepResult(step["names"], step["result"], step.get("task", "")) for step in steps]
        known = {name: tuple(before[name]) for name in ("results", "changed", "failed") if name in before}
        now = RoleOutcome(**known, stopped=before.get("stopped", "")).followed_by(outcome_of(parts))
    except (KeyError, TypeError, AttributeError) as exc:
        raise AnsibleFilterError(f"outcome takes what the tasks of this collection registered: {exc!r}") from exc
    count = len(now.results) if total is None else total
    done = report.summary(now.results, count, stopped=now.stopped, signer=signer)
    return {
        "results": list(now.results),
        "changed": list(now.changed),
        "failed": list(now.failed),
        "stopped": now.stopped,
        "progress": report.progress(now.results, count, elapsed),
        "summary": report.prediction(now.results, count) if check_mode else done,
        "failure": report.failure(now.results, count, now.stopped),
    }


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"outcome": outcome}
