#!/bin/sh
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A CA as a program: CSR on standard input, certificate and chain on standard output, the subject in the environment.
# With a file "hold" next to it, it answers "not yet"; with a file "reject", it refuses. It passes its arguments to
# openssl ca.
set -eu
cd "$(dirname "$0")"
if [ -e hold ]; then
    exit 75
fi
if [ -e reject ]; then
    echo "the Example CA does not certify $REDTRUST_NAME" >&2
    exit 77
fi
# openssl ca does not lock its files.
exec 9> lock
flock 9
openssl ca -config ca.cnf -batch -notext -preserveDN -utf8 -subj "$REDTRUST_SUBJECT" -in /dev/stdin "$@"
cat ca.pem
