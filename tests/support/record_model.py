"""What Ringback is to do with records, in plain Python: the model that the real server is held against.

Dictionaries, lists and sets; nothing of Ringback is imported, and nothing is fast. `Model` takes the same operations as
the server and says what it answers, which events there are then, and which endpoints get which of them.
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from support.record_rules import Crossing, Json, Rule, Sight, at, number, same

Key = tuple[str, str]
"""A record: type, id."""


@dataclass(frozen=True)
class Kind:
    """How changes of a type's records are told. `fields`: what events carry, None all; `ignored`: what never counts."""

    fields: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()


class Line(NamedTuple):
    """One change that is asked for. `revision`: None in any case, "*" it is there, 0 it is not, else exactly this."""

    op: str
    type: str
    id: str
    data: Json = None
    version: int | None = None
    updated_at: str | None = None
    revision: int | str | None = None
    channel: str | None = None


@dataclass
class Stored:
    """A record, or what is left of a deleted one (`data` None)."""

    data: Json = None
    revision: int = 0
    version: int | None = None
    updated_at: str | None = None
    marks: dict[str, "Marks"] = field(default_factory=dict)


@dataclass
class Marks:
    """What a trigger remembers of a record: the side of each threshold that it is on, and whether it has fired."""

    above: dict[Crossing, bool] = field(default_factory=dict)
    cooling: bool = False


@dataclass
class Trigger:
    name: str
    type: str
    when: Rule
    emits: str
    data: tuple[str, ...] | Rule | None = None
    cools: bool = False
    active: bool = True


@dataclass
class Endpoint:
    types: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] | None = None
    filter: Rule | None = None
    tracked_set: str | None = None
    ordering: str = "none"
    active: bool = True
    gone: bool = False


class Happened(NamedTuple):
    """An event. `by` is None for a caller, "record", or a trigger. `to`: the endpoints that it is for."""

    type: str
    data: Json
    previous: Json
    subject: Key | None
    change: str | None
    channel: str | None
    changed: tuple[str, ...] | None
    updated_at: str | None
    by: str | None
    to: frozenset[str]


class Written(NamedTuple):
    """What is answered to one change. `events`: its own first, if `told`."""

    revision: int
    result: str
    changed: tuple[str, ...]
    told: bool
    events: tuple[Happened, ...]


