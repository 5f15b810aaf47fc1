# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models: names as written, fingerprints, the next revision, and no secret in a repr."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    PENDING,
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Request,
    Revision,
    State,
    Tokens,
)

SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA", info={"b": 1, "a": [2]})
TEXT = st.text(min_size=1).filter(str.strip)
CHANGES: dict[str, t.Any] = {
    "dn": DistinguishedName((("cn", "other"),)),
    "provider": "other",
    "key_type": "DSA",
    "key_length": 4096,
    "hash_type": "SHA384",
    "info": {"a": [2]},
    "group_ids": (1,),
    "subject_alt_name": ("DNS:a",),
}


def row(state: State, revision: int = 1, attempt: int = 1, **fields: t.Any) -> Revision:
    return Revision("svc", "www", revision, attempt, state, SPEC, **{"generation": 5, **fields})


class TestDistinguishedName:
    @given(st.lists(st.tuples(TEXT, TEXT), min_size=1))
    def test_a_list_stays_as_it_was_written(self, pairs: list[tuple[str, str]]) -> None:
        wire = [{"attribute": attribute, "value": value} for attribute, value in pairs]
        assert DistinguishedName.from_option(wire).to_json() == wire

    def test_a_mapping_keeps_its_order_and_may_repeat(self) -> None:
        dn = DistinguishedName.from_option({"ou": ["b", "a"], "cn": "x", "serialNumber": "7"})
        assert dn.attributes == (("ou", "b"), ("ou", "a"), ("cn", "x"), ("serialNumber", "7"))
        assert str(dn) == "ou=b, ou=a, cn=x, serialNumber=7"

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "cn=x",
            7,
            [],
            {},
            {"cn": []},
            {"cn": None},
            {"cn": " "},
            {" ": "x"},
            {"cn": {"a": "b"}},
            {"cn": True},
            {"cn": 1.5},
            ["cn"],
            [{"attribute": "cn"}],
            [{"attribute": "cn", "value": "x", "more": 1}],
            [{"attribute": "cn", "value": ["x"]}],
        ],
    )
    def test_anything_else_is_refused(self, value: object) -> None:
        with pytest.raises(ConfigurationError, match="dn"):
            DistinguishedName.from_option(value)


class TestSpec:
    @pytest.mark.parametrize("name", CHANGES)
    def test_each_parameter_makes_a_difference(self, name: str) -> None:
        other = dataclasses.replace(SPEC, **{name: CHANGES[name]})
        assert SPEC.differences(other) == other.differences(SPEC) == [name]
        assert SPEC.fingerprint() != other.fingerprint()

    def test_every_parameter_is_tried(self) -> None:
        assert SPEC.asked_for().keys() == CHANGES.keys()

    @pytest.mark.parametrize("change", [{"request_code": "x"}, {"name": "x"}, {"info": {"a": [2], "b": 1}}])
    def test_what_makes_none(self, change: dict[str, t.Any]) -> None:
        other = dataclasses.replace(SPEC, **change)
        assert SPEC.differences(other) == []
        assert SPEC.fingerprint() == other.fingerprint()

    def test_it_comes_back_from_the_store(self) -> None:
        spec = dataclasses.replace(SPEC, **CHANGES)
        back = CertificateSpec.from_stored("www", json.loads(json.dumps(spec.to_stored())))
        assert back == spec

    def test_the_store_keeps_every_field_but_the_name_and_the_secret(self) -> None:
        fields = {field.name for field in dataclasses.fields(CertificateSpec)}
        assert SPEC.to_stored().keys() == SPEC.asked_for().keys() == fields - {"name", "request_code", "unknown"}

    @pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"dn", "provider"}))
    def test_what_is_missing_in_the_store_has_its_default(self, name: str) -> None:
        stored = dataclasses.replace(SPEC, **CHANGES).to_stored()
        del stored[name]
        found = CertificateSpec.from_stored("www", stored)
        default = CertificateSpec("www", SPEC.dn, "CA")
        assert getattr(found, name) == getattr(default, name)

    def test_what_is_unknown_in_the_store_is_written_back_and_makes_no_difference(self) -> None:
        stored = SPEC.to_stored()
        more = {**stored, "usage": {"purposes": ["sign"]}, "dn": [{**entry, "order": 7} for entry in stored["dn"]]}
        found = CertificateSpec.from_stored("www", more)
        assert found.to_stored() == more
        assert dataclasses.replace(found, info={}).to_stored() == {**more, "info": {}}
        assert found.asked_for() == stored
        assert found == SPEC
        assert SPEC.differences(found) == []
        assert SPEC.fingerprint() == found.fingerprint()

    @pytest.mark.parametrize(
        "damage",
        [
            {"dn": []},
            {"dn": None},
            {"dn": {"cn": "www"}},
            {"dn": [{"attribute": "cn"}]},
            {"dn": [{"attribute": "cn", "value": ""}]},
            {"group_ids": None},
        ],
    )
    def test_a_member_that_cannot_be_read_is_no_default(self, damage: dict[str, t.Any]) -> None:
        with pytest.raises((ConfigurationError, KeyError, TypeError)):
            CertificateSpec.from_stored("www", {**SPEC.to_stored(), **damage})

    @pytest.mark.parametrize("name", ["dn", "provider"])
    def test_what_has_no_default_must_be_in_the_store(self, name: str) -> None:
        stored = SPEC.to_stored()
        del stored[name]
        with pytest.raises(KeyError, match=name):
            CertificateSpec.from_stored("www", stored)


