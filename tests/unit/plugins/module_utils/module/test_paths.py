# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of the store, without a home directory and in a job of AWX."""

from __future__ import annotations

import os
import pwd
import types
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import ConfigurationError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import paths
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.paths import (
    check_store_outlives_job,
    file_path,
)

BELOW = ".local/share/redtrust/store.sqlite3"


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set up a job with its home in ``tmp_path``; the passwd file has another home."""
    home = tmp_path / "runner"
    home.mkdir()
    monkeypatch.setenv("JOB_ID", "42")
    monkeypatch.setenv("HOME", str(home))
    user = types.SimpleNamespace(pw_dir=str(tmp_path / "of passwd"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _user: user)
    return home


@pytest.fixture
def volumes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of directories on a volume."""
    known: list[str] = []
    monkeypatch.setattr(paths, "is_on_volume", lambda path: any(path.startswith(one + "/") for one in known))
    return known


@pytest.mark.parametrize(
    "path",
    [
        "{home}/" + BELOW,
        "{home}//.local/./share/redtrust/store.sqlite3",
        "{home}/.local/../.local/share/redtrust/store.sqlite3",
        "{home}/../runner/" + BELOW,
        "{root}/of passwd/" + BELOW,
        "{root}/link/" + BELOW,
        "{root}/shared/store.sqlite3",
        BELOW,
        "./" + BELOW,
        "~/" + BELOW,
    ],
)
def test_the_default_is_recognised_however_it_is_written(
    job: Path, tmp_path: Path, volumes: list[str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(job)
    (job / BELOW).parent.mkdir(parents=True)
    (tmp_path / "shared").symlink_to((job / BELOW).parent)
    monkeypatch.chdir(job)
    with pytest.raises(
        ConfigurationError, match=r"store_path is the default, .*REDTRUST_STORE_PATH to a file on a vol"
    ):
        check_store_outlives_job(path.format(home=job, root=tmp_path))


def test_a_volume_to_which_the_default_leads_will_do_by_its_own_name(
    job: Path, tmp_path: Path, volumes: list[str]
) -> None:
    volumes.append(str(tmp_path / "volume"))
    (tmp_path / "volume").mkdir()
    (job / BELOW).parent.parent.mkdir(parents=True)
    (job / BELOW).parent.symlink_to(tmp_path / "volume")
    assert check_store_outlives_job(str(tmp_path / "volume" / "store.sqlite3")) is None
    with pytest.raises(ConfigurationError, match="is the default"):
        check_store_outlives_job(str(job / BELOW))


def test_any_other_that_is_not_on_a_volume_is_warned_of(tmp_path: Path, volumes: list[str]) -> None:
    volumes.append(str(tmp_path / "volume"))
    path = str(tmp_path / "store.db")
    warned = check_store_outlives_job(path)
    assert warned is not None
    assert warned.startswith(f"store_path {path} is not on a volume that is mounted into this AWX job")
    assert "set store_path or REDTRUST_STORE_PATH to a file on it" in warned
    (tmp_path / "volume").mkdir()
    (tmp_path / "link").symlink_to("volume")
    for folder in ("volume", "link", "volume/new"):
        assert check_store_outlives_job(str(tmp_path / folder / "store.db")) is None


def test_a_user_without_home_or_entry_may_be_in_a_job(volumes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(user: int) -> object:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME")
    volumes.append("/srv/volume")
    assert check_store_outlives_job("/srv/volume/store.db") is None
    with pytest.raises(ConfigurationError, match="is the default"):
        check_store_outlives_job(f"~/{BELOW}")


def test_what_only_looks_like_the_default_is_another(job: Path, tmp_path: Path, volumes: list[str]) -> None:
    volumes.append(str(tmp_path / "volume"))
    (tmp_path / "volume" / "folder").mkdir(parents=True)
    (job / "link").symlink_to(tmp_path / "volume" / "folder")
    assert check_store_outlives_job(f"{job}/link/../{BELOW}") is None


def test_elsewhere_nothing_is_said(volumes: list[str], job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOB_ID")
    monkeypatch.delenv("AWX_HOST", raising=False)
    assert check_store_outlives_job(str(job / BELOW)) is None


@pytest.mark.parametrize("begin", ["~", "~nobody-of-this-name", "$HOME", "${SOME_VOLUME}"])
@pytest.mark.parametrize("name", ["store_path", "session_path"])
def test_what_ansible_could_not_expand_is_no_path(name: str, begin: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        file_path(name, f"{begin}/folder/file")
    words = (
        f"(user id {os.geteuid()}) has nothing to put in the place of {begin}: set {name} or REDTRUST_{name.upper()}"
    )
    assert words in str(caught.value)


@pytest.mark.parametrize("path", ["/srv/store.db", "store.db", "./~/store.db", "/srv/$x/~"])
def test_any_other_path_is_taken_as_it_is(path: str) -> None:
    assert file_path("store_path", path) == path
