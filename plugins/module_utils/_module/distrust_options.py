# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that make a certificate due before its time: it is distrusted, revoked, or the CA wants it renewed."""

from __future__ import annotations

import math
import typing as t
from pathlib import Path

from .._enroll.api import Distrust, Lookups, Reasons
from .._errors import ConfigurationError
from .._http.api import HttpsTransport, TransportOptions, check_files
from .criteria_options import CA_CRITERIA, Values, distrusted_criteria, one_certificate
from .paths import file_path
from .specs import Spec

if t.TYPE_CHECKING:
    from .._enroll.api import AskCa, Places, RevocationSources
    from .context import Context

DISTRUST: Spec = {
    "distrusted": {"type": "list", "elements": "dict", "options": dict(CA_CRITERIA)},
    "check_revocation": {"type": "list", "elements": "str", "choices": ["ocsp", "crl"], "default": []},
    "revocation": {
        "type": "dict",
        "options": {
            "ocsp_url": {"type": "str"},
            "crl_urls": {"type": "list", "elements": "str"},
            "crl_paths": {"type": "list", "elements": "path"},
            "issuer_paths": {"type": "list", "elements": "path"},
            "proxy": {"type": "str"},
            "timeout": {"type": "float", "default": 10.0},
            "time_limit": {"type": "float", "default": 600.0},
        },
    },
}
ASK_CA: Spec = {"ask_ca": {"type": "bool", "default": False}}

# A list of a large CA has hundreds of thousands of entries of about 40 bytes.
_LARGEST_LIST = 64 * 1024 * 1024
_DEFAULTS: Values = {"timeout": 10.0, "time_limit": 600.0}


def read_reasons(context: Context, ask_ca: AskCa | None = None) -> Reasons:
    """Read the options. ``ask_ca`` asks the signer, where an option says so. Raises ConfigurationError."""
    params = context.params
    given: Values = params["revocation"] or _DEFAULTS
    sources = _sources(context, given) if params["check_revocation"] else None
    lookups = Lookups(
        sources,
        ask_ca if params.get("ask_ca") else None,
        workers=context.limits.workers,
        time_limit=_seconds("time_limit", given, most=86400),
        hide=context.module.secrets.hide,
    )
    return Reasons(Distrust(distrusted_criteria(params)), lookups, now=context.now)


def _sources(context: Context, given: Values) -> RevocationSources:
    """Return the responders and lists to ask. Their answers are signed, so they may come over plain http."""
    from .._enroll.api import RevocationSources

    options = TransportOptions(
        proxy=given.get("proxy"),
        timeout=_seconds("timeout", given, most=3600),
        plain_http=True,
        largest=_LARGEST_LIST,
    )
    try:
        check_files(options)
    except ConfigurationError as exc:
        raise ConfigurationError(f"revocation.{exc}") from exc
    transport = HttpsTransport(options, hide=context.module.secrets.hide, connections=context.limits.workers)
    return RevocationSources(context.params["check_revocation"], transport, _places(given), context.now)


def _places(given: Values) -> Places:
    from .._enroll.api import Places

    ocsp_url = given.get("ocsp_url")
    urls = tuple(given.get("crl_urls") or ())
    for option, url in (("ocsp_url", ocsp_url), *(("crl_urls", url) for url in urls)):
        if url is not None and not url.lower().startswith(("http://", "https://")):
            raise ConfigurationError(f"revocation.{option} must be an address with http or https, not {url!r}")
    return Places(
        ocsp_url,
        urls,
        tuple((path, _content(path)) for path in given.get("crl_paths") or ()),
        tuple(
            one_certificate("revocation.issuer_paths", path, "give each CA a file of its own")
            for path in given.get("issuer_paths") or ()
        ),
    )


def _content(path: str) -> bytes:
    try:
        return Path(file_path("revocation.crl_paths", path)).read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"revocation.crl_paths: {path} cannot be read ({exc.strerror})") from exc


def _seconds(option: str, given: Values, *, most: float) -> float:
    value = float(given[option])
    if not (math.isfinite(value) and 0 < value <= most):
        raise ConfigurationError(f"revocation.{option} is in seconds, above 0 and at most {most:g}, not {value:g}")
    return value
