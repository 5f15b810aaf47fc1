# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that say when certificates are renewed."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragments; module_utils/_module/renewal.py reads the values."""

    DOCUMENTATION = r"""
options:
  renew_before:
    description:
      - How long before its end a certificate is due for renewal.
        The value is a duration in years of 365 days, weeks, days, hours, minutes and seconds, in that order, such as
        V(30d), V(12h) or V(1d12h), or a share of the whole life such as V(33%).
        With V(never) no certificate is due.
      - The default is the smaller of 30 days and a third of the certificate's life.
        A certificate of one year is due 30 days before its end, and one of 47 days is due 15 days and 16 hours before
        its end, and earlier by the O(renew_jitter).
      - If a value leaves a certificate less than a tenth of its life, the module uses that third instead, with a
        warning.
        So a certificate that was just issued is never due, even if its life is short.
      - The time by which the CA backdates a certificate does not count as life.
    type: str
  renew_jitter:
    description:
      - By how much the renewal of a certificate may come earlier than O(renew_before) says, so that the renewals of a
        fleet are spread.
        Each name has a moment of its own, which is the same in each run.
      - The value is a duration such as V(5d) or V(1d12h), a share of the certificate's life from V(0%) to V(100%), or
        V(0) or V(none) for no jitter.
        With V(100%) each day has the same number of renewals, at the latest one life after all certificates were issued
        at once.
      - Also with V(100%) a certificate is used for a tenth of its life, and most are used for as long as without
        jitter.
      - The default is V(10%) where neither the task nor the entry sets C(renew_before), and no jitter where one of them
        does.
    type: str
    version_added: 0.5.0
  renewal_windows:
    description:
      - The hours in which certificates are renewed.
        By default they are renewed at any time.
      - Windows concern renewals alone.
        A first certificate, a certificate whose fields have changed, a request that is on its way, and C(force) wait
        for no window.
      - A certificate does not wait for a window that opens less than a day, or less than a tenth of its life, before
        its end.
        It is renewed as soon as it is due, and the reason says so.
      - A run must fall into a window, so let runs be frequent.
    type: list
    elements: dict
    version_added: 0.5.0
    suboptions:
      days:
        description:
          - The days on which the window opens.
            The default is each day.
        type: list
        elements: str
        choices: [mon, tue, wed, thu, fri, sat, sun]
      from:
        description:
          - When the window opens, as C(HH:MM) such as V("22:00").
            Quote it in YAML, which reads 22:00 as the number 1320.
            A number is refused.
        type: raw
        required: true
      to:
        description:
          - When the window closes, as C(HH:MM), or V("24:00").
            If it is not later than O(renewal_windows[].from), it is on the next day.
        type: raw
        required: true
      zone:
        description:
          - The time zone of the hours, by its IANA name such as V(Europe/Madrid).
            The host must know it, from its own files or from the Python package tzdata.
          - When the clocks go back, a window whose hours come twice lasts for both.
            When they go forward, a window does not open if all of its hours are skipped.
        type: str
        default: UTC
  renewal_freezes:
    description:
      - Times in which no certificate is renewed.
        They concern renewals alone, and a certificate does not wait for their end if that is too late, as with
        O(renewal_windows).
    type: list
    elements: dict
    version_added: 0.5.0
    suboptions:
      from:
        description:
          - The first day, such as V(2026-12-21), or a day and a time, such as V("2026-12-21 18:00").
            A time may have an offset from UTC, such as V("2026-12-21T18:00:00+01:00").
        type: raw
        required: true
      until:
        description:
          - The last day, which is part of the freeze, or a day and a time, at which the freeze is over.
        type: raw
        required: true
      zone:
        description: The time zone of the days and times, as in O(renewal_windows[].zone).
        type: str
        default: UTC
      reason:
        description:
          - Why, in words.
            The reason of each certificate that waits has these words.
        type: str
"""

    QUOTA = r"""
options:
  max_renewals:
    description:
      - How many renewals one run begins at most.
        By default it begins as many as are due.
      - The others that are due are left for the next run, and counted as C(postponed).
        The module takes the certificates in the order of the list, whenever they end.
        Each run begins a long list at another place, so it is not always the same ones that are left.
        A warning names those that end soon.
      - First certificates, C(force), and requests that are on their way do not count.
    type: int
    version_added: 0.5.0
"""

    DISTRUST = r"""
options:
  distrusted:
    description:
      - Certificates that are not trusted any more.
        The certificate in use is renewed at once if it meets all criteria of one entry, or if a CA in its chain does.
      - It is renewed whether it is due or not.
        C(renew_before), even V(never), windows, freezes and limits of renewals do not hold it back.
        A wait after failures does, and so does a rejection by the CA.
      - If the new certificate is distrusted again, it is not renewed again in each run, but after a day, and then after
        twice as long each time, at most 32 days.
        A warning says so.
        M(redtrust.certificate_enroll.redtrust_certificate) does not upload such a certificate at all, and has the same
        request signed again later.
      - O(ignore:replace) of M(redtrust.certificate_enroll.redtrust_certificate) is for a single night, with progress
        and a deadline.
        This option is for each run from now on.
    type: list
    elements: dict
    version_added: 0.5.0
    suboptions:
      issuer:
        description:
          - The name of the CA in its certificates.
            It is a whole distinguished name such as V(CN=Example CA,O=Example,C=ES), in any order, as
            C(openssl x509 -noout -issuer) prints it; or a common name alone, such as V(Example CA).
        type: str
      issuer_path:
        description:
          - Path of the certificate of the CA (PEM, DER or PKCS#7), on the machine that runs the module.
            Only certificates that its key has issued are distrusted, not those of another key of a CA with the same
            name.
        type: path
      serial_numbers:
        description:
          - Serial numbers of certificates, in hex, with or without colons.
            Quote them in YAML.
            Together with a CA, only those of that CA are distrusted.
        type: list
        elements: str
      serial_numbers_file:
        description:
          - Path of a file with serial numbers, one a line, instead of O(distrusted[].serial_numbers).
            Blank lines and lines that begin with C(#) are left out.
        type: path
      issued_before:
        description:
          - The time (ISO 8601, in UTC unless it has an offset) before which a certificate was issued.
            It counts when the certificate was signed.
            Of an adopted certificate the beginning of its validity counts.
          - It is for a CA that is trusted again for the certificates that it has issued since then.
        type: str
  check_revocation:
    description:
      - Whether to ask the CA for each certificate that is not due if it was revoked, by OCSP, by its revocation list,
        or by both in this order.
        The first one that tells counts.
        By default nobody is asked.
      - A certificate that is revoked is renewed at once, as with O(distrusted).
        One that is on hold (C(certificateHold)) is not, since the CA may take that back.
      - An answer must be signed by the CA, or by a responder that the CA has named for OCSP, and must not be too old.
        Where no such answer can be had, nothing is renewed, and a warning says that it is not known whether the
        certificates are revoked.
      - A revocation list is fetched once in a run.
        OCSP needs a request for each certificate, up to C(workers) at a time.
    type: list
    elements: str
    choices: [ocsp, crl]
    default: []
    version_added: 0.5.0
  revocation:
    description:
      - Where and how to ask with O(check_revocation).
        By default the certificate says where.
    type: dict
    version_added: 0.5.0
    suboptions:
      ocsp_url:
        description: Address of the OCSP responder, for all certificates.
        type: str
      crl_urls:
        description: Addresses of revocation lists, for all certificates.
        type: list
        elements: str
      crl_paths:
        description:
          - Paths of files with revocation lists (DER or PEM), on the machine that runs the module, for a network from
            which the CA cannot be reached.
            With it the places in the certificates are not used.
        type: list
        elements: path
      issuer_paths:
        description:
          - Paths of certificates of CAs (PEM, DER or PKCS#7), one in each file, for certificates whose chain is not in
            the store.
            Answers can only be checked with the certificate of the CA.
        type: list
        elements: path
      proxy:
        description:
          - Address of the proxy.
            The default comes from E(HTTP_PROXY), E(HTTPS_PROXY) and E(NO_PROXY).
        type: str
      timeout:
        description: How many seconds one request may take.
        type: float
        default: 10
      time_limit:
        description:
          - How many seconds of one run may pass with the questions.
            After that the certificates that are left count as not known.
        type: float
        default: 600
"""
