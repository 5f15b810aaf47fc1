# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option for how long events are kept."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  keep_events:
    description:
      - For how long the events of a certificate are kept after its end.
        The value is a duration in years of 365 days, weeks, days, hours, minutes and seconds, in that order, such as
        V(2y), V(90d) or V(1d12h), or V(forever).
      - The default is the time for which the CA/Browser Forum has CAs keep their records after the end of a
        certificate.
      - A run removes events at its end, at most once a day, and only from the beginning of their chain.
        So events are kept for longer if they come after those of a certificate that must be kept.
        The events of a pending revision, and of a request for a key pair that had no answer, are never removed.
      - The removal is an event itself.
      - Can also be set with the environment variable E(REDTRUST_KEEP_EVENTS).
    type: str
    default: 2y
    version_added: 0.5.0
"""
