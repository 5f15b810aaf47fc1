# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The envelope of every answer, in the variants of a server on IIS and .NET.

``{message, messageType, errorCode, data}``, and ``isValid`` on csr/create.
"""

from __future__ import annotations

import datetime
import json
import typing as t

from redtrust_sandbox.languages import said
from redtrust_sandbox.settings import Settings

JSON_TYPE = "application/json; charset=utf-8"
BOM = b"\xef\xbb\xbf"
DONE = "Operation finalized successfully"

_OFFSET = datetime.timezone(datetime.timedelta(hours=2))


def success(settings: Settings, data: t.Any, is_valid: bool | None = None) -> bytes:
    """Return the body of a successful answer."""
    return _render(settings, DONE, settings.success_type, "OK", data, is_valid)


def error(settings: Settings, code: str, message: str) -> bytes:
    """Return the body of an error answer."""
    return _render(settings, message, "ERROR", code, None, None)


def create_data(settings: Settings, data: t.Mapping[str, str]) -> t.Any:
    """Return the data of csr/create: the object of the page's example, or the string of its schema."""
    if settings.create_data == "string":
        return json.dumps(_cased(settings, data))
    return data


def expiration(settings: Settings, at: float) -> str:
    """Return a time as a .NET date-time, in the style of the settings."""
    moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    if settings.expiration_style == "short":
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if settings.expiration_style == "offset":
        moment = moment.astimezone(_OFFSET)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
    return text + {"z": "Z", "offset": "+02:00", "none": ""}[settings.expiration_style]


def _render(settings: Settings, message: str, kind: str, code: str, data: t.Any, is_valid: bool | None) -> bytes:
    body: dict[str, t.Any] = {
        "message": said(settings.language, message),
        "messageType": kind,
        "errorCode": code,
        "data": data,
    }
    if is_valid is not None:
        body["isValid"] = is_valid
    text = json.dumps(_cased(settings, body), ensure_ascii=False).encode()
    return BOM + text if settings.bom == "yes" else text


def _cased(settings: Settings, value: t.Any) -> t.Any:
    if settings.key_case == "pascal" and isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _cased(settings, item) for key, item in value.items()}
    return value
