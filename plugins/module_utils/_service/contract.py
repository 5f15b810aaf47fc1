# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two published generations of the service: everything in which they differ, as data.

4.33 is the vendor's page "Integration with Certificate Enroll"; 4.42 is known from the later pages of the
vendor ("RA API"). Nothing outside this file asks which generation it talks to.
"""

from __future__ import annotations

import dataclasses
import typing as t

ApiVersion = t.Literal["4.33", "4.42"]
Port = t.Literal["auth", "ra"]


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One call. ``step`` names it in messages, ``repeatable`` says that sending it twice does no harm.

    ``when_busy``: a whole 429 or 503 is taken to mean that it was not carried out. ``is_page``: it answers with pages
    for people.
    """

    step: str
    verb: str
    path: str
    port: Port
    bearer: bool = True
    repeatable: bool = False
    when_busy: bool = False
    is_page: bool = False


@dataclasses.dataclass(frozen=True)
class Contract:
    """One generation. ``login`` is None where only a browser can log in.

    ``confirms_upload``: finalize says which certificate was stored; else its HTTP status is all there is.
    """

    api_version: ApiVersion
    auth_port: int
    ra_port: int
    login: Endpoint | None
    exchange: Endpoint
    refresh: Endpoint
    logout: Endpoint
    create: Endpoint
    renew: Endpoint
    finalize: Endpoint
    key_length: t.Callable[[int], t.Any]
    knows_group_ids: bool
    wants_signature: bool
    confirms_upload: bool
    login_page: str = "/authclient/auth/loginrequest"


# The page: "default is 8083" for the Sign Service; its examples of the RA API use 8082.
# finalize is PUT and read as repeatable with the same request code and certificate (contract, readings).
_FINALIZE = Endpoint("finalize", "PUT", "/raapi/v1/csr/finalize", "ra", repeatable=True)

CONTRACTS: t.Mapping[str, Contract] = {
    "4.33": Contract(
        api_version="4.33",
        auth_port=8083,
        ra_port=8082,
        login=None,
        exchange=Endpoint("exchange", "GET", "/authapi/v1/login_by_temp_token", "auth"),
        refresh=Endpoint("refresh", "PUT", "/authapi/v1/refresh-token", "auth", when_busy=True),
        logout=Endpoint("logout", "DELETE", "/authapi/v1/logout", "auth", repeatable=True),
        create=Endpoint("create", "GET", "/raapi/v1/csr/create", "ra"),
        renew=Endpoint("create", "GET", "/raapi/v2/csr/create", "ra"),
        finalize=_FINALIZE,
        key_length=str,
        knows_group_ids=False,
        wants_signature=True,
        confirms_upload=False,
    ),
    "4.42": Contract(
        api_version="4.42",
        auth_port=8082,
        ra_port=8082,
        login=Endpoint("login", "POST", "/raapi/v1/auth/login", "auth", bearer=False, repeatable=True),
        exchange=Endpoint("exchange", "POST", "/authapi/v1/login_by_temp_token", "auth"),
        refresh=Endpoint("refresh", "PUT", "/raapi/v1/auth/refresh-token", "auth", bearer=False, when_busy=True),
        logout=Endpoint("logout", "DELETE", "/raapi/v1/auth/logout", "auth", repeatable=True),
        create=Endpoint("create", "POST", "/raapi/v1/csr/create", "ra"),
        renew=Endpoint("create", "POST", "/raapi/v1/csr/create", "ra"),
        finalize=_FINALIZE,
        key_length=int,
        knows_group_ids=True,
        wants_signature=False,
        confirms_upload=True,
    ),
}
