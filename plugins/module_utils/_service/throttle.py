# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of what says when a request may be sent; see ``TokenBucket`` in the package of the store."""

from __future__ import annotations

import typing as t


class Throttle(t.Protocol):
    """Says when one request may be sent to a service or a CA. Usable from several threads."""

    def may_wait(self) -> bool:
        """Return whether ``admit`` may have to wait."""

    def admit(self) -> str:
        """Wait until this thread may send a request. Return why it may not, an empty text where it may."""

    def spend(self) -> None:
        """Note that this thread sends its request now."""

    def block(self, seconds: float, why: str) -> None:
        """Note that the other side asks to be left alone for so many seconds; ``why`` has no secret in it."""


class Unthrottled:
    """Each request may be sent at once."""

    def may_wait(self) -> bool:
        return False

    def admit(self) -> str:
        return ""

    def spend(self) -> None:
        pass

    def block(self, seconds: float, why: str) -> None:
        pass
