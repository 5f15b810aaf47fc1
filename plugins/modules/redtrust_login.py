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
  - With O(state=present) makes sure that there is a session. One that is kept is used, and refreshed where it is time
    for that; a user with a certificate is logged in without anybody's help. Otherwise a person has to sign in.
  - For that person a page is served at the address of O(redirect_url). Its button leads to Redtrust's own page, with a
    link that is signed at that moment, and Redtrust sends the browser back to O(redirect_url). The temporary token is
    exchanged at once, the session kept, and the page says that the window can be closed.
  - It listens on one address, for one sign-in, until O(login_timeout) is over. A browser that did not begin at this
    page is refused. The pages need no JavaScript. They speak English, Spanish, and the Portuguese of Brazil and of
    Portugal.
  - Who comes too late is told so. After a sign-in the address answers for 5 seconds, and for up to 30 seconds while
    another browser that has the page open was not told yet. Where nobody signed in it answers for 30 seconds after
    O(login_timeout). The task ends after that.
  - The redirect URL is asked for at the service before anybody is bothered, so one that is not registered is told at
    once.
  - With O(state=kept) the kept session is refreshed, and nobody is waited for. This is for a schedule, which has to
    run more often than the session ends.
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
      - With V(present) there should be a session, with the help of a person if need be.
      - With V(kept) the session that there is should live on. Where only a person can help, the task fails.
    type: str
    choices: [present, kept]
    default: present
  force:
    description: Whether to sign in anew although there is a session. Only with O(state=present).
    type: bool
    default: false
  wait:
    description:
      - Whether to wait for a person. With V(false) nothing is listened on; RV(action) is then V(needed), and
        RV(login_url) is the link with which somebody can sign in.
    type: bool
    default: true
  login_timeout:
    description: For how many seconds a person is waited for, at most 86400. The page says until when that is.
    type: float
    default: 300
  job_template:
    description:
      - Name of the AWX job template with which a person signs in. In a job the failure of O(state=kept) names it.
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
      - The port to listen on. The default is the one in O(redirect_url).
      - Together with O(listen_address) it lets a reverse proxy on this machine stand at the redirect URL.
    type: int
  certificate_path:
    description:
      - Path of a PEM file with the certificate for HTTPS, which may hold its chain and its key as well.
      - Without it plain HTTP is spoken, and only on an address of this machine itself such as V(127.0.0.1).
    type: path
  private_key_path:
    description: Path of a PEM file with the key of O(certificate_path).
    type: path
  private_key_passphrase:
    description: Passphrase of that key, where it has one.
    type: str
"""

EXAMPLES = r"""
- name: Have a person sign in for all later jobs, which give the same session_key
  redtrust.certificate_enroll.redtrust_login:
    host: redtrust.example.com
    partner: CA_EXAMPLE
    partner_secret: "{{ redtrust_partner_secret }}"
    redirect_url: http://127.0.0.1:8765/callback
    session_key: "{{ redtrust_session_key }}"

- name: Sign in with what a person has copied out of the browser
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
    - What was done, or in check mode what would be done. V(none) where there was a session already, V(refresh),
      V(login) (a person has signed in), V(exchange) (of O(temporal_token)), V(certificate) (a login by client
      certificate), or V(needed) with O(wait=false).
    - In check mode V(login) stands for each way to log in.
  returned: when there is a session, or O(wait=false)
  type: str
  sample: login
expires_at:
  description: When the access token ends, in UTC (ISO 8601). The session is refreshed before that.
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
    - The link to Redtrust's own page, signed when the task ran. The server takes it for some minutes only, and it lets
      nobody in without a password.
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

import dataclasses
import datetime as dt
import select
import sys
import typing as t

from ..module_utils._errors import ConfigurationError, ServiceError, SessionError
from ..module_utils._holder import is_in_job, job_number
from ..module_utils._holder import place as place_of_job
from ..module_utils._module.api import (
    CONNECTION,
    SIGN_IN,
    STORE,
    Context,
    Result,
    error_facts,
    listening_place,
    run,
    timestamp,
)
from ..module_utils._service.api import Breaker, Place, ask_login_page, jwt_person, landing_address
from ..module_utils._session.api import Opened
from ..module_utils._sign_in.api import About, Listener, SignIn, could_not_answer

Found = dict[str, t.Any]


def work(context: Context) -> Result:
    """Have a session: the kept one, one that needs nobody, or one that a person begins."""
    params = context.params
    if not 0 < params["login_timeout"] <= 86400:
        raise ConfigurationError(f"login_timeout is in seconds, at most 86400, not {params['login_timeout']:g}")
    if params["force"] and params["state"] == "kept":
        raise ConfigurationError("force is for state=present; state=kept refreshes in any case")
    url = context.connection.server.redirect_url
    found = {"url": landing_address(url)} if url else {}
    if context.check_mode:
        action = _predicted(context)
        return Result(action != "none", {"action": action, **found})
    if params["state"] == "kept":
        return _kept(context, url, found)
    try:
        return _present(context, found)
    except ServiceError as exc:
        return Result(changed=False, values={**found, "error": error_facts(exc)}, failure=_told(exc))


