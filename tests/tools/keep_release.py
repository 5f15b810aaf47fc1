# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the files of a release as test data: a store, a session file, and the contents that this release reads.

    python tests/tools/keep_release.py 0.4.0 558669a

runs the code of that commit and fills ``tests/unit/plugins/module_utils/data/releases/0.4.0``. The unit tests open
these files with the present code. Their passwords, keys and tokens are made-up constants of this program.
"""

from __future__ import annotations

import argparse
import base64
import collections.abc as c
import dataclasses
import datetime as dt
import importlib
import json
import shutil
import sys
import tempfile
import typing as t
from pathlib import Path

from artifact import export
from workshop import COLLECTION, ROOT

RELEASES = ROOT / "tests" / "unit" / "plugins" / "module_utils" / "data" / "releases"
PACKAGE = ".".join((*COLLECTION.parts, "plugins", "module_utils", ""))

SERVICE = "https://rt.example.com:8082"
CREDENTIALS: dict[str, t.Any] = {
    "username": "ana",
    "password": "not a real password",
    "partner_secret": b"not a real secret",
}
SESSION_KEY = "not a real session key"
IDENTITY = "0123456789abcdef0123456789abcdef"

NOON = dt.datetime(2026, 6, 1, 12, 0, 0, 5, tzinfo=dt.timezone.utc)
YEAR = dt.timedelta(days=365)


class Release:
    """The code of one release. Releases define the names in different modules."""

    def __init__(self, tree: Path) -> None:
        sys.path.insert(0, str(tree))
        self.models = self._module("_models")
        self.open_store = self._module("_store.api").open_store
        self.session_file = self._first("SessionFile", "_session.api", "_session_file")
        self.session_row = self._first("SessionRow", "_session.api") or self._first("StoredSession", "_session_store")
        self.kept_session = self._first("KeptSession", "_session.kept", "_kept_session", "_session_file")
        self.credentials = self._first("Credentials", "_session.api", "_credentials", "_session")

    def _module(self, name: str) -> t.Any:
        return importlib.import_module(PACKAGE + name)

    def _first(self, name: str, *modules: str) -> t.Any:
        """Return a name from the first module that has it, or None if the release does not have it."""
        for module in modules:
            try:
                return getattr(self._module(module), name)
            except (ImportError, AttributeError):
                continue
        return None


def made(kind: t.Any, **fields: object) -> t.Any:
    """Make a dataclass from the fields that the release has."""
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in fields.items() if name in known})


def specs(models: t.Any) -> tuple[t.Any, t.Any]:
    """Return a spec with the required fields and one with all fields."""
    dn = models.DistinguishedName((("cn", "Ana García López"), ("ou", "b"), ("ou", "a"), ("serialNumber", "7")))
    plain = models.CertificateSpec("plain", models.DistinguishedName((("cn", "plain"),)), "Own CA")
    full = made(
        models.CertificateSpec,
        name="full",
        dn=dn,
        provider="Own CA",
        key_type="RSA",
        key_length=4096,
        hash_type="SHA512",
        info={"comment": "ñ", "nested": {"list": [1, None, 2.5, True]}},
        group_ids=(3, 1),
        subject_alt_name=("DNS:www.example.com", "IP:192.0.2.1"),
    )
    return plain, full


def revisions(models: t.Any) -> c.Iterator[tuple[t.Any, ...]]:
    """Return the revisions for the store, one group for each call."""
    state = models.State
    plain, full = specs(models)
    der = bytes(range(256))
    request = {"request_code": "not-a-real-code/+1", "csr": b"csr" + der}
    certificate = {
        "certificate": b"certificate" + der,
        "chain": (b"issuer" + der, b"root" + der),
        "thumbprint": "00" * 19 + "FF",
        "not_valid_before": NOON,
        "not_valid_after": NOON + YEAR,
    }

    def row(name: str, number: int, attempt: int, at: t.Any, spec: t.Any = plain, **fields: object) -> t.Any:
        named = {"service": SERVICE, "name": name, "revision": number, "attempt": attempt, "state": at}
        return made(models.Revision, **named, spec=dataclasses.replace(spec, name=name), **fields)

    yield (row("intended", 1, 1, state.INTENDED, full),)
    yield (row("requested", 1, 1, state.REQUESTED, full, **request),)
    yield (row("refused", 1, 1, state.REQUESTED, note="another subject", **request, **certificate),)
    yield (row("signing", 1, 1, state.SIGNING, signing_since=NOON, **request),)
    yield (row("issued", 1, 1, state.ISSUED, full, **request, **certificate),)
    yield (row("uploading", 1, 1, state.ISSUED, upload_started=True, **request, **certificate),)
    yield (row("adopted", 1, 1, state.FINALIZED, adopted=True, certificate_id="7", **certificate),)
    yield (row("unknown", 1, 1, state.CREATE_UNKNOWN, note="the answer was lost"), row("unknown", 1, 2, state.INTENDED))
    yield (row("rejected", 1, 1, state.REJECTED, note="denied", failures=2, retry_at=NOON, **request),)
    yield (row("abandoned", 1, 1, state.ABANDONED, note="by a person", **request),)
    first = row("renewed", 1, 1, state.FINALIZED, full, **request, **certificate)
    yield (first,)
    second = {**certificate, "thumbprint": "11" * 20, "renews": first.thumbprint}
    yield (
        dataclasses.replace(first, generation=1, state=state.SUPERSEDED),
        row("renewed", 2, 1, state.FINALIZED, full, **request, **second),
    )
    yield (row("renewed", 3, 1, state.ISSUED, full, **request, **{**second, "renews": second["thumbprint"]}),)


def session(release: Release) -> t.Any:
    """Return a session after a refresh without an answer."""
    tokens = release.models.Tokens("not a real access token", "not a real refresh token", NOON + YEAR)
    kept = {"tokens": tokens, "opened_at": NOON, "ends_at": NOON + YEAR, "refused_at": NOON}
    return made(release.kept_session, **kept, refreshing=True, unanswered=1)


def write(release: Release, folder: Path) -> None:
    """Fill a folder with the files of the release, and with ``contents.json``: the values that it reads in them."""
    kept = session(release)
    with release.open_store(str(folder / "store.db")) as store:
        for group in revisions(release.models):
            store.put(*group)
        store.acquire([f"enrollment/{SERVICE}/issued"], "a run that died", 0.0)
        if release.session_row is not None:
            release.session_row(store, IDENTITY, SESSION_KEY, holder="a run that logs in").save(kept)
    credentials = made(release.credentials, **CREDENTIALS)
    release.session_file(str(folder / "session"), credentials.key_material()).save(kept)
    with release.open_store(str(folder / "store.db")) as store:
        rows = [as_json(revision) for found in store.enrollments() for revision in found.revisions]
    contents = {
        "session": kept.to_json(),
        "session_is_stored": release.session_row is not None,
        "revisions": rows,
    }
    text = json.dumps(contents, indent=1, ensure_ascii=False) + "\n"
    (folder / "contents.json").write_text(text, encoding="utf-8")


def as_json(revision: t.Any) -> dict[str, object]:
    """Return all fields of a revision; bytes as base64, dates in ISO 8601."""
    spec = getattr(revision.spec, "to_stored", revision.spec.asked_for)()
    fields: dict[str, object] = json.loads(json.dumps({**vars(revision), "spec": spec}, default=_plain))
    return fields


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else base64.b64encode(t.cast("bytes", value)).decode()


def main() -> None:
    """Keep the release of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="of the release, such as 0.4.0")
    parser.add_argument("commit", help="the commit of the release, or HEAD before it is made")
    wanted = parser.parse_args()
    folder = RELEASES / wanted.version
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        export(ROOT, wanted.commit, tree / COLLECTION)
        fresh = tree / "state"
        fresh.mkdir(mode=0o700)
        write(Release(tree), fresh)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("store.db", "store.db.key", "session", "contents.json"):
            if (fresh / name).exists():
                shutil.copyfile(fresh / name, folder / name)


if __name__ == "__main__":
    main()
