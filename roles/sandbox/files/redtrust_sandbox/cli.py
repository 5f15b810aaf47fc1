# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of the sandbox.

Only the commands that need the server import it, and with it FastAPI. So the other commands start fast.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile
import time
import typing as t

from redtrust_sandbox import __doc__ as about
from redtrust_sandbox import client, config, faults, process
from redtrust_sandbox.errors import SandboxError
from redtrust_sandbox.generations import GENERATIONS, STEP_NAMES
from redtrust_sandbox.ledger import FILE_NAME, Ledger, summary

_SECRETS = ("partner_secret", "password")

Command = t.Callable[[argparse.Namespace], None]


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(given)
    options.given = given
    try:
        options.command(options)
    except SandboxError as exc:
        print(f"redtrust_sandbox: {exc}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m redtrust_sandbox", description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _serve_parser(commands.add_parser("serve", help="run a server"))
    for name, text, command in (
        ("stop", "stop the server of a directory and wait until it is gone", _stop),
        ("status", "print what the running server of a directory says of itself", _status),
        ("end-sessions", "end every session, as if the server had forgotten them", _end_sessions),
    ):
        _with_directory(commands.add_parser(name, help=text), command)
    _fault_parser(commands.add_parser("fault", help="make the server fail"))
    setting = _with_directory(commands.add_parser("set", help="change a setting while the server runs"), _set)
    setting.add_argument("key")
    setting.add_argument("value")
    ledger = _with_directory(commands.add_parser("ledger", help="print what was asked of the server"), _ledger)
    ledger.add_argument("--json", action="store_true", help="as JSON")
    token = _with_directory(commands.add_parser("temp-token", help="sign in and print a temporary token"), _temp_token)
    token.add_argument("--user", help="default: the first configured user")
    token.add_argument("--password", help="default: that of the first configured user")
    token.add_argument("--client-cert", type=_path, metavar="FILE", help="PEM file with a certificate to show")
    token.add_argument("--client-key", type=_path, metavar="FILE", help="PEM file with its key, unless it has both")
    document = commands.add_parser("openapi", help="print the OpenAPI document of a generation")
    document.add_argument("--api-version", choices=list(GENERATIONS), default="4.33")
    document.set_defaults(command=_openapi)
    return parser


def _path(text: str) -> pathlib.Path:
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as exc:
        raise argparse.ArgumentTypeError(f"{text} begins with a home directory, and there is none: {exc}") from exc


def _with_directory(parser: argparse.ArgumentParser, command: Command) -> argparse.ArgumentParser:
    parser.add_argument("--directory", type=_path, required=True, help="data directory of the server")
    parser.set_defaults(command=command)
    return parser


def _serve_parser(parser: argparse.ArgumentParser) -> None:
    _with_directory(parser, _serve)
    parser.add_argument("--api-version", choices=list(GENERATIONS), default="4.33", help="default: 4.33")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="port of the RA API; 0 takes a free one")
    parser.add_argument("--auth-port", type=int, default=0, help="port of login and tokens, 4.33 only; 0: a free one")
    parser.add_argument("--config", type=_path, help="JSON file with partners, users, providers, settings")
    parser.add_argument("--key-pool", type=int, default=8, help="how many RSA 2048 keys to keep ready; default: 8")
    parser.add_argument("--fill-key-pool", action="store_true", help="listen only when the pool is full")
    parser.add_argument("--allow-remote", action="store_true", help="allow an address that is not loopback")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    parser.add_argument("--stop-after", type=float, metavar="SECONDS", help="stop after this time")
    parser.add_argument("--daemon", action="store_true", help="run in the background, return when it listens")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)


def _fault_parser(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    adding = _with_directory(actions.add_parser("add", help="add a fault"), _fault_add)
    adding.add_argument("--step", required=True, help=f"one of {', '.join(STEP_NAMES)}, or * for each")
    adding.add_argument("--when", choices=faults.MOMENTS, default="before", help="before the work, or after the commit")
    adding.add_argument(
        "--action", required=True, help="drop, status:CODE, delay:SECONDS, huge, rubbish, half, trickle, redirect:URL"
    )
    adding.add_argument("--skip", type=int, default=0, help="how many matching requests pass first")
    adding.add_argument("--times", type=int, default=1, help="how often; 0 for ever")
    adding.add_argument("--retry-after", help="value of a Retry-After header, with status")
    _with_directory(actions.add_parser("clear", help="forget all faults"), _fault_clear)


def _serve(options: argparse.Namespace) -> None:
    if options.daemon:
        given = options.given[options.given.index("serve") + 1 :]
        given.remove("--daemon")
        _show(process.start(options.directory, given))
        return
    from redtrust_sandbox import server

    names = ("directory", "api_version", "host", "port", "auth_port", "key_pool", "fill_key_pool")
    more = ("allow_remote", "parent_pid", "stop_after", "ready_fd")
    chosen = {name: getattr(options, name) for name in names + more}
    server.serve(server.Options(**chosen), config.load(options.config))


def _show(facts: t.Mapping[str, t.Any]) -> None:
    """Print the facts in ready.json, without the secrets."""
    print(json.dumps({name: value for name, value in facts.items() if name not in _SECRETS}, indent=2))


def _stop(options: argparse.Namespace) -> None:
    print("stopped" if process.stop(options.directory) else "not running")


def _status(options: argparse.Namespace) -> None:
    _show(process.ready(options.directory))


def _end_sessions(options: argparse.Namespace) -> None:
    ledger = _open(options)
    ended = ledger.run(
        "UPDATE sessions SET ended = ?, end_reason = 'command' WHERE ended IS NULL",
        time.time(),
    )
    print(f"{ended} ended")


def _fault_add(options: argparse.Namespace) -> None:
    fault = faults.from_text(
        options.step,
        options.when,
        options.action,
        skip=options.skip,
        times=options.times,
        retry_after=options.retry_after,
    )
    print(faults.add(_open(options), fault))


def _fault_clear(options: argparse.Namespace) -> None:
    print(f"{faults.clear(_open(options))} cleared")


def _set(options: argparse.Namespace) -> None:
    _open(options).set(options.key, options.value)


def _ledger(options: argparse.Namespace) -> None:
    counts = summary(_open(options))
    if options.json:
        print(json.dumps(counts, indent=2))
        return
    for name, value in counts.items():
        shown = ", ".join(f"{step} {count}" for step, count in value.items()) if isinstance(value, dict) else value
        print(f"{name.replace('_', ' '):24} {shown}")


def _temp_token(options: argparse.Namespace) -> None:
    if options.client_key and not options.client_cert:
        raise SandboxError("--client-key needs --client-cert")
    certificate = client.Certificate(options.client_cert, options.client_key) if options.client_cert else None
    print(client.temporary_token(options.directory, options.user, options.password, certificate))


def _openapi(options: argparse.Namespace) -> None:
    from redtrust_sandbox import server

    with tempfile.TemporaryDirectory() as directory:
        document = server.document(pathlib.Path(directory), options.api_version)
    print(json.dumps(document, indent=2, sort_keys=True))


def _open(options: argparse.Namespace) -> Ledger:
    if not (options.directory / FILE_NAME).exists():
        raise SandboxError(f"There is no {FILE_NAME} in {options.directory}")
    return Ledger(options.directory)
