# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA can never issue is known before a key is made for it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._clock import utc_now
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    RequestItem,
    RequestStep,
    Rules,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.acme_names import (
    check_spec as check_spec_of_acme,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import SIGNERS
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import World, kind

Check = t.Callable[[CertificateSpec], None]


def spec(*dn: tuple[str, str], names: tuple[str, ...] = ()) -> CertificateSpec:
    return CertificateSpec("ana", DistinguishedName(dn), "CA", subject_alt_name=names)


def check_of(name: str, **options: t.Any) -> Check:
    """Return the check of a preset with these options, and the defaults of the others."""
    signer = SIGNERS[name]
    given = {option: rules.get("default") for option, rules in signer.options.items()}
    return signer.build({**given, "url": "https://ca.example.com", **options}, utc_now()).check_spec


@pytest.fixture
def provisioner_key(tmp_path: Path, pki: t.Any) -> str:
    pki("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "provisioner.key")
    return str(pki.folder / "provisioner.key")


NAME, ORGANIZATION = ("cn", "www.example.com"), ("o", "Example")
GIVEN = ("givenName", "Ana")


@pytest.mark.parametrize(
    ("ca", "good", "bad", "words"),
    [
        (
            "openbao",
            spec(NAME, ORGANIZATION),
            spec(NAME, GIVEN),
            "cel cannot issue a subject with givenName",
        ),
        ("cfssl", spec(NAME, ORGANIZATION), spec(NAME, GIVEN), "^cfssl cannot issue a subject with givenName"),
        ("step_ca", spec(NAME), spec(NAME, ORGANIZATION), "^step-ca puts one cn into a certificate, and not o"),
        ("step_ca", spec(NAME), spec(ORGANIZATION), "^step-ca needs a cn in the dn"),
        ("ejbca", spec(NAME, GIVEN), spec(NAME, ("1.2.3.4", "x")), "^EJBCA has no name for the attribute 1.2.3.4"),
        ("ejbca", spec(NAME), spec(NAME, names=("RID:1.2.3",)), "^subject_alt_name RID:1.2.3 is of a kind"),
        ("adcs", spec(NAME), spec(NAME, names=("DNS:a.example.com",)), "^subject_alt_name cannot be handed to AD"),
        ("acme", spec(NAME), spec(("cn", "Ana Garcia")), "^the common name 'Ana Garcia' is no DNS name"),
        (
            "acme",
            spec(NAME),
            spec(NAME, names=("email:a@example.com",)),
            "^subject_alt_name has email:a@example.com",
        ),
    ],
)
def test_what_a_ca_can_never_issue_is_refused(
    provisioner_key: str, ca: str, good: CertificateSpec, bad: CertificateSpec, words: str
) -> None:
    options: dict[str, dict[str, t.Any]] = {
        "openbao": {"endpoint": "cel", "role": "people", "token": "t"},
        "cfssl": {"profile": "people"},
        "step_ca": {"provisioner": "redtrust", "key_path": provisioner_key},
        "ejbca": {
            "entity_secret": "a long secret of our own, for end entities",
            "ca_name": "Example CA",
            "certificate_profile": "PEOPLE",
            "end_entity_profile": "PEOPLE",
        },
        "adcs": {"username": "EXAMPLE\\\\redtrust", "password": "x"},
    }
    check = check_spec_of_acme if ca == "acme" else check_of(ca, **options[ca])
    check(good)
    with pytest.raises(ConfigurationError, match=words):
        check(bad)


def test_no_key_is_made_for_it(tmp_path: Path) -> None:
    world = World(tmp_path / "state" / "store.db")
    world.rules = Rules(accepts=check_of("cfssl", profile="people"))
    refused = spec(NAME, GIVEN)
    step = RequestStep(**world._tools(), register=world.registered.append, rules=world.rules)
    assert kind(world.run(step, RequestItem(refused))) is ConfigurationError
    assert world.transport.requests == []
    assert world.enrollment().revisions == ()
