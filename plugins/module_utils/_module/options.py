# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs, each paired with the doc fragment of the same name, and what becomes of their values."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import ipaddress
import os
import re
import typing as t
from pathlib import Path

from ansible.module_utils.errors import AnsibleFallbackNotFound

from .._clock import parse_duration
from .._enroll.api import Adoption, FinalizeItem, RenewBefore, RenewItem, RequestItem, SettleItem, SignItem
from .._errors import ConfigurationError
from .._http.api import TransportOptions
from .._models import CertificateSpec, DistinguishedName
from .._service.api import CONTRACTS, Address, Contract, Partner, check_redirect_url, pasted_token
from .._session.api import Credentials
from .._sign_in.api import ListenOptions
from .._signers.api import DIGESTS, CommandSigner, LocalCa, Profile, Signer
from .._x509.api import certificate_facts, normalize_thumbprint, parse_certificates
from .paths import STORE_DEFAULT

Spec = dict[str, dict[str, t.Any]]
Params = t.Mapping[str, t.Any]


def _from_environment(variable: str) -> str:
    """Return an environment variable; one that is empty counts as not set, since AWX sets those."""
    value = os.environ.get(variable, "")
    if not value:
        raise AnsibleFallbackNotFound
    return value


def _option(name: str, **rules: t.Any) -> dict[str, t.Any]:
    """Return an option that may come from the environment as ``REDTRUST_<NAME>``."""
    return {"fallback": (_from_environment, [f"REDTRUST_{name.upper()}"]), **rules}


def _options(**rules: dict[str, t.Any]) -> Spec:
    return {name: _option(name, **rule) for name, rule in rules.items()}


CONNECTION = _options(
    host={"type": "str"},
    port={"type": "int"},
    auth_port={"type": "int"},
    api_version={"type": "str", "choices": list(CONTRACTS), "default": "4.33"},
    validate_certs={"type": "bool", "default": True},
    ca_path={"type": "path"},
    client_cert={"type": "path"},
    client_key={"type": "path", "no_log": False},
    client_key_passphrase={"type": "str", "no_log": True},
    proxy={"type": "str"},
    timeout={"type": "float", "default": 30.0},
    retry_timeout={"type": "float", "default": 30.0},
    partner={"type": "str"},
    partner_secret={"type": "str", "no_log": True},
    partner_secret_encoding={"type": "str", "choices": ["text", "hex", "base64"], "default": "text", "no_log": False},
    username={"type": "str"},
    password={"type": "str", "no_log": True},
    domain={"type": "str"},
    access_token={"type": "str", "no_log": True},
    temporal_token={"type": "str", "no_log": True},
    redirect_url={"type": "str"},
    session_path={"type": "path"},
    session_key={"type": "str", "no_log": True},
    finalized_codes={"type": "list", "elements": "str", "default": []},
)

STORE = _options(
    store_path={"type": "path", "default": STORE_DEFAULT},
    service={"type": "str"},
)

BATCH = _options(
    workers={"type": "int", "default": 8},
    wait_timeout={"type": "float", "default": 300.0},
)

# Also read by the module documentation test: the options whose values must never be printed.
SECRETS = (
    "client_key_passphrase",
    "partner_secret",
    "password",
    "access_token",
    "temporal_token",
    "session_key",
)

REQUESTED: Spec = {
    "name": {"type": "str", "required": True},
    "dn": {"type": "raw", "required": True},
    "provider": {"type": "str", "required": True},
    "key_type": {"type": "str", "default": "RSA", "no_log": False},
    "key_length": {"type": "int", "default": 2048, "no_log": False},
    "hash_type": {"type": "str", "default": "SHA256"},
    "info": {"type": "dict", "default": {}},
    "group_ids": {"type": "list", "elements": "int", "default": []},
    "subject_alt_name": {"type": "list", "elements": "str", "default": []},
    "request_code": {"type": "str", "no_log": True},
    "force": {"type": "bool", "default": False},
}

RENEWED: Spec = {
    "name": {"type": "str", "required": True},
    "renew_before": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
    "thumbprint": {"type": "str"},
    "request_code": REQUESTED["request_code"],
    **{
        name: {**REQUESTED[name], "required": False}
        for name in ("dn", "provider", "key_type", "key_length", "hash_type", "info", "group_ids", "subject_alt_name")
    },
}

