#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload certificates to Redtrust."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_finalize
short_description: Upload certificates to Redtrust
version_added: 0.1.0
description:
  - Checks each certificate against its request and uploads it.
    From then on the certificate is in use, and it supersedes the one that it renews.
  - Takes the certificate that M(redtrust.certificate_enroll.redtrust_sign) left in the store, or the one that is given
    here if your own tasks reach the CA.
  - The certificate must have the key of the request, its subject must match the request (see O(subject_match)), and it
    must be valid now.
    With O(expect) it must also live as long, and have the usages and the names, that are expected.
    If there is a chain, each certificate of the chain must be a CA, be valid now and have signed the one below.
  - The module refuses a certificate of the signer that does not pass, and gives the reason.
    Its request stays valid, and M(redtrust.certificate_enroll.redtrust_sign) hands it to the signer again in a later
    run.
    If the certificate passes later, because O(subject_match) has changed, the module uploads it.
    The module keeps a certificate that is not valid yet until it is valid.
  - The module only refuses a certificate that is given here and does not pass.
    The request then waits for another certificate.
  - The chain is one path upwards through the certificates that the CA returned.
    The subject of each certificate on it is the issuer of the one below, compared by RFC 5280, 7.1.
    Of several paths, the module takes one that is valid and ends at a root.
    The module leaves out certificates that are not on the path.
    It also leaves out certificates at the top of the path that have expired or are not valid yet, most often a root,
    but never the intermediate CA that issued the certificate itself.
    It also leaves out a root that is no CA by its extensions.
    A warning names the certificates that are left out.
  - If several certificates have the key of the request, the module takes the newest that is valid now.
    It refuses them if nothing tells which is the newest.
  - The module does not judge the algorithm of a signature, so it accepts SHA-1.
    If this machine does not know the algorithm of a signature, the module cannot check it, and accepts it with a
    warning.
  - If the answer to an upload is lost, the module repeats it with the same certificate, which does no harm.
  - Writes the certificate and its chain to files if O(directory) is set, also in later runs when the files are missing.
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
  - redtrust.certificate_enroll.upload
  - ansible.builtin.files
options:
  certificates:
    description:
      - The certificates to upload.
        Without this option and O(certificates_file), the module looks at all certificates of O(service) in the store.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the enrollment.
            Quote a name that is a number.
        type: str
        required: true
      certificate:
        description:
          - The certificate with its chain, if there is one, in any order.
            The format is PEM, also with newlines written as V(\\n), or base64 of DER, PEM or PKCS#7.
            It may contain other certificates and PEM blocks.
          - It replaces the certificate that the signer left in the store.
        type: str
      certificate_path:
        description:
          - Path of a file with the certificate (PEM, DER or PKCS#7), instead of O(certificates[].certificate).
          - If the file does not exist, the CA has not answered yet.
            The request then waits.
        type: path
seealso:
  - module: redtrust.certificate_enroll.redtrust_certificate
  - module: redtrust.certificate_enroll.redtrust_csr
  - module: redtrust.certificate_enroll.redtrust_sign
"""

EXAMPLES = r"""
- name: Upload everything that is signed, and write the files
  redtrust.certificate_enroll.redtrust_finalize:
    host: redtrust.example.com
    api_version: "4.42"
    username: enroll
    password: "{{ redtrust_password }}"
    directory: /etc/pki/redtrust
    owner: root
    group: root
    mode: "0644"

- name: Upload a certificate that was fetched from the CA by other tasks
  redtrust.certificate_enroll.redtrust_finalize:
    host: redtrust.example.com
    certificates:
      - name: ana-garcia
        certificate_path: /var/lib/ca/answers/ana-garcia.pem
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
          One of V(none), V(finalize) or V(write), which only writes files.
      type: str
      returned: always
      sample: finalize
    reason:
      description: Why, in words.
      type: str
      returned: always
      sample: signed, to be uploaded
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
      sample: finalized
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
    path:
      description: Path of the file with the certificate.
      type: str
      returned: when O(directory) is set and there is a certificate in use
      sample: /etc/pki/redtrust/ana-garcia.pem
    chain_path:
      description: Path of the file with the chain.
      type: str
      returned: when O(directory) is set and the certificate in use has a chain
      sample: /etc/pki/redtrust/ana-garcia-chain.pem
    backup_files:
      description: Paths of the copies of replaced files.
      type: list
      elements: str
      returned: when O(backup) is V(true) and a file was replaced
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
  sample: {finalize: 1, none: 41}
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

from ..module_utils._enroll.api import FinalizeStep
from ..module_utils._module.api import (
    FINALIZED,
    UPLOAD,
    Context,
    Result,
    Results,
    expectations,
    finalize_items,
    finished_by,
    listed,
    listed_spec,
    run,
)


def work(context: Context) -> Result:
    """Upload the signed certificates, then write the files."""
    params = context.params
    items = finalize_items(listed(params, FINALIZED, context.register), context.names)
    step = FinalizeStep(
        context.store,
        context.client,
        context.session(),
        subject_match=params["subject_match"],
        encoding=params["upload_format"],
        now=context.now,
        expected=expectations(params),
    )
    return context.batch(step, items, Results(params["results"]), finished_by(context)).result()


def main() -> None:
    """Run the module."""
    run({**listed_spec(), **UPLOAD}, work, add_file_common_args=True)


if __name__ == "__main__":
    main()
