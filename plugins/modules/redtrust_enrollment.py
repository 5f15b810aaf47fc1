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
    The module sends nothing to the server.
  - M(redtrust.certificate_enroll.redtrust_enrollment_info) shows the enrollments that need a person, and why.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.batch
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
  state:
    description:
      - V(abandoned) gives up the pending revision, or the one that the CA rejected.
        The next run makes a new request.
        A revision whose request for a key pair had no answer stays counted as C(create_unknown).
      - V(accepted) settles a revision with an unknown outcome.
        Requests for a key pair that had no answer are not counted any more, because you looked at the server and
        removed the unused keys.
        A certificate that was uploaded without an answer counts as the one in use, because you saw it at the server.
    type: str
    choices: [abandoned, accepted]
    required: true
  comment:
    description:
      - A few words about the reason.
        The note of the revision keeps them.
    type: str
  force:
    description:
      - Abandon even a certificate that was uploaded without an answer.
        If the certificate is in use at the server after all, the store does not know it from then on.
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
          One of V(none), V(abandon) or V(accept).
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
      Either the server did not answer three times in a row, or there is no session.
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

from ..module_utils._enroll.api import SettleStep
from ..module_utils._module.api import (
    NAMED,
    Context,
    Result,
    Results,
    Spec,
    certificates_spec,
    listed,
    required,
    run,
    settle_items,
)


def work(context: Context) -> Result:
    """Record the decision about each enrollment."""
    params = context.params
    items = settle_items(required(listed(params, NAMED, context.register)))
    step = SettleStep(context.store, params["state"], comment=params["comment"], force=params["force"])
    return context.batch(step, items, Results(params["results"])).result()


def main() -> None:
    """Run the module."""
    own: Spec = {
        "state": {"type": "str", "choices": ["abandoned", "accepted"], "required": True},
        "comment": {"type": "str"},
        "force": {"type": "bool", "default": False},
    }
    run({**certificates_spec(required=True), **own}, work)


if __name__ == "__main__":
    main()
