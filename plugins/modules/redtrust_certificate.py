#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make sure that certificates are there: request, sign, upload and renew them in one pass."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_certificate
short_description: Make sure that certificates are issued and renewed
version_added: 0.5.0
description:
  - Takes each certificate of a list the whole way in one task.
    The module requests a key pair and a CSR from Redtrust, has the signer sign the CSR, checks the certificate, uploads
    it, and writes its files.
    It renews a certificate that is due.
  - A certificate that is in use, is as its entry says, and is not due, is left alone.
    Nothing is sent for it.
  - Does what M(redtrust.certificate_enroll.redtrust_csr) or M(redtrust.certificate_enroll.redtrust_renew),
    M(redtrust.certificate_enroll.redtrust_sign) and M(redtrust.certificate_enroll.redtrust_finalize) do one after the
    other, and keeps the same records.
    So a run that died half-way is continued by this module or by those.
    Use those if your own tasks sign.
  - Each certificate goes its way alone, several at the same time.
    The first is in use after seconds, and one that fails does not stop the others.
  - A signer may answer "not yet".
    The request then waits, and the next run hands it to the signer again.
  - If the signer fails twenty times in a row, the rest of the list is not tried, and gets no keys that nobody signs
    for.
  - Before it requests a key, the module checks the signer as if it had to sign now, O(directory), and the whole list.
  - Several runs may work on the same list at the same time.
    They share it, a few certificates at a time.
  - With O(replace) the module replaces all certificates of a CA that is compromised, of a kind of key that is weak, or
    of a batch that was issued wrongly.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
  - redtrust.certificate_enroll.batch
  - redtrust.certificate_enroll.certificates.certificate
  - redtrust.certificate_enroll.lists
  - redtrust.certificate_enroll.lists.defaults
  - redtrust.certificate_enroll.renewal
  - redtrust.certificate_enroll.renewal.quota
  - redtrust.certificate_enroll.policy
  - redtrust.certificate_enroll.renewal.distrust
  - redtrust.certificate_enroll.events
  - redtrust.certificate_enroll.signers
  - redtrust.certificate_enroll.approval
  - redtrust.certificate_enroll.upload
  - ansible.builtin.files
