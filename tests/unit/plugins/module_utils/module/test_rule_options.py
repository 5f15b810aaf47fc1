# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy: what its rules allow, what a task that has one does, and what is said of rules that cannot be used."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import textwrap
import threading
import time
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.doc_fragments import policy
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import Rules
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    DeniedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import rule_options
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.rule_options import read_rules

DAY = dt.timedelta(days=1)
ANY: dict[str, t.Any] = {"name": "any", "names": "*", "dn": {"*": "*"}}
PEOPLE: dict[str, t.Any] = {
    "name": "people",
    "names": ["person-*"],
    "dn": {"c": "ES", "o": ["Example S.A.", "Example Servicios S.L."], "cn": "*"},
    "dn_required": ["c", "O", "commonName"],
    "subject_alt_name": {"email": "*@example.com"},
    "key_types": {"RSA": {"min_length": 3072, "max_length": 4096}, "EC": None},
    "hash_types": ["SHA256"],
    "providers": ["CA_*"],
    "group_ids": [1, 2],
    "max_lifetime": "90d",
}
GOOD = CertificateSpec(
    "person-ana",
    DistinguishedName((("c", "ES"), ("o", "Example S.A."), ("cn", "Ana Garcia"))),
    "CA_EXAMPLE",
    key_length=3072,
    group_ids=(2,),
    subject_alt_name=("email:ana@example.com",),
)


def read(*rules: object, names: t.Iterable[str] = (), lifetime: dt.timedelta | None = None, **given: t.Any) -> Rules:
    params = {"policy": list(rules) if rules else None, "policy_file": None, **given}
    return read_rules(params, lambda: names, lifetime)


def denied(rules: Rules, spec: CertificateSpec = GOOD) -> str:
    with pytest.raises(DeniedError) as caught:
        rules.check(spec)
    return str(caught.value)


def but(**fields: t.Any) -> CertificateSpec:
    return dataclasses.replace(GOOD, **fields)


def with_dn(*attributes: tuple[str, str]) -> CertificateSpec:
    return but(dn=DistinguishedName(attributes))


def with_names(*names: str) -> CertificateSpec:
    return but(subject_alt_name=names)


C, O, CN = GOOD.dn.attributes  # noqa: E741


def test_without_a_policy_everything_is_allowed() -> None:
    read().check(but(name="anything", provider=""))


def test_what_a_rule_allows_passes() -> None:
    rules = read(PEOPLE, lifetime=90 * DAY)
    rules.check(GOOD)
    rules.check(with_dn(("countryName", "es"), ("O", "EXAMPLE S.A."), ("2.5.4.3", "x")))
    rules.check(with_dn(C, O, ("o", "Example Servicios S.L."), CN))
    rules.check(but(key_type="ec", key_length=256, hash_type="sha256", provider="CA_", group_ids=()))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (with_dn(C, ("o", "Evil"), CN), "dn.o is 'Evil', allowed: Example S.A., Example Servicios S.L."),
        (with_dn(C, O, CN, ("ou", "Board")), "dn.ou is 'Board', allowed: no ou, but c, o, cn"),
        (with_dn(C, O, CN, ("proident", "x")), "dn.proident is 'x', allowed: no proident, but c, o, cn"),
        (with_dn(C, CN), "dn.O is missing, allowed: Example S.A., Example Servicios S.L."),
        (
            with_dn(C, O, ("cn", "*.example.com")),
            "dn.cn is '*.example.com', allowed: no * in it",
        ),
        (with_dn(C, ("o", "Example S.A.\u200b"), CN), r"dn.o is 'Example S.A.\u200b', allowed: Example S.A."),
        (with_dn(C, ("o", "Example S.A.\n"), CN), r"dn.o is 'Example S.A.\n', allowed"),
        (with_dn(C, O, CN, ("cn", "y" * 99 + "*")), f"dn.cn is '{'y' * 60}...', allowed: no *"),
        (with_names("DNS:www"), "subject_alt_name has 'DNS:www', allowed: no name of the kind DNS"),
        (with_names("email:a@evil.com"), "subject_alt_name has 'email:a@evil.com', allowed: email:*@example.com"),
        (with_names("email:a@evil.com@example.com"), "allowed: email:*@example.com"),
        (but(key_type="DSA"), "key_type is 'DSA', allowed: RSA, EC"),
        (but(key_length=2048), "key_length is 2048, allowed: at least 3072 and at most 4096 for RSA"),
        (but(key_length=8192), "key_length is 8192, allowed: at least 3072 and at most 4096 for RSA"),
        (but(hash_type="SHA1"), "hash_type is 'SHA1', allowed: SHA256"),
        (but(provider="ca_example"), "provider is 'ca_example', allowed: CA_*"),
        (but(group_ids=(1, 7, 3)), "group_ids has 3, 7, allowed: 1, 2"),
        (but(key_length=1024, hash_type="MD5"), "for RSA; hash_type is 'MD5', allowed: SHA256; no key was made"),
    ],
)
def test_what_a_rule_does_not_allow_is_told_with_both_sides(spec: CertificateSpec, told: str) -> None:
    said = denied(read(PEOPLE), spec)
    assert said.startswith("policy rule people: ")
    assert told in said
    assert said.endswith("; no key was made")


