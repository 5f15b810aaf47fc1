# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account at an ACME CA: its key in a file, and its registration."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import stat
import typing as t
from pathlib import Path

from .._errors import ConfigurationError
from .._private_files import flush_directory, write_through

try:
    from acme import errors, messages
    from acme.client import ClientV2
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from josepy.errors import Error as JoseError
    from josepy.jwa import ES256, ES384, ES512, RS256
    from josepy.jwk import JWK, JWKEC, JWKRSA
except ImportError:
    pass  # told by the signer

_LARGEST = 65536


@dataclasses.dataclass(frozen=True)
class Account:
    """How to be known at the CA. ``eab_hmac_key`` is in base64url."""

    contact: tuple[str, ...] = ()
    terms_agreed: bool = False
    eab_kid: str | None = None
    eab_hmac_key: str | None = dataclasses.field(default=None, repr=False)

    def check(self) -> None:
        """Raise ConfigurationError where the external account binding cannot be used."""
        if bool(self.eab_kid) != bool(self.eab_hmac_key):
            raise ConfigurationError("acme.eab_kid and acme.eab_hmac_key need each other")
        key = (self.eab_hmac_key or "").rstrip("=")
        try:
            base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
        except ValueError:
            # Without the error itself: it may tell parts of the key.
            raise ConfigurationError(
                "acme.eab_hmac_key is not base64url: take it as the CA shows it, without quotes and line breaks"
            ) from None

    def register(self, client: ClientV2) -> None:
        """Have the account at the CA, and use it. Raises ConfigurationError, or an error of the library."""
        meta = client.directory.meta
        if meta.terms_of_service and not self.terms_agreed:
            raise ConfigurationError(
                f"the CA has terms of service ({meta.terms_of_service}): read them, and set acme.terms_agreed"
            )
        if client.external_account_required() and not self.eab_kid:
            raise ConfigurationError(
                "the CA wants an external account binding: set acme.eab_kid and acme.eab_hmac_key to what it gave you"
            )
        registration = messages.NewRegistration.from_data(
            contact=tuple(one if ":" in one else f"mailto:{one}" for one in self.contact),
            terms_of_service_agreed=self.terms_agreed or None,
            external_account_binding=self._binding(client),
        )
        try:
            client.new_account(registration)
        except errors.ConflictError as known:
            client.net.account = messages.RegistrationResource(body=registration, uri=known.location)

    def _binding(self, client: ClientV2) -> dict[str, t.Any] | None:
        if not (self.eab_kid and self.eab_hmac_key):
            return None
        key = t.cast("JWK", client.net.key).public_key()
        return messages.ExternalAccountBinding.from_data(
            key, self.eab_kid, self.eab_hmac_key.rstrip("="), client.directory
        )


def check_key_file(path: Path) -> None:
    """Raise ConfigurationError where the file of the key can neither be read nor made."""
    if path.exists():
        read_key(path)
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"acme.account_key_path: {path} is not there, and this user cannot make it in {path.parent}"
        )


def read_key(path: Path) -> tuple[t.Any, t.Any]:
    """Return the key of an account as a JWK, and the algorithm of its signatures. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_LARGEST)
    except OSError as exc:
        raise ConfigurationError(f"acme.account_key_path: {path} cannot be read ({exc.strerror})") from exc
    if status.st_mode & stat.S_IRWXO:
        raise ConfigurationError(
            f"acme.account_key_path: every user of this machine may use {path}: take that away (chmod o-rwx)"
        )
    try:
        key = JWK.load(content)
    except (JoseError, ValueError, TypeError) as exc:
        raise ConfigurationError(
            f"acme.account_key_path: {path} is no private key in PEM form without a passphrase"
        ) from exc
    return key, _algorithm(path, key)


def make_key(path: Path) -> bool:
    """Make the key of an account, for this user alone, unless it is there. Return whether it was made.

    Raises ConfigurationError. Of several runs that do so at the same time all use the same key.
    """
    if path.exists():
        return False
    content = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                write_through(file, content)
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
        finally:
            part.unlink()
        flush_directory(path.parent)
    except OSError as exc:
        raise ConfigurationError(f"acme.account_key_path: {path} cannot be made ({exc.strerror})") from exc
    return True


def _algorithm(path: Path, key: t.Any) -> t.Any:
    private = getattr(key.key, "private_numbers", None)
    if isinstance(key, JWKRSA) and private:
        return RS256
    curve = key.key.curve.name if isinstance(key, JWKEC) and private else ""
    known = {"secp256r1": ES256, "secp384r1": ES384, "secp521r1": ES512}
    if curve not in known:
        raise ConfigurationError(
            f"acme.account_key_path: {path} must be a private key of RSA, or of P-256, P-384 or P-521"
        )
    return known[curve]
