# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace the product's fault points with those of the tests, in each Python that has this folder on its path.

A module that a playbook starts is a process of its own. It unpacks the collection itself. Python imports this file
before that.

With ``REDTRUST_ONE_THREAD`` in the environment, each pool of threads has one thread, so the certificates of a list are
done one after the other.
"""

from __future__ import annotations

import concurrent.futures
import functools
import importlib.util
import os
import sys
from pathlib import Path

NAME = "ansible_collections.redtrust.certificate_enroll.plugins.module_utils._fault_points"


def arm() -> None:
    """Make every later import of the product's fault points find those of the tests."""
    spec = importlib.util.spec_from_file_location(NAME, Path(__file__).resolve().parents[1] / "fault_points.py")
    if spec is None or spec.loader is None:
        raise ImportError("the fault points of the tests are not there")
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])


def do_in_order() -> None:
    """Give each pool of threads one thread."""
    begin = concurrent.futures.ThreadPoolExecutor.__init__

    @functools.wraps(begin)
    def with_one(pool: concurrent.futures.ThreadPoolExecutor, max_workers: int | None = None, name: str = "") -> None:
        begin(pool, max_workers and 1, name)

    concurrent.futures.ThreadPoolExecutor.__init__ = with_one  # type: ignore[method-assign, assignment]


arm()
if os.environ.get("REDTRUST_ONE_THREAD"):
    do_in_order()
