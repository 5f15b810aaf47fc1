# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a certificate and its key to a TLS context, and explain to the operator why they cannot be used."""

from __future__ import annotations

import typing as t

from .._errors import ConfigurationError

if t.TYPE_CHECKING:
    import ssl


def use_certificate(
    context: ssl.SSLContext,
    certificate: str,
    key: str | None,
    passphrase: str | None,
    *,
    options: tuple[str, str, str],
) -> None:
    """Have a context use a certificate and its key; ``options`` are the names of the three options.

    Raises ConfigurationError, which never shows the passphrase.
    """
    certificate_option, key_option, passphrase_option = options
    asked = []

    def given_passphrase() -> str:
        asked.append(True)
        return passphrase or ""

    try:
        context.load_cert_chain(certificate, key, given_passphrase)
    except (OSError, ValueError) as exc:  # a passphrase of more than 1024 bytes is a ValueError
        name, path = (key_option, key) if key else (certificate_option, certificate)
        if asked and passphrase:
            problem = f"{passphrase_option} does not open the key in {path}"
        elif asked:
            problem = f"{name}: the key in {path} is encrypted: set {passphrase_option}"
        elif "MISMATCH" in str(getattr(exc, "reason", "")):
            problem = f"{name}: the key in {path} is not that of the certificate in {certificate}"
        else:
            problem = (
                f"{certificate_option}: {certificate} must hold a certificate in PEM form, and "
                f"{key or 'the same file'} its key ({words_of(exc)})"
            )
        raise ConfigurationError(problem) from exc


def words_of(exc: OSError | ValueError) -> str:
    """Return the reason in the words of openssl or of the system."""
    words = getattr(exc, "reason", None) or getattr(exc, "strerror", None)
    return t.cast("str | None", words) or type(exc).__name__
