# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse secrets that are written into a request, where Ansible would print them. Pure."""

from __future__ import annotations

import typing as t

from .._errors import ConfigurationError
from .._secrets import secret_members


def check_literals(name: str, options: t.Mapping[str, t.Any]) -> None:
    """Raise ConfigurationError where a member of a request looks like a secret, and its value is written out.

    ``name`` is that of the signer. The value is not in the message.
    """
    for option, value in _places(options):
        for place, _secret in secret_members(value, f"{name}.{option}"):
            raise ConfigurationError(
                f"{place} looks like a secret, and would be printed with -v: put it into the option secrets, and write "
                "the placeholder ${secret.NAME} here"
            )


def _places(options: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Any]]:
    """Return the headers and bodies of all requests."""
    yield "headers", options.get("headers")
    requests: dict[str, t.Any] = {"request": options.get("request")}
    prepare = options.get("prepare")
    for number, request in enumerate(prepare if isinstance(prepare, (list, tuple)) else ()):
        requests[f"prepare[{number}]"] = request
    for option in ("login", "poll", "find", "revoke"):
        given = options.get(option)
        requests[f"{option}.request"] = given.get("request") if isinstance(given, t.Mapping) else None
    for option, request in requests.items():
        for part in ("headers", "json", "form"):
            yield f"{option}.{part}", request.get(part) if isinstance(request, t.Mapping) else None
