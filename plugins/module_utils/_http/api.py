# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request out, an answer back: TLS, time limits, size limits, when to send again; nothing of Redtrust."""

from __future__ import annotations

import importlib.util

from .certificate_files import use_certificate
from .options import TransportOptions, check_files, is_this_machine
from .retry import Breaker, Retry, seconds_to_wait
from .transport import REDIRECTS, HttpRequest, HttpResponse, HttpsTransport, Transport

_MISSING = [name for name in ("requests", "urllib3") if importlib.util.find_spec(name) is None]
# The words for ``missing_required_lib``; the libraries themselves are imported with the first request.
REQUESTS_IMPORT_ERROR = f"ModuleNotFoundError: No module named {_MISSING[0]!r}" if _MISSING else None

__all__ = [
    "REDIRECTS",
    "REQUESTS_IMPORT_ERROR",
    "Breaker",
    "HttpRequest",
    "HttpResponse",
    "HttpsTransport",
    "Retry",
    "Transport",
    "TransportOptions",
    "check_files",
    "is_this_machine",
    "seconds_to_wait",
    "use_certificate",
]
