# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of the fleet: a view is read from a store once, and each form is made of it.

Only ``redtrust_report`` needs this package. No form asks anybody for anything, and none of them needs a library.
"""

from __future__ import annotations

from .forms import FORMS, Form, metrics_of_each
from .json_form import entry_facts, happening_facts
from .reading import read_view
from .terminal import lines
from .view import Entry, Happening, Status, View

__all__ = [
    "FORMS",
    "Entry",
    "Form",
    "Happening",
    "Status",
    "View",
    "entry_facts",
    "happening_facts",
    "lines",
    "metrics_of_each",
    "read_view",
]