options:
  certificates:
    description:
      - The certificates that should be there.
        Without this option and O(certificates_file), the module renews all certificates of O(service) in the store that
        are due, and completes those that are on their way.
      - If C(dn), C(provider) or another field of the request differs from the request of the certificate in use, the
        certificate is replaced.
      - An entry with a certificate or a thumbprint is adopted if the store does not know its name.
        An adopted certificate is only renewed, as long as it is in use.
    type: list
    elements: dict
  renew_only:
    description:
      - Only renew certificates, and request no first certificate.
        The fields of an entry then only describe a certificate to adopt.
        They are not compared with the certificate in use.
    type: bool
    default: false
  force:
    description:
      - Request another certificate even though nothing calls for it, or although the CA rejected the last request.
      - It happens in every run, except while a request is on its way, so set it for one run only.
        A request that waits after a failure or a refused certificate does not wait any longer.
    type: bool
    default: false
  replace:
    description:
      - Replace the certificates in use that meet all criteria given here, whether they are due or not.
        Each is renewed by its thumbprint, so that the server keeps what belongs to it.
        C(renew_before), windows, freezes and limits of renewals do not hold them back.
        A wait after failures does, and so does a rejection by the CA.
      - It is an incident in the store.
        It is begun once, and concerns the certificates that were obtained before that.
        Each later run of this module for the same service takes it up, also one without this option, for the
        certificates of its own list.
        It ends when nobody is left.
        The same task run again joins it, and replaces nothing twice.
      - A certificate that was on its way when the incident was begun is finished first.
        If it then meets the criteria as well, the next run replaces it.
      - If nothing in the store meets the criteria, the module fails and does nothing.
      - In check mode this is the rehearsal, and nothing is written.
        It says how many certificates would be replaced, how long that takes at the rate of the last run, and whether
        O(replace.deadline) would hold.
    type: dict
    version_added: 0.5.0
    suboptions:
      id:
        description:
          - The name of the incident, of 1 to 64 letters, digits, blanks and C(. _ -).
            The default is made of the criteria, so that the same task always means the same incident.
            For the same criteria a second time, give another name.
          - A name alone, without criteria, means an incident that was begun before.
        type: str
      state:
        description:
          - V(ended) ends the incident by hand, and leaves the certificates that are left to replace as they are.
            The module goes on with its list as always.
        type: str
        choices: [open, ended]
        default: open
      issuer:
        description:
          - The name of the CA in its certificates.
            It is a whole distinguished name such as V(CN=Example CA,O=Example,C=ES), in any order, as
            C(openssl x509 -noout -issuer) prints it; or a common name alone, such as V(Example CA).
        type: str
      issuer_path:
        description:
          - Path of the certificate of the CA (PEM, DER or PKCS#7), on the machine that runs the module.
            Only certificates that its key has issued are replaced, not those of another key of a CA with the same name.
            The incident keeps the certificate, so only the run that begins it needs the file.
        type: path
      serial_numbers:
        description:
          - Serial numbers of certificates, in hex, with or without colons.
            Quote them in YAML.
        type: list
        elements: str
      serial_numbers_file:
        description:
          - Path of a file with serial numbers, one a line, instead of O(replace.serial_numbers).
            Blank lines and lines that begin with C(#) are left out.
        type: path
      provider:
        description:
          - The name of the provider at the service, as in the request.
        type: str
      key_type:
        description:
          - The type of the key, as in the request, such as V(RSA).
            A renewal requests a key of the same type, unless the entry in O(certificates) has another one.
        type: str
      issued_before:
        description:
          - The time (ISO 8601, in UTC unless it has an offset) before which a certificate was issued.
            It counts when the certificate was signed.
            Of an adopted certificate the beginning of its validity counts.
        type: str
      names:
        description:
          - Names of enrollments.
        type: list
        elements: str
      names_file:
        description:
          - Path of a file with names, instead of O(replace.names).
            It has one name a line, or is a list as O(certificates_file) takes it if its name ends in C(.csv), C(.json),
            C(.jsonl), C(.ndjson), C(.yaml) or C(.yml).
        type: path
      deadline:
        description:
          - Until when all should be replaced.
            It is a time (ISO 8601, in UTC unless it has an offset), or a duration from the beginning of the incident
            on, such as V(24h) or V(1d12h).
          - It does not make the module faster.
            The module says how many certificates will miss it, and why.
            A later task with the same incident may change it.
        type: str
  ask_ca:
    description:
      - Whether to ask the CA of the signer, for each certificate that is not due, whether it wants it to be renewed
        now.
        A signer that cannot ask says nothing; V(acme) asks for the renewal information of RFC 9773.
      - What the CA wants is like the date on which a certificate is due.
        Windows, freezes and O(max_renewals) hold, O(renew_before=never) does not.
    type: bool
    default: false
    version_added: 0.5.0
  end_session:
    description:
      - Whether to end the session after the work on the list, at the server and on disk.
        With V(failure) the module ends it only if a certificate failed.
        If the module refuses its options or the list, it does not end the session.
      - A session that O(session_key) keeps in the store is left to other jobs.
    type: str
    choices: [always, failure, never]
    default: never
  progress_path:
    description:
      - Path of a file for the progress, as one line of text that is replaced at most once a second.
        With this option Ansible does not show the progress.
    type: path
seealso:
  - module: redtrust.certificate_enroll.redtrust_token
  - module: redtrust.certificate_enroll.redtrust_csr
  - module: redtrust.certificate_enroll.redtrust_renew
  - module: redtrust.certificate_enroll.redtrust_sign
  - module: redtrust.certificate_enroll.redtrust_finalize
  - module: redtrust.certificate_enroll.redtrust_enrollment_info
notes:
  - While the module works on ten certificates or more, Ansible shows its progress about twice a minute.
    The task must run on Ansible's own machine (C(connection=local)), without C(become) and C(no_log).
"""

EXAMPLES = r"""
- name: Certificates for two people, renewed when they are due
  redtrust.certificate_enroll.redtrust_certificate:
    host: redtrust.example.com
    api_version: "4.42"
    username: enroll
    password: "{{ redtrust_password }}"
    signer:
      type: local_ca
      certificate_path: /etc/pki/ca/ca.pem
      private_key_path: /etc/pki/ca/ca.key
      validity: 90d
    certificate_defaults:
      provider: CA_EXAMPLE
    certificates:
      - name: ana-garcia
        dn: {cn: Ana Garcia Lopez, serialNumber: IDCES-12345678Z, c: ES}
      - name: jordi-puig
        dn: {cn: Jordi Puig Serra, serialNumber: IDCES-87654321X, c: ES}

- name: A hundred thousand certificates from a file
  redtrust.certificate_enroll.redtrust_certificate:
    host: redtrust.example.com
    certificates_file: /srv/enrollment/people.jsonl
    signer: {type: command, argv: [/usr/local/bin/ask-our-ca]}
    workers: 32

  register: people

- name: Reload the application if it has a new certificate
  ansible.builtin.service:
    name: invoices
    state: reloaded
  when: "'ana-garcia' in people.changed_names"

- name: Renew all certificates that are due
  redtrust.certificate_enroll.redtrust_certificate:
    host: redtrust.example.com
    signer: {type: command, argv: [/usr/local/bin/ask-our-ca]}
    renew_before: 20d

- name: Renew a fleet, spread evenly, in the nights before a working day, and not over the holidays
  redtrust.certificate_enroll.redtrust_certificate:
    host: redtrust.example.com
    signer: {type: command, argv: [/usr/local/bin/ask-our-ca]}
    renew_jitter: 100%
    renewal_windows:
      - {days: [sun, mon, tue, wed, thu], from: "22:00", to: "06:00", zone: Europe/Madrid}
    renewal_freezes:
      - {from: 2026-12-21, until: 2027-01-06, zone: Europe/Madrid, reason: holidays}
    max_renewals: 2000

- name: Rehearse what it takes to replace all certificates of a CA within a day, with --check
  redtrust.certificate_enroll.redtrust_certificate:
    host: redtrust.example.com
    signer: {type: command, argv: [/usr/local/bin/ask-our-new-ca]}
    workers: 32
    replace:
      issuer_path: /etc/pki/ca/compromised.pem
      deadline: 24h
  check_mode: true
  register: rehearsal

- name: Replace what is left of an old CA, and what its successor has revoked, in each run from now on
  redtrust.certificate_enroll.redtrust_certificate:
    host: redtrust.example.com
    signer:
      type: command
      argv: [/usr/local/bin/ask-our-new-ca]
    distrusted:
      - issuer_path: /etc/pki/ca/old.pem
      - issuer: CN=Example CA,O=Example
        serial_numbers: ["0A:1B:2C"]
    check_revocation: [ocsp, crl]
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
          V(issue), V(replace) and V(renew) request a certificate, V(finalize) completes one that was on its way, and
          V(adopt) takes over the record of one that is in use.
          V(wait) means that the signer is not done yet, or that the request waits for approval.
          V(write) means that only files were written, and V(none) that nothing was done.
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
    postponed:
      description: Why a certificate that is due is left for a later run.
      type: dict
      returned: when it is due and is left
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
summary:
  description:
    - How many certificates had each action, how many C(failed), how many others were C(not_tried) because the server is
      down, and how many are due and C(postponed), which means left for a later run.
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
changed_names:
  description:
    - The names of the certificates that were uploaded or written to a file, in the order in which this happened.
  returned: always
  type: list
  elements: str
  sample: [ana-garcia]
failed_names:
  description: The names of the certificates that failed, in the order in which this happened.
  returned: always
  type: list
  elements: str
  sample: []
report:
  description:
    - What became of the list, in lines for a person.
      In check mode, what would be done, and why.
  returned: always
  type: list
  elements: str
  sample: ["42 certificates: 1 issued, 41 unchanged, 0 failed"]
kinds:
  description:
    - What became of the list, in numbers and names.
      It is short for any list, so it is fit for a notification.
    - Each certificate is C(issued), C(renewed), C(adopted), C(unchanged), C(postponed), C(written) (only its files were
      written), C(waiting), C(without_certificate) or C(failed).
      In check mode, those that did not fail are in none of these.
    - Other kinds count certificates once more.
      C(changed) are those of RV(changed_names).
      C(to_approve) are those of C(waiting) that people have to approve.
      C(newly_waiting) and C(newly_to_approve) began to wait in this run.
      C(ending) are those in use that end within 7 days, or have ended, and that failed, wait, or were postponed.
  returned: always
  type: dict
  version_added: 0.5.0
  contains:
    counts:
      description: The number of certificates of each kind.
      type: dict
      returned: always
      sample: {issued: 1, unchanged: 41, failed: 0}
    names:
      description: The first 100 names of each kind, except for C(unchanged).
      type: dict
      returned: always
      sample: {issued: [ana-garcia], failed: []}
    requests:
      description:
        - The first 100 requests that people have to approve, each with C(name) and C(csr_sha256), as
          O(redtrust.certificate_enroll.redtrust_enrollment#module:certificates) takes them.
      type: list
      elements: dict
      returned: always
      sample: [{name: jordi, csr_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]
replacement:
  description:
    - The replacement that the task names, or else the oldest one that is open.
      It is V(none) if there is none.
  returned: always
  type: dict
  contains:
    id:
      description: The name of the incident.
      type: str
      returned: always
      sample: issuer-3f2a9c1d
    begun_at:
      description: The time when it was begun, in UTC (ISO 8601); V(none) in a rehearsal.
      type: str
      returned: always
      sample: "2026-06-01T20:00:00Z"
    begun_by:
      description: The user, the host and the process that began it.
      type: str
      returned: always
      sample: "ana on awx-1 (pid 17, job 4711, run 0badcafe)"
    deadline:
      description: The deadline, in UTC (ISO 8601), or V(none).
      type: str
      returned: always
      sample: "2026-06-02T06:00:00Z"
    ended_at:
      description: The time when nobody was left, or when it was ended by hand, in UTC (ISO 8601), or V(none).
      type: str
      returned: always
      sample: null
    total:
      description: The number of certificates to replace when it was begun.
      type: int
      returned: always
      sample: 100000
    replaced:
      description: How many of them are replaced.
      type: int
      returned: always
      sample: 41212
    left:
      description: How many are left.
      type: int
      returned: always
      sample: 58788
    failed:
      description: How many failed in this run, or would fail in check mode.
      type: int
      returned: always
      sample: 12
    not_judged:
      description: How many certificates cannot be judged, since the store does not have them.
      type: int
      returned: always
      sample: 0
    done_by:
      description:
        - The time when all that can be replaced will be, in UTC (ISO 8601), at the rate of all runs in this time, or at
          the rate of the last run.
          It is V(none) if no rate is known, or if nothing is left.
      type: str
      returned: always
      sample: "2026-06-02T01:05:00Z"
    will_miss:
      description: How many will miss the deadline.
      type: int
      returned: always
      sample: 212
    why:
      description: The causes, each with its number, in words.
      type: list
      elements: str
      returned: always
      sample: ["200: they failed several times, and wait until after the deadline"]
session_ended:
  description: Whether the module ended the session, or found none to end, because of O(end_session).
  returned: always
  type: bool
  sample: false
"""

import dataclasses

from ..module_utils._enroll.api import (
    ApprovalRule,
    CertificateStep,
    FinalizeStep,
    Incidents,
    Quota,
    Reasons,
    RenewStep,
    RequestStep,
    Rules,
    SignStep,
    Steps,
)
from ..module_utils._errors import RedtrustError
from ..module_utils._module.api import (
    APPROVAL,
    ASK_CA,
    CERTIFICATE,
    DISTRUST,
    EVENTS,
    POLICY,
    QUOTA,
    RENEWAL,
    REPLACE,
    SIGNER,
    SIGNER_REQUIRED_IF,
    UPLOAD,
    Context,
    Renewals,
    Replacing,
    Report,
    Result,
    Results,
    Spec,
    Wanted,
    build_signer,
    certificate_items,
    expectations,
    finished_by,
    listed,
    listed_spec,
    read_reasons,
    read_rules,
    run,
)
from ..module_utils._session.api import Session
from ..module_utils._signers.api import Signer
from ..module_utils._x509.api import Expectations


def work(context: Context) -> Result:
    """Make sure that the certificates are there."""
    params = context.params
    signer = build_signer(params, context.now(), context.module.secrets)
    signer.check(context.now())
    expected = expectations(params, signer.lifetime)
    rules = read_rules(params, context.names, signer.lifetime, signer.check_spec)
    finish = finished_by(context)
    wanted = Wanted.read(params)
    entries = listed(params, CERTIFICATE, context.register)
    renewals = Renewals.read(params)
    reasons = read_reasons(context, signer.why_due)
    items = certificate_items(entries, context.names, params, renewals)
    session = context.session()
    results = Results(
        params["results"],
        default="changed",
        report=Report(signer=params["signer"], check_mode=context.check_mode, now=context.now()),
        expected=None if entries is None else len(entries),
        diffs=context.wants_diff,
    )
    replacing = Replacing(context, wanted)
    step = _step(
        context,
        session,
        signer,
        quota=renewals.quota(),
        rules=rules,
        expected=expected,
        incidents=replacing.incidents,
        reasons=reasons,
        tells_why_not=results.has_unchanged,
    )
    context.batch(step, items, results, finish, replacing)
    replaced = replacing.finish()
    failed = bool(results.report.failed_names)
    result = results.result(
        warnings=[*signer.warnings, *rules.warnings, *replaced.warnings, *reasons.warnings()],
        changed_names=results.report.changed_names,
        failed_names=results.report.failed_names,
        report=[*results.lines(), *replaced.lines],
        kinds=results.report.kinds.to_json(),
        replacement=replaced.result,
        session_ended=_ends(params, failed=failed) and _end(context, session),
    )
    return dataclasses.replace(result, changed=result.changed or replacing.changed)


def _step(
    context: Context,
    session: Session,
    signer: Signer,
    *,
    quota: Quota,
    rules: Rules,
    expected: Expectations,
    incidents: Incidents,
    reasons: Reasons,
    tells_why_not: bool,
) -> CertificateStep:
    store, client, params, now = context.store, context.client, context.params, context.now
    return CertificateStep(
        store,
        Steps(
            RequestStep(store, client, session, register=context.register, now=now, rules=rules),
            RenewStep(
                store,
                client,
                session,
                register=context.register,
                now=now,
                rules=rules,
                quota=quota,
                reasons=reasons,
            ),
            SignStep(
                store,
                signer,
                now=now,
                at_once=context.limits.workers,
                throttle=context.signer_throttle(signer),
                approval=ApprovalRule.read(params["approval"]),
            ),
            FinalizeStep(
                store,
                client,
                session,
                subject_match=params["subject_match"],
                encoding=params["upload_format"],
                now=now,
                expected=expected,
                distrust=reasons.distrust,
            ),
        ),
        now=now,
        tells_why_not=tells_why_not,
        incidents=incidents,
    )


def _ends(params: dict[str, object], *, failed: bool) -> bool:
    """Return whether this run ends the session: only one that is of this job alone."""
    wanted = params["end_session"]
    return not params["session_key"] and (wanted == "always" or (wanted == "failure" and failed))


def _end(context: Context, session: Session) -> bool:
    """End the session. Without an answer it ends by itself, so this is no failure of the certificates."""
    if context.check_mode:
        return False
    try:
        session.close()
    except RedtrustError as exc:
        context.module.warn(f"the session is not ended, it ends by itself: {exc}")
        return False
    return True


def main() -> None:
    """Run the module."""
    own: Spec = {
        "certificate_defaults": {"type": "dict", "default": {}},
        "renew_only": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "end_session": {"type": "str", "choices": ["always", "failure", "never"], "default": "never"},
        "progress_path": {"type": "path"},
    }
    due = {**RENEWAL, **QUOTA, **DISTRUST, **ASK_CA, **REPLACE}
    spec = {**listed_spec(), **EVENTS, **POLICY, **SIGNER, **APPROVAL, **UPLOAD, **due, **own}
    run(spec, work, required_if=SIGNER_REQUIRED_IF, add_file_common_args=True)


if __name__ == "__main__":
    main()
