# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of ``ledger.sqlite3``.

Tests may read them with any SQLite client while the server runs. Times are seconds since the epoch by the clock of the
machine (``clock_offset`` does not change them). NULL means "not (yet)".

requests      one row per HTTP request, committed on arrival, completed before the answer is sent
  id            in order of arrival
  at            time of arrival
  port          port of arrival
  method, path  as sent, without the query
  step          login_request, login_form, login_certificate, login, exchange, refresh, logout, create, finalize,
                openapi; other if the generation has no such verb and path
  mutating      1 for create and finalize (they change keys or certificates), 0 for all others
  partner, user, session   the verified client, as far as known
  connection    connections.id
  status        HTTP status of the answer; NULL if there is none (dropped, or not yet)
  error_code    errorCode of the envelope
  fault         faults that happened, as moment:action[:argument], joined by a comma
  answered_at   time of the commit of the outcome

connections   one row per connection, committed when its TLS handshake is done
  id            in order of arrival
  at            time of arrival
  port          port of arrival
  resumed       1 if the client resumed a TLS session that it had, 0 if the handshake was a full one

keys          one row per key pair
  request_code, at, request (requests.id), api_path, partner, user, session, provider, key_type, key_length, hash_type
  dn            JSON, as requested
  body          JSON, the whole body of the create request
  spki_sha256   of the public key, lower-case hexadecimal
  renews        thumbprint that the request renews
  private_key   PKCS#8 PEM; the sandbox's keys protect nothing
  csr           PEM
  finalized_at, thumbprint   set by finalize

certificates  one row per uploaded certificate
  id, thumbprint (upper case), request_code, pem, at, state (current, replaced), replaced_by (thumbprint)

sessions      one row per login
  id, user, domain, partner, started, ended, end_reason (logout, refresh_reuse, command), refresh_reuses

secrets       every secret that the server issued, to search for leaks
  kind (temporary_token, access_token, refresh_token, request_code, login_cookie), value, at

login_forms, temporary_tokens, refresh_tokens   values that a client may use once; used_at is the time of use
certificate_logins   the rows of login_forms of users with a certificate, who were redirected: form, user, cookie
settings      key, value: see settings.py
faults        see faults.py
"""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    port INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    step TEXT NOT NULL,
    mutating INTEGER NOT NULL,
    partner TEXT,
    user TEXT,
    session TEXT,
    connection INTEGER NOT NULL,
    status INTEGER,
    error_code TEXT,
    fault TEXT,
    answered_at REAL
);
CREATE TABLE IF NOT EXISTS connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    port INTEGER NOT NULL,
    resumed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS keys (
    request_code TEXT PRIMARY KEY,
    at REAL NOT NULL,
    request INTEGER NOT NULL,
    api_path TEXT NOT NULL,
    partner TEXT,
    user TEXT NOT NULL,
    session TEXT NOT NULL,
    provider TEXT NOT NULL,
    key_type TEXT NOT NULL,
    key_length INTEGER NOT NULL,
    hash_type TEXT NOT NULL,
    dn TEXT NOT NULL,
    body TEXT NOT NULL,
    spki_sha256 TEXT NOT NULL,
    renews TEXT,
    private_key TEXT NOT NULL,
    csr TEXT NOT NULL,
    finalized_at REAL,
    thumbprint TEXT
);
CREATE TABLE IF NOT EXISTS certificates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    thumbprint TEXT NOT NULL UNIQUE,
    request_code TEXT NOT NULL UNIQUE,
    pem TEXT NOT NULL,
    at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'replaced')),
    replaced_by TEXT
);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    domain TEXT NOT NULL,
    partner TEXT,
    started REAL NOT NULL,
    ended REAL,
    end_reason TEXT,
    refresh_reuses INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS secrets (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS login_forms (
    id TEXT PRIMARY KEY,
    partner TEXT NOT NULL,
    domain TEXT,
    redirect_url TEXT NOT NULL,
    expires REAL NOT NULL,
    used_at REAL
);
CREATE TABLE IF NOT EXISTS certificate_logins (
    form TEXT PRIMARY KEY REFERENCES login_forms (id),
    user TEXT NOT NULL,
    cookie TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS temporary_tokens (
    token TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    domain TEXT NOT NULL,
    partner TEXT NOT NULL,
    expires REAL NOT NULL,
    used_at REAL
);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    token TEXT PRIMARY KEY,
    session TEXT NOT NULL REFERENCES sessions (id),
    expires REAL NOT NULL,
    used_at REAL
);
CREATE TABLE IF NOT EXISTS settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    step TEXT NOT NULL,
    moment TEXT NOT NULL CHECK (moment IN ('before', 'after')),
    action TEXT NOT NULL,
    argument TEXT,
    skip INTEGER NOT NULL DEFAULT 0,
    times INTEGER NOT NULL DEFAULT 1,
    retry_after TEXT,
    seen INTEGER NOT NULL DEFAULT 0,
    fired INTEGER NOT NULL DEFAULT 0
);
"""
