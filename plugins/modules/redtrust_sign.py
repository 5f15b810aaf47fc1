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
  - When M(redtrust.certificate_enroll.redtrust_finalize) refuses a certificate, a later run hands the same request to
    the signer again.
    After the second refusal in a row the request waits an hour, then twice as long each time, at most 32 hours.
    C(force) of M(redtrust.certificate_enroll.redtrust_csr) or M(redtrust.certificate_enroll.redtrust_renew) ends the
    wait.
  - If your own tasks reach the CA, you need no signer.
    Take the CSR that M(redtrust.certificate_enroll.redtrust_csr) returns, and give the certificate to
    M(redtrust.certificate_enroll.redtrust_finalize).
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
    description:
      - The requests to sign. The default is every one that O(service) has in the store.
      - Where there is none, the signer is checked as if it had to sign now, and nothing else is done. It fails where
        the CA's files cannot be used, where a certificate would outlive the CA, or where the program is not there.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the enrollment. Quote one that is a number.
        type: str
        required: true
  signer:
    description:
      - What signs. V(local_ca) is a CA whose certificate and key are files (see O(local_ca)), V(command) is a
        program (see O(command)).
    type: str
    choices: [local_ca, command]
    required: true
  local_ca:
    description: The CA for O(signer=local_ca), and what its certificates hold.
    type: dict
    suboptions:
      certificate_path:
        description:
          - Path of the CA's certificate (PEM, DER or PKCS#7). Of several that have the CA's key it is the newest that
            is valid now.
          - The chain is one path upwards, which is found in this file and that of O(local_ca.chain_path). What is
            not on it, and a root that has expired, is left out, and a warning names it.
        type: path
        required: true
      private_key_path:
        description: Path of the CA's private key (PEM or DER).
        type: path
        required: true
      passphrase:
        description:
          - Passphrase of the private key.
          - Can also be set with the environment variable E(REDTRUST_LOCAL_CA_PASSPHRASE).
        type: str
      chain_path:
        description: Path of a file with more certificates, in which the chain above the CA is found.
        type: path
      validity:
        description:
          - How long a certificate is valid, from the beginning of its signing. Years of 365 days, weeks, days,
            hours, minutes and
            seconds, in that order, such as V(1y), V(90d) or V(1d12h).
          - One that would outlive the CA is refused.
        type: str
        default: 365d
      backdate:
        description:
          - How long before the beginning of its signing a certificate is valid, since clocks differ. At most V(7d).
        type: str
        default: 5m
      key_usage:
        description: The key usages, named as community.crypto does.
        type: list
        elements: str
        default: [digitalSignature, nonRepudiation]
      key_usage_critical:
        description: Whether the key usage extension is critical.
        type: bool
        default: true
      extended_key_usage:
        description: The extended key usages, named as community.crypto does, or dotted object identifiers.
        type: list
        elements: str
        default: []
      crl_distribution_points:
        description: URLs of the CA's revocation lists.
        type: list
        elements: str
        default: []
      ocsp_servers:
        description: URLs of the CA's OCSP responders.
        type: list
        elements: str
        default: []
      ca_issuers:
        description: URLs from which the CA's certificate can be had.
        type: list
        elements: str
        default: []
      digest:
        description: The hash to sign with. It has no effect with a CA key of an Edwards curve.
        type: str
        choices: [sha256, sha384, sha512]
        default: sha256
  command:
    description:
      - The program for O(signer=command). It is run once for each request, without a shell, and several at the same
        time (see O(workers)).
      - It gets the CSR as PEM on standard input, and prints the certificate and its chain, in any form and order,
        on standard output. What is not part of the chain is left out, and a warning names it (see
        M(redtrust.certificate_enroll.redtrust_finalize)).
      - Its exit status is 0 when it did, 75 for "not yet", 77 for "never" with the reason on standard error. With
        any other the
        request is handed over again in the next run.
      - In its environment are E(REDTRUST_SUBJECT), the distinguished name that was asked for as C(openssl ca -utf8
        -subj) takes it;
        E(REDTRUST_DN), the same as RFC 4514 writes it; E(REDTRUST_DN_JSON), the same as a JSON list of
        C({attribute, value});
        E(REDTRUST_SUBJECT_ALT_NAME), separated by commas; E(REDTRUST_NAME), E(REDTRUST_REVISION); and
        E(REDTRUST_REQUEST_ID), which is the same each time the same request is handed over, so that the program
        need not issue twice. It is another once a certificate for the request was refused, so that the program issues
        another.
        No other variable that begins with C(REDTRUST_) is handed on.
    type: dict
    suboptions:
      argv:
        description: The program and its arguments.
        type: list
        elements: str
        required: true
      timeout:
        description:
          - How many seconds the program may take for one request. Then it is killed, with all that it started.
        type: float
        default: 60
seealso:
  - module: redtrust.certificate_enroll.redtrust_csr
  - module: redtrust.certificate_enroll.redtrust_finalize
"""

EXAMPLES = r"""
- name: Sign all requests with a CA on this machine
  redtrust.certificate_enroll.redtrust_sign:
    service: redtrust.example.com
    signer: local_ca
    local_ca:
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
    signer: command
    command:
      argv: [/usr/local/bin/ask-our-ca, --profile, person]
      timeout: 120
"""

RETURN = r"""
certificates:
  description: The result of each certificate, in the order of O(certificates), or by name if that option is not set.
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
          One of V(none), V(sign) or V(wait), which means that the signer is not done yet.
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
    waiting_since:
      description: The time since when the certificate is pending, or at the signer, in UTC (ISO 8601).
      type: str
      returned: when the certificate is pending
      sample: "2026-01-31T12:00:00Z"
      version_added: 0.4.0
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
      Either the server did not answer three times in a row, or there is no session.
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
"""

import dataclasses

from ..module_utils._enroll.api import SignStep
from ..module_utils._module.api import Context, Result, batch_result, run
from ..module_utils._module.api import options as arguments


def work(context: Context) -> Result:
    """Hand what is requested to the signer."""
    signer = arguments.signer_of(context.params, context.now())
    items = arguments.sign_items(context.params, context.names)
    if not items:
        signer.check(context.now())
    result = batch_result(context.run_batch(SignStep(context.store, signer, now=context.now), items))
    return dataclasses.replace(result, warnings=[*signer.warnings, *result.warnings])


def main() -> None:
    """Run the module."""
    options: arguments.Spec = {**arguments.certificates(arguments.NAMED), **arguments.SIGNER}
    run(
        {**arguments.CONNECTION, **arguments.STORE, **arguments.BATCH, **options},
        work,
        required_if=[("signer", "local_ca", ["local_ca"]), ("signer", "command", ["command"])],
    )


if __name__ == "__main__":
    main()
