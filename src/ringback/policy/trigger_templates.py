"""Ready-made triggers: the six of Sitefinity Insight's webhooks, over contacts that are kept as records.

A template has parameters (which persona, which scoring and stage, where in the record things stand) and expands to the
`when`, `emits` and `data` of an ordinary trigger, whose events look as the samples of the profile `sitefinity-insight`
do. A parameter gets into an expression as a literal alone, written by `_quoted` and `_number`, so that none can add to
what the rule says. Fails with TemplateRefused, whose errors name the parameters. Pure; texts only, nothing is compiled.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from ringback.model.errors import FieldError, Invalid
from ringback.policy.record_change import valid_pointer

TEXT_CHARS_MAX: Final = 100
_INTEGER_MAX: Final = 2**63


class TemplateRefused(Invalid):
    """Parameters that don't fit. `errors` name them: `parameters.threshold`."""


class Parameter(NamedTuple):
    """`kind`: `text`, `path` (of a field in the record: `company.name`, or a JSON pointer) or `number`. `default` None:
    it is required, unless `derived` says from which other parameter it is made when it is left out."""

    name: str
    kind: str
    description: str
    default: str | float | None = None
    derived: str | None = None

    @property
    def required(self) -> bool:
        return self.default is None and self.derived is None


class Rule(NamedTuple):
    """What a template expands to: as in `model.trigger.Trigger`."""

    when: str
    emits: str
    data: str


Values = Mapping[str, str | float]


