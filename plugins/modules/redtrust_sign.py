#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the certificate authority sign requests."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_sign
short_description: Have the certificate authority sign requests
version_added: 0.1.0
description:
  - Hands each request to a signer, which represents your certificate authority (CA), and keeps the certificate in the
    store for M(redtrust.certificate_enroll.redtrust_finalize).
    The module sends nothing to Redtrust.
  - The subject of the certificate is the distinguished name of the request in the store, never the subject of the CSR.
    Redtrust may make a CSR with an empty subject.
  - A signer may answer "not yet".
    The request then waits, and the next run hands it to the signer again.
  - If the signer fails twenty times in a row, the rest of the list is not tried in this run.
  - When M(redtrust.certificate_enroll.redtrust_finalize) refuses a certificate, a later run hands the same request to
    the signer again.
    After the second refusal in a row the request waits an hour, then twice as long each time, at most 32 hours.
    C(force) of M(redtrust.certificate_enroll.redtrust_csr) or M(redtrust.certificate_enroll.redtrust_renew) ends the
    wait.
  - If your own tasks reach the CA, you need no signer.
    Take the CSR that M(redtrust.certificate_enroll.redtrust_csr) returns, and give the certificate to
    M(redtrust.certificate_enroll.redtrust_finalize).
  - M(redtrust.certificate_enroll.redtrust_certificate) requests, signs and uploads in one task.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.batch
  - redtrust.certificate_enroll.lists
  - redtrust.certificate_enroll.signers
  - redtrust.certificate_enroll.approval
options:
  certificates:
    description:
      - The requests to sign.
        Without this option and O(certificates_file), the module signs all requests of O(service) in the store.
      - If there are none, the module checks the signer as if it had to sign now, and does nothing else.
        It fails if the CA's files cannot be used, if a certificate would outlive the CA, or if the program does not
        exist.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the enrollment.
            Quote a name that is a number.
        type: str
        required: true
seealso:
  - module: redtrust.certificate_enroll.redtrust_certificate
  - module: redtrust.certificate_enroll.redtrust_csr
  - module: redtrust.certificate_enroll.redtrust_finalize
"""

EXAMPLES = r"""
- name: Sign all requests with a CA on this machine
  redtrust.certificate_enroll.redtrust_sign:
    service: redtrust.example.com
    signer:
      type: local_ca
      certificate_path: /etc/pki/ca/ca.pem
      private_key_path: /etc/pki/ca/ca.key
      passphrase: "{{ ca_passphrase }}"
      validity: 90d
      extended_key_usage: [clientAuth, emailProtection]

- name: Sign one request through a program
  redtrust.certificate_enroll.redtrust_sign:
    service: redtrust.example.com
    certificates:
      - name: ana-garcia
    signer: {type: command, argv: [/usr/local/bin/ask-our-ca, --profile, person], timeout: 120}

- name: Sign what two people have approved, other than the one who asked for it
  redtrust.certificate_enroll.redtrust_sign:
    service: redtrust.example.com
    signer:
      type: approval
      approvals: 2
      four_eyes: true
      signer: {type: command, argv: [/usr/local/bin/ask-our-ca]}
"""

RETURN = r"""
certificates:
  description:
    - The results of the certificates that O(results) chooses, in the order of the list, or by name without a list.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name of the enrollment.
      type: str
      returned: always
      sample: ana-garcia
    action:
      description:
        - The action of the module, or in check mode the action that it would take.
          One of V(none), V(sign) or V(wait), which means that the signer is not done yet, or that the request waits for
          approval.
      type: str
      returned: always
      sample: sign
    reason:
      description: Why, in words.
      type: str
      returned: always
      sample: requested, to be signed
    changed:
      description: Whether the module changed anything for this certificate.
      type: bool
      returned: always
    failed:
      description: Whether this certificate failed.
      type: bool
      returned: always
    msg:
      description: The failure, in words for a person.
      type: str
      returned: when RV(certificates[].failed) is V(true)
    error:
      description:
        - Details of the error beside RV(certificates[].msg).
        - C(type) is the kind of error.
          An error of the service also has C(step), C(url) without its query, C(status) (the HTTP status), C(error_code)
          and C(service_message) as the server gave them.
        - An unexpected error is V(InternalError), with the kind of C(exception), the C(place) in the collection and a
          C(trace) of files, lines and functions.
          Only this certificate fails with it.
      type: dict
      returned: when RV(certificates[].failed) is V(true)
    state:
      description:
        - The state of the revision.
          One of V(intended), V(requested), V(signing), V(issued), V(finalized), V(superseded), V(create_unknown),
          V(rejected) or V(abandoned).
      type: str
      returned: when the enrollment is known
      sample: issued
    revision:
      description: The number of the revision; 1 is the first certificate, each renewal adds one.
      type: int
      returned: when the enrollment is known
      sample: 1
    thumbprint:
      description: The SHA-1 of the certificate in DER as 40 upper-case hex digits, as Windows shows it.
      type: str
      returned: when there is a certificate
      sample: 4B1D3F6A0C0E5F2E7A9B8C7D6E5F4A3B2C1D0E9F
    not_valid_before:
      description: The beginning of the certificate's validity, in UTC (ISO 8601).
      type: str
      returned: when there is a certificate
      sample: "2026-01-31T12:00:00Z"
    not_valid_after:
      description: The end of the certificate's validity, in UTC (ISO 8601).
      type: str
      returned: when there is a certificate
      sample: "2027-01-31T12:00:00Z"
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
    waiting_since:
      description: The time since when the certificate is pending, or at the signer, in UTC (ISO 8601).
      type: str
      returned: when the certificate is pending
      sample: "2026-01-31T12:00:00Z"
      version_added: 0.4.0
    in_use_until:
      description:
        - The end of the certificate in use, in UTC (ISO 8601), where RV(certificates[].revision) is not the one in use.
      type: str
      returned: when another certificate is in use
      sample: "2026-02-28T12:00:00Z"
      version_added: 0.5.0
    dn:
      description: The distinguished name of the request, in order.
      type: list
      elements: dict
      returned: when the enrollment is known
      sample: [{attribute: cn, value: Ana Garcia Lopez}]
    csr:
      description: The certificate signing request as PEM, for a CA that your own tasks reach.
      type: str
      returned: when the certificate is requested and not signed yet
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
    - How many certificates had each action, how many C(failed), and how many others were C(not_tried) because the
      server is down.
  returned: always
  type: dict
  sample: {sign: 1, wait: 2, none: 39}
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

from ..module_utils._enroll.api import ApprovalRule, SignStep
from ..module_utils._module.api import (
    APPROVAL,
    NAMED,
    SIGNER,
    SIGNER_REQUIRED_IF,
    Context,
    Result,
    Results,
    build_signer,
    listed,
    listed_spec,
    run,
    sign_items,
)


def work(context: Context) -> Result:
    """Pass the requests to the signer."""
    params = context.params
    signer = build_signer(params, context.now(), context.module.secrets)
    items = sign_items(listed(params, NAMED, context.register), context.names)
    step = SignStep(
        context.store,
        signer,
        now=context.now,
        at_once=context.limits.workers,
        throttle=context.signer_throttle(signer),
        approval=ApprovalRule.read(params["approval"]),
    )
    results = context.batch(step, items, Results(params["results"]))
    if not results.total:
        signer.check(context.now())
    return results.result(warnings=signer.warnings)


def main() -> None:
    """Run the module."""
    run({**listed_spec(), **SIGNER, **APPROVAL}, work, required_if=SIGNER_REQUIRED_IF)


if __name__ == "__main__":
    main()
