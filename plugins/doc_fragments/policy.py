# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options for what may be requested."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; module_utils/_module/rule_options.py reads the values."""

    DOCUMENTATION = r"""
options:
  policy:
    description:
      - The rules for what may be requested.
        They are checked before a key is made.
        By default there are none, and everything may be requested.
      - The first rule whose O(policy[].names) match decides about a request, be it of a first certificate, of another
        one or of a renewal.
        A request that no rule is about is denied.
      - A certificate whose request is denied fails alone, and its message names the rule and the fields.
        Nothing is sent or written for it, and it does not count as a failed attempt.
      - A request that has its key already is completed, whatever the rules say.
      - Patterns are texts in which C(*) stands for any number of characters.
        The guide C(docs/policy.md) of the collection has examples.
    type: list
    elements: dict
    version_added: 0.5.0
    suboptions:
      name:
        description: The name of the rule in messages.
        type: str
        required: true
      names:
        description:
          - Patterns for the names of the enrollments that the rule is about, such as V(person-*).
            Upper and lower case differ.
        type: list
        elements: str
        required: true
      dn:
        description:
          - The attributes that a distinguished name may have, each with a pattern for its value or a list of them, such
            as V(*.example.com) for C(cn).
            An attribute that is not listed is denied.
            An attribute C(*) stands for all that are not listed.
          - Upper and lower case do not differ.
        type: dict
        required: true
      dn_required:
        description: Attributes that a distinguished name must have.
        type: list
        elements: str
      subject_alt_name:
        description:
          - Patterns for the subject alternative names, by kind (C(DNS), C(IP), C(email) or C(URI)).
            A kind that is not listed is denied, so that without this field a request must not have such names.
          - Those of C(IP) are addresses, or networks such as V(192.0.2.0/24).
          - In an C(email), C(*) does not stand for C(@).
            In a C(URI) it does not stand for C(@), a slash, a backslash, a question mark or a hash sign, but C(**)
            does.
        type: dict
      wildcards:
        description: Whether a C(cn) or a C(DNS) name may have a C(*) in it.
        type: bool
        default: false
      key_types:
        description:
          - The types of keys, such as C(RSA).
            Each is a mapping with C(min_length) and C(max_length) in bits, which may be left out.
        type: dict
      hash_types:
        description: The values of C(hash_type).
        type: list
        elements: str
      providers:
        description: Patterns for the providers.
        type: list
        elements: str
      group_ids:
        description: The groups that a request may name.
        type: list
        elements: int
      max_lifetime:
        description:
          - The longest lifetime that the signer may ask the CA for, such as V(90d).
          - It is checked if the module has a signer that says how long it asks for certificates.
            Otherwise there is a warning.
        type: str
      max_certificates:
        description:
          - How many certificates under these names may be in use or on their way.
            A renewal adds none.
          - Runs at the same time count what the others have written.
            Two that write at the same moment may exceed the number by what they have in flight.
        type: int
  policy_file:
    description:
      - Path of a file with the rules, instead of O(policy), on the host that runs the module.
        It is a list in YAML, JSON or JSON Lines, or a mapping with the one key C(policy).
      - Can also be set with the environment variable E(REDTRUST_POLICY_FILE).
    type: path
    version_added: 0.5.0
"""
