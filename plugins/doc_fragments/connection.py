# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options for the connection to the service and the login."""

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
      - Whether to check the certificate of the server.
        Set this to V(false) only with a server of your own.
        Everybody on the way to the server can then read passwords and tokens.
      - Can also be set with the environment variable E(REDTRUST_VALIDATE_CERTS).
    type: bool
    default: true
  ca_path:
    description:
      - Path of a PEM file with the CA certificates that the server's certificate must chain to.
      - The default is the CA certificates of the C(requests) library.
        The modules ignore E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE).
      - Can also be set with the environment variable E(REDTRUST_CA_PATH).
    type: path
  client_cert:
    description:
      - Path of a PEM file with a client certificate, which may hold its key as well.
      - A user with a certificate logs in with this option, O(redirect_url), O(partner) and O(partner_secret), and needs
        nothing else.
        The module opens the login page of the service, and follows redirects on that host until one leads to
        O(redirect_url).
        It never opens O(redirect_url) itself.
      - Can also be set with the environment variable E(REDTRUST_CLIENT_CERT).
    type: path
  client_key:
    description:
      - Path of a PEM file with the key of O(client_cert).
      - Can also be set with the environment variable E(REDTRUST_CLIENT_KEY).
    type: path
  client_key_passphrase:
    description:
      - Passphrase of the key in O(client_key), if it has one.
      - Can also be set with the environment variable E(REDTRUST_CLIENT_KEY_PASSPHRASE).
    type: str
    version_added: 0.3.0
  proxy:
    description:
      - URL of an HTTP proxy, for example V(http://proxy.example.com:3128) or
        V(http://user:password@proxy.example.com:3128).
        Write characters of the user or password that are special in a URL as V(%2F) and the like.
        SOCKS is not supported.
      - The default comes from E(HTTPS_PROXY) and E(NO_PROXY).
      - Can also be set with the environment variable E(REDTRUST_PROXY).
    type: str
  timeout:
    description:
      - How many seconds one request may take, at most 3600, from the first attempt to connect to the last byte of its
        answer.
        The time does not limit the lookup of the host name.
      - Can also be set with the environment variable E(REDTRUST_TIMEOUT).
    type: float
    default: 30
  retry_timeout:
    description:
      - How many seconds to go on sending a request that may be sent again, with growing pauses, at most 3600.
        V(0) sends once.
        The time that the attempts take counts.
        No attempt begins after it.
      - When the server asks to wait (C(Retry-After)), the module waits if this time allows it.
        Otherwise the request fails at once, and the message says how long the server asked to wait.
        Other runs that share the store wait as well, or stop, and send nothing until then, at most for a day.
      - When three requests in a row have failed because the server is down, the module sends nothing more for any
        certificate of the list.
      - A request to create a key pair is sent again only when it provably never left.
        A request to refresh the session is sent again also after the answer 429 or 503.
      - Can also be set with the environment variable E(REDTRUST_RETRY_TIMEOUT).
    type: float
    default: 30
  partner:
    description:
      - Name of the calling application as registered at the server.
        It is sent in upper case.
      - With it, every request is signed with HMAC-SHA256.
        O(api_version=4.33) needs it.
      - Can also be set with the environment variable E(REDTRUST_PARTNER).
    type: str
  partner_secret:
    description:
      - The secret that O(partner) shares with the server.
      - Can also be set with the environment variable E(REDTRUST_PARTNER_SECRET).
    type: str
  partner_secret_encoding:
    description:
      - The encoding of O(partner_secret), which is UTF-8 text, hex digits or base64.
      - Can also be set with the environment variable E(REDTRUST_PARTNER_SECRET_ENCODING).
    type: str
    choices: [text, hex, base64]
    default: text
  username:
    description:
      - User to log in as.
        Needs O(api_version=4.42) and O(password).
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
      - The access token of a session that another program keeps.
        The modules use it as it is.
        They do not keep it, refresh it or end its session.
      - Can also be set with the environment variable E(REDTRUST_ACCESS_TOKEN).
    type: str
  temporal_token:
    description:
      - The result of a login with a browser, as a person copies it.
        It is either the whole address that the browser was sent back to, or the temporary token in it, called C(tkn).
        The token works once, and for a short time.
      - A V(%3D) in an address may stay as it is.
      - The modules use it only when no session is kept.
        M(redtrust.certificate_enroll.redtrust_login) uses it in any case.
      - Can also be set with the environment variable E(REDTRUST_TEMPORAL_TOKEN).
    type: str
  redirect_url:
    description:
      - The redirect URL that is registered at the service for O(partner), exactly as it is registered.
      - A login with a browser ends at this URL, and so does a login with O(client_cert).
        The modules check an address in O(temporal_token) against it.
      - Can also be set with the environment variable E(REDTRUST_REDIRECT_URL).
    type: str
    version_added: 0.3.0
  session_path:
    description:
      - Path of the private file that keeps the session between tasks.
        The file is encrypted with a key from O(partner_secret) and O(password), or from O(temporal_token) if neither is
        set.
      - All tasks that share a session need the same path and the same credentials.
      - The default is a file next to O(store_path), one for each server, user and AWX job.
        With O(store_dsn) it is the same place, in which there is no store then.
      - Can also be set with the environment variable E(REDTRUST_SESSION_PATH).
    type: path
  session_key:
    description:
      - A secret of your own, of at least 16 characters.
        With this option, the session is kept in the store instead of a file.
        It is encrypted with a key from this secret, and all jobs that give the same secret share it.
      - This is how O(api_version=4.33) runs unattended for a user with a password.
        A person signs in first, with M(redtrust.certificate_enroll.redtrust_login) and O(session_key).
        Later jobs need O(session_key) only, until the server ends the session.
      - Jobs that share a session need the same O(host), O(port), O(auth_port), O(api_version), O(partner), O(username),
        O(domain) and O(client_cert).
      - A secret that does not open the session is an error, and leaves the session as it is.
      - Cannot be used together with O(session_path).
      - Can also be set with the environment variable E(REDTRUST_SESSION_KEY).
    type: str
    version_added: 0.2.0
  finalized_codes:
    description:
      - The error codes of this server for a request that is finalized already, for example V(ERR_INVALID_STATE).
        Case does not matter.
      - They matter when an upload had no answer and is sent again.
        With one of these codes the certificate counts as in use, and the reason says C(confirmed by the second answer).
        After any other refusal it stays unknown whether the certificate is in use (C(upload_unknown)), and the message
        names the code of the server.
      - Redtrust publishes no such code.
        Look once at the server whether the certificate is in use before you set one.
        The text of an answer decides nothing.
      - Set it once for all modules, with C(module_defaults) of the group C(redtrust.certificate_enroll.redtrust).
      - Can also be set with the environment variable E(REDTRUST_FINALIZED_CODES), separated by commas.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  rate:
    description:
      - How many requests the server may get, such as V(8/s), V(500/min), V(10000/h), or a number, which is in a second.
        From V(1/h) to V(1000/s).
      - All runs that share a store and O(service) keep to it together, each with a fair share.
        They need the same value.
        Every request counts, such as a login, a refresh of the session or a request that is sent again.
        The requests of M(redtrust.certificate_enroll.redtrust_token) and M(redtrust.certificate_enroll.redtrust_login)
        count if O(session_key) keeps the session in the store.
      - A request that waits for its turn is not on its way yet, so neither O(timeout) nor O(retry_timeout) has begun.
      - Without it the server gets as many requests as the workers of all runs send.
      - Can also be set with the environment variable E(REDTRUST_RATE).
    type: str
    version_added: 0.5.0
  burst:
    description:
      - How many requests may reach the server at once after a pause, from 1 to 10000.
        Needs O(rate).
      - The default is what O(rate) allows in one second, at least 1.
      - Can also be set with the environment variable E(REDTRUST_BURST).
    type: int
    version_added: 0.5.0
notes:
  - An environment variable that is empty counts as not set.
"""
