# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options for the check of a certificate, its upload and its files."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  subject_match:
    description:
      - How the subject of a certificate must match the request.
        With V(contains) it has all attributes of the request and may have more.
        With V(equals) it has exactly the attributes of the request in the same order.
        With V(ignore) it is not checked.
    type: str
    choices: [contains, equals, ignore]
    default: contains
  expect:
    description:
      - What a certificate must be, beside what is always checked.
        A certificate that is otherwise is refused, or uploaded with a warning.
      - The guide C(docs/policy.md) of the collection has an example.
    type: dict
    version_added: 0.5.0
    suboptions:
      lifetime:
        description:
          - How long a certificate lives, such as V(90d), in years of 365 days, weeks, days, hours, minutes and seconds,
            in that order.
            The time by which the CA dates a certificate back does not count.
          - The default is the validity that the signer asks the CA for, where the module has a signer and knows it.
        type: str
      lifetime_tolerance:
        description:
          - By how much a certificate may live longer or shorter.
            The default is a day, or a tenth of the lifetime if that is less.
        type: str
      on_lifetime:
        description:
          - What becomes of a certificate that lives longer or shorter.
            The default is V(refuse) if O(expect.lifetime) is set, and V(warn) if only the signer tells the lifetime.
        type: str
        choices: [refuse, warn, ignore]
      key_usage:
        description:
          - The key usages, named as community.crypto does, such as V(digitalSignature).
            By default they are not checked.
          - A certificate without this extension has none of them.
        type: list
        elements: str
      on_key_usage:
        description: What becomes of a certificate with other key usages.
        type: str
        choices: [refuse, warn, ignore]
        default: refuse
      extended_key_usage:
        description:
          - The extended key usages, named as community.crypto does, such as V(clientAuth), or dotted object
            identifiers.
            By default they are not checked.
        type: list
        elements: str
      on_extended_key_usage:
        description: What becomes of a certificate with other extended key usages.
        type: str
        choices: [refuse, warn, ignore]
        default: refuse
      usage_match:
        description:
          - How the usages of a certificate must match O(expect.key_usage) and O(expect.extended_key_usage).
            With V(contains) it has all of them and may have more, with V(equals) it has no others.
        type: str
        choices: [contains, equals]
        default: contains
      subject_alt_name_match:
        description:
          - How the subject alternative names of a certificate must match the C(subject_alt_name) of its request.
            With V(contains) it has all of them and may have more, with V(equals) it has no others.
            With V(equals) a certificate has none if its request has none.
        type: str
        choices: [contains, equals]
        default: contains
      on_subject_alt_name:
        description: What becomes of a certificate with other subject alternative names.
        type: str
        choices: [refuse, warn, ignore]
        default: warn
  upload_format:
    description:
      - The format of the upload.
        V(der) is the certificate alone, V(pkcs7) is the certificate and its chain in one PKCS#7 structure, and V(pem)
        is the same as PEM.
        The vendor's page does not name the format that the server takes, so V(der) is the reading of this collection.
    type: str
    choices: [der, pkcs7, pem]
    default: der
  directory:
    description:
      - Path of a directory for C(<name>.pem), and C(<name>-chain.pem) if there is a chain, of each certificate that is
        in use.
      - The directory must exist.
        The module replaces each file as a whole.
        O(owner), O(group), O(mode) and the like apply to these files.
      - Quote O(mode), as in V("0644").
        The module refuses a number without quotes that cannot be the mode that was meant, such as 644.
    type: path
  backup:
    description: Whether to keep a copy of a file that is replaced, with a timestamp in its name.
    type: bool
    default: false
"""