FINALIZED: Spec = {
    "name": {"type": "str", "required": True},
    "certificate": {"type": "str"},
    "certificate_path": {"type": "path"},
}

SIGNER: Spec = {
    "signer": {"type": "str", "choices": ["local_ca", "command"], "required": True},
    "local_ca": {
        "type": "dict",
        "options": {
            "certificate_path": {"type": "path", "required": True},
            "private_key_path": {"type": "path", "required": True, "no_log": False},
            "passphrase": _option("local_ca_passphrase", type="str", no_log=True),
            "chain_path": {"type": "path"},
            "validity": {"type": "str", "default": "365d"},
            "backdate": {"type": "str", "default": "5m"},
            "key_usage": {
                "type": "list",
                "elements": "str",
                "default": ["digitalSignature", "nonRepudiation"],
                "no_log": False,
            },
            "key_usage_critical": {"type": "bool", "default": True, "no_log": False},
            "extended_key_usage": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "crl_distribution_points": {"type": "list", "elements": "str", "default": []},
            "ocsp_servers": {"type": "list", "elements": "str", "default": []},
            "ca_issuers": {"type": "list", "elements": "str", "default": []},
            "digest": {"type": "str", "choices": list(DIGESTS), "default": "sha256"},
        },
    },
    "command": {
        "type": "dict",
        "options": {
            "argv": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 60.0},
        },
    },
}

