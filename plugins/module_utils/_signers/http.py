# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA with a REST interface: its options, and their documentation."""

from __future__ import annotations

import typing as t

from .preset import preset

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "token": {"type": "str", "no_log": True},
    "token_path": {"type": "path", "no_log": False},
    "token_header": {"type": "str", "default": "Authorization", "no_log": False},
    "token_prefix": {"type": "str", "default": "Bearer ", "no_log": False},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "secrets": {"type": "dict", "no_log": True},
    "headers": {"type": "dict"},
    "secret_headers": {"type": "dict", "no_log": True},
    "login": {"type": "dict"},
    "prepare": {"type": "list", "elements": "dict"},
    "request": {"type": "dict", "required": True},
    "answer": {"type": "dict"},
    "poll": {"type": "dict"},
    "find": {"type": "dict"},
    "lost_answer": {"type": "str", "choices": ["repeat", "stop"], "default": "repeat"},
    "revoke": {"type": "dict"},
    "validity": {"type": "str"},
}

DOCUMENTATION = r"""
description:
  - The CA for O(signer=http), which is any CA with a REST interface.
    These options describe its requests and answers as data.
  - C(docs/http-signer.md) of this collection has whole examples.
type: dict
suboptions:
  token:
    description:
      - A token that each request has, as C(Authorization) with C(Bearer) before it, unless O(http.token_header) and
        O(http.token_prefix) say otherwise.
      - Can also be set with the environment variable E(REDTRUST_HTTP_TOKEN).
    type: str
    version_added: 0.5.0
  token_path:
    description:
      - Path of a file with such a token on one line.
        It is read anew when the CA refuses the token, since an agent may have written another one.
    type: path
    version_added: 0.5.0
  token_header:
    description: Header field of the token, for example V(X-Vault-Token).
    type: str
    default: Authorization
    version_added: 0.5.0
  token_prefix:
    description: Text before the token in that field, with its blank; it may be empty.
    type: str
    default: "Bearer "
    version_added: 0.5.0
  username:
    description:
      - User for HTTP Basic authentication.
        Needs O(http.password).
    type: str
    version_added: 0.5.0
  password:
    description:
      - Password of O(http.username).
      - Can also be set with the environment variable E(REDTRUST_HTTP_PASSWORD).
    type: str
    version_added: 0.5.0
  secrets:
    description:
      - Names and values of secrets, for placeholders such as C(${secret.pin}) in any request.
        The values are masked in everything that the module prints.
      - Can also be set with the environment variable E(REDTRUST_HTTP_SECRETS), as JSON.
    type: dict
    version_added: 0.5.0
  headers:
    description:
      - Header fields of each request.
        The values may have placeholders (see O(http.request)).
    type: dict
    version_added: 0.5.0
  secret_headers:
    description:
      - The same for header fields whose values are secret.
      - Can also be set with the environment variable E(REDTRUST_HTTP_SECRET_HEADERS), as JSON.
    type: dict
    version_added: 0.5.0
  login:
    description:
      - A request that gets a token, which is then used as O(http.token) is.
        All workers share it.
        The login is repeated when the lifetime of the token is nearly over, and once when the CA refuses the token (401
        or 403).
      - C(request) is as O(http.request), with C(${secret.NAME}) as its only placeholders.
        C(token) and C(lifetime) are places in its answer, as in O(http.answer).
        The lifetime is in seconds, or a time in ISO 8601.
    type: dict
    version_added: 0.5.0
  prepare:
    description:
      - Requests as O(http.request) that are sent one after the other before it.
        Each must be answered with a status from 200 to 299 or one in its C(accept).
    type: list
    elements: dict
    version_added: 0.5.0
  request:
    description:
      - The request that asks for the certificate.
      - C(method) is C(POST) with a body and C(GET) without one, if it is not set.
      - C(path) begins with C(/) and follows O(http.url).
        Values in it are encoded for URLs.
        It may also be one placeholder, such as an order number that is an address at the same host.
      - C(headers) are header fields of this request alone.
      - The body is C(json) (any JSON), C(form) (names and values) or C(body) (text).
        C(content_type) replaces the media type that fits it.
      - C(accept) lists statuses that are as good as 200, or has C(status) and C(when) as C(not_yet) of O(http.answer).
      - Each text may have placeholders such as C(${csr_pem}).
        C($$) is a dollar sign.
      - C(csr_pem), C(csr_base64) (DER in base64 on one line), C(csr_der) (only as a whole body).
      - C(dn) (a list of attribute and value, only as a whole member of C(json)), C(dn_rfc4514), C(dn_openssl), C(dn.cn)
        and every other attribute by its name or OID (several values are joined with C(+)), C(san_dns), C(san_ip),
        C(san_email), C(san_uri) (lists).
      - C(validity_seconds), C(validity_minutes), C(validity_hours), C(validity_days), C(not_before) and C(not_after)
        (ISO 8601), which count from the moment at which signing began.
      - C(name), C(revision), C(order_number), C(secret.NAME).
      - C(request_id) (64 hex digits), C(request_uuid), C(request_number) (below 2^158), which stay the same each time
        the same request is signed.
      - A member of C(json) or C(form), or a header field, that is one placeholder and nothing else keeps its type, and
        is left out where it has no value.
        Within a longer text lists are joined with commas, and a missing value is an error before anything is sent.
    type: dict
    required: true
    version_added: 0.5.0
  answer:
    description:
      - How the answer to O(http.request) is read.
      - A place is a JSON pointer (C(/data/certificate)), a header field (C(header:Location)) or the first group of a
        regular expression (C(regex:ReqID=([0-9]+))).
      - C(certificate) and C(chain) are places of certificates, one or a list, as PEM, base64 or PKCS#7.
        Without C(certificate) they are looked for in the whole body, in any of these forms or in DER.
      - C(order_number) is the place of what the CA calls the request.
        It is kept in the store as soon as it comes.
      - C(reason) is the place of the CA's words, for messages.
      - C(not_yet) are answers without a certificate that mean that it comes later, C(never) are those that refuse the
        request for good.
        Each has C(status), a list of HTTP statuses, and C(when), places with lists of values.
        C(not_yet.status) is 202 if it is not set.
        C(never) counts first.
    type: dict
    version_added: 0.5.0
  poll:
    description:
      - How to ask for the certificate by C(${order_number}).
        C(request) and C(answer) are as O(http.request) and O(http.answer).
      - It is used by later runs, and at once where the first answer had a number and no certificate.
        C(wait) is for how many seconds to go on then, with growing pauses, at most 3600; 0 if it is not set.
        A worker that waits does nothing else.
    type: dict
    version_added: 0.5.0
  find:
    description:
      - How to look for the certificate of a request whose answer was lost, in the same form as O(http.poll).
        Nothing is found where the answer is 404 or 410, or has no certificate.
    type: dict
    version_added: 0.5.0
  lost_answer:
    description:
      - What to do with a request that the CA may have had before, without an order number and without O(http.find).
      - V(repeat) asks again.
        A warning says that the CA may have issued twice, unless the request has C(${request_id}), C(${request_uuid}) or
        C(${request_number}) in it.
      - V(stop) is an error until a person has looked at the CA.
    type: str
    choices: [repeat, stop]
    default: repeat
    version_added: 0.5.0
  revoke:
    description:
      - How to revoke a certificate, in the same form as O(http.poll).
        C(accept) of the request lists the statuses for one that is revoked already.
      - Its placeholders are C(serial_hex), C(serial_decimal), C(thumbprint), C(certificate_pem), C(certificate_base64),
        C(authority_key_id) (hex), C(issuer_rfc4514), C(reason) (such as C(keyCompromise)), C(reason_upper)
        (C(KEY_COMPROMISE)), C(reason_code) (the number of RFC 5280), C(name), C(revision), C(order_number) and
        C(secret.NAME).
    type: dict
    version_added: 0.5.0
  validity:
    description:
      - How long certificates are asked for, such as V(90d), for the placeholders that say so.
        Without it they have no value, and the CA decides.
    type: str
    version_added: 0.5.0
"""


def _as_given(options: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """Return the options of this signer, without a secret in a wrong place."""
    from .http_literals import check_literals

    check_literals("http", options)
    return options


KIND = preset(
    name="http",
    choice="a CA with a REST interface",
    in_words="the CA",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    http=_as_given,
)
