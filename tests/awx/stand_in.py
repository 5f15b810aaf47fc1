# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the API of AWX: as much of it as the modules of awx.awx use for our objects.

It keeps what it is given, and refuses what AWX would refuse, see ``rules``.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import http.server
import json
import re
import threading
import typing as t
import urllib.parse

from ansible_collections.redtrust.certificate_enroll.tests.awx import rules

Item = dict[str, t.Any]

# What AWX launches, by endpoint, and the type that the API calls it.
_LAUNCHED = {
    "projects": "project",
    "job_templates": "job_template",
    "workflow_job_templates": "workflow_job_template",
    "workflow_approval_templates": "workflow_approval_template",
}
_PROBLEMS: dict[str, c.Callable[[Item], list[str]]] = {
    "credential_types": rules.credential_type_problems,
    "notification_templates": rules.notification_problems,
    "schedules": lambda item: rules.schedule_problems(item["rrule"]),
}
# AWX takes no notice of other fields of these.
_FIELDS = {"workflow_approval_templates": ("name", "description", "timeout")}
_PATH = re.compile(r"/api/v2/(?P<kind>\w+)/(?:(?P<id>\d+)/(?:(?P<part>\w+)/)?)?")


_TOKEN = "token-of-the-test"


class RefusedError(Exception):
    """The API refuses a request with this status."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class StandIn:
    """What AWX has, by endpoint, and the requests that changed it."""

    def __init__(self) -> None:
        self.items: dict[str, dict[int, Item]] = {}
        self.links: dict[str, list[int]] = {}
        self.surveys: dict[str, Item] = {}
        self.changes: list[str] = []
        self._next = 0
        self._add("organizations", {"name": "Default"})
        self._add("credential_types", {"name": "Red Hat Ansible Automation Platform", "managed": True})

    def decide(self, workflow_job: int, status: str, username: str) -> None:
        """Have somebody decide at the approval node of a workflow job; without a name the time was over."""
        by = {"approved_or_denied_by": {"username": username}} if username else {}
        made = self._add("workflow_approvals", {"name": "decision", "status": status, "summary_fields": by})
        job = {"name": "decision", "type": "workflow_approval"}
        node = {"related": {"job": made["url"]}, "summary_fields": {"job": job}}
        waiting: Item = {"related": {}, "summary_fields": {}}
        self.items["workflow_jobs"] = {workflow_job: {"nodes": [waiting, node]}}

    def named(self, kind: str) -> dict[str, Item]:
        """Return the objects of an endpoint by their names."""
        return {item.get("name") or item["identifier"]: item for item in self.items.get(kind, {}).values()}

    def linked(self, kind: str, name: str, part: str) -> list[str]:
        """Return the names that an object is linked to, sorted."""
        item = self.named(kind)[name]
        ids = self.links.get(f"{item['url']}{part}/", [])
        everything = {id_: one for items in self.items.values() for id_, one in items.items()}
        return sorted(everything[id_].get("name") or everything[id_]["identifier"] for id_ in ids)

    def answer(self, method: str, address: str, body: Item) -> tuple[int, object]:
        """Return the status and the content of the answer to a request."""
        url = urllib.parse.urlsplit(address)
        found = _PATH.fullmatch(url.path)
        if not found:
            raise RefusedError(404, url.path)
        if method != "GET":
            self.changes.append(f"{method} {url.path}")
        kind, part = found["kind"], found["part"]
        if not found["id"]:
            query = dict(urllib.parse.parse_qsl(url.query))
            return (200, self._list(kind, query)) if method == "GET" else (201, self._create(kind, body))
        item = self._everything(kind)[int(found["id"])]
        if not part:
            if method == "PATCH":
                self._check(kind, {**item, **body})
                item.update({key: value for key, value in body.items() if key in _FIELDS.get(kind, body)})
            return 200, item
        return self._part(method, item, part, url.path, body)

    def _part(self, method: str, item: Item, part: str, path: str, body: Item) -> tuple[int, object]:
        if part == "survey_spec":
            if method == "POST":
                if problems := rules.survey_problems(body):
                    raise RefusedError(400, "; ".join(problems))
                self.surveys[path] = body
            return 200, self.surveys.get(path, {})
        if part == "workflow_nodes":
            return 200, _page(item["nodes"])
        if part == "create_approval_template":
            made = self._create("workflow_approval_templates", {key: body[key] for key in ("name", "description")})
            item["unified_job_template"] = made["id"]
            item["related"]["unified_job_template"] = made["url"]
            return 201, made
        linked = self.links.setdefault(path, [])
        if method == "POST":
            if body.get("disassociate"):
                linked.remove(body["id"])
            else:
                linked.append(body["id"])
            return 204, None
        return 200, _page([{"id": id_} for id_ in linked])

    def _everything(self, kind: str) -> dict[int, Item]:
        if kind == "unified_job_templates":
            return {id_: item for one in _LAUNCHED for id_, item in self.items.get(one, {}).items()}
        return self.items.get(kind, {})

    def _list(self, kind: str, query: c.Mapping[str, str]) -> Item:
        items = list(self._everything(kind).values())
        return _page([one for one in items if all(str(one.get(key)) == value for key, value in query.items())])

    def _create(self, kind: str, body: Item) -> Item:
        self._check(kind, body)
        return self._add(kind, body)

    def _add(self, kind: str, body: Item) -> Item:
        self._next += 1
        url = f"/api/v2/{kind}/{self._next}/"
        item: Item = {
            "id": self._next,
            "url": url,
            "type": _LAUNCHED.get(kind, kind.rstrip("s")),
            "related": {"survey_spec": f"{url}survey_spec/"},
            "summary_fields": {},
            "scm_revision": "",
            **body,
        }
        self.items.setdefault(kind, {})[self._next] = item
        return item

    def _check(self, kind: str, item: Item) -> None:
        if kind in _PROBLEMS and (problems := _PROBLEMS[kind](item)):
            raise RefusedError(400, "; ".join(problems))


def _page(results: list[Item]) -> Item:
    return {"count": len(results), "next": None, "results": results}


class _Handler(http.server.BaseHTTPRequestHandler):
    stand_in: StandIn

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        status: int
        content: object
        if self.headers.get("Authorization") == f"Bearer {_TOKEN}":
            try:
                status, content = self.stand_in.answer(self.command, self.path, body)
            except RefusedError as exc:
                status, content = exc.status, {"detail": str(exc)}
        else:
            status, content = 401, {"detail": "a token is missing"}
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no log."""


@contextlib.contextmanager
def serving(stand_in: StandIn) -> t.Iterator[dict[str, str]]:
    """Serve the stand-in on a loopback address. Return the environment that leads the modules of awx.awx to it."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield {
                "CONTROLLER_HOST": f"http://127.0.0.1:{server.server_port}",
                "CONTROLLER_OAUTH_TOKEN": _TOKEN,
            }
        finally:
            server.shutdown()
            thread.join()
