# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a file with a list of certificates in one of its formats. See docs/lists.md.

The entries are Python values that nobody has checked yet, each with its line. Files may be large, so a format reads on
only when the next entry is needed.
"""

from __future__ import annotations

import contextlib
import stat
import typing as t
from pathlib import Path

from .._errors import ConfigurationError
from .list_csv import csv_rows, delimiter_of
from .list_json import is_entry, json_line_rows, json_rows
from .specs import Spec

_ENDINGS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
}
_VAULT = "$ANSIBLE_VAULT"


def format_of(path: str) -> str:
    """Return csv, json, jsonl or yaml: by the ending of the name, or else by the first line that is not blank.

    Raises ConfigurationError if the file cannot be read.
    """
    known = _ENDINGS.get(Path(path).suffix.lower())
    if known:
        return known
    with _opened(path) as file:
        line = next(filter(str.strip, file), "").strip()
    if line.startswith("{"):
        return "jsonl" if is_entry(line) else "json"
    if line.startswith("["):
        return "json"
    return "csv" if delimiter_of(line) else "yaml"


def rows(path: str, form: str, spec: Spec, key: str = "certificates") -> t.Iterator[tuple[int, object]]:
    """Return the entries with the lines in which they begin; ``key`` is that of the list in a mapping.

    Raises ConfigurationError if the file cannot be read or is not in this format.
    """
    with _opened(path, newline="\n" if form == "jsonl" else "") as file:
        if file.read(len(_VAULT)) == _VAULT:
            raise ConfigurationError(f"{path} is encrypted with Ansible Vault, and the module cannot decrypt it")
        file.seek(0)
        if form == "yaml":
            from .list_yaml import yaml_rows  # PyYAML takes a while to import

            yield from yaml_rows(path, file, key)
        elif form == "csv":
            yield from csv_rows(path, file, spec)
        elif form == "jsonl":
            yield from json_line_rows(path, file)
        else:
            yield from json_rows(path, file, key)


@contextlib.contextmanager
def _opened(path: str, newline: str = "") -> t.Iterator[t.TextIO]:
    """Open a file for reading, without the BOM that Windows may have put at its beginning."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise ConfigurationError(f"{path} is not a plain file")
        with Path(path).open(encoding="utf-8-sig", newline=newline) as file:
            yield file
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{path}, line {_not_utf8(path)}: the text is not UTF-8; save it as UTF-8") from exc
    except RecursionError as exc:
        raise ConfigurationError(f"{path}: an entry has too many levels") from exc


def _not_utf8(path: str) -> int:
    """Return the first line that is not UTF-8. Raises OSError."""
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
