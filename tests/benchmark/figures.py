# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a benchmark: ratios of runs, goals, the table and the JSON."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import statistics
import typing as t

_TOLD = ("measure", "value", "of_cpu", "unit", "other", "ours", "note")
HEADINGS = ("measure", "compared with", "ours", "result", "of CPU", "goal", "reached")


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished process with its children. ``peak`` is the memory of the largest of them, in MB.

    ``seconds`` is the time by the clock, ``cpu`` the time of the processors.
    """

    seconds: float
    cpu: float
    peak: float
    status: int = 0


@dataclasses.dataclass(frozen=True)
class Goal:
    """A bound for a figure."""

    limit: float
    least: bool = False

    def __str__(self) -> str:
        """Return the bound in words."""
        return f"at {'least' if self.least else 'most'} {number(self.limit)}"

    def reached(self, value: float) -> bool:
        """Tell whether a value keeps the bound."""
        return value >= self.limit if self.least else value <= self.limit


@dataclasses.dataclass(frozen=True)
class Figure:
    """One line of the table. ``value`` is None for what could not be measured; ``note`` says why.

    ``other`` and ``ours`` are the two sides of a ratio, in words. ``of_cpu`` is the same ratio of the time of the
    processors: a load on the machine changes it least.
    """

    measure: str
    value: float | None
    goal: Goal | None = None
    unit: str = ""
    other: str = ""
    ours: str = ""
    note: str = ""
    of_cpu: float | None = None
    runs: c.Mapping[str, c.Sequence[Run]] = dataclasses.field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        """Tell whether the goal is reached. None without a goal or a value."""
        return None if self.goal is None or self.value is None else self.goal.reached(self.value)

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        result = "not measured" if self.value is None else number(self.value) + (f" {self.unit}" if self.unit else "")
        of_cpu = "" if self.of_cpu is None else number(self.of_cpu)
        answer = {True: "yes", False: "NO", None: ""}[self.reached]
        return (self.measure, self.other, self.ours, result, of_cpu, str(self.goal or ""), answer)

    def to_json(self) -> dict[str, t.Any]:
        """Return the figure as JSON types, with each run."""
        runs = {name: [dataclasses.asdict(run) for run in runs] for name, runs in self.runs.items()}
        told = {name: getattr(self, name) for name in _TOLD}
        return {**told, "goal": str(self.goal or ""), "reached": self.reached, "runs": runs}


def ratio(over: c.Sequence[float], under: c.Sequence[float]) -> float:
    """Return the median of the ratios, pair by pair: each pair ran one after the other."""
    return statistics.median(one / other for one, other in zip(over, under, strict=True))


def seconds(runs: c.Sequence[Run]) -> str:
    """Return the median of the seconds, in words."""
    return f"{number(statistics.median(run.seconds for run in runs))} s"


def compared(
    measure: str, ours: c.Sequence[Run], other: c.Sequence[Run], goal: Goal | None, what: str, *, note: str = ""
) -> Figure:
    """Return the ratio of our runs to others. ``what`` names the others.

    A goal with a least value is a share of their speed, so theirs is above the line. Otherwise ours is.
    """
    over, under = (other, ours) if goal and goal.least else (ours, other)
    value = ratio([run.seconds for run in over], [run.seconds for run in under])
    of_cpu = ratio([run.cpu for run in over], [run.cpu for run in under])
    runs = {"ours": ours, what: other}
    return Figure(measure, value, goal, "", f"{what} {seconds(other)}", seconds(ours), note, of_cpu, runs)


def number(value: float) -> str:
    """Return a number with three digits that count, and no exponent."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def table(figures: c.Sequence[Figure]) -> str:
    """Return the table as text, and the notes below it."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{figure.measure}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([*lines, *([""] if notes else []), *notes])
