# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA behind two folders."""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import json
import os
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils import _fault_points
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    SignerError,
    SignerRejectedError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers import (
    directory_answers,
    directory_signer,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    SIGNERS,
    NotYet,
    Signed,
    SigningOrder,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.directory_signer import (
    DirectorySigner,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._x509.api import csr_pem

if t.TYPE_CHECKING:
    from ..conftest import Openssl

ID = "5eed" * 16
OTHER_ID = "beef" * 16
DN = DistinguishedName((("c", "ES"), ("cn", "Jos\u00e9 P\u00e9rez")))
SINCE = dt.datetime(2026, 11, 23, 8, 30, tzinfo=dt.timezone.utc)
LATER = 3600.0


class Killed(BaseException):
    """The end of a run at a place where it may be killed."""


@dataclasses.dataclass
class Desk:
    """Two folders, a request, and the number that the store keeps for it. ``later`` moves the clock ahead."""

    folder: Path
    order: SigningOrder
    pki: Openssl
    number: str | None = None
    later: float = LATER
    slept: list[float] = dataclasses.field(default_factory=list)

    @property
    def requests(self) -> Path:
        return self.folder / "requests"

    @property
    def answers(self) -> Path:
        return self.folder / "answers"

    @property
    def done(self) -> Path:
        return self.answers / "done" / ID

    def signer(self, **options: t.Any) -> DirectorySigner:
        """Return the signer of another run."""

        def clock() -> float:
            return time.time() + self.later

        return DirectorySigner(self.requests, self.answers, clock=clock, sleep=self.slept.append, **options)

    def sign(self, signer: DirectorySigner | None = None, **changes: t.Any) -> Signed | NotYet:
        """Ask the signer as the step does: with the number of before, and as a second time if there is one."""
        order = dataclasses.replace(
            self.order, order_number=self.number, again=bool(self.number), keep_order_number=self._keep, **changes
        )
        return (signer or self.signer()).sign(order)

    def _keep(self, number: str) -> None:
        self.number = number

    def answer(self, name: str = f"{ID}.crt", *certificates: str) -> Path:
        """Put certificates in PEM into the folder of answers."""
        path = self.answers / name
        path.write_bytes(b"".join((self.pki.folder / f"{one}.crt").read_bytes() for one in certificates or ("leaf",)))
        return path

    def names(self, folder: Path) -> list[str]:
        return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def desk(pki: Openssl, tmp_path: Path) -> Desk:
    for name in ("requests", "answers"):
        (tmp_path / name).mkdir(0o700)
    order = SigningOrder(ID, "john doe", 3, pki.csr("leaf"), DN, SINCE, ("DNS:www.example.com",))
    return Desk(tmp_path, order, pki)


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str], None]:
    """End the run at a place, once."""

    def at(place: str) -> None:
        places = [place]

        def reach(point: str) -> None:
            if point in places:
                places.remove(point)
                raise Killed

        monkeypatch.setattr(_fault_points, "reach", reach)

    return at


def test_a_request_goes_out_with_its_description(desk: Desk) -> None:
    assert desk.sign() == NotYet(f"written to {desk.requests / ID}.csr")
    assert desk.names(desk.requests) == [f"{ID}.csr", f"{ID}.json"]
    assert (desk.requests / f"{ID}.csr").read_text() == csr_pem(desk.order.csr)
    assert json.loads((desk.requests / f"{ID}.json").read_text()) == {
        "name": "john doe",
        "revision": 3,
        "request_id": ID,
        "dn": [{"attribute": "c", "value": "ES"}, {"attribute": "cn", "value": "Jos\u00e9 P\u00e9rez"}],
        "dn_rfc4514": "CN=Jos\u00e9 P\u00e9rez,C=ES",
        "subject_alt_name": ["DNS:www.example.com"],
        "created": "2026-11-23T08:30:00Z",
    }
    assert desk.number == f"{ID}.csr"
    assert [file.stat().st_mode & 0o777 for file in desk.requests.iterdir()] == [0o640] * 2


