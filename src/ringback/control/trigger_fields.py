"""What a caller may set of a trigger, checked and brought into the form in which it is stored.

Either the rule is written out (`when`, `emits`, `data`) or a template makes it from `parameters`. A rule that is
changed by hand afterwards is no template's any more. Types are right already when values come here. Pure but for
compiling expressions. Raises Invalid through `Findings`, with the place in an expression where there is one.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from ringback.control.findings import Findings
from ringback.model.limits import RECORD_TYPE_CHARS_MAX
from ringback.policy.match import valid_event_type
from ringback.policy.trigger import TriggerRefused, compile_trigger
from ringback.policy.trigger_templates import TEMPLATES, TemplateRefused, expanded

COOLDOWN_S_MAX: Final = 365 * 86_400
RULE: Final = ("when", "emits", "data")
_REQUIRED: Final = ("name", "record_type", "when", "emits")


class TriggerFields(TypedDict, total=False):
    """The fields that can be written. `data` null: the whole record."""

    name: str
    record_type: str
    when: str
    emits: str
    data: list[str] | str | None
    cooldown_s: float
    active: bool
    template: str | None
    parameters: Mapping[str, object] | None


def check_trigger(findings: Findings, fields: TriggerFields, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The stored form of what is set: arguments for `dataclasses.replace` of a Trigger.

    `before` are the fields of the trigger that is changed (as in `model.trigger`); None: it is to be made.
    """
    given = {name: value for name, value in fields.items() if name not in ("template", "parameters")}
    made = _from_template(findings, fields, before)
    if made is not None:
        given = {**made, **given} if before is None else {**given, **_rule_of(made)}
    elif any(name in fields for name in RULE):
        given |= {"template": None, "parameters": None}
    if before is None:
        for name in _REQUIRED:
            if name not in given and not findings.found:
                findings.add(name, "is required, unless a template is given")
    if findings.found:
        return {}
    checked = {name: _checked(findings, name, value) for name, value in given.items()}
    rule = {**(before or {}), **checked}
    if "when" in checked or "data" in checked:
        _check_rule(findings, rule["when"], rule.get("data"), by_template=made is not None)
    return checked


def _rule_of(made: Mapping[str, Any]) -> dict[str, Any]:
    return {name: made[name] for name in (*RULE, "template", "parameters")}


def _from_template(
    findings: Findings, fields: TriggerFields, before: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The fields that a template makes; None: the rule is written out, or isn't touched."""
    name = fields.get("template")
    if name is None and fields.get("parameters") is not None:
        name = None if before is None else before["template"]
        if name is None:
            findings.add("parameters", "belong to a template; name it in template")
    if name is None:
        return None
    template = TEMPLATES.get(name)
    if template is None:
        findings.add("template", f"is none of {', '.join(TEMPLATES)}")
        return None
    for one in RULE:
        if one in fields:
            findings.add(one, "is made by the template; leave it out, or leave the template out")
    parameters = fields.get("parameters") or {}
    try:
        rule = expanded(template, parameters)
    except TemplateRefused as refused:
        for error in refused.errors:
            findings.add(*error)
        return None
    return {
        **rule._asdict(),
        "name": template.name,
        "record_type": template.record_type,
        "template": name,
        "parameters": json.dumps(parameters, ensure_ascii=False).encode(),
    }


def _checked(findings: Findings, name: str, value: Any) -> object:
    if name == "name":
        return findings.text(name, value, empty=False)
    if name == "record_type":
        if not valid_event_type(value) or len(value) > RECORD_TYPE_CHARS_MAX:
            findings.add(
                name, f'must be words with dots between them, such as "contact"; {RECORD_TYPE_CHARS_MAX} at most'
            )
    elif name == "emits":
        if not valid_event_type(value):
            findings.add(name, 'must be an event type such as "score.passed"')
    elif name == "cooldown_s":
        return findings.number(name, float(value), 0, COOLDOWN_S_MAX, "seconds")
    elif name == "data" and isinstance(value, list):
        return tuple(dict.fromkeys(value))
    return value


def _check_rule(findings: Findings, when: str, data: tuple[str, ...] | str | None, *, by_template: bool) -> None:
    try:
        compile_trigger(when, data)
    except TriggerRefused as refused:
        field = "parameters" if by_template else refused.errors[0].field
        findings.add(field, f"is refused: {refused.detail.rstrip('.')}")
