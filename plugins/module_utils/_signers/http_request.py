# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request to a CA as data: read it from an option, and fill in its placeholders. Pure."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t
from urllib.parse import quote, urlencode, urljoin, urlsplit

from .._errors import ConfigurationError, SignerError
from .._http.api import HttpRequest
from .http_answer import Case
from .http_options import at, mapping_of, statuses_of, text_of, texts_of
from .http_template import Template, Tree, fill, parse_tree, templates_in
from .http_values import Values

Known = t.Callable[[str], t.Optional[str]]

_BODIES = ("json", "form", "body")
_CSR_TYPE = "application/pkcs10"
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "body": "text/plain; charset=utf-8"}
# Header fields that the transport sets, or that say how the connection is used.
_NOT_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade", "te")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# What may be in the value of a header; it is sent as Latin-1.
_FITS_A_HEADER = re.compile(r"([!-~\xa1-\xff]+([ \t]+[!-~\xa1-\xff]+)*)?")
# Placeholders that stand for the same request each time it is sent.
_IDS = frozenset(("request_id", "request_uuid", "request_number"))


@dataclasses.dataclass(frozen=True)
class RequestRules:
    """One request with placeholders. ``kind`` is that of its body: json, form, body or none."""

    option: str
    method: str
    path: Template
    headers: t.Mapping[str, Template]
    kind: str
    content: Tree
    content_type: str | None
    accept: frozenset[int]
    accepts_when: Case = dataclasses.field(default_factory=Case)

    @classmethod
    def parse(cls, option: str, value: object, known: Known) -> RequestRules:
        """Read an option; ``known`` says what is wrong with the name of a placeholder. Raises ConfigurationError."""
        given = mapping_of(option, value, ("method", "path", "headers", *_BODIES, "content_type", "accept"))
        bodies = [name for name in _BODIES if name in given]
        if len(bodies) > 1:
            raise ConfigurationError(f"{option} has {' and '.join(bodies)}: a request has one of them")
        kind = bodies[0] if bodies else ""
        method = text_of(at(option, "method"), given.get("method")) or ("POST" if kind else "GET")
        if not re.fullmatch("[A-Z]{1,20}", method):
            raise ConfigurationError(f"{at(option, 'method')} must be a method such as POST or GET, not {method!r}")
        content_type = text_of(at(option, "content_type"), given.get("content_type"))
        if content_type and not _FITS_A_HEADER.fullmatch(content_type):
            raise ConfigurationError(f"{at(option, 'content_type')} has a character in it that HTTP cannot carry")
        rules = cls(
            option=option,
            method=method,
            path=_path(at(option, "path"), given.get("path"), known),
            headers=parse_headers(at(option, "headers"), given.get("headers"), known),
            kind=kind,
            content=_content(at(option, kind), kind, given[kind], known) if kind else None,
            content_type=content_type,
            **_accepted(at(option, "accept"), given.get("accept")),
        )
        rules._check_places()
        return rules

    @property
    def names(self) -> frozenset[str]:
        """The names of all placeholders."""
        parts = [self.path, *self.headers.values(), *templates_in(self.content)]
        return frozenset[str]().union(*(part.names for part in parts))

    @property
    def has_id(self) -> bool:
        """Whether the CA is told the id of the request, so that it can tell a repetition."""
        return bool(self.names & _IDS)

    def filled(self, step: str, base: str, values: Values, headers: t.Mapping[str, Template]) -> HttpRequest:
        """Return the request without its credentials; ``headers`` are those of every request; one whose
        placeholder has no value here is left out.

        Raises ConfigurationError where a value is missing, or cannot be sent.
        """
        body = self._body(values)
        sent = {"Accept": "*/*"}
        if body is not None:
            sent["Content-Type"] = self.content_type or self._type()
        common = {name: template for name, template in headers.items() if _has_all(template, values)}
        for name, template in {**common, **self.headers}.items():
            if template.only is None or _has_all(template, values):
                sent[name] = _header(template, values)
        return HttpRequest(step, self.method, self._url(base, values), sent, body)

    def _url(self, base: str, values: Values) -> str:
        if self.path.only is None:
            return base + self.path.text(values, lambda value: quote(value, safe=""))
        url = urljoin(f"{base}/", self.path.text(values))
        if _origin(url) != _origin(base):
            raise SignerError(f"{self.path.option}: the address of the CA is at another host, which is not asked")
        return url

    def _body(self, values: Values) -> bytes | None:
        if not self.kind:
            return None
        filled = fill(self.content, values)
        if self.kind == "json":
            return json.dumps(filled).encode()
        if self.kind == "form":
            return urlencode({name: _in_form(value) for name, value in filled.items()}, doseq=True).encode()
        if filled is None:
            raise ConfigurationError(f"{at(self.option, 'body')}: {values.about} has no value for it")
        return filled if isinstance(filled, bytes) else str(filled).encode()

    def _type(self) -> str:
        only = self.content.only if self.kind == "body" else None
        return _CSR_TYPE if only and only.startswith("csr_") else _TYPES[self.kind]

    def _check_places(self) -> None:
        """Raise ConfigurationError where a placeholder is in a place that cannot hold its value."""
        for template in (self.path, *self.headers.values(), *templates_in(self.content)):
            if "csr_der" in template.names and not (self.kind == "body" and template.only):
                raise ConfigurationError(f"{template.option}: ${{csr_der}} is bytes, which only a whole body can be")
            if "dn" in template.names and not (self.kind == "json" and template.only):
                raise ConfigurationError(
                    f"{template.option}: ${{dn}} is a list, which only a member of json can be: use ${{dn_rfc4514}}, "
                    "${dn_openssl} or single attributes such as ${dn.cn}"
                )


