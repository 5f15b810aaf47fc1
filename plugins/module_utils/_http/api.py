# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request out, an answer back: TLS, time limits, size limits; nothing of Redtrust."""

from __future__ import annotations

from .options import TransportOptions, check_files
from .tls import use_certificate
from .transport import (
    REDIRECTS,
    REQUESTS_IMPORT_ERROR,
    HttpRequest,
    HttpResponse,
    HttpsTransport,
    Transport,
)

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
