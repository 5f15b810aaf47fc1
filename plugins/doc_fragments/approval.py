# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option that says who must approve a request."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  approval:
    description:
      - The approvals that a request needs before the signer gets it.
        Without this option it needs none.
      - The key is made and the request is kept, but it waits until enough different people have approved it with
        M(redtrust.certificate_enroll.redtrust_enrollment).
        A request that waits is not a failure.
        The run after the last approval hands it to the signer.
      - An approval is of one request, of its key and of what it asks for.
        If what is asked for changes, the old request is given up and the new one needs new approvals, and so does each
        renewal.
        A request whose certificate is refused goes to the signer again with the approvals that it has.
      - A request that has begun to wait goes on waiting in a run without this option too.
        So a task that renews everything does not hand over what another task has held back.
      - A person is the C(actor) of a task.
        Anybody who can write to the store can name anybody, so restrict who may use it.
    type: dict
    version_added: 0.5.0
    suboptions:
      approvals:
        description: How many different people must approve each request, from 1 to 100.
        type: int
        default: 1
      four_eyes:
        description:
          - Whether all of them must be others than the person whose run asked for the key.
          - The events in the store tell who that was.
            If they do not, one approval more is needed.
        type: bool
        default: false
"""