SIGN_IN: Spec = {
    "state": {"type": "str", "choices": ["present", "kept"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "login_timeout": {"type": "float", "default": 300.0},
    "job_template": {"type": "str", "default": "Redtrust: sign in"},
    "listen_address": {"type": "str"},
    "listen_port": {"type": "int"},
    "certificate_path": {"type": "path"},
    "private_key_path": {"type": "path", "no_log": False},
    "private_key_passphrase": {"type": "str", "no_log": True},
}

NAMED: Spec = {"name": {"type": "str", "required": True}}


def certificates(options: Spec, *, required: bool = False, **rules: t.Any) -> Spec:
    """Return the option that lists certificates."""
    return {"certificates": {"type": "list", "elements": "dict", "options": options, "required": required, **rules}}


def contract_of(params: Params) -> Contract:
    """Return the generation that is spoken."""
    return CONTRACTS[params["api_version"]]


def address_of(params: Params) -> Address:
    """Return where the service listens. Where one port serves all, ``auth_port`` follows ``port``."""
    if not params["host"]:
        raise ConfigurationError("host is not set: give the option or set REDTRUST_HOST")
    if not _is_host(params["host"]):
        raise ConfigurationError(
            f"host must be a host name or an address without scheme and port, not {params['host']!r}"
        )
    contract = contract_of(params)
    for name in ("port", "auth_port"):
        if params[name] is not None and not 0 < params[name] < 65536:
            raise ConfigurationError(f"{name} must be from 1 to 65535, not {params[name]}")
    port = params["port"] or contract.ra_port
    shared = port if contract.auth_port == contract.ra_port else contract.auth_port
    return Address(params["host"], port, params["auth_port"] or shared)


def _is_host(text: str) -> bool:
    if re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return True
    try:
        return bool(ipaddress.IPv6Address(text[1:-1] if re.fullmatch(r"\[.*\]", text) else text))
    except ValueError:
        return False


def transport_of(params: Params) -> TransportOptions:
    """Return how to reach the service."""
    for name in ("timeout", "retry_timeout"):
        if not 0 <= params[name] <= 3600 or (name == "timeout" and not params[name]):
            raise ConfigurationError(f"{name} is in seconds, at most 3600, not {params[name]:g}")
    names = ("validate_certs", "ca_path", "client_cert", "client_key", "client_key_passphrase", "proxy", "timeout")
    return TransportOptions(**{name: params[name] for name in names})


def partner_of(params: Params) -> Partner | None:
    """Return the partner that signs, None when neither its name nor its secret is given."""
    if bool(params["partner"]) != bool(params["partner_secret"]):
        missing = "partner_secret" if params["partner"] else "partner"
        raise ConfigurationError(f"partner and partner_secret go together: {missing} is not set")
    if not params["partner"]:
        return None
    return Partner.from_options(params["partner"], params["partner_secret"], params["partner_secret_encoding"])


def finalized_codes_of(params: Params) -> list[str]:
    """Return the error codes that tell, after an upload without an answer, that it had been carried out."""
    codes = [code.strip() for code in params["finalized_codes"]]
    wrong = [code for code in codes if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,100}", code) or code.upper() == "OK"]
    if wrong:
        raise ConfigurationError(f"finalized_codes must be error codes such as ERR_INVALID_STATE, not {wrong[0]!r}")
    return codes


def credentials_of(params: Params) -> Credentials:
    """Return what there is to log in with."""
    partner = partner_of(params)
    if params["session_key"] and params["session_path"]:
        raise ConfigurationError("session_key keeps the session in the store, session_path in a file: give one of them")
    redirect_url = redirect_url_of(params)
    return Credentials(
        username=params["username"],
        password=params["password"],
        domain=params["domain"],
        access_token=params["access_token"],
        temporal_token=params["temporal_token"] and pasted_token(params["temporal_token"], redirect_url),
        partner_secret=partner.secret if partner else None,
        session_key=params["session_key"],
        client_cert=params["client_cert"],
        redirect_url=redirect_url,
    )


def listen_options_of(params: Params) -> ListenOptions:
    """Return where to listen for a person: where the redirect URL leads, unless told otherwise."""
    return ListenOptions.at(
        params["redirect_url"],
        address=params["listen_address"],
        port=params["listen_port"],
        certificate_path=params["certificate_path"],
        private_key_path=params["private_key_path"],
        private_key_passphrase=params["private_key_passphrase"],
    )


def redirect_url_of(params: Params) -> str | None:
    """Return the registered redirect URL as it is written: the service compares it letter by letter."""
    url: str | None = params["redirect_url"]
    if url is not None:
        check_redirect_url(url)
    return url


def session_identity(params: Params) -> str:
    """Return whose session is kept in the store, and at which service, in 32 hex digits."""
    address = address_of(params)
    names = ("api_version", "partner", "username", "domain")
    who = [address.host, str(address.ra_port), str(address.auth_port), *(params[name] or "" for name in names)]
    # It may be who logs in. Sessions of releases before 0.3.0 are found as well where there is none.
    who += [params["client_cert"]] if params["client_cert"] else []
    return hashlib.sha256("\0".join(who).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def service_of(params: Params) -> str:
    """Return the name under which the store keeps the enrollments of this service."""
    service = params["service"] or params["host"]
    if not service:
        raise ConfigurationError("neither service nor host is set: one of them says whose enrollments are meant")
    return str(service)


def name_of(entry: Params) -> str:
    """Return the name of an entry; it becomes a file name, so it must be fit for one."""
    name = str(entry["name"])
    fit = re.fullmatch(r"[^\s./\\\x00-\x1f\x7f](?:[^/\\\x00-\x1f\x7f]*[^\s/\\\x00-\x1f\x7f])?", name)
    if not fit or len(name.encode("utf-8", "replace")) > 200:
        raise ConfigurationError(
            f"name {name!r} is not fit for a file name: at most 200 bytes, no slash, no leading dot, no blank ends"
        )
    return name


def signer_of(params: Params, now: dt.datetime) -> Signer:
    """Return what signs."""
    if params["signer"] == "command":
        return CommandSigner(params["command"]["argv"], timeout=params["command"]["timeout"])
    options = params["local_ca"]
    return LocalCa(
        certificate_path=options["certificate_path"],
        private_key_path=options["private_key_path"],
        passphrase=options["passphrase"],
        chain_path=options["chain_path"],
        profile=Profile.from_options(options),
        now=now,
    )


def request_items(params: Params) -> list[RequestItem]:
    """Return the certificates that should be there."""
    return [RequestItem(_spec(entry), force=entry["force"]) for entry in params["certificates"]]


def renew_items(params: Params, names: t.Callable[[], t.Iterable[str]]) -> list[RenewItem]:
    """Return the certificates that should be renewed when due: those listed, or those that ``names`` gives."""
    standard = RenewBefore.parse(params["renew_before"])
    if params["certificates"] is None:
        return [RenewItem(name, standard, force=params["force"]) for name in names()]
    return [
        RenewItem(
            name_of(entry),
            RenewBefore.parse(entry["renew_before"]) if entry["renew_before"] else standard,
            force=entry["force"] or params["force"],
            adoption=functools.partial(_adoption, entry),
            request_code=entry["request_code"],
        )
        for entry in params["certificates"]
    ]


def sign_items(params: Params, names: t.Callable[[], t.Iterable[str]]) -> list[SignItem]:
    """Return the requests that should be signed: those listed, or those that ``names`` gives."""
    if params["certificates"] is None:
        return [SignItem(name) for name in names()]
    return [SignItem(name_of(entry)) for entry in params["certificates"]]


def settle_items(params: Params) -> list[SettleItem]:
    """Return the enrollments that a person has looked at."""
    return [SettleItem(name_of(entry)) for entry in params["certificates"]]


def finalize_items(params: Params, names: t.Callable[[], t.Iterable[str]]) -> list[FinalizeItem]:
    """Return the certificates that should be uploaded: those listed, or those that ``names`` gives."""
    if params["certificates"] is None:
        return [FinalizeItem(name) for name in names()]
    return [
        FinalizeItem(name_of(entry), functools.partial(_given, entry, missing_ok=True))
        for entry in params["certificates"]
    ]


def ends_until(params: Params, now: dt.datetime) -> dt.datetime | None:
    """Return until when certificates end that should be shown; None for all. A number alone counts days."""
    text: str | None = params["expires_within"]
    if text is None:
        return None
    if re.fullmatch(r"-?[0-9]{1,6}", text.strip()):
        return now + dt.timedelta(days=int(text))
    return now + parse_duration("expires_within", text, instead=", or a number of days")


def _spec(entry: Params) -> CertificateSpec:
    name = name_of(entry)
    try:
        dn = DistinguishedName.from_option(entry["dn"])
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc}") from exc
    if not entry["provider"]:
        raise ConfigurationError(f"{name}: provider is not set; it is the name of the provider at the service")
    return CertificateSpec(
        name=name,
        dn=dn,
        provider=entry["provider"],
        key_type=entry["key_type"],
        key_length=entry["key_length"],
        hash_type=entry["hash_type"],
        info=entry["info"],
        group_ids=tuple(entry["group_ids"]),
        subject_alt_name=tuple(entry["subject_alt_name"]),
        request_code=entry.get("request_code"),
    )


def _adoption(entry: Params) -> Adoption | None:
    """Return the certificate that an entry brings along, from its PEM or from its thumbprint and DN."""
    given = _given(entry)
    if not given and not entry["thumbprint"]:
        return None
    if not given:
        return Adoption(_spec(entry), normalize_thumbprint(entry["thumbprint"]))
    facts = certificate_facts(given[0])
    if entry["thumbprint"] and normalize_thumbprint(entry["thumbprint"]) != facts.thumbprint:
        raise ConfigurationError(f"the certificate's thumbprint is {facts.thumbprint}, not the one that is given")
    dn = entry["dn"] if entry["dn"] is not None else facts.subject.to_json()
    return Adoption(
        _spec({**entry, "dn": dn}), facts.thumbprint, given[0], facts.not_valid_before, facts.not_valid_after
    )


def _given(entry: Params, *, missing_ok: bool = False) -> list[bytes]:
    """Return the certificates that an entry gives, by value or by path, the leaf first.

    ``missing_ok``: a file that is not there yet is one that the CA has not answered yet.
    """
    if entry["certificate"] and entry["certificate_path"]:
        raise ConfigurationError("give certificate or certificate_path, not both")
    if entry["certificate"]:
        return parse_certificates(entry["certificate"])
    path = entry["certificate_path"]
    if not path:
        return []
    try:
        return parse_certificates(Path(path).read_bytes())
    except OSError as exc:
        if missing_ok and isinstance(exc, (FileNotFoundError, NotADirectoryError)):
            return []
        raise ConfigurationError(f"{path} cannot be read ({exc.strerror})") from exc
    except ConfigurationError as exc:
        raise ConfigurationError(f"{path}: {exc}") from exc
