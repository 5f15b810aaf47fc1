# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Galaxy server with one artifact and its signature, on the loopback interface.

ansible-galaxy verifies a signature only of what comes from a server. This one tells the hash of whatever it serves, as
a server would do whose owner has changed the artifact.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import types
import typing as t
from pathlib import Path

NAMESPACE, NAME = "redtrust", "certificate_enroll"
COLLECTION = f"{NAMESPACE}.{NAME}"
DATES = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}


class Galaxy:
    """The server. It is for one installation at a time."""

    def __init__(self, path: Path, signature: Path) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(_answers(path, signature)))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> str:
        """Return the URL of the server."""
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/api/"

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answers(path: Path, signature: Path) -> dict[str, bytes]:
    content = path.read_bytes()
    version = path.name.removesuffix(".tar.gz").rpartition("-")[2]
    collection = f"/api/v3/collections/{NAMESPACE}/{NAME}/"
    download = f"/download/{path.name}"
    details: dict[str, t.Any] = {
        "namespace": {"name": NAMESPACE},
        "collection": {"name": NAME},
        "version": version,
        "href": f"{collection}versions/{version}/",
        "download_url": download,
        "artifact": {"filename": path.name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)},
        "metadata": {"dependencies": {}},
        "signatures": [{"signature": signature.read_text(encoding="utf-8")}],
        **DATES,
    }
    told: dict[str, t.Any] = {
        "/api/": {"available_versions": {"v3": "v3/"}},
        collection: {"name": NAME, "namespace": NAMESPACE, **DATES},
        f"{collection}versions/": {"meta": {"count": 1}, "links": {}, "data": [{"version": version}]},
        f"{collection}versions/{version}/": details,
    }
    return {**{at: json.dumps(value).encode() for at, value in told.items()}, download: content}


def _handler(answers: dict[str, bytes]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path.partition("?")[0])
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
