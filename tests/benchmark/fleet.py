# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the lists of a benchmark, and a store in which all certificates of a list are in use and none is due.

A program of its own, so that what it needs of memory is not counted for the programs that the benchmark starts.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import typing as t
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import (
    CertificateSpec,
    DistinguishedName,
    Enrollment,
    Revision,
    State,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._store.api import open_store

SERVICE = "benchmark"
INVENTORY = ".inventory"
# A key of this type costs the server 20 microseconds, so none has to be made beforehand. RSA 2048 costs 35 ms.
DEFAULTS: t.Mapping[str, t.Any] = {
    "provider": "CA_DEMO",
    "key_type": "ECDSA",
    "key_length": 256,
    "hash_type": "SHA256",
}
_BATCH = 1000
_DAY = dt.timedelta(days=1)

Entry = t.Mapping[str, t.Any]


def entry(number: int) -> dict[str, t.Any]:
    """Return one certificate of the list: a person of a company."""
    dn = {
        "cn": f"Person Number {number}",
        "givenName": "Person",
        "sn": f"Number {number}",
        "serialNumber": f"IDCES-{number:08d}",
        "o": "Example SL",
        "organizationIdentifier": "VATES-B12345678",
        "c": "ES",
    }
    return {"name": f"person-{number:06d}", "dn": dn}


def write_lists(entries: t.Sequence[Entry], path: Path) -> None:
    """Write the list as JSON Lines with all fields, and beside it as variables of an inventory."""
    lines = (json.dumps({**one, **DEFAULTS}) for one in entries)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    variables = {"issue_certificates": entries, "issue_certificate_defaults": DEFAULTS}
    inventory = path.with_suffix(INVENTORY)
    (inventory / "group_vars").mkdir(parents=True)
    (inventory / "hosts").write_text("localhost ansible_connection=local\n", encoding="utf-8")
    (inventory / "group_vars" / "all.json").write_text(json.dumps(variables), encoding="utf-8")


def write_formats(entries: t.Sequence[Entry], path: Path) -> None:
    """Write the list in the other formats beside it."""
    whole = [{**one, **DEFAULTS} for one in entries]
    path.with_suffix(".json").write_text(json.dumps(whole), encoding="utf-8")
    with path.with_suffix(".yml").open("w", encoding="utf-8") as file:
        yaml.dump(whole, file, sort_keys=False, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    columns = ["name", *(f"dn.{attribute}" for attribute in entries[0]["dn"]), *DEFAULTS]
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([one["name"], *one["dn"].values(), *DEFAULTS.values()] for one in entries)


def fill_store(entries: t.Sequence[Entry], path: Path) -> None:
    """Write each certificate of the list into a new store, as finalized yesterday and valid for a year."""
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    certificate = _certificate(now)
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()
    der = certificate.public_bytes(Encoding.DER)
    store = open_store(str(path))
    for start in range(0, len(entries), _BATCH):
        store.put(*(_finalized(one, der, thumbprint, now) for one in entries[start : start + _BATCH]))
    store.close()


def _finalized(one: Entry, der: bytes, thumbprint: str, now: dt.datetime) -> Revision:
    spec = CertificateSpec(**{**DEFAULTS, **one, "dn": DistinguishedName.from_option(one["dn"])})
    return (
        Enrollment(SERVICE, spec.name)
        .next_revision(spec)
        .moved(
            State.FINALIZED,
            certificate=der,
            chain=(der,),
            csr=der,
            thumbprint=thumbprint,
            not_valid_before=now - _DAY,
            not_valid_after=now + 365 * _DAY,
        )
    )


def _certificate(now: dt.datetime) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "One for all")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - _DAY).not_valid_after(now + 365 * _DAY).sign(key, hashes.SHA256())


def main() -> None:
    """Make the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--list", type=Path, required=True, help="a .jsonl; an inventory is beside it")
    parser.add_argument("--formats", action="store_true", help="write the other formats beside it too")
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    entries = [entry(number) for number in range(options.count)]
    write_lists(entries, options.list)
    if options.formats:
        write_formats(entries, options.list)
    if options.store:
        fill_store(entries, options.store)


if __name__ == "__main__":
    main()
