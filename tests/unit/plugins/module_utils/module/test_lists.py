# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of certificates: the formats of a file, the values of an entry, and the errors with their lines."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_int
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import entries, list_yaml
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.entry_specs import (
    FINALIZED,
    RENEWED,
    REQUESTED,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.lists import (
    Listed,
    read_file,
    read_values,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import Spec

ANNA: dict[str, t.Any] = {"name": "anna", "dn": {"cn": "Anna", "ou": "0123"}, "provider": "CA"}
BERTA: dict[str, t.Any] = {"name": "berta", "dn": {"cn": "Berta", "ou": "NO"}, "provider": "CA"}


def _takes_whole_floats() -> bool:
    try:
        return bool(check_type_int(1.0))
    except TypeError:
        return False


needs_whole_floats = pytest.mark.skipif(
    not _takes_whole_floats(), reason="this ansible-core takes no 4096.0 as a number"
)
# The same two entries in each format.
WRITTEN = {
    "list.yml": """
- name: anna
  dn: {cn: Anna, ou: "0123"}
  provider: CA

# the second one
- provider: CA
  name: 'berta'
  dn:
    cn: Berta
    ou: "NO"
""",
    "list.yaml": """---
certificates:
  - {name: anna, dn: {cn: Anna, ou: "0123"}, provider: CA}
  -
    name: berta
    dn: {cn: Berta, ou: "NO"}
    provider: CA
...
""",
    "list.json": json.dumps([ANNA, BERTA], indent=2),
    "object.json": json.dumps({"certificates": [ANNA, BERTA]}),
    "list.jsonl": f"{json.dumps(ANNA)}\n\n  \n{json.dumps(BERTA)}",
    "list.ndjson": f"{json.dumps(ANNA)}\n{json.dumps(BERTA)}\n",
    "list.csv": "name,dn.cn,dn.ou,provider\nanna,Anna,0123,CA\n,,,\n\nberta,Berta,NO,CA\n",
    "SEMICOLONS.CSV": "name;dn.cn;dn.ou;provider\nanna;Anna;0123;CA\nberta;Berta;NO;CA",
    "tabs.csv": '"provider"\t"name"\t"dn.cn"\tdn.ou\nCA\tanna\tAnna\t0123\n CA \tberta \t"Berta"\t NO\n',
}


def whole(entry: dict[str, t.Any], spec: Spec = RENEWED) -> dict[str, t.Any]:
    """Return an entry with the defaults of its options."""
    return {**{option: rules.get("default") for option, rules in spec.items()}, **entry}


class Lists:
    """Read lists from files in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets: list[str] = []
        self.defaults: dict[str, t.Any] = {}
        self.spec = RENEWED

    def read(self, written: str | bytes, name: str) -> list[Listed]:
        path = self.folder / name
        path.write_bytes(written if isinstance(written, bytes) else written.encode())
        return self.read_path(path)

    def read_path(self, path: Path) -> list[Listed]:
        return list(read_file(str(path), self.spec, self.defaults, self.secrets.append))

    def given(self, *listed: object) -> list[Listed]:
        return list(read_values(listed, self.spec, self.defaults, self.secrets.append))

    def refusal(self, written: str | bytes, name: str) -> str:
        """Return why the list is refused as a whole, without the folder."""
        with pytest.raises(ConfigurationError) as caught:
            self.read(written, name)
        return str(caught.value).replace(f"{self.folder}/", "")

    def failure(self, written: str | bytes, name: str) -> str:
        """Return why the only entry fails, without the folder."""
        (only,) = self.read(written, name)
        assert only.error is not None
        assert only.values == {}
        return str(only.error).replace(f"{self.folder}/", "")


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    return Lists(tmp_path)


class TestFormats:
    @pytest.mark.parametrize("name", WRITTEN)
    def test_the_same_values_in_each(self, lists: Lists, name: str) -> None:
        found = lists.read(WRITTEN[name], name)
        assert [dict(one.values) for one in found] == [whole(ANNA), whole(BERTA)]
        assert [one.name for one in found] == ["anna", "berta"]
        assert [one.error for one in found] == [None, None]

    @pytest.mark.parametrize("name", WRITTEN)
    def test_without_an_ending_the_content_tells_the_format(self, lists: Lists, name: str) -> None:
        assert [one.values for one in lists.read(WRITTEN[name], "certificates")] == [whole(ANNA), whole(BERTA)]

    @pytest.mark.parametrize("name", WRITTEN)
    def test_written_on_windows(self, lists: Lists, name: str) -> None:
        written = b"\xef\xbb\xbf" + WRITTEN[name].replace("\n", "\r\n").encode()
        for ending in (name, "no ending"):
            assert [one.values for one in lists.read(written, ending)] == [whole(ANNA), whole(BERTA)]

    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            ("list.yml", [2, 7]),
            ("list.yaml", [3, 5]),
            ("list.json", [2, 10]),
            ("object.json", [1, 1]),
            ("list.jsonl", [1, 4]),
            ("list.csv", [2, 5]),
        ],
    )
    def test_the_place_of_an_entry_is_its_line(self, lists: Lists, name: str, lines: list[int]) -> None:
        found = lists.read(WRITTEN[name], name)
        assert [one.place for one in found] == [f"{lists.folder / name}, line {line}" for line in lines]

    @pytest.mark.parametrize(
        ("name", "written"), [("a.yml", "[]"), ("a.json", "[ ]"), ("a.jsonl", ""), ("a.csv", "name")]
    )
    @pytest.mark.parametrize("end", ["", "\n"])
    def test_a_list_may_be_empty(self, lists: Lists, name: str, written: str, end: str) -> None:
        assert lists.read(written + end, name) == []

    def test_a_mapping_in_json_may_be_empty(self, lists: Lists) -> None:
        assert lists.read('{ "certificates" : [ ] }\n', "a.json") == []

    def test_cells_with_line_breaks_keep_the_count_of_lines(self, lists: Lists) -> None:
        found = lists.read('name,certificate\r\na,"one\r\n""two"", three"\r\nb,x\r\n', "a.csv")
        assert [one.values["certificate"] for one in found] == ['one\r\n"two", three', "x"]
        assert [one.place[-6:] for one in found] == ["line 2", "line 4"]

    def test_lists_and_structures_in_cells(self, lists: Lists) -> None:
        header = "name,group_ids,subject_alt_name,info.taxId,info.site,force,key_length,dn.ou,dn.o,dn.ou"
        found = lists.read(f'{header}\na,7 11,DNS:a DNS:b,0123,,Yes,4096,x,y,z\nb,,"DNS:a, DNS:b",,,0,,,,\n', "a.csv")
        assert [one.error for one in found] == [None, None]
        first, second = (one.values for one in found)
        assert (first["group_ids"], first["subject_alt_name"]) == ([7, 11], ["DNS:a", "DNS:b"])
        assert (first["info"], first["force"], first["key_length"]) == ({"taxId": "0123"}, True, 4096)
        assert first["dn"] == [
            {"attribute": "ou", "value": "x"},
            {"attribute": "o", "value": "y"},
            {"attribute": "ou", "value": "z"},
        ]
        assert second == whole({"name": "b", "subject_alt_name": ["DNS:a", "DNS:b"]})

    def test_anchors_and_merges_in_yaml(self, lists: Lists) -> None:
        written = """
- &first {name: a, dn: &dn {cn: a, o: Example}, provider: CA}
- {<<: *first, name: b, dn: {<<: *dn, cn: b}}
- {name: c, dn: *dn, <<: [{provider: A}, {provider: B, key_length: 3072}]}
"""
        found = [one.values for one in lists.read(written, "a.yml")]
        assert found[1] == whole({"name": "b", "dn": {"cn": "b", "o": "Example"}, "provider": "CA"})
        assert found[2] == whole({"name": "c", "dn": {"cn": "a", "o": "Example"}, "provider": "A", "key_length": 3072})
        assert list(found[1]["dn"]) == ["cn", "o"]

    @pytest.mark.parametrize("name", ["list.yml", "list.yaml"])
    def test_yaml_without_the_library_in_c(self, lists: Lists, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(yaml, "CSafeLoader")
        assert [one.values for one in lists.read(WRITTEN[name], name)] == [whole(ANNA), whole(BERTA)]
        assert lists.refusal("- {name: a}\n- {name: b\n", "a.yml").startswith("a.yml, line 3: this is not YAML: ")
        assert lists.refusal("- name: a\x07", "a.yml").startswith("a.yml: this is not YAML: special characters")

    def test_yaml_without_pyyaml(self, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(list_yaml, "HAS_YAML", False)
        told = lists.refusal(WRITTEN["list.yml"], "list.yml")
        assert told == (
            f"list.yml: there is no PyYAML for {sys.executable} on this host: "
            "install it, or give the list as JSON Lines"
        )


def test_the_examples_of_the_guide_say_the_same(lists: Lists) -> None:
    guide = Path(__file__).parents[5] / "docs" / "lists.md"
    blocks = re.findall(r"^```([a-z ]+)\n(.*?)^```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    endings = {"json lines": "jsonl", "csv": "csv", "json": "json", "yaml": "yml"}
    examples = {endings[kind]: block for kind, block in blocks}  # the last one in YAML is a list
    found = [
        [(one.name, one.values, one.error) for one in lists.read(block, f"guide.{ending}")]
        for ending, block in examples.items()
    ]
    assert len(found) == len(endings)
    assert found == [found[0]] * len(endings)
    assert [(name, error) for name, _values, error in found[0]] == [("ana", None), ("berta", None)]
    assert found[0][0][1]["dn"] == {"cn": "Ana Garcia", "ou": "0123"}


class TestRefusedAsAWhole:
    @pytest.mark.parametrize(
        ("name", "written", "told"),
        [
            (
                "a.jsonl",
                '{"name": "a"}\n{"name": }\n',
                "a.jsonl, line 2: this is not JSON: Expecting value (column 10)",
            ),
            ("a.jsonl", '{"name": "a"} {"name": "b"}', "a.jsonl, line 1: this is not JSON: Extra data (column 15)"),
            ("a.jsonl", '\n{"name": "a", "name": "b"}', "a.jsonl, line 2: the key name is there twice"),
            ("a.json", '[\n{"name": "a"},\n{"name": "b"]', "a.json, line 3: this is not JSON: Expecting ',' delimiter"),
            ("a.json", '[\n{"name": "a"}\n{"name": "b"}]', "a.json, line 3: this is not JSON: Expecting ',' delimiter"),
            ("a.json", '[{"name": "a"}]\n[]', "a.json, line 2: this is not JSON: Extra data"),
            ("a.json", '[{"name": "a"}', "a.json, line 1: this is not JSON: Expecting ',' delimiter (column 15)"),
            ("a.json", '[\n\n{"dn": {"ou": "a",\n"ou": "b"}}]', "a.json, line 3: the key ou is there twice"),
            ("a.json", '{"name": "a"}', "a.json: the file must be a list, or a mapping with the one key certificates"),
            ("a.json", '{"certificates": [], "more": 1}', "a.json: the file must be a list, or a mapping with the one"),
            ("a.json", "", "a.json, line 1: this is not JSON: Expecting value (column 1)"),
            ("a.yml", "- name: a\n- name: b: c\n", "a.yml, line 2: this is not YAML: mapping values are not allowed"),
            ("a.yml", "- name: a\n- {name: b", "a.yml, line 3: this is not YAML: did not find expected ',' or '}'"),
            ("a.yml", "- dn:\n    ou: a\n    ou: b\n", "a.yml, line 3: the key ou is there twice"),
            ("a.yml", "- name: a\n  dn: *dn\n", "a.yml, line 2: there is no anchor dn before this alias"),
            ("a.yml", "- &a\n  name: a\n  dn: *a\n", "a.yml, line 3: there is no anchor a before this alias"),
            ("a.yml", "- name: !vault x", "a.yml, line 1: the tag !vault has no meaning in such a list"),
            ("a.yml", "- !!set {name: a}", "a.yml, line 1: the tag tag:yaml.org,2002:set has no meaning"),
            ("a.yml", "- name: !!python/name:os.system ''", "a.yml, line 1: the tag tag:yaml.org,2002:python/name"),
            ("a.yml", "- name: {{ name }}", "a.yml, line 1: a mapping has a mapping or a list as a key; quote a text"),
            (
                "a.yml",
                "- name: a\n  dn: {ou: 2026-13-45}",
                "a.yml, line 2: a value cannot be read as timestamp; quote it",
            ),
            ("a.yml", "- name: a\n  key_length: !!int x", "a.yml, line 2: a value cannot be read as int; quote it"),
            (
                "a.yml",
                "- name: a\n  <<: b",
                "a.yml, line 2: the value of << is neither a mapping nor a list of mappings",
            ),
            ("a.yml", "name: a", "a.yml: the file must be a list, or a mapping with the one key certificates"),
            ("a.yml", "certificates: {a: b}", "a.yml: the file must be a list, or a mapping with the one key certif"),
            (
                "a.yml",
                "certificates: []\nmore: []",
                "a.yml, line 2: the file must be a list, or a mapping with the one",
            ),
            ("a.yml", "[]\n---\n[]", "a.yml, line 2: the file must be a list, or a mapping with the one key"),
            ("a.yml", "# nothing", "a.yml: the file must be a list, or a mapping with the one key certificates"),
            ("a.yml", "- name: a\x07", "a.yml: this is not YAML: control characters are not allowed (character "),
            (
                "a.csv",
                "",
                "a.csv, line 1: there is no column name; the first line names the columns, such as name,dn.cn",
            ),
            ("a.csv", "anna,Anna,CA\n", "a.csv, line 1: there is no column name; the first line names the columns"),
            ("a.csv", "name,provder\n", "a.csv, line 1: there is no column 'provder'; did you mean provider?"),
            ("a.csv", "name,cn\n", "a.csv, line 1: there is no column 'cn'; there are certificate, certificate_path, "),
            ("a.csv", "name,dn\n", "a.csv, line 1: the column dn must name a part as well, such as dn.cn"),
            ("a.csv", "name,key_type.x\n", "a.csv, line 1: there is no column 'key_type.x'; did you mean key_type?"),
            ("a.csv", "name,,force\n", "a.csv, line 1: column 2 has no name"),
            ("a.csv", "name,force,force\n", "a.csv, line 1: the column force is there twice"),
            ("a.csv", "name,info.a,info.a\n", "a.csv, line 1: the column info.a is there twice"),
            ("a.csv", "name,force\na\n", "a.csv, line 2: the number of cells is 1, not 2 as in the header"),
            ("a.csv", "name,force\na,no\nb,no,CA\n", "a.csv, line 3: the number of cells is 3, not 2 as in the header"),
            ("a.csv", 'name,force\na,no\n\nb,"no\nc,no\n', "a.csv, line 4: this is not CSV: unexpected end of data"),
            ("a.csv", 'name,force\na,"n"o\n', "a.csv, line 2: this is not CSV: ',' expected after '\"'"),
        ],
    )
    def test_broken_files(self, lists: Lists, name: str, written: str, told: str) -> None:
        assert lists.refusal(written, name).startswith(told)

    def test_where_a_quote_that_does_not_end_begins(self, lists: Lists) -> None:
        told = lists.refusal("- name: a\n- name: 'b\n- name: c\n", "a.yml")
        assert told.endswith("unexpected end of stream, while scanning a quoted scalar that begins in line 2")

    @pytest.mark.parametrize("name", ["list.yml", "list.json", "list.jsonl", "list.csv"])
    def test_another_encoding(self, lists: Lists, name: str) -> None:
        written = WRITTEN[name].replace("Berta", "Garc\u00eda")
        line = written[: written.index("Garc")].count("\n") + 1
        for ending in (name, "none"):
            told = lists.refusal(written.encode("latin-1"), ending)
            assert told == f"{ending}, line {line}: the text is not UTF-8; save it as UTF-8"
        told = lists.refusal(written.encode("utf-16"), name)
        assert told == f"{name}, line 1: the text is not UTF-8; save it as UTF-8"

    @pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.yml"])
    def test_too_many_levels(self, lists: Lists, name: str) -> None:
        told = lists.refusal(f'[{{"dn": {"[" * 100_000}', name)
        assert told.startswith(name)
        assert re.search("too many levels|maximum nesting depth", told)

    @pytest.mark.parametrize("name", ["list.yml", "none"])
    def test_an_encrypted_file(self, lists: Lists, name: str) -> None:
        told = lists.refusal("$ANSIBLE_VAULT;1.1;AES256\n6233\n", name)
        assert told == f"{name} is encrypted with Ansible Vault, and the module cannot decrypt it"

    def test_what_cannot_be_read(self, lists: Lists) -> None:
        for name in ("none.csv", "none"):
            with pytest.raises(ConfigurationError, match=r"none[.csv]* cannot be read \(No such file or directory\)"):
                lists.read_path(lists.folder / name)
        with pytest.raises(ConfigurationError, match="is not a plain file"):
            lists.read_path(lists.folder)
        os.mkfifo(lists.folder / "pipe.jsonl")
        with pytest.raises(ConfigurationError, match="is not a plain file"):
            lists.read_path(lists.folder / "pipe.jsonl")


class TestNames:
    @pytest.mark.parametrize(
        ("name", "written", "told"),
        [
            (
                "a.jsonl",
                '{"name": "a"}\n["a"]',
                "a.jsonl, line 2: an entry is a mapping with a name and other options, not a",
            ),
            (
                "a.yml",
                "- name: a\n- anna\n",
                "a.yml, line 2: an entry is a mapping with a name and other options, not 'anna'",
            ),
            ("a.yml", "- name: a\n-\n", "a.yml, line 2: an entry is a mapping with a name and other options, not null"),
            ("a.json", '[{"name": "a"},\n{}]', "a.json, line 2: the entry has no name"),
            ("a.jsonl", '{"name": null}', "a.jsonl, line 1: the entry has no name"),
            ("a.csv", "name,force\n,yes\n", "a.csv, line 2: the entry has no name"),
            ("a.jsonl", '{"name": "a/b"}', "a.jsonl, line 1: name 'a/b' is not fit for a file name: at most 200 bytes"),
            ("a.csv", "name\n.a\n", "a.csv, line 2: name '.a' is not fit for a file name"),
            ("a.jsonl", '{"name": ""}', "a.jsonl, line 1: name '' is not fit for a file name"),
            ("a.jsonl", '{"name": 7}', "a.jsonl, line 1: name is the number 7, not text: write text in quotes"),
            (
                "a.yml",
                "- name: 0123",
                "a.yml, line 1: name is the number 83, not text: quote it in YAML, which otherwise",
            ),
            ("a.yml", "- name: NO", "a.yml, line 1: name is the boolean false, not text: quote it in YAML"),
            ("a.yml", "- name: 2026-11-25", "a.yml, line 1: name is the date 2026-11-25, not text: quote it in YAML"),
            ("a.jsonl", '{"name": ["a"]}', "a.jsonl, line 1: name is a list, not text: write text in quotes"),
        ],
    )
    def test_an_entry_has_a_usable_name(self, lists: Lists, name: str, written: str, told: str) -> None:
        assert lists.refusal(written, name).startswith(told)

    @pytest.mark.parametrize(
        ("name", "written", "told"),
        [
            (
                "a.jsonl",
                '{"name": "a"}\n{"name": "b"}\n{"name": "a"}',
                "a.jsonl, line 3: the name a is in the list twice, first at line 1",
            ),
            (
                "a.yml",
                "- {name: b}\n- {name: a}\n\n- {name: a}",
                "a.yml, line 4: the name a is in the list twice, first at line 2",
            ),
            ("a.csv", "name\na\n\na\n", "a.csv, line 4: the name a is in the list twice, first at line 2"),
            (
                "a.json",
                '[{"name": "a"}, {"name": "a"}]',
                "a.json, line 1: the name a is in the list twice, first at line 1",
            ),
        ],
    )
    def test_a_name_is_there_once(self, lists: Lists, name: str, written: str, told: str) -> None:
        assert lists.refusal(written, name) == told

    def test_names_in_the_play(self, lists: Lists) -> None:
        for listed, told in [
            (
                ({"name": "a"}, {"name": "b"}, {"name": "a"}),
                r"^certificates\[2\]: the name a .* first at certificates\[0\]$",
            ),
            (({"name": "a"}, {"dn": {"cn": "b"}}), r"^certificates\[1\]: the entry has no name$"),
            (("a",), r"^certificates\[0\]: an entry is a mapping"),
            (({"name": 83},), r"name is the number 83, not text: quote it in YAML.*add the filter string$"),
        ]:
            with pytest.raises(ConfigurationError, match=told):
                lists.given(*listed)


class TestValues:
    @pytest.mark.parametrize(
        ("given_value", "value"),
        [
            ({"key_length": "4096"}, 4096),
            pytest.param({"key_length": 4096.0}, 4096, marks=needs_whole_floats),
            ({"force": "yes"}, True),
            ({"force": 0}, False),
            ({"group_ids": ["7", 11]}, [7, 11]),
            ({"group_ids": "7,11"}, [7, 11]),
            ({"group_ids": 7}, [7]),
            ({"subject_alt_name": "DNS:a,DNS:b"}, ["DNS:a", "DNS:b"]),
            ({"info": '{"a": "b"}'}, {"a": "b"}),
            ({"certificate_path": "/a/$LISTED/b.pem"}, "/a/folder/b.pem"),
            ({"certificate_path": "~/b.pem"}, "/home/anna/b.pem"),
            ({"renew_before": 30}, "30"),
            ({"dn": [{"attribute": "cn", "value": "Anna"}]}, [{"attribute": "cn", "value": "Anna"}]),
            ({"key_type": None}, "RSA"),
            ({"key_length": None}, 2048),
            ({"thumbprint": None}, None),
        ],
    )
    def test_values_become_what_ansible_makes_of_them(
        self, lists: Lists, given_value: dict[str, t.Any], value: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LISTED", "folder")
        monkeypatch.setenv("HOME", "/home/anna")
        (option,) = given_value
        found = (
            *lists.given({"name": "a", **given_value}),
            *lists.read(json.dumps({"name": "a", **given_value}), "a.jsonl"),
        )
        for one in found:
            assert one.error is None
            assert one.values == whole({"name": "a", option: value})
            assert type(one.values[option]) is type(value)

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ("key_length: two", "key_length is 'two', not a whole number"),
            ("key_length: 20.5", "key_length is the number 20.5, not a whole number"),
            ("key_length: yes", "key_length is the boolean true, not a whole number"),
            ("key_length: [1]", "key_length is a list, not a whole number"),
            ("force: perhaps", "force is 'perhaps', not true or false"),
            ("group_ids: [1, x]", "group_ids is a list, not a list of whole numbers"),
            ("group_ids: [yes]", "group_ids is a list, not a list of whole numbers"),
            ("group_ids: {a: 1}", "group_ids is a mapping, not a list of whole numbers"),
            ("subject_alt_name: [{DNS: a}]", "subject_alt_name is a list, not a list of text"),
            ("info: text", "info is 'text', not a mapping"),
            ("info: ['a']", "info is a list, not a mapping"),
            ("provider: [CA]", "provider is a list, not text"),
            ("certificate_path: {a: b}", "certificate_path is a mapping, not text"),
            ("renew_before: no", "renew_before is the boolean false, not text"),
            ("certificate_path: ~nobody-of-this-name/a", "certificate_path is '~nobody-of-this-name/a', but this host"),
            ("certificate_path: $NOT_SET_HERE/a", "certificate_path is '$NOT_SET_HERE/a', but this host has no value"),
            ("keylength: 1", "there is no option 'keylength'; did you mean key_length?"),
            ("Key-Type: RSA", "there is no option 'Key-Type'; did you mean key_type?"),
            ("colour: red", "there is no option 'colour'; there are certificate, certificate_path, dn, force, "),
            ("NO: x", "there is no option the boolean false; there are "),
            ("colour: null", "there is no option 'colour'; "),
            ("provider: 0123", "provider is the number 83: quote it in YAML, which otherwise changes what is written"),
            ("dn: {cn: x, ou: 0123, c: NO}", "dn.ou is the number 83; dn.c is the boolean false: quote it in YAML"),
            ("dn: {ou: 2026-11-25}", "dn.ou is the date 2026-11-25: quote it in YAML"),
            ("dn: {NO: x}", "dn has the boolean false as a key: quote it in YAML"),
            ("info: {a: [b, 1_000]}", "info.a[1] is the number 1000: quote it in YAML"),
            ("subject_alt_name: [DNS:a, 12:34]", "subject_alt_name[1] is the number 754: quote it in YAML"),
            ("request_code: 4711", "request_code is a number: quote it in YAML"),
            ("request_code: [4711]", "request_code is not text"),
        ],
    )
    def test_a_bad_value_is_told(self, lists: Lists, values: str, told: str) -> None:
        assert lists.failure(f"# a comment\n- name: anna\n  {values}\n", "a.yml").startswith(
            f"a.yml, line 2: anna: {told}"
        )
        (only,) = lists.given(yaml.safe_load(f"name: anna\n{values}"))
        assert str(only.error).startswith(f"certificates[0]: anna: {told}")

    @pytest.mark.parametrize(
        ("entry", "told"),
        [
            (
                '"provider": 83',
                "provider is the number 83: write text in quotes, and leave out an option that is not set",
            ),
            ('"dn": {"cn": null}', "dn.cn is null: write text in quotes, and leave out an option that is not set"),
        ],
    )
    @pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
    def test_the_advice_fits_the_format(self, lists: Lists, name: str, entry: str, told: str) -> None:
        written = f'{{"name": "anna", {entry}}}'
        assert lists.failure(f"[{written}]" if name == "a.json" else written, name) == f"{name}, line 1: anna: {told}"

    @pytest.mark.parametrize(
        ("cell", "told"),
        [
            ("key_length", "key_length is 'x', not a whole number"),
            ("force", "force is 'x', not true or false"),
            ("group_ids", "group_ids is a list, not a list of whole numbers"),
        ],
    )
    def test_a_bad_cell_is_told(self, lists: Lists, cell: str, told: str) -> None:
        assert lists.failure(f"name,{cell}\nanna,x\n", "a.csv") == f"a.csv, line 2: anna: {told}"

    def test_a_long_value_is_cut(self, lists: Lists) -> None:
        told = lists.failure(json.dumps({"name": "a", "force": "x" * 1000}), "a.jsonl")
        assert told == f"a.jsonl, line 1: a: force is '{'x' * 59}..., not true or false"

    def test_one_bad_entry_fails_alone(self, lists: Lists) -> None:
        found = lists.read("name,key_length\na,2048\nb,two\nc,3072\n", "a.csv")
        assert [(one.name, one.error is None) for one in found] == [("a", True), ("b", False), ("c", True)]
        assert [one.values.get("key_length") for one in found] == [2048, None, 3072]

    def test_required_options(self, lists: Lists) -> None:
        lists.spec = REQUESTED
        assert lists.failure('{"name": "a", "dn": {"cn": "a"}}', "a.jsonl") == "a.jsonl, line 1: a: provider is not set"
        told = lists.failure('{"name": "a", "dn": null, "provider": "CA"}', "b.jsonl")
        assert told == "b.jsonl, line 1: a: dn is not set"

    def test_choices(self, lists: Lists) -> None:
        lists.spec = {"name": {"type": "str", "required": True}, "size": {"type": "str", "choices": ["big", "small"]}}
        assert lists.given({"name": "a", "size": "big"})[0].values == {"name": "a", "size": "big"}
        (wrong,) = lists.given({"name": "a", "size": "huge"})
        assert str(wrong.error) == "certificates[0]: a: size is 'huge', not one of: big, small"

    def test_another_entry_spec(self, lists: Lists) -> None:
        lists.spec = FINALIZED
        (only,) = lists.read('{"name": "a", "certificate": "PEM"}', "a.jsonl")
        assert only.values == {"name": "a", "certificate": "PEM", "certificate_path": None}
        assert "there is no option 'dn'" in lists.failure('{"name": "a", "dn": {}}', "a.jsonl")

    def test_a_relative_path_is_in_the_folder_of_the_file(self, lists: Lists) -> None:
        written = '{"name": "a", "certificate_path": "in/a.pem"}\n{"name": "b", "certificate_path": "/b.pem"}\n'
        written += '{"name": "c", "certificate_path": ""}\n{"name": "d"}'
        paths = [one.values["certificate_path"] for one in lists.read(written, "a.jsonl")]
        assert paths == [str(lists.folder / "in" / "a.pem"), "/b.pem", "", None]
        (only,) = lists.given({"name": "a", "certificate_path": "in/a.pem"})
        assert only.values["certificate_path"] == "in/a.pem"


class TestDefaults:
    def test_an_entry_wins(self, lists: Lists) -> None:
        lists.defaults = {"provider": "CA", "key_length": "4096", "dn": {"o": "Example"}, "info": None}
        written = '{"name": "a"}\n{"name": "b", "provider": "B", "dn": {"cn": "b"}}\n{"name": "c", "key_length": null}'
        for found in (lists.read(written, "a.jsonl"), lists.given(*map(json.loads, written.splitlines()))):
            values = [(one.values["provider"], one.values["key_length"], one.values["dn"]) for one in found]
            assert values == [("CA", 4096, {"o": "Example"}), ("B", 4096, {"cn": "b"}), ("CA", 4096, {"o": "Example"})]
            assert [one.values["info"] for one in found] == [{}, {}, {}]

    def test_they_meet_a_requirement(self, lists: Lists) -> None:
        lists.spec = REQUESTED
        lists.defaults = {"provider": "CA", "dn": {"o": "Example"}}
        assert lists.given({"name": "a"})[0].error is None

    @pytest.mark.parametrize(
        ("defaults", "told"),
        [
            ({"name": "a"}, "each entry has a name of its own"),
            ({"providr": "CA"}, "there is no option 'providr'; did you mean provider?"),
            ({"key_length": "two"}, "key_length is 'two', not a whole number"),
            ({"dn": {"ou": 83}}, "dn.ou is the number 83: quote it in YAML, which otherwise changes what is written"),
        ],
    )
    def test_a_bad_default_fails_all(self, lists: Lists, defaults: dict[str, t.Any], told: str) -> None:
        lists.defaults = defaults
        for name, written in (("a.jsonl", "{}"), ("a.csv", "name\na\n")):
            assert lists.refusal(written, name).startswith(f"certificate_defaults: {told}")
        with pytest.raises(ConfigurationError, match=r"^certificate_defaults: "):
            lists.given()

    def test_there_may_be_none(self, lists: Lists) -> None:
        assert [one.values for one in read_values([{"name": "a"}], RENEWED, None, print)] == [whole({"name": "a"})]
        path = lists.folder / "a.csv"
        path.write_text("name\na\n")
        assert [one.values for one in read_file(str(path), RENEWED, None, print)] == [whole({"name": "a"})]


class TestSecrets:
    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("a.yml", "- {name: a, request_code: canary-1}\n- {name: b, request_code: 4711}"),
            ("a.json", '[{"name": "a", "request_code": "canary-1"}, {"name": "b", "request_code": 4711}]'),
            ("a.jsonl", '{"name": "a", "request_code": "canary-1"}\n{"name": "b", "request_code": 4711}'),
            ("a.csv", "name,request_code\na,canary-1\nb,4711\n"),
        ],
    )
    def test_each_is_told(self, lists: Lists, name: str, written: str) -> None:
        assert lists.read(written, name)[0].values["request_code"] == "canary-1"
        assert lists.secrets == ["canary-1", "4711"]

    @pytest.mark.parametrize("entry", [{"name": 7}, {}, {"name": "a", "colour": "red"}, {"name": "a", "force": "x"}])
    def test_before_an_error(self, lists: Lists, entry: dict[str, t.Any]) -> None:
        secret: dict[str, t.Any] = {"request_code": {"a": ["canary", True, None, 4711]}}
        with contextlib.suppress(ConfigurationError):
            lists.given({**entry, **secret})
        assert lists.secrets == ["canary", "4711"]

    def test_those_of_the_defaults(self, lists: Lists) -> None:
        lists.defaults = {"request_code": "canary"}
        (only,) = lists.given({"name": "a"})
        assert (only.values["request_code"], lists.secrets) == ("canary", ["canary"])

    def test_no_message_has_one(self, lists: Lists) -> None:
        for value in (4711, ["canary"], {"canary": "canary"}, True, b"canary"):
            (only,) = lists.given({"name": "a", "request_code": value})
            assert only.error is not None
            assert "canary" not in str(only.error)
            assert "4711" not in str(only.error)


@pytest.fixture
def validations(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Count the calls of Ansible's validator."""
    found: list[object] = []

    class Counting:
        def __init__(self, spec: Spec) -> None:
            self.validator = ArgumentSpecValidator(spec)

        def validate(self, parameters: dict[str, t.Any]) -> object:
            found.append(parameters)
            return self.validator.validate(parameters)

    monkeypatch.setattr(entries, "ArgumentSpecValidator", Counting)
    return found


class TestMany:
    ALL: t.ClassVar[dict[str, t.Any]] = {
        "dn": {"cn": "Anna", "ou": ["a", "b"]},
        "provider": "CA",
        "key_type": "RSA",
        "key_length": 3072,
        "hash_type": "SHA512",
        "info": {"a": {"b": ["c"]}},
        "group_ids": [1, 2],
        "subject_alt_name": ["DNS:a"],
        "request_code": "canary",
        "force": True,
        "renew_before": "30d",
        "certificate": "PEM",
        "certificate_path": "in/a.pem",
        "thumbprint": None,
    }

    def test_there_is_a_value_for_each_option(self) -> None:
        assert self.ALL.keys() | {"name"} == RENEWED.keys()

    @pytest.mark.parametrize("name", ["a.yml", "a.json", "a.jsonl"])
    def test_ansible_is_not_asked_about_values_of_the_right_type(
        self, lists: Lists, name: str, validations: list[object]
    ) -> None:
        listed = [{"name": f"n{number}", **self.ALL} for number in range(5000)]
        written = "\n".join(map(json.dumps, listed))
        found = lists.read(written if name == "a.jsonl" else json.dumps(listed), name)
        assert [one.name for one in found] == [entry["name"] for entry in listed]
        assert {one.error for one in found} == {None}
        assert validations == []

    def test_nor_about_cells(self, lists: Lists, validations: list[object]) -> None:
        lines = [f"n{number},Anna,CA,4096,yes,7,a.pem" for number in range(5000)]
        header = "name,dn.cn,provider,key_length,force,group_ids,certificate_path"
        found = lists.read("\n".join([header, *lines]), "a.csv")
        assert (len(found), {one.error for one in found}) == (5000, {None})
        assert validations == []

    def test_it_is_asked_about_the_others_only(self, lists: Lists, validations: list[object]) -> None:
        lists.given({"name": "a", **self.ALL}, {"name": "b", **self.ALL, "key_length": "2048"})
        assert validations == [{"key_length": "2048"}]

    @pytest.mark.parametrize(
        ("name", "begin", "line"),
        [("a.jsonl", "", '{{"name": "n{}"}}\n'), ("a.csv", "name\n", "n{}\n"), ("a.yml", "", "- name: n{}\n")],
    )
    def test_a_file_is_read_as_far_as_needed(self, lists: Lists, name: str, begin: str, line: str) -> None:
        path = lists.folder / name
        path.write_text(begin + "".join(line.format(number) for number in range(20_000)) + '"broken\n')
        found = read_file(str(path), RENEWED, {}, print)
        assert [next(found).name, next(found).name] == ["n0", "n1"]
        with pytest.raises(ConfigurationError, match=r"line 2000[123]: "):
            list(found)


NAME = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="./\\"), min_size=1, max_size=20
)
# YAML allows fewer characters, and a cell has no blanks around it.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)
WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
ENTRY = st.fixed_dictionaries(
    {"name": NAME},
    optional={
        "dn": st.dictionaries(WORD, TEXT, min_size=1, max_size=4),
        "provider": TEXT,
        "key_length": st.integers(0, 2**40),
        "force": st.booleans(),
        "group_ids": st.lists(st.integers(0, 10**6), min_size=1, max_size=3),
        "subject_alt_name": st.lists(WORD, min_size=1, max_size=3),
        "request_code": TEXT,
        "certificate_path": WORD,
    },
)


