# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the order of the layers and the conventions of plugin code, by reading the source."""

from __future__ import annotations

import ast
import collections.abc as c
import sys
from pathlib import Path, PurePosixPath

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.unit.imports import (
    ABSOLUTE,
    LAYERS,
    PLUGINS,
    imports_of,
    is_package,
    layer_of,
)

# Only these, and the modules, know AnsibleModule.
KNOW_ANSIBLE_MODULE = ("_module",)
TOO_BROAD = ("Exception", "BaseException")
# Only these may catch everything, each once. An exception that leaves a module is printed with the values in it. And
# the failure of one item, even a panic of Rust, must not lose the results of the others.
MAY_BE_BROAD = {
    PurePosixPath("module_utils/_module/run.py"): ["Exception"],
    PurePosixPath("module_utils/_enroll/attempt.py"): ["BaseException"],
}


def problems(path: PurePosixPath, source: str) -> list[str]:
    """Return the problems of a file of ``plugins/``; ``path`` is relative to that folder."""
    tree = ast.parse(source)
    return [*_layer_problems(path, tree), *_third_party_problems(tree), *_manner_problems(path, tree)]


def _layer_problems(path: PurePosixPath, tree: ast.Module) -> c.Iterator[str]:
    own = layer_of(path)
    if own and own not in LAYERS:
        yield f"{path}: {own} is not in the list of layers"
        return
    for line, name in imports_of(path, tree):
        if name == "ansible.module_utils.basic.AnsibleModule" and own and own not in KNOW_ANSIBLE_MODULE:
            yield f"line {line}: {own} may not know AnsibleModule"
        if not name.startswith(ABSOLUTE):
            continue
        folder, other, inner = [*name[len(ABSOLUTE) :].split("."), "", ""][:3]
        if own and folder != "module_utils":
            yield f"line {line}: module_utils may not import plugins.{folder}"
        elif own and other != own and other not in LAYERS[: LAYERS.index(own)]:
            yield f"line {line}: {own} may not import {other or 'all of module_utils'}"
        elif other != own and inner != "api" and folder == "module_utils" and is_package(other):
            yield f"line {line}: {other} is a package, and only its api may be imported"


def _third_party_problems(tree: ast.Module) -> c.Iterator[str]:
    guarded = {id(node) for block in _guarded_blocks(tree) for statement in block for node in ast.walk(statement)}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or id(node) in guarded:
            continue
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if not node.level else []
        for name in (name.partition(".")[0] for name in names):
            if name not in sys.stdlib_module_names and name not in ("ansible", "ansible_collections"):
                yield f"line {node.lineno}: the import of {name} is not guarded by try and except ImportError"


def _guarded_blocks(tree: ast.Module) -> c.Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any("ImportError" in _caught(handler) for handler in node.handlers):
            yield node.body
            yield node.orelse
        elif isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            yield node.body


def _manner_problems(path: PurePosixPath, tree: ast.Module) -> c.Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: assert is gone under python -O"
    broad = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and _is_too_broad(_caught(node))]
    for node in broad[1 if broad and _caught(broad[0]) == MAY_BE_BROAD.get(path) else 0 :]:
        yield f"line {node.lineno}: except {', '.join(_caught(node))} catches more than is known"


def _is_too_broad(caught: list[str]) -> bool:
    return not caught or any(name in TOO_BROAD for name in caught)


def _caught(handler: ast.ExceptHandler) -> list[str]:
    """Return the last part of the name of each exception that a handler catches."""
    if handler.type is None:
        return []
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [ast.unparse(kind).rpartition(".")[2] for kind in kinds]


