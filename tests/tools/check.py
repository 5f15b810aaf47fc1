# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the collection, for ``make test`` and its parts. Every step runs; the summary lists the failed ones."""

from __future__ import annotations

import argparse
import collections.abc as c
import dataclasses
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import typing as t
from pathlib import Path

import cores
import workshop
from workshop import ROOT, CheckError, Workshop

FULL_NAME = "redtrust.certificate_enroll"

# Files of a used checkout that must not be in the artifact.
LITTER = (
    ".ansible/litter",
    ".build/litter",
    ".demo/litter",
    ".hypothesis/litter",
    ".mypy_cache/litter",
    ".pytest_cache/litter",
    ".ruff_cache/litter",
    ".tree/litter",
    ".venv/litter",
    "plugins/modules/__pycache__/litter.pyc",
    "redtrust-certificate_enroll-0.0.1.tar.gz",
    "tests/output/litter",
)
BELONGS = re.compile(
    r"(CHANGELOG\.rst|CONTRIBUTING\.md|COPYING|FILES\.json|MANIFEST\.json|README\.md|REUSE\.toml|SECURITY\.md"
    r"|(LICENSES|changelogs|docs|extensions|meta|playbooks|plugins|roles|tests)(/[^./][^/]*)*)"
)

# With this version, a kill of the job also ends its module. Since 2.19 the module survives.
OLDER_CORE = "2.18"
# The most failed tests that the summary lists. People see the end of a long output first.
MOST_NAMED = 20
# The numbers of attempts in make soak.
LONG_FORM = {
    "CERTIFICATE_ENROLL_FLEET_KILLS": "500",
    "CERTIFICATE_ENROLL_HOSTILE_ANSWERS": "100000",
    "CERTIFICATE_ENROLL_KILLS": "500",
    "CERTIFICATE_ENROLL_POSTGRES": "all",
    "CERTIFICATE_ENROLL_TAMPERINGS": "10000",
}

# As docs.ansible.com builds it. The build downloads nothing, so references to Ansible's documentation stay plain text.
SPHINX = """
project = "redtrust.certificate_enroll"
extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
suppress_warnings = ["ref.ref", "ref.any"]
"""


@dataclasses.dataclass(frozen=True)
class Check:
    """One line of the summary."""

    group: str
    name: str
    run: c.Callable[[Workshop], None]


def ruff(shop: Workshop) -> None:
    """Check style and layout of all Python code."""
    shop.output([shop.python, "-m", "ruff", "check", "--no-cache"])
    shop.output([shop.python, "-m", "ruff", "format", "--no-cache", "--check", "--diff"])


def mypy(shop: Workshop) -> None:
    """Check types in strict mode, including tests and tools."""
    places = (shop.directory, shop.copy / "roles" / "sandbox" / "files", shop.copy / "tests" / "tools")
    shop.output(
        [*shop.tool("mypy"), "--config-file", str(shop.copy / "pyproject.toml"), str(workshop.COLLECTION)],
        cwd=shop.directory,
        MYPYPATH=":".join(map(str, places)),
        MYPY_CACHE_DIR=str(workshop.BUILD / "mypy"),
    )


def reuse(shop: Workshop) -> None:
    """Check that each file declares its licence."""
    shop.output([*shop.tool("reuse"), "lint", "--lines"])


def yamllint(shop: Workshop) -> None:
    """Check style of all YAML."""
    shop.output([*shop.tool("yamllint"), "--strict", "."])


def ansible_lint(shop: Workshop) -> None:
    """Check roles and playbooks with the strictest profile."""
    command = [*shop.tool("ansible-lint"), "--offline", "--profile", "production", "--strict"]
    shop.output([*command, "--nocolor", "--parseable"])


def changelog(shop: Workshop) -> None:
    """Check the changelog and its fragments."""
    shop.output([*shop.tool("antsibull-changelog"), "lint"])


def docs(shop: Workshop) -> None:
    """Check the guides and the documentation of modules and roles, then build them as a web site."""
    tool = shop.tool("antsibull-docs")
    references = ["--check-extra-docs-refs", "--validate-collection-refs", "all"]
    shop.output([*tool, "lint-collection-docs", "--plugin-docs", *references, "."])
    site = shop.directory / "site"
    (site / "rst").mkdir(parents=True)
    (site / "conf.py").write_text(SPHINX, encoding="utf-8")
    shop.output(
        [*tool, "collection", "--use-current", "--fail-on-error", "--squash-hierarchy", "--dest-dir", "rst", FULL_NAME],
        cwd=site,
    )
    shop.output([shop.python, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ".", "rst", "html"], cwd=site)
    guides = {path.stem for path in (shop.copy / "docs" / "docsite" / "rst").glob("*.rst")}
    built = {path.stem for path in (site / "html" / "docsite").glob("*.html")}
    if built != guides or not guides:
        raise CheckError(f"the site lacks guides: {', '.join(sorted(guides - built)) or 'all'}")


