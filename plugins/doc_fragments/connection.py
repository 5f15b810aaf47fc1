# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options with which a service is reached and logged in to."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment; the argument spec of the same name is in module_utils/_module/specs.py."""

    DOCUMENTATION = r"""
options:
  host:
    description:
      - Host name or address of the Redtrust server, without scheme and port.
      - Can also be set with the environment variable E(REDTRUST_HOST).
    type: str
  port:
    description:
      - Port of the RA API, which creates and finalizes requests.
      - The default is V(8082).
      - Can also be set with the environment variable E(REDTRUST_PORT).
    type: int
  auth_port:
    description:
      - Port of the login and token service.
      - The default is V(8083) with O(api_version=4.33), and the value of O(port) with O(api_version=4.42).
      - Can also be set with the environment variable E(REDTRUST_AUTH_PORT).
    type: int
  api_version:
    description:
      - The generation of the service.
      - V(4.33) is C(Certificate Enroll), V(4.42) is the C(RA API).
      - Can also be set with the environment variable E(REDTRUST_API_VERSION).
    type: str
    choices: ["4.33", "4.42"]
    default: "4.33"
  validate_certs:
    description:
      - Whether the certificate of the server is checked. Set this to V(false) only against a server of your own,
        since everybody in between can then read passwords and tokens.
      - Can also be set with the environment variable E(REDTRUST_VALIDATE_CERTS).
    type: bool
    default: true
  ca_path:
    description:
      - Path of a PEM file with the CA certificates that the server's certificate must lead to.
      - The default are the CA certificates of the C(requests) library. E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE)
        are not looked at.
      - Can also be set with the environment variable E(REDTRUST_CA_PATH).
    type: path
  client_cert:
    description:
      - Path of a PEM file with a client certificate, which may hold its key as well.
      - For a user who authenticates with a certificate it is all that is needed to log in, together with
        O(redirect_url), O(partner) and O(partner_secret). The login page of the service is asked, and redirects on
        that host are followed until one leads to O(redirect_url), which is never fetched.
      - Can also be set with the environment variable E(REDTRUST_CLIENT_CERT).
    type: path
  client_key:
    description:
      - Path of a PEM file with the key of O(client_cert).
      - Can also be set with the environment variable E(REDTRUST_CLIENT_KEY).
    type: path
  client_key_passphrase:
    description:
      - Passphrase of the key in O(client_key), where it has one.
      - Can also be set with the environment variable E(REDTRUST_CLIENT_KEY_PASSPHRASE).
    type: str
    version_added: 0.3.0
  proxy:
    description:
      - URL of an HTTP proxy, for example V(http://proxy.example.com:3128), or V(http://user:password@proxy.example.com:3128)
        with what is special in a URL written as V(%2F) and the like. SOCKS is not supported.
      - The default is what E(HTTPS_PROXY) and E(NO_PROXY) say.
      - Can also be set with the environment variable E(REDTRUST_PROXY).
    type: str
  timeout:
    description:
      - How many seconds one request may take, at most 3600, from the first attempt to connect to the last byte of its
        answer. Only the lookup of the name takes as long as the system lets it.
      - Can also be set with the environment variable E(REDTRUST_TIMEOUT).
    type: float
    default: 30
  retry_timeout:
    description:
      - For how many seconds a request that may be sent again is sent again, with growing pauses, at most 3600.
        V(0) sends once. The time that the attempts take counts; none begins after it.
      - A server that asks to wait (C(Retry-After)) is obeyed as far as this time allows; otherwise the request fails at
        once and says how long the server asked to wait.
      - When three requests in a row, whosever in the list, have failed because the server is down, nothing more is
        sent.
      - A request to create a key pair is sent again only when it provably never left. One to refresh the session also
        when it was answered 429 or 503.
      - Can also be set with the environment variable E(REDTRUST_RETRY_TIMEOUT).
    type: float
    default: 30
  partner:
    description:
      - Name of the calling application as registered at the server. It is sent in upper case.
      - With it, every request is signed with HMAC-SHA256. O(api_version=4.33) needs it.
      - Can also be set with the environment variable E(REDTRUST_PARTNER).
    type: str
  partner_secret:
    description:
      - The secret that O(partner) shares with the server.
      - Can also be set with the environment variable E(REDTRUST_PARTNER_SECRET).
    type: str
  partner_secret_encoding:
    description:
      - How O(partner_secret) is written, as UTF-8 text, hex digits or base64.
      - Can also be set with the environment variable E(REDTRUST_PARTNER_SECRET_ENCODING).
    type: str
    choices: [text, hex, base64]
    default: text
  username:
    description:
      - User to log in as. Needs O(api_version=4.42) and O(password).
      - Can also be set with the environment variable E(REDTRUST_USERNAME).
    type: str
  password:
    description:
      - Password of O(username).
      - Can also be set with the environment variable E(REDTRUST_PASSWORD).
    type: str
  domain:
    description:
      - Domain of O(username), for example V(local.users).
      - Can also be set with the environment variable E(REDTRUST_DOMAIN).
    type: str
  access_token:
    description:
      - The access token of a session that somebody else keeps. It is used as it is, and neither kept, refreshed nor
        ended.
      - Can also be set with the environment variable E(REDTRUST_ACCESS_TOKEN).
    type: str
  temporal_token:
    description:
      - What a login with a browser ended with, as a person copies it. Either the whole address to which the browser
        was sent back, or the temporary token in it, called C(tkn). It works once, and for a short time.
      - What is written V(%3D) in an address may stay so.
      - It is used only where no session is kept. M(redtrust.certificate_enroll.redtrust_login) uses it in any case.
      - Can also be set with the environment variable E(REDTRUST_TEMPORAL_TOKEN).
    type: str
  redirect_url:
    description:
      - The redirect URL that is registered at the service for O(partner), letter by letter as it is registered there.
      - It is where a login with a browser ends, for a person as well as for a user with O(client_cert). With it an
        address in O(temporal_token) is checked.
      - Can also be set with the environment variable E(REDTRUST_REDIRECT_URL).
    type: str
    version_added: 0.3.0
  session_path:
    description:
      - Path of the private file in which the session is kept between tasks, encrypted with a key from
        O(partner_secret) and O(password), or from O(temporal_token) where neither is set.
      - All tasks that are to share a session need the same path and the same credentials.
      - The default is a file beside O(store_path), one for each server, user and AWX job.
      - Can also be set with the environment variable E(REDTRUST_SESSION_PATH).
    type: path
  session_key:
    description:
      - A secret of your own, of at least 16 characters. With it the session is kept in the store at O(store_path)
        instead of a file, encrypted with a key from this secret, for all jobs that give the same one.
      - It is the way to run O(api_version=4.33) unattended for a user with a password. A person signs in first, with
        M(redtrust.certificate_enroll.redtrust_login) and O(session_key). Later jobs have O(session_key) only, until
        the server ends the session.
      - Jobs that are to share a session need the same O(host), O(port), O(auth_port), O(api_version), O(partner),
        O(username), O(domain) and O(client_cert).
      - A secret that does not open the session is an error, and leaves the session as it is.
      - Cannot be used together with O(session_path).
      - Can also be set with the environment variable E(REDTRUST_SESSION_KEY).
    type: str
    version_added: 0.2.0
  finalized_codes:
    description:
      - Error codes with which this server refuses to finalize a request that is finalized already, for example
        V(ERR_INVALID_STATE). Upper and lower case are the same.
      - They matter where an upload had no answer and is sent again. With one of these codes the certificate counts as
        in use, and the reason says C(confirmed by the second answer). After any other refusal it stays unknown
        whether it is (C(upload_unknown)), and the message names the code that came.
      - Redtrust publishes no such code, so look at the server for the certificate once before you set one. The words of
        an answer decide nothing.
      - Set it once for all modules, with C(module_defaults) of the group C(redtrust.certificate_enroll.redtrust).
      - Can also be set with the environment variable E(REDTRUST_FINALIZED_CODES), separated by commas.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
notes:
  - An environment variable that is empty counts as not set.
"""
