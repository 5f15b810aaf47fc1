# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that takes requests from one folder and puts its answers into another."""

from __future__ import annotations

import datetime as dt
import typing as t

from .base import Signer, SignerKind

OPTIONS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "requests_path": {"type": "path", "required": True},
    "answers_path": {"type": "path", "required": True},
    "done_path": {"type": "path"},
    "mode": {"type": "raw", "default": "0640"},
    "validity": {"type": "str"},
    "repeat": {"type": "bool", "default": False},
}

DOCUMENTATION = r"""
description:
  - The two folders for O(signer=directory).
    A person or a file transfer brings the requests to the CA, and the answers back.
  - A request is the file C(ID.csr) in PEM, and beside it C(ID.json), which has the name, the revision, the DN, the
    names of C(subject_alt_name) and the request id.
    C(ID) stands for the request id.
    Both files are complete when the CSR appears.
  - The answer is a file C(ID.crt), or with any other ending.
    It holds the certificate as PEM, DER or PKCS#7, with or without its chain.
    Several files C(ID.*) count as one answer.
    A file with another name is also taken if the certificate in it has the key of a request.
    Such a file must not have the certificates of several requests.
  - A file C(ID.rejected) says that there will never be a certificate, and its text says why.
  - Files whose names begin with a dot, or end in C(.part), C(.partial), C(.filepart), C(.tmp) or C(~) are not looked
    at.
    Symbolic links, files that are larger than 1 MiB and files without a certificate are left alone, and a warning or an
    error names them.
  - When an answer is taken, its files and those of the request are moved to the folder C(ID) in
    O(directory_signer.done_path).
    A run that ends before the certificate is in the store does not lose it, since the next run looks there as well.
type: dict
version_added: 0.5.0
suboptions:
  requests_path:
    description:
      - The folder for the requests.
        It must exist, and not every user may write to it.
    type: path
    required: true
  answers_path:
    description:
      - The folder for the answers of the CA.
        It must exist, and not every user may write to it.
        It is read once in a run, so an answer that comes later counts in the next run.
    type: path
    required: true
  done_path:
    description:
      - The folder for what was taken, on the same file system as O(directory_signer.answers_path).
        It is made where it is missing.
      - The default is C(done) in O(directory_signer.answers_path).
    type: path
  mode:
    description:
      - The permissions of the files of a request, in octal.
      - Quote the number, as for M(ansible.builtin.file).
    type: raw
    default: "0640"
  validity:
    description:
      - How long the certificates are asked for, such as V(90d).
        It is in the JSON of a request, for the person or the program that signs.
    type: str
  repeat:
    description:
      - Whether a request is written again when there is no answer, and its file is not in
        O(directory_signer.requests_path) any more.
      - The default is to take it for fetched, since a file transfer that moves its files would otherwise hand over the
        request again with each run.
    type: bool
    default: false
"""


def _build(options: t.Mapping[str, t.Any], _now: dt.datetime) -> Signer:
    from .directory_signer import DirectorySigner

    return DirectorySigner.from_options(options)


KIND = SignerKind(
    name="directory",
    choice="a folder for requests and a folder for answers, for a CA that people or a file transfer serve",
    in_words="the CA behind the folder",
    options=OPTIONS,
    documentation=DOCUMENTATION,
    build=_build,
    # ``redtrust_certificate`` has an option ``directory``, for its files.
    own_option="directory_signer",
)
