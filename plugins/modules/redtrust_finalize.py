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
    With that it is in use, and one that it renews is superseded.
  - Takes what M(redtrust.certificate_enroll.redtrust_sign) left in the store, or a certificate that is given here by
    those whose CA is reached by their own tasks.
  - The checks are, that the certificate has the key of the request, that its subject fits what was asked for (see
    O(subject_match)), that it is valid now, and where there is a chain, that each certificate of it is a CA, is valid
    now and signed the one below.
  - A certificate of the signer that does not pass is refused, with the reason.
    Its request is still good, and M(redtrust.certificate_enroll.redtrust_sign) has it signed again in a later run.
    Should it pass after all, since O(subject_match) is another now, it is uploaded.
    One that is not valid yet is kept until it is.
  - A certificate that is given here and does not pass is only refused.
    The request goes on waiting for another.
  - The chain is one path upwards, which is found in what the CA handed out.
    Each certificate on it has the name of the issuer of the one below, compared as RFC 5280, 7.1, asks for.
    Of several paths it is one that is valid and ends at a root.
    What is not on the path is left out, and so is what has expired or is not valid yet at its top, most often a root,
    unless it is the intermediate CA that issued the certificate itself, and a root above it that is no CA by its
    extensions.
    A warning names what is left out.
  - Of several certificates of the key of the request it is the newest that is valid now.
    It is refused when nothing tells which is the newest.
  - Whether the algorithm of a signature is a good one is not looked at, so SHA-1 makes no difference.
    A signature that cannot be checked on this machine, since its algorithm is not known there, is believed with a
    warning.
  - An upload whose answer was lost is repeated with the same certificate, which does no harm.
  - Writes the certificate and its chain to files when asked to, also later and again when they are not there any more.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.batch
  - ansible.builtin.files
options:
  certificates:
    description:
      - The certificates to upload.
        The default is every certificate of O(service) in the store.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name of the enrollment.
            Quote one that is a number.
        type: str
        required: true
      certificate:
        description:
          - The certificate, with its chain if there is one, in any order.
            PEM, also with newlines written as V(\\n), or base64 of DER, PEM or PKCS#7.
            Other certificates and PEM blocks may be there as well.
          - It takes the place of what the signer left in the store.
        type: str
      certificate_path:
        description:
          - Path of a file with the certificate (PEM, DER or PKCS#7), instead of O(certificates[].certificate).
          - A file that is not there yet means that the CA has not answered yet.
            The request then goes on waiting.
        type: path
  subject_match:
    description:
      - What the subject of a certificate must be.
        V(contains) has everything that was asked for and may have more, V(equals) has exactly what was asked for in the
        same order, V(ignore) is not looked at.
    type: str
    choices: [contains, equals, ignore]
    default: contains
  upload_format:
    description:
      - What is uploaded.
        V(der) is the certificate alone, V(pkcs7) the certificate and its chain in one PKCS#7 structure, V(pem) the same
        as PEM.
        The vendor's page does not say what it takes; V(der) is the reading of this collection.
    type: str
    choices: [der, pkcs7, pem]
    default: der
  directory:
    description:
      - Path of a directory in which to write C(<name>.pem), and C(<name>-chain.pem) where there is a chain, for each
        certificate that is in use.
      - It must exist.
        Each file is replaced as a whole.
        O(owner), O(group), O(mode) and the like are for these files.
      - Quote O(mode), as in V("0644").
        A number that cannot be what was written is refused, such as 644.
    type: path
  backup:
    description: Whether to keep a copy of a file that is replaced, with a timestamp in its name.
    type: bool
    default: false
seealso:
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
  description: What became of each certificate, in the order of O(certificates), or by name where that was not given.
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
        - What was done, or in check mode what would be done.
          One of V(none), V(finalize) or V(write), which is files alone.
      type: str
      returned: always
      sample: finalize
    reason:
      description: Why, in words.
      type: str
      returned: always
      sample: signed, to be uploaded
    changed:
      description: Whether anything changed for this certificate.
      type: bool
      returned: always
    failed:
      description: Whether this certificate failed.
      type: bool
      returned: always
    msg:
      description: What went wrong, for a person.
      type: str
      returned: when RV(certificates[].failed) is V(true)
    error:
      description:
        - What is known of the error beside RV(certificates[].msg).
        - C(type) is the kind of error.
          For one of the service there are also C(step), C(url) without its query, C(status) (the HTTP status),
          C(error_code) and C(service_message) as the server gave them.
        - An error that nobody expected is V(InternalError), with the kind of C(exception), the C(place) in the
          collection and a C(trace) of files, lines and functions.
          It is the failure of this certificate alone.
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
      description: From when on the certificate is valid, in UTC (ISO 8601).
      type: str
      returned: when there is a certificate
      sample: "2026-01-31T12:00:00Z"
    not_valid_after:
      description: Until when the certificate is valid, in UTC (ISO 8601).
      type: str
      returned: when there is a certificate
      sample: "2027-01-31T12:00:00Z"
    waiting_since:
      description: Since when the certificate is on its way, or at the signer, in UTC (ISO 8601).
      type: str
      returned: when it is on its way
      sample: "2026-01-31T12:00:00Z"
      version_added: 0.4.0
    dn:
      description: The distinguished name that was asked for, in order.
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
      description: Paths of the copies of what was replaced.
      type: list
      elements: str
      returned: when O(backup) is V(true) and a file was replaced
stopped:
  description:
    - Why the server was not asked any more, V(none) where it was.
      It did not answer three times in a row, or there is no session.
      Another list need not be begun then.
  returned: always
  type: str
  sample: null
  version_added: 0.2.0
summary:
  description:
    - How many certificates had each action, how many C(failed), and how many others were C(not_tried) since the server
      is down.
  returned: always
  type: dict
  sample: {finalize: 1, none: 41}
"""

from ..module_utils._enroll.api import FinalizeStep
from ..module_utils._module.api import CertificateFiles, Context, Result, batch_result, run
from ..module_utils._module.api import options as arguments


def work(context: Context) -> Result:
    """Upload what is signed, then write files."""
    params = context.params
    items = arguments.finalize_items(params, context.names)
    step = FinalizeStep(
        context.store,
        context.client,
        context.session(),
        subject_match=params["subject_match"],
        encoding=params["upload_format"],
        now=context.now,
    )
    if not params["directory"]:
        return batch_result(context.run_batch(step, items))
    files = CertificateFiles(
        context.module,
        params["directory"],
        backup=params["backup"],
        in_use=lambda name: context.store.enrollment(context.service, name).current,
    )
    return batch_result([files.write(outcome) for outcome in context.run_batch(step, items)])


def main() -> None:
    """Run the module."""
    options: arguments.Spec = {
        **arguments.certificates(arguments.FINALIZED),
        "subject_match": {"type": "str", "choices": ["contains", "equals", "ignore"], "default": "contains"},
        "upload_format": {"type": "str", "choices": ["der", "pkcs7", "pem"], "default": "der"},
        "directory": {"type": "path"},
        "backup": {"type": "bool", "default": False},
    }
    run({**arguments.CONNECTION, **arguments.STORE, **arguments.BATCH, **options}, work, add_file_common_args=True)


if __name__ == "__main__":
    main()
