# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the log of a SQLite store (its ``-wal`` file) is whole.

SQLite takes the first frame of a log that does not fit for the end of the log, since a machine that fails may leave
such a frame. So a bit that flips there makes everything vanish that was committed later, without a word: a certificate
that was issued would be issued a second time. But SQLite begins a transaction only when the one before is on the disk.
Where a whole transaction follows the frame that does not fit, that frame was whole once, and the log is damaged.
The format: <https://www.sqlite.org/fileformat2.html#walformat>.

Nothing simpler keeps that promise. SQLite has no check for it: ``integrity_check`` sees only the frames that it
accepts. The checksum of a row does not tell that a later row is missing. The number of frames that SQLite accepts is
known only once the log is open, and without the checksums the remains of a torn transaction look like damage. A
checkpoint after each commit costs two more flushes, and leaves the log as it is while another process reads. With a
rollback journal there is no such log, but then readers and writers wait for each other.
"""

from __future__ import annotations

import dataclasses
import pathlib
import struct
import typing as t

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682  # the lowest bit says in which byte order the checksum reads its words
_MASK = 0xFFFFFFFF

Sums = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class _Frame:
    """One page in the log. ``fits`` says whether its checksum follows from that of the frame before."""

    number: int
    commits: bool
    ours: bool
    fits: bool
    sums: Sums


def is_damaged(log: pathlib.Path) -> bool:
    """Return whether something is missing in the middle of the log; the loss of its end leaves no trace.

    It is read twice, as another process may be writing the very frame that did not fit.
    """
    first = _first_damage(log)
    return first is not None and first == _first_damage(log)


def size(log: pathlib.Path) -> int:
    """Return the bytes in the log, 0 when there is none."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _first_damage(log: pathlib.Path) -> t.Any:
    """Return the first frame that does not fit, or the header, where a whole transaction was written after it."""
    try:
        with log.open("rb") as stream:
            header = stream.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return None
            if not _is_header(header):
                return header
            return _before_a_transaction(_frames(stream, header))
    except FileNotFoundError:
        return None  # another process was the last to close it


def _is_header(header: bytes) -> bool:
    magic, *_others, sum_1, sum_2 = _HEADER.unpack(header)
    return magic & ~1 == _MAGIC and _sums(header[:24], (0, 0), magic) == (sum_1, sum_2)


def _frames(stream: t.IO[bytes], header: bytes) -> t.Iterator[_Frame]:
    """Yield the frames that are there as a whole, those of an earlier use of the log included.

    A frame may follow from the checksum that stands in the one before, or from the one that should stand there.
    """
    magic, _version, page_size, _number, *salts, sum_1, sum_2 = _HEADER.unpack(header)
    before, number = {(sum_1, sum_2)}, 0
    while len(frame := stream.read(_FRAME.size + page_size)) == _FRAME.size + page_size:
        _page, pages, salt_1, salt_2, stored_1, stored_2 = _FRAME.unpack_from(frame)
        ours = [salt_1, salt_2] == salts
        found = {_sums(frame[_FRAME.size :], _sums(frame[:8], sums, magic), magic) for sums in before if ours}
        stored = (stored_1, stored_2)
        number += 1
        yield _Frame(number, bool(pages), ours, stored in found, stored)
        before = {stored} if stored in found or len(before) > 1 else {stored, *found}


def _before_a_transaction(frames: t.Iterator[_Frame]) -> _Frame | None:
    damage = next((frame for frame in frames if not frame.fits), None)
    begun = damage is not None and damage.commits
    for frame in frames:
        if begun and frame.fits and frame.commits:
            return damage
        begun = (begun and frame.fits) or (frame.ours and frame.commits)
    return None


def _sums(content: bytes, sums: Sums, magic: int) -> Sums:
    one, two = sums
    words = struct.unpack(f"{'>' if magic & 1 else '<'}{len(content) // 4}I", content)
    for index in range(0, len(words), 2):
        one = (one + words[index] + two) & _MASK
        two = (two + words[index + 1] + one) & _MASK
    return one, two
