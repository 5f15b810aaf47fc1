# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that a module believes, and the state that it leaves, by the ledger and the store; in each language."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.tests.robustness.direct import steps
from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import ONE_PASS, Site
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

if t.TYPE_CHECKING:
    from ansible_collections.redtrust.certificate_enroll.tests.robustness.conftest import NewSite

LANGUAGES = ("en", "es", "ca")
NO_DATA = json.dumps({"message": "ok", "messageType": "SUCCESS", "errorCode": "OK", "data": None})


def signed(appliance: Appliance, new_site: NewSite, *names: str, **options: t.Any) -> Site:
    """Return a place with certificates that are signed and not uploaded."""
    site = new_site(appliance, **options).with_access_token()
    for module in ("redtrust_csr", "redtrust_sign"):
        assert site.step(module, names).status == 0
    return site


def told(site: Site, name: str) -> dict[str, t.Any]:
    """Return the only item of attention."""
    ran = site.run("redtrust_enrollment_info", names=[name])
    (found,) = ran.said["enrollments"][0]["attention"]
    return dict(found)


@pytest.mark.parametrize("body", ["OK", "{}", "", "null", NO_DATA, '{"data": {"idCertificate": 7}}'])
def test_an_upload_that_is_not_confirmed_is_unknown(v442: Appliance, new_site: NewSite, body: str) -> None:
    site = signed(v442, new_site, "a", retry_timeout=30)
    v442.fault("finalize", "before", f"body:{body}", times=2)
    ran = site.step("redtrust_finalize", ["a"])
    assert ran.errors == {"AnswerLostError"}
    assert "does not confirm the upload, it has no thumbprint" in ran.said["msg"]
    assert steps(v442)["finalize"] == 2
    found = told(site, "a")
    assert found["kind"] == "upload_unknown"
    assert "does not confirm the upload" in found["problem"]
    again = site.step("redtrust_finalize", ["a"])
    assert again.entries["a"]["state"] == "finalized"


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_a_code_that_is_named_confirms_a_lost_upload(v442: Appliance, new_site: NewSite, language: str) -> None:
    v442.set(language=language, finalize_repeat="error")
    site = signed(v442, new_site, "a")
    v442.fault("finalize", "after", "drop")
    assert site.step("redtrust_finalize", ["a"]).errors == {"AnswerLostError"}
    for _run in range(2):
        ran = site.step("redtrust_finalize", ["a"])
        assert ran.errors == {"AnswerLostError"}
        assert "put ERR_INVALID_STATE into finalized_codes and run again" in ran.said["msg"]
        assert told(site, "a")["kind"] == "upload_unknown"
    done = site.run(
        "redtrust_finalize", finalized_codes=["err_invalid_state"], **site.step_options("redtrust_finalize", ["a"])
    )
    assert done.entries["a"]["reason"].endswith("confirmed by the second answer")


@pytest.mark.parametrize("version", ["v433", "v442"])
@pytest.mark.parametrize(
    ("action", "retry_after", "unknown"),
    [
        ("status:503", "1", False),
        ("status:429", "1", False),
        ("status:429", None, False),
        ("redirect:https://127.0.0.1:9/", None, False),
        ("redirect:/signin", None, False),
        ("status:500:SLAVE_SERVER", None, False),
        ("html:413", None, False),
        ("status:503", None, True),
        ("status:500", "1", True),
        ("html:502", None, True),
        ("html:200", None, True),
        ("drop", None, True),
    ],
)
def test_what_counts_as_a_key_that_may_be_there(
    request: pytest.FixtureRequest,
    new_site: NewSite,
    version: str,
    action: str,
    retry_after: str | None,
    unknown: bool,
) -> None:
    appliance: Appliance = request.getfixturevalue(version)
    site = new_site(appliance).with_access_token()
    appliance.fault("create", "before", action, retry_after=retry_after)
    ran = site.step("redtrust_csr", ["a"])
    assert ran.status, ran
    assert [row["state"] for row in site.revisions()] == ["create_unknown" if unknown else "abandoned"]
    # a pause that the service has asked for holds for this run, too
    assert site.step("redtrust_csr", ["a"], retry_timeout=30.0).entries["a"]["state"] == "requested"
    assert steps(appliance)["create"] == 2


@pytest.mark.parametrize("code", ["ERR_LICENSE_EXCEEDED", "REQUIRE_PAYMENT", "ERR_INACTIVE_MODULE", "SLAVE_SERVER"])
@pytest.mark.parametrize("step", ["create", "finalize"])
@pytest.mark.parametrize("one_pass", [False, True], ids=["steps", "one pass"])
def test_what_concerns_all_stops_the_list(
    v442: Appliance, new_site: NewSite, one_pass: bool, step: str, code: str
) -> None:
    """No certificate has to wait afterwards."""
    names = [f"name {number}" for number in range(8)]
    module = ONE_PASS if one_pass else "redtrust_csr" if step == "create" else "redtrust_finalize"
    site = new_site(v442, workers=1).with_access_token() if step == "create" else None
    site = site or signed(v442, new_site, *names, workers=1)
    v442.fault(step, "before", f"status:400:{code}:No es posible", times=2)
    for _run in range(2):
        ran = site.step(module, names)
        assert f"{code}, No es posible" in ran.said["stopped"]
        assert ran.said["summary"] == {"failed": 1, "not_tried": 7}
        why = "not tried, since another was refused in a way that concerns all: 7 certificates, among them name "
        assert why in ran.said["msg"]
    assert steps(v442)[step] == 2
    assert site.step(module, names).status == 0


@pytest.mark.parametrize("status", [400, 405, 411, 413, 501])
def test_a_gateway_that_takes_no_body_with_get_is_told(v433: Appliance, new_site: NewSite, status: int) -> None:
    site = new_site(v433).with_access_token()
    v433.fault("create", "before", f"html:{status}")
    said = site.step("redtrust_csr", ["a"]).said["msg"]
    assert f"this answer is not Redtrust's (HTTP {status} with a page in HTML): look at host and port" in said
    assert "some do not pass a GET with a body" in said
