# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handlers of a play get the right names once, and nothing that they do hides what failed.

The examples with a mail and a webhook run as their readers run them, with receivers on this machine.
"""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import re
import socket
import socketserver
import sys
import threading
import typing as t
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml

from ansible_collections.redtrust.certificate_enroll.tests.robustness.driver import Site
from ansible_collections.redtrust.certificate_enroll.tests.robustness.playing import run_playbook

if t.TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
SECRET_PATH = "/hooks/T0P-s3cret"


class Mailbox(socketserver.TCPServer):
    """A mail server that takes every mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        super().__init__(("127.0.0.1", 0), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 mailbox")
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"DATA":
                self._say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(email.message_from_bytes(text, policy=email.policy.default))
            self._say("221 bye" if command == b"QUIT" else "250 taken")
            if command == b"QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class Webhook(http.server.HTTPServer):
    """A webhook that keeps what it gets, and answers with ``status``."""

    def __init__(self) -> None:
        self.got: list[dict[str, t.Any]] = []
        self.status = 204
        super().__init__(("127.0.0.1", 0), _Post)


class _Post(http.server.BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status if self.path == SECRET_PATH else 404)
        self.end_headers()

    def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002
        """Print nothing."""


Server = t.TypeVar("Server", Mailbox, Webhook)


def serve(server: Server) -> Iterator[Server]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    yield from serve(Mailbox())


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    yield from serve(Webhook())


def run_example(name: str, site: Site, **variables: t.Any) -> tuple[int, str]:
    """Run an example, and return its status and its output."""
    home = site.certificates.parent
    ca = Path(site.local_ca["certificate_path"]).parent
    given = {
        "ansible_python_interpreter": sys.executable,
        "redtrust_connection": site.options,
        "ca_directory": str(ca),
        "mail_from": "redtrust@example.com",
        "mail_to": "ana@example.com,ben@example.com",
        **variables,
    }
    (home / "variables.json").write_text(json.dumps(given), encoding="utf-8")
    return run_playbook(EXAMPLES / name, home, "--extra-vars", f"@{home / 'variables.json'}")


def entry(name: str, provider: str = "CA_DEMO") -> dict[str, t.Any]:
    return {"name": name, "provider": provider, "dn": {"cn": name}, "key_type": "ECDSA", "key_length": 256}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def last_failure(output: str) -> str:
    return [line for line in output.splitlines() if line.startswith("fatal: ")][-1]


def test_a_mail_names_what_failed_and_hides_nothing_if_it_cannot_be_sent(site: Site, mailbox: Mailbox) -> None:
    given = [entry("good"), entry("b\u00e4d", "CA_MISSPELT"), entry("well")]
    server = {"host": "127.0.0.1", "port": mailbox.server_address[1]}
    status, output = run_example("notify_mail.yml", site, certificates=given, mail_server=server)

    assert status == 2, output
    assert "1 of 3 certificates failed: b\u00e4d: create at " in last_failure(output)
    (mail,) = mailbox.mails
    assert (mail["to"], mail["from"]) == ("ana@example.com, ben@example.com", "redtrust@example.com")
    assert mail["subject"] == "Redtrust: 3 certificates: 2 issued, 0 unchanged, 1 failed"
    assert "\nfailed: b\u00e4d: create at " in mail.get_content()

    # a mail that cannot be sent
    server = {"host": "127.0.0.1", "port": closed_port()}
    status, output = run_example("notify_mail.yml", site, certificates=given[:2], mail_server=server)
    assert status == 2, output
    assert "the mail was not sent: [Errno 111] Connection refused" in output
    assert "1 of 2 certificates failed: b\u00e4d: create at " in last_failure(output)


def test_a_webhook_gets_the_names_and_its_url_stays_secret(site: Site, webhook: Webhook) -> None:
    site.pipeline("a", "b", workers=1)
    url = f"http://127.0.0.1:{webhook.server_address[1]}{SECRET_PATH}"
    status, output = run_example("notify_webhook.yml", site, webhook_url=url, force=True)
    assert status == 0, output
    (got,) = webhook.got
    assert sorted(got["notice"]["names"]["renewed"]) == ["a", "b"]
    assert got["text"].strip() == "2 certificates: 2 renewed, 0 unchanged, 0 failed"

    webhook.status = 500
    site.appliance.fault("create", "before", "status:503")
    status, output = run_example("notify_webhook.yml", site, webhook_url=url, force=True)
    assert (status, len(webhook.got)) == (2, 2), output
    assert "1 of 2 certificates failed: " in last_failure(output)
    assert "...ignoring" in output
    assert SECRET_PATH not in output


# The runs of a role in one play: the role, its entry, its signer, and the topics that the handler hears of.
APPROVED = {"type": "approval", "signer": {"type": "command", "argv": ["true"]}}
DOWN = {"type": "command", "argv": ["sh", "-c", "echo the CA is down >&2; exit 1"]}


def runs(site: Site) -> list[tuple[str, dict[str, t.Any], list[str]]]:
    short = {"type": "local_ca", **site.local_ca, "validity": "3d"}
    return [
        ("issue", {"certificates": [entry("asks")], "signer": APPROVED}, ["waiting", "to approve"]),
        ("issue", {"certificates": [entry("asks")], "signer": APPROVED}, []),
        ("issue", {"certificates": [entry("short")], "signer": short}, ["changed", "issued"]),
        ("renew", {"certificates": [{"name": "short", "force": True}], "signer": DOWN}, ["ending", "failed"]),
        ("issue", {"certificates": [entry("new")], "signer": DOWN}, ["failed"]),
        ("issue", {"certificates": [entry("new")], "signer": {"type": "none such"}}, ["failed"]),
    ]


def test_each_kind_has_its_topic_and_later_jobs_get_the_numbers(site: Site) -> None:
    """One handler hears all topics. Another one fails in the last run."""
    home = site.certificates.parent
    heard = "{{ heard | default([]) + [redtrust_notice] }}"
    topics = ("changed", "issued", "renewed", "waiting", "to approve", "ending", "failed")
    listens = [f"redtrust certificates {topic}" for topic in topics]
    said = "{{ said | default([]) + [ansible_failed_result.msg] }}"
    tasks = [
        {
            "block": [
                {
                    "ansible.builtin.include_role": {"name": f"redtrust.certificate_enroll.{role}"},
                    "vars": {f"{role}_{name}": value for name, value in given.items()},
                }
            ],
            "rescue": [{"ansible.builtin.set_fact": {"said": said}}],
        }
        for role, given, _topics in runs(site)
    ]
    told = {"content": "{{ [heard, said] | to_json }}", "dest": str(home / "told.json"), "mode": "0600"}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/redtrust.certificate_enroll.redtrust": site.options},
        "tasks": [*tasks, {"ansible.builtin.copy": told}],
        "handlers": [
            {"name": "Listen", "ansible.builtin.set_fact": {"heard": heard}, "listen": listens},
            {
                "name": "Break",
                "ansible.builtin.fail": {"msg": "no mail"},
                "listen": listens[-1],
                "when": "redtrust_notice.counts.certificates == 0",
            },
        ],
    }
    (home / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    status, output = run_playbook(home / "play.yml", home, ANSIBLE_SHOW_CUSTOM_STATS="True")
    assert status == 0, output
    notices, failures = json.loads((home / "told.json").read_text(encoding="utf-8"))

    expected = [[f"redtrust certificates {topic}" for topic in topics] for _role, _given, topics in runs(site)]
    assert [notice["topics"] for notice in notices] == [topics for topics in expected if topics]
    waits, issued, ending, failed, refused = notices
    assert waits["requests"][0]["name"] == "asks"
    assert (issued["names"]["issued"], ending["names"]["ending"]) == (["short"], ["short"])
    assert (ending["role"], failed["role"], failed["names"]["failed"]) == ("renew", "issue", ["new"])
    assert refused["text"] == refused["failure"] == failures[-1]
    begins = ["1 of 1 certificates failed: short: ", "1 of 1 certificates failed: new: ", "the type of the signer must"]
    assert [said[: len(words)] for words, said in zip(begins, failures, strict=True)] == begins
    assert "no mail" in output
    printing = [task for task in output.partition("CUSTOM STATS")[0].split("\nTASK [") if failures[-1] in task]
    assert [task.partition("]")[0].partition(" : ")[2] for task in printing] == ["Fail when a certificate failed"]

    (found,) = re.findall(r"^\tRUN: (\{.*\})$", output, re.MULTILINE)
    stats = json.loads(found)
    counted = {kind: stats[f"redtrust_issue_{kind}_count"] for kind in ("certificates", "issued", "waiting", "failed")}
    assert counted == {"certificates": 4, "issued": 1, "waiting": 2, "failed": 1}
    assert (stats["redtrust_renew_failed_names"], len(stats["redtrust_issue_failures"])) == (["short"], 2)
