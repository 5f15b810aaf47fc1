#!/bin/sh
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A CA as a program: CSR on standard input, certificate and chain on standard output, the subject in the environment.
# A file "hold" beside it makes it answer "not yet", a file "reject" makes it refuse. Arguments go to openssl ca.
set -eu
cd "$(dirname "$0")"
if [ -e hold ]; then
    exit 75
fi
if [ -e reject ]; then
    echo "the Example CA does not certify $REDTRUST_NAME" >&2
    exit 77
fi
# openssl ca locks nothing
exec 9> lock
flock 9
openssl ca -config ca.cnf -batch -notext -preserveDN -utf8 -subj "$REDTRUST_SUBJECT" -in /dev/stdin "$@"
cat ca.pem
