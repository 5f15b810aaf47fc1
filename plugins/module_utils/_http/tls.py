# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up TLS, and explain to the operator why it was not agreed."""

from __future__ import annotations

import re
import ssl
import sys

from .._errors import ConfigurationError
from .certificate_files import use_certificate, words_of

# Alerts with which a server refuses a client certificate, or asks for one (RFC 8446, section 6.2).
_ABOUT_THE_CLIENT = {
    "CERTIFICATE_REQUIRED": "the server wants a client certificate: set client_cert and client_key",
    "CERTIFICATE_REVOKED": "the server says that client_cert is revoked: ask for another one",
    "CERTIFICATE_EXPIRED": "the server says that client_cert has expired: ask for another one",
    "UNKNOWN_CA": "the server does not know the CA of client_cert: ask which CA it takes",
    "BAD_CERTIFICATE": "the server says that client_cert is damaged or wrongly signed: look at the file",
    "UNSUPPORTED_CERTIFICATE": "the server does not take this kind of client_cert: it must be one for TLS clients",
    "CERTIFICATE_UNKNOWN": "the server does not take client_cert and does not say why: look at its log",
    "ACCESS_DENIED": "the server knows client_cert but does not let it in: ask for access",
}
_ALERT = re.compile(rf"ALERT_({'|'.join(_ABOUT_THE_CLIENT)})$")

# Faults that openssl finds in the server's certificate (X509_V_ERR_...).
_ABOUT_THE_SERVER = {
    9: "the server's certificate is not valid yet: compare the clocks of the two machines",
    10: "the server's certificate has expired: have it renewed",
    62: "the server's certificate is for another host: the host must be a name in that certificate",
    64: "the server's certificate is for another address: the address must be a name in that certificate",
}
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_UNKNOWN_ISSUER_ADVICE = "its issuer is not trusted here: ca_path must name the CA of the server's certificate"

CLIENT_OPTIONS = ("client_cert", "client_key", "client_key_passphrase")

_OTHER_REASONS = (
    (r"UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION", "the server does not speak TLS 1.2 or later: have it enabled"),
    (r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE", "what listens there does not speak TLS: check host and port"),
    (r"ALERT_HANDSHAKE_FAILURE", "the server has no cipher in common with this machine, or wants a client_cert"),
)


def client_context(
    *,
    validate_certs: bool,
    ca_path: str | None,
    client_cert: str | None,
    client_key: str | None,
    client_key_passphrase: str | None = None,
) -> ssl.SSLContext:
    """Return the rules for TLS: 1.2 or later, no variable of the environment. Raises ConfigurationError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.post_handshake_auth = True
    context.hostname_checks_common_name = False
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if ca_path:
        _trust(context, ca_path)
    if client_cert:
        use_certificate(context, client_cert, client_key, client_key_passphrase, options=CLIENT_OPTIONS)
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def turned_down(exc: BaseException) -> str | None:
    """Return the advice where the server refused the client certificate; None where that is not the cause."""
    alert = _ALERT.search(str(getattr(exc, "reason", None) or ""))
    return _ABOUT_THE_CLIENT[alert[1]] if alert else None


def advice(exc: BaseException) -> str | None:
    """Return the advice about a handshake that failed; None where openssl says enough."""
    code = getattr(exc, "verify_code", 0)
    if code in _UNKNOWN_ISSUER:
        return _UNKNOWN_ISSUER_ADVICE
    # urllib3 before 2 compares the names itself.
    if code in _ABOUT_THE_SERVER or type(exc).__name__ == "CertificateError":
        return _ABOUT_THE_SERVER[code or 62]
    reason = str(getattr(exc, "reason", None) or "")
    found = (words for pattern, words in _OTHER_REASONS if re.search(pattern, reason))
    return turned_down(exc) or next(found, None)


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as exc:  # ssl.SSLError is one
        raise ConfigurationError(f"ca_path: {path} has no CA certificate in PEM form ({words_of(exc)})") from exc
