# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the imports of plugin code from its source, and define the order of the layers."""

from __future__ import annotations

import ast
import collections.abc as c
from pathlib import Path, PurePosixPath

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
ABSOLUTE = "ansible_collections.redtrust.certificate_enroll.plugins."

# Each layer imports only those above it, and only the api of a package.
LAYERS = (
    "_fault_points",
    "_printable",
    "_secrets",
    "_holder",
    "_private_files",
    "_error_codes",
    "_errors",
    "_clock",
    "_rate",
    "_release",
    "_models",
    "_x509",
    "_http",
    "_service",
    "_store",
    "_session",
    "_signers",
    "_enroll",
    "_report",
    "_watch",
    "_sign_in",
    "_module",
)


def layer_of(path: PurePosixPath) -> str:
    """Return the layer of a file of ``plugins/``, or an empty string if it is not in module_utils."""
    return PurePosixPath(path.parts[1]).stem if path.parts[0] == "module_utils" else ""


def is_package(layer: str) -> bool:
    """Return whether a layer is a package rather than a file."""
    return (PLUGINS / "module_utils" / layer).is_dir()


def imports_of(path: PurePosixPath, tree: ast.AST) -> c.Iterator[tuple[int, str]]:
    """Return line and full name of every import, anywhere in the file."""
    package = (ABSOLUTE + ".".join(path.parent.parts)).split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = [*base, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*start, alias.name])) for alias in node.names)
