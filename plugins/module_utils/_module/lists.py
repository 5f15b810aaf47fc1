# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list of certificates, from a file or from an option of the play.

See docs/lists.md for the formats of a file.
"""

from __future__ import annotations

import os
import typing as t

from .._errors import ConfigurationError
from .entries import Entries
from .list_formats import format_of, rows
from .specs import Spec
from .yaml_values import QUOTE_IN_YAML

Secret = t.Callable[[str], None]

_QUOTE_IN_JSON = "write text in quotes, and leave out an option that is not set"
_IN_A_TEMPLATE = "; in a template add the filter string"


class Listed(t.NamedTuple):
    """One entry of a list.

    ``place`` names it in a message, such as ``certs.csv, line 17`` or ``certificates[16]``. ``name`` is the name of the
    enrollment, and always fit. ``values`` has every option of the entry; it is empty if there is an ``error``, with
    which this entry alone fails. Entries share their default values, so do not change them.
    """

    place: str
    name: str
    values: t.Mapping[str, t.Any]
    error: ConfigurationError | None = None


def read_file(path: str, spec: Spec, defaults: t.Mapping[str, t.Any] | None, secret: Secret) -> t.Iterator[Listed]:
    """Read the entries of a file; ``spec`` has the options of an entry, ``defaults`` the values they have in common.

    ``secret`` gets each secret value before anything else happens with it. A relative path in the file is relative to
    the folder of the file. Raises ConfigurationError if the list as a whole cannot be used, even after the first
    entries, so read all of them before you use one.
    """
    form = format_of(path)
    advice = QUOTE_IN_YAML if form == "yaml" else _QUOTE_IN_JSON
    entries = Entries(spec, defaults or {}, secret, advice=advice, folder=os.path.dirname(path))  # noqa: PTH120
    yield from _listed(rows(path, form, spec), entries, lambda line: f"{path}, line {line}")


def read_values(
    given: t.Iterable[object], spec: Spec, defaults: t.Mapping[str, t.Any] | None, secret: Secret
) -> t.Iterator[Listed]:
    """Read the entries of an option of the play, in the same way as those of a file."""
    entries = Entries(spec, defaults or {}, secret, advice=QUOTE_IN_YAML + _IN_A_TEMPLATE)
    yield from _listed(enumerate(given), entries, lambda index: f"certificates[{index}]")


def _listed(
    numbered: t.Iterable[tuple[int, object]], entries: Entries, place: t.Callable[[int], str]
) -> t.Iterator[Listed]:
    seen: dict[str, int] = {}
    for number, entry in numbered:
        where = place(number)
        try:
            name = entries.name(entry)
        except ConfigurationError as exc:
            raise ConfigurationError(f"{where}: {exc}") from exc
        if name in seen:
            first = place(seen[name]).rpartition(", ")[2]
            raise ConfigurationError(f"{where}: the name {name} is in the list twice, first at {first}")
        seen[name] = number
        try:
            values = entries.values(t.cast("t.Mapping[str, t.Any]", entry))
        except ConfigurationError as exc:
            yield Listed(where, name, {}, ConfigurationError(f"{where}: {name}: {exc}"))
        else:
            yield Listed(where, name, values)
