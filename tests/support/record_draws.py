"""What the model test draws: states of records that are often the same or nearly so, changes of them, who listens."""

from typing import Final

from hypothesis import strategies as st

from support.record_model import Endpoint, Happened, Kind, Line, Trigger
from support.record_rules import CONDITIONS, FIELDS, FILTERS, MAPS, Json

IDS: Final = ("1", "2", "a/b ü%")
TYPES: Final = ("contact", "contact", "crm.lead")
KINDS: Final = {"crm.lead": Kind(("/score", "/company/name", "/a~1b"), ("/seen", "/company/size"))}
"""Set up once, for types are of all tenants."""
CHANNELS: Final = (None, None, "a", "b")
SETS: Final = ("mine", "theirs")
CURRENT: Final = "?"

SCORES: Final = (10, 69.5, 70, 70.5, 75, 79.5, 80, 80.0, 85, 120, -1, "85", True, None)
_COMPANIES: Final = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["Acme", "Ämne \U0001f600", ""]),
            "size": st.sampled_from([10, 49, 50, 51.0]),
            "at": st.fixed_dictionaries({}, optional={"city": st.sampled_from(["Turku", "Oulu"])}),
        },
    ),
    st.sampled_from(["Acme", 7, None]),
)
_MEMBERS: Final[dict[str, st.SearchStrategy[Json]]] = {
    "score": st.sampled_from(SCORES),
    "stage": st.sampled_from(["new", "won", "lost", 1]),
    "company": _COMPANIES,
    "tags": st.sampled_from([[], ["hot"], ["hot", "b"], [1], [1.0], [True], [{"x": 1}]]),
    "a/b": st.sampled_from([0, 0.6, 1, 1.0, True, "1"]),
    "c~d": st.sampled_from([{}, {"": 1}, {"": {"e": 2}}]),
    "seen": st.integers(1, 3),
}
STATES: Final = st.fixed_dictionaries({}, optional=_MEMBERS)
"""Of few values, so that what was changed is changed back, and crossings are crossed again."""
_SMALL_PATCHES: Final = st.sampled_from(list(_MEMBERS)).flatmap(
    lambda name: st.builds(lambda value: {name: value}, st.one_of(st.none(), _MEMBERS[name]))
)
_COMPANY_PATCHES: Final = st.builds(
    lambda company: {"company": company},
    st.fixed_dictionaries({}, optional={"name": st.sampled_from([None, "Acme"]), "size": st.sampled_from([None, 50])}),
)
_SCORE_PUTS: Final = st.builds(lambda score: {"score": score}, st.sampled_from(SCORES))
PATCHES: Final = st.one_of(_SMALL_PATCHES, _COMPANY_PATCHES, _SCORE_PUTS, STATES)
MOMENTS: Final = tuple(f"2026-11-22T10:00:00.{n}00Z" for n in range(4))
_NEVER: Final = st.none()
_TERMS: Final = {
    "type": st.sampled_from(TYPES),
    "id": st.sampled_from((*IDS, *IDS[:2])),
    "version": st.sampled_from([None, None, None, 0, 1, 2, 2, 3]),
    "updated_at": st.one_of(_NEVER, _NEVER, st.sampled_from(MOMENTS)),
    "revision": st.one_of(_NEVER, _NEVER, _NEVER, st.sampled_from(["*", 0, 1, 2, 3, CURRENT])),
    "channel": st.sampled_from(CHANNELS),
}
_UNCONDITIONAL: Final = {**_TERMS, **dict.fromkeys(("version", "updated_at", "revision"), _NEVER)}
PLAIN: Final = st.one_of(
    st.builds(Line, st.just("put"), data=STATES, **_UNCONDITIONAL),
    st.builds(Line, st.just("put"), data=_SCORE_PUTS, **_UNCONDITIONAL),
    st.builds(Line, st.just("patch"), data=_SCORE_PUTS, **_UNCONDITIONAL),
    st.builds(Line, st.just("patch"), data=PATCHES, **_UNCONDITIONAL),
)
"""Changes that are seldom refused."""
LINES: Final = st.one_of(
    PLAIN,
    PLAIN,
    st.builds(Line, st.just("put"), data=st.one_of(STATES, _SCORE_PUTS), **_TERMS),
    st.builds(Line, st.just("patch"), data=PATCHES, **_TERMS),
    st.builds(Line, st.just("delete"), data=st.none(), **_TERMS),
)
"""`revision` CURRENT stands for the one that the record has."""
LOOKALIKES: Final = (1, 1.0, True, "1", [1], [1.0], [True], 0, False, None, {}, [])


def _walk(name: str, values: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Line]]:
    """One record, of which one member takes one value after the other; it may be deleted then."""

    def lines(op: str, found: list[Json], ends: bool) -> list[Line]:
        kept = [Line(op if place else "put", TYPES[0], IDS[0], {name: one}) for place, one in enumerate(found)]
        return [*kept, Line("delete", TYPES[0], IDS[0])] if ends else kept

    return st.builds(lines, st.sampled_from(["put", "patch"]), st.lists(values, min_size=3, max_size=6), st.booleans())


WALKS: Final = st.one_of(
    _walk("score", st.sampled_from([60, 70, 75, 79.5, 80, 85])),
    _walk("a/b", st.sampled_from(LOOKALIKES)),
)
"""Up and down, past thresholds and between them; and from a value to one that looks like it."""
BATCHES: Final = st.one_of(st.lists(PLAIN, min_size=2, max_size=6), st.lists(LINES, min_size=1, max_size=4))
"""Done whole or not at all."""

POSTED: Final = st.builds(
    Happened,
    type=st.sampled_from(["note.added", "contact.updated"]),
    data=STATES,
    previous=st.one_of(st.none(), STATES),
    subject=st.one_of(st.none(), st.tuples(st.just("contact"), st.sampled_from(IDS))),
    change=st.sampled_from([None, "updated"]),
    channel=st.sampled_from(CHANNELS),
    changed=st.none(),
    updated_at=st.none(),
    by=st.none(),
    to=st.just(frozenset()),
)

_WANTED: Final = st.sampled_from(
    [("*",), ("contact.*",), ("contact.updated", "lead.*"), ("crm.*", "contact.deleted"), ("lead.hot",), ("note.*",)]
)
ENDPOINTS: Final = st.builds(
    Endpoint,
    types=_WANTED,
    channels=st.sampled_from([None, None, None, ("a",), ("b", "a")]),
    filter=st.one_of(st.none(), FILTERS),
    tracked_set=st.sampled_from([None, None, *SETS]),
    ordering=st.sampled_from(["none", "subject", "subject", "strict"]),
    active=st.sampled_from([True, True, True, False]),
)
TRIGGERS: Final = st.builds(
    Trigger,
    name=st.just(""),
    type=st.sampled_from(TYPES),
    when=CONDITIONS,
    emits=st.sampled_from(["lead.hot", "lead.cold", "contact.updated"]),
    data=st.one_of(st.none(), st.none(), st.sampled_from(FIELDS), st.sampled_from(MAPS)),
    cools=st.sampled_from([False, False, False, True]),
    active=st.sampled_from([True, True, True, False]),
)
