# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign with ``openssl ca``, for the signer ``command``. Each request gets one certificate, however often it asks.

The serial number of a certificate comes from the id of its request. So the CA's own index.txt tells whether the request
has its certificate already, and this program keeps nothing beside it. It leaves the serial file of the CA alone.

The folder of the CA has openssl.cnf, index.txt, newcerts/ and, for the chain, ca.pem. With ``--approval`` a request
waits in a folder until somebody makes a file beside it: ``<number>.approved`` or ``<number>.denied``. With
``--revoke`` the program revokes the certificate on standard input.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

# sysexits.h
NOT_YET = 75
NEVER = 77
# openssl ca says so of a request that its policy forbids, or that has no good signature.
REFUSAL = re.compile(r".*(field needed to be|field is different|did not match|verification problems).*")
# What a line of the configuration can hold without quotes.
PLAIN = re.compile(r"[A-Za-z0-9:.,_@/*%+~=?&;!() -]*")


def main() -> None:
    """Print the certificate for the CSR on standard input and its chain, or say why there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--section", default="CA_default", help="the section of the CA in openssl.cnf")
    parser.add_argument("--days", default="365")
    parser.add_argument("--approval", type=Path, help="a folder in which requests wait for a person")
    parser.add_argument("openssl", nargs="*", help="more options of openssl ca, after --")
    parser.add_argument("--revoke", action="store_true", help="revoke the certificate on standard input")
    given = parser.parse_args()
    given.folder = given.folder.resolve()
    with (given.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (revoke if given.revoke else issue)(given, sys.stdin.read())


def issue(given: argparse.Namespace, csr: str) -> None:
    """Print the certificate of a request and its chain; have it signed first if the CA has none."""
    # 160 bits at most, and positive
    serial = "01" + os.environ["REDTRUST_REQUEST_ID"][:38].upper()
    status = recorded(given.folder, serial)
    if status == "R":
        end(NEVER, f"certificate {serial} of this request was revoked")
    if not status:
        if given.approval:
            wait_for_approval(given.approval, serial[2:14], csr)
        sign(given, serial, csr)
    for path in (given.folder / "newcerts" / f"{serial}.pem", given.folder / "ca.pem"):
        if path.exists():
            print(path.read_text(encoding="ascii"))


def recorded(folder: Path, serial: str) -> str:
    """Return the status of a serial number in index.txt: V, R or E; empty if it is not there."""
    path = folder / "index.txt"
    if not path.exists() and (folder / "index.txt.new").exists():
        # openssl was killed after it moved the old index away, and before it moved the new one in
        (folder / "index.txt.new").rename(path)
    with path.open(encoding="utf-8") as index:
        return next((line[0] for line in index if line.split("\t")[3] == serial), "")


def sign(given: argparse.Namespace, serial: str, csr: str) -> None:
    """Have openssl ca sign, with a serial number of ours."""
    names = os.environ.get("REDTRUST_SUBJECT_ALT_NAME", "")
    if not PLAIN.fullmatch(names):
        end(1, f"{names!r} has characters that this program does not hand on")
    subject = ["-utf8", "-subj", os.environ["REDTRUST_SUBJECT"], "-preserveDN"]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "serial").write_text(f"{serial}\n", encoding="ascii")
        Path(directory, "csr.pem").write_text(csr, encoding="ascii")
        paths = ["-in", f"{directory}/csr.pem", "-out", f"{directory}/out.pem"]
        run(given, directory, names, [*subject, "-batch", "-notext", "-days", given.days, *paths, *given.openssl])
    if recorded(given.folder, serial) != "V":
        end(1, f"openssl ca signed without serial number {serial}: openssl.cnf must not set rand_serial")


def revoke(given: argparse.Namespace, certificate: str) -> None:
    """Have openssl ca revoke a certificate, unless it is revoked already."""
    serial = os.environ["REDTRUST_SERIAL"].upper()
    if recorded(given.folder, serial.zfill(len(serial) + len(serial) % 2)) == "R":
        return
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "certificate.pem").write_text(certificate, encoding="ascii")
        reason = ["-crl_reason", os.environ["REDTRUST_REASON"]]
        run(given, directory, "", ["-revoke", f"{directory}/certificate.pem", *reason, *given.openssl])


def run(given: argparse.Namespace, directory: str, names: str, options: list[str]) -> None:
    """Run openssl ca with the configuration of the CA; end as the signer command asks for if it fails."""
    path = Path(directory, "openssl.cnf")
    path.write_text(configuration(given.folder, directory, given.section, names), encoding="utf-8")
    done = subprocess.run(
        ["openssl", "ca", "-config", str(path), "-name", given.section, *options],
        check=False,
        cwd=given.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        refusal = REFUSAL.search(done.stdout)
        end(NEVER if refusal else 1, refusal[0] if refusal else done.stdout)


def configuration(folder: Path, directory: str, ca_section: str, names: str) -> str:
    """Return a configuration that is the CA's, apart from the places and the subject alternative name."""
    places = {"database": folder / "index.txt", "new_certs_dir": folder / "newcerts", "serial": f"{directory}/serial"}
    lines = [f".include {folder}/openssl.cnf", f"[ {ca_section} ]"]
    lines += [f"{name} = {value}" for name, value in places.items()]
    if names:
        own = (folder / "openssl.cnf").read_text(encoding="utf-8")
        section = re.search(r"^\s*x509_extensions\s*=\s*(\w+)", own, re.MULTILINE)
        lines += [f"[ {section[1]} ]" if section else "x509_extensions = names\n[ names ]", f"subjectAltName = {names}"]
    return "\n".join([*lines, ""])


def wait_for_approval(folder: Path, number: str, csr: str) -> None:
    """Return once a person has approved the request; end as "not yet" or "never" otherwise."""
    if (folder / f"{number}.approved").exists():
        return
    if (folder / f"{number}.denied").exists():
        end(NEVER, (folder / f"{number}.denied").read_text(encoding="utf-8") or f"request {number} was denied")
    (folder / f"{number}.csr").write_text(csr, encoding="ascii")
    (folder / f"{number}.txt").write_text(f"{os.environ['REDTRUST_NAME']}\n{os.environ['REDTRUST_DN']}\n", "utf-8")
    print(number)
    end(NOT_YET, f"request {number} waits for approval in {folder}")


def end(status: int, why: str) -> t.NoReturn:
    """End with an exit status of the signer command, and the reason on standard error."""
    print(why, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
