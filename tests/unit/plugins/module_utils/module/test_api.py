# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the border to Ansible, each imported when it is used."""

from __future__ import annotations

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import api


def test_each_name_is_there() -> None:
    assert sorted(api._HOME_OF) == sorted(api.__all__)
    for name in api.__all__:
        assert getattr(api, name) is not None


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        assert api.nothing
