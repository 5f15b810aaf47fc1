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
