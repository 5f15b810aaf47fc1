#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settle enrollments that need a person."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_enrollment
short_description: Settle enrollments that need a person
version_added: 0.2.0
description:
  - Writes the decision of a person into the store, for an enrollment that no run can settle by itself.
    The module sends nothing to Redtrust, and only O(state=revoked) sends something to the CA.
  - M(redtrust.certificate_enroll.redtrust_enrollment_info) shows the enrollments that need a person, and why.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.batch
  - redtrust.certificate_enroll.signers.optional
options:
  certificates:
    description: The enrollments to settle.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The name of the enrollment.
            Quote a name that is a number.
        type: str
        required: true
      csr_sha256:
        description:
          - The SHA-256 of the CSR in DER, in hex, as M(redtrust.certificate_enroll.redtrust_enrollment_info) shows it.
          - With O(state=approved) and O(state=denied) this request is meant and no other.
            If another one waits by now, since something else was asked for, the module fails.
        type: str
        version_added: 0.5.0
      thumbprint:
        description:
          - The SHA-1 of the certificate to revoke, in hex, instead of O(revisions).
            So the same task run again never revokes the certificate that has taken its place.
        type: str
        version_added: 0.5.0
  state:
    description:
      - V(abandoned) gives up the pending revision, or the one that the CA rejected.
        The next run makes a new request.
        A revision whose request for a key pair had no answer stays counted as C(create_unknown).
      - V(accepted) settles a revision with an unknown outcome.
        Requests for a key pair that had no answer are not counted any more, because you looked at the server and
        removed the unused keys.
        A certificate that was uploaded without an answer counts as the one in use, because you saw it at the server.
      - V(approved) adds the approval of O(actor) to a request that is not at the signer yet.
        See O(redtrust.certificate_enroll.redtrust_certificate#module:approval).
        It may be given before a run has said that it is needed.
        The same person can approve a request once.
      - V(denied) ends such a request, as if the CA had rejected it.
        One person is enough for that.
      - V(revoked) has the CA revoke certificates, and needs O(signer).
        The certificate in use is due at once from then on, see O(renew).
        Asking again for one that is revoked already does nothing.
      - V(approved), V(denied) and V(revoked) were added in version 0.5.0.
    type: str
    choices: [abandoned, accepted, approved, denied, revoked]
    required: true
  comment:
    description:
      - A few words about the reason.
        The note of the revision or its approval keeps them, and the event.
      - Required with O(state=denied).
    type: str
  force:
    description:
      - Abandon even a certificate that was uploaded without an answer.
        If the certificate is in use at the server after all, the store does not know it from then on.
    type: bool
    default: false
  revisions:
    description:
      - The certificates to revoke with O(state=revoked).
        V(current) is the one in use, V(superseded) are those that it has replaced, and V(all) are both, and those that
        were signed and given up.
        A certificate that has ended is left out.
      - A pending revision is never revoked.
        Give it up first.
    type: str
    choices: [current, superseded, all]
    default: current
    version_added: 0.5.0
  reason:
    description: The reason for O(state=revoked), as in RFC 5280, section 5.3.1.
    type: str
    choices:
      - unspecified
      - keyCompromise
      - cACompromise
      - affiliationChanged
      - superseded
      - cessationOfOperation
      - privilegeWithdrawn
    default: unspecified
    version_added: 0.5.0
  renew:
    description:
      - Whether the certificate in use is renewed after O(state=revoked).
        The next run that renews does so at once.
        If it is V(false), the certificate is given up in the store, so that no run renews it.
        A list that asks for it requests a new one.
      - The default is V(false) with O(reason=cessationOfOperation) and O(reason=privilegeWithdrawn), and V(true)
        otherwise.
    type: bool
    version_added: 0.5.0
  approval:
    description:
      - Has no effect in this module.
        So O(signer) can be the same here as in the tasks that sign, with its approval.
    type: dict
    version_added: 0.5.0
    suboptions:
      approvals:
        description: How many different people must approve each request.
        type: int
        default: 1
      four_eyes:
        description: Whether they must be others than the person whose run asked for the key.
        type: bool
        default: false
seealso:
  - module: redtrust.certificate_enroll.redtrust_enrollment_info
"""

EXAMPLES = r"""
- name: Give up a request that the CA lost
  redtrust.certificate_enroll.redtrust_enrollment:
    service: redtrust.example.com
    certificates:
      - name: ana-garcia
    state: abandoned
    comment: the CA knows nothing of it

- name: Stop counting unused keys that were removed at the server
  redtrust.certificate_enroll.redtrust_enrollment:
    service: redtrust.example.com
    certificates:
      - name: ana-garcia
    state: accepted
    comment: two keys removed by M. Roe

- name: Approve a request, after a look at what it asks for
  redtrust.certificate_enroll.redtrust_enrollment:
    service: redtrust.example.com
    certificates:
      - name: ana-garcia
        csr_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    state: approved
    comment: change 4711

- name: Deny it
  redtrust.certificate_enroll.redtrust_enrollment:
    service: redtrust.example.com
    certificates:
      - name: ana-garcia
    state: denied
    comment: she works for another company now

- name: Revoke a certificate whose key is known to others, and have the next run renew it
  redtrust.certificate_enroll.redtrust_enrollment:
    service: redtrust.example.com
    certificates:
      - name: seal
        thumbprint: 4B1D3F6A0C0E5F2E7A9B8C7D6E5F4A3B2C1D0E9F
    state: revoked
    reason: keyCompromise
    signer:
      type: command
      argv: [/usr/local/bin/ask-our-ca]
      revoke_argv: [/usr/local/bin/revoke-at-our-ca]

- name: Revoke all certificates of somebody who has left, and renew none
  redtrust.certificate_enroll.redtrust_enrollment:
    service: redtrust.example.com
    certificates:
      - name: ana-garcia
    state: revoked
    revisions: all
    reason: cessationOfOperation
    signer:
      type: command
      argv: [/usr/local/bin/ask-our-ca]
      revoke_argv: [/usr/local/bin/revoke-at-our-ca]
"""

RETURN = r"""
certificates:
  description: The results of the enrollments that O(results) chooses, in the order of O(certificates).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name of the enrollment.
      type: str
      returned: always
    action:
      description:
        - The action of the module, or in check mode the action that it would take.
          One of V(none), V(abandon), V(accept), V(approve), V(deny) or V(revoke).
      type: str
      returned: always
      sample: abandon
    reason:
      description: Why, in words.
      type: str
      returned: always
      sample: it was signing
    changed:
      description: Whether the module changed anything for this enrollment.
      type: bool
      returned: always
    failed:
      description: Whether this enrollment failed.
      type: bool
      returned: always
    msg:
      description: The failure, in words for a person.
      type: str
      returned: when RV(certificates[].failed) is V(true)
    error:
      description:
        - Details of the error beside RV(certificates[].msg).
          C(type) is the kind of error.
        - An unexpected error is V(InternalError), with the kind of C(exception), the C(place) in the collection and a
          C(trace) of files, lines and functions.
      type: dict
      returned: when RV(certificates[].failed) is V(true)
    state:
      description: The state of the revision.
      type: str
      returned: when the enrollment is known
      sample: abandoned
    revision:
      description: The number of the revision; 1 is the first certificate, each renewal adds one.
      type: int
      returned: when the enrollment is known
    in_use_until:
      description:
        - The end of the certificate in use, in UTC (ISO 8601), where RV(certificates[].revision) is not the one in use.
      type: str
      returned: when another certificate is in use
      sample: "2026-02-28T12:00:00Z"
      version_added: 0.5.0
    approval:
      description: The approvals that the request has, and those that it waits for.
      type: dict
      returned: when the certificate is requested and needs approval
      version_added: 0.5.0
      contains:
        needed:
          description:
            - How many approvals it needs.
              If the person who asked for the key must not be among those who approve, and the store does not tell who
              it was, that is one more than the task says.
          type: int
          returned: always
          sample: 2
        missing:
          description: How many of them are missing.
          type: int
          returned: always
          sample: 1
        given:
          description:
            - The approvals that count, each with C(by) (who), C(at) (when, in UTC) and C(why).
          type: list
          elements: dict
          returned: always
          sample: [{by: ben, at: "2026-01-31T12:00:00Z", why: change 4711}]
        not_by:
          description: The person who cannot approve it, since a run of this person asked for the key.
          type: str
          returned: always, V(none) if everybody can
          sample: ana
        csr_sha256:
          description:
            - The SHA-256 of the CSR in DER, in hex.
              Give it to M(redtrust.certificate_enroll.redtrust_enrollment) to approve this request and no other.
          type: str
          returned: always
          sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    thumbprint:
      description: The SHA-1 of the certificate in DER as 40 upper-case hex digits.
      type: str
      returned: when there is a certificate
    not_valid_before:
      description: The beginning of the certificate's validity, in UTC (ISO 8601).
      type: str
      returned: when there is a certificate
    not_valid_after:
      description: The end of the certificate's validity, in UTC (ISO 8601).
      type: str
      returned: when there is a certificate
    dn:
      description: The distinguished name of the request, in order.
      type: list
      elements: dict
      returned: when the enrollment is known
stopped:
  description:
    - Why the module stopped asking the server, or V(none) if it did not stop.
      The server did not answer three times in a row, there is no session, or the store cannot be used any more.
      It is no use to begin another list then.
  returned: always
  type: str
  sample: null
  version_added: 0.2.0
summary:
  description:
    - How many enrollments had each action, how many C(failed), and how many others were C(not_tried) because the server
      is down.
  returned: always
  type: dict
  sample: {abandon: 1}
checkpoint:
  description:
    - The end of the chain of events of O(service) after this run, as the service, the number of the last event and its
      hash.
      Keep it in another place than the store, and give it to M(redtrust.certificate_enroll.redtrust_enrollment_info)
      later, which finds whether events were removed or changed since.
  returned: always, V(none) if there is no event yet
  type: str
  sample: redtrust.example.com:41212:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  version_added: 0.5.0
"""

import typing as t

from ..module_utils._enroll.api import RevokeStep, SettleItem, SettleStep, Step, Terms, VerdictStep
from ..module_utils._module.api import (
    APPROVAL,
    OPTIONAL_SIGNER,
    SETTLED,
    SIGNER_REQUIRED_IF,
    Context,
    Result,
    Results,
    Spec,
    build_signer,
    certificates_spec,
    listed,
    required,
    run,
    settle_items,
)

# Those of RFC 5280, section 5.3.1, that end the life of the certificate of a person or a server.
REASONS = [
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]
_NEEDED_NO_MORE = ("cessationOfOperation", "privilegeWithdrawn")


def work(context: Context) -> Result:
    """Record the decision about each enrollment."""
    params = context.params
    items = settle_items(required(listed(params, SETTLED, context.register)), params["state"])
    return context.batch(_step(context), items, Results(params["results"])).result()


def _step(context: Context) -> Step[SettleItem, t.Any]:
    params, state, comment = context.params, context.params["state"], context.params["comment"]
    if state == "revoked":
        return _revoke_step(context)
    if state in ("approved", "denied"):
        return VerdictStep(context.store, state, by=context.actor.user, comment=comment, now=context.now)
    return SettleStep(context.store, state, comment=comment, force=params["force"])


def _revoke_step(context: Context) -> RevokeStep:
    params, reason = context.params, context.params["reason"]
    signer = build_signer(params, context.now(), context.module.secrets)
    renew = reason not in _NEEDED_NO_MORE if params["renew"] is None else params["renew"]
    return RevokeStep(
        context.store,
        signer,
        Terms(reason, params["revisions"], params["comment"], renew=renew),
        now=context.now,
        at_once=context.limits.workers,
        throttle=context.signer_throttle(signer),
    )


def main() -> None:
    """Run the module."""
    own: Spec = {
        "state": {
            "type": "str",
            "choices": ["abandoned", "accepted", "approved", "denied", "revoked"],
            "required": True,
        },
        "comment": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "revisions": {"type": "str", "choices": ["current", "superseded", "all"], "default": "current"},
        "reason": {"type": "str", "choices": REASONS, "default": "unspecified"},
        "renew": {"type": "bool"},
    }
    rules = [("state", "denied", ["comment"]), ("state", "revoked", ["signer"]), *SIGNER_REQUIRED_IF]
    run({**certificates_spec(required=True), **OPTIONAL_SIGNER, **APPROVAL, **own}, work, required_if=rules)


if __name__ == "__main__":
    main()
