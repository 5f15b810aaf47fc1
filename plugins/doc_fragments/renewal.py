# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option that says when a certificate is due."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; module_utils/_enroll/due.py reads the value."""

    DOCUMENTATION = r"""
options:
  renew_before:
    description:
      - How long before its end a certificate is due for renewal.
        The value is a duration in years of 365 days, weeks, days, hours, minutes and seconds, in that order, such as
        V(30d), V(12h) or V(1d12h), or a share of the whole life such as V(33%).
        With V(never) no certificate is due.
      - The default is the smaller of 30 days and a third of the certificate's life.
        A certificate of one year is due 30 days before its end, and one of 47 days is due 15 days and 16 hours before
        its end.
      - If a value leaves a certificate less than a tenth of its life, the module uses that third instead, with a
        warning.
        So a certificate that was just issued is never due, even if its life is short.
      - The time by which the CA backdates a certificate does not count as life.
    type: str
"""
