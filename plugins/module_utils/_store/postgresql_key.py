# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a store on PostgreSQL, made of ``store_key``. It seals the request codes in the store.

There is no private file beside the store. So the key is derived from the option, with a salt of the store. A hash that
tells a wrong key at once is derived with it. Whoever has the database can guess keys, at the cost of one derivation
each.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os

from .._errors import StoreError
from .key_file import Key
from .postgresql_link import Link

# OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA512. Chosen over scrypt since it is there in FIPS mode.
_ITERATIONS = 210_000
_SELECT = "SELECT value FROM notes WHERE key = 'store_key'"
_INSERT = "INSERT INTO notes (key, value) VALUES ('store_key', ?) ON CONFLICT DO NOTHING"
_SEALED = "SELECT EXISTS (SELECT 1 FROM revisions WHERE request_code IS NOT NULL)"


def load(link: Link, name: str, store_key: str) -> Key | None:
    """Return the key of a store, None where it has none yet. Raises StoreError when store_key is another one."""
    found = link.rows(_SELECT)
    if not found:
        if link.rows(_SEALED)[0][0]:
            raise StoreError(
                f"store {name}: the note store_key is missing, and only that opens the request codes in the store; "
                "restore a backup"
            )
        return None
    try:
        noted = json.loads(found[0][0])
        salt, expected = bytes.fromhex(noted["salt"]), bytes.fromhex(noted["check"])
        secret, check = _derived(store_key, salt, int(noted["iterations"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"store {name}: the note store_key is damaged; restore a backup") from exc
    if not hmac.compare_digest(check, expected):
        raise StoreError(
            f"store {name}: store_key is not the one with which this store was made; nothing was written; give every "
            "job the same store_key (REDTRUST_STORE_KEY)"
        )
    return Key(secret, f"of {name} (store_key)")


def make(link: Link, name: str, store_key: str) -> Key:
    """Choose a salt, unless another run was first, and return the key."""
    salt = os.urandom(16)
    _secret, check = _derived(store_key, salt, _ITERATIONS)
    note = {"salt": salt.hex(), "check": check.hex(), "iterations": _ITERATIONS}
    link.run(_INSERT, (json.dumps(note),))
    found = load(link, name, store_key)
    if found is None:
        raise StoreError(f"store {name}: its key was removed while it was being made; run again")
    return found


def _derived(store_key: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """Return the key that seals, and the hash that tells whether a key is the right one."""
    material = store_key.encode("utf-8", "surrogateescape")
    both = hashlib.pbkdf2_hmac("sha512", material, salt, iterations, dklen=64)
    return both[:32], hashlib.sha256(both[32:]).digest()
