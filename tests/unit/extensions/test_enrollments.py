# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the event source, its documentation, and how ansible-rulebook loads it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.extensions.eda.plugins.event_source import enrollments
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError, StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._watch.api import KINDS
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.watch.telling import row

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / ".tree/ansible_collections/redtrust/certificate_enroll/extensions/eda/plugins/event_source/enrollments.py"
ARGS = {"service": "svc"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE_PATH", "STORE_DSN", "STORE_KEY", "SERVICE"):
        monkeypatch.delenv(f"REDTRUST_{name}", raising=False)


def test_the_defaults() -> None:
    read = enrollments.read_source(ARGS)
    assert (read.service, read.position, read.interval) == ("svc", "default", 10.0)
    rules = read.rules
    assert rules.kinds == frozenset(KINDS)
    assert (rules.soon, rules.patience, rules.remind) == (dt.timedelta(days=30), dt.timedelta(days=1), None)


def test_values_may_be_text_as_templates_make_them() -> None:
    given = {"kinds": ["due"], "soon": "12h", "waiting_longer_than": "2h", "remind": "6h", "interval": "30"}
    read = enrollments.read_source({**ARGS, **given, "renew_before": "never", "position": "a.b-c_1"})
    rules = read.rules
    assert (read.interval, rules.kinds, rules.policy.renew_before.never) == (30.0, frozenset(["due"]), True)
    assert (rules.soon, rules.patience, rules.remind) == tuple(dt.timedelta(hours=hours) for hours in (12, 2, 6))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "service is not set"),
        ({"servce": "svc"}, "servce. Supported parameters include"),
        ({**ARGS, "kinds": ["new"]}, "value of kinds must be one or more of"),
        ({**ARGS, "soon": "a month"}, "soon must be a duration"),
        ({**ARGS, "waiting_longer_than": "1 day"}, "waiting_longer_than must be a duration"),
        ({**ARGS, "remind": "10s"}, "remind must be at least a minute"),
        ({**ARGS, "interval": 0}, "interval must be at least 1 second"),
        ({**ARGS, "interval": "nan"}, "interval must be at least 1 second"),
        ({**ARGS, "position": "a/b"}, "position must be 1 to 64 letters"),
        ({**ARGS, "store_dsn": "host=db"}, "store_dsn needs store_key"),
        ({**ARGS, "store_dsn": "host=db", "store_key": "a" * 16, "store_path": "/x"}, "give one of them"),
        ({**ARGS, "renew_before": "soon"}, "renew_before must be"),
        ({**ARGS, "renewal_windows": [{"from": 1320, "to": "23:00"}]}, "must be a time of the day"),
    ],
)
def test_a_wrong_argument(args: dict[str, t.Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        enrollments.read_source(args)


def test_a_store_that_is_missing_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "state" / "mistyped.db"
    with pytest.raises(StoreError, match=r"mistyped.db: there is none; give the place of the one that the jobs use"):
        asyncio.run(enrollments.main(None, {**ARGS, "store_path": str(path)}))
    assert not path.parent.exists()


def test_the_environment_may_name_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state" / "store.db"
    open_store(str(path)).close()
    monkeypatch.setenv("REDTRUST_STORE_PATH", str(path))
    monkeypatch.setenv("REDTRUST_SERVICE", "of the environment")
    read = enrollments.read_source({})
    assert read.service == "of the environment"
    with read.open_store() as store:
        assert store.names("x") == []
    assert path.is_file()


@pytest.mark.process
def test_it_is_run_by_its_path_without_the_loader_of_ansible(tmp_path: Path) -> None:
    path = tmp_path / "state" / "store.db"
    with open_store(str(path)) as store:
        store.put(row("www", days=10))
    done = subprocess.run(
        [sys.executable, "-c", _AS_ANSIBLE_RULEBOOK, str(FILE), str(path)],
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("expiring of www\n", "")


_AS_ANSIBLE_RULEBOOK = """
import asyncio
import runpy
import sys

async def play():
    queue = asyncio.Queue(1)
    main = runpy.run_path(sys.argv[1])["main"]
    task = asyncio.create_task(main(queue, {"service": "svc", "store_path": sys.argv[2], "kinds": ["expiring"]}))
    event = await queue.get()
    print(event["kind"], "of", event["name"])
    task.cancel()

asyncio.run(play())
"""


def test_the_documentation_has_each_argument() -> None:
    documented = yaml.safe_load(enrollments.DOCUMENTATION)["options"]
    assert documented.keys() == enrollments._SPEC.keys()
    for name, option in documented.items():
        rule = enrollments._SPEC[name]
        assert option["type"] == rule["type"], name
        assert option.get("choices") == rule.get("choices"), name
        assert option.get("default") == rule.get("default"), name


def test_the_examples_can_be_read() -> None:
    (ruleset,) = yaml.safe_load(enrollments.EXAMPLES)
    ((_name, args),) = ruleset["sources"][0].items()
    assert enrollments.read_source(args).rules.kinds == {"due", "waiting"}
