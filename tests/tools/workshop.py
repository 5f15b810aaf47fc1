# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A temporary folder for checks of the collection: a copy of the files that git knows, in a path without spaces.

ansible-test requires a real ``ansible_collections`` tree that is a git repository of its own. It refuses a symlink. In
a folder that git ignores, it passes without a look at any file. It also writes interpreter lines, so the paths of the
tree and of the interpreter must not contain spaces, even if the path of the checkout does.
"""

from __future__ import annotations

import ast
import collections.abc as c
import configparser
import contextlib
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
TREE = ROOT / ".tree"
SANDBOX_FILES = ROOT / "roles" / "sandbox" / "files"
COLLECTION = Path("ansible_collections", "redtrust", "certificate_enroll")
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
TARGET_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

_DROPPED = re.compile(r"ANSIBLE_.*|REDTRUST_.*|PYTHON.*|VIRTUAL_ENV|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|MAKE.*|MFLAGS")


class CheckError(Exception):
    """A check failed. The message names the command and its status; ``output`` is the command's output."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclasses.dataclass(frozen=True)
class Workshop:
    """The directory of one run. ``copy`` is the collection, ``python`` is the interpreter for tools."""

    directory: Path
    environment: c.Mapping[str, str]

    @property
    def copy(self) -> Path:
        return self.directory / COLLECTION

    @property
    def python(self) -> str:
        return str(self.directory / "venv" / "bin" / "python")

    def tool(self, name: str) -> list[str]:
        """Return the start of a tool's command line, without its interpreter line, which may contain spaces."""
        return [self.python, str(self.directory / "venv" / "bin" / name)]

    def run(self, command: c.Sequence[str], *, cwd: Path | None = None, **environment: str) -> str:
        """Run a command in the copy; print and return its output. Raise CheckError unless it exits with 0."""
        status, text = self._status(command, cwd, environment, echo=True)
        if status:
            raise CheckError(f"{_name(command)} ended with status {status}", text)
        return text

    def output(self, command: c.Sequence[str], *, cwd: Path | None = None, **environment: str) -> str:
        """Run a command in the copy and return its output; print it only on failure. Raise CheckError as above."""
        status, text = self._status(command, cwd, environment, echo=False)
        if status:
            print(text, flush=True)
            raise CheckError(f"{_name(command)} ended with status {status}", text)
        return text

    def status(self, command: c.Sequence[str]) -> tuple[int, str]:
        """Run a command in the copy, and return its exit status and its output."""
        return self._status(command, None, {}, echo=False)

    def _status(
        self, command: c.Sequence[str], cwd: Path | None, environment: c.Mapping[str, str], *, echo: bool
    ) -> tuple[int, str]:
        lines = []
        with subprocess.Popen(
            command,
            cwd=cwd or self.copy,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or []:
                lines.append(line)
                if echo:
                    print(line, end="", flush=True)
        return process.returncode, "".join(lines)


def _name(command: c.Sequence[str]) -> str:
    """Return the short form of a command line."""
    words = [word for word in command[:5] if word != "-m"]
    return " ".join([Path(word).name for word in words if Path(word).name != "python"])


@contextlib.contextmanager
def opened(venv: Path, pythons: c.Mapping[str, Path]) -> c.Iterator[Workshop]:
    """Make a workshop with the tools of ``venv`` and the target interpreters ``pythons``; remove it afterwards."""
    base = tempfile.gettempdir()
    directory = Path(tempfile.mkdtemp(prefix="certificate_enroll-", dir="/tmp" if re.search(r"\s", base) else None))
    try:
        home = BUILD / "home"
        home.mkdir(parents=True, exist_ok=True)
        (directory / "home").symlink_to(home)
        (directory / "venv").symlink_to(venv)
        (directory / "pythons").mkdir()
        for version, path in pythons.items():
            (directory / "pythons" / f"python{version}").symlink_to(path)
        copy_checkout(directory / COLLECTION)
        _configure_pip(home, venv)
        _replace_get_pip(home, venv)
        yield Workshop(directory, _environment(directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def clean_environment() -> dict[str, str]:
    """Return the environment without the variables that affect Ansible, Python or the collection."""
    return {name: value for name, value in os.environ.items() if not _DROPPED.fullmatch(name)}


def link_tree() -> None:
    """Make this checkout importable as the collection, for tools that accept a link."""
    spot = TREE / COLLECTION
    spot.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # another process, or an earlier run
        spot.symlink_to(Path("..", "..", ".."))


def _environment(directory: Path) -> dict[str, str]:
    places = (str(directory / "venv" / "bin"), str(directory / "pythons"), *SYSTEM_PATH)
    return clean_environment() | {
        "ANSIBLE_COLLECTIONS_PATH": str(directory),
        "HOME": str(directory / "home"),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join(places),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def copy_checkout(target: Path) -> None:
    """Copy all files that git does not ignore, and make a git repository of the copy."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in sorted({os.fsdecode(entry) for entry in listing.split(b"\0") if entry}):
        source = ROOT / name
        if source.is_symlink() or source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    track(target)


def track(copy: Path) -> None:
    """Add all files of the copy to git, since ansible-test ignores others."""
    subprocess.run(["git", "add", "--all", "--force"], cwd=copy, check=True)


def _configure_pip(home: Path, venv: Path) -> None:
    """Write the user's pip settings to a file, since ansible-test passes on neither HOME nor PIP_* variables."""
    text = subprocess.run(
        [str(venv / "bin" / "python"), "-m", "pip", "config", "list"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    settings = configparser.RawConfigParser()
    for key, value in (line.split("=", maxsplit=1) for line in text.splitlines()):
        section, option = key.rsplit(".", maxsplit=1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, option, str(ast.literal_eval(value)))
    settings.read_dict({"global": {"quiet": "2"}})
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        settings.write(stream)


def _replace_get_pip(home: Path, venv: Path) -> None:
    """Put our own get-pip script into the cache of ansible-test, so that it downloads none."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    source = next(venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    for version in set(re.findall(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8"))):
        shutil.copyfile(ROOT / "tests" / "tools" / "get_pip.py", cache / f"get_pip_{version.replace('.', '_')}.py")


def find_pythons() -> dict[str, Path]:
    """Return the Pythons of this machine by version, including those of version managers but not their shims."""
    # This program's own interpreter is known to be complete, so it is preferred.
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": Path(sys.base_prefix, "bin", "python3")}
    for version in TARGET_PYTHONS:
        usable = (path for path in _candidates(version) if _is_usable(path))
        if version not in found and (path := next(usable, None)):
            found[version] = path
    return {version: found[version] for version in TARGET_PYTHONS if version in found}


def _candidates(version: str) -> c.Iterator[Path]:
    managers = {Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions", Path(sys.base_prefix).parent}
    for manager in sorted(managers):
        yield from sorted(manager.glob(f"{version}.*/bin/python{version}"))
    for place in [*os.environ.get("PATH", "").split(os.pathsep), *SYSTEM_PATH]:
        if place and Path(place).name != "shims":
            yield Path(place) / f"python{version}"


def _is_usable(python: Path) -> bool:
    """Tell whether the interpreter starts and can make virtual environments."""
    if not os.access(python, os.X_OK):
        return False
    done = subprocess.run([str(python), "-c", "import ensurepip, ssl, venv"], check=False, capture_output=True)
    return done.returncode == 0
