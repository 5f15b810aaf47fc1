# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that control the work on a list of certificates."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  actor:
    description:
      - For whom the module works.
        Each event in the store names it, beside the host, the process and the AWX job.
      - The default in an AWX job is the user who launched it, and the user of the system elsewhere.
      - Can also be set with the environment variable E(REDTRUST_ACTOR).
    type: str
    version_added: 0.5.0
  workers:
    description:
      - How many requests the module has under way at the same time, and as many at the signer, from 1 to 256.
        It works on up to twice as many certificates, since some of them wait for the disk.
      - Can also be set with the environment variable E(REDTRUST_WORKERS).
    type: int
    default: 8
  wait_timeout:
    description:
      - How many seconds to wait for another run that works on the same certificates, at most 86400.
        A certificate that the other run still works on by then fails.
        The others are not affected.
      - Can also be set with the environment variable E(REDTRUST_WAIT_TIMEOUT).
    type: float
    default: 300
  results:
    description:
      - Which results the module returns.
        V(all) is one for each certificate, V(changed) those that changed or failed, and V(failed) those that failed.
      - The default is V(all), and V(changed) for M(redtrust.certificate_enroll.redtrust_certificate).
        If the task fails, the default is V(failed), so that the output of Ansible shows the failures and not thousands
        of other results.
        Set it if you go on with the results of a task that failed.
      - RV(ignore:summary) counts all certificates in any case.
      - Can also be set with the environment variable E(REDTRUST_RESULTS).
    type: str
    choices: [all, changed, failed]
    version_added: 0.5.0
"""
