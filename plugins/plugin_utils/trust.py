# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which texts Ansible may take for templates.

A text of a certificate, or of an answer of the service, may hold what looks like a template. Since ansible-core 2.19 no
text is a template unless it is trusted. Before that each text is one unless it is marked as unsafe.
"""

from __future__ import annotations

import typing as t

try:
    from ansible.template import trust_as_template
except ImportError:
    HAS_TRUST = False
else:
    HAS_TRUST = True


def template(text: str) -> t.Any:
    """Return a text of this collection that Ansible may take for a template."""
    return trust_as_template(text) if HAS_TRUST else text


def untrusted(value: t.Any) -> t.Any:
    """Return JSON types in which no text is a template."""
    return value if HAS_TRUST else _unsafe(value)


def _unsafe(value: t.Any) -> t.Any:
    """Mark the texts that look like templates; to mark all of a large store takes minutes."""
    if isinstance(value, dict):
        return {name: _unsafe(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_unsafe(member) for member in value]
    if isinstance(value, str) and "{" in value:
        from ansible.utils.unsafe_proxy import wrap_var  # of old releases

        return wrap_var(value)
    return value
