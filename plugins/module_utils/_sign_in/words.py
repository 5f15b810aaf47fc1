# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the pages: in English, the Spanish of Spain, and the Portuguese of Brazil and of Portugal."""

from __future__ import annotations

import typing as t

Kind = t.Literal[
    "sign_in",
    "signed_in",
    "no_token",
    "bad_token",
    "not_from_here",
    "refused",
    "not_answered",
    "not_reached",
    "failed",
    "elsewhere",
    "over",
    "wrong_address",
    "not_found",
]
Words = t.Mapping[str, str]

SIGN_IN: Words = {"en": "Sign in", "es": "Iniciar sesión", "pt-BR": "Entrar", "pt-PT": "Iniciar sessão"}
TRY_AGAIN: Words = {
    "en": "Try again",
    "es": "Volver a intentarlo",
    "pt-BR": "Tentar de novo",
    "pt-PT": "Tentar novamente",
}
# The waiting job: one with a number, as AWX gives it, or that of a user at a host.
NUMBERED_JOB: Words = {
    "en": "Ansible job {}",
    "es": "la tarea {} de Ansible",
    "pt-BR": "a tarefa {} do Ansible",
    "pt-PT": "a tarefa {} do Ansible",
}
JOB_AT: Words = {
    "en": "the Ansible job of {}",
    "es": "la tarea de Ansible de {}",
    "pt-BR": "a tarefa do Ansible de {}",
    "pt-PT": "a tarefa do Ansible de {}",
}
PERSON: Words = {
    "en": "At {service}, as {person}.",
    "es": "En {service}, como {person}.",
    "pt-BR": "Em {service}, como {person}.",
    "pt-PT": "Em {service}, como {person}.",
}
UNTIL: Words = {
    "en": "The job waits until {time}, {left} from now.",
    "es": "Hora límite: {time}, dentro de {left}.",
    "pt-BR": "Hora limite: {time}, daqui a {left}.",
    "pt-PT": "Hora limite: {time}, daqui a {left}.",
}
# Labels of the words of others.
REDTRUST_SAYS: Words = {
    "en": "Answer of Redtrust:",
    "es": "Respuesta de Redtrust:",
    "pt-BR": "Resposta do Redtrust:",
    "pt-PT": "Resposta do Redtrust:",
}
# Only the English page has them: they are in English.
JOB_SAYS = "Message of the job:"