class Refusal(Exception):
    """Nothing of the request is done; the status and code that are answered."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


class Model:
    """One tenant. `kinds`: the types that are told in a way of their own."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.kinds = kinds
        self.records: dict[Key, Stored] = {}
        self.sets: dict[str, set[str]] = {}
        self.triggers: dict[str, Trigger] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.events: list[Happened] = []

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, lines: Sequence[Line]) -> list[Written] | Refusal:
        """Do all, in their order, or say what is wrong with the first that can't be done."""
        records = copy.deepcopy(self.records)
        try:
            done = [self._write(records, line) for line in lines]
        except Refusal as refusal:
            return refusal
        self.records = records
        self.events.extend(event for written in done for event in written.events)
        return done

    def _write(self, records: dict[Key, Stored], line: Line) -> Written:
        key = line.type, line.id
        known = key in records
        stored = records.setdefault(key, Stored())
        self._check(stored, known, line)
        age = _age(stored, line)
        if age == "older":
            return Written(stored.revision, "stale", (), False, ())
        before, after = stored.data, _after(stored.data, line)
        if same(before, after):
            if age != "equal":
                _note(stored, line)
            return Written(stored.revision, "unchanged", (), False, ())
        if age == "equal":
            return Written(stored.revision, "stale", (), False, ())
        _note(stored, line)
        stored.data, stored.revision = after, stored.revision + 1
        return self._changed(stored, line, before)

    def _check(self, stored: Stored, known: bool, line: Line) -> None:
        there = stored.data is not None
        wanted = line.revision
        if wanted is not None and not (there if wanted == "*" else wanted == (stored.revision if there else 0)):
            raise Refusal(412, "precondition_failed")
        if (line.op == "patch" and not there) or (line.op == "delete" and not known):
            raise Refusal(404, "no_such_record")

    def _changed(self, stored: Stored, line: Line, before: Json) -> Written:
        result = "created" if before is None else "deleted" if stored.data is None else "updated"
        kind = self.kinds.get(line.type, Kind())
        places = changed_places(before, stored.data)
        if result == "updated":
            places = tuple(place for place in places if not any(below(place, one) for one in kind.ignored))
        if not places and result == "updated":
            return Written(stored.revision, result, (), False, ())
        state = before if stored.data is None else stored.data
        whole = Happened(
            f"{line.type}.{result}", state, before, (line.type, line.id), result, line.channel, places,
            line.updated_at, "record", frozenset(),
        )  # fmt: skip
        own = self._own(whole, kind)
        fired = self._fire(stored, whole, before)
        events = tuple(self._addressed(event) for event in (*own, *fired))
        return Written(stored.revision, result, places, bool(own), events)

    def _own(self, whole: Happened, kind: Kind) -> list[Happened]:
        """Its event, as it is told; none if nothing is different of what is told."""
        if kind.fields is None:
            return [whole]
        kept = kind.fields
        places = tuple(p for p in whole.changed or () if any(below(p, one) or below(one, p) for one in kept))
        if not places and whole.change == "updated":
            return []
        previous = None if whole.previous is None else part(whole.previous, kept)
        return [whole._replace(data=part(whole.data, kept), previous=previous, changed=places)]

    # ── triggers ─────────────────────────────────────────────────────────────────────────────────────────────

    def _fire(self, stored: Stored, whole: Happened, before: Json) -> list[Happened]:
        """Their events. What they remember is of the triggers that there are, and of records that there are."""
        marks: dict[str, Marks] = {}
        events = []
        for name, trigger in sorted(self.triggers.items()):
            if trigger.active and trigger.type == (whole.subject or ("", ""))[0]:
                kept = marks[name] = Marks()
                remembered = stored.marks.get(name, Marks())
                events += self._judge(trigger, whole, before, stored.data, remembered, kept)
        stored.marks = {} if stored.data is None else marks
        return events

    def _judge(
        self, trigger: Trigger, whole: Happened, before: Json, after: Json, remembered: Marks, kept: Marks
    ) -> list[Happened]:
        crossed: dict[Crossing, str | None] = {}
        for crossing in trigger.when.crossings:
            was = remembered.above.get(crossing, _above(before, crossing))
            now = _above(after, crossing, stays=was)
            crossed[crossing] = None if was == now else "passed" if now else "exited"
            kept.above[crossing] = now
        kept.cooling = remembered.cooling
        if kept.cooling:
            return []
        sight = Sight(_seen(whole), after, before, crossed)
        if not trigger.when.holds(sight):
            return []
        if trigger.data is None:
            data = whole.data
        elif isinstance(trigger.data, tuple):
            data = part(whole.data, trigger.data)
        else:
            try:
                data = trigger.data.value(sight)
            except Exception:  # whatever it is, there is no such map
                return []
        kept.cooling = trigger.cools
        return [whole._replace(type=trigger.emits, data=data, by=trigger.name)]

    # ── endpoints ────────────────────────────────────────────────────────────────────────────────────────────

    def post(self, event: Happened) -> Happened:
        """An event that a caller posts."""
        event = self._addressed(event)
        self.events.append(event)
        return event

    def _addressed(self, event: Happened) -> Happened:
        return event._replace(to=frozenset(name for name, one in self.endpoints.items() if self._wants(one, event)))

    def _wants(self, endpoint: Endpoint, event: Happened) -> bool:
        if endpoint.gone or not endpoint.active or not any(_of_type(event.type, one) for one in endpoint.types):
            return False
        if endpoint.channels is not None and event.channel not in endpoint.channels:
            return False
        if endpoint.tracked_set is not None:
            members = self.sets.get(endpoint.tracked_set, set())
            if event.subject is None or event.subject[1] not in members:
                return False
        return endpoint.filter is None or endpoint.filter.holds(Sight(_seen(event), event.data, event.previous, {}))

    def expected(self, name: str) -> list[Happened]:
        """What an endpoint gets, in the order in which it happened."""
        return [event for event in self.events if name in event.to]


