# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values without quotes, as PyYAML reads them: they are refused for every option of text."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import entry_specs, yaml_values
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.yaml_values import check_values

# The written value, and its part of the message. The first ones are from other people's playbooks.
READINGS = [
    ("02341467000120", "the number 167719469136"),
    ("01001", "the number 513"),
    ("12:34:56", "the number 45296"),
    ("1_000", "the number 1000"),
    ("1.10", "the number 1.1"),
    ("0x1F", "the number 31"),
    (".inf", "the number inf"),
    ("NO", "the boolean false"),
    ("on", "the boolean true"),
    ("2026-11-25", "the date 2026-11-25"),
    ("2026-11-25 10:00:00", "the date 2026-11-25 10:00:00"),
    ("Null", "null"),
    ("~", "null"),
    ("!!null x", "null"),
]
# The places of a value in an entry, with their names in the message.
DEEP_PLACES = [
    ("dn: {cn: VALUE}", "www: dn.cn"),
    ("dn: {cn: x, ou: [b, VALUE]}", "www: dn.ou[1]"),
    ("dn: [{attribute: cn, value: VALUE}]", "www: dn[0].value"),
    ("dn: [{attribute: VALUE, value: x}]", "www: dn[0].attribute"),
    ("subject_alt_name: ['DNS:a', VALUE]", "www: subject_alt_name[1]"),
    ("info: {taxId: VALUE}", "www: info.taxId"),
    ("info: {holder: {documents: [{id: VALUE}]}}", "www: info.holder.documents[0].id"),
]
PLACES = [
    ("provider: VALUE", "www: provider"),
    ("key_type: VALUE", "www: key_type"),
    ("thumbprint: VALUE", "www: thumbprint"),
]


def message(params: object) -> str:
    with pytest.raises(ConfigurationError, match="quote it in YAML") as caught:
        check_values(t.cast("dict[str, t.Any]", params))
    return str(caught.value)


def entry(text: str) -> dict[str, t.Any]:
    return {"certificates": [{"name": "www", **yaml.safe_load(text)}]}


@pytest.mark.parametrize(("written", "reading"), READINGS)
@pytest.mark.parametrize(("text", "place"), DEEP_PLACES)
def test_what_is_no_text_is_refused_at_any_depth(text: str, place: str, written: str, reading: str) -> None:
    assert message(entry(text.replace("VALUE", written))).startswith(f"{place} is {reading}: quote it in YAML")


@pytest.mark.parametrize(("written", "reading"), [one for one in READINGS if one[1] != "null"])
@pytest.mark.parametrize(("text", "place"), PLACES)
def test_so_it_is_in_other_options(text: str, place: str, written: str, reading: str) -> None:
    assert message(entry(text.replace("VALUE", written))).startswith(f"{place} is {reading}: ")


@pytest.mark.parametrize(("written", "reading"), [one for one in READINGS if one[1] != "null"])
def test_a_name_is_text(written: str, reading: str) -> None:
    given_names = yaml.safe_load(f"certificates: [{{name: web}}, {{name: {written}}}]")
    assert message(given_names).startswith(f"certificates[1]: name is {reading}: ")
    assert message(yaml.safe_load(f"names: [web, {written}]")).startswith(f"names[1] is {reading}: ")


@pytest.mark.parametrize("key", ["NO", "2.50", "0123", "2026-11-25", "~"])
@pytest.mark.parametrize("option", ["dn", "info"])
def test_so_is_a_key(option: str, key: str) -> None:
    assert message(entry(f"{option}: {{{key}: x}}")).startswith(f"www: {option} has ")


@pytest.mark.parametrize(("text", "place"), [*DEEP_PLACES, *PLACES])
@pytest.mark.parametrize("written", [written for written, _reading in READINGS])
def test_what_is_quoted_passes(text: str, place: str, written: str) -> None:
    check_values(entry(text.replace("VALUE", f'"{written}"')))


