"""The form of a trigger: what was typed as the fields that use cases take, and a stored trigger as what is typed.

Written out, or by a template with its parameters. Says only what can't be brought into a field's form; whether the rule
is good is said by `control.trigger_fields`, under the same names. Pure.
"""

import json
import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from ringback.control.trigger_fields import TriggerFields
from ringback.model.errors import FieldError
from ringback.model.trigger import Trigger
from ringback.policy.trigger_templates import TEMPLATES, Parameter, Template

PARAMETER: Final = "parameters."
EMPTY: Final = {"active": "yes", "cooldown_s": "0"}


class Typed(NamedTuple):
    """What a form says, and what is wrong with it."""

    fields: TriggerFields
    errors: list[FieldError]


def template_named(name: str) -> Template | None:
    """The template; None: the rule is written out."""
    return TEMPLATES.get(name)


def typed_fields(form: Mapping[str, str], template: Template | None) -> Typed:
    """The fields that were typed."""
    errors: list[FieldError] = []
    fields: TriggerFields = {"active": form.get("active") == "yes"}
    cooldown = _number(form.get("cooldown_s", "").strip() or "0")
    if cooldown is None:
        errors.append(FieldError("cooldown_s", "must be a number of seconds"))
    else:
        fields["cooldown_s"] = float(cooldown)
    name, record_type = form.get("name", "").strip(), form.get("record_type", "").strip()
    if name or template is None:
        fields["name"] = name
    if record_type or template is None:
        fields["record_type"] = record_type
    if template is None:
        fields["when"], fields["emits"] = form.get("when", "").strip(), form.get("emits", "").strip()
        fields["data"] = _typed_data(form.get("data", ""))
    else:
        fields["template"] = template.name
        fields["parameters"] = _parameters(form, template, errors)
    return Typed(fields, errors)


def shown_fields(trigger: Trigger, *, by_hand: bool) -> dict[str, str]:
    """The trigger as its form has it; `by_hand`: written out, whatever it was made from."""
    shown = {
        "name": trigger.name,
        "record_type": trigger.record_type,
        "cooldown_s": f"{trigger.cooldown_s:g}",
        "active": "yes" if trigger.active else "",
    }
    if by_hand or trigger.template is None:
        data = trigger.data
        text = "" if data is None else data if isinstance(data, str) else "\n".join(data)
        return {**shown, "when": trigger.when, "emits": trigger.emits, "data": text}
    given = json.loads(trigger.parameters) if trigger.parameters else {}
    return {**shown, **{PARAMETER + name: str(value) for name, value in given.items()}}


def _typed_data(text: str) -> list[str] | str | None:
    """Nothing: the whole record. Lines that begin with a slash: these fields. Else an expression."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return None
    return lines if all(line.startswith("/") for line in lines) else text.strip()


def _parameters(form: Mapping[str, str], template: Template, errors: list[FieldError]) -> dict[str, object]:
    found: dict[str, object] = {}
    for parameter in template.parameters:
        text = form.get(PARAMETER + parameter.name, "").strip()
        if text:
            value = _value(parameter, text)
            if value is None:
                errors.append(FieldError(PARAMETER + parameter.name, "must be a number"))
            else:
                found[parameter.name] = value
    return found


def _value(parameter: Parameter, text: str) -> str | float | None:
    return _number(text) if parameter.kind == "number" else text


def _number(text: str) -> float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
