# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign in with a real browser while the real playbook waits, and read the result in the server's ledger."""

from __future__ import annotations

import dataclasses
import getpass
import re
import socket
import typing as t

import pytest

from .desk import PASSPHRASE, PASSWORD, quoted

if t.TYPE_CHECKING:
    from .conftest import NewDesk, NewVisitor, TakePicture
    from .desk import Desk


class Words(t.NamedTuple):
    """The words on the pages of a sign-in. The heading of the first page names the server and the job."""

    language: str
    landing: str
    button: str
    not_signed_in: str
    again: str
    signed_in: str
    close: str


ENGLISH = Words(
    "en-GB",
    "Sign in to Redtrust (127.0.0.1) for the Ansible job of {}",
    "Sign in",
    "You are not signed in",
    "Try again",
    "You are signed in",
    "You can close this window",
)
SPANISH = Words(
    "es-ES",
    "Inicie sesión en Redtrust (127.0.0.1) para la tarea de Ansible de {}",
    "Iniciar sesión",
    "No ha iniciado sesión",
    "Volver a intentarlo",
    "Ha iniciado sesión",
    "Ya puede cerrar esta ventana",
)
BRAZILIAN = Words(
    "pt-BR",
    "Faça login no Redtrust (127.0.0.1) para a tarefa do Ansible de {}",
    "Entrar",
    "Você não fez login",
    "Tentar de novo",
    "Login concluído",
    "Você já pode fechar esta janela",
)
PORTUGUESE = Words(
    "pt-PT",
    "Inicie sessão no Redtrust (127.0.0.1) para a tarefa do Ansible de {}",
    "Iniciar sessão",
    "Não iniciou sessão",
    "Tentar novamente",
    "Sessão iniciada",
    "Já pode fechar esta janela",
)
PLACE = f"{getpass.getuser()}@{socket.gethostname()}"
# Chromium's message about the answer 401 to a wrong password.
COMPLAINT = "the server responded with a status of 401"
PICTURES = {
    (ENGLISH, "light"): "landing-light",
    (ENGLISH, "dark"): "landing-dark",
    (SPANISH, "light"): "landing-es",
    (PORTUGUESE, "light"): "landing-pt",
    (BRAZILIAN, "light"): "landing-br",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("words", [ENGLISH, SPANISH, BRAZILIAN, PORTUGUESE], ids=lambda words: words.language)
def test_a_person_signs_in(
    words: Words, scheme: str, desk: Desk, visitor: NewVisitor, take_picture: TakePicture
) -> None:
    """The first password is wrong."""
    someone = visitor(language=words.language, scheme=scheme)
    with desk.waits(desk.url()) as run:
        assert desk.url() in run.said()
        someone.open(desk.url())
        someone.sees(words.landing.format(PLACE))
        assert someone.barriers() == []
        if (words, scheme) in PICTURES:
            take_picture(someone, PICTURES[words, scheme])
        someone.press(words.button)
        desk.fill(someone, password="not the password")
        if (words, scheme) == (ENGLISH, "light"):
            take_picture(someone, "redtrust")
        assert someone.barriers() == []
        someone.press("Sign in")
        someone.page.get_by_role("alert").wait_for()
        assert desk.statuses("exchange") == []
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees(words.signed_in)
        assert words.close in someone.text()
        assert re.search(r"127\.0\.0\.1, (as|como) demo\.", someone.text())
        assert someone.barriers() == []
        if (words, scheme) == (ENGLISH, "light"):
            take_picture(someone, "signed-in")
        assert run.wait() == 0, run.said()
        desk.until_gone(run)
    assert desk.statuses("login_form") == [401, 302]
    assert desk.statuses("exchange") == [200]
    assert desk.has_one_session()
    assert [text for text in someone.complaints if COMPLAINT not in text] == []


@pytest.mark.parametrize(
    ("ending", "style", "comes_back"),
    [
        ("/callback", "parameter", "/callback?tkn=TOKEN"),
        ("/callback?tkn=", "parameter", "/callback?tkn=TOKEN"),
        ("/callback?tkn=", "appended", "/callback?tkn=?tkn=TOKEN"),
        ("/back?tenant=7&lang=es", "last", "/back?tenant=7&lang=es&state=1&tkn=TOKEN&lang=es"),
    ],
)
def test_somebody_who_has_only_a_keyboard_cancels_and_tries_again(
    ending: str, style: str, comes_back: str, desk: Desk, visitor: NewVisitor, take_picture: TakePicture
) -> None:
    """The browser has no JavaScript and the screen of a phone. The parameters are the forms of the redirect."""
    desk.appliance.set(tkn_style=style)
    someone = visitor(script=False, phone=True)
    with desk.waits(desk.url(ending)) as run:
        someone.open(desk.url(ending.partition("?")[0]))
        someone.sees(ENGLISH.landing.format(PLACE))
        take_picture(someone, "landing-phone")
        someone.type("Tab", "Enter")
        someone.sees("Sign in to Redtrust")
        someone.is_in("User")
        someone.type("demo", "Tab", "Tab", "Tab", "Tab", "Enter")  # password, domain, Sign in, Cancel
        someone.sees(ENGLISH.not_signed_in)
        assert not run.is_over()
        someone.type("Tab", "Enter")
        someone.sees("Sign in to Redtrust")
        someone.is_in("User")
        someone.type("demo", "Tab", PASSWORD, "Enter")
        someone.sees(ENGLISH.signed_in)
        assert run.wait() == 0, run.said()
    assert desk.appliance.asked("step, status, user")[-3:-1] == [
        ("login_request", 200, None),
        ("login_form", 302, "demo"),
    ]
    assert desk.statuses("login_form") == [302, 302]
    assert desk.statuses("exchange") == [200]
    assert desk.has_one_session()
    token = desk.appliance.one("SELECT value FROM secrets WHERE kind = 'temporary_token' ORDER BY rowid DESC LIMIT 1")
    assert someone.page.url == desk.url(comes_back.replace("TOKEN", quoted(token)))


def test_what_fails_is_told_and_can_be_tried_again(desk: Desk, visitor: NewVisitor, take_picture: TakePicture) -> None:
    """Redtrust refuses the token, then answers rubbish, then answers 503, then accepts it.

    The browser has cookies of another application on this host.
    """
    someone = visitor()
    for name, value in (("theme", '{"a":"b"}'), ("name", "Jos\N{LATIN SMALL LETTER E WITH ACUTE}")):
        someone.page.context.add_cookies([{"name": name, "value": value, "url": desk.url("/")}])
    with desk.waits(desk.url()) as run:
        someone.open(desk.url())
        desk.appliance.set(temp_token_lifetime=0)
        someone.press("Sign in")
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees("Redtrust did not accept the sign-in")
        assert someone.barriers() == []
        take_picture(someone, "refused")
        desk.appliance.set(temp_token_lifetime=60)
        desk.appliance.fault("exchange", "before", "rubbish")
        someone.press("Try again")
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees("The sign-in could not be completed")
        assert someone.barriers() == []
        assert not run.is_over()
        desk.appliance.fault("exchange", "before", "status:503")
        someone.press("Try again")
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees("Redtrust could not answer")
        assert "HTTP 503" in someone.text()
        someone.press("Try again")
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees("You are signed in")
        assert run.wait() == 0, run.said()
    warned = r"an attempt to sign in failed before one succeeded: exchange at .*: Redtrust could not answer \(HTTP 503"
    assert re.search(warned, run.said())
    assert desk.statuses("exchange") == [401, 200, 503, 200]
    assert desk.has_one_session()


def test_with_a_certificate_of_ones_own(new_desk: NewDesk, visitor: NewVisitor) -> None:
    """The server is of 4.42, which also has a direct login."""
    desk = new_desk("4.42")
    someone = visitor(language="pt-BR", scheme="dark", phone=True)
    certificate, key = desk.certificate()
    files = {"login_certificate_path": certificate, "login_private_key_path": key}
    with desk.waits(desk.url(scheme="https"), **files) as run:
        someone.open(desk.url(scheme="https"))
        assert someone.page.evaluate("window.isSecureContext")
        someone.press("Entrar")
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees("Login concluído")
        assert {cookie["name"]: cookie["secure"] for cookie in someone.cookies()} == {
            f"__Host-redtrust_login_{desk.port}": True
        }
        assert run.wait() == 0, run.said()
    assert desk.statuses("exchange") == [200]
    assert desk.has_one_session()


def test_jobs_of_ansible_runner_go_on_with_the_session(desk: Desk, visitor: NewVisitor) -> None:
    """One job waits for a person. Two more jobs have only the session key."""
    someone = visitor()
    play = desk.play("login", {"redirect_url": desk.url()})
    play = dataclasses.replace(play, environment={**play.environment, "JOB_ID": "4711"})
    with desk.begun(play.start_with_timeout(600)) as run:
        someone.open(desk.url())
        someone.sees("Sign in to Redtrust (127.0.0.1) for Ansible job 4711")
        someone.press("Sign in")
        desk.fill(someone)
        someone.press("Sign in")
        someone.sees("You are signed in")
        assert run.wait() == 0, run.said()
    assert play.runner_status() == "successful"
    kept = desk.play("login", {}, login_state="kept")
    issue = desk.play(
        "issue",
        {"local_ca_passphrase": PASSPHRASE},
        issue_certificates=[{"name": "one", "provider": "CA_DEMO", "key_type": "ECDSA", "key_length": 256}],
        issue_certificate_defaults={"dn": {"cn": "one"}},
        issue_signer="local_ca",
        issue_local_ca=desk.local_ca(),
    )
    for later in (kept, issue):
        job = later.start_with_timeout(600)
        try:
            assert job.wait() == 0, job.said()
        finally:
            job.kill_all()
    steps = [step for step, _status in desk.appliance.asked()]
    assert steps[steps.index("exchange") :] == ["exchange", "refresh", "create", "finalize"]
    assert desk.statuses("create") == desk.statuses("finalize") == [200]
    assert desk.has_one_session()
