# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in docs/http-signer.md, each with a CA that answers as it expects."""

from __future__ import annotations

import base64
import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.signer_form import taken_apart
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._secrets import Secrets
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.api import (
    SIGNERS,
    NotYet,
    Revocation,
    Signed,
    Signer,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._signers.http_values import (
    ORDER_NAMES,
)
from ansible_collections.redtrust.certificate_enroll.tests.unit.plugins.module_utils.loopback import (
    Files,
    Loopback,
    reply,
    server_context,
)

from .rest_ca import ID, SINCE, Script, order, said

if t.TYPE_CHECKING:
    from ..conftest import Openssl

pytestmark = pytest.mark.usefixtures("no_proxies")

GUIDE = (Path(__file__).resolve().parents[5] / "docs" / "http-signer.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]


def example(number: int, server: Loopback, files: Files, tmp_path: Path, **changes: t.Any) -> Signer:
    """Build the signer of an example, with the address and the files of this machine."""
    written = EXAMPLES[number]
    task = written[0]["redtrust.certificate_enroll.redtrust_certificate"] if isinstance(written, list) else written
    params = taken_apart(task, SIGNERS)
    given = {name: "canary" if "{{" in str(value) else value for name, value in params[params["signer"]].items()}
    given.update({"secrets": {"client": "canary"}} if "secrets" in given else {})
    path = given["url"].split("/", 3)[3:]
    scheme = given["url"].partition(":")[0]
    own = {"url": "/".join((f"{scheme}://127.0.0.1:{server.port}", *path)), "ca_path": files.ca, "retry_timeout": 0.0}
    if "token_path" in given:
        (tmp_path / "token").write_text("canary")
        own["token_path"] = str(tmp_path / "token")
    kind = SIGNERS[params["signer"]]
    assert set(given) <= set(kind.options)
    defaults = {name: rules.get("default") for name, rules in kind.options.items()}
    signer = kind.build({**defaults, **given, **own, **changes}, SINCE)
    signer.secrets = Secrets()
    signer.check(SINCE)
    return signer


def test_json(server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], tmp_path: Path) -> None:
    Script(server, said({"certificate": {"pem": pem["leaf"], "chain": [pem["ca"]]}}, "201 Created"))
    signed = example(0, server, files, tmp_path).sign(order(pki.csr("leaf")))
    assert isinstance(signed, Signed)
    assert signed.chain == (pki.der("ca"),)
    body = json.loads(server.seen[0].body)
    assert (body["days"], body["dns_names"]) == (365, ["www.example.com", "example.com"])
    assert re.fullmatch(r"[0-9a-f-]{36}", server.seen[0].headers["idempotency-key"])


def test_form(server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], tmp_path: Path) -> None:
    page = reply(b'<html><a href="certnew.cer?ReqID=17&amp;Enc=b64">Download</a>', Content_Type="text/html")
    Script(server, page, reply(pem["leaf"].encode()))
    kept: list[str] = []
    signer = example(1, server, files, tmp_path)
    assert isinstance(signer.sign(order(pki.csr("leaf"), keep_order_number=kept.append)), Signed)
    assert kept == ["17"]
    assert server.seen[1].path == "/certsrv/certnew.cer?ReqID=17&Enc=b64"


def test_days(server: Loopback, files: Files, pki: Openssl, pem: dict[str, str], tmp_path: Path) -> None:
    token = said({"access_token": "canary", "expires_in": 3600})
    taken = said({"order": {"id": 9, "status": "new"}}, "202 Accepted")
    review = said({"order": {"id": 9, "status": "in review"}})
    done = said({"order": {"id": 9, "status": "issued"}, "certificate": pem["leaf"], "chain": pem["ca"]})
    Script(server, token, taken, review, done)
    kept: list[str] = []
    signer = example(2, server, files, tmp_path)
    assert signer.sign(order(pki.csr("leaf"), keep_order_number=kept.append)) == NotYet("in review")
    assert isinstance(signer.sign(order(pki.csr("leaf"), again=True, order_number=kept[0])), Signed)
    assert [seen.path for seen in server.seen] == ["/oauth/token", "/orders", "/orders/9", "/orders/9"]
    Script(server, said([{"order": {"id": 9}}]), done)
    assert isinstance(signer.sign(order(pki.csr("leaf"), again=True)), Signed)
    assert [seen.path for seen in server.seen][-2:] == [f"/orders?external_id={ID}", "/orders/9"]


def test_pkcs7(
    files: Files, start: t.Callable[..., Loopback], pki: Openssl, pem: dict[str, str], tmp_path: Path
) -> None:
    asking = start(server_context(files.server, client_ca=files.ca))
    (tmp_path / "certs.pem").write_text(pem["leaf"] + pem["ca"])
    der = pki("crl2pkcs7", "-nocrl", "-certfile", str(tmp_path / "certs.pem"), "-outform", "DER")
    Script(asking, reply(base64.encodebytes(der), Content_Transfer_Encoding="base64"))
    own = {"client_cert": files.elsewhere, "client_key": files.elsewhere}
    signed = example(3, asking, files, tmp_path, **own).sign(order(pki.csr("leaf")))
    assert isinstance(signed, Signed)
    assert asking.seen[0].path == "/.well-known/est/simpleenroll"
    assert asking.seen[0].headers["content-transfer-encoding"] == "base64"


def test_agent(
    files: Files, start: t.Callable[..., Loopback], pki: Openssl, pem: dict[str, str], tmp_path: Path
) -> None:
    agent = start(None)
    Script(agent, said({"data": {"certificate": pem["leaf"], "ca_chain": [pem["ca"]]}}))
    signer = example(4, agent, files, tmp_path)
    assert isinstance(signer.sign(order(pki.csr("leaf"))), Signed)
    signer.revoke(Revocation("john doe", 1, pki.der("leaf")))
    assert json.loads(agent.seen[0].body)["ttl"] == "2160h"
    assert agent.seen[0].headers["x-vault-token"] == "canary"
    assert json.loads(agent.seen[1].body) == {"certificate": pem["leaf"]}


def test_each_example_is_played() -> None:
    assert len(EXAMPLES) == 5


def test_the_guide_has_each_placeholder() -> None:
    assert [name for name in sorted(ORDER_NAMES) if f"`${{{name}}}`" not in GUIDE] == []
    documented = SIGNERS["http"].documentation
    assert [name for name in sorted(ORDER_NAMES) if f"C({name})" not in documented] == []
