#!/usr/bin/env python
# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the text on standard input as a mail. A user and a password are taken from MAIL_USERNAME and MAIL_PASSWORD."""

from __future__ import annotations

import argparse
import email.message
import os
import smtplib
import sys


def main() -> None:
    """Send the mail; end with a message if that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--starttls", action="store_true")
    parser.add_argument("--sender", required=True)
    parser.add_argument("--to", required=True, help="addresses, with commas between them")
    parser.add_argument("--subject", required=True)
    given = parser.parse_args()
    message = email.message.EmailMessage()
    message["From"], message["To"] = given.sender, given.to
    message["Subject"] = " ".join(given.subject.split())
    message.set_content(sys.stdin.read())
    try:
        with smtplib.SMTP(given.host, given.port, timeout=30) as server:
            if given.starttls:
                server.starttls()
            if os.environ.get("MAIL_USERNAME"):
                server.login(os.environ["MAIL_USERNAME"], os.environ["MAIL_PASSWORD"])
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as exc:
        sys.exit(f"the mail was not sent: {exc}")


if __name__ == "__main__":
    main()
