# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a CA that is down from certificates that it does not sign."""

from __future__ import annotations

import threading

from .._errors import SignerError, SignerRejectedError

# So many failures in a row, of any certificates, mean that the signer fails for all of them.
MOST_FAILURES = 20
# So many are enough where the signer itself says that it fails for all.
MOST_OF_ALL = 3


class Failures:
    """Counts the failures of a signer in a row. Usable from several threads.

    ``why_down`` is why it is not asked any more: it failed too often, or wants to be left alone for long. It is empty
    while it is asked.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._in_a_row = 0
        self._of_all_in_a_row = 0
        self.why_down = ""

    def count(self, failure: SignerError | None) -> None:
        """Count the end of a request; None, and a refusal of this one for good, are the end of a row.

        The words are those of the first time: later ones would be another cause.
        """
        failed = failure is not None and not isinstance(failure, SignerRejectedError)
        of_all = failed and failure is not None and failure.concerns_all
        with self._mutex:
            self._in_a_row = self._in_a_row + 1 if failed else 0
            self._of_all_in_a_row = self._of_all_in_a_row + 1 if of_all else 0
            if (self._of_all_in_a_row >= MOST_OF_ALL or self._in_a_row >= MOST_FAILURES) and not self.why_down:
                times = MOST_OF_ALL if self._of_all_in_a_row >= MOST_OF_ALL else MOST_FAILURES
                self.why_down = f"the signer failed {times} times in a row, the last time: {failure}"

    def leave_alone(self, why: str) -> None:
        """Note why the signer is not asked any more."""
        with self._mutex:
            self.why_down = self.why_down or why