class TestEnrollment:
    @pytest.mark.parametrize("state", State)
    def test_which_states_are_pending(self, state: State) -> None:
        found = Enrollment("svc", "www", (row(state),))
        assert (found.pending is not None) == (state in PENDING)
        assert (found.current is not None) == (state is State.FINALIZED)
        assert found.unknown_creates == (state is State.CREATE_UNKNOWN)
        assert found.latest == row(state)
        assert f"{state}" == state.value

    @pytest.mark.parametrize(
        ("rows", "revision", "attempt", "generation", "renews"),
        [
            ((), 1, 1, 0, None),
            ((row(State.CREATE_UNKNOWN),), 1, 2, 0, None),
            ((row(State.REJECTED, request_code="c"),), 1, 2, 0, None),
            ((row(State.ABANDONED, csr=b"c"),), 1, 2, 0, None),
            ((row(State.ABANDONED),), 1, 1, 5, None),
            ((row(State.CREATE_UNKNOWN), row(State.ABANDONED, 1, 2)), 1, 2, 5, None),
            ((row(State.FINALIZED, thumbprint="T"),), 2, 1, 0, "T"),
            ((row(State.FINALIZED, thumbprint="T"), row(State.CREATE_UNKNOWN, 2)), 2, 2, 0, "T"),
            ((row(State.SUPERSEDED), row(State.FINALIZED, 2, thumbprint="U")), 3, 1, 0, "U"),
        ],
    )
    def test_the_next_revision(
        self, rows: tuple[Revision, ...], revision: int, attempt: int, generation: int, renews: str | None
    ) -> None:
        intent = Enrollment("svc", "www", rows).next_revision(SPEC)
        assert (intent.revision, intent.attempt, intent.generation) == (revision, attempt, generation)
        assert (intent.state, intent.renews, intent.request_code) == (State.INTENDED, renews, None)

    def test_its_label(self) -> None:
        assert row(State.INTENDED, 3).label == "www, revision 3"


def test_no_repr_shows_a_secret() -> None:
    spec = dataclasses.replace(SPEC, request_code="canary")
    shown = repr((Tokens("canary", "canary"), Request("canary", b""), spec, row(State.ISSUED, request_code="canary")))
    assert "canary" not in shown
