# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a store, in a private file beside it. It seals the request codes in the store.

It is made once, before the store is, and never changed. A copy of the store alone gives nobody a request code.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import json
import os
import pathlib
import tempfile
import typing as t

from .. import _private_files
from .._errors import StoreError
from . import location

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    pass  # told by CRYPTOGRAPHY_IMPORT_ERROR

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Key:
    """Seals text for one row of the store: it opens in no other row. ``place`` is where the key comes from."""

    def __init__(self, secret: bytes, place: pathlib.Path | str) -> None:
        self._secret = secret
        self._place = place

    def seal(self, text: str, row: t.Sequence[object]) -> bytes:
        """Return a nonce, and the text encrypted with AES-GCM."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._secret).encrypt(nonce, text.encode(), _about(row))

    def unseal(self, sealed: bytes, row: t.Sequence[object]) -> str:
        """Return the text. Raises StoreError when it was not sealed with this key, for this row."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self._secret).decrypt(nonce, rest, _about(row)).decode()
        except (InvalidTag, ValueError) as exc:
            raise StoreError(
                f"store key {self._place}: it does not open a request code in the store, so it is another store's, or "
                "damaged; restore the store and its key from the same backup"
            ) from exc

    def mark(self, secret: bytes) -> str:
        """Return a hash of a secret in hex, which nobody can make without this key."""
        return hmac.digest(self._secret, b"redtrust.certificate_enroll: marks\0" + secret, "sha256").hex()


def _about(row: t.Sequence[object]) -> bytes:
    return json.dumps(row).encode()


def make(path: pathlib.Path) -> None:
    """Make the key file, whole, unless it is there: like the store, under another name and then linked to its own."""
    descriptor, name = tempfile.mkstemp(prefix=".new-key-", dir=path.parent)
    draft = pathlib.Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # the umask may have taken rights away
            _private_files.write_through(file, base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _private_files.flush_directory(path.parent)
    finally:
        draft.unlink()


def load(path: pathlib.Path) -> Key | None:
    """Return the key in a file, None when there is none. Raises StoreError when it is no key, or not private."""
    if location.check_file(path) is None:
        return None
    try:
        secret = base64.b64decode(path.read_bytes().rstrip(b"\n"), validate=True)
    except OSError as exc:
        raise StoreError(f"store key {path}: it cannot be read ({exc.strerror}); make it readable") from exc
    except binascii.Error:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise StoreError(f"store key {path}: it is damaged; restore the store and its key from the same backup")
    return Key(secret, path)
