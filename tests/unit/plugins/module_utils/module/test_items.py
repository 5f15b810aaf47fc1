# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good and bad entries of a list of certificates."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._enroll.api import (
    CertificateItem,
    FinalizeItem,
    RenewItem,
    RequestItem,
    Unusable,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._errors import (
    ConfigurationError,
    RedtrustError,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._models import DistinguishedName
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module import items
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.entry_specs import (
    FINALIZED,
    NAMED,
    RENEWED,
    REQUESTED,
    SETTLED,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.items import (
    CheckedList,
    certificate_items,
    finalize_items,
    listed,
    renew_items,
    request_items,
    required,
    settle_items,
    sign_items,
)
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.renewal import Renewals
from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.specs import Spec

if t.TYPE_CHECKING:
    from ..conftest import Openssl


Made = t.TypeVar("Made")


def entries(spec: Spec, *given: dict[str, t.Any]) -> CheckedList:
    """Return the list as a module reads it."""
    return required(listed({"certificates": list(given)}, spec, lambda _secret: None))


def renewing(**given: t.Any) -> tuple[dict[str, t.Any], Renewals]:
    """Return the options of a renewal, and what they say of its time."""
    params = {"renew_before": None, "renew_jitter": None, "renew_only": False, "force": False, **given}
    return params, Renewals.read(params)


def usable(kind: type[Made], found: t.Iterable[object]) -> list[Made]:
    """Return the items, all of this kind."""
    made = list(found)
    assert all(isinstance(item, kind) for item in made)
    return t.cast("list[Made]", made)


def only(found: t.Iterable[t.Any]) -> t.Any:
    (item,) = found
    return item


class TestNames:
    @pytest.mark.parametrize("name", ["a", "www.example.com", "Jos\u00e9 P\u00e9rez", "*", "a" * 200, "-", "a..b"])
    def test_fit_for_a_file(self, name: str, tmp_path: Path) -> None:
        assert only(settle_items(entries(SETTLED, {"name": name}), "abandoned")).name == name
        (tmp_path / f"{name}.pem").touch()

    @pytest.mark.parametrize("name", [" a", "a ", ".a", "..", "a/b", "a\\b", "a\nb", "a\x00", "a" * 201, "a\x7fb"])
    def test_not_fit(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="is not fit for a file name"):
            entries(NAMED, {"name": name})


class TestLists:
    def test_there_may_be_none(self) -> None:
        assert listed({"certificates": None, "certificates_file": None}, NAMED, print) is None
        with pytest.raises(ConfigurationError, match=r"^neither certificates nor certificates_file is set"):
            required(None)

    def test_there_is_one_at_most(self) -> None:
        with pytest.raises(ConfigurationError, match=r"^certificates and certificates_file are both set"):
            listed({"certificates": [], "certificates_file": "x"}, NAMED, print)

    @pytest.mark.parametrize("most", [2, 3, 100])
    def test_one_too_long_to_be_kept_is_read_again(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        monkeypatch.setattr(items, "_MOST_KEPT", most)
        found = entries(NAMED, *({"name": name} for name in "abc"))
        assert len(found) == 3
        for _time in (1, 2):
            assert [item.name for item in sign_items(found, list)] == ["a", "b", "c"]

    def test_a_list_that_cannot_be_used_is_refused_as_a_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(items, "_MOST_KEPT", 1)
        with pytest.raises(ConfigurationError, match=r"^certificates\[2\]: the name a is in the list twice"):
            entries(NAMED, {"name": "a"}, {"name": "b"}, {"name": "a"})


class TestItems:
    ENTRY: t.ClassVar[dict[str, t.Any]] = {"name": "www", "dn": {"cn": "www", "ou": ["b", "a"]}, "provider": "CA"}

    def test_a_request_as_short_as_can_be(self) -> None:
        item = only(request_items(entries(REQUESTED, self.ENTRY)))
        assert (item.name, item.force) == ("www", False)
        assert item.spec.dn == DistinguishedName((("cn", "www"), ("ou", "b"), ("ou", "a")))
        assert (item.spec.key_type, item.spec.key_length, item.spec.hash_type) == ("RSA", 2048, "SHA256")
        assert (item.spec.info, item.spec.group_ids, item.spec.request_code) == ({}, (), None)

    def test_a_request_with_everything(self) -> None:
        more = {"info": {"a": "1"}, "group_ids": [2, 1], "subject_alt_name": ["DNS:a"], "request_code": "canary"}
        item = only(request_items(entries(REQUESTED, {**self.ENTRY, **more, "force": True})))
        assert item.force
        assert (item.spec.info, item.spec.group_ids, item.spec.subject_alt_name) == ({"a": "1"}, (2, 1), ("DNS:a",))
        assert item.spec.request_code == "canary"
        assert "canary" not in repr(item)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"dn": {}}, "www: dn must name at least one attribute"),
            ({"dn": "cn=www"}, "www: dn must be a list"),
            ({"dn": {"cn": ""}}, "www: dn has an empty attribute or value"),
            ({"dn": {"cn": None}}, "www: dn.cn is null: quote it in YAML"),
            ({"dn": {"cn": True}}, "www: dn.cn is the boolean true: quote it in YAML"),
            ({"dn": [{"cn": "x"}]}, "each entry of dn must be a mapping of attribute and value"),
            ({"provider": ""}, "www: provider is not set"),
        ],
    )
    def test_bad_values_are_named(self, change: dict[str, t.Any], message: str) -> None:
        bad, good = request_items(entries(REQUESTED, {**self.ENTRY, **change}, {**self.ENTRY, "name": "good"}))
        assert isinstance(bad, Unusable)
        assert bad.name == "www"
        assert re.search(message, str(bad.error))
        assert isinstance(good, RequestItem), "it fails alone"

    def test_renewals_of_all_or_of_some(self) -> None:
        everything = usable(RenewItem, renew_items(None, lambda: ["a", "b"], *renewing(force=True)))
        assert [(item.name, item.force, item.policy.renew_before.text) for item in everything] == [
            ("a", True, ""),
            ("b", True, ""),
        ]
        assert [item.adoption() for item in everything] == [None, None]
        given = ({"name": "a", "renew_before": "50%"}, {"name": "b", "force": True, "request_code": "MINE"})
        some = usable(RenewItem, renew_items(entries(RENEWED, *given), list, *renewing(renew_before="30d")))
        assert [(item.name, item.force, item.policy.renew_before.text) for item in some] == [
            ("a", False, "50%"),
            ("b", True, "30d"),
        ]
        assert some[0].adoption() is None
        assert [item.request_code for item in some] == [None, "MINE"]

    def test_adoption_from_a_certificate(self, pki: Openssl, tmp_path: Path) -> None:
        entry = {"name": "a", "provider": "CA", "certificate_path": str(pki.folder / "leaf.crt")}
        shown = pki.text("x509", "-in", "leaf.crt", "-noout", "-fingerprint", "-sha1").rpartition("=")[2]
        item = only(renew_items(entries(RENEWED, {**entry, "thumbprint": shown.lower()}), list, *renewing()))
        adoption = item.adoption()
        assert adoption is not None
        assert adoption.thumbprint == shown.replace(":", "")
        assert adoption.certificate == pki.der("leaf")
        assert adoption.not_valid_after is not None
        assert ("cn", "Jos\u00e9 P\u00e9rez") in [(name.lower(), value) for name, value in adoption.spec.dn.attributes]
        wrong = only(renew_items(entries(RENEWED, {**entry, "thumbprint": "A" * 40}), list, *renewing()))
        with pytest.raises(ConfigurationError, match="not the one that is given"):
            wrong.adoption()

    def test_adoption_from_a_thumbprint(self) -> None:
        entry = {"name": "a", "thumbprint": "\u200e" + "ab " * 20, "dn": {"cn": "a"}, "provider": "CA"}
        item = only(renew_items(entries(RENEWED, entry), list, *renewing()))
        adoption = item.adoption()
        assert adoption is not None
        assert (adoption.thumbprint, adoption.certificate) == ("AB" * 20, None)

    @pytest.mark.parametrize(
        ("change", "message"),
        [({"provider": None}, "a: provider is not set"), ({"dn": None}, "a: dn must be"), ({"thumbprint": "x"}, "hex")],
    )
    def test_adoption_that_lacks_something(self, change: dict[str, t.Any], message: str) -> None:
        entry = {"name": "a", "thumbprint": "A" * 40, "dn": {"cn": "a"}, "provider": "CA", **change}
        item = only(renew_items(entries(RENEWED, entry), list, *renewing()))
        with pytest.raises(RedtrustError, match=message):
            item.adoption()

    def test_signing_of_all_or_of_some(self) -> None:
        assert [item.name for item in sign_items(None, lambda: ["a"])] == ["a"]
        assert [item.name for item in sign_items(entries(NAMED, {"name": "b"}), list)] == ["b"]

    def test_finalizing_of_all_or_of_some(self, pki: Openssl, tmp_path: Path) -> None:
        item = only(finalize_items(None, lambda: ["a"]))
        assert (item.name, list(item.certificates())) == ("a", [])
        path = tmp_path / "late.pem"
        pem = (pki.folder / "leaf.crt").read_text()
        given = ({"name": "a", "certificate_path": str(path)}, {"name": "b", "certificate": pem}, {"name": "c"})
        late, value, neither = usable(FinalizeItem, finalize_items(entries(FINALIZED, *given), list))
        assert list(late.certificates()) == list(neither.certificates()) == []
        path.write_text(pem)
        assert list(late.certificates()) == list(value.certificates()) == [pki.der("leaf")]
        path.write_text("rubbish")
        with pytest.raises(ConfigurationError, match=f"^{re.escape(str(path))}: "):
            late.certificates()
        path.unlink()
        path.mkdir()
        with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
            late.certificates()

    def test_a_path_that_cannot_even_be_looked_at(self, tmp_path: Path) -> None:
        entry = {"name": "a", "certificate_path": str(tmp_path / ("n" * 300))}
        item = only(finalize_items(entries(FINALIZED, entry), list))
        with pytest.raises(ConfigurationError, match=r"cannot be read \(File name too long\)"):
            item.certificates()

    def test_a_certificate_is_given_once(self, tmp_path: Path) -> None:
        entry = {"name": "a", "certificate": "x", "certificate_path": "/x"}
        item = only(finalize_items(entries(FINALIZED, entry), list))
        with pytest.raises(ConfigurationError, match="give certificate or certificate_path, not both"):
            item.certificates()

    def test_a_certificate_to_adopt_must_be_there(self, tmp_path: Path) -> None:
        entry = {"name": "a", "provider": "CA", "certificate_path": str(tmp_path / "none.pem")}
        item = only(renew_items(entries(RENEWED, entry), list, *renewing()))
        with pytest.raises(ConfigurationError, match=r"none\.pem cannot be read \(No such file"):
            item.adoption()

    def test_certificates_to_make_sure_of(self) -> None:
        given = [
            {**self.ENTRY, "renew_before": "never"},
            {"name": "only-renewed"},
            {**self.ENTRY, "name": "x", "dn": {}},
        ]
        options = renewing(renew_before="30d")
        asked, renewed, bad = certificate_items(entries(RENEWED, *given), list, *options)
        assert isinstance(asked, CertificateItem)
        assert isinstance(renewed, CertificateItem)
        assert isinstance(bad, Unusable)
        assert asked.spec is not None
        assert asked.spec.provider == "CA"
        assert asked.renewal.policy.renew_before.never
        assert (renewed.spec, renewed.renewal.policy.renew_before.text) == (None, "30d")
        only_renewed = only(certificate_items(entries(RENEWED, self.ENTRY), list, *renewing(renew_only=True)))
        assert only_renewed.spec is None

    def test_all_that_the_store_knows_is_renewed(self) -> None:
        found = list(certificate_items(None, lambda: ["a", "b"], *renewing(force=True)))
        assert [item.name for item in found] == ["a", "b"]
        assert all(isinstance(item, CertificateItem) and item.spec is None and item.renewal.force for item in found)


class TestSettled:
    def test_what_was_looked_at(self) -> None:
        seen = {"name": "a", "csr_sha256": "00ff", "thumbprint": ""}
        item = only(settle_items(entries(SETTLED, seen), "approved"))
        assert (item.name, item.csr_sha256, item.thumbprint) == ("a", "00ff", None)
        item = only(settle_items(entries(SETTLED, {"name": "a", "thumbprint": "AB"}), "revoked"))
        assert (item.csr_sha256, item.thumbprint) == (None, "AB")

    @pytest.mark.parametrize(
        ("option", "states"),
        [("csr_sha256", ("abandoned", "accepted", "revoked")), ("thumbprint", ("abandoned", "approved", "denied"))],
    )
    def test_an_option_that_would_be_passed_over(self, option: str, states: tuple[str, ...]) -> None:
        for state in states:
            item = only(settle_items(entries(SETTLED, {"name": "a", option: "AB"}), state))
            assert isinstance(item, Unusable)
            assert f"{option} has no meaning with state {state}" in str(item.error)
