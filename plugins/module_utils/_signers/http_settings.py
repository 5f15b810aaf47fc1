# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the signer http: read once, and checked as far as they can be without the CA. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t
from urllib.parse import urlsplit

from .._clock import parse_duration
from .._errors import ConfigurationError
from .._http.api import TransportOptions, is_this_machine
from .http_answer import AnswerRules, Selector
from .http_options import at, mapping_of, number_of, text_of, texts_of
from .http_request import RequestRules, parse_headers
from .http_template import Template
from .http_values import ORDER_NAMES, REVOCATION_NAMES, problem_of

Options = t.Mapping[str, t.Any]

TLS_OPTIONS = ("validate_certs", "ca_path", "client_cert", "client_key", "client_key_passphrase", "proxy", "timeout")
FITS_A_TOKEN = re.compile(r"[!-~]+")
_BEARER = "Authorization"
_NEEDS_NUMBER = frozenset(("order_number",))


@dataclasses.dataclass(frozen=True)
class Asking:
    """One request, and how its answer is read."""

    request: RequestRules
    answer: AnswerRules


@dataclasses.dataclass(frozen=True)
class Login:
    """The request that gets a token; where in its answer the token is, and its lifetime in seconds."""

    request: RequestRules
    token: Selector
    lifetime: Selector | None


@dataclasses.dataclass(frozen=True)
class Credentials:
    """How the CA is told who asks. ``header`` and ``prefix`` are for a token."""

    header: str
    prefix: str
    token: str | None = dataclasses.field(default=None, repr=False)
    token_path: str | None = None
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    login: Login | None = None


@dataclasses.dataclass(frozen=True)
class HttpSettings:
    """All options. ``name`` is the signer's; ``url`` has no slash at its end; times are in seconds.

    ``about_all`` are the statuses that are about the account, rather than about the one request.
    """

    name: str
    url: str
    transport: TransportOptions
    retry_timeout: float
    credentials: Credentials
    plain_headers: t.Mapping[str, Template]
    secret_headers: t.Mapping[str, Template] = dataclasses.field(repr=False)
    secrets: t.Mapping[str, str] = dataclasses.field(repr=False)
    prepare: tuple[RequestRules, ...]
    issue: Asking
    poll: Asking | None
    poll_wait: float
    find: Asking | None
    repeats: bool
    revoke: Asking | None
    lifetime: dt.timedelta | None
    own: bool = False
    advice: t.Mapping[int, str] = dataclasses.field(default_factory=dict)
    about_all: frozenset[int] = frozenset((401,))

    @classmethod
    def read(cls, name: str, options: Options, *, own: bool = False) -> HttpSettings:
        """Read the options; those that are None or missing have their defaults. Raises ConfigurationError.

        ``own`` tells that the code of a preset gives the values of placeholders such as ``${own.subject}``.
        """
        reader = _Reader(name, {key: value for key, value in options.items() if value is not None}, own)
        return cls(
            name=name,
            url=reader.url(),
            transport=reader.transport(),
            retry_timeout=reader.seconds("retry_timeout", 30.0, least=0.0),
            credentials=reader.credentials(),
            plain_headers=reader.headers("headers"),
            secret_headers=reader.headers("secret_headers"),
            secrets=reader.secrets,
            prepare=reader.prepare(),
            issue=reader.issue(),
            poll=reader.asking("poll", ORDER_NAMES, "wait"),
            poll_wait=reader.poll_wait(),
            find=reader.asking("find", ORDER_NAMES - _NEEDS_NUMBER),
            repeats=reader.choice("lost_answer", ("repeat", "stop")) == "repeat",
            revoke=reader.asking("revoke", REVOCATION_NAMES),
            lifetime=reader.lifetime(),
            own=own,
            advice=options.get("advice") or {},
            about_all=frozenset(options.get("about_all", (401,))),
        )

    def known_secrets(self) -> t.Iterator[str | None]:
        """Return the secrets in the options."""
        yield from (self.credentials.token, self.credentials.password, self.transport.client_key_passphrase)
        yield from self.secrets.values()
        for template in self.secret_headers.values():
            yield "".join(part for part in template.parts if isinstance(part, str))

    @property
    def headers(self) -> dict[str, Template]:
        """The header fields of every request."""
        return {**self.plain_headers, **self.secret_headers}

    def at(self, option: str) -> str:
        """Return the name of an option in messages."""
        return at(self.name, option)

    @property
    def is_preset(self) -> bool:
        """Whether a preset made these options, so that the user has no option ``request`` and the like to change."""
        return self.name != "http"

    @property
    def login_in_words(self) -> str:
        """What to look at when a login fails. A preset makes the login from options of its own."""
        return f"the credentials of {self.name}" if self.is_preset else f"{self.at('login')} and its credentials"