def test_the_facts_of_a_denial() -> None:
    with pytest.raises(DeniedError) as caught:
        read(PEOPLE).check(but(key_length=1024))
    assert caught.value.details() == {
        "rule": "people",
        "denied": [
            {
                "field": "key_length",
                "found": "key_length is 1024",
                "allowed": "at least 3072 and at most 4096 for RSA",
            }
        ],
    }


def test_a_name_that_no_rule_is_about_is_denied() -> None:
    said = denied(read(PEOPLE, {**ANY, "name": "servers", "names": ["server-*", "www"]}), but(name="Person-ana"))
    assert said == (
        "the policy denies it: no rule is about the name 'Person-ana', allowed: person-*, server-*, www; "
        "no key was made"
    )


def test_the_first_rule_about_a_name_decides() -> None:
    strict = {**PEOPLE, "name": "strict", "names": "person-a*", "key_types": {"RSA": {"min_length": 9000}}}
    rules = read(strict, PEOPLE, ANY)
    assert "policy rule strict: key_length" in denied(rules)
    rules.check(but(name="person-b"))
    rules.check(but(name="server", key_length=1, subject_alt_name=()))


@pytest.mark.parametrize(
    ("kind", "pattern", "allowed", "not_allowed"),
    [
        ("DNS", "*.example.com", ["a.example.com", "a.b.EXAMPLE.com"], ["example.com", "a.example.com.evil.com"]),
        ("DNS", "*.Example.com", ["a.example.com"], ["*.example.com", "a*.example.com"]),
        ("DNS", "a.[bc].com", ["a.[bc].com"], ["a.b.com", "axbxcom"]),
        ("IP", "192.0.2.0/24", ["192.0.2.77"], ["192.0.3.1", "192.0.2.1/24", "x"]),
        ("IP", "2001:db8::/32", ["2001:DB8::1"], ["2001:db9::1", "192.0.2.1"]),
        ("IP", "10.0.0.1", ["10.0.0.1"], ["10.0.0.2"]),
        ("email", "*@example.com", ["A@EXAMPLE.com"], ["a@b.example.com", "a@b@example.com", "@example.org"]),
        (
            "URI",
            "https://*.example.com/**",
            ["https://a.example.com/", "https://a.example.com/b/c?d#e"],
            ["https://evil.com/x.example.com/", "https://evil.com#.example.com/", "https://u@evil.com?.example.com/"],
        ),
        ("URI", "urn:uuid:*", ["urn:uuid:1"], ["URN:uuid:1", "urn:uuid:1/2"]),
    ],
)
def test_patterns_of_names(kind: str, pattern: str, allowed: list[str], not_allowed: list[str]) -> None:
    rules = read({**ANY, "subject_alt_name": {kind: [pattern, "other.example"] if kind == "DNS" else pattern}})
    for value in allowed:
        rules.check(with_names(f"{kind}:{value}"))
    for value in not_allowed:
        assert f"{kind}:{value}".lower() in denied(rules, with_names(f"{kind}:{value}")).lower()


