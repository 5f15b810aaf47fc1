# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run unit tests, sanity and integration with each ansible-core, on each supported Python of this machine.

Then run the tests of a store on PostgreSQL with each version of PostgreSQL of this machine. Others can be put into
``.build/postgres/<version>/bin``.
"""

from __future__ import annotations

import argparse
import collections.abc as c
import dataclasses
import subprocess
import sys
from pathlib import Path

import check
import workshop
from cores import CORES, environment


def main() -> int:
    """Run the whole matrix, or only the ansible-core versions on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cores", nargs="*", choices=[*CORES, []], metavar="CORE", help=", ".join(CORES))
    cores = parser.parse_args().cores or list(CORES)
    pythons = workshop.find_pythons()
    missing = [version for version in workshop.TARGET_PYTHONS if version not in pythons]
    print(f"Python: here are {', '.join(pythons)}; missing are {', '.join(missing) or 'none'}", flush=True)
    outcomes: list[check.Outcome] = []
    for core in cores:
        outcomes.extend(run_core(core, pythons))
    if not parser.parse_args().cores:
        outcomes.extend(run_databases(pythons))
    status = check.summary(outcomes)
    for core in cores:
        skipped = [version for version in CORES[core] if version not in pythons]
        if skipped:
            print(f"skipped: ansible-core {core} on Python {', '.join(skipped)}, which is not here")
    return status


def run_core(core: str, pythons: c.Mapping[str, Path]) -> c.Iterator[check.Outcome]:
    """Run the tests with one ansible-core, on each of its Pythons."""
    usable = [version for version in CORES[core] if version in pythons]
    for version in usable:
        venv = environment(core, version, pythons[version])
        # Sanity itself starts the target Pythons, so one controller is enough.
        groups = ("unit", "integration", "sanity") if version == usable[-1] else ("unit", "integration")
        with workshop.opened(venv, pythons) as shop:
            for step in check.CHECKS:
                if step.group in groups:
                    name = f"ansible-core {core} on Python {version}: {step.name}"
                    yield check.attempt(dataclasses.replace(step, name=name), shop)


def run_databases(pythons: c.Mapping[str, Path]) -> c.Iterator[check.Outcome]:
    """Run the tests of a store on PostgreSQL with each version that is not the one of ``make test``."""
    workshop.link_tree()
    sys.path.insert(0, str(workshop.TREE))
    from ansible_collections.redtrust.certificate_enroll.tests import postgres

    for place in postgres.all_programs():
        if place == postgres.programs():
            continue
        said = subprocess.run([str(place / "postgres"), "--version"], check=True, stdout=subprocess.PIPE, text=True)
        with workshop.opened(Path(sys.prefix), pythons) as shop:
            chosen = dataclasses.replace(shop, environment={**shop.environment, postgres.BIN_VARIABLE: str(place)})
            step = check.Check("matrix", said.stdout.strip(), _with_database)
            yield check.attempt(step, chosen)


def _with_database(shop: workshop.Workshop) -> None:
    store = "tests/unit/plugins/module_utils/store"
    check.tests(shop, f"{store}/test_contract.py", f"{store}/test_postgresql.py", "tests/robustness/test_database.py")


if __name__ == "__main__":
    sys.exit(main())
