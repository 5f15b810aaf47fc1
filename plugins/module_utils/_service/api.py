# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Redtrust server: the generations of its API as data, and a client for them."""

from __future__ import annotations

from .address import Address
from .answers import jwt_person
from .calls import Calls
from .client import Client
from .contract import CONTRACTS, Contract
from .login_page import ask_login_page
from .redirect_url import check_redirect_url, is_host_of, landing_address, port_of
from .signing import Partner
from .temporal_token import pasted_token, token_in
from .throttle import Throttle, Unthrottled

__all__ = [
    "CONTRACTS",
    "Address",
    "Calls",
    "Client",
    "Contract",
    "Partner",
    "Throttle",
    "Unthrottled",
    "ask_login_page",
    "check_redirect_url",
    "is_host_of",
    "jwt_person",
    "landing_address",
    "pasted_token",
    "port_of",
    "token_in",
]
