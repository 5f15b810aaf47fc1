# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request out, an answer back: TLS, time limits, size limits; nothing of Redtrust."""

from __future__ import annotations

import importlib.util

from .certificate_files import use_certificate
from .options import TransportOptions, check_files
from .transport import REDIRECTS, HttpRequest, HttpResponse, HttpsTransport, Transport

_MISSING = [name for name in ("requests", "urllib3") if importlib.util.find_spec(name) is None]
# The words for ``missing_required_lib``; the libraries themselves are imported with the first request.
REQUESTS_IMPORT_ERROR = f"ModuleNotFoundError: No module named {_MISSING[0]!r}" if _MISSING else None

__all__ = [
    "REDIRECTS",
    "REQUESTS_IMPORT_ERROR",
    "HttpRequest",
    "HttpResponse",
    "HttpsTransport",
    "Transport",
    "TransportOptions",
    "check_files",
    "use_certificate",
]
