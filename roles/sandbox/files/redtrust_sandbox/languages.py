# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's messages in the languages of Redtrust: English, Spanish and Catalan. Clients must not rely on them."""

from __future__ import annotations

import typing as t

LANGUAGES = ("en", "es", "ca")

_WORDS: t.Mapping[str, tuple[str, str]] = {
    "Operation finalized successfully": (
        "Operación finalizada correctamente",
        "Operació finalitzada correctament",
    ),
    "The server was told to fail": ("Se ha ordenado al servidor que falle", "S'ha ordenat al servidor que falli"),
    "The request is not valid": ("La petición no es válida", "La petició no és vàlida"),
    "Not Found": ("No encontrado", "No trobat"),
    "Method Not Allowed": ("Método no permitido", "Mètode no permès"),
    "The body must be application/json": (
        "El cuerpo debe ser application/json",
        "El cos ha de ser application/json",
    ),
    "The body is too large": ("El cuerpo es demasiado grande", "El cos és massa gran"),
    "The client left before its request was complete": (
        "El cliente se fue antes de completar la petición",
        "El client se'n va anar abans de completar la petició",
    ),
    "Partner name, timestamp and signature are required": (
        "El nombre del partner, la fecha y la firma son obligatorios",
        "El nom del partner, la data i la signatura són obligatoris",
    ),
    "The timestamp or the signature is malformed": (
        "La fecha o la firma no tiene el formato correcto",
        "La data o la signatura no té el format correcte",
    ),
    "The partner is not registered": ("El partner no está registrado", "El partner no està registrat"),
    "The signature is not valid": ("La firma no es válida", "La signatura no és vàlida"),
    "The timestamp is too old or in the future": (
        "La fecha es demasiado antigua o futura",
        "La data és massa antiga o futura",
    ),
    "A Bearer token is required": ("Se necesita un token Bearer", "Cal un token Bearer"),
    "The Bearer token is not the temporary token": (
        "El token Bearer no es el token temporal",
        "El token Bearer no és el token temporal",
    ),
    "The temporary token is unknown, used or expired": (
        "El token temporal no existe, ya se ha usado o ha caducado",
        "El token temporal no existeix, ja s'ha fet servir o ha caducat",
    ),
    "The refresh token is unknown, used or expired": (
        "El token de refresco no existe, ya se ha usado o ha caducado",
        "El token de refresc no existeix, ja s'ha fet servir o ha caducat",
    ),
    "The access token is not valid": ("El token de acceso no es válido", "El token d'accés no és vàlid"),
    "The access token has expired": ("El token de acceso ha caducado", "El token d'accés ha caducat"),
    "The access token belongs to another partner": (
        "El token de acceso es de otro partner",
        "El token d'accés és d'un altre partner",
    ),
    "The session has ended": ("La sesión ha terminado", "La sessió ha acabat"),
    "User, password or domain is wrong": (
        "Usuario, contraseña o dominio incorrectos",
        "Usuari, contrasenya o domini incorrectes",
    ),
    "Consumer must be RA_API": ("Consumer debe ser RA_API", "Consumer ha de ser RA_API"),
    "RedirectUrl is required": ("RedirectUrl es obligatorio", "RedirectUrl és obligatori"),
    "The redirect URL is not registered": (
        "La URL de redirección no está registrada",
        "La URL de redirecció no està registrada",
    ),
    "The certificate with which the sign-in began is needed again": (
        "Se necesita de nuevo el certificado con el que empezó el inicio de sesión",
        "Cal de nou el certificat amb què va començar l'inici de sessió",
    ),
    "The cookie that was set when the sign-in began is missing": (
        "Falta la cookie del inicio de sesión",
        "Falta la galeta de l'inici de sessió",
    ),
    "This sign-in is unknown, used or too old": (
        "Este inicio de sesión no existe, ya se ha usado o es demasiado antiguo",
        "Aquest inici de sessió no existeix, ja s'ha fet servir o és massa antic",
    ),
    "The dn has an attribute that is not known": (
        "El dn tiene un atributo desconocido",
        "El dn té un atribut desconegut",
    ),
    "The dn has a value that its attribute cannot take": (
        "El dn tiene un valor que su atributo no admite",
        "El dn té un valor que el seu atribut no admet",
    ),
    "A key of this type cannot have this length": (
        "Una clave de este tipo no puede tener esta longitud",
        "Una clau d'aquest tipus no pot tenir aquesta longitud",
    ),
    "There is no such provider": ("No existe este proveedor", "No existeix aquest proveïdor"),
    "There is no request with this code": (
        "No hay ninguna petición con este código",
        "No hi ha cap petició amb aquest codi",
    ),
    "The request was made for another provider": (
        "La petición se hizo para otro proveedor",
        "La petició es va fer per a un altre proveïdor",
    ),
    "A thumbprint is 40 hexadecimal digits": (
        "Una huella tiene 40 dígitos hexadecimales",
        "Una empremta té 40 dígits hexadecimals",
    ),
    "There is no certificate with the thumbprint to renew": (
        "No hay ningún certificado con la huella que se quiere renovar",
        "No hi ha cap certificat amb l'empremta que es vol renovar",
    ),
    "The certificate to renew has been replaced before": (
        "El certificado que se quiere renovar ya se ha sustituido",
        "El certificat que es vol renovar ja s'ha substituït",
    ),
    "Another certificate was uploaded for this request": (
        "Ya se ha subido otro certificado para esta petición",
        "Ja s'ha pujat un altre certificat per a aquesta petició",
    ),
    "The request is already finalized": ("La petición ya está finalizada", "La petició ja està finalitzada"),
    "dataInB64 is not base64": ("dataInB64 no es base64", "dataInB64 no és base64"),
    "dataInB64 holds no certificate": (
        "dataInB64 no contiene ningún certificado",
        "dataInB64 no conté cap certificat",
    ),
    "The certificate is not for the key of this request": (
        "El certificado no es de la clave de esta petición",
        "El certificat no és de la clau d'aquesta petició",
    ),
    "The certificate is not valid yet": ("El certificado aún no es válido", "El certificat encara no és vàlid"),
    "The certificate has expired": ("El certificado ha caducado", "El certificat ha caducat"),
}


def said(language: str, message: str) -> str:
    """Return a message in a language. Text after a colon, and unknown messages, are not translated."""
    words, colon, details = message.partition(": ")
    if language == "en" or words not in _WORDS:
        return message
    return _WORDS[words][LANGUAGES.index(language) - 1] + colon + details
