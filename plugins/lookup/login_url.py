# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up the signed link for a person to sign in to Redtrust."""

from __future__ import annotations

DOCUMENTATION = r"""
name: login_url
short_description: The signed link for a person to sign in to Redtrust
version_added: 0.3.0
description:
  - Returns the signed address of Redtrust's own login page.
    It is for a person who signs in while nothing can listen on the redirect URL.
    The person signs in, and Redtrust sends the browser to O(redirect_url).
    The person then pastes the address of that page into
    O(redtrust.certificate_enroll.redtrust_login#module:temporal_token).
  - The lookup sends nothing.
    The link is valid for a few minutes only.
    Look it up in the task that shows it, and do not keep it in a fact.
  - The link alone does not sign anybody in, since Redtrust still asks for a password or a certificate.
    It holds no secret, only a signature that is valid for these minutes.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
options:
  _terms:
    description: The lookup takes no terms.
  host:
    description: Host name or address of the Redtrust server, without scheme and port.
    type: str
    required: true
    env:
      - name: REDTRUST_HOST
  port:
    description:
      - Port of the RA API.
        With O(api_version=4.42) it is the port of the login page too.
    type: int
    env:
      - name: REDTRUST_PORT
  auth_port:
    description:
      - Port of the login and token service.
      - The default is V(8083) with O(api_version=4.33), and the value of O(port) with O(api_version=4.42).
    type: int
    env:
      - name: REDTRUST_AUTH_PORT
  api_version:
    description: The generation of the service.
    type: str
    choices: ["4.33", "4.42"]
    default: "4.33"
    env:
      - name: REDTRUST_API_VERSION
  partner:
    description: Name of the calling application as registered at the server.
    type: str
    required: true
    env:
      - name: REDTRUST_PARTNER
  partner_secret:
    description: The secret that O(partner) shares with the server.
    type: str
    required: true
    env:
      - name: REDTRUST_PARTNER_SECRET
  partner_secret_encoding:
    description: The encoding of O(partner_secret), which is UTF-8 text, hex digits or base64.
    type: str
    choices: [text, hex, base64]
    default: text
    env:
      - name: REDTRUST_PARTNER_SECRET_ENCODING
  domain:
    description:
      - Domain of the user, for example V(local.users).
        Without it the login page asks for the domain.
    type: str
    env:
      - name: REDTRUST_DOMAIN
  redirect_url:
    description: The redirect URL that is registered at the service for O(partner), exactly as it is registered.
    type: str
    required: true
    env:
      - name: REDTRUST_REDIRECT_URL
seealso:
  - module: redtrust.certificate_enroll.redtrust_login
  - ref: ansible_collections.redtrust.certificate_enroll.login_role
    description: Shows the link and asks for the address.
"""

EXAMPLES = r"""
- name: Show the link
  ansible.builtin.debug:
    msg: "Sign in at {{ lookup('redtrust.certificate_enroll.login_url', host='redtrust.example.com',
      partner='CA_EXAMPLE', partner_secret=redtrust_partner_secret, redirect_url='https://your-app.com') }}"

- name: Show the link, with everything from the environment
  ansible.builtin.debug:
    msg: "Sign in at {{ lookup('redtrust.certificate_enroll.login_url') }}"
"""

RETURN = r"""
_list:
  description: The link.
  type: list
  elements: str
  sample:
    - https://redtrust.example.com:8083/authclient/auth/loginrequest?Consumer=RA_API&RedirectUrl=...
"""

import time
import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import RedtrustError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.api import Server


class LookupModule(LookupBase):
    """The plugin; its name is Ansible's."""

    def run(self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any) -> list[str]:
        """Return the link, signed now."""
        if terms:
            raise AnsibleLookupError("login_url takes no terms, only options such as redirect_url='https://...'")
        self.set_options(var_options=variables, direct=kwargs)  # type: ignore[no-untyped-call]
        params: dict[str, t.Any] = self.get_options()  # type: ignore[no-untyped-call]
        try:
            server = Server.read(params)
        except RedtrustError as exc:
            raise AnsibleLookupError(f"login_url: {exc}") from exc
        if server.partner is None:
            raise AnsibleLookupError("login_url: partner and partner_secret are empty")
        link = server.partner.login_url(
            server.login_page,
            redirect_url=params["redirect_url"],
            timestamp=int(time.time()),
            domain=params["domain"],
        )
        return [link]