# For each page and language the title, then one paragraph a line.
TEXTS: t.Mapping[Kind, Words] = {
    "sign_in": {
        "en": """Sign in to Redtrust ({service}) for {job}
The job is waiting for somebody to sign in to this server for the partner {partner}.
The button takes you to Redtrust's own page. You sign in there, and then come back here.""",
        "es": """Inicie sesión en Redtrust ({service}) para {job}
La tarea espera a que alguien inicie sesión en este servidor para el socio {partner}.
El botón le lleva a la página del propio Redtrust. Inicie sesión allí; después volverá aquí.""",
        "pt-BR": """Faça login no Redtrust ({service}) para {job}
A tarefa espera que alguém faça login neste servidor para o parceiro {partner}.
O botão leva à página do próprio Redtrust. Faça login lá; depois você voltará para cá.""",
        "pt-PT": """Inicie sessão no Redtrust ({service}) para {job}
A tarefa está à espera de que alguém inicie sessão neste servidor para o parceiro {partner}.
O botão abre a página do próprio Redtrust. Inicie sessão nessa página; depois voltará aqui.""",
    },
    "signed_in": {
        "en": """You are signed in
You can close this window. The job goes on by itself.""",
        "es": """Ha iniciado sesión
Ya puede cerrar esta ventana. La tarea continúa por sí sola.""",
        "pt-BR": """Login concluído
Você já pode fechar esta janela. A tarefa continua sozinha.""",
        "pt-PT": """Sessão iniciada
Já pode fechar esta janela. A tarefa continua sozinha.""",
    },
    "no_token": {
        "en": """You are not signed in
Redtrust sent you back without having signed you in. Perhaps you cancelled.
The job is still waiting, so you can try again.""",
        "es": """No ha iniciado sesión
Redtrust le ha enviado de vuelta sin que se haya iniciado la sesión. Quizá usted lo ha cancelado.
La tarea sigue esperando, así que puede volver a intentarlo.""",
        "pt-BR": """Você não fez login
O Redtrust enviou você de volta sem concluir o login. Talvez você tenha cancelado.
A tarefa continua esperando, então você pode tentar de novo.""",
        "pt-PT": """Não iniciou sessão
O Redtrust enviou o navegador de volta sem que a sessão tenha sido iniciada. Talvez tenha cancelado.
A tarefa continua à espera, por isso pode tentar novamente.""",
    },
    "bad_token": {
        "en": """The address you came back with is damaged
What Redtrust gives your browser on the way back did not arrive as it should. Nothing was done with it.
The job is still waiting, so you can try again.""",
        "es": """La dirección con la que ha vuelto está dañada
Lo que Redtrust entrega al navegador para volver no ha llegado como debía. No se ha hecho nada con ello.
La tarea sigue esperando, así que puede volver a intentarlo.""",
        "pt-BR": """O endereço com que você voltou está danificado
O que o Redtrust entrega ao navegador para a volta não chegou como deveria. Nada foi feito com isso.
A tarefa continua esperando, então você pode tentar de novo.""",
        "pt-PT": """O endereço com que voltou está danificado
O que o Redtrust entrega ao navegador para o regresso não chegou como devia. Nada foi feito com isso.
A tarefa continua à espera, por isso pode tentar novamente.""",
    },
    "not_from_here": {
        "en": """This sign-in was not begun here
It was not begun in this browser, or this browser takes no cookies from this page. Nothing was done with it.
The job is still waiting. If you want to sign in, begin here, and allow cookies for this page.""",
        "es": """Este inicio de sesión no empezó aquí
No empezó en este navegador, o este navegador no acepta cookies de esta página. No se ha hecho nada con él.
La tarea sigue esperando. Si quiere iniciar sesión, empiece aquí y permita las cookies de esta página.""",
        "pt-BR": """Este login não começou aqui
Ele não começou neste navegador, ou este navegador não aceita cookies desta página. Nada foi feito com ele.
A tarefa continua esperando. Se quiser fazer login, comece aqui e permita os cookies desta página.""",
        "pt-PT": """Este início de sessão não começou aqui
Não começou neste navegador, ou este navegador não aceita cookies desta página. Nada foi feito com ele.
A tarefa continua à espera. Se quiser iniciar sessão, comece aqui e permita os cookies desta página.""",
    },
    "refused": {
        "en": """Redtrust did not accept the sign-in
The Redtrust server {service} refused it. The job is still waiting, so you can try again.""",
        "es": """Redtrust no ha aceptado el inicio de sesión
El servidor Redtrust {service} lo ha rechazado. La tarea sigue esperando, así que puede volver a intentarlo.""",
        "pt-BR": """O Redtrust não aceitou o login
O servidor Redtrust {service} recusou o login. A tarefa continua esperando, então você pode tentar de novo.""",
        "pt-PT": """O Redtrust não aceitou o início de sessão
O servidor Redtrust {service} recusou-o. A tarefa continua à espera, por isso pode tentar novamente.""",
    },
    "not_answered": {
        "en": """Redtrust could not answer
The Redtrust server {service} has a problem of its own. It did not refuse you.
The job is still waiting. Try again in a minute. If this stays so, tell those who run that server.""",
        "es": """Redtrust no ha podido responder
El servidor Redtrust {service} tiene un problema interno. No ha rechazado su inicio de sesión.
La tarea sigue esperando. Vuelva a intentarlo dentro de un minuto. Si sigue igual, avise a quien administra ese \
servidor.""",
        "pt-BR": """O Redtrust não conseguiu responder
O servidor Redtrust {service} está com um problema interno. Ele não recusou o seu login.
A tarefa continua esperando. Tente de novo daqui a um minuto. Se continuar assim, avise quem administra esse \
servidor.""",
        "pt-PT": """O Redtrust não conseguiu responder
O servidor Redtrust {service} está com um problema interno. Não recusou o seu início de sessão.
A tarefa continua à espera. Tente novamente daqui a um minuto. Se continuar assim, avise quem administra esse \
servidor.""",
    },
    "not_reached": {
        "en": """The sign-in could not be completed
The job had no usable answer from the Redtrust server {service}. It is still waiting, so you can try again.""",
        "es": """No se ha podido completar el inicio de sesión
La tarea no ha recibido una respuesta válida del servidor Redtrust {service}. Sigue esperando, así que puede volver a \
intentarlo.""",
        "pt-BR": """Não foi possível concluir o login
A tarefa não recebeu uma resposta válida do servidor Redtrust {service}. Ela continua esperando, então você pode \
tentar de novo.""",
        "pt-PT": """Não foi possível concluir o início de sessão
A tarefa não recebeu uma resposta válida do servidor Redtrust {service}. Continua à espera, por isso pode tentar \
novamente.""",
    },
    "failed": {
        "en": """The job has failed
Something went wrong in the job itself, and trying again does not help. Please tell whoever runs the job; its output \
says what it was.""",
        "es": """La tarea ha fallado
Se ha producido un error en la propia tarea y no sirve de nada volver a intentarlo. Avise a quien la ejecuta; la \
salida de la tarea dice qué ha pasado.""",
        "pt-BR": """A tarefa falhou
Ocorreu um erro na própria tarefa, e não adianta tentar de novo. Avise quem a executa; a saída da tarefa diz o que \
aconteceu.""",
        "pt-PT": """A tarefa falhou
Ocorreu um erro na própria tarefa e não adianta tentar novamente. Avise quem a executa; o registo da tarefa diz o que \
aconteceu.""",
    },
    "elsewhere": {
        "en": """Somebody has signed in already
The job has what it was waiting for, so there is nothing more to do. You can close this window.""",
        "es": """Alguien ya ha iniciado sesión
La tarea ya tiene lo que esperaba, así que no queda nada por hacer. Puede cerrar esta ventana.""",
        "pt-BR": """Alguém já fez login
A tarefa já tem o que esperava, e não há mais nada a fazer. Você pode fechar esta janela.""",
        "pt-PT": """Alguém já iniciou sessão
A tarefa já tem aquilo de que estava à espera, e não há mais nada a fazer. Pode fechar esta janela.""",
    },
    "over": {
        "en": """The time to sign in is over
The job no longer waits. Start it again, or ask whoever runs it to do so.""",
        "es": """El tiempo para iniciar sesión ha terminado
La tarea ya no espera. Vuelva a iniciarla, o pídaselo a quien la ejecuta.""",
        "pt-BR": """O tempo para fazer login acabou
A tarefa não está mais esperando. Inicie-a de novo ou peça isso a quem a executa.""",
        "pt-PT": """O tempo para iniciar sessão terminou
A tarefa já não está à espera. Volte a executá-la, ou peça-o a quem a executa.""",
    },
    "wrong_address": {
        "en": """This page has another address
To sign in, open it at the address at which Redtrust knows it:""",
        "es": """Esta página tiene otra dirección
Para iniciar sesión, ábrala en la dirección con la que Redtrust la conoce:""",
        "pt-BR": """Esta página tem outro endereço
Para fazer login, abra-a no endereço pelo qual o Redtrust a conhece:""",
        "pt-PT": """Esta página tem outro endereço
Para iniciar sessão, abra-a no endereço pelo qual o Redtrust a conhece:""",
    },
    "not_found": {
        "en": """There is nothing here
Check the address, or go back to the page where you began to sign in.""",
        "es": """Aquí no hay nada
Compruebe la dirección, o vuelva a la página en la que empezó a iniciar sesión.""",
        "pt-BR": """Não há nada aqui
Confira o endereço ou volte à página em que você começou o login.""",
        "pt-PT": """Não há nada aqui
Verifique o endereço, ou volte à página onde começou a iniciar sessão.""",
    },
}