def unit(shop: Workshop) -> None:
    """Run the tests that need no playbook."""
    tests(shop)


def quick(shop: Workshop) -> None:
    """Run the unit tests that start no process of their own."""
    tests(shop, "-m", "not process", "tests/unit")


def robustness(shop: Workshop) -> None:
    """Make the real modules and playbooks fail at each fault point and at random, with two versions of Ansible."""
    pythons = workshop.find_pythons()
    usable = [version for version in cores.CORES[OLDER_CORE] if version in pythons]
    if usable:
        cores.environment(OLDER_CORE, usable[0], pythons[usable[0]])
    else:
        print(f"missing here: a Python for ansible-core {OLDER_CORE}, so nothing is killed on it", flush=True)
    tests(shop, "-rfEs", "tests/robustness")


def browser(shop: Workshop) -> None:
    """Sign in with a real browser, if there is one."""
    tests(shop, "-rfEs", "tests/browser")


def cas(shop: Workshop) -> None:
    """Have certificates signed by the real CAs that this machine has; the tests of a CA share its server."""
    tests(shop, "-rfEs", "--dist", "loadfile", "tests/cas")


def tests(shop: Workshop, *arguments: str) -> None:
    """Run tests in the checkout itself, on all processor cores. The error says which tests failed, and why."""
    try:
        shop.run([shop.python, "-m", "pytest", "-q", "-n", "auto", *arguments], cwd=ROOT)
    except CheckError as exc:
        failed = re.findall(r"^(?:FAILED|ERROR) (.{1,300})", exc.output, re.MULTILINE)
        more = [f"and {len(failed) - MOST_NAMED} more"] if len(failed) > MOST_NAMED else []
        raise CheckError("\n          ".join([str(exc), *failed[:MOST_NAMED], *more])) from exc


def soak(shop: Workshop) -> None:
    """Run the robustness tests in their long form. The environment may set other numbers."""
    robustness(dataclasses.replace(shop, environment={**LONG_FORM, **shop.environment}))


def sanity(shop: Workshop) -> None:
    """Run ansible-test sanity on every Python of this machine, and require that it imported the modules."""
    if ignored := sorted(str(path.name) for path in shop.copy.glob("tests/sanity/ignore-*.txt")):
        raise CheckError(f"nothing may be ignored: {', '.join(ignored)}")
    text = shop.run([*shop.tool("ansible-test"), "sanity", "--local", "--color", "no"])
    # It also lists older Pythons, on which it runs nothing.
    ran = re.findall(r'^Running sanity test "import" on Python (\S+)', text, re.MULTILINE)
    checked = [version for version in ran if version in workshop.TARGET_PYTHONS]
    missing = sorted(set(re.findall(r"^WARNING: Skipping sanity test .* on Python (\S+) because", text, re.MULTILINE)))
    print(f"modules imported on Python {', '.join(checked)}; missing here: {', '.join(missing) or 'none'}", flush=True)
    if not checked:
        raise CheckError("no Python was there to import the modules on")


def sanity_guard(shop: Workshop) -> None:
    """Plant a fault in the copy, and require sanity to find it. Sanity would also pass if it checked no file."""
    planted = shop.copy / "plugins" / "modules" / "redtrust_planted.py"
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("import requests\n", encoding="utf-8")
    workshop.track(shop.copy)
    try:
        command = [*shop.tool("ansible-test"), "sanity", "--local", "--python", "default", "--test", "import"]
        status, text = shop.status([*command, str(planted.relative_to(shop.copy))])
        if status == 0 or f"{planted.name}:1:0: traceback: ModuleNotFoundError" not in text:
            print(text)
            raise CheckError(f"sanity did not see the fault in {planted.name}")
    finally:
        planted.unlink()
        workshop.track(shop.copy)


def package(shop: Workshop) -> None:
    """Build the artifact from a copy with the litter of a used checkout, and check its list of files."""
    for name in LITTER:
        (shop.copy / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.copy / name).write_text("litter\n", encoding="utf-8")
    shop.output([*shop.tool("ansible-galaxy"), "collection", "build", "--output-path", str(shop.directory)])
    for name in LITTER:
        (shop.copy / name).unlink()
    with tarfile.open(artifact(shop)) as archive:
        names = {member.name.rstrip("/") for member in archive.getmembers()}
    wrong = sorted(name for name in names if not BELONGS.fullmatch(name) or name in LITTER)
    if wrong:
        raise CheckError(f"the artifact must not contain {', '.join(wrong)}")


def importer(shop: Workshop) -> None:
    """Import the artifact as Galaxy does."""
    text = shop.output(
        [shop.python, "-m", "galaxy_importer.main", str(artifact(shop))],
        cwd=shop.directory,
        GALAXY_IMPORTER_CHECK_REQUIRED_TAGS="true",
    )
    if re.search(r"^(WARNING|ERROR|CRITICAL): ", text, re.MULTILINE) or "completed successfully" not in text:
        print(text)
        raise CheckError("galaxy-importer has something to say")


