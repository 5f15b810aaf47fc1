# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put requests into a folder, each once. Raises OSError."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
import os
import typing as t
from pathlib import Path

from .. import _fault_points
from .._clock import timestamp
from .._errors import ConfigurationError
from .._private_files import flush_directory, write_through
from .._x509.api import csr_pem, rfc4514
from .base import SigningOrder


class HandedOver(enum.Enum):
    """What was done with a request; the value is for a message."""

    NOW = "written to {path}"
    AGAIN = "written again to {path}, where it was not any more"
    BEFORE = "waits for an answer to {path}"
    FETCHED = "waits for an answer; {path} was written before and is not there any more, so it was fetched"


class RequestFolder:
    """The folder that the CA takes requests from. Usable from several threads.

    A request is prepared under names that begin with a dot. Then its name is kept as the order number, and then it is
    renamed: the JSON first, so that both are there when the CSR is. So a run may be killed at any moment: with an order
    number the request was prepared as a whole, and a prepared request is still to be renamed. A request that is
    neither prepared nor there was fetched.
    """

    def __init__(self, folder: Path, *, mode: int, validity: tuple[str, dt.timedelta] | None, repeat: bool) -> None:
        """``mode`` is that of the files. ``repeat``: whether to write a request again that was fetched."""
        self._folder = folder
        self._mode = mode
        self._validity = validity
        self._repeat = repeat

    def path(self, request_id: str) -> Path:
        """Return the file of a request."""
        return self._folder / f"{request_id}.csr"

    def files(self, request_id: str) -> tuple[Path, Path]:
        """Return the file of a request, and the JSON beside it."""
        return self.path(request_id), self._folder / f"{request_id}.json"

    def hand_over(self, order: SigningOrder) -> HandedOver:
        """Have a request in the folder. Raises ConfigurationError where it cannot be written down."""
        csr, document = self.files(order.request_id)
        is_known = order.order_number == csr.name
        if os.path.lexists(csr):
            if not is_known:
                order.keep_order_number(csr.name)
            return HandedOver.BEFORE
        is_prepared = is_known and os.path.lexists(_hidden(csr))
        if is_known and not is_prepared and not self._repeat:
            return HandedOver.FETCHED
        if not is_prepared:
            # The CSR is last here as well: where it is prepared, the JSON is.
            self._write(_hidden(document), self._document(order))
            self._write(_hidden(csr), csr_pem(order.csr).encode())
            flush_directory(self._folder)
            _fault_points.reach("directory prepared")
            order.keep_order_number(csr.name)
        _fault_points.reach("directory kept")
        with contextlib.suppress(FileNotFoundError):  # a run that was killed in between has renamed it
            _hidden(document).rename(document)
        _hidden(csr).rename(csr)
        flush_directory(self._folder)
        return HandedOver.AGAIN if is_known and not is_prepared else HandedOver.NOW

    def _document(self, order: SigningOrder) -> bytes:
        members: dict[str, t.Any] = {
            "name": order.name,
            "revision": order.revision,
            "request_id": order.request_id,
            "dn": order.dn.to_json(),
            "dn_rfc4514": rfc4514(order.dn),
            "subject_alt_name": list(order.subject_alt_name),
            "created": timestamp(order.since),
        }
        if self._validity is not None:
            text, duration = self._validity
            members.update(validity=text, validity_seconds=int(duration.total_seconds()))
        try:
            return (json.dumps(members, indent=2, ensure_ascii=False) + "\n").encode()
        except UnicodeEncodeError as exc:
            raise ConfigurationError(f"{order.name!r} cannot be written to a file: {exc.reason}") from exc

    def _write(self, path: Path, content: bytes) -> None:
        """Write a whole file, or none under this name."""
        part = path.with_name(f"{path.name}.part")
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, self._mode)
            write_through(file, content)
        part.rename(path)


def _hidden(path: Path) -> Path:
    """Return the name under which a file is prepared. Not every program that looks for ``*.csr`` skips the dot."""
    return path.with_name(f".{path.name}.prepared")
