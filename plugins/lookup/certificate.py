# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up a certificate in the store."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate
short_description: A certificate in use, from the store
version_added: 0.5.0
description:
  - Returns the certificate that is in use under a name, with its chain and its dates.
    Use it for a template, or for a file of another host.
  - The lookup reads the store on the machine where Ansible runs, and changes nothing.
    It does not ask the server.
  - A name without a certificate in use is an error, also while its first certificate is on its way.
    With C(errors='ignore') the lookup returns nothing instead.
  - The private key is in Redtrust, and nobody can look it up.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.store_reading
options:
  _terms:
    description:
      - The names of the enrollments.
        Quote a name that is a number.
    type: list
    elements: str
    required: true
seealso:
  - module: redtrust.certificate_enroll.redtrust_enrollment_info
    description: Shows all revisions, and what a person must look at.
  - module: redtrust.certificate_enroll.redtrust_certificate
    description: Writes the files of certificates itself, with its option C(directory).
  - plugin: redtrust.certificate_enroll.enrollments
    plugin_type: inventory
    description: Makes a host of each enrollment.
"""

EXAMPLES = r"""
- name: Copy the certificate with its chain to a web server
  ansible.builtin.copy:
    content: "{{ lookup('redtrust.certificate_enroll.certificate', 'www.example.com',
      service='redtrust.example.com').fullchain }}"
    dest: /etc/ssl/www.example.com.pem
    mode: "0644"

- name: Show until when it is valid, with the store and the service from the environment
  ansible.builtin.debug:
    msg: "{{ lookup('redtrust.certificate_enroll.certificate', 'www.example.com').not_valid_after }}"

- name: Show the thumbprints of two certificates
  ansible.builtin.debug:
    msg: "{{ query('redtrust.certificate_enroll.certificate', 'ana-garcia', 'luis-perez')
      | map(attribute='thumbprint') }}"

- name: Show whether there is one
  ansible.builtin.debug:
    msg: "{{ query('redtrust.certificate_enroll.certificate', 'www.example.com', errors='ignore') | length > 0 }}"
"""

RETURN = r"""
_list:
  description: The certificates in use, in the order of the names.
  type: list
  elements: dict
  contains:
    name:
      description: The name of the enrollment.
      type: str
    certificate:
      description: The certificate in PEM.
      type: str
    chain:
      description:
        - The certificates of its CAs in PEM, its issuer first.
          The text is empty if the store has no chain.
      type: str
    fullchain:
      description: The certificate and its chain in PEM.
      type: str
    subject:
      description: The subject as RFC 4514 writes it.
      type: str
      sample: CN=www.example.com,O=Example SL,C=ES
    issuer:
      description: The issuer as RFC 4514 writes it.
      type: str
      sample: CN=Example CA,O=Example SL,C=ES
    serial_number:
      description: The serial number in upper-case hex digits.
      type: str
      sample: 1A2B3C
    thumbprint:
      description: The SHA-1 of the certificate in DER as 40 upper-case hex digits.
      type: str
    certificate_sha256:
      description: The SHA-256 of the certificate in DER, in hex.
      type: str
    not_valid_before:
      description: The beginning of the validity, in UTC (ISO 8601).
      type: str
      sample: "2026-01-01T00:00:00Z"
    not_valid_after:
      description: The end of the validity, in UTC (ISO 8601).
      type: str
      sample: "2027-01-01T00:00:00Z"
    revision:
      description: The number of the revision; 1 is the first certificate, each renewal adds one.
      type: int
    dn:
      description: The distinguished name of the request, in order.
      type: list
      elements: dict
    provider:
      description: The provider of the request.
      type: str
    certificate_id:
      description: The number that the server gave the certificate, V(none) if it gave none.
      type: str
    revoked_at:
      description: When the CA revoked the certificate, in UTC (ISO 8601), V(none) if it did not.
      type: str
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils._errors import ConfigurationError
from ..module_utils._module.api import in_use_facts
from ..module_utils._x509.api import CRYPTOGRAPHY_IMPORT_ERROR
from ..plugin_utils.store_reading import reading


class LookupModule(LookupBase):
    """The plugin; its name is Ansible's."""

    def run(
        self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any
    ) -> list[dict[str, t.Any]]:
        """Return the certificate in use for each name."""
        if CRYPTOGRAPHY_IMPORT_ERROR:
            raise AnsibleLookupError("certificate: it needs the Python package cryptography where Ansible runs")
        self.set_options(var_options=variables, direct=kwargs)  # type: ignore[no-untyped-call]
        params: dict[str, t.Any] = self.get_options()  # type: ignore[no-untyped-call]
        with reading("certificate", params, kwargs, AnsibleLookupError) as (store, service):
            names = list(_names(terms))
            return [in_use_facts(enrollment) for enrollment in store.enrollments(service, names)]


def _names(terms: t.Iterable[t.Any]) -> t.Iterator[str]:
    """Yield the names; a term may be a list of them. Raises ConfigurationError."""
    for term in terms:
        if isinstance(term, (list, tuple)):
            yield from _names(term)
        elif isinstance(term, str) and term:
            yield str(term)
        else:
            raise ConfigurationError(f"a name is text, not {term!r}: quote it in YAML")