def test_a_rule_that_is_also_about_other_names_can_be_reached() -> None:
    read({**ANY, "names": "person-a*"}, {**PEOPLE, "names": ["person-ab", "person-*"]})
    read({**ANY, "names": "*-a"}, {**PEOPLE, "names": "person-*"})


@pytest.mark.parametrize("true", [True, "true", "True"])
def test_wildcards_have_to_be_allowed(true: object) -> None:
    rules = read({**ANY, "subject_alt_name": {"DNS": "*.example.com"}, "wildcards": true})
    wild = with_names("DNS:*.example.com")
    rules.check(dataclasses.replace(wild, dn=DistinguishedName((("cn", "*.example.com"),))))
    assert "allowed: no * in it" in denied(read({**ANY, "subject_alt_name": {"DNS": "*.example.com"}}), wild)


def test_names_in_a_certificate_must_be_listed() -> None:
    assert "no name of the kind email" in denied(read(ANY))
    read(ANY).check(with_names())
    other = read({**ANY, "dn": {"cn": "Ana*", "*": ["Example S.A.", "ES"]}})
    other.check(with_names())
    assert "dn.o is 'Evil', allowed: Example S.A., ES" in denied(other, with_dn(("o", "Evil"), CN))


class TestLifetime:
    def test_a_signer_that_asks_for_more_is_denied(self) -> None:
        read(PEOPLE, lifetime=90 * DAY).check(GOOD)
        said = denied(read(PEOPLE, lifetime=365 * DAY))
        assert said == (
            "policy rule people: the signer asks for a lifetime of 365 days, allowed: at most 90 days; no key was made"
        )

    def test_a_lifetime_that_is_not_known_is_warned_of(self) -> None:
        rules = read(PEOPLE, ANY)
        rules.check(GOOD)
        (said,) = rules.warnings
        assert "max_lifetime of the policy (rules people) is not checked before a key is made" in said
        assert read(PEOPLE, lifetime=DAY).warnings == read(ANY).warnings == read().warnings == ()


