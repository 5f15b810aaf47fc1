# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of others, such as a service, a library or a command, as they may be printed."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text on one line, without characters that a terminal obeys."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)


def brief(text: str, longest: int = 300) -> str:
    """Return a printable text, or of a longer one how long it is.

    No part of a long text is shown: a part of a secret in it could not be told from other texts, and so not be masked.
    """
    return printable(text) if len(text) <= longest else f"a text of {len(text)} characters"
