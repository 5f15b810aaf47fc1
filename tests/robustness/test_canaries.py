# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for secrets: it finds a secret in every form, and nothing else."""

from __future__ import annotations

import base64
import collections.abc as c
import html
import json
import re
import shlex
import urllib.parse
from pathlib import Path

import pytest
import yaml

from .canaries import Search
from .guarded import GIVEN

JWT = ".".join(
    base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in ("{}", '{"jti": "a-b"}', "s~gna?ure")
)
WAYS: dict[str, c.Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps({"x": [text]}),
    "JSON with all letters": lambda text: json.dumps({"x": [text]}, ensure_ascii=False),
    "JSON within JSON": lambda text: json.dumps(json.dumps({"x": text})),
    "a Python literal": lambda text: repr([text]),
    "a Python literal within JSON": lambda text: json.dumps(repr({"x": text})),
    "bytes": lambda text: repr(text.encode()),
    "YAML": lambda text: yaml.safe_dump({"x": text}, allow_unicode=True, width=1000),
    "a query": lambda text: urllib.parse.urlencode({"x": text}),
    "a path": urllib.parse.quote,
    "a query of .NET": lambda text: re.sub("%..", lambda one: one[0].lower(), urllib.parse.urlencode({"x": text})),
    "HTML": lambda text: f"<p>{html.escape(text)}</p>",
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one": lambda text: base64.b64encode(b"x" + text.encode() + b"yz").decode(),
    "base64 behind two, for URLs": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode() + b"z").decode(),
    "base64 in lines": lambda text: base64.encodebytes(b"x" * 50 + text.encode()).decode(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [*GIVEN.values(), JWT, "ABCDEFGHIJ0123456789"], ids=[*GIVEN, "jwt", "code"])
def test_the_search_finds_a_secret_however_it_is_written(secret: str, way: str) -> None:
    search = Search({"planted": secret})
    text = f"before {WAYS[way](secret)} after".encode()
    assert "planted" in {finding.secret for finding in search.look("here", text)}
    assert search.look("here", b"nothing of the kind, though it is long " * 1000) == []


def test_the_search_finds_the_parts_of_a_token_and_of_what_we_made_up(tmp_path: Path) -> None:
    _header, payload, signature = JWT.split(".")
    search = Search({"token": JWT, **GIVEN})
    for part in (payload, signature, '{"jti": "a-b"}', shlex.quote(GIVEN["password"]), GIVEN["access_token"][:12]):
        (tmp_path / "file").write_text(f"x{part}x", encoding="utf-8")
        assert search.look_in(tmp_path), part
    assert search.look_in(tmp_path, without=[tmp_path / "file"]) == []
    (tmp_path / "file").rename(tmp_path / payload)
    assert search.look_in(tmp_path)[0].place == f"name of {payload}"
