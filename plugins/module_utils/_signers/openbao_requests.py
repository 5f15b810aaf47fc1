# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests to OpenBao and Vault, as options of the signer http."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from .._errors import ConfigurationError
from .preset import Options

_ACTIONS = {"sign": "sign", "cel": "cel/sign", "sign_verbatim": "sign-verbatim"}
# What a role says of names that it does not allow. Other refusals are about the role itself, which can be changed.
_NEVER = ("not allowed by this role", "not allowed in this role", "not valid for this role")


def http_options(name: str, options: Options) -> dict[str, t.Any]:
    """Return the options of the signer http. Raises ConfigurationError."""
    _check(name, options)
    mount = mount_path(options)
    answer = {"certificate": "/data/certificate", "chain": "/data/ca_chain", "reason": "/errors/0"}
    refused = {"when": {f"regex:({'|'.join(_NEVER)})": list(_NEVER)}}
    revocation = {"path": f"{mount}/revoke", "json": {"certificate": "${certificate_pem}"}}
    return {
        **_access(options),
        "headers": {"X-Vault-Namespace": _literal(options["namespace"])} if options["namespace"] else None,
        "request": {"path": _place(mount, options), "json": _content(options)},
        "answer": {**answer, "never": refused},
        "revoke": {"request": revocation, "answer": {"reason": "/errors/0"}},
        "lost_answer": "repeat" if options["lost_answer"] == "repeat" else "stop",
        "validity": options["validity"],
        # Also of a token that is wrong or has ended: there is no 401.
        "about_all": (401, 403),
    }


def mount_path(options: Options) -> str:
    """Return the path of the mount."""
    return f"/v1/{_path(options['mount'])}"


def _check(name: str, options: Options) -> None:
    endpoint = options["endpoint"]
    if endpoint != "sign_verbatim" and not options["role"]:
        raise ConfigurationError(f"{name}.role is not set: the endpoint {endpoint} signs by a role")
    if endpoint == "cel" and options["issuer"]:
        raise ConfigurationError(f"{name}.issuer is of no use for the endpoint cel: the CEL role names its issuer")
    if bool(options["role_id"]) != bool(options["secret_id"]):
        missing = "secret_id" if options["role_id"] else "role_id"
        raise ConfigurationError(f"{name}: role_id and secret_id of an AppRole go together: {missing} is not set")


def _access(options: Options) -> dict[str, t.Any]:
    """Return the options for a token, or for the login that gets one."""
    given = {name: options[name] for name in ("token", "token_path")}
    header = {"token_header": "X-Vault-Token", "token_prefix": ""}
    if not options["role_id"]:
        return {**given, **header}
    secrets = {name: options[name] for name in ("role_id", "secret_id")}
    request = {
        "path": f"/v1/auth/{_path(options['approle_mount'])}/login",
        "json": {name: f"${{secret.{name}}}" for name in secrets},
    }
    login = {"request": request, "token": "/auth/client_token", "lifetime": "/auth/lease_duration"}
    return {**given, **header, "secrets": secrets, "login": login}


def _place(mount: str, options: Options) -> str:
    """Return the path of the endpoint."""
    issuer = f"/issuer/{_path(options['issuer'])}" if options["issuer"] else ""
    role = f"/{_path(options['role'])}" if options["role"] else ""
    return f"{mount}{issuer}/{_ACTIONS[options['endpoint']]}{role}"


def _content(options: Options) -> dict[str, t.Any]:
    """Return the body; a member without a value is left out."""
    content: dict[str, t.Any] = {"csr": "${csr_pem}"}
    if options["validity"]:
        content["ttl"] = "${validity_seconds}s"
    if options["endpoint"] == "sign":
        names = ("common_name", "serial_number", "user_ids", "alt_names", "ip_sans", "uri_sans")
        content.update({name: f"${{own.{name}}}" for name in names}, exclude_cn_from_sans=True)
    if options["endpoint"] == "cel":
        names = ("san_dns", "san_ip", "san_email", "san_uri", "name", "request_id")
        content.update({name: f"${{{name}}}" for name in names}, dn="${own.dn}")
    return content


def _path(text: str) -> str:
    """Return a part of a path, without slashes at its ends."""
    return quote(text.strip("/"), safe="/")


def _literal(text: str) -> str:
    return text.replace("$", "$$")