def release(shop: Workshop) -> None:
    """Build the artifact of the last commit twice, look at its bills of materials, and tamper with it where signed."""
    # the tests share what they have built, and other checks run beside them
    tests(shop, "-rs", "-n", "0", "tests/release")


def artifact(shop: Workshop) -> Path:
    """Return the built artifact."""
    return next(shop.directory.glob("redtrust-certificate_enroll-*.tar.gz"))


def integration(shop: Workshop) -> None:
    """Run the playbooks of tests/integration against the sandbox."""
    shop.run([*shop.tool("ansible-test"), "integration", "--venv", "--requirements", "--color", "no"])


# These keep one processor core busy.
BESIDE = ("sanity", "package", "integration")
# A line of the summary: seconds, name, problem.
SUMMED_UP = re.compile(r"^(?:ok|FAILED) +([0-9.]+) s  ([^:\n]*)(?:: (.*))?$", re.MULTILINE)

CHECKS = (
    Check("lint", "ruff", ruff),
    Check("lint", "mypy", mypy),
    Check("lint", "reuse", reuse),
    Check("lint", "yamllint", yamllint),
    Check("lint", "ansible-lint", ansible_lint),
    Check("lint", "changelog", changelog),
    Check("lint", "documentation", docs),
    Check("unit", "unit tests", unit),
    Check("robustness", "robustness tests", robustness),
    Check("browser", "tests in a browser", browser),
    Check("cas", "tests with real CAs", cas),
    Check("sanity", "ansible-test sanity", sanity),
    Check("sanity", "a planted fault is found", sanity_guard),
    Check("package", "artifact", package),
    Check("package", "galaxy-importer", importer),
    Check("package", "files of a release", release),
    Check("integration", "ansible-test integration", integration),
)
# These run only if the command line names their group.
OTHER_CHECKS = (
    Check("quick", "ruff", ruff),
    Check("quick", "mypy", mypy),
    Check("quick", "unit tests without processes", quick),
    Check("soak", "robustness tests in their long form", soak),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a check; ``problem`` is empty if it passed."""

    name: str
    problem: str
    seconds: float


def main() -> int:
    """Run the checks of the groups on the command line, by default those of ``make test``."""
    groups = list(dict.fromkeys(check.group for check in (*CHECKS, *OTHER_CHECKS)))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*groups, []], metavar="GROUP", help=", ".join(groups))
    wanted = parser.parse_args().groups
    if not wanted:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            return summary(run_all(output))
    checks = [check for check in (*CHECKS, *OTHER_CHECKS) if check.group in wanted]
    with workshop.opened(Path(sys.prefix), workshop.find_pythons()) as shop:
        return summary([attempt(check, shop) for check in checks])


def run_all(output: t.TextIO) -> list[Outcome]:
    """Run the checks of ``make test``, those of ``BESIDE`` in a process of their own. Print its output at the end."""
    print(f"==> {', '.join(BESIDE)} run beside the others, and are shown after them", flush=True)
    command = [sys.executable, __file__, *BESIDE]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT) as process:
        with workshop.opened(Path(sys.prefix), workshop.find_pythons()) as shop:
            outcomes = [attempt(check, shop) for check in CHECKS if check.group not in BESIDE]
        status = process.wait()
    output.seek(0)
    text = output.read()
    print(text, flush=True)
    found = [Outcome(name, problem, float(seconds)) for seconds, name, problem in SUMMED_UP.findall(text)]
    if status not in (0, 1) or len(found) != sum(check.group in BESIDE for check in CHECKS):
        found.append(Outcome(", ".join(BESIDE), f"ended with status {status}", 0.0))
    return [*outcomes, *found]


def attempt(check: Check, shop: Workshop) -> Outcome:
    """Run a check, and return a failure as an outcome."""
    print(f"==> {check.name}", flush=True)
    start = time.monotonic()
    problem = ""
    try:
        check.run(shop)
    except (CheckError, subprocess.CalledProcessError) as exc:
        problem = str(exc)
        print(f"FAILED: {check.name}: {problem}", flush=True)
    return Outcome(check.name, problem, time.monotonic() - start)


def summary(outcomes: c.Sequence[Outcome]) -> int:
    """Print one line per check, and return the exit status."""
    print("\n==> summary")
    for outcome in outcomes:
        problem = f": {outcome.problem}" if outcome.problem else ""
        print(f"{'FAILED' if problem else 'ok':8}{outcome.seconds:6.1f} s  {outcome.name}{problem}")
    failed = sum(1 for outcome in outcomes if outcome.problem)
    print(f"steps: {len(outcomes) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