class _Reader:
    """Reads the options of one signer."""

    def __init__(self, name: str, options: Options, own: bool) -> None:
        self._name = name
        self._own = own
        self._options = options
        self.secrets = texts_of(at(name, "secrets"), options.get("secrets"))

    def url(self) -> str:
        option, url = at(self._name, "url"), text_of(at(self._name, "url"), self._options.get("url")) or ""
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname or "", parts.port
        except ValueError:
            raise ConfigurationError(f"{option} must be an address such as https://ca.example.com:8443") from None
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError(f"{option} has a user in it: use username and password")
        if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise ConfigurationError(
                f"{option} must be an address such as https://ca.example.com:8443, without ? and #, not {url!r}"
            )
        if not re.fullmatch(r"[!-~]+", url):
            raise ConfigurationError(f"{option} has a blank or a letter beyond ASCII in it: {url!r}")
        if parts.scheme == "http" and not is_this_machine(host):
            raise ConfigurationError(
                f"{option} must begin with https: plain http is for an agent on this machine alone, such as "
                "http://127.0.0.1:8100, since everybody on the way could read and change what is sent"
            )
        return url.rstrip("/")

    def transport(self) -> TransportOptions:
        given = {name: self._options[name] for name in TLS_OPTIONS if name in self._options}
        given["timeout"] = self.seconds("timeout", 30.0, least=0.001)
        if given.get("proxy") and self.url().startswith("http:"):
            raise ConfigurationError(f"{at(self._name, 'proxy')} is of no use for an agent on this machine")
        return TransportOptions(**given)

    def seconds(self, name: str, default: float, *, least: float) -> float:
        return self._seconds(name, self._options.get(name, default), least=least)

    def _seconds(self, name: str, value: object, *, least: float) -> float:
        seconds = number_of(value)
        if seconds is None or not least <= seconds <= 3600:
            raise ConfigurationError(f"{at(self._name, name)} is in seconds, at most 3600, not {value!r}")
        return seconds

    def credentials(self) -> Credentials:
        token, token_path, username, password = (
            text_of(at(self._name, name), self._options.get(name))
            for name in ("token", "token_path", "username", "password")
        )
        if token and not FITS_A_TOKEN.fullmatch(token):
            raise ConfigurationError(
                f"{at(self._name, 'token')} has a blank, a line break or a letter beyond ASCII in it"
            )
        login = self._login()
        ways = {"token": token, "token_path": token_path, "username": username, "login": login}
        given = [name for name, value in ways.items() if value]
        if len(given) > 1:
            raise ConfigurationError(f"{at(self._name, given[0])} and {given[1]} are given: use one of them")
        if bool(username) != bool(password):
            missing = "password" if username else "username"
            raise ConfigurationError(f"{self._name}: username and password go together: {missing} is not set")
        option = at(self._name, "token_header")
        headers = parse_headers(option, {text_of(option, self._options.get("token_header")) or _BEARER: ""}, str)
        header = next(iter(headers))
        prefix = self._options.get("token_prefix", "Bearer ")
        return Credentials(header, prefix, token, token_path, username, password, login)

    def headers(self, name: str) -> dict[str, Template]:
        return parse_headers(at(self._name, name), self._options.get(name), self._known(ORDER_NAMES))

    def prepare(self) -> tuple[RequestRules, ...]:
        option, given = at(self._name, "prepare"), self._options.get("prepare") or []
        if not isinstance(given, (list, tuple)):
            raise ConfigurationError(f"{option} must be a list of requests")
        known = self._known(ORDER_NAMES - _NEEDS_NUMBER)
        return tuple(RequestRules.parse(f"{option}[{place}]", one, known) for place, one in enumerate(given))

    def issue(self) -> Asking:
        option = at(self._name, "request")
        if not self._options.get("request"):
            raise ConfigurationError(f"{option} is not set: it asks for the certificate")
        request = RequestRules.parse(option, self._options["request"], self._known(ORDER_NAMES - _NEEDS_NUMBER))
        return Asking(request, AnswerRules.parse(at(self._name, "answer"), self._options.get("answer")))

    def poll_wait(self) -> float:
        given = self._options.get("poll")
        value = given.get("wait") if isinstance(given, t.Mapping) else None
        return self._seconds("poll.wait", 0.0 if value is None else value, least=0.0)

    def asking(self, name: str, names: frozenset[str], *more: str) -> Asking | None:
        option = at(self._name, name)
        given = mapping_of(option, self._options.get(name), ("request", "answer", *more))
        if not given:
            return None
        if "request" not in given:
            raise ConfigurationError(f"{at(option, 'request')} is not set")
        request = RequestRules.parse(at(option, "request"), given["request"], self._known(names))
        return Asking(request, AnswerRules.parse(at(option, "answer"), given.get("answer")))

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._options.get(name, choices[0])
        if value not in choices:
            raise ConfigurationError(f"{at(self._name, name)} must be {' or '.join(choices)}, not {value!r}")
        return str(value)

    def lifetime(self) -> dt.timedelta | None:
        text = text_of(at(self._name, "validity"), self._options.get("validity"))
        lifetime = parse_duration(at(self._name, "validity"), text) if text else None
        if lifetime is not None and not lifetime:
            raise ConfigurationError(f"{at(self._name, 'validity')} must be longer than nothing")
        return lifetime

    def _login(self) -> Login | None:
        option = at(self._name, "login")
        given = mapping_of(option, self._options.get("login"), ("request", "token", "lifetime"))
        if not given:
            return None
        if "request" not in given:
            raise ConfigurationError(f"{at(option, 'request')} is not set: it gets the token")
        request = RequestRules.parse(at(option, "request"), given["request"], self._known(frozenset()))
        token = Selector.parse(at(option, "token"), given.get("token"))
        if token is None:
            raise ConfigurationError(f"{at(option, 'token')} is not set: it says where in the answer the token is")
        return Login(request, token, Selector.parse(at(option, "lifetime"), given.get("lifetime")))

    def _known(self, names: frozenset[str]) -> t.Callable[[str], str | None]:
        return lambda name: problem_of(name, names, self.secrets, own=self._own)