def _accepted(option: str, value: object) -> dict[str, t.Any]:
    """Read the answers that are as good as 200: statuses, or a mapping of these and of values at places."""
    if not isinstance(value, t.Mapping):
        return {"accept": statuses_of(option, value)}
    case = Case.parse(option, value)
    return {"accept": case.statuses, "accepts_when": case}


def parse_headers(option: str, value: object, known: Known) -> dict[str, Template]:
    """Read header fields, in the usual case. Raises ConfigurationError."""
    headers = {}
    for name, text in texts_of(option, value).items():
        if not _TOKEN.fullmatch(name) or name.lower() in _NOT_OURS:
            raise ConfigurationError(f"{at(option, name)} is not a header field that can be set here")
        template = Template.parse(at(option, name), text, known)
        literal = "".join(part for part in template.parts if isinstance(part, str))
        if not re.fullmatch(r"[ \t!-~\xa1-\xff]*", literal):
            raise ConfigurationError(f"{at(option, name)} has a character in it that HTTP cannot carry")
        headers["-".join(word[:1].upper() + word[1:] for word in name.split("-"))] = template
    return headers


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname or "", port) if parts.username is None else None


def _path(option: str, value: object, known: Known) -> Template:
    path = Template.parse(option, text_of(option, value) or "", known)
    literal = "".join(part for part in path.parts if isinstance(part, str))
    begins = not path.parts or path.only is not None or str(path.parts[0]).startswith("/")
    if not begins or not re.fullmatch(r"[!-\"$-~]*", literal):
        raise ConfigurationError(
            f"{option} must begin with / and have no blank, # or letter beyond ASCII in it (write them as %20, %23 "
            "and the like), or be one placeholder such as ${order_number}"
        )
    return path


def _content(option: str, kind: str, value: object, known: Known) -> Tree:
    if kind == "json":
        return parse_tree(option, value, known)
    if kind == "body":
        return Template.parse(option, text_of(option, value) or "", known)
    for name, member in mapping_of(option, value, None).items():
        if isinstance(member, t.Mapping):
            raise ConfigurationError(f"{at(option, name)} must be text, a number or a list of them, not a mapping")
    return parse_tree(option, mapping_of(option, value, None), known)


def _in_form(value: t.Any) -> t.Any:
    return ("true" if value else "false") if isinstance(value, bool) else value


def _has_all(template: Template, values: Values) -> bool:
    return all(values.get(name) is not None for name in template.names)


def _header(template: Template, values: Values) -> str:
    text = template.text(values)
    if not _FITS_A_HEADER.fullmatch(text):
        raise ConfigurationError(
            f"{template.option}: a value of {values.about} has a line break or a character in it that a header field "
            "cannot carry: put it into the body"
        )
    return text
