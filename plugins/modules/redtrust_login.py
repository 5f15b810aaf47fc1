#!/usr/bin/python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign in to Redtrust with a browser, and stay signed in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redtrust_login
short_description: Sign in to Redtrust with a browser, and stay signed in
version_added: 0.3.0
description:
  - With O(state=present) it makes sure that there is a session.
    It uses the kept session, and refreshes it when that is due.
    It logs in a user with a certificate without the help of a person.
    Otherwise a person has to sign in.
  - For that person it serves a page at the address of O(redirect_url).
    The button of the page leads to Redtrust's own page, with a link that is signed at that moment, and Redtrust sends
    the browser back to O(redirect_url).
    The module exchanges the temporary token at once and keeps the session.
    Then the page says that the window can be closed.
  - It listens on one address, for one sign-in, until O(login_timeout) is over.
    It refuses a browser that did not begin at this page.
    The pages need no JavaScript.
    They are in English, Spanish, and the Portuguese of Brazil and of Portugal.
  - A browser that comes too late gets a page that says so.
    After a sign-in the address answers for 5 seconds, and for up to 30 seconds while another browser still shows the
    button.
    Without a sign-in it answers for 30 seconds after O(login_timeout).
    Then the task ends.
  - It asks the service for the login page before it waits, so an address that is not registered fails at once.
  - With O(state=kept) it refreshes the kept session and waits for no person.
    This is for a schedule, which has to run more often than the session ends.
  - The role P(redtrust.certificate_enroll.login#role) shows the address to open while this module waits.
author:
  - The redtrust.certificate_enroll authors (@redtrust-partners)
extends_documentation_fragment:
  - redtrust.certificate_enroll.attributes
  - redtrust.certificate_enroll.attributes.actiongroup_redtrust
  - redtrust.certificate_enroll.connection
  - redtrust.certificate_enroll.store
options:
  state:
    description:
      - With V(present) there should be a session.
        A person may have to sign in for it.
      - With V(kept) the existing session should live on.
        Where only a person can help, the task fails.
    type: str
    choices: [present, kept]
    default: present
  force:
    description:
      - Whether to begin a new session although there is one.
        Only with O(state=present).
    type: bool
    default: false
  wait:
    description:
      - Whether to wait for a person.
        With V(false) the module does not listen; RV(action) is then V(needed), and RV(login_url) is the link with which
        a person can sign in.
    type: bool
    default: true
  login_timeout:
    description:
      - How many seconds to wait for a person, at most 86400.
        The page shows the end of that time.
    type: float
    default: 300
  job_template:
    description:
      - Name of the AWX job template with which a person signs in.
        In a job the failure of O(state=kept) names it.
    type: str
    default: "Redtrust: sign in"
    version_added: 0.4.0
  listen_address:
    description:
      - The address of this machine to listen on, or a name that has one.
      - The default is the host in O(redirect_url).
    type: str
  listen_port:
    description:
      - The port to listen on.
        The default is the one in O(redirect_url).
      - Together with O(listen_address) it lets a reverse proxy on this machine stand at the redirect URL.
    type: int
  certificate_path:
    description:
      - Path of a PEM file with the certificate for HTTPS, which may hold its chain and its key as well.
      - Without it the module speaks plain HTTP, and only on an address of this machine itself such as V(127.0.0.1).
    type: path
  private_key_path:
    description: Path of a PEM file with the key of O(certificate_path).
    type: path
  private_key_passphrase:
    description: Passphrase of O(private_key_path), where the key has one.
    type: str
"""

EXAMPLES = r"""
- name: Have a person sign in for all later jobs with the same session_key
  redtrust.certificate_enroll.redtrust_login:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    redirect_url: http://127.0.0.1:8765/callback
    session_key: "{{ redtrust_session_key }}"

- name: Sign in with the address that a person has copied out of the browser
  redtrust.certificate_enroll.redtrust_login:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    redirect_url: https://your-app.com
    temporal_token: "{{ pasted_address }}"
    session_key: "{{ redtrust_session_key }}"

- name: Stay signed in (on a schedule)
  redtrust.certificate_enroll.redtrust_login:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    redirect_url: http://127.0.0.1:8765/callback
    session_key: "{{ redtrust_session_key }}"
    state: kept

- name: Listen where other machines reach it
  redtrust.certificate_enroll.redtrust_login:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    redirect_url: https://ansible.example.com:8443/redtrust
    certificate_path: /etc/pki/tls/certs/ansible.pem
    private_key_path: /etc/pki/tls/private/ansible.key
    session_key: "{{ redtrust_session_key }}"
"""

RETURN = r"""
action:
  description:
    - The action that was taken, or would be taken in check mode.
      V(none) where there was a session already, V(refresh), V(login) (a person has signed in), V(exchange) (of
      O(temporal_token)), V(certificate) (a login by client certificate), or V(needed) with O(wait=false).
    - In check mode V(login) stands for each way to log in.
  returned: when there is a session, or O(wait=false)
  type: str
  sample: login
expires_at:
  description:
    - When the access token ends, in UTC (ISO 8601).
      The session is refreshed before that.
  returned: when there is a session, not in check mode, and the server says it
  type: str
  sample: "2026-01-31T12:00:00Z"
url:
  description: The address that a person opens to sign in, while this module waits.
  returned: when O(redirect_url) is set
  type: str
  sample: http://127.0.0.1:8765/callback
login_url:
  description:
    - The link to Redtrust's own page, signed when the task ran.
      The server takes it for some minutes only.
      The link alone lets nobody in.
  returned: when RV(action) is V(needed)
  type: str
  sample: https://redtrust.example.com:8083/authclient/auth/loginrequest?Consumer=RA_API&...
reason:
  description: Why a person is needed.
  returned: when a person is or was needed
  type: str
  sample: "there is no session and nothing to log in with"
ended_at:
  description: When the service first refused to go on with the session that was kept, in UTC (ISO 8601).
  returned: when it did
  type: str
  sample: "2026-01-31T12:00:00Z"
"""


from ..module_utils._clock import timestamp
from ..module_utils._module.api import CONNECTION, SIGN_IN, STORE, Context, Result, error_facts, run
from ..module_utils._sign_in.api import ListenOptions, LoginFlow, LoginOptions, LoginResult


def work(context: Context) -> Result:
    """Open a session, or predict this in check mode."""
    login = LoginFlow(_options(context), context.session(), context.client, context.now)
    return _shown(login.predict() if context.check_mode else login.run())


def _options(context: Context) -> LoginOptions:
    params, connection = context.params, context.connection
    return LoginOptions(
        host=params["host"],
        partner=str(params["partner"]),
        redirect_url=connection.server.redirect_url,
        temporal_token=connection.credentials.temporal_token,
        listen_options=lambda: ListenOptions.read(params),
        **{name: params[name] for name in ("domain", "state", "force", "wait", "login_timeout", "job_template")},
    )


def _shown(login: LoginResult) -> Result:
    names = ("action", "url", "login_url", "reason", "ended_at")
    values = {name: getattr(login, name) for name in names if getattr(login, name) is not None}
    if login.opened:
        values["expires_at"] = timestamp(login.opened.tokens.expires_at)
    if login.error:
        values["error"] = error_facts(login.error)
    return Result(login.changed, values, warnings=login.warnings, failure=login.failure)


def main() -> None:
    """Run the module."""
    run({**CONNECTION, **STORE, **SIGN_IN}, work)


if __name__ == "__main__":
    main()
