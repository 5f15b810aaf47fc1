# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several runs that use the tokens of one bucket as fast as they get them; prints when it used each of them.

The store is that of a path, or of a DSN with its key. The program says "ready", and begins when it reads a line. All
times are in UNIX seconds.
"""

from __future__ import annotations

import concurrent.futures
import json
import sys
import time

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._rate import parse_rate
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import (
    Blocks,
    TokenBucket,
    open_postgresql,
    open_store,
)


def main(rate: str, burst: str, seconds: str, workers: str, path: str, store_key: str = "") -> None:
    """Use tokens for so many seconds with so many threads."""
    with open_postgresql(path, store_key, warn=print) if store_key else open_store(path) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.time() + float(seconds)
        bucket = TokenBucket(
            store,
            Blocks(store),
            "service/drawn",
            "the service",
            rate=parse_rate("rate", rate, int(burst)),
            at_once=int(workers),
            why_over=lambda: "the time is over" if time.time() >= end else "",
        )

        def use() -> list[float]:
            used: list[float] = []
            while not bucket.admit():
                used.append(time.time())
                bucket.spend()
            return used

        with concurrent.futures.ThreadPoolExecutor(int(workers)) as threads:
            done = [threads.submit(use) for _number in range(int(workers))]
        print(json.dumps(sorted(moment for one in done for moment in one.result())))


if __name__ == "__main__":
    main(*sys.argv[1:])