def _after(before: Json, line: Line) -> Json:
    if line.op == "delete":
        return None
    return line.data if line.op == "put" else merge_patch(before, line.data)


def merge_patch(target: Json, patch: Json) -> Json:
    """The pseudocode of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def _age(stored: Stored, line: Line) -> str:
    """How the state that comes stands to the one that is stored, by what their source says."""
    if line.version is not None and stored.version is not None:
        return "older" if line.version < stored.version else "equal" if line.version == stored.version else "newer"
    if line.updated_at is not None and stored.updated_at is not None and line.updated_at < stored.updated_at:
        return "older"
    return "newer"


def _note(stored: Stored, line: Line) -> None:
    if line.version is not None:
        stored.version = line.version
    if line.updated_at is not None:
        stored.updated_at = line.updated_at


def _above(state: Json, crossing: Crossing, stays: bool = False) -> bool:
    value = at(state, *crossing.path)
    least = crossing.threshold - crossing.hysteresis if stays else crossing.threshold
    return number(value) and value >= least


def _seen(event: Happened) -> dict[str, Json]:
    """`event`, as expressions see it."""
    subject = None if event.subject is None else {"type": event.subject[0], "id": event.subject[1]}
    changed = None if event.changed is None else list(event.changed)
    return {
        "type": event.type,
        "channel": event.channel,
        "change": event.change,
        "subject": subject,
        "changed": changed,
    }


def _of_type(name: str, pattern: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_ROOT: Final = ""


def _places(state: Json, place: str = _ROOT) -> dict[str, Json]:
    """All values that are members of objects, by their JSON pointer."""
    found: dict[str, Json] = {}
    for name, value in state.items() if isinstance(state, dict) else ():
        there = f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
        found[there] = value
        found.update(_places(value, there))
    return found


def changed_places(before: Json, after: Json) -> tuple[str, ...]:
    """The deepest places where two states differ; of one that begins or ends, all that it has."""
    if before is None or after is None:
        return tuple(sorted(place for place in _places(before or after) if place.count("/") == 1))
    old, new = {_ROOT: before, **_places(before)}, {_ROOT: after, **_places(after)}
    found = []
    for place in {*old, *new} - {_ROOT}:
        above = place.rpartition("/")[0]
        if not (isinstance(old.get(above), dict) and isinstance(new.get(above), dict)):
            continue  # what is above it is different as a whole
        if place in old and place in new:
            one, other = old[place], new[place]
            if same(one, other) or (isinstance(one, dict) and isinstance(other, dict)):
                continue  # what is different is below it
        found.append(place)
    return tuple(sorted(found))


def below(place: str, above: str) -> bool:
    return place == above or place.startswith(f"{above}/")


def part(state: Json, kept: Iterable[str]) -> Json:
    """What of a state stands at these places, with the objects on the way to them."""
    places = tuple(kept)

    def inside(value: Json, place: str) -> Json:
        found = {}
        for name, one in value.items():
            there = f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
            if any(below(there, wanted) for wanted in places):
                found[name] = one
            elif isinstance(one, dict) and any(below(wanted, there) for wanted in places):
                found[name] = inside(one, there)
        return found

    return inside(state, _ROOT)


def as_text(value: Json) -> str:
    """To compare what must be the same to the digit: 1 is not 1.0."""
    return json.dumps(value, sort_keys=True)
