# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kept session as JSON, written by this release and by others."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import Tokens
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._session.kept import KeptSession

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
HOUR = dt.timedelta(hours=1)
SESSION = KeptSession(Tokens("access", "refresh", NOW + 3 * HOUR), NOW, NOW + 2 * HOUR, 1, NOW + HOUR)


def read(data: object) -> KeptSession:
    return KeptSession.from_json(json.loads(json.dumps(data)))


def test_it_comes_back_as_it_was() -> None:
    assert read(SESSION.to_json()) == SESSION
    bare = KeptSession(Tokens("access"), NOW)
    assert read(bare.to_json()) == bare


@pytest.mark.parametrize(
    ("member", "default"),
    [
        ("refresh_token", dataclasses.replace(SESSION, tokens=Tokens("access", None, NOW + 3 * HOUR))),
        ("expires_at", dataclasses.replace(SESSION, tokens=Tokens("access", "refresh"))),
        ("ends_at", dataclasses.replace(SESSION, ends_at=NOW + 3 * HOUR)),
        ("refreshing", dataclasses.replace(SESSION, unanswered=0)),
        ("refused_at", dataclasses.replace(SESSION, refused_at=None)),
    ],
)
def test_what_is_missing_has_its_default(member: str, default: KeptSession) -> None:
    data = SESSION.to_json()
    del data[member]
    assert read(data) == default


@pytest.mark.parametrize("member", ["access_token", "opened_at"])
def test_what_has_no_default_must_be_there(member: str) -> None:
    data = SESSION.to_json()
    del data[member]
    with pytest.raises(KeyError, match=member):
        read(data)


@pytest.mark.parametrize("data", [None, [], "text", {"access_token": "a", "opened_at": 7}])
def test_what_is_no_session_is_an_error(data: t.Any) -> None:
    with pytest.raises((KeyError, TypeError)):
        read(data)


def test_what_is_unknown_stays_as_long_as_its_tokens_do() -> None:
    newer = {**SESSION.to_json(), "user": {"name": "ana"}}
    found = read(newer)
    sent = dataclasses.replace(found, unanswered=found.unanswered + 1)
    assert sent.to_json() == {**newer, "refreshing": 2}


def test_no_repr_shows_a_secret() -> None:
    newer = {**SESSION.to_json(), "access_token": "canary", "refresh_token": "canary", "third_token": "canary"}
    assert "canary" not in repr(read(newer))
