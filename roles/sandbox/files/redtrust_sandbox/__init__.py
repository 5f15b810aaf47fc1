# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Redtrust server for one's own machine: real HTTP, TLS, keys and checks; no appliance needed.

Written from the vendor's page and the contract only. It shares no code with the client of this collection, so that a
misreading in one shows against the other.
"""

from __future__ import annotations
