# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up the results of certificates over several tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: outcome
short_description: Sum up the results of certificates over several tasks
version_added: 0.4.0
description:
  - Takes the registered results of tasks that ran modules of this collection, one after the other, for the same
    certificates.
    Returns the outcome of each certificate, in the order of the first task.
  - The first failure of a certificate counts as its cause.
    Later results for it do not change that.
  - A task that could not run at all counts as a failure of each certificate that it was given.
  - A module that refuses its options or its list as a whole began nothing.
    Then no certificate failed, and RV(_value.failure) is the message of the module.
  - M(redtrust.certificate_enroll.redtrust_certificate) does all steps in one task, and its result alone is enough.
  - The roles of this collection use it.
    Use it when you write such tasks yourself.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
positional: _input, steps
options:
  _input:
    description: The result of this filter for an earlier part of the same list, or V({}) for the first part.
    type: dict
    required: true
  steps:
    description:
      - The tasks, in their order.
        A task that did not run may be left out, or be registered as skipped.
    type: list
    elements: dict
    default: []
    suboptions:
      names:
        description:
          - The names of the certificates that the task was given, or its list O(ignore:certificates).
            It may be empty if the list is in a file or in the store.
        type: list
        elements: raw
        required: true
      result:
        description: The registered result of the task, or C(ansible_failed_result) for a task of your own that failed.
        type: dict
        required: true
      task:
        description: The name of a task of your own that failed.
        type: str
        default: ""
  total:
    description:
      - How many certificates the whole list has.
        The default is the number of certificates in the results.
    type: int
  elapsed:
    description:
      - The time since the list was begun, in seconds.
        Without it, RV(_value.progress) does not say how much time is left.
    type: float
    default: 0
  signer:
    description:
      - The signer, which is the value of O(redtrust.certificate_enroll.redtrust_sign#module:signer) or a text of yours.
    type: raw
    default: ""
  check_mode:
    description: Whether the tasks ran in check mode.
    type: bool
    default: false
  results_all:
    description: Whether RV(_value.results) has certificates that did not change and did not fail.
    type: bool
    default: true
  role:
    description: The name of the role, for RV(_value.notice) and for the names in RV(_value.stats).
    type: str
    default: ""
    version_added: 0.5.0
"""

EXAMPLES = r"""
- name: Show the results
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
  description: The outcome of the certificates.
  type: dict
  contains:
    results:
      description:
        - One entry for each certificate, see O(results_all).
          It comes from the last task that changed the certificate or failed.
      type: list
      elements: dict
      returned: always
    changed:
      description: The names of the certificates that were uploaded or written to a file.
      type: list
      elements: str
      returned: always
    failed:
      description: The names of the certificates that failed.
      type: list
      elements: str
      returned: always
    stopped:
      description:
        - Why no other certificate should be begun.
          It is empty if there is no reason.
      type: str
      returned: always
    progress:
      description: The progress of the list, in one sentence.
      type: str
      returned: always
      sample: 1,500 of 2,000 certificates done, 3 failed, 500 left, about 2 min
    summary:
      description:
        - The outcome of the list, in lines for a person.
          In check mode, the changes that would be made, and why.
      type: list
      elements: str
      returned: always
    failure:
      description:
        - The failures, in one sentence that names each cause once.
          It is empty if nothing failed.
      type: str
      returned: always
    session_ended:
      description: Whether M(redtrust.certificate_enroll.redtrust_certificate) ended the session.
      type: bool
      returned: always
    replacement:
      description:
        - The outcome of a replacement.
          It is V(none) if there is none.
      type: dict
      returned: always
    notice:
      description: What a notification needs, short for any list.
      type: dict
      returned: always
      version_added: 0.5.0
      contains:
        role:
          description: The value of O(role).
          type: str
          returned: always
        topics:
          description: The handler topics of the roles that are to be notified.
          type: list
          elements: str
          returned: always
          sample: [redtrust certificates changed, redtrust certificates renewed]
        title:
          description: The first line of RV(_value.notice.text), or its first 200 characters.
          type: str
          returned: always
          sample: "42 certificates: 1 renewed, 41 unchanged, 0 failed"
        text:
          description: RV(_value.summary) as one text, and the certificates in use that end soon.
          type: str
          returned: always
        failure:
          description: The same as RV(_value.failure).
          type: str
          returned: always
        stopped:
          description: The same as RV(_value.stopped).
          type: str
          returned: always
        counts:
          description:
            - The number of C(certificates), and the number of each kind as
              RV(redtrust.certificate_enroll.redtrust_certificate#module:kinds) has it.
          type: dict
          returned: always
        names:
          description: The first 100 names of each kind.
          type: dict
          returned: always
        requests:
          description: The first 100 requests that people have to approve, each with C(name) and C(csr_sha256).
          type: list
          elements: dict
          returned: always
    stats:
      description:
        - Data for M(ansible.builtin.set_stats), with names that begin with C(redtrust_) and O(role).
          All values are numbers and lists, so C(aggregate) adds them up.
      type: dict
      returned: always
      version_added: 0.5.0
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils._clock import utc_now
from ..module_utils._module.api import RoleOutcome, StepResult, facts_of, outcome_of


def outcome(
    before: t.Mapping[str, t.Any],
    steps: t.Sequence[t.Mapping[str, t.Any]] = (),
    **how: t.Any,
) -> dict[str, t.Any]:
    """Return the outcome as documented; ``how`` has the options of ``facts_of``."""
    try:
        parts = [StepResult(_names(step["names"]), step["result"], step.get("task", "")) for step in steps]
        results, changed, failed = (tuple(before.get(name, ())) for name in ("results", "changed", "failed"))
        known = RoleOutcome(results, changed, failed, before.get("stopped", ""))
        done = known.followed_by(outcome_of(parts))
        return facts_of(done, now=utc_now(), **how)
    except (KeyError, TypeError, AttributeError) as exc:
        raise AnsibleFilterError(f"outcome takes what the tasks of this collection registered: {exc!r}") from exc


def _names(listed: t.Iterable[t.Any]) -> list[str]:
    return [str(one["name"] if isinstance(one, t.Mapping) else one) for one in listed]


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"outcome": outcome}
