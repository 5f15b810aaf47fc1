# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for what may be requested, checked before a key is made.

The first rule whose ``names`` match decides about a request; a request that no rule is about is denied. The names in a
certificate must be listed by the rule. Whatever else a rule has no field for is free.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import typing as t

from .._clock import span
from .._errors import DeniedError
from .._models import CertificateSpec
from .._x509.api import AlternativeName, alternative_name, find_attribute
from .patterns import Allowed, Lengths, Patterns
from .rule_count import RuleCount

_MOST_SHOWN = 10
_LONGEST_SHOWN = 60
_COMMON_NAME = "2.5.4.3"


@dataclasses.dataclass(frozen=True)
class Objection:
    """Why a request is denied: the field of the rule, what was found, and what is allowed."""

    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.found}, allowed: {self.allowed}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """What may be requested under some names.

    Attributes of ``dn`` are keyed by OID, each with its name in the rule; ``other_dn`` is for those that are not
    listed. A part that is None is not looked at. ``wildcards`` says whether a domain may begin with ``*``.
    """

    name: str
    names: Patterns
    dn: t.Mapping[str, tuple[str, Patterns]]
    other_dn: Patterns | None = None
    dn_required: tuple[tuple[str, str], ...] = ()
    subject_alt_name: t.Mapping[str, Allowed] = dataclasses.field(default_factory=dict)
    wildcards: bool = False
    key_types: t.Mapping[str, Lengths] | None = None
    hash_types: Patterns | None = None
    providers: Patterns | None = None
    group_ids: frozenset[int] | None = None
    max_lifetime: dt.timedelta | None = None
    max_certificates: int | None = None

    def objections(self, spec: CertificateSpec, lifetime: dt.timedelta | None) -> t.Iterator[Objection]:
        """Yield what is against a request; ``lifetime`` is how long the signer asks for certificates."""
        yield from self._of_dn(spec)
        yield from self._of_names(spec)
        yield from self._of_key(spec)
        for field, allowed, value in (
            ("hash_type", self.hash_types, spec.hash_type),
            ("provider", self.providers, spec.provider),
        ):
            if allowed is not None and not allowed.match(value):
                yield Objection(field, f"{field} is {_quoted(value)}", _listed(allowed.texts))
        others = sorted(set(spec.group_ids) - self.group_ids) if self.group_ids is not None else []
        if others:
            allowed_ids = _listed(list(map(str, sorted(self.group_ids or ())))) or "none"
            yield Objection("group_ids", f"group_ids has {_listed(list(map(str, others)))}", allowed_ids)
        if self.max_lifetime is not None and lifetime is not None and lifetime > self.max_lifetime:
            allowed_time = f"at most {span(self.max_lifetime)}"
            yield Objection("max_lifetime", f"the signer asks for a lifetime of {span(lifetime)}", allowed_time)

    def _of_dn(self, spec: CertificateSpec) -> t.Iterator[Objection]:
        found = [(_oid(attribute), attribute, value) for attribute, value in spec.dn.attributes]
        for oid, attribute, value in found:
            label, allowed = self.dn.get(oid, (attribute, self.other_dn))
            field, words = f"dn.{label}", f"dn.{label} is {_quoted(value)}"
            if allowed is None:
                yield Objection(field, words, f"no {label}, but {_listed([name for name, _one in self.dn.values()])}")
            elif not allowed.match(value):
                yield Objection(field, words, _listed(allowed.texts))
            elif oid == _COMMON_NAME and "*" in value and not self.wildcards:
                yield Objection(field, words, "no * in it, since the rule has no wildcards")
        there = {oid for oid, _attribute, _value in found}
        for oid, label in self.dn_required:
            if oid not in there:
                allowed = self.dn.get(oid, (label, self.other_dn))[1]
                yield Objection(f"dn.{label}", f"dn.{label} is missing", _listed(allowed.texts if allowed else ()))

    def _of_names(self, spec: CertificateSpec) -> t.Iterator[Objection]:
        for name in map(alternative_name, spec.subject_alt_name):
            found = f"subject_alt_name has {_quoted(str(name))}"
            allowed = self.subject_alt_name.get(name.kind)
            if allowed is None:
                yield Objection("subject_alt_name", found, f"no name of the kind {name.kind}")
            elif not allowed.match(name.value):
                yield Objection("subject_alt_name", found, _listed([f"{name.kind}:{text}" for text in allowed.texts]))
            elif _is_wildcard(name) and not self.wildcards:
                yield Objection("subject_alt_name", found, "no * in it, since the rule has no wildcards")

    def _of_key(self, spec: CertificateSpec) -> t.Iterator[Objection]:
        if self.key_types is None:
            return
        lengths = self.key_types.get(spec.key_type.upper())
        if lengths is None:
            yield Objection("key_type", f"key_type is {_quoted(spec.key_type)}", _listed(list(self.key_types)))
        elif not lengths.match(spec.key_length):
            found = f"key_length is {spec.key_length}"
            yield Objection("key_length", found, f"{lengths} for {spec.key_type}")


