# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the collection, as one tree.

RedtrustError                   everything this collection raises on purpose
+- ConfigurationError           an option is missing, malformed or contradicts another; nothing was sent
+- ServiceError                 a step at the service did not succeed
|  +- NotSentError              the request was provably not carried out: safe to send again
|  |  +- TlsError               TLS was not agreed: sending again does not help
|  |  `- NotTriedError          the service is plainly down, so it was not asked
|  +- AnswerLostError           the request may have been carried out; no whole answer came back
|  +- AnswerInvalidError        an answer came, but not one the contract knows
|  `- RefusedError              the service understood and said no, or a proxy did
|     `- UnauthorizedError      HTTP 401: the session is missing, over or not accepted
+- SessionError                 there is no session and no way to open one
+- SignerError                  the signer did not give a certificate
|  `- SignerRejectedError       the certificate authority refused this request for good
+- GateError                    a certificate must not be uploaded for this request
+- PolicyError                  the enrollment is in a state in which nothing may be done without a person
|  +- BackingOffError           it failed again and again, and is not tried before a certain time
|  `- DeniedError               a rule of the policy does not allow the request; no key was made
+- StoreError                   the store cannot be used as asked
|  +- StaleRevisionError        another run changed the revision first; nothing was written
|  `- LeaseHeldError            another run is working on it and did not finish in time
`- InternalError                an exception that nobody expected, while one item was worked on

An error carries data (``details``) and never a module, a token, a password or a request code.
"""

from __future__ import annotations

import typing as t

from ._error_codes import meaning_of


class RedtrustError(Exception):
    """Any failure of this collection; ``str()`` of it is one sentence for the operator."""

    def details(self) -> dict[str, t.Any]:
        """Return the facts behind the sentence as JSON types, for the module's result."""
        return {}


class ConfigurationError(RedtrustError):
    """An option is missing, malformed or contradicts another."""


class ServiceError(RedtrustError):
    """A step at the service did not succeed.

    ``step`` is the step's name as in the documentation (``login``, ``create``, ...); ``url`` has no query, so
    it can hold no credential. ``foreign``: something before the service answered, such as a proxy. ``unanswered``
    is set where an earlier attempt of the same call may have been carried out.
    """

    def __init__(
        self,
        message: str,
        *,
        step: str,
        url: str,
        status: int | None = None,
        error_code: str | None = None,
        service_message: str | None = None,
        retry_after: float | None = None,
        foreign: bool = False,
    ) -> None:
        super().__init__(message)
        self.step = step
        self.url = url
        self.status = status
        self.error_code = error_code
        self.service_message = service_message
        self.retry_after = retry_after
        self.foreign = foreign
        self.unanswered = False

    def __str__(self) -> str:
        return f"{self.step} at {self.url}: {super().__str__()}"

    @property
    def not_done(self) -> bool:
        """Whether the request was provably not carried out. A redirect leads elsewhere instead."""
        return self.status is not None and 300 <= self.status < 400

    @property
    def concerns_all(self) -> bool:
        """Whether every other request would end in the same way."""
        return meaning_of(self.error_code).concerns_all

    def mask(self, hide: t.Callable[[str], str]) -> None:
        """Mask the secrets of the request that the service or a library repeats."""
        self.args = tuple(hide(argument) for argument in self.args)
        self.url = hide(self.url)
        self.error_code = self.error_code and hide(self.error_code)
        self.service_message = self.service_message and hide(self.service_message)

    def details(self) -> dict[str, t.Any]:
        facts = {
            "step": self.step,
            "url": self.url,
            "status": self.status,
            "error_code": self.error_code,
            "service_message": self.service_message,
        }
        return {name: value for name, value in facts.items() if value is not None}


class NotSentError(ServiceError):
    """The request was provably not carried out: name not resolved, connection refused, TLS not agreed, ..."""

    @property
    def not_done(self) -> bool:
        return True


class TlsError(NotSentError):
    """TLS was not agreed: an unknown CA, another host's certificate, an old protocol, ..."""


class NotTriedError(NotSentError):
    """The service did not answer others, so this request was not even tried."""


class AnswerLostError(ServiceError):
    """The request may have been carried out, but no whole answer came back.

    With a ``status`` an answer did come, and it settles nothing.
    """


class AnswerInvalidError(ServiceError):
    """The answer is not one that the contract knows."""


class RefusedError(ServiceError):
    """The service understood the request and said no, or a proxy before it did."""

    @property
    def not_done(self) -> bool:
        """Whether the status or the code says so: below 500, or 503 with a time to come back."""
        told = (self.status or 0) < 500 or (self.status == 503 and self.retry_after is not None)
        return told or meaning_of(self.error_code).not_done

    @property
    def is_busy(self) -> bool:
        """Whether a whole answer says that the service has no time for it now."""
        return self.status in (429, 503) or meaning_of(self.error_code).passes

    @property
    def is_definite(self) -> bool:
        """Whether the service itself has decided not to do it."""
        return self.not_done and not (self.is_busy or self.foreign)


class UnauthorizedError(RefusedError):
    """HTTP 401: the session is missing, over or not accepted."""


class SessionError(RedtrustError):
    """There is no session and no way to open one.

    ``ended_at`` is when the service first refused to go on with the one there was (ISO 8601, UTC), where it did.
    """

    def __init__(self, message: str, *, ended_at: str | None = None) -> None:
        super().__init__(message)
        self.ended_at = ended_at

    def details(self) -> dict[str, t.Any]:
        return {"ended_at": self.ended_at} if self.ended_at else {}


class SignerError(RedtrustError):
    """The signer did not give a certificate; asking again may help.

    ``retry_after`` is set where the CA wants to be left alone for so many seconds: no run asks it before. ``not_sent``
    tells that the CA provably did not get the request, ``concerns_all`` that every other request would end in the same
    way.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, not_sent: bool = False, concerns_all: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.not_sent = not_sent
        self.concerns_all = concerns_all


class SignerRejectedError(SignerError):
    """The certificate authority refused this request for good."""


class GateError(RedtrustError):
    """The certificate must not be uploaded for this request."""


class PolicyError(RedtrustError):
    """The enrollment is in a state in which nothing may be done without a person."""


class BackingOffError(PolicyError):
    """It failed again and again, and is not tried before a certain time."""


class DeniedError(PolicyError):
    """A rule of the policy does not allow the request; nothing was sent, and no key was made.

    ``rule`` is its name, None where no rule is about the request. ``denied`` has a mapping for each field: ``field``,
    what was ``found`` and what is ``allowed``, in words.
    """

    def __init__(self, message: str, *, rule: str | None, denied: t.Sequence[t.Mapping[str, str]]) -> None:
        super().__init__(message)
        self.rule = rule
        self.denied = tuple(denied)

    def details(self) -> dict[str, t.Any]:
        return {"rule": self.rule, "denied": [dict(one) for one in self.denied]}


class StoreError(RedtrustError):
    """The store cannot be used as asked."""


class StaleRevisionError(StoreError):
    """Another run changed the revision first; nothing was written."""


class LeaseHeldError(StoreError):
    """Another run holds the lease and did not give it up in time."""


class InternalError(RedtrustError):
    """An unexpected exception was raised while one item was worked on.

    ``exception`` is the name of its kind, ``place`` where in the collection it came from, ``trace`` the places on the
    way there, the innermost last: files, lines and functions, never a value.
    """

    def __init__(self, message: str, *, exception: str, place: str, trace: t.Sequence[str]) -> None:
        super().__init__(message)
        self.exception = exception
        self.place = place
        self.trace = tuple(trace)

    def details(self) -> dict[str, t.Any]:
        return {"exception": self.exception, "place": self.place, "trace": list(self.trace)}