FILES = sorted(path.relative_to(PLUGINS) for path in PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_plugin_file(path: Path) -> None:
    assert problems(PurePosixPath(path), (PLUGINS / path).read_text(encoding="utf-8")) == []


def test_there_are_plugin_files() -> None:
    assert FILES


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("module_utils/_models.py", "from ._x509.api import parse", "_models may not import _x509"),
        ("module_utils/_models.py", "from . import _x509", "_models may not import _x509"),
        (
            "module_utils/_models.py",
            "def f():\n    from ._service.api import Client",
            "_models may not import _service",
        ),
        ("module_utils/_models.py", f"from {ABSOLUTE}module_utils._x509.api import a", "_models may not import _x509"),
        ("module_utils/_models.py", f"import {ABSOLUTE}module_utils._x509", "_models may not import _x509"),
        ("module_utils/_x509/names.py", "from .._service.api import Client", "_x509 may not import _service"),
        ("module_utils/_service/client.py", "from .._store.api import Store", "_service may not import _store"),
        ("module_utils/_service/client.py", "from .. import *", "_service may not import *"),
        ("module_utils/_service/client.py", "from ...modules import redtrust_csr", "may not import plugins.modules"),
        ("module_utils/_service/client.py", "from .._x509.names import rfc4514", "only its api may be imported"),
        ("module_utils/_service/client.py", "from .._x509 import names", "only its api may be imported"),
        ("modules/a.py", "from ..module_utils._module import run", "only its api may be imported"),
        ("modules/a.py", "from ..module_utils import _store", "only its api may be imported"),
        ("module_utils/_other.py", "", "_other is not in the list"),
        (
            "module_utils/_service/client.py",
            "from ansible.module_utils.basic import AnsibleModule",
            "not know AnsibleModule",
        ),
        ("module_utils/_service/client.py", "import requests", "import of requests is not guarded"),
        ("modules/a.py", "def f():\n    from cryptography import x509", "import of cryptography is not guarded"),
        ("modules/a.py", "try:\n    import yaml\nexcept ValueError:\n    pass", "import of yaml is not guarded"),
        ("modules/a.py", "try:\n    pass\nexcept ImportError:\n    import yaml", "import of yaml is not guarded"),
        ("modules/a.py", "assert True", "assert"),
        ("modules/a.py", "try:\n    pass\nexcept:\n    pass", "catches more"),
        ("modules/a.py", "try:\n    pass\nexcept Exception as exc:\n    raise", "catches more"),
        (
            "module_utils/_module/run.py",
            2 * "try:\n    pass\nexcept Exception:\n    raise\n",
            "line 7: except Exception catches",
        ),
        ("module_utils/_module/run.py", "try:\n    pass\nexcept:\n    raise", "catches more"),
        ("module_utils/_module/run.py", "try:\n    pass\nexcept BaseException:\n    raise", "catches more"),
        (
            "module_utils/_enroll/attempt.py",
            2 * "try:\n    pass\nexcept BaseException:\n    raise\n",
            "line 7: except BaseException catches",
        ),
        ("lookup/a.py", "try:\n    pass\nexcept (ValueError, builtins.BaseException):\n    pass", "catches more"),
    ],
)
def test_a_planted_fault_is_found(path: str, source: str, expected: str) -> None:
    found = problems(PurePosixPath(path), source)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_errors.py", "from __future__ import annotations\nimport json, os.path"),
        ("module_utils/_service/client.py", "from .retry import Retry\nfrom . import answers\nfrom .. import _errors"),
        ("module_utils/_store/sqlite.py", "from .._x509.api import thumbprint\nfrom . import schema"),
        ("module_utils/_module/masked.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_module/run.py", "try:\n    pass\nexcept Exception as exc:\n    raise"),
        ("module_utils/_enroll/attempt.py", "try:\n    pass\nexcept BaseException as exc:\n    raise"),
        ("modules/a.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("modules/a.py", "from ..module_utils._module.api import run\nfrom ..module_utils import _errors"),
        ("module_utils/_x509.py", "try:\n    import yaml\nexcept ImportError:\n    yaml = None"),
        ("module_utils/_x509.py", "import typing as t\nif t.TYPE_CHECKING:\n    from cryptography import x509"),
        ("module_utils/_x509.py", "try:\n    pass\nexcept (ValueError, OSError):\n    raise"),
    ],
)
def test_what_is_right_passes(path: str, source: str) -> None:
    assert problems(PurePosixPath(path), source) == []