def test_what_is_a_number_stays_one() -> None:
    numbers = {"key_length": 2048, "group_ids": [7, 11], "force": True, "renew_before": None}
    entries = [{"name": "www", "provider": None, "info": None, "dn": None, "subject_alt_name": None, **numbers}]
    check_values({"port": 8082, "timeout": 1.5, "force": True, "names": None, "mode": None, "certificates": entries})
    check_values({"certificates": None})
    check_values({})


@pytest.mark.parametrize("mode", ["0644", "644", "0420", "u=rw,go=r", "0o644", 0o644, 0o600, 0])
def test_modes_that_are_what_was_written(mode: object) -> None:
    check_values({"mode": mode})


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (644, "mode is the number 644: quote it in YAML"),
        (755, "mode is the number 755: quote it in YAML"),
        (True, "mode is the boolean true: quote it in YAML"),
        ("420", "mode is 420, which YAML makes of 0644: quote it in YAML"),
        ("416", "mode is 416, which YAML makes of 0640: quote it in YAML"),
    ],
)
def test_modes_that_are_not(mode: object, problem: str) -> None:
    assert message({"mode": mode}).startswith(problem)


def test_a_list_of_which_a_template_made_text() -> None:
    """ansible-core 2.16 to 2.18 hand it over like this."""
    templated = "[{'name': 'a', 'dn': {'cn': datetime.date(2026, 11, 25)}}]"
    assert message({"certificates": templated}).startswith("certificates has a date in it: ")


def test_many_are_told_at_once_and_secrets_not_at_all() -> None:
    entries = [{"name": number, "request_code": 4711} for number in range(1000)]
    told = message({"certificates": entries})
    assert told.partition(" and ")[0].count("; ") == 4
    assert "certificates[0]: request_code is a number; certificates[1]: name is the number 1; " in told
    assert " and 1995 more: quote it in YAML" in told
    assert "4711" not in told


def test_the_defaults_of_a_list_are_looked_at_like_an_entry() -> None:
    told = message({"certificate_defaults": yaml.safe_load("{key_length: 2048, provider: NO, dn: {ou: 0123}}")})
    assert told.startswith(
        "certificate_defaults.provider is the boolean false; certificate_defaults.dn.ou is the number 83: quote it"
    )
    check_values({"certificate_defaults": {"key_length": 2048, "provider": "NO", "dn": {"ou": "0123"}}})
    check_values({"certificate_defaults": None})


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_text_passes_however_it_is_nested(value: object) -> None:
    check_values({"certificates": [{"name": "www", "dn": value, "info": value}]})


def test_each_option_of_text_is_looked_at() -> None:
    """List the texts of an entry that the check leaves out, with the other check of each."""
    specs = (entry_specs.REQUESTED, entry_specs.RENEWED, entry_specs.FINALIZED, entry_specs.NAMED, entry_specs.SETTLED)
    texts = {name for spec in specs for name, rule in spec.items() if rule["type"] in ("str", "raw", "dict")}
    texts |= {name for spec in specs for name, rule in spec.items() if rule.get("elements") == "str"}
    entry_texts = yaml_values._ENTRY
    looked_at = entry_texts.plain | entry_texts.secret | entry_texts.lists | entry_texts.deep
    # checked by the grammar of durations, and by the parser of certificates
    assert texts - looked_at == {"renew_before", "certificate"}


class TestReplacement:
    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("serial_numbers: [VALUE]", "replace.serial_numbers[0]"),
            ("names: [a, VALUE]", "replace.names[1]"),
            ("issuer: VALUE", "replace.issuer"),
            ("id: VALUE", "replace.id"),
        ],
    )
    @pytest.mark.parametrize(("value", "words"), READINGS[:10])
    def test_text_that_is_none(self, text: str, place: str, value: str, words: str) -> None:
        options = yaml.safe_load(text.replace("VALUE", value))
        assert f"{place} is {words}" in message({"replace": options})

    def test_what_is_fit(self) -> None:
        text = "{issuer: CN=a, serial_numbers: [0A:1B, '12'], issued_before: 2026-01-31, deadline: 2026-02-01 06:00:00}"
        check_values({"replace": yaml.safe_load(text)})
        check_values({"replace": {"issuer": None, "provider": "CA"}})
        check_values({"replace": None})
