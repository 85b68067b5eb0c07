"""Details of triggers, where a profile's document has such: which persona, which stage. They are kept as a filter.

A detail concerns the events of its kind alone: a webhook that also gets others gets those as before. What is written
into a filter here is read back from it, so that a form can show it again; anything else in a filter is the person's
own. Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ringback.console.words import SITEFINITY_INSIGHT

_TEXT: Final = r'("(?:[^"\\]|\\.)*")'
_AND: Final = " && "


class Detail(NamedTuple):
    """`name` is the field of the form; it is asked of events whose type begins with `prefix`, of the part `part` of
    their data: its id or its name."""

    name: str
    label: str
    prefix: str
    part: str

    def clause(self, value: str) -> str:
        """The detail as a part of a filter."""
        return self._written(json.dumps(value, ensure_ascii=False))

    def _written(self, text: str) -> str:
        of = f"data.{self.part}"
        return f'(!event.type.startsWith("{self.prefix}") || {of}.id == {text} || {of}.name == {text})'

    def read(self, text: str) -> tuple[str, str] | None:
        """Its value at the beginning of a filter, and the rest; None: it isn't there."""
        pattern = re.escape(self._written("\0"))
        first = pattern.replace(re.escape("\0"), _TEXT, 1).replace(re.escape("\0"), r"\1")
        found = re.match(first, text)
        if found is None:
            return None
        try:
            return str(json.loads(found[1])), text[found.end() :]
        except ValueError:
            return None


_OF_PROFILES: Final[Mapping[str, Sequence[Detail]]] = {
    SITEFINITY_INSIGHT: (
        Detail("detail.persona", "Persona", "persona_scoring.", "persona"),
        Detail("detail.lead_scoring", "Lead scoring", "lead_scoring.", "lead_scoring"),
        Detail("detail.stage", "Stage", "lead_scoring.", "stage"),
    )
}
TITLES: Final[Mapping[str, str]] = {
    "contact.became": "Became contact",
    "contact.updated": "Contact updated",
    "persona_scoring.threshold_passed": "Persona scoring passed threshold",
    "persona_scoring.threshold_exited": "Persona scoring exited threshold",
    "lead_scoring.threshold_passed": "Lead scoring passed threshold",
    "lead_scoring.threshold_exited": "Lead scoring exited threshold",
}
"""What the document calls them."""


def details_of(profile: str) -> Sequence[Detail]:
    """The details that triggers of a profile have."""
    return _OF_PROFILES.get(profile, ())


def joined(details: Sequence[Detail], values: Mapping[str, str], own: str) -> str | None:
    """The filter that says the details and, beside them, what the person wrote; None: there is nothing to say."""
    clauses = [one.clause(values[one.name]) for one in details if values.get(one.name)]
    if own and clauses:
        clauses.append(f"({own})")
    return _AND.join(clauses) if clauses else own or None


def taken_apart(details: Sequence[Detail], text: str) -> tuple[dict[str, str], str]:
    """The values of the details in a filter, by name, and the person's own part of it."""
    values: dict[str, str] = {}
    rest = text
    for one in details:
        if (found := one.read(rest)) is not None:
            values[one.name], rest = found
            rest = rest.removeprefix(_AND)
    if values and rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    return values, rest