class TestCount:
    """At most three certificates of people."""

    LIMITED: t.Mapping[str, t.Any] = {**ANY, "name": "people", "names": "person-*", "max_certificates": 3}

    def check(self, rules: Rules, *names: str) -> list[str]:
        """Return the names that are denied."""
        found = []
        for name in names:
            try:
                rules.check(but(name=name, subject_alt_name=()))
            except DeniedError:
                found.append(name)
        return found

    def test_the_number_of_names_is_limited(self) -> None:
        stored = ["person-1", "www", "person-2"]
        rules = read(self.LIMITED, ANY, names=stored)
        assert self.check(rules, "person-3", "person-4", "www", "mail", "person-1", "person-3") == ["person-4"]
        said = denied(rules, but(name="person-4", subject_alt_name=()))
        assert said == (
            "policy rule people: 3 of its certificates are in use or on their way, allowed: at most 3; no key was made"
        )

    def test_a_denied_request_takes_no_place(self) -> None:
        rules = read({**self.LIMITED, "max_certificates": 1, "hash_types": "SHA256"}, names=[])
        denied(rules, but(name="person-1", subject_alt_name=(), hash_type="MD5"))
        assert self.check(rules, "person-2") == []

    def test_none_at_all(self) -> None:
        assert self.check(read({**self.LIMITED, "max_certificates": 0}), "person-1") == ["person-1"]

    def test_a_renewal_adds_none_where_there_are_too_many(self) -> None:
        rules = read({**self.LIMITED, "max_certificates": 1}, names=["person-1", "person-2"])
        assert self.check(rules, "person-1", "person-2", "person-3") == ["person-3"]

    def test_names_of_other_runs_count_as_soon_as_they_are_stored(self) -> None:
        stored = ["person-1"]
        rules = read(self.LIMITED, names=stored)
        assert self.check(rules, "person-2") == []
        stored.append("person-3")
        assert self.check(rules, "person-4") == ["person-4"]

    def test_a_place_that_gets_free_is_seen_after_a_while(self) -> None:
        stored, clock = ["person-1", "person-2", "person-3"], [0.0]
        strict = read(self.LIMITED)
        rules = Rules(strict._rules, names=lambda: stored, clock=lambda: clock[0])
        assert self.check(rules, "person-4") == ["person-4"]
        stored.pop()
        clock[0] = 11.0
        assert self.check(rules, "person-4", "person-5") == ["person-5"]

    def test_threads_take_no_place_twice(self) -> None:
        rules = read({**self.LIMITED, "max_certificates": 20})
        found: list[str] = []
        threads = [
            threading.Thread(
                target=lambda first=first: found.extend(
                    self.check(rules, *(f"person-{number}" for number in range(first, 40, 4)))
                )
            )
            for first in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 20

    def test_the_store_is_counted_seldom(self) -> None:
        counted = []
        rules = read_rules(
            {"policy": [{**self.LIMITED, "max_certificates": 100_000}], "policy_file": None},
            lambda: counted.append(1) or [f"person-{number}" for number in range(1000)],  # type: ignore[func-returns-value]
        )
        assert self.check(rules, *(f"person-{number}" for number in range(5000))) == []
        assert len(counted) < 5


def test_a_long_list_is_checked_within_seconds() -> None:
    """Sixteen rules and a name of the last one; ten thousand checks take a fraction of a second here."""
    rules = read(*({**PEOPLE, "name": f"r{number}", "names": f"group-{number}-*"} for number in range(15)), PEOPLE)
    begun = time.process_time()
    for _number in range(10_000):
        rules.check(GOOD)
    assert time.process_time() - begun < 10


class TestMistakes:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"nmaes": "x"}, "there is no field 'nmaes'; did you mean names?"),
            ({"names": []}, "names is empty, so that nothing is allowed"),
            ({"names": None}, "names is not set: list the names of the entries"),
            ({"names": [""]}, "names has '', which is empty or has blank ends"),
            ({"names": ["a "]}, "names has 'a ', which is empty or has blank ends"),
            ({"names": [1]}, "names has the number 1, not a text: quote it in YAML"),
            ({"names": {}}, "names is a mapping, not a list of texts"),
            ({"dn": None}, 'dn is not set: list the attributes and values that may be requested, or {"*": ["*"]}'),
            ({"dn": {}}, "dn is empty, so that nothing is allowed"),
            ({"dn": ["cn"]}, "dn is a list, not a mapping"),
            ({"dn": {"c": [False]}}, "dn.c has the boolean false, not a text: quote it in YAML"),
            ({"dn": {"c": []}}, "dn.c is empty"),
            ({"dn": {False: "x"}}, "dn has the boolean false as a key"),
            ({"dn": {"proident": "x"}}, "dn attribute 'proident' is not known here"),
            ({"dn": {"cn": "x", "CommonName": "y"}}, "dn has cn and CommonName, which are the same attribute"),
            ({"dn": {"cn": "x"}, "dn_required": ["o"]}, "dn_required has o, which dn does not allow"),
            ({"dn_required": ["proident"]}, "dn attribute 'proident' is not known here"),
            (
                {"subject_alt_name": {"dns": "x"}},
                "subject_alt_name: there is no kind 'dns'; there are DNS",
            ),
            ({"subject_alt_name": {"IP": "192.0.2.1/24"}}, "subject_alt_name.IP: 192.0.2.1/24 has host bits set"),
            ({"subject_alt_name": {"DNS": []}}, "subject_alt_name.DNS is empty"),
            ({"subject_alt_name": "DNS:x"}, "subject_alt_name is 'DNS:x', not a mapping"),
            ({"wildcards": "yes"}, "wildcards is 'yes', not true or false"),
            ({"key_types": {}}, "key_types is empty"),
            ({"key_types": ["RSA"]}, "key_types is a list, not a mapping"),
            ({"key_types": {"RSA": 2048}}, "key_types.RSA is the number 2048, not a mapping"),
            ({"key_types": {"RSA": {"min": 1}}}, "key_types.RSA: there is no field 'min'; "),
            (
                {"key_types": {"RSA": {"min_length": -1}}},
                "key_types.RSA.min_length is the number -1, not a",
            ),
            ({"key_types": {"RSA": {"min_length": True}}}, "key_types.RSA.min_length is the boolean true"),
            (
                {"key_types": {"RSA": {"min_length": 4096, "max_length": 2048}}},
                "key_types.RSA: min_length 4096 is greater than max_length 2048",
            ),
            ({"key_types": {"RSA": {}, "rsa": {}}}, "key_types has rsa twice"),
            ({"hash_types": []}, "hash_types is empty"),
            ({"providers": ""}, "providers has '', which is empty"),
            ({"group_ids": [1, None]}, "group_ids is a list, not a list of whole numbers"),
            ({"group_ids": "1"}, "group_ids is '1', not a list of whole numbers"),
            ({"group_ids": ["x"]}, "group_ids is 'x', not a whole number"),
            ({"max_lifetime": "90"}, "max_lifetime must be a duration such as 90d"),
            ({"max_lifetime": 90}, "max_lifetime is the number 90, not a duration such as 90d"),
            ({"max_lifetime": "0d"}, "max_lifetime is 0d, so that nothing is allowed"),
            ({"max_certificates": 1.5}, "max_certificates is the number 1.5, not a whole number"),
        ],
    )
    def test_a_rule_that_cannot_be_used_is_named_with_its_field(self, changes: dict[t.Any, t.Any], told: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            read(ANY | {"name": "first", "names": "a-*"}, PEOPLE | changes)
        assert str(caught.value).startswith("policy[1]: rule people: ")
        assert told in str(caught.value)

    @pytest.mark.parametrize(
        ("rules", "told"),
        [
            (["x"], "policy[0]: a rule is a mapping with names, dn and other fields, not 'x'"),
            ([{"names": "x"}], "policy[0]: the rule has no name"),
            ([{**ANY, "name": " "}], "policy[0]: the rule has no name"),
            ([{**ANY, "names": "a"}, {**ANY, "names": "b"}], "policy[1]: there is another rule any before it"),
            (
                [{**ANY, "names": "person-*"}, {**PEOPLE, "names": ["person-eva", "person-a*-*"]}],
                "policy[1]: rule people: names can never match, since the rule any before it",
            ),
            ([ANY, PEOPLE], "policy[1]: rule people: names can never match, since the rule any before it is about"),
            (
                [{**ANY, "names": ["a", "b"]}, {**PEOPLE, "names": ["b"]}],
                "policy[1]: rule people: names can never match, since the rule any before it",
            ),
        ],
    )
    def test_rules_that_cannot_be_used(self, rules: list[object], told: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            read(*rules)
        assert told in str(caught.value)

    def test_an_empty_policy_is_a_mistake(self) -> None:
        with pytest.raises(ConfigurationError, match="the policy has no rule, so nothing could be requested"):
            read(policy=[])

    def test_two_policies_are_a_mistake(self) -> None:
        with pytest.raises(ConfigurationError, match=r"policy and policy_file .* are both set"):
            read(ANY, policy_file="/x")


class TestFile:
    def write(self, path: Path, text: str) -> str:
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(path)

    @pytest.mark.parametrize("within", [False, True])
    @pytest.mark.parametrize("ending", ["json", "jsonl", "yaml"])
    def test_the_formats(self, tmp_path: Path, ending: str, within: bool) -> None:
        rules = [{**ANY, "name": "servers", "names": "server-*"}, PEOPLE]
        text = json.dumps({"policy": rules} if within else rules)
        if ending == "jsonl":
            text = "\n".join(map(json.dumps, rules))
        read_ = read(policy_file=self.write(tmp_path / f"policy.{ending}", text))
        assert "policy rule people: key_length is 1" in denied(read_, but(key_length=1))
        read_.check(but(name="server-1", subject_alt_name=()))

    def test_a_mistake_is_told_with_its_line(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path / "policy.yml",
            """\
            policy:
              - name: any
                names: ["a"]
                dn: {"*": "*"}
              - name: people
                names: ["b"]
                dn: {c: [NO]}
            """,
        )
        with pytest.raises(ConfigurationError) as caught:
            read(policy_file=path)
        assert str(caught.value) == (
            f"{path}, line 5: rule people: dn.c has the boolean false, not a text: quote it in YAML"
        )

    @pytest.mark.parametrize(
        ("name", "text", "told"),
        [
            ("policy.yml", "- {name: a, names: x, names: y}", "line 1: the key names is there twice"),
            ("policy.yml", "rules: []", "a mapping with the one key policy, whose value is a list"),
            ("policy.json", '{"certificates": []}', "a mapping with the one key policy, whose value is a list"),
            ("policy.yml", "[]", "the policy has no rule"),
            ("policy.csv", "name,names\n", "a policy cannot be written in CSV"),
        ],
    )
    def test_a_file_that_cannot_be_used(self, tmp_path: Path, name: str, text: str, told: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            read(policy_file=self.write(tmp_path / name, text))
        assert told in str(caught.value)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read(policy_file=str(tmp_path / "policy.yml"))

    def test_an_empty_path_is_none(self) -> None:
        read(policy_file="").check(GOOD)


class TestGuide:
    """docs/policy.md, and the example that it shows."""

    DOCS = Path(__file__).resolve().parents[5] / "docs"
    GUIDE = " ".join((DOCS / "policy.md").read_text("utf-8").split())
    EXAMPLE = DOCS / "examples" / "policy.yml"

    def test_it_shows_the_example(self) -> None:
        rules = self.EXAMPLE.read_text("utf-8").partition("denied.\n")[2]
        assert rules.startswith("policy:\n")
        assert " ".join(rules.split()) in self.GUIDE

    def test_the_example_does_what_the_guide_says(self) -> None:
        rules = read(policy_file=str(self.EXAMPLE), lifetime=90 * DAY)
        person = CertificateSpec(
            "person-eva",
            DistinguishedName((("cn", "Eva"), ("serialNumber", "IDCES-1"), ("o", "Example S.A."))),
            "CA_DEMO",
        )
        rules.check(person)
        evil = DistinguishedName((*person.dn.attributes[:2], ("o", "Evil")))
        assert f"person-eva: {denied(rules, dataclasses.replace(person, dn=evil))}" in self.GUIDE
        server = dataclasses.replace(person, name="server-1", dn=DistinguishedName((("cn", "*.example.com"),)))
        assert {one["field"] for one in facts(rules, server)} == {"dn.cn", "key_length"}

    def test_it_describes_each_field(self) -> None:
        assert [field for field in rule_options.FIELDS if f"| `{field}` | " not in self.GUIDE] == []

    def test_the_fragment_describes_each_field(self) -> None:
        documented = yaml.safe_load(policy.ModuleDocFragment.DOCUMENTATION)["options"]
        assert documented.keys() == rule_options.POLICY.keys()
        assert list(documented["policy"]["suboptions"]) == list(rule_options.FIELDS)


def facts(rules: Rules, spec: CertificateSpec) -> tuple[t.Mapping[str, str], ...]:
    with pytest.raises(DeniedError) as caught:
        rules.check(spec)
    return caught.value.denied
