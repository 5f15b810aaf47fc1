# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages of a sign-in say, in three languages. Spanish is that of Spain, Portuguese that of Brazil."""

from __future__ import annotations

import typing as t

Kind = t.Literal[
    "sign_in",
    "signed_in",
    "no_token",
    "not_from_here",
    "refused",
    "not_reached",
    "failed",
    "elsewhere",
    "over",
    "wrong_address",
    "not_found",
]
Words = t.Mapping[str, str]

SIGN_IN: Words = {"en": "Sign in", "es": "Iniciar sesión", "pt": "Entrar"}
TRY_AGAIN: Words = {"en": "Try again", "es": "Volver a intentarlo", "pt": "Tentar de novo"}
# What stands before the words of somebody else.
REDTRUST_SAYS: Words = {"en": "Answer of Redtrust:", "es": "Respuesta de Redtrust:", "pt": "Resposta do Redtrust:"}
JOB_SAYS: Words = {"en": "Message of the job:", "es": "Mensaje de la tarea:", "pt": "Mensagem da tarefa:"}

# For each page and language the title, then one paragraph a line.
TEXTS: t.Mapping[Kind, Words] = {
    "sign_in": {
        "en": """Sign in
An Ansible job is waiting for somebody to sign in to the Redtrust server {service} for the partner {partner}.
The button takes you to Redtrust's own page. You sign in there, and then come back here.""",
        "es": """Inicie sesión
Una tarea de Ansible espera a que alguien inicie sesión en el servidor Redtrust {service} para el partner {partner}.
El botón le lleva a la página del propio Redtrust. Inicie sesión allí; después volverá aquí.""",
        "pt": """Faça login
Uma tarefa do Ansible espera que alguém faça login no servidor Redtrust {service} para o parceiro {partner}.
O botão leva à página do próprio Redtrust. Faça login lá; depois você voltará para cá.""",
    },
    "signed_in": {
        "en": """You are signed in
You can close this window. The job goes on by itself.""",
        "es": """Ha iniciado sesión
Ya puede cerrar esta ventana. La tarea continúa por sí sola.""",
        "pt": """Login concluído
Você já pode fechar esta janela. A tarefa continua sozinha.""",
    },
    "no_token": {
        "en": """You are not signed in
Redtrust sent you back without having signed you in. Perhaps you cancelled.
The job is still waiting, so you can try again.""",
        "es": """No ha iniciado sesión
Redtrust le ha enviado de vuelta sin que se haya iniciado la sesión. Quizá usted lo ha cancelado.
La tarea sigue esperando, así que puede volver a intentarlo.""",
        "pt": """Você não fez login
O Redtrust enviou você de volta sem concluir o login. Talvez você tenha cancelado.
A tarefa continua esperando, então você pode tentar de novo.""",
    },
    "not_from_here": {
        "en": """This sign-in was not begun here
It was not begun in this browser, or this browser takes no cookies from this page. Nothing was done with it.
The job is still waiting. If you want to sign in, begin here, and allow cookies for this page.""",
        "es": """Este inicio de sesión no empezó aquí
No empezó en este navegador, o este navegador no acepta cookies de esta página. No se ha hecho nada con él.
La tarea sigue esperando. Si quiere iniciar sesión, empiece aquí y permita las cookies de esta página.""",
        "pt": """Este login não começou aqui
Ele não começou neste navegador, ou este navegador não aceita cookies desta página. Nada foi feito com ele.
A tarefa continua esperando. Se quiser fazer login, comece aqui e permita os cookies desta página.""",
    },
    "refused": {
        "en": """Redtrust did not accept the sign-in
The Redtrust server {service} refused it. The job is still waiting, so you can try again.""",
        "es": """Redtrust no ha aceptado el inicio de sesión
El servidor Redtrust {service} lo ha rechazado. La tarea sigue esperando, así que puede volver a intentarlo.""",
        "pt": """O Redtrust não aceitou o login
O servidor Redtrust {service} recusou o login. A tarefa continua esperando, então você pode tentar de novo.""",
    },
    "not_reached": {
        "en": """The sign-in could not be completed
The job had no usable answer from the Redtrust server {service}. It is still waiting, so you can try again.""",
        "es": """No se ha podido completar el inicio de sesión
La tarea no ha recibido una respuesta válida del servidor Redtrust {service}. Sigue esperando, así que puede volver a \
intentarlo.""",
        "pt": """Não foi possível concluir o login
A tarefa não recebeu uma resposta válida do servidor Redtrust {service}. Ela continua esperando, então você pode \
tentar de novo.""",
    },
    "failed": {
        "en": """The job has failed
Something went wrong in the job itself, and trying again does not help. Please tell whoever runs the job.""",
        "es": """La tarea ha fallado
Se ha producido un error en la propia tarea y no sirve de nada volver a intentarlo. Avise a quien la ejecuta.""",
        "pt": """A tarefa falhou
Ocorreu um erro na própria tarefa, e não adianta tentar de novo. Avise quem a executa.""",
    },
    "elsewhere": {
        "en": """Somebody has signed in already
The job has what it was waiting for, so there is nothing more to do. You can close this window.""",
        "es": """Alguien ya ha iniciado sesión
La tarea ya tiene lo que esperaba, así que no queda nada por hacer. Puede cerrar esta ventana.""",
        "pt": """Alguém já fez login
A tarefa já tem o que esperava, e não há mais nada a fazer. Você pode fechar esta janela.""",
    },
    "over": {
        "en": """The time to sign in is over
The job no longer waits. Start it again, or ask whoever runs it to do so.""",
        "es": """El tiempo para iniciar sesión ha terminado
La tarea ya no espera. Vuelva a iniciarla, o pídaselo a quien la ejecuta.""",
        "pt": """O tempo para fazer login acabou
A tarefa não está mais esperando. Inicie-a de novo ou peça isso a quem a executa.""",
    },
    "wrong_address": {
        "en": """This page has another address
To sign in, open it at the address at which Redtrust knows it:""",
        "es": """Esta página tiene otra dirección
Para iniciar sesión, ábrala en la dirección con la que Redtrust la conoce:""",
        "pt": """Esta página tem outro endereço
Para fazer login, abra-a no endereço pelo qual o Redtrust a conhece:""",
    },
    "not_found": {
        "en": """There is nothing here
Check the address, or go back to the page where you began to sign in.""",
        "es": """Aquí no hay nada
Compruebe la dirección, o vuelva a la página en la que empezó a iniciar sesión.""",
        "pt": """Não há nada aqui
Confira o endereço ou volte à página em que você começou o login.""",
    },
}
