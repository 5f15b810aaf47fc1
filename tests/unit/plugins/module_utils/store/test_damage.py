# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that was cut or changed on the disk: refused and left as it is, or read as it was written, never otherwise.

Each test tries about a hundred places, evenly spread. CERTIFICATE_ENROLL_DAMAGES sets the number.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import os
import random
import shutil
import sqlite3
import struct
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import PENDING, Enrollment, State
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store import wal
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.sqlite import SqliteStore

if t.TYPE_CHECKING:
    from .conftest import MakeRevision

PLACES = int(os.environ.get("CERTIFICATE_ENROLL_DAMAGES", "100"))
NAME = "store.db"
LOG = f"{NAME}-wal"


@dataclasses.dataclass(frozen=True)
class Sample:
    """The files of a store, and its content after each write; ``ends`` are the lengths of the log at those times."""

    files: c.Mapping[str, bytes]
    history: c.Sequence[c.Sequence[Enrollment]]
    ends: c.Sequence[int]

    @property
    def last(self) -> c.Sequence[Enrollment]:
        return self.history[-1]


@pytest.fixture(scope="module")
def samples(make: MakeRevision, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """A closed store, and one after its last run was killed: half of it is in the log."""
    folder = tmp_path_factory.mktemp("samples")
    chance = random.Random(3)
    history, ends = [], []
    with SqliteStore(str(folder / NAME)) as store:
        for number, state in enumerate([*State, *State]):
            row = make(f"{number:02}", state=state, csr=chance.randbytes(300), certificate=chance.randbytes(900))
            row = dataclasses.replace(row, request_code=f"R-{number}" if state in PENDING else None)
            store.put(dataclasses.replace(row, chain=(chance.randbytes(4000),) if number % 4 == 0 else ()))
            if number == 8:
                store.connections.writer().connection.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            history.append(store.enrollments())
            ends.append((folder / LOG).stat().st_size)
        killed = {name: (folder / name).read_bytes() for name in (NAME, LOG, f"{NAME}.key")}
    rest = {name: (folder / name).read_bytes() for name in (NAME, f"{NAME}.key")}
    return {"killed": Sample(killed, history, ends), "at rest": Sample(rest, history, ends)}


@pytest.fixture
def neighbour(tmp_path: Path, make: MakeRevision) -> c.Iterator[Store]:
    """Another store of the same process, in the same directory, that must stay as it is."""
    with open_store(str(tmp_path / "neighbour.db")) as store:
        (stored,) = store.put(make("neighbour", request_code="R-N"))
        yield store
        (stored,) = store.put(stored)
        assert store.enrollment("redtrust", "neighbour").revisions == (stored,)


def lay(directory: Path, files: c.Mapping[str, bytes]) -> Path:
    """Write the files of a store, and nothing else of that store."""
    for left in directory.glob(f"{NAME}*"):
        left.unlink()
    for name, content in files.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o600)
    return directory / NAME


def outcome(path: Path, *, read_only: bool) -> list[Enrollment] | None:
    """Return the content that a store reads; None if it refuses, names its path, and changes no file."""
    files = [file for file in path.parent.glob(f"{NAME}*") if not file.name.endswith("-shm")]
    before = {file: file.read_bytes() for file in files}
    try:
        with open_store(str(path), read_only=read_only) as store:
            found = store.enrollments()
            assert [store.enrollment(one.service, one.name) for one in found] == found
    except StoreError as exc:
        said = str(exc)
    else:
        return found
    assert str(path) in said
    assert len(said) < 600
    assert {file: file.read_bytes() for file in before} == before
    return None


def without_codes(history: c.Iterable[c.Sequence[Enrollment]]) -> list[list[Enrollment]]:
    return [
        [
            dataclasses.replace(
                one, revisions=tuple(dataclasses.replace(row, request_code=None) for row in one.revisions)
            )
            for one in found
        ]
        for found in history
    ]


