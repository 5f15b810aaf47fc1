# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of SQLite, the system and the codec, with the next step."""

from __future__ import annotations

import contextlib
import errno
import pathlib
import sqlite3
import typing as t

from .._errors import StoreError

_DAMAGED = "it is damaged; keep a copy of it and restore a backup"
_FULL = "look for a full or failing disk, then run again"
_CLOSED = "make the file and its directory readable and writable"
# The beginnings of SQLite's messages, and the next step for each.
_ADVICE = (
    ("database is locked", "another process keeps it locked; look for a job that hangs, then run again"),
    ("locking protocol", "another process keeps it locked; look for a job that hangs, then run again"),
    ("database or disk is full", "nothing was written; make room on that file system, then run again"),
    ("disk I/O error", "nothing was written; look for a full or failing disk (dmesg), then run again"),
    ("attempt to write a readonly database", f"nothing was written; {_CLOSED}"),
    ("unable to open database file", _CLOSED),
    ("database disk image is malformed", _DAMAGED),
    ("malformed database schema", _DAMAGED),
    ("unsupported file format", _DAMAGED),
    ("Could not decode to UTF-8", _DAMAGED),
    ("table revisions already exists", _DAMAGED),
    ("file is not a database", "this is not a store, or a damaged one; restore a backup or choose another path"),
)


@contextlib.contextmanager
def explained(path: pathlib.Path) -> t.Iterator[None]:
    """Turn errors of SQLite, the system and the codec into a StoreError that names the file."""
    try:
        yield
    except sqlite3.Error as exc:
        said = str(exc).partition(" with text ")[0]
        advice = next((advice for words, advice in _ADVICE if said.startswith(words)), "nothing was written")
        raise StoreError(f"store {path}: {said}; {advice}") from exc
    except OSError as exc:
        refused = exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        raise StoreError(f"store {path}: {exc.strerror}; {_CLOSED if refused else _FULL}") from exc
    except UnicodeEncodeError as exc:
        raise StoreError(f"store {path}: a text is not Unicode ({exc.reason}); nothing was written") from exc
