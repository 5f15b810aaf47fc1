# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the answers of the service: bytes in, models out. Pure.

The service runs on .NET: keys may come in another case, an answer may start with a byte order mark, dates
have up to seven fractional digits. Every reader raises ``ValueError`` with a sentence about the value that came
instead. The sentence never repeats a token or a request code.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import datetime as dt
import json
import re
import typing as t

from .._clock import parse_timestamp
from .._errors import ConfigurationError
from .._models import Finalized, Request, Tokens
from .._printable import brief, printable
from .._x509.api import normalize_thumbprint, parse_csr

_DATE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?\s*"
    r"(?:Z|(?P<hours>[+-]\d\d):?(?P<minutes>\d\d))?",
    re.IGNORECASE | re.ASCII,
)
# In characters: of a value that is not as it should be, in the sentence about it.
_BRIEF = 50
# The first that is present counts: the name of the account, then other names of the person.
_PERSON_CLAIMS = ("preferred_username", "unique_name", "username", "upn", "name", "email", "emailaddress", "sub")
# Claims that mean nothing to a reader: plain numbers and UUIDs.
_NUMBER = re.compile(r"[0-9]+|\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Envelope:
    """The frame of every answer: ``{message, messageType, errorCode, data}``."""

    message: str
    message_type: str
    error_code: str
    data: t.Any = dataclasses.field(repr=False)

    @property
    def refuses(self) -> bool:
        """Return whether the service said no. Success is ``errorCode`` OK and no ``messageType`` ERROR."""
        return self.message_type.upper() == "ERROR" or self.error_code.upper() not in ("", "OK")


def parse_envelope(body: bytes, hide: t.Callable[[str], str] = str) -> Envelope:
    """Read the frame of an answer. ``hide`` masks the secrets in its texts, in case the service repeats them."""
    fields = _fields(_json(body), "the answer")
    return Envelope(
        message=_text(fields.get("message"), hide),
        message_type=_text(fields.get("messagetype"), hide),
        error_code=_text(fields.get("errorcode"), hide),
        data=fields.get("data"),
    )


def parse_tokens(data: t.Any) -> Tokens:
    """Read the token triple. The JWT's own ``exp`` claim counts before ``expiration``."""
    fields = _fields(data, "data")
    access, refresh = fields.get("accesstoken"), fields.get("refreshtoken")
    if not isinstance(access, str) or not re.fullmatch(r"[\x21-\x7e]+", access):
        raise ValueError("data has no accessToken")
    if refresh is not None and not isinstance(refresh, str):
        raise ValueError(f"refreshToken is {_kind(refresh)}, not text")
    if refresh and not refresh.isprintable():
        raise ValueError("refreshToken is text that no token can be")
    expires_at = jwt_expiry(access)
    if expires_at is None and fields.get("expiration"):
        expires_at = parse_date(fields["expiration"])
    return Tokens(access, refresh or None, expires_at)


def parse_request(data: t.Any) -> Request:
    """Read the data of csr/create: an object, or a string that holds the object as JSON."""
    given = _json(data.encode("utf-8", "replace")) if isinstance(data, str) else data
    fields = _fields(given, "data")
    code, csr = fields.get("requestcode"), fields.get("csr")
    if not isinstance(code, str) or not code.strip() or not code.isprintable():
        raise ValueError(f"data has no requestCode, only {_names(given)}")
    if not isinstance(csr, str):
        raise ValueError(f"csr is {_kind(csr)}, not text")  # noqa: TRY004
    try:
        return Request(code, parse_csr(csr))
    except ConfigurationError as exc:
        raise ValueError(str(exc)) from exc


def parse_finalized(data: t.Any) -> Finalized:
    """Read the data of csr/finalize: an object, or a string that holds it as JSON; 4.33 promises neither."""
    given = data
    if isinstance(data, str):
        with contextlib.suppress(ValueError):
            given = _json(data.encode("utf-8", "replace"))
    if not isinstance(given, t.Mapping):
        return Finalized()
    fields = _fields(given, "data")
    number, thumbprint = fields.get("idcertificate"), fields.get("thumbprint")
    known = isinstance(number, (str, int)) and not isinstance(number, bool) and _text(number) == str(number)
    return Finalized(
        certificate_id=str(number) if known else None,
        thumbprint=_thumbprint(thumbprint) if isinstance(thumbprint, str) else None,
    )


def what_upload_lacks(finalized: Finalized) -> str | None:
    """Return which part is missing in the answer to an upload; None where it identifies the certificate."""
    if not finalized.thumbprint or not re.fullmatch(r"[0-9A-F]{40}", finalized.thumbprint):
        return "no thumbprint"
    return None if (finalized.certificate_id or "").strip() else "no idCertificate"


def parse_date(text: t.Any) -> dt.datetime:
    """Read a .NET date-time: up to seven fractional digits, with Z, with an offset, or with none (then UTC)."""
    match = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    with contextlib.suppress(ValueError):
        if match:
            fraction = (match["fraction"] or "").ljust(6, "0")[:6]
            offset = f"{match['hours']}:{match['minutes']}" if match["hours"] else "Z"
            return parse_timestamp(f"{match['day']}T{match['time']}.{fraction}{offset}")
    shown = brief(repr(text), _BRIEF) if isinstance(text, str) else _kind(text)
    raise ValueError(f"expiration is {shown}, not a date and time")


def jwt_expiry(token: str) -> dt.datetime | None:
    """Return the ``exp`` claim of a JWT, or None where there is none. The signature is the service's business."""
    try:
        return dt.datetime.fromtimestamp(float(_claims(token)["exp"]), tz=dt.timezone.utc)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        return None


def jwt_person(token: str) -> str | None:
    """Return the person in a JWT, by the claims in common use; None where it has no readable name."""
    # Those of .NET may be addresses, such as http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn.
    claims = {str(name).rpartition("/")[2].lower(): value for name, value in _claims(token).items()}
    for name in _PERSON_CLAIMS:
        value = claims.get(name)
        if isinstance(value, str) and value.strip() and value.isprintable() and not _NUMBER.fullmatch(value):
            return value.strip()
    return None


def _claims(token: str) -> dict[str, t.Any]:
    """Return the claims of a JWT; nothing where the token is no JWT."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))) if len(parts) == 3 else {}
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _thumbprint(told: str) -> str:
    """Return 40 hex digits, or the printable text that came instead, which differs from every thumbprint."""
    try:
        return normalize_thumbprint(told)
    except ConfigurationError:
        return brief(_text(told), _BRIEF)


def _json(body: bytes) -> t.Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ValueError(f"{len(body)} bytes that are not JSON") from None


def _fields(value: t.Any, name_of_value: str) -> dict[str, t.Any]:
    """Return an object's members under lower-case names."""
    if not isinstance(value, dict):
        raise ValueError(f"{name_of_value} is {_kind(value)}, not an object")  # noqa: TRY004
    return {name.lower(): member for name, member in value.items()}


def _text(value: t.Any, hide: t.Callable[[str], str] = str) -> str:
    """Return the beginning of a text as it may be printed and stored; a list or an object is not looked into."""
    if value is None:
        return ""
    text = hide(str(value)) if isinstance(value, (str, int, float)) else _kind(value)
    return printable(text[:500])


def _kind(value: t.Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "missing"}
    return names.get(type(value), "a number")


def _names(given: t.Mapping[str, t.Any]) -> str:
    """Return the names of members unchanged: a changed name that is a secret would not be masked."""
    shown = (brief(name, _BRIEF) if name.isprintable() else "one that cannot be printed" for name in sorted(given)[:10])
    return ", ".join(shown) or "nothing"