def spread(end: int, count: int = PLACES) -> range:
    """Return about this many numbers below ``end``, at an odd distance, so that they reach each bit of a byte."""
    return range(0, end, max(1, end // count) | 1)


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.usefixtures("neighbour")
def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path, samples: dict[str, Sample], read_only: bool) -> None:
    whole = samples["at rest"].files
    pages = range(0, len(whole[NAME]), 4096)
    for length in sorted({*spread(len(whole[NAME])), *pages, *(page - 1 for page in pages[1:]), *range(0, 200, 20)}):
        path = lay(tmp_path, {**whole, NAME: whole[NAME][:length]})
        assert outcome(path, read_only=read_only) is None, f"cut after {length} bytes"


def test_a_file_that_was_cut_where_nothing_is_stored_is_refused(tmp_path: Path, samples: dict[str, Sample]) -> None:
    path = lay(tmp_path, samples["at rest"].files)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM revisions")
    with open_store(str(path)) as store:
        assert store.enrollments() == []
    path.write_bytes(path.read_bytes()[:-1])
    assert outcome(path, read_only=False) is None


@pytest.mark.usefixtures("neighbour")
def test_a_file_that_was_cut_under_its_log_is_refused_or_mended_by_it(
    tmp_path: Path, samples: dict[str, Sample]
) -> None:
    sample = samples["killed"]
    mended = 0
    for length in spread(len(sample.files[NAME])):
        found = outcome(lay(tmp_path, {**sample.files, NAME: sample.files[NAME][:length]}), read_only=False)
        assert found in (None, sample.last), f"cut after {length} bytes"
        mended += found is not None
    assert outcome(lay(tmp_path, sample.files), read_only=False) == sample.last
    assert mended < PLACES


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.usefixtures("neighbour")
def test_a_log_that_was_cut_gives_what_was_committed_before(
    tmp_path: Path, samples: dict[str, Sample], read_only: bool
) -> None:
    """A log that was cut looks like a log that was not written further."""
    sample = samples["killed"]
    history = without_codes(sample.history) if read_only else sample.history
    for length in spread(len(sample.files[LOG])):
        found = outcome(lay(tmp_path, {**sample.files, LOG: sample.files[LOG][:length]}), read_only=read_only)
        committed = max((index for index, end in enumerate(sample.ends) if index > 8 and end <= length), default=8)
        assert found == history[committed], f"cut after {length} bytes"


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.usefixtures("neighbour")
def test_a_bit_that_flipped_is_found_or_means_nothing(
    tmp_path: Path, samples: dict[str, Sample], read_only: bool
) -> None:
    whole = samples["at rest"].files
    (last,) = without_codes([samples["at rest"].last]) if read_only else [samples["at rest"].last]
    refused = 0
    for bit in sorted({*spread(8 * len(whole[NAME])), *spread(800, 100)}):
        found = outcome(lay(tmp_path, {**whole, NAME: flipped(whole[NAME], bit)}), read_only=read_only)
        assert found in (None, last), f"bit {bit}"
        refused += found is None
    assert refused > PLACES // 4


def test_a_name_that_reads_otherwise_in_an_index_hides_nothing(tmp_path: Path, samples: dict[str, Sample]) -> None:
    """A second certificate would be issued for an enrollment that is not found by its name."""
    whole = samples["at rest"].files
    place, tried = whole[NAME].find(b"redtrust07"), 0
    while place >= 0:
        path = lay(tmp_path, {**whole, NAME: flipped(whole[NAME], 8 * (place + 9))})
        with pytest.raises(StoreError, match="damaged"), open_store(str(path)) as store:
            store.enrollment("redtrust", "07")
        place, tried = whole[NAME].find(b"redtrust07", place + 1), tried + 1
    assert tried >= 2, "the table and its key at least"


@pytest.mark.usefixtures("neighbour")
def test_a_bit_that_flipped_in_the_log_is_found_but_at_its_very_end(tmp_path: Path, samples: dict[str, Sample]) -> None:
    """The last transaction may be lost: a machine that fails while writing it leaves the same."""
    sample = samples["killed"]
    before = sample.ends[-2]
    for bit in sorted({*spread(8 * len(sample.files[LOG])), *range(8 * before - 8 * 4120, 8 * before - 8 * 4096, 7)}):
        found = outcome(lay(tmp_path, {**sample.files, LOG: flipped(sample.files[LOG], bit)}), read_only=False)
        assert found in ((None,) if bit < 8 * before else (None, sample.last, sample.history[-2])), f"bit {bit}"


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("version", [0, 6, 18])
def test_another_version_in_the_header_runs_no_upgrade_over_what_is_there(
    tmp_path: Path, samples: dict[str, Sample], version: int
) -> None:
    whole = samples["at rest"].files
    content = bytearray(whole[NAME])
    content[60:64] = struct.pack(">I", version)
    assert outcome(lay(tmp_path, {**whole, NAME: bytes(content)}), read_only=False) is None


@pytest.mark.parametrize(
    ("before", "after"), [("'finalized'", "'finalizee'"), ("request_code TEXT", "request_code TEXU")]
)
def test_a_table_that_reads_otherwise_is_refused(
    tmp_path: Path, samples: dict[str, Sample], before: str, after: str
) -> None:
    """Neither of these is an error to SQLite, and neither shows in an existing row."""
    path = lay(tmp_path, samples["at rest"].files)
    with open_store(str(path)) as store:
        rows = [one.latest for one in store.enrollments() if one.current]
        store.put(*(row.moved(State.SUPERSEDED) for row in rows if row))
    content = path.read_bytes()
    assert before.encode() in content
    path.write_bytes(content.replace(before.encode(), after.encode()))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert outcome(path, read_only=False) is None


def test_a_lease_that_cannot_be_read_is_an_error_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with open_store(str(path)) as store:
        store.acquire(["a"], "first", 3600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE leases SET expires_at = '9x' || expires_at")
    with open_store(str(path)) as store, pytest.raises(StoreError, match=r"lease of 'a'.*backup") as caught:
        store.acquire(["a"], "second", 60)
    assert str(path) in str(caught.value)


FRAME = 24 + 4096


def sums(words: c.Iterable[int], first: int, second: int) -> tuple[int, int]:
    """Return the checksum of a log as the description of its format has it."""
    for one, other in zip(*[iter(words)] * 2, strict=True):
        first = (first + one + second) % 2**32
        second = (second + other + first) % 2**32
    return first, second


def as_the_other_machine_writes_it(content: bytes) -> bytes:
    """Return a log with the checksums that a big-endian machine writes."""
    begin = struct.pack(">I", 0x377F0683) + content[4:24]
    found = sums(struct.unpack(">6I", begin), 0, 0)
    written = begin + struct.pack(">2I", *found)
    for start in range(32, len(content), FRAME):
        frame = content[start : start + FRAME]
        found = sums(struct.unpack(">1026I", frame[:8] + frame[24:]), *found)
        written += frame[:16] + struct.pack(">2I", *found) + frame[24:]
    return written


class TestLog:
    """Facts that the frames of a log show; SQLite itself wrote them."""

    @pytest.fixture
    def log(self, tmp_path: Path, samples: dict[str, Sample]) -> Path:
        return lay(tmp_path, samples["killed"].files).with_name(LOG)

    def test_one_that_is_whole(self, log: Path) -> None:
        assert not wal.is_damaged(log)
        assert wal.size(log) == len(log.read_bytes())

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        assert not wal.is_damaged(tmp_path / LOG)
        assert wal.size(tmp_path / LOG) == 0

    def test_one_of_a_machine_with_the_other_byte_order(self, log: Path, samples: dict[str, Sample]) -> None:
        sample = samples["killed"]
        other = as_the_other_machine_writes_it(sample.files[LOG])
        log.write_bytes(other)
        assert not wal.is_damaged(log)
        log.write_bytes(flipped(other, 8 * 5000))
        assert wal.is_damaged(log)
        assert outcome(lay(log.parent, {**sample.files, LOG: other}), read_only=False) == sample.last

    @pytest.mark.parametrize("page_size", [512, 65536])
    def test_one_with_the_smallest_and_the_largest_pages(self, tmp_path: Path, page_size: int) -> None:
        log = tmp_path / LOG
        with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {page_size}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE x (y)")
            for number in range(4):
                connection.execute("INSERT INTO x VALUES (?)", (number,))
            content = log.read_bytes()
            assert not wal.is_damaged(log)
            (tmp_path / "copy").write_bytes(flipped(content, 8 * (32 + 24 + page_size + 24)))
        assert wal.is_damaged(tmp_path / "copy")

    @pytest.mark.parametrize("bit", range(0, 8 * 32, 7))
    def test_one_whose_header_changed_is_damaged(self, log: Path, bit: int) -> None:
        log.write_bytes(flipped(log.read_bytes(), bit))
        assert wal.is_damaged(log)

    def test_one_whose_header_was_lost_is_damaged(self, log: Path) -> None:
        """The checksum of zeros is zero."""
        log.write_bytes(bytes(32) + log.read_bytes()[32:])
        assert wal.is_damaged(log)

    @pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 32 + FRAME - 1])
    def test_one_without_a_frame_is_whole(self, log: Path, length: int) -> None:
        log.write_bytes(log.read_bytes()[:length])
        assert not wal.is_damaged(log)

    def test_the_rest_of_an_earlier_use_is_no_damage(self, log: Path) -> None:
        """After a checkpoint SQLite starts the log again, over its old content."""
        content = log.read_bytes()
        path = log.with_name("other.db")
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE x (y)")
        connection.execute("INSERT INTO x VALUES (1)")
        fresh = path.with_name("other.db-wal").read_bytes()
        connection.close()
        assert len(fresh) < len(content) - 2 * FRAME
        log.write_bytes(fresh + content[len(fresh) :])
        assert not wal.is_damaged(log)

    def test_a_transaction_that_was_torn_is_no_damage(self, log: Path, samples: dict[str, Sample]) -> None:
        """A machine that fails leaves any part of the last transaction; the committed ones are before it."""
        content = log.read_bytes()
        start = samples["killed"].ends[-2]
        for frame in range(start, len(content), FRAME):
            for torn in (content[:frame] + bytes(FRAME), content[: frame + 24] + bytes(4096)):
                log.write_bytes(torn + content[len(torn) :])
                assert not wal.is_damaged(log)

    def test_what_is_left_of_a_torn_one_behind_the_next_is_no_damage(
        self, log: Path, samples: dict[str, Sample]
    ) -> None:
        """The next transaction is shorter, and the frames behind it have the same salt."""
        sample = samples["killed"]
        torn = bytearray(sample.files[LOG])
        torn[sample.ends[-2] + 24] ^= 1
        path = lay(log.parent, {**sample.files, LOG: bytes(torn)})
        with open_store(str(path)) as store:
            store.put_session("session/a", b"one page", 0)
            assert log.stat().st_size == len(torn)
            shutil.copy(log, log.with_name("copy"))
        assert not wal.is_damaged(log.with_name("copy"))
