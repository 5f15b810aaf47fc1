# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS in front of a PostgreSQL server: the one of the Python index is built without it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
import typing as t

# <https://www.postgresql.org/docs/current/protocol-message-formats.html>
_ASKS_FOR_TLS = struct.pack(">2I", 8, 80877103)


@contextlib.contextmanager
def tls_front(certificate: str, server_socket: str) -> t.Iterator[int]:
    """Take connections with TLS for a server that listens on a socket in the file system; yield the port.

    The client asks for TLS first. A client that does not is turned away.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            if await reader.readexactly(len(_ASKS_FOR_TLS)) != _ASKS_FOR_TLS:
                return
            writer.write(b"S")
            await writer.start_tls(context)  # type: ignore[attr-defined,unused-ignore]  # since Python 3.11
            answers, requests = await asyncio.open_unix_connection(server_socket)
            with contextlib.closing(requests):
                await asyncio.gather(_pass_on(reader, requests), _pass_on(answers, writer))

    loop = asyncio.new_event_loop()
    front = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(front.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        front.close()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.closing(target):
        while content := await source.read(65536):
            target.write(content)
            await target.drain()
