# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft AD CS with its web enrollment (certsrv), over the signer http."""

from __future__ import annotations

import typing as t

from .preset import Options, PresetCode, preset

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "template": {"type": "str"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "subject": {"type": "str", "choices": ["csr", "template"], "default": "csr"},
    "san_attribute": {"type": "bool", "default": False},
    "lost_answer": {"type": "str", "choices": ["stop", "repeat"], "default": "stop"},
}

DOCUMENTATION = r"""
description:
  - The CA for O(signer=adcs), which is Active Directory Certificate Services of Microsoft with its web enrollment.
    O(adcs.url) is for example V(https://pki.example.com/certsrv).
  - The web server must take Basic authentication over TLS, or a client certificate (O(adcs.client_cert)).
    NTLM and Kerberos, which it takes by default, are not spoken here.
  - A request that waits for an administrator is asked for again by its number in each run.
  - The web enrollment cannot revoke.
  - It is written after published clients and documentation, and was not tried with a real CA.
type: dict
suboptions:
  template:
    description:
      - Name of the certificate template, not its display name.
        A standalone CA has no templates.
    type: str
    version_added: 0.5.0
  username:
    description: User for Basic authentication, for example V(EXAMPLE\\enroll).
    type: str
    version_added: 0.5.0
  password:
    description:
      - Password of O(adcs.username).
      - Can also be set with the environment variable E(REDTRUST_ADCS_PASSWORD).
    type: str
    version_added: 0.5.0
  subject:
    description:
      - Where the subject of the certificate comes from.
        The web enrollment has no field for it.
      - With V(csr) the template must supply the subject in the request.
        A CSR without a subject, as Redtrust makes them, fails before it is sent.
      - With V(template) the CA builds the subject from the directory, for the account that asks.
        Set C(subject_match) to what it builds.
    type: str
    choices: [csr, template]
    default: csr
    version_added: 0.5.0
  san_attribute:
    description:
      - Whether to hand over C(subject_alt_name) as an attribute of the request.
        The CA takes it only with C(EDITF_ATTRIBUTESUBJECTALTNAME2), with which everybody who may ask for a certificate
        can ask for any name.
        Without this option a request with alternative names fails before it is sent.
    type: bool
    default: false
    version_added: 0.5.0
  lost_answer:
    description:
      - What to do with a request whose answer was lost, so that the CA may have issued a certificate.
        The CA cannot be searched.
        The request has the attribute C(RedtrustRequest) with its id, which an administrator sees at the CA.
      - V(stop) fails until a person has looked.
      - V(repeat) sends it again, so that the CA may issue twice.
    type: str
    choices: [stop, repeat]
    default: stop
    version_added: 0.5.0
"""


# A page about one request has it in a table, with tabs or markup between.
_SAID = r"Disposition message:(?:\s|<[^>]*>|&nbsp;)*"


def _http(options: Options) -> dict[str, t.Any]:
    form = {
        "Mode": "newreq",
        "CertRequest": "${csr_pem}",
        "CertAttrib": "${own.attributes}",
        "FriendlyType": "Saved-Request Certificate",
        "TargetStoreFlags": "0",
        "SaveCert": "yes",
    }
    return {
        "username": options["username"],
        "password": options["password"],
        # Other clients get the certificate as text/html.
        "headers": {"User-Agent": "Mozilla/5.0 (redtrust.certificate_enroll)"},
        "request": {"path": "/certfnsh.asp", "form": form},
        "answer": {
            # The page has no certificate, but a link with the number.
            "certificate": "header:x-none",
            "order_number": r"regex:(?:certnew\.cer\?ReqID=|Your Request Id is )([0-9]+)",
            "reason": 'regex:The disposition message is "([^"]+)',
            "not_yet": {"when": {"regex:(Certificate Pending)": ["Certificate Pending"]}},
            "never": {"when": {'regex:The disposition message is "(Denied)': ["Denied"]}},
        },
        "poll": {
            "request": {"path": "/certnew.p7b?ReqID=${order_number}&Enc=bin"},
            "answer": {
                "reason": f"regex:{_SAID}([^\r\n<]+)",
                "not_yet": {"when": {"regex:(Taken Under Submission)": ["Taken Under Submission"]}},
                "never": {"when": {f"regex:{_SAID}(Denied)": ["Denied"]}},
            },
        },
        "lost_answer": options["lost_answer"],
        "advice": {401: _ACCESS},
        "about_all": (401, 403),
    }


def _code(options: Options) -> PresetCode:
    from .adcs_code import AdcsCode

    return AdcsCode(options)


_ACCESS = (
    "look at adcs.username and adcs.password, and have Basic authentication enabled for certsrv: NTLM and Kerberos are "
    "not spoken here"
)

KIND = preset(
    name="adcs",
    choice="Microsoft AD CS with its web enrollment",
    in_words="AD CS",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    http=_http,
    code=_code,
)
