# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option expect."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.expect import expectations
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import UPLOAD
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import STANDARD, Expectations

DAY = dt.timedelta(days=1)


def read(of_signer: dt.timedelta | None = None, /, **given: t.Any) -> Expectations:
    """Return what a module expects; ``of_signer`` is the lifetime that its signer asks for."""
    result = ArgumentSpecValidator(UPLOAD).validate({"expect": given} if given else {})
    assert result.error_messages == []
    return expectations(result.validated_parameters, of_signer)


def test_without_the_option() -> None:
    assert read() == STANDARD
    assert read(90 * DAY) == Expectations(lifetime=90 * DAY, on_lifetime="warn")


@pytest.mark.parametrize(
    ("given", "lifetime", "action"),
    [
        ({"lifetime": "30d"}, 30 * DAY, "refuse"),
        ({"lifetime": "30d", "on_lifetime": "warn"}, 30 * DAY, "warn"),
        ({"on_lifetime": "refuse"}, 90 * DAY, "refuse"),
        ({"on_lifetime": "ignore"}, 90 * DAY, "ignore"),
        ({"key_usage": []}, 90 * DAY, "warn"),
    ],
)
def test_a_lifetime_of_the_task_is_refused_and_one_of_the_signer_warned_of(
    given: dict[str, t.Any], lifetime: dt.timedelta, action: str
) -> None:
    found = read(90 * DAY, **given)
    assert (found.lifetime, found.on_lifetime) == (lifetime, action)


def test_the_values_are_read() -> None:
    found = read(
        lifetime_tolerance="1h",
        key_usage=["Digital Signature"],
        extended_key_usage=["clientAuth", "1.2.3"],
        usage_match="equals",
        on_key_usage="warn",
        on_extended_key_usage="ignore",
        subject_alt_name_match="equals",
        on_subject_alt_name="refuse",
    )
    assert found == Expectations(
        tolerance=DAY / 24,
        key_usage=("digitalSignature",),
        extended_key_usage=("clientAuth", "1.2.3"),
        exact_usages=True,
        exact_names=True,
        on_key_usage="warn",
        on_extended_key_usage="ignore",
        on_subject_alt_name="refuse",
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lifetime": "90"}, "expect.lifetime must be a duration such as 90d"),
        ({"lifetime": "0d"}, "expect.lifetime must be longer than nothing"),
        ({"lifetime_tolerance": ""}, "expect.lifetime_tolerance must be a duration"),
        ({"key_usage": ["signing"]}, "expect: key_usage 'signing' is not known: use some of digitalSignature"),
        ({"extended_key_usage": ["x"]}, "expect: extended_key_usage 'x' is neither a dotted OID nor one of"),
        (
            {"on_lifetime": "refuse"},
            "expect.on_lifetime is refuse, and how long the CA makes certificates",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named(given: dict[str, t.Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(**given)
    assert told in str(caught.value)
