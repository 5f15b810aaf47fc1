# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any revision is stored and read back unchanged."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import revision_rows
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Store,
    open_postgresql,
    open_store,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.key_file import Key

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

# Texts that every store can hold: PostgreSQL accepts no NUL, and no encoding accepts a lone surrogate.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
FILLED = TEXT.filter(lambda text: bool(text.strip()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
DATES = st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001
SPECS = st.builds(
    CertificateSpec,
    name=TEXT,
    dn=st.builds(DistinguishedName, st.lists(st.tuples(FILLED, FILLED), min_size=1, max_size=4).map(tuple)),
    provider=TEXT,
    key_type=TEXT,
    key_length=st.integers(),
    hash_type=TEXT,
    info=st.dictionaries(TEXT, JSON, max_size=3),
    group_ids=st.lists(st.integers(), max_size=3).map(tuple),
    request_code=st.none(),
)
REVISIONS = st.builds(
    Revision,
    service=TEXT,
    name=TEXT,
    revision=st.integers(1, 2**31 - 1),
    attempt=st.integers(1, 2**31 - 1),
    state=st.sampled_from(State),
    spec=SPECS,
    generation=st.just(0),
    renews=st.none() | TEXT,
    request_code=st.none() | TEXT,
    csr=st.none() | st.binary(),
    certificate=st.none() | st.binary(),
    chain=st.lists(st.binary(), max_size=3).map(tuple),
    thumbprint=st.none() | TEXT,
    not_valid_before=DATES,
    not_valid_after=DATES,
    certificate_id=st.none() | TEXT,
    adopted=st.booleans(),
    upload_started=st.booleans(),
    note=st.none() | TEXT,
    signing_since=DATES,
    failures=st.integers(0, 2**31 - 1),
    retry_at=DATES,
    created_at=st.none(),
    updated_at=st.none(),
).map(lambda revision: dataclasses.replace(revision, spec=dataclasses.replace(revision.spec, name=revision.name)))
KEY = Key(bytes(range(32)), Path("/s.key"))
VALUES = st.lists(st.none() | st.integers(0, 20) | TEXT | st.binary(max_size=4), max_size=4)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.process)])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Store]:
    if request.param == "sqlite":
        store = open_store(str(tmp_path_factory.mktemp("rows") / "store.db"))
    else:
        dsn = request.getfixturevalue("postgres").database()
        store = open_postgresql(dsn, "a store key, for tests", warn=pytest.fail)
    with store as opened:
        yield opened


@settings(database=None, deadline=None)
@given(revision=REVISIONS)
def test_any_revision_comes_back_as_it_was(shared: Store, revision: Revision) -> None:
    service = f"{len(shared.enrollments())} {revision.service}"
    revision = dataclasses.replace(revision, service=service)
    (stored,) = shared.put(revision)
    (found,) = shared.enrollment(service, revision.name).revisions
    assert found == stored
    assert dataclasses.replace(found, generation=0, created_at=None, updated_at=None) == revision
    dates = (found.not_valid_before, found.not_valid_after, found.signing_since, found.retry_at)
    assert all(date.utcoffset() == dt.timedelta(0) for date in dates if date)


@settings(database=None)
@given(first=DATES, second=DATES)
def test_dates_sort_as_text(first: dt.datetime | None, second: dt.datetime | None) -> None:
    if first and second:
        assert (revision_rows.date_to_text(first) < revision_rows.date_to_text(second)) == (first < second)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_dates_are_iso_8601_in_utc(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    noon = dt.datetime(2026, 11, 23, 12, 0, 0, 5, dt.timezone(dt.timedelta(hours=2)))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        text = revision_rows.date_to_text(noon)
    time.tzset()
    assert text == "2026-11-23T10:00:00.000005Z"


def test_every_field_has_its_column() -> None:
    assert {*revision_rows.COLUMNS, "stored_as"} == {field.name for field in dataclasses.fields(Revision)}


@pytest.mark.parametrize(
    ("column", "value"),
    [("state", "melted"), ("spec", "{}"), ("chain", "[1]"), ("chain", '["?"]'), ("updated_at", "then")],
)
def test_a_row_of_another_release_names_store_and_row(make: MakeRevision, column: str, value: str) -> None:
    row = revision_rows.to_row(make(revision=7, request_code="R-SECRET"), KEY)
    row[column] = value
    del row["checksum"]
    values = [*row.values(), revision_rows.checksum(row.values())]
    with pytest.raises(StoreError, match=r"^store /s: the row of 'www', revision 7.*newer release") as caught:
        revision_rows.from_row(values, "/s", KEY)
    assert "R-SECRET" not in str(caught.value)


@pytest.mark.parametrize("column", [column for column in revision_rows.STORED if column not in ("name", "revision")])
def test_a_value_that_changes_by_itself_is_an_error(make: MakeRevision, column: str) -> None:
    row = revision_rows.to_row(make(), KEY)
    row[column] = "x" if row[column] is None else None
    with pytest.raises(StoreError, match="checksum"):
        revision_rows.from_row(list(row.values()), "/s", KEY)


@settings(database=None)
@given(first=VALUES, second=VALUES)
def test_a_checksum_is_that_of_one_row_only(first: list[object], second: list[object]) -> None:
    alike = [(type(value), value) for value in first] == [(type(value), value) for value in second]
    assert (revision_rows.checksum(first) == revision_rows.checksum(second)) == alike


def test_a_request_code_opens_in_its_own_row_only(make: MakeRevision) -> None:
    row = revision_rows.to_row(make(request_code="R-SECRET"), KEY)
    assert revision_rows.from_row(list(row.values()), "/s", KEY).request_code == "R-SECRET"
    assert revision_rows.from_row(list(row.values()), "/s", None).request_code is None
    other = revision_rows.to_row(make(attempt=2), KEY) | {"request_code": row["request_code"]}
    del other["checksum"]
    with pytest.raises(StoreError, match=r"store key /s.key.*same backup") as caught:
        revision_rows.from_row([*other.values(), revision_rows.checksum(other.values())], "/s", KEY)
    assert "R-SECRET" not in str(caught.value)
