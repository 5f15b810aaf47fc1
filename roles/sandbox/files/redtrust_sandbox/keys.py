# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generate key pairs outside the event loop; a background pool keeps RSA keys of the usual length ready."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
import typing as t

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from redtrust_sandbox.dsa_domain import DOMAINS

PrivateKey = t.Union[rsa.RSAPrivateKey, dsa.DSAPrivateKey, ec.EllipticCurvePrivateKey]  # noqa: UP007 - Python 3.9
T = t.TypeVar("T")

CURVES: t.Mapping[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
LENGTHS: t.Mapping[str, tuple[int, ...]] = {
    "RSA": (1024, 2048, 3072, 4096),
    "DSA": tuple(DOMAINS),
    "ECDSA": tuple(CURVES),
}
POOLED = ("RSA", 2048)
# Their generation and signatures take less time than a change of threads.
QUICK = ("ECDSA",)


def generate(key_type: str, key_length: int) -> PrivateKey:
    """Generate a key pair; LENGTHS has the types and lengths."""
    if key_type == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=key_length)
    if key_type == "DSA":
        return DOMAINS[key_length].parameters().generate_private_key()
    return ec.generate_private_key(CURVES[key_length])


class KeyShop:
    """Generate key pairs in threads, and keep ``size`` keys of the pooled kind ready."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._executor = concurrent.futures.ThreadPoolExecutor(max_workers=2, thread_name_prefix="keys")
        self._ready: queue.Queue[PrivateKey] = queue.Queue(maxsize=max(size, 1))
        self._stopped = threading.Event()
        self._full = threading.Event()
        if not size:
            self._full.set()
        self._thread = threading.Thread(target=self._fill, name="key-pool", daemon=True)

    def start(self) -> None:
        """Start to fill the pool."""
        if self.size:
            self._thread.start()

    def stop(self) -> None:
        """Stop the generation of keys."""
        self._stopped.set()
        self._take_ready()
        self._executor.shutdown(wait=False)

    def wait_until_full(self) -> None:
        """Wait until the pool is full."""
        self._full.wait()

    async def take(self, key_type: str, key_length: int) -> PrivateKey:
        """Return a key pair, and never return it again."""
        if (key_type, key_length) == POOLED:
            key = self._take_ready()
            if key is not None:
                return key
        return await self.work(key_type, lambda: generate(key_type, key_length))

    async def work(self, key_type: str, task: t.Callable[[], T]) -> T:
        """Run a task with a key of this type, outside the event loop if it needs much processor time."""
        if key_type in QUICK:
            return task()
        return await asyncio.get_running_loop().run_in_executor(self._executor, task)

    def _take_ready(self) -> PrivateKey | None:
        try:
            return self._ready.get_nowait()
        except queue.Empty:
            return None

    def _fill(self) -> None:
        key: PrivateKey | None = None
        while not self._stopped.is_set():
            key = key or generate(*POOLED)
            try:
                self._ready.put(key, timeout=1)
                key = None
                if self._ready.full():
                    self._full.set()
            except queue.Full:
                continue
