# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a program: fed on standard input, bounded in time and output."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import selectors
import signal
import subprocess
import time
import typing as t

from .._errors import SignerError

_CHUNK = 65536


@dataclasses.dataclass(frozen=True)
class Completed:
    """The end of a program; ``status`` is negative when a signal ended it."""

    status: int
    stdout: bytes
    stderr: bytes


def run(
    argv: t.Sequence[str], stdin: bytes, environ: t.Mapping[bytes, bytes], *, timeout: float, limit: int
) -> Completed:
    """Run a program without a shell, in a session and process group of its own.

    ``timeout`` is in seconds, ``limit`` in bytes for each of the two outputs; a program that exceeds one of
    them is killed with its group. Raises SignerError for that, and when the program cannot be started.
    """
    deadline = time.monotonic() + timeout
    try:
        # AnsibleModule.run_command knows no limit of time and size, nor does it run in several threads.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            start_new_session=True,
        )
    except OSError as exc:
        raise SignerError(f"{argv[0]} cannot be started: {exc.strerror}") from exc
    with process:
        try:
            stdout, stderr = _Conversation(process, stdin, limit).until(deadline)
            return Completed(process.wait(max(deadline - time.monotonic(), 0)), stdout, stderr)
        except (TimeoutError, subprocess.TimeoutExpired):
            raise SignerError(f"{argv[0]} did not finish within {timeout:g} seconds and was killed") from None
        finally:
            if process.returncode is None:
                _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class _Conversation:
    """Write to a process and read from it, whichever it is ready for, so that neither waits for the other."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, limit: int) -> None:
        pipes = (process.stdin, process.stdout, process.stderr)
        self._stdin, self._stdout, self._stderr = (t.cast("t.IO[bytes]", pipe) for pipe in pipes)
        self._unwritten = stdin
        self._limit = limit
        self._received = {self._stdout: bytearray(), self._stderr: bytearray()}

    def until(self, deadline: float) -> tuple[bytes, bytes]:
        """Return both outputs when both are at their end.

        Raises TimeoutError, and SignerError when there is too much of one.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            for pipe in self._received:
                selector.register(pipe, selectors.EVENT_READ)
            reading = len(self._received)
            while reading:
                for pipe in self._ready(selector, deadline):
                    if self._step(pipe):
                        continue
                    selector.unregister(pipe)
                    pipe.close()
                    reading -= pipe is not self._stdin
        return bytes(self._received[self._stdout]), bytes(self._received[self._stderr])

    @staticmethod
    def _ready(selector: selectors.BaseSelector, deadline: float) -> list[t.IO[bytes]]:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return [t.cast("t.IO[bytes]", key.fileobj) for key, _events in selector.select(remaining)]

    def _step(self, pipe: t.IO[bytes]) -> bool:
        """Write or read as much as goes; return whether there is more to do on this pipe."""
        if pipe is self._stdin:
            return self._write()
        chunk = os.read(pipe.fileno(), _CHUNK)
        self._received[pipe] += chunk
        if len(self._received[pipe]) > self._limit:
            raise SignerError(f"the command printed more than {self._limit} bytes and was killed")
        return bool(chunk)

    def _write(self) -> bool:
        try:
            # A pipe that is ready takes this much without blocking (POSIX).
            written = os.write(self._stdin.fileno(), self._unwritten[: select.PIPE_BUF])
        except BrokenPipeError:  # a program that does not read the CSR may have it from elsewhere
            return False
        self._unwritten = self._unwritten[written:]
        return bool(self._unwritten)
