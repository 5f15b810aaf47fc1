# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a kind of signer for one CA from data for the signer http, and give the options that all of these have.

A preset is a file with the options of its CA, their documentation, and a function from these options to a dict of the
options of ``http``. See the documentation of ``http`` for them.
"""

from __future__ import annotations

import datetime as dt
import typing as t

from .._models import CertificateSpec
from .base import Revocation, Signer, SignerKind, SigningOrder

Options = t.Mapping[str, t.Any]
# Sends a request that is written as the option ``request`` of http, with credentials and retries, and returns its
# answer (``Page`` of http_answer: ``response.status``, ``json()``, ``text``); 404 and 410 are answers as well.
Ask = t.Callable[[t.Mapping[str, t.Any]], t.Any]
Finder = t.Callable[[Options, Ask, SigningOrder], t.Iterable[bytes]]

REST_OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "url": {"type": "str", "required": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "client_key_passphrase": {"type": "str", "no_log": True},
    "proxy": {"type": "str"},
    "timeout": {"type": "float", "default": 30.0},
    "retry_timeout": {"type": "float", "default": 30.0},
}

# It goes on with the suboptions of a signer.
REST_DOCUMENTATION = r"""
  url:
    description:
      - Address of the CA, for example V(https://ca.example.com:8443), with the part of the path that all requests have.
      - It begins with C(https), or with C(http) for an agent on this machine (V(http://127.0.0.1:8100)).
        No redirect is followed.
    type: str
    required: true
    version_added: 0.5.0
  validate_certs:
    description:
      - Whether to check the certificate of the CA's server.
        Set this to V(false) only with a server of your own.
        Everybody on the way could then read credentials, and answer with other certificates.
    type: bool
    default: true
    version_added: 0.5.0
  ca_path:
    description:
      - Path of a PEM file with the CA certificates that the certificate of the CA's server must chain to.
      - The default is the CA certificates of the C(requests) library.
    type: path
    version_added: 0.5.0
  client_cert:
    description: Path of a PEM file with a client certificate for TLS, which may hold its key as well.
    type: path
    version_added: 0.5.0
  client_key:
    description: Path of a PEM file with the key of O(SIGNER.client_cert).
    type: path
    version_added: 0.5.0
  client_key_passphrase:
    description:
      - Passphrase of the key in O(SIGNER.client_key), if it has one.
      - Can also be set with the environment variable E(REDTRUST_VARIABLE_CLIENT_KEY_PASSPHRASE).
    type: str
    version_added: 0.5.0
  proxy:
    description:
      - URL of an HTTP proxy, for example V(http://proxy.example.com:3128) or
        V(http://user:password@proxy.example.com:3128).
        Write characters of the user or password that are special in a URL as V(%2F) and the like.
      - The default comes from E(HTTPS_PROXY) and E(NO_PROXY).
    type: str
    version_added: 0.5.0
  timeout:
    description:
      - How many seconds one request may take, at most 3600, from the first attempt to connect to the last byte of its
        answer.
    type: float
    default: 30
    version_added: 0.5.0
  retry_timeout:
    description:
      - How many seconds to go on sending a request that provably was not carried out, with growing pauses, at most
        3600.
        V(0) sends once.
      - Such a request never left, or its answer is 429 or 503 without a time to wait (C(Retry-After)).
        With such a time no run that shares the store asks the CA before.
      - A request with the method GET is also sent again when its answer did not come, or is 502 or 504.
    type: float
    default: 30
    version_added: 0.5.0
"""


class PresetCode:
    """What a preset does in code where data cannot say it. One object serves all threads of a signer.

    ``searches`` tells that ``find`` looks for the certificate of a request whose answer was lost, ``revokes`` that
    ``revoke`` has a certificate revoked, rather than the option of that name.
    """

    searches: bool = False
    revokes: bool = False

    def values(self, _order: SigningOrder) -> t.Mapping[str, t.Any]:
        """Return the values of placeholders such as ``${own.subject}``; None leaves a member out.

        Raises ConfigurationError where the order can never be put into a certificate of this CA.
        """
        return {}

    def revocation_values(self, _revocation: Revocation) -> t.Mapping[str, t.Any]:
        """Return the values of such placeholders in the request that revokes."""
        return {}

    def check_spec(self, spec: CertificateSpec) -> None:
        """Raise ConfigurationError where no certificate of this CA can be as it is asked for: no key is made then."""

    def find(self, _ask: Ask, _order: SigningOrder) -> t.Iterable[bytes]:
        """Return the certificate of a request in DER, its chain may be among them; nothing where the CA has none."""
        return ()

    def issuers(self, _ask: Ask) -> t.Iterable[bytes]:
        """Return the certificates of the CA in DER, for a CA whose answer has only the new certificate."""
        return ()

    def revoke(self, ask: Ask, revocation: Revocation) -> None:
        """Have a certificate revoked. Raises SignerError."""

    def notes(self, _order: SigningOrder, _certificate: bytes) -> t.Iterable[str]:
        """Return warnings about a certificate, which is in DER."""
        return ()


def preset(
    *,
    name: str,
    choice: str,
    in_words: str,
    options: t.Mapping[str, t.Mapping[str, t.Any]],
    documentation: str,
    http: t.Callable[[Options], t.Mapping[str, t.Any]],
    finder: Finder | None = None,
    before: t.Callable[[Options], None] | None = None,
    code: t.Callable[[Options], PresetCode] | None = None,
) -> SignerKind:
    """Return the kind of signer for a CA.

    ``options`` and ``documentation`` are those of the CA; those for the connection are added. ``documentation`` ends
    with its type, or with the suboptions. ``http`` returns options of the signer http, and raises ConfigurationError;
    those for the connection are handed on unless it returns others. It may also return ``advice``, the next step in
    words for an HTTP status that refuses, and ``about_all``, the statuses that refuse the account as a whole
    (without it 401).

    ``finder`` looks for the certificate of a request whose answer was lost: it returns certificates in DER, its chain
    may be among them, or nothing where the CA has none. ``before`` raises ConfigurationError where the CA would sign no
    request at all, so that no key is made for one. ``code`` makes the object for all that needs more code.
    """

    def build(given: Options, _now: dt.datetime) -> Signer:
        # what only a run with this signer needs
        from .http_settings import HttpSettings
        from .http_signer import HttpSigner

        common = {option: given.get(option) for option in REST_OPTIONS}
        settings = HttpSettings.read(name, {**common, **http(given)}, own=code is not None)
        return HttpSigner(
            settings,
            finder=None if finder is None else lambda ask, order: finder(given, ask, order),
            before=None if before is None else lambda: before(given),
            code=code(given) if code else None,
        )

    rest = REST_DOCUMENTATION.replace("SIGNER", name).replace("VARIABLE", name.upper())
    return SignerKind(
        name=name,
        choice=choice,
        in_words=in_words,
        options={**REST_OPTIONS, **options},
        documentation=_with_suboptions(documentation, rest),
        build=build,
    )


def _with_suboptions(documentation: str, first: str) -> str:
    """Return the documentation with more suboptions before its own."""
    head, found, own = documentation.partition("\nsuboptions:\n")
    if not found:
        head, own = documentation.rstrip(), ""
    return f"{head}\nsuboptions:\n{first.strip(chr(10))}\n{own}"