class Rules:
    """A policy: its rules, in order. Without a rule there is no policy, and all is allowed. For several threads.

    ``lifetime`` is how long the signer asks for certificates, None if it is not known. ``names`` returns the names of
    all enrollments that have or await a certificate. ``accepts`` raises ConfigurationError where the CA can issue no
    such certificate.
    """

    def __init__(
        self,
        rules: t.Sequence[Rule] = (),
        *,
        lifetime: dt.timedelta | None = None,
        names: t.Callable[[], t.Iterable[str]] = tuple,
        accepts: t.Callable[[CertificateSpec], None] = lambda _spec: None,
        clock: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = tuple(rules)
        self._accepts = accepts
        self._lifetime = lifetime
        self._bounded = {rule.name for rule in self._rules if rule.max_certificates is not None}
        self._count = RuleCount(self._bounded_rule_of, names, clock)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be checked here, in sentences."""
        bound = [rule.name for rule in self._rules if rule.max_lifetime is not None]
        if not bound or self._lifetime is not None:
            return ()
        said = (
            f"max_lifetime of the policy (rules {_listed(bound)}) is not checked before a key is made, since it is not "
            "known here how long the CA makes certificates: set expect.lifetime where the certificates are uploaded"
        )
        return (said,)

    def check(self, spec: CertificateSpec) -> None:
        """Raise DeniedError unless the policy allows a request, and ConfigurationError if the CA cannot issue it."""
        self._accepts(spec)
        if not self._rules:
            return
        rule = self._rule_of(spec.name)
        if rule is None:
            known = _listed([text for one in self._rules for text in one.names.texts])
            found = Objection("names", f"no rule is about the name {_quoted(spec.name)}", known)
            raise _denied("the policy denies it", None, [found])
        objections = list(rule.objections(spec, self._lifetime))
        if not objections and rule.max_certificates is not None:
            objections += self._of_count(rule, spec.name, rule.max_certificates)
        if objections:
            raise _denied(f"policy rule {rule.name}", rule, objections)

    def _of_count(self, rule: Rule, name: str, most: int) -> t.Iterator[Objection]:
        taken = self._count.take(rule.name, name, most)
        if taken is not None:
            found = f"{taken} of its certificates are in use or on their way"
            yield Objection("max_certificates", found, f"at most {most}")

    def _rule_of(self, name: str) -> Rule | None:
        return next((rule for rule in self._rules if rule.names.match(name)), None)

    def _bounded_rule_of(self, name: str) -> str | None:
        """Return the name of the rule that is about a name, if it has a limit."""
        rule = self._rule_of(name)
        return rule.name if rule is not None and rule.name in self._bounded else None


# No policy: everything is allowed.
NO_RULES = Rules()


def _denied(begin: str, rule: Rule | None, objections: t.Sequence[Objection]) -> DeniedError:
    words = "; ".join(map(str, objections))
    facts = [dataclasses.asdict(one) for one in objections]
    return DeniedError(f"{begin}: {words}; no key was made", rule=rule.name if rule else None, denied=facts)


def _oid(attribute: str) -> str:
    known = find_attribute(attribute)
    return known.oid if known else attribute.lower()


def _is_wildcard(name: AlternativeName) -> bool:
    return name.kind == "DNS" and "*" in name.value


def _quoted(value: str) -> str:
    return repr(value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}...")


def _listed(texts: t.Sequence[str]) -> str:
    more = f" and {len(texts) - _MOST_SHOWN} more" if len(texts) > _MOST_SHOWN else ""
    return ", ".join(texts[:_MOST_SHOWN]) + more
