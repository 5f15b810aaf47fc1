# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the sandbox.

SandboxError              an error that ends a command with a message
+-- ConfigError           the configuration, a setting or a fault is unusable
+-- ProcessError          the server cannot be started, found or stopped
ApiError                  a refused request, with the status and the error of the answer
"""

from __future__ import annotations

import typing as t


class SandboxError(Exception):
    """A command cannot continue; the message is for people."""


class ConfigError(SandboxError):
    """The configuration, a setting or a fault is unusable."""


class ProcessError(SandboxError):
    """The server cannot be started, found or stopped."""


class ApiError(Exception):
    """The server refuses a request."""

    def __init__(self, status: int, code: str, message: str, headers: t.Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
