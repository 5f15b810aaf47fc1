# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that Hypothesis draws: nearly right, wrong in each part, or no answer at all.

The server replaces two marks when it sends an answer: ``@NUMBER@`` becomes eight digits that no other answer has,
``@BAIT@`` the address of another server.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import typing as t
import urllib.parse
import zlib

from hypothesis import strategies as st

NUMBER = "@NUMBER@"
BAIT = "@BAIT@"
MEGABYTE = 2**20

PASSWORD = 'canary-p\u00e4ss/w"ord?'
TEMPORAL_TOKEN = "canary.temporal.token="
ACCESS_TOKEN = "canary.access.token"
REFRESH_TOKEN = "canary-refresh/token+="
REQUEST_CODE = "canary-request-code"
SECRETS = (PASSWORD, TEMPORAL_TOKEN, ACCESS_TOKEN, REFRESH_TOKEN, REQUEST_CODE)


def forms(secret: str) -> list[str]:
    """Return ways in which a server may repeat a secret."""
    raw = secret.encode()
    return [secret, urllib.parse.quote(secret), base64.b64encode(raw).decode(), json.dumps(secret)[1:-1]]


REPEATED = [form for secret in SECRETS for form in forms(secret)]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Bytes that a server sends, and its next action: ``keep`` or ``close`` the connection, ``stall``, ``trickle``."""

    content: bytes
    end: str

    def __repr__(self) -> str:
        shown = self.content if len(self.content) < 2000 else self.content[:1000] + b" ... " + self.content[-200:]
        return f"Answer({shown!r}, {self.end!r}), {len(self.content)} bytes"


# -- JSON as text, so that names may stand twice and numbers may be none ----------------------------------------------

_STRANGE = [
    *("null", "true", "NaN", "-Infinity", "1e999999", "-0", "9" * 4301, "9" * 400, "-1", "0.1e-400", "1.0"),
    *(
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\u0000"',
        '"a\x00b"',
        '"a\nb"',
        '"\\u001b[31m"',
        '"\\u202eevil"',
        '"\\"',
        '""',
    ),
    *('"a\\r\\nX-Evil: 1"', '"\u20ac"', '"\\u20ac"', '" "', '"[object Object]"', "undefined", "'x'", "{", "[", "[[]]"),
    *(
        '"0001-01-01T00:00:00"',
        '"9999-12-31T23:59:59.9999999-14:00"',
        '"2026-01-31T12:30:45+99:99"',
        '"\u0662026-01-01T00:00:00Z"',
    ),
    *('"OK"', '"ERROR"', '"SUCCESS"', '"already finalized"', '"<html>"'),
]


def _text(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


def _object(pairs: t.Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{_text(name)}:{value}" for name, value in pairs) + "}"


NAMES = ["message", "messageType", "errorCode", "data", "isValid", "Message", "DATA", "accessToken", "refreshToken"]
NAMES += ["expiration", "requestCode", "csr", "idCertificate", "thumbprint", "", "\x00", "a" * 500, *REPEATED]

texts = st.one_of(
    st.sampled_from([value for value in _STRANGE if value.startswith('"')]),
    st.sampled_from(REPEATED).map(_text),
    st.text(min_size=1, max_size=20).map(_text),
)
scalars = st.one_of(
    st.sampled_from(_STRANGE),
    st.sampled_from(REPEATED).map(_text),
    st.sampled_from(REPEATED).map(lambda secret: _text(f"{'x' * 490} {secret} {secret}")),
    st.text(max_size=20).map(_text),
    st.integers().map(str),
)
values = st.recursive(
    scalars | st.sampled_from(REPEATED).map(lambda secret: _object([(secret, "1")])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=4).map(_object),
    ),
    max_leaves=6,
)
deep = st.builds(
    lambda opening, closing, depth, ends: opening * depth + "1" + (closing * depth if ends else ""),
    st.just("["),
    st.just("]"),
    st.sampled_from([50, 1000, 100_000]),
    st.booleans(),
) | st.sampled_from(['{"a":' * 100_000 + "1" + "}" * 100_000, '{"data":' * 2000 + "1" + "}" * 2000])


def _jwt(claims: str) -> str:
    return "e30." + base64.urlsafe_b64encode(claims.encode("utf-8", "surrogatepass")).decode().rstrip("=") + ".c2ln"


jwts = st.one_of(values.map(lambda value: f'{{"exp":{value}}}'), values, deep).map(_jwt).map(_text)


dates = st.builds(
    lambda year, zone: _text(f"{year}-12-31T23:59:59{zone}"),
    st.sampled_from(["0001", "9999", "2026", "0000", "2026-02"]),
    st.sampled_from(["", "Z", "-14:00", "+14:00", ".9999999-01:00", "+99:99", ".1234567890"]),
) | st.sampled_from(['"0001-01-01T00:00:00+01:00"', '"9999-12-31T23:59:59-01:00"'])


def csrs(csr: str, certificate: str) -> st.SearchStrategy[str]:
    """Return texts in place of a CSR, which is base64 of DER: two CSRs, a certificate, another armour, ..."""
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{csr}\n-----END CERTIFICATE REQUEST-----\n"
    whole = [csr + csr, pem, pem + pem, certificate, pem.replace("REQUEST", "PANIC"), pem.replace(" REQUEST", "")]
    whole += [
        csr[:-4],
        csr + "AAAA",
        csr * 500,
        "A" * MEGABYTE,
        base64.b64encode(b"0\x82\xff\xff" * 9).decode(),
        f"\ufeff{csr}",
    ]
    whole += [csr.replace("M", "A", 1), csr[:40] + "\x00" + csr[40:], "=" * 50, base64.b64encode(bytes(200)).decode()]
    raw = base64.b64decode(csr)
    flipped = st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)).map(
        lambda spot: base64.b64encode(raw[: spot[0]] + bytes([spot[1]]) + raw[spot[0] + 1 :]).decode()
    )
    return (st.sampled_from(whole) | flipped).map(_text)


@dataclasses.dataclass(frozen=True)
class Right:
    """The members of ``data`` in a right answer, as JSON, and strategies for wrong values of each."""

    members: t.Mapping[str, str]
    others: t.Mapping[str, st.SearchStrategy[str]]


def right_answers(csr: str, certificate: str) -> dict[str, Right]:
    """Return the right answer of each step."""
    tokens = Right(
        {
            "accessToken": _text("access"),
            "refreshToken": _text("refresh"),
            "expiration": _text("2099-01-01T00:00:00.0000000Z"),
        },
        {"accessToken": jwts, "expiration": dates},
    )
    created = Right({"requestCode": _text(f"code-{NUMBER}"), "csr": _text(csr)}, {"csr": csrs(csr, certificate)})
    thumbprints = st.sampled_from(["A" * 40, "\u200eaa:bb" + "c" * 36, "A" * 39, "x" * MEGABYTE, "\x1b[31m", *REPEATED])
    finalized = Right({"idCertificate": "7", "thumbprint": _text("A" * 40)}, {"thumbprint": thumbprints.map(_text)})
    steps = {"create": created, "renew": created, "finalize": finalized, "logout": Right({}, {})}
    return {**dict.fromkeys(("login", "exchange", "refresh"), tokens), **steps}


@st.composite
def documents(draw: st.DrawFn, right: Right) -> str:
    """Return a document with one or two wrong members: left out, repeated, or of another value."""
    frame = {"message": '""', "messageType": '"SUCCESS"', "errorCode": '"OK"', "data": ""}
    places = [*frame, *3 * list(right.members)]
    wrong = draw(st.lists(st.sampled_from(places), min_size=1, max_size=draw(st.sampled_from([1, 1, 2]))))

    def members(named: t.Mapping[str, str]) -> str:
        pairs = []
        for name, value in named.items():
            what = draw(st.sampled_from([*["other"] * 4, "drop", "twice", "case"])) if name in wrong else "keep"
            other = draw(right.others.get(name, values) | texts | values) if what in ("other", "twice") else value
            pairs += [(name.swapcase() if what == "case" else name, other)] if what != "drop" else []
            pairs += [(name, value)] if what == "twice" else []
        return _object(pairs)

    data = members(right.members)
    frame["data"] = draw(st.sampled_from([*[data] * 8, _text(data), f"[{data}]", _text(_text(data)), "null"]))
    return members(frame)


_BOMS = [*[b""] * 20, b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"\xff\xfe", b"\x00", b" \r\n"]


@st.composite
def bodies(draw: st.DrawFn, right: Right) -> bytes:
    """Return the body of an answer."""
    kind = draw(st.sampled_from(["near"] * 10 + ["value"] * 4 + ["deep", "bytes", "cut", "large"]))
    if kind == "bytes":
        return draw(st.binary(max_size=300) | st.just(b"<html><title>proxy</title>"))
    document = draw(deep if kind == "deep" else values if kind == "value" else documents(right))
    content = document.encode("utf-8", "surrogatepass")
    if kind == "cut":  # only without a secret in it: a search cannot find a secret that is cut
        content = content if b"canary" not in content and b"Y2FuYXJ5" not in content else b"{}"
        spot = draw(st.integers(0, len(content)))
        content = content[:spot] + draw(st.binary(max_size=3)) + content[spot + draw(st.integers(0, 3)) :]
    if kind == "large":
        size = draw(st.sampled_from([MEGABYTE - len(content), MEGABYTE + 1, 3 * MEGABYTE]))
        content += draw(st.sampled_from([b" ", b"x", b"["])) * max(size, 0)
    return draw(st.sampled_from(_BOMS)) + content


# -- HTTP -------------------------------------------------------------------------------------------------------------

_STATUSES = ["200"] * 60 + ["201", "202", "204", "205", "206", "299", "300", "304", "400", "401", "403", "404", "407"]
_STATUSES += ["409", "413", "429", "500", "502", "503", "504", "599", "999", "101", "102", "103", "199", "099"]
_STATUSES += ["20", "2000", "-200", "abc", "", "\u0662\u0660\u0660", "1e2", "200.0"]
_REASONS = ["OK"] * 60 + ["", "\x1b[31m", "x" * 5000, "\xff\x00", *REPEATED]
_VERSIONS = ["HTTP/1.1"] * 60 + [
    "HTTP/1.0",
    "HTTP/2",
    "HTTP/0.9",
    "HTTP/9.9",
    "ICY",
    "http/1.1",
    "HTTP/1.1\x00",
    "SSH-2.0-x",
]

_HEADERS = [
    "Content-Type: application/json",
    "Content-Type: text/html; charset=" + "x" * 1000,
    "Content-Type: \x00;;;=\xff",
    "Set-Cookie: a=b; Path=/",
    "Set-Cookie: " + "a=b; " * 3000,
    "Set-Cookie: =;;=,",
    "Set-Cookie: a=b; Expires=" + " " * 5000,
    "Retry-After: 1",
    "Retry-After: -1",
    "Retry-After: " + "9" * 5000,
    "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT",
    "Retry-After: \xb2",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    "Date: Fri, 31 Dec 9998 23:59:59 GMT",
    "Date: \x00",
    "Date: x",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: upgrade\r\nUpgrade: h2c",
    "Connection: \xff",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, gzip",
    "Trailer: X",
    "Content-Encoding: identity",
    "Content-Encoding: aws-chunked",
    "WWW-Authenticate: Basic realm=x",
    "Content-Range: bytes 1-2/3",
    "X: " + "x" * 60_000,
    "X: " + "x" * 70_000,
    "\r\n".join(f"X{number}: y" for number in range(99)),
    "\r\n".join(f"X{number}: y" for number in range(200)),
    " folded: x",
    "X: a\r\n b\r\n\tc",
    "no colon",
    ": nameless",
    "X\x00Y: z",
    "X:\x0b\x0c\x1c\x85\x1b[31m",
    "Strict-Transport-Security: max-age=1",
    'Alt-Svc: h3=":443"',
    "Refresh: 0; url=http://x/",
    *(f"X-Repeated: {secret}" for secret in REPEATED if secret.isascii()),
]
_LENGTHS = [
    "0",
    "1",
    "-1",
    "+5",
    "999999999999",
    "9" * 5000,
    "5, 5",
    "5, 6",
    "0x10",
    "\xb2",
    "",
    " ",
    "1e3",
    "5\r\nContent-Length: 6",
]
_CODINGS = ["gzip", "deflate", "br", "zstd", "x-gzip", "GZIP", "gzip, gzip", "identity, gzip", "compress", "\xff"]
_CHUNKS = ["ffffffffffffffff", "-1", "0x5", "zz", "", "5;" + "e" * 70_000, "5 ;a=b", "+5", "5\x00", "\xb2", "00000005"]
_BOMB = b"\x00" * (16 * MEGABYTE)
_BOMBS = [
    gzip.compress(_BOMB, 9),
    zlib.compress(_BOMB, 9),
    gzip.compress(gzip.compress(_BOMB, 9), 9),
    b"\x1f\x8b" + bytes(50),
]

_LOCATIONS = [
    "/again",
    "",
    "?",
    "#",
    "/\x00",
    "/ a b",
    "/" + "x" * 9000,
    "/\xff",
    "/%zz",
    "//",
    "///",
    "./../..",
    "/a\tb",
    "\\evil",
    f"https://{BAIT}/",
    f"http://{BAIT}/",
    f"//{BAIT}/",
    f"https://user:word@{BAIT}/",
    f"///{BAIT}/",
    f"https:\\\\{BAIT}",
    f"https:{BAIT}",
    f"https:/{BAIT}/",
    f"\thttps://{BAIT}/",
    f"https://@{BAIT}",
    f"HTTPS://{BAIT}",
    f"//{BAIT}\\@127.0.0.1",
    "https://[",
    "https://[::1",
    "https://[v1.x]/",
    "https://127.0.0.1:99999/",
    "https://127.0.0.1:x/",
    "https://\u2100.x/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ftp://127.0.0.1/",
    "data:,x",
    "\x1b[31mhttps://x/",
    "https://x" + "y" * 9000,
    *(f"https://{secret}/" for secret in REPEATED),
    *(f"{secret}:x" for secret in REPEATED),
    *(f"/{secret}" for secret in REPEATED),
]


@st.composite
def answers(draw: st.DrawFn, right: Right) -> Answer:
    """Return an answer to a step of this kind."""
    kind = draw(
        st.sampled_from(["framed"] * 12 + ["lying"] * 3 + ["redirect"] * 3 + ["packed", "raw", "silent", "trickle"])
    )
    if kind == "raw":
        return Answer(draw(st.binary(max_size=200) | st.just(b"HTTP/1.1 200 OK\r\n")), "close")
    if kind == "silent":
        return Answer(
            draw(
                st.sampled_from([b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
            ),
            "stall",
        )
    status = draw(st.sampled_from(_STATUSES if kind != "redirect" else ["301", "302", "303", "307", "308"]))
    headers = draw(st.lists(st.sampled_from(_HEADERS), max_size=draw(st.sampled_from([0, 0, 1, 2]))))
    body = draw(bodies(right))
    if kind == "redirect":
        headers.append(f"Location: {draw(st.sampled_from(_LOCATIONS))}")
    if kind == "packed":
        body = draw(st.sampled_from(_BOMBS))
        headers.append(f"Content-Encoding: {draw(st.sampled_from(_CODINGS))}")
    framing, body, end = draw(framings(body, honest=kind != "lying"))
    line = f"{draw(st.sampled_from(_VERSIONS))} {status} {draw(st.sampled_from(_REASONS))}"
    head = "\r\n".join([line, *framing, *headers, "", ""])
    begin = head.encode("latin-1" if max(head) < "\u0100" else "utf-8", "surrogatepass")
    interim = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * draw(st.sampled_from([0] * 40 + [1, 3, 60_000]))
    return Answer(interim + begin + body, "trickle" if kind == "trickle" else end)


@st.composite
def framings(draw: st.DrawFn, body: bytes, *, honest: bool) -> tuple[list[str], bytes, str]:
    """Return the headers that tell the end of a body, the body with its framing, and the server's action after it."""
    if honest:
        kind = draw(st.sampled_from(["length"] * 6 + ["chunked", "none"]))
        if kind == "length":
            return [f"Content-Length: {len(body)}"], body, "keep"
        return (["Transfer-Encoding: chunked"], _chunked(body), "keep") if kind == "chunked" else ([], body, "close")
    kind = draw(
        st.sampled_from(["length", "length", "short", "long", "surplus", "chunked", "unfinished", "trailers", "both"])
    )
    chunked = ["Transfer-Encoding: chunked"]
    size = draw(st.sampled_from(_CHUNKS)).encode()
    return {
        "length": ([f"Content-Length: {draw(st.sampled_from(_LENGTHS))}"], body, "close"),
        "short": ([f"Content-Length: {max(len(body) - 1, 0)}"], body, "close"),
        "long": ([f"Content-Length: {len(body) + 1}"], body, "close"),
        "surplus": (
            [f"Content-Length: {len(body)}"],
            body + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "close",
        ),
        "chunked": (chunked, size + b"\r\n" + body + b"\r\n0\r\n\r\n", "close"),
        "unfinished": (chunked, _chunked(body)[: -draw(st.integers(1, 7))], "close"),
        "trailers": (
            chunked,
            _chunked(body)[:-2] + b"X: y\r\n" * draw(st.sampled_from([1, 200, 300_000])) + b"\r\n",
            "close",
        ),
        "both": ([*chunked, f"Content-Length: {len(body)}"], _chunked(body), "close"),
    }[kind]


def _chunked(body: bytes) -> bytes:
    pieces = (body[:7], body[7:])
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
