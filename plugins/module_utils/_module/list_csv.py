# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list of certificates in CSV (RFC 4180) with a header that names the options.

A column such as ``dn.cn`` is an attribute of the option ``dn``. An empty cell is an option that is not set. Against the
RFC, blanks around a cell are no part of it, and semicolons or tabs may separate the cells, as spreadsheets write them.
"""

from __future__ import annotations

import csv
import re
import typing as t

from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE, BOOLEANS_TRUE

from .._errors import ConfigurationError
from .entries import unknown
from .specs import Spec

_BOOLEANS: dict[t.Any, bool] = {**dict.fromkeys(BOOLEANS_TRUE, True), **dict.fromkeys(BOOLEANS_FALSE, False)}
# The types of options that have a column for each of their parts.
_STRUCTURES = ("dict", "raw")
_BETWEEN_ELEMENTS = re.compile(r"[\s,]+")
# Python reads longer numbers slowly or not at all.
_MOST_DIGITS = 18
_HEADER = "the first line names the columns, such as name,dn.cn,provider"


def delimiter_of(header: str) -> str:
    """Return the character that separates the cells; empty if no column of the header is the name."""
    for delimiter in ",;\t":
        if delimiter in header:
            return delimiter if "name" in map(_bare, header.split(delimiter)) else ""
    return "," if _bare(header) == "name" else ""


def csv_rows(path: str, file: t.TextIO, spec: Spec) -> t.Iterator[tuple[int, object]]:
    """Return the entries with the lines in which they begin. Raises ConfigurationError."""
    delimiter = delimiter_of(file.readline())
    if not delimiter:
        raise ConfigurationError(f"{path}, line 1: there is no column name; {_HEADER}")
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    line = 1
    try:
        columns = _Columns([cell.strip() for cell in next(reader, ())], spec)
        line = reader.line_num + 1
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield line, columns.entry(cells)
            line = reader.line_num + 1
    except csv.Error as exc:
        raise ConfigurationError(f"{path}, line {line}: this is not CSV: {exc}") from exc
    except ConfigurationError as exc:
        raise ConfigurationError(f"{path}, line {line}: {exc}") from exc


class _Columns:
    """The columns of a file: those of whole options, and those of the parts of an option."""

    def __init__(self, header: t.Sequence[str], spec: Spec) -> None:
        """Read the header. Raises ConfigurationError."""
        self._count = len(header)
        self._whole: list[tuple[int, str, t.Callable[[str], t.Any]]] = []
        self._parts: dict[str, list[tuple[int, str]]] = {}
        for index, column in enumerate(header):
            option, _dot, part = column.partition(".")
            _check_column(column, option, part, spec, header[:index])
            if part:
                self._parts.setdefault(option, []).append((index, part))
            else:
                self._whole.append((index, column, _conversion(spec[column])))
        # An attribute of a DN may repeat. Then the DN is a list of attributes, in the order of the columns.
        self._repeat = {
            option for option, parts in self._parts.items() if len({part for _index, part in parts}) < len(parts)
        }

    def entry(self, cells: t.Sequence[str]) -> dict[str, t.Any]:
        """Return the entry of a line. Raises ConfigurationError if the line has not as many cells as the header."""
        if len(cells) != self._count:
            raise ConfigurationError(f"the number of cells is {len(cells)}, not {self._count} as in the header")
        entry = {option: convert(cells[index]) for index, option, convert in self._whole if cells[index]}
        for option, parts in self._parts.items():
            set_parts = [(part, cells[index]) for index, part in parts if cells[index]]
            if option in self._repeat and set_parts:
                entry[option] = [{"attribute": part, "value": value} for part, value in set_parts]
            elif set_parts:
                entry[option] = dict(set_parts)
        return entry


def _check_column(column: str, option: str, part: str, spec: Spec, before: t.Sequence[str]) -> None:
    """Raise ConfigurationError if a column is not one of the format, or is there twice."""
    kind = spec.get(option, {}).get("type")
    if not column:
        raise ConfigurationError(f"column {len(before) + 1} has no name")
    if kind in _STRUCTURES and not part:
        raise ConfigurationError(f"the column {column} must name a part as well, such as {option}.cn")
    if kind is None or (part and kind not in _STRUCTURES):
        flat = [name for name, rules in spec.items() if rules["type"] not in _STRUCTURES]
        raise ConfigurationError(unknown("column", column, [*flat, "dn.cn"] if "dn" in spec else flat))
    if column in before and kind != "raw":
        raise ConfigurationError(f"the column {column} is there twice")


def _conversion(rules: t.Mapping[str, t.Any]) -> t.Callable[[str], t.Any]:
    """Return what makes a value of a cell. Ansible converts a cell that stays text, or refuses it."""
    if rules["type"] == "list":
        element = _conversion({"type": rules.get("elements", "str")})
        return lambda cell: [element(one) for one in _BETWEEN_ELEMENTS.split(cell) if one]
    return {"bool": _boolean, "int": _number}.get(rules["type"], str)


def _boolean(cell: str) -> object:
    return _BOOLEANS.get(cell.lower(), cell)


def _number(cell: str) -> object:
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) <= _MOST_DIGITS else cell


def _bare(cell: str) -> str:
    return cell.strip(' \t\r\n"')
