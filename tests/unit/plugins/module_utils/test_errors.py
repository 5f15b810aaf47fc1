# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree in the docstring of the errors is the tree of their classes."""

from __future__ import annotations

import inspect
import re

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _errors


def drawn(docstring: str) -> list[tuple[str, str]]:
    """Return each error of a tree with its parent; a level is three characters."""
    found: list[tuple[str, str]] = []
    above: list[str] = []
    for prefix, name in re.findall(r"^([|+` -]*)(\w+Error) ", docstring, re.MULTILINE):
        above = [*above[: len(prefix) // 3], name]
        found.append((name, above[-2] if len(above) > 1 else "Exception"))
    return found


def test_the_tree_has_each_error_below_its_parent() -> None:
    classes = [
        (name, kind.__bases__[0].__name__)
        for name, kind in vars(_errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception)
    ]
    assert sorted(drawn(_errors.__doc__ or "")) == sorted(classes)