def test_the_validity_is_told(desk: Desk) -> None:
    signer = desk.signer(validity="90d", mode=0o604)
    assert signer.lifetime == dt.timedelta(days=90)
    desk.sign(signer)
    document = desk.requests / f"{ID}.json"
    told = json.loads(document.read_text())
    assert (told["validity"], told["validity_seconds"]) == ("90d", 90 * 86400)
    assert document.stat().st_mode & 0o777 == 0o604


def test_a_request_is_written_once(desk: Desk) -> None:
    desk.sign()
    written = [(file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(desk.requests.iterdir())]
    assert desk.sign() == NotYet(f"waits for an answer to {desk.requests / ID}.csr")
    assert [(file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(desk.requests.iterdir())] == written


def test_a_request_that_was_fetched_is_not_written_again(desk: Desk) -> None:
    desk.sign()
    for file in desk.requests.iterdir():
        file.unlink()
    said = desk.sign()
    assert isinstance(said, NotYet)
    assert said.why.endswith("was written before and is not there any more, so it was fetched")
    assert not desk.names(desk.requests)


def test_a_request_that_is_gone_is_written_again_where_that_is_wanted(desk: Desk) -> None:
    desk.sign()
    for file in desk.requests.iterdir():
        file.unlink()
    assert desk.sign(desk.signer(repeat=True)) == NotYet(
        f"written again to {desk.requests / ID}.csr, where it was not any more"
    )
    assert desk.names(desk.requests) == [f"{ID}.csr", f"{ID}.json"]


@pytest.mark.parametrize("fetched", [False, True])
@pytest.mark.parametrize("place", ["directory prepared", "directory kept"])
def test_a_run_that_is_killed_hands_over_once(
    desk: Desk, kill: t.Callable[[str], None], place: str, fetched: bool
) -> None:
    kill(place)
    with pytest.raises(Killed):
        desk.sign()
    assert not list(desk.requests.glob("*.csr"))
    assert desk.sign() == NotYet(f"written to {desk.requests / ID}.csr")
    assert desk.names(desk.requests) == [f"{ID}.csr", f"{ID}.json"]
    if fetched:
        for file in desk.requests.iterdir():
            file.unlink()
        desk.sign()
        assert not desk.names(desk.requests)


def test_a_store_that_lost_the_number_finds_the_request(desk: Desk) -> None:
    desk.sign()
    desk.number = None
    assert desk.sign() == NotYet(f"waits for an answer to {desk.requests / ID}.csr")
    assert desk.number == f"{ID}.csr"


def test_the_description_is_there_before_the_request(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    rename = Path.rename

    def watched(path: Path, target: Path) -> Path:
        seen.append(target.name)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", watched)
    desk.sign()
    assert [name for name in seen if not name.startswith(".")] == [f"{ID}.json", f"{ID}.csr"]


@pytest.mark.parametrize("form", ["PEM", "DER", "PKCS7", "no ending", "upper case"])
def test_an_answer_of_any_form(desk: Desk, form: str) -> None:
    desk.sign()
    if form == "DER":
        (desk.answers / f"{ID}.cer").write_bytes(desk.pki.der("leaf"))
    elif form == "PKCS7":
        names = [word for one in ("leaf", "ca", "root") for word in ("-certfile", f"{one}.crt")]
        target = str(desk.answers / f"{ID}.p7b")
        desk.pki("crl2pkcs7", "-nocrl", *names, "-outform", "DER", "-out", target)
    else:
        name = {"PEM": f"{ID}.crt", "no ending": ID, "upper case": f"{ID.upper()}.CRT"}[form]
        desk.answer(name, "root", "ca", "leaf")
    signed = desk.sign()
    assert isinstance(signed, Signed)
    assert signed.certificate == desk.pki.der("leaf")
    assert signed.chain == (() if form == "DER" else (desk.pki.der("ca"), desk.pki.der("root")))


def test_what_was_taken_is_moved_aside_with_the_request(desk: Desk) -> None:
    desk.sign()
    desk.answer()
    desk.answer(f"{ID}.chain.pem", "ca", "root")
    signed = desk.sign()
    assert isinstance(signed, Signed)
    assert signed.chain == (desk.pki.der("ca"), desk.pki.der("root"))
    assert desk.names(desk.done) == [f"{ID}.chain.pem", f"{ID}.crt", "request.csr", "request.json"]
    assert desk.names(desk.answers) == ["done"]
    assert not desk.names(desk.requests)
    assert desk.done.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("killed", [False, True])
def test_an_answer_is_not_lost_before_it_is_stored(desk: Desk, kill: t.Callable[[str], None], killed: bool) -> None:
    """A run that ends after the answer was moved, or in the middle of it, leaves it to the next."""
    desk.sign()
    desk.answer()
    desk.answer(f"{ID}.chain.pem", "ca", "root")
    if killed:
        kill("directory moved")
        with pytest.raises(Killed):
            desk.sign()
        assert len(desk.names(desk.done)) == 1
    else:
        first = desk.sign()
        assert isinstance(first, Signed)
    again = desk.sign()
    assert again == Signed(desk.pki.der("leaf"), (desk.pki.der("ca"), desk.pki.der("root")))
    assert not desk.names(desk.requests)


def test_never(desk: Desk) -> None:
    desk.sign()
    (desk.answers / f"{ID}.rejected").write_text("this person\nhas \033[31mleft\n")
    for _run in ("the first", "one that follows a kill"):
        with pytest.raises(SignerRejectedError, match=r"refused the request: this person has \?\[31mleft$"):
            desk.sign()
    assert desk.names(desk.done) == [f"{ID}.rejected", "request.csr", "request.json"]


def test_never_without_a_reason(desk: Desk) -> None:
    (desk.answers / f"{ID}.rejected").touch()
    desk.later = 10
    assert desk.sign() == NotYet(f"{desk.answers / ID}.rejected is empty: it may still be on its way")
    desk.later = LATER
    with pytest.raises(SignerRejectedError, match="it gave no reason"):
        desk.sign()


def test_yes_and_no_are_no_answer(desk: Desk) -> None:
    desk.answer()
    (desk.answers / f"{ID}.rejected").touch()
    with pytest.raises(SignerError, match=r"\.rejected refuses the request, and .*\.crt answers it: remove one") as no:
        desk.sign()
    assert not isinstance(no.value, SignerRejectedError)


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nMIIB", "rubbish"])
def test_what_may_be_on_its_way_is_waited_for(desk: Desk, content: str) -> None:
    desk.sign()
    (desk.answers / f"{ID}.crt").write_text(content)
    desk.later = 200
    said = desk.sign()
    assert isinstance(said, NotYet)
    assert f"{ID}.crt" in said.why
    assert said.why.endswith(": it may still be on its way")
    desk.later = 301
    with pytest.raises(SignerError, match=rf"{ID}\.crt (has no certificate|breaks off within a PEM block).*left alone"):
        desk.sign()
    assert desk.names(desk.answers) == [f"{ID}.crt"]


def test_a_chain_that_breaks_off_is_waited_for(desk: Desk) -> None:
    path = desk.answer(f"{ID}.crt", "leaf", "ca")
    path.write_bytes(path.read_bytes()[:-100])
    desk.later = 10
    assert isinstance(desk.sign(), NotYet)
    desk.answer(f"{ID}.crt", "leaf", "ca")
    signed = desk.sign()
    assert isinstance(signed, Signed)
    assert signed.chain == (desk.pki.der("ca"),)


def test_a_file_that_is_written_to_is_waited_for(desk: Desk) -> None:
    """Between two certificates nothing in the file itself tells that another one follows."""
    path = desk.answer()
    desk.later = 0.5

    def write(seconds: float) -> None:
        desk.slept.append(seconds)
        desk.answer(path.name, "leaf", "ca")

    signer = DirectorySigner(desk.requests, desk.answers, clock=lambda: time.time() + 0.5, sleep=write)
    said = desk.sign(signer)
    assert isinstance(said, NotYet)
    assert "is still written to" in said.why
    (slept,) = desk.slept
    assert 0 < slept <= 2
    assert isinstance(desk.sign(), Signed)


def test_a_certificate_of_another_key_is_refused_and_left_alone(desk: Desk) -> None:
    desk.sign()
    desk.answer(f"{ID}.crt", "other")
    with pytest.raises(SignerError, match=rf"{ID}\.crt: none of the certificates have the key.*\[cn=other\].*alone$"):
        desk.sign()
    assert desk.names(desk.answers) == [f"{ID}.crt"]


def _link(desk: Desk) -> None:
    (desk.answers / f"{ID}.crt").symlink_to(desk.pki.folder / "leaf.crt")


def _pipe(desk: Desk) -> None:
    os.mkfifo(desk.answers / f"{ID}.crt")


def _large(desk: Desk) -> None:
    with desk.answer().open("ab") as file:
        file.truncate(1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [(_link, "is a symbolic link"), (_pipe, "is not a regular file"), (_large, "is larger than 1048576 bytes")],
)
def test_what_is_no_plain_file_is_refused(desk: Desk, make: t.Callable[[Desk], None], words: str) -> None:
    make(desk)
    with pytest.raises(SignerError, match=rf"{ID}\.crt {words}: it is left alone"):
        desk.sign()
    assert desk.names(desk.answers) == [f"{ID}.crt"]


def test_a_good_answer_beside_a_bad_file_is_taken(desk: Desk) -> None:
    desk.answer()
    (desk.answers / f"{ID}.txt").write_text("with kind regards")
    signed = desk.sign()
    assert isinstance(signed, Signed)
    (warning,) = signed.warnings
    assert f"{ID}.txt has no certificate" in warning
    assert desk.names(desk.answers) == [f"{ID}.txt", "done"]


def test_the_request_may_come_back_with_the_answer(desk: Desk) -> None:
    desk.sign()
    for name in (f"{ID}.csr", f"{ID}.json"):
        (desk.answers / name).write_bytes((desk.requests / name).read_bytes())
    assert isinstance(desk.sign(), NotYet)
    desk.answer()
    assert desk.sign() == Signed(desk.pki.der("leaf"))
    assert desk.names(desk.answers) == ["done"]


def test_an_answer_of_another_name_is_found_by_its_key(desk: Desk) -> None:
    desk.sign()
    desk.answer("www.example.com.pem", "leaf", "ca", "root")
    signer = desk.signer()
    signed = desk.sign(signer)
    assert isinstance(signed, Signed)
    assert signed.chain == (desk.pki.der("ca"), desk.pki.der("root"))
    assert not signer.warnings
    assert "www.example.com.pem" in desk.names(desk.done)
    assert desk.sign() == signed


def test_an_answer_of_another_name_is_found_beside_the_request_that_came_back(desk: Desk) -> None:
    desk.sign()
    (desk.answers / f"{ID}.csr").write_bytes((desk.requests / f"{ID}.csr").read_bytes())
    desk.answer("www.example.com.pem")
    assert desk.sign() == Signed(desk.pki.der("leaf"))
    assert desk.names(desk.answers) == ["done"]


def test_a_chain_with_the_name_of_the_request_belongs_to_an_answer_of_another_name(desk: Desk) -> None:
    desk.sign()
    desk.answer(f"{ID}.chain.pem", "ca", "root")
    desk.answer("www.example.com.pem")
    assert desk.sign() == Signed(desk.pki.der("leaf"), (desk.pki.der("ca"), desk.pki.der("root")))


def test_yes_under_another_name_and_no_are_no_answer(desk: Desk) -> None:
    desk.sign()
    (desk.answers / f"{ID}.rejected").write_text("not ours")
    desk.answer("www.example.com.pem")
    with pytest.raises(SignerError, match=r"www\.example\.com\.pem answers it: remove one of them"):
        desk.sign()


def test_an_answer_to_another_request_is_not_taken_for_its_key(desk: Desk) -> None:
    """After a refusal by the gate the same key is asked for again: the refused certificate is not the answer."""
    desk.sign()
    desk.answer(f"{OTHER_ID}.crt")
    assert isinstance(desk.sign(), NotYet)


def test_a_file_for_several_requests_is_left_alone(desk: Desk) -> None:
    """It would be moved aside with the first of them, and the others would wait for ever."""
    desk.sign()
    desk.answer("all.p7b", "leaf", "other", "ca")
    signer = desk.signer()
    assert isinstance(desk.sign(signer), NotYet)
    (warning,) = signer.warnings
    assert "all.p7b has the certificates of several keys: put each into a file of its own" in warning
    assert "all.p7b" in desk.names(desk.answers)


@pytest.mark.parametrize("ending", ["crt", "rejected"])
def test_a_file_without_rights_may_be_on_its_way_and_is_then_an_error_of_this_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    desk.sign()
    path = desk.answer(f"{ID}.{ending}")
    real = os.open

    def refuse(name: t.Any, *arguments: t.Any, **options: t.Any) -> int:
        if name == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return real(name, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    desk.later = 60
    waits = desk.sign()
    assert isinstance(waits, NotYet)
    assert waits.why == f"{path} cannot be read (Permission denied): it may still be on its way"
    desk.later = LATER
    with pytest.raises(
        SignerError, match=rf"{ID}\.{ending} cannot be read \(Permission denied\): it is left"
    ) as raised:
        desk.sign()
    assert not raised.value.concerns_all


def test_strangers_are_named_once_and_left_alone(desk: Desk) -> None:
    desk.answer("other.crt", "other")
    (desk.answers / "notes.txt").write_text("nothing here")
    (desk.answers / "link.crt").symlink_to(desk.pki.folder / "leaf.crt")
    for ignored in (".hidden.crt", f"{ID}.crt.part", "upload.crt.tmp", f"{ID}.crt~"):
        desk.answer(ignored)
    (desk.answers / "folder").mkdir()
    signer = desk.signer()
    assert isinstance(desk.sign(signer), NotYet)
    (warning,) = signer.warnings
    assert warning.startswith(f"left alone in {desk.answers}: ")
    told = warning.partition(": ")[2].split("; ")
    assert sorted(words.split(":")[0] for words in told) == [
        "link.crt is a symbolic link",
        "notes.txt has no certificate",
        "other.crt is not named after a request, and has the key of none of this run",
    ]
    assert len(desk.names(desk.answers)) == 8


def test_many_strangers_are_counted(desk: Desk) -> None:
    for number in range(8):
        (desk.answers / f"{number}\n.txt").write_text("nothing here")
    signer = desk.signer()
    desk.sign(signer)
    (warning,) = signer.warnings
    assert warning.endswith("; and 3 more")
    assert "\n" not in warning


def test_each_folder_is_read_once_in_a_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many requests take ten times as many calls, not a hundred times."""
    counts: dict[int, int] = {}
    for many in (20, 200):
        calls = 0

        def counted(real: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
            def call(*arguments: t.Any, **options: t.Any) -> t.Any:
                nonlocal calls
                calls += 1
                return real(*arguments, **options)

            return call

        with monkeypatch.context() as patched:
            for name in ("scandir", "listdir", "stat", "lstat", "open"):
                patched.setattr(os, name, counted(getattr(os, name)))
            signer = desk.signer()
            for number in range(many):
                request_id = f"{many * 1000 + number:064x}"
                desk.number = None
                assert isinstance(desk.sign(signer, request_id=request_id), NotYet)
        counts[many] = calls
    assert counts[200] < 10.5 * counts[20]
    assert counts[200] < 200 * 25


def test_a_fleet_finds_its_answers(desk: Desk) -> None:
    ids = [f"{number:064x}" for number in range(50)]
    desk.sign(request_id=ids[0])
    for request_id in ids:
        desk.answer(f"{request_id}.crt")
    signer = desk.signer()
    assert all(isinstance(desk.sign(signer, request_id=one), Signed) for one in ids)
    assert desk.names(desk.answers) == ["done"]


@pytest.mark.parametrize("folder", ["requests", "answers"])
def test_a_folder_that_cannot_be_used_is_told_before_a_key_is_made(desk: Desk, folder: str) -> None:
    option = rf"directory\.{folder}_path: {desk.folder / folder}"
    desk.signer().check(SINCE)
    (desk.folder / folder).chmod(0o777)
    with pytest.raises(ConfigurationError, match=r"every user of this machine may write to .*chmod o-w"):
        desk.signer().check(SINCE)
    (desk.folder / folder).rmdir()
    with pytest.raises(ConfigurationError, match=rf"{option} cannot be used \(No such file or directory\)"):
        desk.signer().check(SINCE)
    (desk.folder / folder).touch()
    with pytest.raises(ConfigurationError, match=f"{option} is not a folder"):
        desk.signer().check(SINCE)


def test_a_folder_without_rights_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != desk.requests)
    with pytest.raises(ConfigurationError, match="requests_path: this user may not read and write in"):
        desk.signer().check(SINCE)
    monkeypatch.setattr(os, "access", lambda _path, mode: mode & os.R_OK)
    with pytest.raises(ConfigurationError, match=r"done_path: .*done cannot be made"):
        directory_signer._check_done(desk.answers / "done", desk.answers)


def test_a_full_file_system_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs(desk.requests)
    full = os.statvfs_result((*tuple(room)[:4], 0, *tuple(room)[5:]))
    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", lambda _path: full)
        with pytest.raises(ConfigurationError, match="no space left for files"):
            desk.signer().check(SINCE)

    def fsync(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(SignerError, match="No space left on device") as caught:
            desk.sign()
    assert caught.value.not_sent
    assert desk.number is None
    assert desk.sign() == NotYet(f"written to {desk.requests / ID}.csr")


def test_the_folders_must_differ(desk: Desk) -> None:
    for signer in (
        DirectorySigner(desk.requests, desk.requests),
        DirectorySigner(desk.requests, desk.answers, desk.requests),
    ):
        with pytest.raises(ConfigurationError, match="must be three folders"):
            signer.check(SINCE)


def test_done_is_on_the_file_system_of_the_answers(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = next(path for path in (Path("/proc"), Path("/dev")) if path.stat().st_dev != desk.folder.stat().st_dev)
    monkeypatch.setattr(os, "access", lambda _path, _mode: True)
    with pytest.raises(ConfigurationError, match=r"done_path: .* must be on the same file system as answers_path"):
        DirectorySigner(desk.requests, desk.answers, elsewhere / "done").check(SINCE)


def test_a_folder_that_goes_away_is_a_failure(desk: Desk) -> None:
    desk.answers.rmdir()
    with pytest.raises(SignerError, match="answers: No such file or directory; the folders of the signer must be"):
        desk.sign()


def test_the_folder_is_the_identity_of_the_ca(desk: Desk) -> None:
    link = desk.folder / "link"
    link.symlink_to(desk.requests)
    assert DirectorySigner(link, desk.answers).identity() == desk.signer().identity() == str(desk.requests.resolve())


@pytest.mark.parametrize(("value", "mode"), [("0644", 0o644), ("600", 0o600), (0o640, 0o640), ("0666", 0o666)])
def test_permissions(value: object, mode: int) -> None:
    assert directory_signer._mode(value) == mode


@pytest.mark.parametrize("value", ["0440", "0755", "u=rw", 640, True, None, "", "1600"])
def test_what_are_no_permissions_of_a_file(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"directory\.mode must be permissions .* such as \"0640\", not "):
        directory_signer._mode(value)


def test_a_signer_of_the_options(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_answers, "QUIET", 0.0)
    options = {name: rule.get("default") for name, rule in SIGNERS["directory"].options.items()}
    folders = {"requests_path": str(desk.requests), "answers_path": str(desk.answers)}
    done = str(desk.folder / "taken")
    signer = SIGNERS["directory"].build({**options, **folders, "done_path": done, "validity": "30d"}, SINCE)
    signer.check(SINCE)
    assert signer.lifetime == dt.timedelta(days=30)
    desk.answer()
    assert isinstance(signer.sign(desk.order), Signed)
    assert desk.names(desk.folder) == ["answers", "requests", "taken"]


def test_what_cannot_be_written_down_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written to a file"):
        desk.sign(name="\ud800")
