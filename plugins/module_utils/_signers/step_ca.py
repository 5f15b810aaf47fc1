# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""step-ca of Smallstep, with a JWK provisioner, over the signer http."""

from __future__ import annotations

import typing as t

from .preset import Options, PresetCode, preset

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "provisioner": {"type": "str", "required": True},
    "key_path": {"type": "path", "required": True, "no_log": False},
    "key_passphrase": {"type": "str", "no_log": True},
    "key_id": {"type": "str", "no_log": False},
    "audience": {"type": "str"},
    "subject": {"type": "str", "choices": ["common_name", "template"], "default": "common_name"},
    "validity": {"type": "str"},
    "lost_answer": {"type": "str", "choices": ["stop", "repeat"], "default": "stop"},
}

DOCUMENTATION = r"""
description:
  - The CA for O(signer=step_ca), which is step-ca of Smallstep with a provisioner of the type JWK.
  - Each request has a token that is signed with the key of the provisioner, and is good once and for five minutes.
    The id of the token is made of the id of the request, so that the CA signs a request once.
  - It is written after the published source and documentation, and was not tried with a real CA.
type: dict
suboptions:
  provisioner:
    description: Name of the provisioner, as C(step ca provisioner list) shows it.
    type: str
    required: true
    version_added: 0.5.0
  key_path:
    description:
      - Path of a file with the private key of the provisioner, as PEM or as JWK without encryption.
      - The CA keeps it as encrypted JWE, the C(encryptedKey) of the provisioner.
        C(step crypto jwe decrypt) makes a JWK of it.
    type: path
    required: true
    version_added: 0.5.0
  key_passphrase:
    description:
      - Passphrase of a key in PEM.
      - Can also be set with the environment variable E(REDTRUST_STEP_CA_KEY_PASSPHRASE).
    type: str
    version_added: 0.5.0
  key_id:
    description:
      - The C(kid) of the provisioner.
        The default is that in the JWK, or else the thumbprint of the key (RFC 7638), as C(step) sets it.
    type: str
    version_added: 0.5.0
  audience:
    description:
      - The address of the CA as the CA itself knows it, for example V(https://ca.internal:9000), where it is not
        O(step_ca.url).
    type: str
    version_added: 0.5.0
  subject:
    description:
      - What becomes of the distinguished name.
      - With V(common_name) the certificate gets the CN and nothing else, which is what the CA does by default.
        A request with another attribute fails before it is sent.
      - With V(template) the token has the whole name in its claim C(redtrust), as C(dn) (a list of C(type), the OID,
        and C(value)), for a template of the provisioner such as
        C({"subject":{"extraNames":{{ toJson .Token.redtrust.dn }}},"sans":{{ toJson .SANs }}}).
    type: str
    choices: [common_name, template]
    default: common_name
    version_added: 0.5.0
  validity:
    description:
      - The validity to ask for, such as V(90d).
        The provisioner must allow it (C(maxTLSCertDuration)).
        The default is that of the provisioner, which is a day.
    type: str
    version_added: 0.5.0
  lost_answer:
    description:
      - What to do with a request whose answer was lost, so that the CA may have signed it.
        The CA cannot be searched.
      - V(stop) sends it again with a token of the same id, which the CA takes only if it had none before.
        Otherwise it fails with 401 until a person has looked.
      - V(repeat) sends it again with another token, so that the CA may sign it twice.
    type: str
    choices: [stop, repeat]
    default: stop
    version_added: 0.5.0
"""


def _http(options: Options) -> dict[str, t.Any]:
    request: dict[str, t.Any] = {"csr": "${csr_pem}", "ott": "${own.token}"}
    if options["validity"]:
        request["notAfter"] = "${validity_seconds}s"
    revocation = {
        "serial": "${serial_decimal}",
        "ott": "${own.token}",
        "reasonCode": "${reason_code}",
        "reason": "${reason}",
        "passive": True,
    }
    return {
        # The CA writes the header into its log.
        "request": {"path": "/1.0/sign", "json": request, "headers": {"X-Request-Id": "${request_id}"}},
        "answer": {
            "certificate": "/crt",
            "chain": "/certChain",
            "reason": "/message",
            "never": {"status": [400, 403]},
        },
        "revoke": {
            "request": {
                "path": "/1.0/revoke",
                "json": revocation,
                "accept": {"when": {"regex:(already revoked)": ["already revoked"]}},
            },
            "answer": {"reason": "/message"},
        },
        "lost_answer": "repeat",
        "validity": options["validity"],
        "advice": {401: _REFUSED},
        # That also refuses the second token of one request.
        "about_all": (),
    }


def _code(options: Options) -> PresetCode:
    from .step_ca_token import StepCaCode

    return StepCaCode(options)


_REFUSED = (
    "either the token is not accepted (look at step_ca.provisioner, key_path and audience, and at the clocks), or the "
    "CA has had a token for this request before: then its answer was lost, and step_ca.lost_answer repeat has it "
    "signed once more"
)

KIND = preset(
    name="step_ca",
    choice="step-ca of Smallstep",
    in_words="step-ca",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    http=_http,
    code=_code,
)
