#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the enrollments in the store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_enrollment_info
short_description: Show the enrollments in the store
version_added: 0.1.0
description:
  - Reads the store and changes nothing.
    It does not ask the server, which cannot list requests or certificates.
  - RV(enrollments[].attention) lists the problems that a person must look at, with the next step in words.
    M(redtrust.certificate_enroll.redtrust_enrollment) writes the decision of that person into the store.
  - RV(enrollments[].renewal) tells when each certificate will be renewed.
    Give the module the options of the task that renews, O(renew_before) and those like it, since the store does not
    know them.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.attributes.info_module
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.renewal
options:
  names:
    description:
      - The enrollments to show.
        The default is all enrollments of O(service).
        Quote a name that is a number.
    type: list
    elements: str
  states:
    description: Show only enrollments whose latest revision is in one of these states.
    type: list
    elements: str
    choices: [intended, requested, signing, issued, finalized, superseded, create_unknown, rejected, abandoned]
  needs_attention:
    description: Show only enrollments that a person must look at.
    type: bool
    default: false
    version_added: 0.2.0
  expires_within:
    description:
      - Show only enrollments whose current certificate ends within this time.
        The time is given in years of 365 days, weeks, days, hours, minutes and seconds, in that order, such as V(30d),
        V(12h) or V(1d12h).
        A number alone counts days.
      - Certificates that have ended already are included.
    type: str
  limit:
    description:
      - Show this many enrollments at most.
        RV(next_after) names the last one if there are more.
      - The result of 100,000 enrollments takes more than 1 GB of memory, so show those of a large store a few thousand
        at a time.
      - Mutually exclusive with O(names).
    type: int
    version_added: 0.4.0
  after:
    description:
      - Show only enrollments whose name sorts after this one.
        Give it RV(next_after) to go on where the O(limit) of another task ended.
      - Mutually exclusive with O(names).
    type: str
    version_added: 0.4.0
  counts_only:
    description: Count the enrollments, and leave RV(enrollments) empty.
    type: bool
    default: false
    version_added: 0.4.0
  history:
    description: Show the events of each enrollment in RV(enrollments[].history).
    type: bool
    default: false
    version_added: 0.5.0
  verify_events:
    description:
      - Check the events of O(service), each of which has a hash over the one before it.
        The module fails if an event was changed, removed or added, and says which.
      - The check reads all events, which takes about 10 seconds for a million of them.
    type: bool
    default: false
    version_added: 0.5.0
  checkpoint:
    description:
      - A checkpoint that an earlier run has returned, such as C(checkpoint) of
        M(redtrust.certificate_enroll.redtrust_certificate).
        The module checks the events as with O(verify_events), and that the event of the checkpoint is still among them.
        So it finds events that were removed from the end too.
      - Use one of the last two years, since the events before it must not have been removed, see C(keep_events) of that
        module.
    type: str
    version_added: 0.5.0
"""

EXAMPLES = r"""
- name: Show the certificates that end in the next 30 days
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    expires_within: 30d
  register: soon

- name: Count the enrollments of a large store
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    counts_only: true
  register: all

- name: Fail when a request for a key pair had no answer
  ansible.builtin.assert:
    that: all.unknown_creates == 0

- name: Show the first thousand certificates in use
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    states: [finalized]
    limit: 1000
  register: first

- name: Show the next thousand
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    states: [finalized]
    limit: 1000
    after: "{{ first.next_after }}"
  when: first.next_after is not none

- name: Show when each certificate will be renewed
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    renew_jitter: 100%
    renewal_windows:
      - {days: [mon, tue, wed, thu], from: "22:00", to: "06:00", zone: Europe/Madrid}
  register: plans
- name: Show what became of one certificate, and why
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    names: [www.example.com]
    history: true

- name: Check that nobody has changed the events since a checkpoint
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    counts_only: true
    checkpoint: "{{ lookup('ansible.builtin.file', '/srv/audit/redtrust-checkpoint') }}"

- name: Show the enrollments that a person must look at
  redtrust.certificate_enroll.redtrust_enrollment_info:
    service: redtrust.example.com
    needs_attention: true
  register: open_matters

