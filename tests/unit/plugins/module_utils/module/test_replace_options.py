# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option replace: what it selects, and what is said of a value that cannot be used."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import Criteria
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.replace_options import REPLACE, Wanted
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import certificate_pem
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.enroll.world import (
    DAY,
    NOW,
    root,
)

CA = root("www", NOW + DAY)


def wanted(**given: t.Any) -> Wanted:
    options = dict.fromkeys(REPLACE["replace"]["options"])
    found = Wanted.read({"replace": {**options, "state": "open", **given}})
    assert found is not None
    return found


def criteria(**given: t.Any) -> Criteria:
    return wanted(**given).criteria


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with files for the options."""
    files = {
        "serials.txt": "# wrongly issued\n0a:1b:2c\n\n0x0D\n",
        "names.txt": "\ufeffana\n\n# somebody else\n  jordi puig \n",
        "names.csv": "name,dn.cn,provider\nana,Ana,CA\njordi puig,Jordi,CA\n",
        "names.jsonl": '{"name": "ana"}\n{"name": "jordi puig", "key_length": "two"}\n',
        "names.yml": "- name: ana\n- name: jordi puig\n  dn: {cn: Jordi}\n",
        "empty.txt": "\n# nobody\n",
        "ca.pem": certificate_pem(CA),
        "cas.pem": certificate_pem(CA) + certificate_pem(root("other", NOW + DAY)),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"ana p\xe9rez\n")
    return tmp_path


def test_without_the_option_there_is_none() -> None:
    assert Wanted.read({"replace": None}) is None
    assert Wanted.read({}) is None


def test_each_criterion(folder: Path) -> None:
    assert criteria(issuer=" CN=Old CA,O=Example ").issuer == "CN=Old CA,O=Example"
    assert criteria(issuer_path=str(folder / "ca.pem")).issuer_certificate == CA
    numbers = frozenset({0x0A1B2C, 13})
    assert criteria(serial_numbers=["0A:1B:2C", " d "]).serial_numbers == numbers
    assert criteria(serial_numbers_file=str(folder / "serials.txt")).serial_numbers == numbers
    assert criteria(provider="CA", key_type="RSA") == Criteria(provider="CA", key_type="RSA")


@pytest.mark.parametrize("name", ["names.txt", "names.csv", "names.jsonl", "names.yml"])
def test_names_in_a_file(folder: Path, name: str) -> None:
    assert criteria(names_file=str(folder / name)).names == frozenset({"ana", "jordi puig"})
    assert criteria(names=["jordi puig", "ana"]).names == frozenset({"ana", "jordi puig"})


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-01-31", 0),
        ("2026-01-31T06:00:00Z", 6),
        ("2026-01-31 06:00", 6),
        ("2026-01-31T06:00:00+02:00", 4),
    ],
)
def test_a_time(text: str, hour: int) -> None:
    moment = dt.datetime(2026, 1, 31, hour, tzinfo=dt.timezone.utc)
    assert criteria(issued_before=text).issued_before == moment
    assert wanted(provider="CA", deadline=text).deadline == moment


def test_a_deadline_may_be_a_time_from_the_beginning_on() -> None:
    assert wanted(provider="CA", deadline="1d12h").deadline == dt.timedelta(hours=36)
    assert wanted(provider="CA").deadline is None


def test_the_id() -> None:
    assert wanted(id="CA of 2026-06", provider="CA").id == "CA of 2026-06"
    assert wanted(provider="CA").id == Criteria(provider="CA").default_id
    assert wanted(provider="CA", deadline="24h").id == wanted(provider="CA").id, "a deadline is no other replacement"
    only = wanted(id="known", state="ended")
    assert (only.ends, bool(only.criteria)) == (True, False)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "replace needs an id, or at least one of issuer, issuer_path, serial_numbers, "),
        ({"deadline": "24h"}, "replace needs an id"),
        ({"state": "ended"}, "replace needs an id"),
        ({"id": "", "provider": "CA"}, "replace.id must be 1 to 64 letters"),
        ({"id": "a/b", "provider": "CA"}, "replace.id must be .* not 'a/b'"),
        ({"id": 65 * "a", "provider": "CA"}, "replace.id must be"),
        ({"issuer": ""}, "replace.issuer is empty"),
        ({"issuer": "CN=a,,"}, "replace.issuer: it is no distinguished name such as .* from ',' on"),
        ({"issuer": "favourite=a"}, "replace.issuer: dn attribute 'favourite' is not known"),
        ({"issuer": "a", "issuer_path": "/a"}, "replace.issuer and replace.issuer_path are both set"),
        ({"issuer_path": "nowhere.pem"}, "replace.issuer_path: .*nowhere.pem cannot be read [(]No such file"),
        ({"issuer_path": "~/a.pem"}, "replace.issuer_path is '~/a.pem'"),
        ({"issuer_path": "names.txt"}, "replace.issuer_path: .*names.txt: "),
        ({"issuer_path": "cas.pem"}, "replace.issuer_path: .*cas.pem has 2 certificates: leave only that of the CA"),
        ({"serial_numbers": []}, "replace.serial_numbers is empty"),
        ({"serial_numbers": ["12", "0xyz"]}, "replace.serial_numbers must be serial numbers in hex, .* not '0xyz'"),
        ({"serial_numbers": [""]}, "replace.serial_numbers must be serial numbers in hex, .* not ''"),
        ({"serial_numbers": ["1"], "serial_numbers_file": "a"}, "replace.serial_numbers and replace.serial_numbers_fi"),
        ({"serial_numbers_file": "names.txt"}, "replace.serial_numbers_file must be .* not 'ana'"),
        ({"serial_numbers_file": "empty.txt"}, "replace.serial_numbers_file is empty"),
        ({"provider": " "}, "replace.provider is empty"),
        ({"key_type": ""}, "replace.key_type is empty"),
        ({"issued_before": "yesterday"}, "replace.issued_before must be a time such as .* not 'yesterday'"),
        ({"issued_before": "24h"}, "replace.issued_before must be a time such as .* not '24h'"),
        ({"names": []}, "replace.names is empty"),
        ({"names": ["a"], "names_file": "a"}, "replace.names and replace.names_file are both set"),
        ({"names_file": "empty.txt"}, "replace.names_file is empty"),
        ({"names_file": "nowhere.txt"}, "replace.names_file: .*nowhere.txt cannot be read"),
        ({"names_file": "nowhere.csv"}, "nowhere.csv cannot be read"),
        ({"names_file": "latin.txt"}, "replace.names_file: .*latin.txt is not text in UTF-8"),
        ({"provider": "CA", "deadline": "soon"}, "replace.deadline must be a duration .* or a time such as .*'soon'"),
        ({"provider": "CA", "deadline": "0h"}, "replace.deadline must be longer than no time at all"),
        ({"provider": "CA", "deadline": "2026-13-01"}, "replace.deadline must be a time such as .*'2026-13-01'"),
    ],
)
def test_what_cannot_be_used(folder: Path, given: dict[str, t.Any], problem: str) -> None:
    local = {
        name: str(folder / value) if name.endswith(("_path", "_file")) and value[:1] not in "~/" else value
        for name, value in given.items()
    }
    with pytest.raises(ConfigurationError, match=problem):
        wanted(**local)