def _predicted(context: Context) -> str:
    """Return what would be done; nothing is sent."""
    if context.params["state"] == "kept":
        return "refresh" if context.session().is_there() else "none"
    is_kept = context.session().is_kept() and not context.params["force"] and not context.params["temporal_token"]
    return "none" if is_kept else "login"


def _kept(context: Context, url: str | None, found: Found) -> Result:
    session = context.session()
    session.is_there()  # an error says that session_key is not the one it was kept with
    try:
        opened = session.renew()
    except SessionError as exc:
        if not session.needs_person():
            raise
        when = f"the session had ended by {exc.ended_at}: " if exc.ended_at else ""
        values = {**found, **exc.details(), "reason": str(exc), "error": error_facts(exc)}
        words = f"a person has to sign in: {_next_step(context, url)}; {when}{exc}"
        return Result(changed=False, values=values, failure=words)
    return _done(opened.how, opened, found)


def _next_step(context: Context, url: str | None) -> str:
    """Return what somebody has to do who can sign in. In the container of a job nothing listens for a browser."""
    if is_in_job():
        return f'launch the job template "{context.params["job_template"]}"'
    return f"run the role login and open {landing_address(url)}" if url else "run the role login"


def _present(context: Context, found: Found) -> Result:
    params = context.params
    if params["temporal_token"]:
        token = str(context.connection.credentials.temporal_token)
        return _done("exchange", context.session().sign_in(token), found)
    if params["force"]:
        return _anew(context, {**found, "reason": "force is set"})
    try:
        opened = context.session().open()
    except SessionError as exc:
        return _anew(context, {**found, **exc.details(), "reason": str(exc)})
    return _done(opened.how, opened, found)


def _done(action: str, opened: Opened, found: Found) -> Result:
    action = "none" if action in ("given", "kept") else action
    values = {"action": action, "expires_at": timestamp(opened.tokens.expires_at), **found}
    return Result(action != "none", values)


def _anew(context: Context, found: Found) -> Result:
    """Begin a new session: with a certificate if that is enough, else have a person sign in."""
    params, client = context.params, context.client
    url = context.connection.server.redirect_url
    if url is None:
        raise ConfigurationError(f"redirect_url is not set, so nobody can sign in; {found['reason']}")
    place = listening_place(params) if params["wait"] else None
    context.session().is_there()  # an error says, before anybody is asked, that session_key is not the one
    # Also the proof that the link is good for something, before anybody is asked to follow it.
    token = ask_login_page(client, url, params["domain"])
    if token:
        return _done("certificate", context.session().sign_in(token), found)
    if place is None:
        link = client.login_link(url, params["domain"])
        return Result(changed=False, values={"action": "needed", "login_url": link, **found})
    return _by_person(context, url, place, found)


def _by_person(context: Context, url: str, place: Place, found: Found) -> Result:
    params, client = context.params, context.client

    def exchange(token: str) -> Opened:
        client.breaker = Breaker()  # whoever tries again may do so as often as time allows
        return context.session().sign_in(token)

    sign_in = SignIn(
        url,
        lambda: client.login_link(url, params["domain"]),
        exchange,
        about=About(params["host"], str(params["partner"]).strip().upper(), place_of_job(), job_number()),
        person=lambda opened: jwt_person(opened.tokens.access_token) or "",
        until=context.now() + dt.timedelta(seconds=params["login_timeout"]),
    )
    Listener(place, sign_in).wait(params["login_timeout"], _is_awaited)
    attempts = [_told(failure) for failure in sign_in.failures]
    if sign_in.failure:
        raise sign_in.failure
    if sign_in.result:
        warnings = [f"an attempt to sign in failed before one succeeded: {words}" for words in attempts[-3:]]
        return dataclasses.replace(_done("login", sign_in.result, found), warnings=warnings)
    last = f"; the last one who tried failed: {attempts[-1]}" if attempts else ""
    words = f"nobody signed in at {sign_in.address} within {params['login_timeout']:g} seconds{last}"
    return Result(changed=False, values={**found, "error": error_facts(SessionError(words))}, failure=words)


def _told(failure: ServiceError) -> str:
    """Return what became of an attempt. A server in trouble has refused nobody."""
    if not could_not_answer(failure):
        return str(failure)
    words = str(failure).replace("the service refused", "Redtrust could not answer", 1)
    return f"{words}: sign in again in some minutes, and look at that server if this stays so"


def _is_awaited() -> bool:
    """Return whether anybody still reads what this module will say: a play that is interrupted leaves it behind."""
    watch = select.poll()
    try:
        watch.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file, so nobody can be seen to leave
        return True
    return not watch.poll(0)


def main() -> None:
    """Run the module."""
    run({**CONNECTION, **STORE, **SIGN_IN}, work)


if __name__ == "__main__":
    main()
