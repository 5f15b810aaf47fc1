# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of cfssl, over the signer http: options and their documentation."""

from __future__ import annotations

import typing as t

from .preset import Options, PresetCode, preset

_OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "profile": {"type": "str"},
    "label": {"type": "str"},
    "auth_key": {"type": "str", "no_log": True},
    "serial_numbers": {"type": "bool", "default": True},
    "lost_answer": {"type": "str", "choices": ["stop", "repeat"], "default": "stop"},
}

_DOCUMENTATION = r"""
description:
  - The CA for O(signer=cfssl), a C(cfssl serve) or C(multirootca).
  - The subject has CN and serialNumber of the request, and its C, ST, L, O and OU.
    A request with another attribute is not sent, and M(redtrust.certificate_enroll.redtrust_certificate) makes no key.
  - The validity is that of the profile.
type: dict
suboptions:
  profile:
    description:
      - Name of the signing profile. cfssl signs with its default profile if it has none of that name.
      - The default is the default profile.
    type: str
    version_added: 0.5.0
  label:
    description: Name of the CA, for a C(multirootca) that has several.
    type: str
    version_added: 0.5.0
  auth_key:
    description:
      - The key of the profile, in hexadecimal digits.
        Each request is then signed with it (C(authsign)).
      - Can also be set with the environment variable E(REDTRUST_CFSSL_AUTH_KEY).
    type: str
    version_added: 0.5.0
  serial_numbers:
    description:
      - Whether the request sets the serial number of its certificate, which depends on nothing but the request.
        A request whose answer was lost is then sent again without a second certificate.
      - The profile needs C(ClientProvidesSerialNumbers).
        A warning tells where it lacks that.
    type: bool
    default: true
    version_added: 0.5.0
  lost_answer:
    description:
      - What to do with a request whose answer was lost if O(cfssl.serial_numbers=false), so that the CA may have signed
        it.
      - V(stop) fails until a person has looked.
      - V(repeat) sends it again, so that the CA may issue two certificates for it.
    type: str
    choices: [stop, repeat]
    default: stop
    version_added: 0.5.0
"""


# What only a run with this signer needs is imported with the first request.
def _http(options: Options) -> dict[str, t.Any]:
    from .cfssl_code import http_options

    return http_options(options)


def _code(options: Options) -> PresetCode:
    from .cfssl_code import CfsslCode

    return CfsslCode(options)


KIND = preset(
    name="cfssl",
    choice="a server of cfssl",
    in_words="cfssl",
    options=_OPTIONS,
    documentation=_DOCUMENTATION,
    http=_http,
    code=_code,
)
