# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real client and session in this process, against a real server: for tests that set clocks by hand."""

from __future__ import annotations

import datetime as dt
import time
import typing as t

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.options import (
    TransportOptions,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.retry import Retry
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._http.transport import (
    HttpsTransport,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.api import Address, Calls, Client
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.contract import CONTRACTS
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._service.signing import Partner
from ansible_collections.redtrust.certificate_enroll.tests.sandbox.appliance import Appliance

SPEC = CertificateSpec("www", DistinguishedName((("cn", "www"),)), "CA_DEMO", key_type="ECDSA", key_length=256)


class Machine:
    """The clocks of this machine: the wall clock is ``wrong`` by some seconds, and a wait takes no time."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.wrong = wrong
        self.waited: list[float] = []
        self.warnings: list[str] = []

    def wall(self) -> float:
        return time.time() + self.wrong

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.wall(), tz=dt.timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.waited)

    def retry(self, deadline: float = 0.0) -> Retry:
        """Return a retry whose pauses take no time."""
        return Retry(deadline, clock=self.monotonic, sleep=self.waited.append)

    def client(self, appliance: Appliance, retry: Retry | None = None, timeout: float = 10.0) -> Client:
        facts = appliance.facts
        calls = Calls(
            Address(facts["host"], facts["port"], facts["auth_port"]),
            HttpsTransport(TransportOptions(ca_path=facts["ca_path"], timeout=timeout)),
            partner=Partner(facts["partner"], facts["partner_secret"].encode()),
            retry=retry or self.retry(),
            clock=self.wall,
            monotonic=self.monotonic,
            warn=self.warnings.append,
        )
        return Client(CONTRACTS[appliance.version], calls)


def steps(appliance: Appliance) -> dict[str, int]:
    """Return the number of requests for each step since the test began."""
    counts: dict[str, int] = {}
    for (step,) in appliance.asked("step"):
        counts[step] = counts.get(step, 0) + 1
    return counts


def refusals(appliance: Appliance) -> list[t.Any]:
    """Return each request since the test began that was refused."""
    return [row for row in appliance.asked("step, status, error_code") if (row[1] or 200) >= 400]
