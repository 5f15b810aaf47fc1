#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a session at Redtrust, or end it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_token
short_description: Have a session at Redtrust, or end it
version_added: 0.1.0
description:
  - With O(state=present) makes sure that there is a session for the tasks that follow.
    It uses a kept session, and refreshes it when two thirds of its life are over, or up to a twelfth of its life later.
    Without a kept session it logs in.
  - With O(state=absent) ends the session at the server and forgets it.
    If the access token has expired, the module refreshes the session first, since the server needs a valid token to end
    it.
    The module forgets the session even if the server refuses.
  - The other modules log in by themselves when they first need to.
    Use this module to check the credentials beforehand, and to end the session.
  - No token is returned.
    The module keeps the session in the file at O(session_path), or with O(session_key) in the store, for other jobs
    too.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
options:
  state:
    description: Whether there should be a session.
    type: str
    choices: [present, absent]
    default: present
  job_only:
    description:
      - With O(state=absent), the module ends only a session that is kept within the job.
        A session that O(session_key) keeps in the store is left to other jobs.
      - The playbooks of this collection end their session in this way.
    type: bool
    default: false
    version_added: 0.2.0
  force:
    description:
      - With O(state=present), asks the server even if it has told a run of the same store a short while ago that it
        refuses O(username) and O(password), or that it wants no requests for a while.
        The other runs ask again as well then.
      - When the server refuses a user and a password, no run of the store tries them again for 15 minutes, so that the
        account is not locked.
        Each run that needs them fails with the words of the server.
        Other credentials are tried at once.
    type: bool
    default: false
    version_added: 0.5.0
"""

EXAMPLES = r"""
- name: Log in
  redtrust.certificate_enroll.redtrust_token:
    host: redtrust.example.com
    api_version: "4.42"
    username: enroll
    password: "{{ redtrust_password }}"

- name: Exchange the temporary token of a login with a browser
  redtrust.certificate_enroll.redtrust_token:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    temporal_token: "{{ tkn }}"

- name: Log in once for all later jobs, which give session_key and no temporal_token
  redtrust.certificate_enroll.redtrust_token:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    temporal_token: "{{ tkn }}"
    session_key: "{{ redtrust_session_key }}"

- name: Log out
  redtrust.certificate_enroll.redtrust_token:
    host: redtrust.example.com
    api_version: "4.42"
    username: enroll
    password: "{{ redtrust_password }}"
    state: absent
"""

RETURN = r"""
action:
  description:
    - The action of the module, or in check mode the action that it would take.
      V(none) means that there was a session already, or none to end.
      The others are V(login), V(exchange) (of a temporary token), V(certificate) (a login by client certificate),
      V(refresh), V(logout) and V(forgotten).
      V(forgotten) means that the session is not kept any more, but the server did not confirm its end.
      A warning says so.
      In check mode V(login) stands for each way to log in, and V(logout) for both ways to end.
  returned: always
  type: str
  sample: login
expires_at:
  description:
    - When the access token ends, in UTC (ISO 8601).
      The modules refresh the session before that.
  returned: when O(state=present), not in check mode, and the server gives the time
  type: str
  sample: "2026-01-31T12:00:00Z"
"""

from ..module_utils._clock import timestamp
from ..module_utils._module.api import CONNECTION, STORE, Context, Result, Spec, run


def work(context: Context) -> Result:
    """Open the session or end it."""
    session = context.session()
    present = context.params["state"] == "present"
    if not present and context.params["job_only"] and context.params["session_key"]:
        return Result(changed=False, values={"action": "none"})
    if context.check_mode:
        changed = not session.is_kept() if present else session.is_there()
        return Result(changed, {"action": ("login" if present else "logout") if changed else "none"})
    if not present:
        closed = session.close()
        return Result(closed is not None, {"action": closed or "none"})
    if context.params["force"]:
        context.ask_again()
    opened = session.open()
    changed = opened.how not in ("given", "kept")
    expires_at = timestamp(opened.tokens.expires_at)
    return Result(changed, {"action": opened.how if changed else "none", "expires_at": expires_at})


def main() -> None:
    """Run the module."""
    own: Spec = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "job_only": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
    }
    run({**CONNECTION, **STORE, **own}, work)


if __name__ == "__main__":
    main()
