# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role refuses before a key is made, and which certificates take part in its last step."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.redtrust.certificate_enroll.plugins.module_utils._module.role_steps import ready_of, refusal_of

from .test_role import asked, bad, entry


def refusal(**changes: t.Any) -> str:
    """Return what is refused of settings that are right but for these."""
    right = {
        "role": "issue",
        "signer": "local_ca",
        "signer_options": {"certificate_path": "/ca.pem"},
        "tasks_file": "",
        "tasks_found": [],
        "answers_directory": "",
        "answers_found": False,
        "mode": "",
    }
    return refusal_of({**right, **changes})


class TestRefusal:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"mode": "0644"},
            {"mode": "u=rw,go=r"},
            {"signer": "none", "signer_options": ""},
            {"signer": "", "signer_options": "", "tasks_file": "sign.yml", "tasks_found": ["/sign.yml"]},
            {"signer": "", "tasks_file": "sign.yml", "tasks_found": ["/sign.yml"], "answers_directory": "/none"},
            {"renews": True},
            {"replaces": {"provider": "CA"}},
        ],
    )
    def test_nothing(self, changes: dict[str, t.Any]) -> None:
        assert refusal(**changes) == ""

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"signer": "", "signer_options": ""}, "nothing says what signs: issue_signer is not set"),
            ({"signer_options": ""}, "issue_signer is local_ca, and issue_local_ca is not set"),
            ({"role": "renew", "signer_options": ""}, "renew_signer is local_ca, and renew_local_ca is not set"),
            ({"signer": "openbao", "signer_options": ""}, "issue_signer is openbao, without its options: write them"),
            ({"signer": "loca_ca", "signer_options": ""}, "issue_signer is 'loca_ca', which is no type of signer"),
            ({"signer": {"type": "command"}, "tasks_file": "a.yml"}, "issue_signer is command, and issue_tasks_file"),
            ({"signer": '{"type": "command"}', "tasks_file": "a.yml"}, "issue_signer is command, and issue_tasks_file"),
            ({"signer": "type: http", "signer_options": ""}, "issue_signer is a text that is no name of a signer"),
            ({"tasks_file": "a.yml", "tasks_found": ["/a.yml"]}, "issue_tasks_file is set too: leave one of them out"),
            ({"answers_directory": "/answers"}, "issue_answers_directory is set too: leave one of them out"),
            ({"signer": "", "tasks_file": "a.yml"}, "issue_tasks_file, a.yml, is not there"),
            ({"signer": "none", "answers_directory": "/none"}, "issue_answers_directory, /none, is not a directory"),
            ({"mode": 420}, "issue_mode is the number 420 (0644 without quotes is 420): quote it in YAML"),
            ({"mode": "420"}, "issue_mode is the number 420"),
            ({"mode": True}, "issue_mode is the number True"),
            ({"signer": "none", "renews": True}, "issue_renew_before has an effect only with a signer"),
            ({"signer": "none", "replaces": {"provider": "CA"}}, "renew_replace has an effect only with a signer"),
        ],
    )
    def test_before_a_key_is_made(self, changes: dict[str, t.Any], said: str) -> None:
        assert said in refusal(**changes)
        assert refusal(**changes).endswith(". No key was made")

    def test_a_directory_of_answers(self) -> None:
        assert refusal(signer="", answers_directory="~/answers", answers_found=True) == ""


class TestReady:
    requested = entry("a", action="issue", changed=True, state="requested", csr="...")
    signing = entry("b", state="signing", csr="...")
    issued = entry("c", state="issued")
    in_use = entry("d")
    entries = (requested, signing, issued, in_use, bad("e"))

    def test_what_is_on_its_way_can_be_uploaded(self) -> None:
        assert ready_of(self.entries) == [{"name": "a"}, {"name": "b"}, {"name": "c"}]

    def test_what_is_in_use_has_files(self) -> None:
        assert [one["name"] for one in ready_of(self.entries, in_use=True)] == ["a", "b", "c", "d"]

    def test_each_answer_has_its_path(self) -> None:
        assert ready_of([self.signing], "/answers") == [{"name": "b", "certificate_path": "/answers/b.pem"}]

    def test_what_is_only_predicted_has_no_next_step(self) -> None:
        assert ready_of([self.requested, self.signing, asked("f")], check_mode=True) == [{"name": "b"}]
        # ansible_check_mode does not show the check_mode of a block
        assert ready_of([asked("f")]) == []