def in_csv(listed: list[dict[str, t.Any]]) -> str:
    """Write entries as a spreadsheet does."""
    attributes = list(dict.fromkeys(attribute for entry in listed for attribute in entry.get("dn", ())))
    options = [option for option in RENEWED if option not in ("dn", "info")]
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow([*options, *(f"dn.{attribute}" for attribute in attributes)])
    for entry in listed:
        cells = [" ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in map(entry.get, options)]
        rows.writerow([*cells, *map(entry.get("dn", {}).get, attributes)])
    return written.getvalue()


@settings(deadline=None, max_examples=60)
@given(listed=st.lists(ENTRY, max_size=5, unique_by=lambda entry: entry["name"]))
def test_the_formats_say_the_same(listed: list[dict[str, t.Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    lists = Lists(tmp_path_factory.getbasetemp())
    written = {
        "same.json": json.dumps(listed, ensure_ascii=False, indent=1),
        "same.jsonl": "\n".join(map(json.dumps, listed)),
        "same.yml": yaml.safe_dump(listed, allow_unicode=True),
        "same.yaml": yaml.safe_dump({"certificates": listed}, default_flow_style=True),
        "same.csv": in_csv(listed),
    }
    found = {
        name: [(one.name, one.values, one.error) for one in lists.read(text, name)] for name, text in written.items()
    }
    folder = str(lists.folder)
    for entry in listed:
        if "certificate_path" in entry:
            entry["certificate_path"] = f"{folder}/{entry['certificate_path']}"
    expected = [(entry["name"], whole(entry), None) for entry in listed]
    for name, values in found.items():
        assert values == expected, name
    assert [(one.name, one.values, one.error) for one in lists.given(*listed)] == expected