- name: Say it in words
  ansible.builtin.debug:
    msg: "{{ item.0.name }}: {{ item.1.problem }}. {{ item.1.next_step }}."
  loop: "{{ open_matters.enrollments | subelements('attention') }}"
  loop_control:
    label: "{{ item.0.name }}"
"""

RETURN = r"""
enrollments:
  description:
    - The enrollments, in the order of O(names) or by name.
      The list is empty with O(counts_only).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name of the enrollment.
      type: str
      returned: always
    known:
      description:
        - Whether the store knows the enrollment.
          It is V(false) only if O(names) has a name that the store does not know.
      type: bool
      returned: always
    unknown_creates:
      description:
        - How many requests for a key pair had no answer.
          The server may have as many unused keys.
      type: int
      returned: always
    current:
      description: The certificate in use, as in RV(enrollments[].revisions).
      type: dict
      returned: always, V(none) if there is none
    pending:
      description: The pending revision, as in RV(enrollments[].revisions).
      type: dict
      returned: always, V(none) if there is none
    revisions:
      description: All revisions and attempts, oldest first.
      type: list
      elements: dict
      returned: always
      contains:
        revision:
          description: The number of the revision; 1 is the first certificate, each renewal adds one.
          type: int
          returned: always
        attempt:
          description: The number of the attempt at this revision.
          type: int
          returned: always
        state:
          description: The state of the revision.
          type: str
          returned: always
        thumbprint:
          description: The SHA-1 of the certificate in DER as 40 upper-case hex digits.
          type: str
          returned: always, V(none) if there is no certificate
        not_valid_before:
          description: The beginning of the certificate's validity, in UTC (ISO 8601).
          type: str
          returned: always, V(none) if there is no certificate
        not_valid_after:
          description: The end of the certificate's validity, in UTC (ISO 8601).
          type: str
          returned: always, V(none) if there is no certificate
        dn:
          description: The distinguished name of the request, in order.
          type: list
          elements: dict
          returned: always
        provider:
          description: The provider of the request.
          type: str
          returned: always
        renews:
          description: The thumbprint of the certificate that this revision renews.
          type: str
          returned: always, V(none) for a first certificate
        certificate_id:
          description: The number that the server gave the certificate.
          type: str
          returned: always, V(none) if the server gave none
        adopted:
          description: Whether the certificate was issued without this collection.
          type: bool
          returned: always
        note:
          description: Why the revision is in this state, if that needs words.
          type: str
          returned: always, V(none) if there is nothing to say
        failures:
          description: How many times in a row the revision has failed.
          type: int
          returned: always
        retry_at:
          description:
            - The time before which no run tries again, in UTC (ISO 8601).
              After the first failure the next run may try again.
              After the second failure in a row the wait is 1 hour, then twice as long each time, at most 32 hours.
            - The wait ends when the parameters of the request change, or with C(force) of
              M(redtrust.certificate_enroll.redtrust_csr) or M(redtrust.certificate_enroll.redtrust_renew).
          type: str
          returned: always, V(none) if nothing waits
        csr_sha256:
          description: The SHA-256 of the CSR in DER, in hex.
          type: str
          returned: always, V(none) if there is no CSR
          version_added: 0.5.0
        approvals:
          description: The approvals of the request, each with C(by) (who), C(at) (when, in UTC) and C(why).
          type: list
          elements: dict
          returned: always
          version_added: 0.5.0
        approvals_missing:
          description: How many approvals the request waits for.
          type: int
          returned: always
          version_added: 0.5.0
        revoked_at:
          description: When the CA revoked the certificate, in UTC (ISO 8601).
          type: str
          returned: always, V(none) if nobody had it revoked with M(redtrust.certificate_enroll.redtrust_enrollment)
          version_added: 0.5.0
        created_at:
          description: When the revision was begun, in UTC (ISO 8601).
          type: str
          returned: always
        updated_at:
          description: When the revision last changed, in UTC (ISO 8601).
          type: str
          returned: always
    attention:
      description:
        - The problems that a person must look at, the gravest first.
          The list is empty if all is in order.
      type: list
      elements: dict
      returned: always
      contains:
        kind:
          description:
            - V(create_unknown) means that a request for a key pair had no answer.
              V(expired) means that the certificate in use has ended.
              V(revoked) means that the certificate in use was revoked, and is not replaced yet.
              V(interrupted) means that a run ended while it asked for a key pair.
              V(rejected) means that the CA rejected the request for good.
              V(unapproved) means that the request waits until people approve it.
              V(certificate_refused) means that a certificate did not pass the checks, and that the same request will be
              signed again.
              V(backing_off) means that the revision keeps failing.
              V(upload_unknown) means that an upload had no answer, or none that settles it.
              V(waiting) means that the certificate is pending.
          type: str
          returned: always
          sample: waiting
        since:
          description: The time since when it is so, in UTC (ISO 8601).
          type: str
          returned: always, V(none) if that is not known
        problem:
          description: The problem, in words.
          type: str
          returned: always
          sample: it is at the signer
        next_step:
          description: The next step, in words.
          type: str
          returned: always
          sample: run redtrust_sign again, which asks the signer; where the CA takes too long, ask the CA
    renewal:
      description:
        - When the certificate in use will be renewed, as O(renew_before), O(renew_jitter), O(renewal_windows) and
          O(renewal_freezes) of this task say.
          A C(renew_before) in an entry of a list is not known here.
      type: dict
      returned: always, V(none) if no certificate is in use
      version_added: 0.5.0
      contains:
        due_at:
          description: When the certificate is due, in UTC (ISO 8601).
          type: str
          returned: always, V(none) if it is not known, or if O(renew_before) is V(never)
          sample: "2026-12-01T04:10:00Z"
        renew_at:
          description:
            - The first moment at which a run renews it, in UTC (ISO 8601).
              It is later than RV(enrollments[].renewal.due_at) if the certificate has to wait for a window, for the end
              of a freeze, or after a failure.
              If the certificate is due and need not wait, it is now.
            - C(max_renewals) may leave it for a later run.
          type: str
          returned: always, V(none) if nothing is to be renewed, a renewal is on its way, or a person must act first
          sample: "2026-12-01T22:00:00Z"
        reason:
          description: Why, in words.
          type: str
          returned: always
          sample: due from 2026-12-01 04:10 UTC (30 days before its end); valid until 2026-12-31 04:10 UTC
    history:
      description: The events of the enrollment, oldest first.
      type: list
      elements: dict
      returned: with O(history)
      version_added: 0.5.0
      contains:
        service:
          description: The name of the server in the store.
          type: str
          returned: always
        number:
          description: The number of the event among all events of the service.
          type: int
          returned: always
        at:
          description: When it was, in UTC (ISO 8601 with microseconds).
          type: str
          returned: always
        name:
          description: The name of the enrollment.
          type: str
          returned: always
        revision:
          description: The number of the revision.
          type: int
          returned: always
        attempt:
          description: The number of the attempt at this revision.
          type: int
          returned: always
        was:
          description: The state of the revision before.
          type: str
          returned: always, V(none) for a new revision
        state:
          description: The state of the revision since then.
          type: str
          returned: always
        host:
          description: The machine whose process did it.
          type: str
          returned: always
        pid:
          description: The number of that process.
          type: int
          returned: always
        job:
          description: The number of the AWX job.
          type: str
          returned: always, V(none) outside of AWX
        actor:
          description: The user for whom it was done.
          type: str
          returned: always
        why:
          description: The reason, in words.
          type: str
          returned: always, V(none) if the state says all
        csr_sha256:
          description: The SHA-256 of the CSR in DER, in hex.
          type: str
          returned: always, V(none) without a CSR
        certificate_sha256:
          description: The SHA-256 of the certificate in DER, in hex.
          type: str
          returned: always, V(none) without a certificate
        hash:
          description: The hash of the event in the chain of events, in hex.
          type: str
          returned: always