class Template(NamedTuple):
    """`record_type` is the one that its triggers have unless another is given."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    expand: Callable[[Values], Rule]
    record_type: str = "contact"


def expanded(template: Template, given: Mapping[str, object]) -> Rule:
    """The rule that the template makes with these parameters. Raises TemplateRefused."""
    errors = [
        FieldError(f"parameters.{name[:TEXT_CHARS_MAX]}", "is not a parameter of this template")
        for name in given
        if name not in {one.name for one in template.parameters}
    ]
    values: dict[str, str | float] = {}
    for parameter in template.parameters:
        value = given.get(parameter.name, parameter.default)
        wrong = _wrong(parameter, value)
        if wrong is not None:
            errors.append(FieldError(f"parameters.{parameter.name}", wrong))
        elif isinstance(value, (str, int, float)):
            values[parameter.name] = value
    if errors:
        raise TemplateRefused(f"{errors[0].field} {errors[0].message}.", errors)
    return template.expand(values)


def _wrong(parameter: Parameter, value: object) -> str | None:
    if value is None:
        return "is required" if parameter.required else None
    if parameter.kind == "number":
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return None if good else "must be a number"
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_CHARS_MAX or not value.isprintable():
        return f"must be text of 1 to {TEXT_CHARS_MAX} characters, without control characters"
    if parameter.kind == "path" and not (valid_pointer(value) if value.startswith("/") else all(value.split("."))):
        return 'must be the place of a field: "company.name", or a JSON pointer such as "/company/name"'
    return None


def _quoted(text: str) -> str:
    """As a text of CEL."""
    return json.dumps(text, ensure_ascii=False)


def _number(value: str | float) -> str:
    """As a number of CEL."""
    fits = isinstance(value, int) and abs(value) < _INTEGER_MAX
    return str(value) if fits else repr(float(value))


def _map(members: Sequence[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{_quoted(name)}: {value}" for name, value in members) + "}"


def _value(path: str | float) -> str:
    return f"value({_quoted(str(path))})"


# ── contacts ───────────────────────────────────────────────────────────────────────────────────────────────────

_DETAILS: Final = ("email", "first_name", "last_name", "company")
_DETAIL_FIELDS: Final = tuple(
    Parameter(f"{name}_field", "path", f"Where the record has the contact's {name.replace('_', ' ')}.", name)
    for name in _DETAILS
)


def _contact(values: Values) -> str:
    details = [(name, _value(values[f"{name}_field"])) for name in _DETAILS]
    return _map([("id", "event.subject.id"), *details])


def _told(event: str, values: Values, more: Sequence[tuple[str, str]]) -> str:
    head = [("event", _quoted(event)), ("occurred_at", "event.occurred_at"), ("contact", _contact(values))]
    return _map([*head, *more])


def _became(values: Values) -> Rule:
    field, kind = _quoted(str(values["kind_field"])), _quoted(str(values["kind"]))
    before = f"previous_value({field})"
    previously = f"{before} == null ? {_quoted(str(values['previously']))} : {before}"
    return Rule(
        when=f"value({field}) == {kind} && {before} != {kind}",
        emits="contact.became",
        data=_told("contact.became", values, [("previously", previously)]),
    )


def _updated(values: Values) -> Rule:
    changes = f"changes({', '.join(_quoted(str(values[f'{name}_field'])) for name in _DETAILS)})"
    return Rule(
        when=f"data != null && previous != null && {changes}.size() > 0",
        emits="contact.updated",
        data=_told("contact.updated", values, [("changes", changes)]),
    )


# ── scorings ───────────────────────────────────────────────────────────────────────────────────────────────────

_THRESHOLD: Final = (
    Parameter("threshold", "number", "The score that has to be reached, or is fallen below."),
    Parameter("hysteresis", "number", "So much below the threshold a contact has to fall to count as below.", 0),
)


def _named(of: str, values: Values) -> str:
    return _map([("id", _quoted(str(values[f"{of}_id"]))), ("name", _quoted(_name_of(of, values)))])


def _name_of(of: str, values: Values) -> str:
    return str(values.get(f"{of}_name", values[f"{of}_id"]))


def _scoring(event: str, holder: str, of: Sequence[str]) -> Callable[[Values], Rule]:
    """The rule of a score, which stands in `holder` under the id of the first of `of` unless it is said where."""
    function = "passed" if event.endswith("passed") else "exited"

    def expand(values: Values) -> Rule:
        own_id = str(values[f"{of[0]}_id"]).replace("~", "~0").replace("/", "~1")
        path = str(values.get("score_field", f"/{holder}/{own_id}"))
        threshold = _number(values["threshold"])
        more = [
            *((name, _named(name, values)) for name in of),
            ("threshold", threshold),
            ("score", _value(path)),
            ("previous_score", f"previous_value({_quoted(path)})"),
        ]
        return Rule(
            when=f"{function}({_quoted(path)}, {threshold}, {_number(values['hysteresis'])})",
            emits=event,
            data=_told(event, values, more),
        )

    return expand


def _names(of: str, what: str) -> tuple[Parameter, ...]:
    return (
        Parameter(f"{of}_id", "text", f"The id of {what}."),
        Parameter(f"{of}_name", "text", f"The name of {what}, as receivers see it.", derived=f"{of}_id"),
    )


_PERSONA: Final = (
    *_names("persona", "the persona"),
    *_THRESHOLD,
    Parameter(
        "score_field", "path", "Where the record has the score: unless given, persona_scores.ID.", derived="persona_id"
    ),
    *_DETAIL_FIELDS,
)
_LEAD: Final = (
    *_names("lead_scoring", "the lead scoring"),
    *_names("stage", "the stage"),
    *_THRESHOLD,
    Parameter(
        "score_field",
        "path",
        "Where the record has the score: unless given, lead_scores.ID.",
        derived="lead_scoring_id",
    ),
    *_DETAIL_FIELDS,
)


def _persona(event: str, description: str) -> Template:
    return Template(event, description, _PERSONA, _scoring(event, "persona_scores", ("persona",)))


def _lead(event: str, description: str) -> Template:
    return Template(event, description, _LEAD, _scoring(event, "lead_scores", ("lead_scoring", "stage")))


TEMPLATES: Final[Mapping[str, Template]] = {
    template.name: template
    for template in (
        Template(
            "contact.became",
            "A visitor became a contact: its kind is what it was not before, or it is new with that kind.",
            (
                Parameter("kind_field", "path", "Where the record says what it is.", "kind"),
                Parameter("kind", "text", "What it says of a contact.", "contact"),
                Parameter("previously", "text", "What one that is new was before.", "visitor"),
                *_DETAIL_FIELDS,
            ),
            _became,
        ),
        Template("contact.updated", "A contact has other details than before.", _DETAIL_FIELDS, _updated),
        _persona("persona_scoring.threshold_passed", "A contact's score for a persona has reached the threshold."),
        _persona("persona_scoring.threshold_exited", "A contact's score for a persona has fallen below it."),
        _lead("lead_scoring.threshold_passed", "A contact's score of a lead scoring has reached a stage's threshold."),
        _lead("lead_scoring.threshold_exited", "A contact's score of a lead scoring has fallen below it."),
    )
}
