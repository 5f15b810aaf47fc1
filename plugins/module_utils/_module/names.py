# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for the name of an enrollment."""

from __future__ import annotations

import re

from .._errors import ConfigurationError

_FIT = re.compile(r"[^\s./\\\x00-\x1f\x7f](?:[^/\\\x00-\x1f\x7f]*[^\s/\\\x00-\x1f\x7f])?")
_MOST_BYTES = 200
# A character has at most four bytes in UTF-8.
_SURELY_SHORT = _MOST_BYTES // 4


def check_name(name: str) -> str:
    """Return the name. It becomes a file name, so other names raise ConfigurationError."""
    if _FIT.fullmatch(name) and (len(name) <= _SURELY_SHORT or len(name.encode("utf-8", "replace")) <= _MOST_BYTES):
        return name
    raise ConfigurationError(
        f"name {name!r} is not fit for a file name: at most 200 bytes, no slash, no leading dot, no blank ends"
    )
