# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the requests library for its rules about proxies, trusted CAs and cookies.

It is slow to import, and most runs need none of these. So this file is imported where one is needed.
"""

from __future__ import annotations

import typing as t

try:
    from requests import cookies, utils
    from requests.adapters import HTTPAdapter
except ImportError:
    pass  # told by REQUESTS_IMPORT_ERROR


def proxy_for(url: str) -> str | None:
    """Return the address of the proxy that the environment names for a URL."""
    return utils.select_proxy(url, utils.get_environ_proxies(url))


def proxy_headers(address: str) -> dict[str, str]:
    """Return the headers that a proxy wants, for the user and the password in its address."""
    return HTTPAdapter().proxy_headers(address)


def default_ca_path() -> str:
    """Return the path of the CA certificates that are trusted without ``ca_path``."""
    return utils.DEFAULT_CA_BUNDLE_PATH


def cookies_of(request: t.Any, answer: t.Any) -> dict[str, str]:
    """Return the cookies that an answer of urllib3 sets for the URL of its request."""
    jar = cookies.RequestsCookieJar()
    cookies.extract_cookies_to_jar(jar, request, answer)  # type: ignore[no-untyped-call]
    return jar.get_dict()
