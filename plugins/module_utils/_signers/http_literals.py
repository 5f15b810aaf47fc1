# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse secrets that are written into a request, where Ansible would print them. Pure."""

from __future__ import annotations

import re
import typing as t

from .._errors import ConfigurationError
from .http_options import at

_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|api.?key|^key$|^pin$|authori[sz]ation|cookie", re.IGNORECASE
)
# Such as token_type, whose value is the name of a kind.
_NO_SECRET = re.compile(r"(type|name|path|url|uri|accessor|usage|ttl)$", re.IGNORECASE)


def check_literals(name: str, options: t.Mapping[str, t.Any]) -> None:
    """Raise ConfigurationError where a member of a request looks like a secret, and its value is written out.

    ``name`` is that of the signer. The value is not in the message.
    """
    requests: dict[str, t.Any] = {"request": options.get("request")}
    for place, request in enumerate(options.get("prepare") or ()):
        requests[f"prepare[{place}]"] = request
    for option in ("login", "poll", "find", "revoke"):
        given = options.get(option)
        requests[f"{option}.request"] = given.get("request") if isinstance(given, t.Mapping) else None
    _check(at(name, "headers"), options.get("headers"))
    for option, request in requests.items():
        for part in ("headers", "json", "form"):
            _check(f"{name}.{option}.{part}", request.get(part) if isinstance(request, t.Mapping) else None)


def _check(option: str, value: t.Any) -> None:
    if isinstance(value, t.Mapping):
        for name, member in value.items():
            if _is_secret(str(name)) and isinstance(member, (str, int)) and "${" not in str(member) and member != "":
                raise ConfigurationError(
                    f"{at(option, str(name))} looks like a secret, and would be printed with -v: put it into the "
                    "option secrets, and write the placeholder ${secret.NAME} here"
                )
            _check(at(option, str(name)), member)
    elif isinstance(value, (list, tuple)):
        for place, member in enumerate(value):
            _check(f"{option}[{place}]", member)


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _NO_SECRET.search(name)
