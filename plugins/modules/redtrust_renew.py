#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renew certificates that are due."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_renew
short_description: Renew certificates that are due
version_added: 0.1.0
description:
  - Asks Redtrust for a key pair for the next revision of each certificate that is due, and keeps the request in the
    store.
    The current certificate stays in use until M(redtrust.certificate_enroll.redtrust_finalize) uploads the new one.
    The new one then takes over its configuration and associations.
  - The module adopts a certificate that was issued without this collection if you give its PEM, or its thumbprint,
    O(certificates[].dn) and O(certificates[].provider).
  - The renewal has the same parameters as the request of the current certificate.
    Use M(redtrust.certificate_enroll.redtrust_csr) to change them.
  - M(redtrust.certificate_enroll.redtrust_certificate) renews, signs and uploads in one task.
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
  - redtrust.certificate_enroll.renewal
  - redtrust.certificate_enroll.renewal.quota
  - redtrust.certificate_enroll.policy
  - redtrust.certificate_enroll.renewal.distrust
  - redtrust.certificate_enroll.events
  - redtrust.certificate_enroll.certificates.renewed
options:
  certificates:
    description:
      - The certificates to look at.
        Without this option and O(certificates_file), the module looks at all certificates of O(service) in the store.
    type: list
    elements: dict
  force:
    description:
      - Renew even though the certificate is not due, or although the CA rejected the last request.
      - This renews in every run, except while a request is pending.
        A request that waits after a failure or a refused certificate does not wait any longer.
    type: bool
    default: false
seealso:
  - module: redtrust.certificate_enroll.redtrust_certificate
  - module: redtrust.certificate_enroll.redtrust_sign
  - module: redtrust.certificate_enroll.redtrust_finalize
"""

EXAMPLES = r"""
- name: Request the renewal of each certificate that has less than half of its life left
  redtrust.certificate_enroll.redtrust_renew:
    host: redtrust.example.com
    api_version: "4.42"
    username: enroll
    password: "{{ redtrust_password }}"
    renew_before: 50%

- name: Renew also what the old CA has issued, and what was revoked, whether it is due or not
  redtrust.certificate_enroll.redtrust_renew:
    host: redtrust.example.com
    distrusted:
      - issuer_path: /etc/pki/ca/old.pem
    check_revocation: [ocsp, crl]

- name: Adopt a certificate that was issued by hand, and renew it when it is due
  redtrust.certificate_enroll.redtrust_renew:
    host: redtrust.example.com
    certificates:
      - name: seal
        provider: CA_EXAMPLE
        certificate_path: /etc/pki/seal.pem
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
          One of V(none), V(resume), V(renew) or V(adopt).
      type: str
      returned: always
      sample: renew
    reason:
      description: Why, in words.
      type: str
      returned: always
      sample: due since 2026-12-01 12:00 UTC (30 days before its end); valid until 2026-12-31 12:00 UTC
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
    postponed:
      description: Why a certificate that is due is left for a later run.
      type: dict
      returned: when it is due and is left
      version_added: 0.5.0
      contains:
        by:
          description: The option, which is V(max_renewals), V(renewal_windows) or V(renewal_freezes).
          type: str
          returned: always
          sample: renewal_windows
        until:
          description: The next time at which renewals are allowed, in UTC (ISO 8601).
          type: str
          returned: always, V(none) with V(max_renewals)
          sample: "2026-12-01T22:00:00Z"
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
    - How many certificates had each action, how many C(failed), how many others were C(not_tried) because the server is
      down, and how many are due and C(postponed), which means left for a later run.
  returned: always
  type: dict
  sample: {renew: 3, none: 97}
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

from ..module_utils._enroll.api import RenewStep
from ..module_utils._module.api import (
    DISTRUST,
    EVENTS,
    POLICY,
    QUOTA,
    RENEWAL,
    RENEWED,
    Context,
    Renewals,
    Result,
    Results,
    Spec,
    listed,
    listed_spec,
    read_reasons,
    read_rules,
    renew_items,
    run,
)


def work(context: Context) -> Result:
    """Request the next revision of each certificate that is due."""
    params = context.params
    rules = read_rules(params, context.names)
    renewals = Renewals.read(params)
    reasons = read_reasons(context)
    items = renew_items(listed(params, RENEWED, context.register), context.names, params, renewals)
    step = RenewStep(
        context.store,
        context.client,
        context.session(),
        register=context.register,
        now=context.now,
        rules=rules,
        quota=renewals.quota(),
        reasons=reasons,
    )
    results = context.batch(step, items, Results(params["results"]))
    return results.result(warnings=[*rules.warnings, *reasons.warnings()])


def main() -> None:
    """Run the module."""
    own: Spec = {"force": {"type": "bool", "default": False}}
    run({**listed_spec(), **EVENTS, **RENEWAL, **QUOTA, **DISTRUST, **POLICY, **own}, work)


if __name__ == "__main__":
    main()
