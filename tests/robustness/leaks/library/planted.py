# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a secret in every place that a module can write to, to check that the search finds it there."""

from __future__ import annotations

import base64
import subprocess
import sys
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def shown(module: AnsibleModule, place: str, text: str) -> dict[str, t.Any]:
    """Show the text in a place; return its part of the result."""
    if place == "warning":
        module.warn(text)
    elif place == "syslog":
        module.log(text)
    elif place == "process":
        subprocess.run([sys.executable, "-c", "pass", text], check=True)
    elif place == "temporary":
        Path(module.tmpdir, "left").write_text(text, encoding="utf-8")
    elif place == "stderr":
        sys.stderr.write(text)
        sys.exit(1)
    elif place == "traceback":
        raise KeyError(text)
    elif place == "diff":
        return {"diff": {"before": "", "after": text}}
    return {"shown": text} if place == "result" else {}


def main() -> None:
    """Show the text. It arrives encoded, so that the options do not contain it."""
    module = AnsibleModule(argument_spec={"place": {"type": "str"}, "text": {"type": "str"}})
    text = base64.b64decode(module.params["text"][::-1]).decode()
    module.exit_json(changed=True, **shown(module, module.params["place"], text))


if __name__ == "__main__":
    main()
