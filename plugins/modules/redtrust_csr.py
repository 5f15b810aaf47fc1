#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request certificates from Redtrust."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_csr
short_description: Request certificates from Redtrust
version_added: 0.1.0
description:
  - Asks Redtrust for a key pair for each certificate that does not exist yet, and keeps the request code and the
    certificate signing request (CSR) in the store.
    The private key never leaves Redtrust.
  - A request that is pending already is resumed.
    A certificate that exists with the same parameters is not changed.
    The module compares the parameters with those of the earlier request, never with the certificate that the CA issued.
  - When the parameters differ from those of the earlier request, the module requests a replacement of the current
    certificate.
    The current certificate stays in use until M(redtrust.certificate_enroll.redtrust_finalize) uploads the new one.
  - The module writes its intent to the store before it sends the request, and the answer before it ends, so a run may
    die at any point.
    The module never sends a request again if the answer was lost.
    The next run makes a new request, and counts the lost one as C(create_unknown), see
    M(redtrust.certificate_enroll.redtrust_enrollment_info).
  - M(redtrust.certificate_enroll.redtrust_certificate) requests, signs and uploads in one task.
    Use this module if your own tasks sign.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.batch
  - redtrust.certificate_enroll.lists
  - redtrust.certificate_enroll.lists.defaults
  - redtrust.certificate_enroll.policy
  - redtrust.certificate_enroll.certificates.requested
options:
  certificates:
    description:
      - The certificates that should exist.
        Set this option or O(certificates_file).
    type: list
    elements: dict
seealso:
  - module: redtrust.certificate_enroll.redtrust_certificate
  - module: redtrust.certificate_enroll.redtrust_sign
  - module: redtrust.certificate_enroll.redtrust_finalize
  - module: redtrust.certificate_enroll.redtrust_renew
"""

EXAMPLES = r"""
- name: Request two certificates
  redtrust.certificate_enroll.redtrust_csr:
    host: redtrust.example.com
    api_version: "4.42"
    username: enroll
    password: "{{ redtrust_password }}"
    certificates:
      - name: ana-garcia
        provider: CA_EXAMPLE
        dn:
          cn: Ana Garcia Lopez
          givenName: Ana
          sn: Garcia Lopez
          serialNumber: IDCES-12345678Z
          c: ES
      - name: seal
        provider: CA_EXAMPLE
        key_length: 4096
        dn:
          - attribute: cn
            value: Example SL
          - attribute: ou
            value: Invoices
          - attribute: ou
            value: "02341467000120"
          - attribute: organizationIdentifier
            value: VATES-B12345678
  register: requests

- name: Show the CSR of the first one
  ansible.builtin.debug:
    var: requests.certificates[0].csr
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
          One of V(none), V(resume), V(issue) or V(replace).
      type: str
      returned: always
      sample: issue
    reason:
      description: Why, in words.
      type: str
      returned: always
      sample: not in the store yet
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
      sample: requested
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
  sample: {issue: 1, none: 41}
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

from ..module_utils._enroll.api import RequestStep
from ..module_utils._module.api import (
    POLICY,
    REQUESTED,
    Context,
    Result,
    Results,
    listed,
    listed_spec,
    read_rules,
    request_items,
    required,
    run,
)


def work(context: Context) -> Result:
    """Request the missing certificates."""
    params = context.params
    rules = read_rules(params, context.names)
    items = request_items(required(listed(params, REQUESTED, context.register)))
    step = RequestStep(
        context.store, context.client, context.session(), register=context.register, now=context.now, rules=rules
    )
    return context.batch(step, items, Results(params["results"])).result(warnings=rules.warnings)


def main() -> None:
    """Run the module."""
    run({**listed_spec(), **POLICY, "certificate_defaults": {"type": "dict", "default": {}}}, work)


if __name__ == "__main__":
    main()
