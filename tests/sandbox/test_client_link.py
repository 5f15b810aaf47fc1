# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's login link, opened at the sandbox. People open it, playbooks do not."""

from __future__ import annotations

import re
import time
import urllib.parse

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.api import Address
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance


def link(sandbox: Appliance, partner: str, domain: str | None, redirect_url: str) -> str:
    """Return the link for the browser."""
    facts = sandbox.facts
    page = Address(facts["host"], facts["port"], facts["auth_port"]).login_page(CONTRACTS[sandbox.version])
    signer = Partner.from_options(partner, facts["partner_secret"], "text")
    return signer.login_url(page, redirect_url=redirect_url, timestamp=int(time.time()), domain=domain)


@pytest.mark.parametrize("redirect_url", ["https://google.es?tkn=", "https://your-app.com/landing?tenant=7&lang=es"])
@pytest.mark.parametrize("domain", ["local.users", None])
def test_it_leads_to_a_temporary_token(sandbox: Appliance, domain: str | None, redirect_url: str) -> None:
    page = sandbox.send("GET", link(sandbox, sandbox.facts["partner"].lower(), domain, redirect_url))
    assert page.status_code == 200, page.text
    form = re.search(r'name="form" value="([^"]+)"', page.text)
    assert form is not None
    location = sandbox.submit(form.group(1)).headers["Location"]
    assert location.startswith(redirect_url)
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["tkn"][0]
    assert sandbox.ask("exchange", {"temporalToken": token}, token).status_code == 200
