# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which AWX accepts an object, written down from its source.

Each function returns what AWX would refuse. AWX itself needs Django and a database, so its code cannot run here.
The source is https://github.com/ansible/awx, release 24.6.1.
"""

from __future__ import annotations

import collections.abc as c
import re
import types
import typing as t

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

Object = c.Mapping[str, t.Any]

_NAME = re.compile(r"[a-zA-Z_]+[a-zA-Z0-9_]*")
_FILE = re.compile(rf"template(\.{_NAME.pattern})?")
# awx/main/fields.py, CredentialTypeInputField
_FIELD_KEYS: dict[str, type] = {
    "id": str,
    "label": str,
    "help_text": str,
    "type": str,
    "format": str,
    "choices": list,
    "multiline": bool,
    "secret": bool,
    "ask_at_runtime": bool,
    "default": object,
}
_ONLY_OF_TEXT = {"choices", "multiline", "format", "secret"}
# awx/main/constants.py, ENV_BLOCKLIST
_TAKEN = re.compile(
    r"VIRTUAL_ENV|PATH|PYTHONPATH|JOB_ID|INVENTORY_ID|INVENTORY_SOURCE_ID|INVENTORY_UPDATE_ID|AD_HOC_COMMAND_ID"
    r"|REST_API_URL|REST_API_TOKEN|MAX_EVENT_RES|CALLBACK_QUEUE|CALLBACK_CONNECTION|CACHE|JOB_CALLBACK_DEBUG"
    r"|INVENTORY_HOSTVARS|AWX_HOST|PROJECT_REVISION|SUPERVISOR_CONFIG_PATH"
)
# awx/main/constants.py, SURVEY_TYPE_MAPPING
_ANSWERS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (int, float),
}
# awx/main/notifications: email_backend.py and webhook_backend.py, init_parameters without a default
_NOTIFICATIONS: dict[str, dict[str, type]] = {
    "email": {
        "host": str,
        "port": int,
        "username": str,
        "password": str,
        "use_tls": bool,
        "use_ssl": bool,
        "sender": str,
        "recipients": list,
    },
    "webhook": {"url": str, "headers": dict},
}
# awx/main/utils/ansible.py, could_be_playbook
_PLAY = re.compile(
    r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):\s*?.*?$", re.MULTILINE
)


def credential_type_problems(kind: Object) -> list[str]:
    """Check the fields and the injectors of a credential type (awx/main/fields.py)."""
    fields = kind["inputs"].get("fields", [])
    ids = [field["id"] for field in fields]
    extra = [f"inputs: {key}" for key in kind["inputs"] if key not in ("fields", "required")]
    twice = [f"{name}: there are two of it" for name in ids if ids.count(name) > 1]
    unknown = [f"required: {name}" for name in kind["inputs"].get("required", []) if name not in ids]
    wrong = [problem for field in fields for problem in _field_problems(field)]
    kinds = [] if kind["kind"] in ("net", "cloud") else [f"kind: {kind['kind']}"]
    return [*kinds, *extra, *twice, *unknown, *wrong, *_injector_problems(kind["injectors"], ids)]


def _field_problems(field: Object) -> list[str]:
    name = field["id"]
    text = field.get("type", "string") == "string"
    shape = [f"{name}: {key}" for key, value in field.items() if not isinstance(value, _FIELD_KEYS.get(key, ()))]
    if not _NAME.fullmatch(name) or name == "tower":
        shape.append(f"{name}: not a name")
    if field.get("type", "string") not in ("string", "boolean") or "label" not in field:
        shape.append(f"{name}: type or label")
    if not text:
        shape += [f"{name}: {key} is only for text" for key in sorted(_ONLY_OF_TEXT & set(field))]
    choices = field.get("choices", ["any"])
    if not choices or len(set(choices)) < len(choices) or not all(isinstance(choice, str) for choice in choices):
        shape.append(f"{name}: choices")
    if "default" in field and field["default"].__class__ is not (str if text else bool):
        shape.append(f"{name}: default")
    return shape


def _injector_problems(injectors: Object, ids: c.Sequence[str]) -> list[str]:
    problems = [f"injectors: {key}" for key in injectors if key not in ("file", "env", "extra_vars")]
    files = list(injectors.get("file", {}))
    problems += [f"{name}: not a name of a file" for name in files if not _FILE.fullmatch(name)]
    if "template" in files and len(files) > 1:
        problems.append("several files, and one without a name")
    named = types.SimpleNamespace(**{name.partition(".")[2]: "EXAMPLE" for name in files if "." in name})
    tower = types.SimpleNamespace(filename="EXAMPLE" if "template" in files else named)
    namespace = {**dict.fromkeys(ids, "EXAMPLE"), "tower": tower}
    for name, template in injectors.get("env", {}).items():
        if name.startswith("ANSIBLE_") or _TAKEN.fullmatch(name) or not template.isascii():
            problems.append(f"{name}: not allowed")
    for group in ("env", "extra_vars"):
        problems += [f"{name}: not a name" for name in injectors.get(group, {}) if not _NAME.fullmatch(name)]
    for group in injectors.values():
        problems += [f"{name}: {why}" for name, template in group.items() if (why := _unusable(template, namespace))]
    return problems


def _unusable(template: str, namespace: Object) -> str:
    try:
        ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string(template).render(namespace)
    except (jinja2.UndefinedError, jinja2.TemplateSyntaxError, jinja2.exceptions.SecurityError) as exc:
        return str(exc)
    return ""


def credential_problems(kind: Object, inputs: Object) -> list[str]:
    """Check the content of a credential against the fields of its type (awx/main/fields.py, CredentialInputField)."""
    fields = {field["id"]: field for field in kind["inputs"]["fields"]}
    problems = [f"{name}: no such field" for name in inputs if name not in fields]
    for name, value in inputs.items():
        field = fields.get(name, {})
        if not isinstance(value, bool if field.get("type") == "boolean" else str):
            problems.append(f"{name}: type")
        if value not in field.get("choices", [value]):
            problems.append(f"{name}: not a choice")
    return problems


def survey_problems(survey: Object) -> list[str]:
    """Check a survey (awx/api/views/__init__.py, JobTemplateSurveySpec)."""
    problems = [f"{key} is missing" for key in ("name", "description") if not isinstance(survey.get(key), str)]
    questions = survey["spec"]
    asked = [question["variable"] for question in questions]
    problems += [f"{name}: asked twice" for name in asked if asked.count(name) > 1]
    if not questions:
        problems.append("no question")
    for question in questions:
        problems += [f"{question['variable']}: {problem}" for problem in _question_problems(question)]
    return problems


def _question_problems(question: Object) -> list[str]:
    problems = [key for key in ("type", "question_name", "variable") if not isinstance(question.get(key), str)]
    if not isinstance(question.get("required"), bool):
        problems.append("required")
    kind = question["type"]
    if kind not in _ANSWERS:
        return [*problems, f"type {kind}"]
    default = question.get("default", "")
    if default != "" and not isinstance(default, _ANSWERS[kind]):
        problems.append("default")
    if any(not isinstance(question.get(key, 0), int) for key in ("min", "max")):
        problems.append("min or max")
    if kind in ("multiplechoice", "multiselect"):
        chosen = default.splitlines()
        if not question.get("choices") or any(one not in question["choices"] for one in chosen):
            problems.append("choices")
        if kind == "multiplechoice" and len(chosen) > 1:
            problems.append("several defaults")
    return problems


def notification_problems(template: Object) -> list[str]:
    """Check a notification template (awx/api/serializers.py, NotificationTemplateSerializer)."""
    configuration = template["notification_configuration"]
    wanted = _NOTIFICATIONS[template["notification_type"]]
    problems = [key for key, kind in wanted.items() if configuration.get(key).__class__ is not kind]
    problems += [f"{key}: empty" for key, kind in wanted.items() if kind is list and not configuration.get(key)]
    if configuration.get("http_method", "POST") not in ("POST", "PUT"):
        problems.append("http_method")
    return problems


def schedule_problems(rule: str) -> list[str]:
    """Check the recurrence rule of a schedule (awx/api/serializers.py, SchedulePreviewSerializer)."""
    problems = []
    if len(re.findall(r"DTSTART(?:;[^:]+)?:[0-9]+T[0-9]+Z?", rule)) != 1 or re.search(r"DTSTART:[0-9]+T[0-9]+ ", rule):
        problems.append("one DTSTART with a time zone")
    rules = re.findall(r"RULE:[^\s]*", rule)
    if not rules or re.search("exdate:|rdate:", rule, re.IGNORECASE):
        problems.append("rules, and neither EXDATE nor RDATE")
    for one in rules:
        if "INTERVAL" not in one or "SECONDLY" in one or re.search(r"BYDAY[:=][0-9]+[a-zA-Z]{2}", one):
            problems.append("INTERVAL, and neither SECONDLY nor BYDAY with a number")
        count = re.search(r"COUNT=([0-9]+)", one)
        if count and ("UNTIL" in one or int(count[1]) > 999):
            problems.append("COUNT")
    return problems


def is_playbook(text: str) -> bool:
    """Tell whether AWX offers a file of a project as a playbook (awx/main/utils/ansible.py)."""
    return bool(_PLAY.search(text))