attention:
  description: How many of the enrollments shown have a problem of each kind, see RV(enrollments[].attention).
  returned: always
  type: dict
  sample: {waiting: 2, create_unknown: 1}
summary:
  description: How many of the enrollments shown have their latest revision in each state.
  returned: always
  type: dict
  sample: {finalized: 41, requested: 1}
unknown_creates:
  description: How many requests for a key pair of the enrollments shown had no answer.
  returned: always
  type: int
  sample: 0
count:
  description: How many enrollments are shown, or counted with O(counts_only).
  returned: always
  type: int
  sample: 42
  version_added: 0.4.0
next_after:
  description: The name to give as O(after) for the enrollments that O(limit) has left out.
  returned: always, V(none) if it has left out none
  type: str
  sample: www.example.com
  version_added: 0.4.0
replacements:
  description:
    - All replacements of O(service), in the order in which they were begun.
      See O(redtrust.certificate_enroll.redtrust_certificate#module:replace).
  returned: always
  type: list
  elements: dict
  version_added: 0.5.0
  contains:
    id:
      description: The name of the replacement.
      type: str
      returned: always
    criteria:
      description: The certificates that it replaces, in words.
      type: str
      returned: always
    begun_at:
      description:
        - When it was begun, in UTC (ISO 8601).
          It concerns the certificates that were obtained before that.
      type: str
      returned: always
    begun_by:
      description: The user for whom it was begun.
      type: str
      returned: always
    deadline:
      description: By when all certificates should be replaced, in UTC (ISO 8601).
      type: str
      returned: always, V(none) without a deadline
    ended_at:
      description: When it ended, in UTC (ISO 8601).
      type: str
      returned: always, V(none) while it is open
    total:
      description: How many certificates it concerned when it was begun.
      type: int
      returned: always
    left:
      description: How many of them are left to replace; 0 after its end.
      type: int
      returned: always
events:
  description: The events of O(service), and whether they are as they were written.
  returned: with O(verify_events) or O(checkpoint)
  type: dict
  version_added: 0.5.0
  contains:
    count:
      description: How many events there are.
      type: int
      returned: always
    first_number:
      description: The number of the first one; older ones were removed.
      type: int
      returned: always, V(none) if there is no event
    checkpoint:
      description: The end of the chain of events, to be kept in another place.
      type: str
      returned: always, V(none) if there was never an event
    verified:
      description: Whether the events are as they were written.
      type: bool
      returned: always
"""

import datetime as dt
import itertools

from ..module_utils._models import Enrollment
from ..module_utils._module.api import (
    CONNECTION,
    RENEWAL,
    SELECTION,
    SELECTION_RULES,
    STORE,
    Context,
    Counts,
    Renewals,
    Result,
    Selection,
    Spec,
    enrollment_facts,
    history,
    known_replacements,
    run,
    verified,
)


def work(context: Context) -> Result:
    """Read the selected enrollments from the store. Only what is shown of them is kept."""
    now = context.now()
    selection, renewals = Selection.read(context.params, now), Renewals.read(context.params, now)
    found = selection.find(context.store, context.service)
    counts, shown, last = Counts(now), [], None
    for enrollment in itertools.islice(found, selection.limit):
        counts.add(enrollment)
        last = enrollment.name
        if not selection.counts_only:
            shown.append(_shown(context, enrollment, renewals, now))
    has_more = next(found, None) is not None
    values = {
        "enrollments": shown,
        **counts.values(),
        "next_after": last if has_more else None,
        "replacements": known_replacements(context.store, context.service, now),
    }
    checked, problem = _checked(context)
    return Result(changed=False, values={**values, **checked}, failure=problem)


def _shown(context: Context, enrollment: Enrollment, renewals: Renewals, now: dt.datetime) -> dict[str, object]:
    facts = enrollment_facts(enrollment, renewals.standard, now)
    if not context.params["history"]:
        return facts
    return {**facts, "history": history(context.store, context.service, enrollment.name)}


def _checked(context: Context) -> tuple[dict[str, object], str | None]:
    """Check the events if that is asked; return the facts of them, and the sentence about a problem."""
    checkpoint = context.params["checkpoint"]
    if not (context.params["verify_events"] or checkpoint):
        return {}, None
    facts, problem = verified(context.store, context.service, checkpoint)
    words = (
        f"the events of {context.service} are not as they were written: {problem}; keep a copy of the store, and find "
        "out who has written to it"
    )
    return {"events": facts}, words if problem else None


def main() -> None:
    """Run the module."""
    own: Spec = {
        "history": {"type": "bool", "default": False},
        "verify_events": {"type": "bool", "default": False},
        "checkpoint": {"type": "str"},
    }
    run({**CONNECTION, **STORE, **SELECTION, **RENEWAL, **own}, work, **SELECTION_RULES)


if __name__ == "__main__":
    main()
