# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One upload over all its attempts: when it counts as done, and when that stays open. Pure: sending is passed in."""

from __future__ import annotations

import dataclasses
import typing as t

from .._error_codes import canonical
from .._errors import AnswerInvalidError, AnswerLostError, NotSentError, RefusedError, ServiceError, UnauthorizedError
from .._models import Finalized


@dataclasses.dataclass
class Upload:
    """An upload, which may be repeated with the same request and certificate.

    ``send`` uploads once, and returns an AnswerLostError where the answer does not confirm that the certificate was
    stored. ``codes`` confirm an earlier attempt that had no answer. With ``again`` an answer that settles nothing is
    followed by one more attempt, since it may be a slip. ``unanswered``: an attempt, here or in an earlier run, may
    have been carried out.
    """

    send: t.Callable[[], Finalized | AnswerLostError]
    codes: t.Collection[str]
    again: bool
    unanswered: bool

    def attempt(self) -> Finalized:
        """Upload until the answer settles it; raises a ServiceError."""
        stored = self._once()
        if isinstance(stored, AnswerLostError) and self.again:
            stored = self._once()
        if isinstance(stored, AnswerLostError):
            raise stored
        return stored

    def failure(self, error: NotSentError | RefusedError, *, lost: bool) -> ServiceError:
        """Return the error of the whole upload; ``lost``: an earlier run had no answer, as the store knows.

        A refusal of a later attempt does not undo an earlier one.
        """
        error.unanswered = self.unanswered
        refused = isinstance(error, RefusedError) and error.is_definite and not error.concerns_all
        open_still = self.unanswered and error.not_done and not isinstance(error, UnauthorizedError)
        if not open_still or (lost and not refused):
            return error
        return AnswerLostError(
            _refused_now(error) if refused else f"an earlier upload had no answer, and then: {error}",
            step=error.step,
            url=error.url,
            status=error.status,
            error_code=error.error_code,
            service_message=error.service_message,
        )

    def _once(self) -> Finalized | AnswerLostError:
        try:
            stored = self.send()
        except RefusedError as exc:
            if self.unanswered and canonical(exc.error_code or "") in self.codes:
                return Finalized(confirmed_by_second_answer=True)
            self.unanswered = self.unanswered or not exc.not_done
            raise
        except (AnswerLostError, AnswerInvalidError):
            self.unanswered = True
            raise
        self.unanswered = self.unanswered or isinstance(stored, AnswerLostError)
        return stored


def _refused_now(error: ServiceError) -> str:
    code = error.error_code if canonical(error.error_code or "") not in ("", "OK") else None
    with_code = f"with {code}" if code else "without a code"
    words = f", {error.service_message}" if error.service_message else ""
    cure = f"put {code} into finalized_codes and run again; otherwise " if code else ""
    return (
        f"an earlier upload had no answer, and now the service refuses it {with_code} (HTTP {error.status}{words}): "
        f"look there whether the certificate is in use; if it is, {cure}settle it with redtrust_enrollment and "
        "state=accepted"
    )
