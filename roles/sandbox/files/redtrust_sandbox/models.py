# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# pydantic evaluates these annotations at run time, and Python 3.9 cannot evaluate "X | None".
# ruff: noqa: UP007, UP045
"""Bodies of requests and answers, for validation and for the OpenAPI document.

Bodies are strict: a number is not valid as a string, a string is not valid as a number, and a field that is not on the
vendor's page is not valid.
"""

from __future__ import annotations

import typing as t

import pydantic
from pydantic.alias_generators import to_camel

HashType = t.Literal["SHA1", "SHA256", "SHA384", "SHA512"]
KeyType = t.Literal["RSA", "DSA", "ECDSA"]
MessageType = t.Literal["SUCCESS", "IGNORE", "ERROR"]


class Body(pydantic.BaseModel):
    """The body of a request."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class TemporalToken(Body):
    """Body of login_by_temp_token."""

    temporal_token: str


class RefreshToken(Body):
    """Body of refresh-token."""

    refresh_token: str


class Login(Body):
    """Body of the direct login (4.42)."""

    username: str
    password: str
    domain: t.Optional[str] = None


class DnPart(Body):
    """One attribute of the requested name; order and repetition count."""

    attribute: str
    value: str


class Create(Body):
    """The fields of csr/create that both generations have."""

    dn: list[DnPart] = pydantic.Field(min_length=1)
    hash_type: HashType
    key_type: KeyType
    provider: str
    request_code: t.Optional[str] = None
    info: t.Optional[dict[str, str]] = None

    def length(self) -> int:
        """Return the length of the key in bits."""
        raise NotImplementedError

    def renews(self) -> t.Optional[str]:
        """Return the thumbprint of the certificate to renew, if any."""
        return None


class Create433(Create):
    """Body of /raapi/v1/csr/create in 4.33."""

    key_length: str = pydantic.Field(pattern=r"^[0-9]{1,5}$")

    def length(self) -> int:
        """Return the length of the key in bits."""
        return int(self.key_length)


class Renew433(Create433):
    """Body of /raapi/v2/csr/create in 4.33."""

    thumbprint_to_renew: str

    def renews(self) -> t.Optional[str]:
        """Return the thumbprint of the certificate to renew."""
        return self.thumbprint_to_renew


class Create442(Create):
    """Body of /raapi/v1/csr/create in 4.42, to issue and to renew."""

    key_length: int
    group_ids: t.Optional[list[int]] = None
    thumbprint_to_renew: t.Optional[str] = None

    def length(self) -> int:
        """Return the length of the key in bits."""
        return self.key_length

    def renews(self) -> t.Optional[str]:
        """Return the thumbprint of the certificate to renew, if any."""
        return self.thumbprint_to_renew


class Finalize(Body):
    """Body of csr/finalize."""

    data_in_b64: str = pydantic.Field(alias="dataInB64")
    provider: str
    request_code: str


class Answer(pydantic.BaseModel):
    """The fields that every answer has."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel)

    message: str
    message_type: MessageType
    error_code: str


class ErrorAnswer(Answer):
    """An answer that says no."""

    message_type: t.Literal["ERROR"]
    data: None


class Tokens(pydantic.BaseModel):
    """The triple of a session."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel)

    refresh_token: str
    access_token: str
    expiration: str = pydantic.Field(description="a .NET date-time")


class TokensAnswer(Answer):
    """An answer with tokens."""

    data: Tokens


class EmptyData(pydantic.BaseModel):
    """An object without anything in it."""


class EmptyAnswer(Answer):
    """An answer without data."""

    data: EmptyData


class Created(pydantic.BaseModel):
    """What csr/create hands out."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel)

    request_code: str
    csr: str = pydantic.Field(description="base64 of the DER, on one line; PEM or in lines by setting")


class CreateAnswer(Answer):
    """Answer of csr/create."""

    data: t.Union[Created, str] = pydantic.Field(description="the object, or by setting a string that holds it as JSON")
    is_valid: bool


class Finalized(pydantic.BaseModel):
    """What csr/finalize hands out in 4.42."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel)

    id_certificate: int
    thumbprint: str


class FinalizeAnswer(Answer):
    """Answer of csr/finalize in 4.42."""

    data: Finalized
