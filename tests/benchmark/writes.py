# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to one store from many threads, and print how long each write had to wait: JSON.

Each thread begins an enrollment of its own and moves it on, as a worker does.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import threading
import time

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import StoreError
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import Store, open_store
from ansible_collections.redtrust.certificate_enroll.tests.benchmark.fleet import DEFAULTS, SERVICE, entry

WRITES = (State.REQUESTED, State.SIGNING, State.ISSUED, State.FINALIZED)


def write(store: Store, number: int, ready: threading.Barrier) -> list[float]:
    """Write one enrollment state by state; return the seconds of each write."""
    one = entry(number)
    spec = CertificateSpec(**{**DEFAULTS, **one, "dn": DistinguishedName.from_option(one["dn"])})
    revision = Enrollment(SERVICE, spec.name).next_revision(spec)
    ready.wait()
    waits = []
    for state in (None, *WRITES):
        revision = revision.moved(state) if state else revision
        begun = time.monotonic()
        (revision,) = store.put(revision)
        waits.append(time.monotonic() - begun)
    return waits


def main() -> None:
    """Run the threads; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--threads", type=int, default=256)
    options = parser.parse_args()
    store = open_store(options.store)
    ready = threading.Barrier(options.threads)
    waits: list[float] = []
    errors: list[str] = []
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.threads) as threads:
        for writing in [threads.submit(write, store, number, ready) for number in range(options.threads)]:
            try:
                waits += writing.result()
            except StoreError as exc:
                errors.append(str(exc))
    store.close()
    rate = len(waits) / (time.monotonic() - begun)
    print(json.dumps({"longest": max(waits, default=None), "writes": len(waits), "rate": rate, "errors": errors}))


if __name__ == "__main__":
    main()
