#!/bin/sh
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make a certificate authority in a directory, always with the same name, and a program that signs for it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/certs"
cd "$1"
cp "$here/ca.cnf" "$here/openssl-ca.sh" .
chmod 0755 openssl-ca.sh
: > index.txt
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.csr \
    -subj '/O=Example/CN=Example CA'
openssl ca -config ca.cnf -batch -notext -selfsign -extensions authority -in ca.csr -out ca.pem \
    -startdate 20200101000000Z -enddate 21200101000000Z
