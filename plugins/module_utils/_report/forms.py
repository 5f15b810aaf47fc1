# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of a report, by the name of the option that wants each."""

from __future__ import annotations

import functools
import typing as t

from . import csv_form, html, json_form, junit, markdown, prometheus, terminal
from .view import View

Form = t.Callable[[View], t.Iterator[str]]

FORMS: t.Mapping[str, Form] = {
    "html": html.render,
    "json": json_form.render,
    "csv": csv_form.render,
    "prometheus": prometheus.render,
    "junit": junit.render,
    "markdown": markdown.render,
    "text": terminal.render,
}

metrics_of_each: Form = functools.partial(prometheus.render, each=True)
