"""What became of records, as their events tell it, each of which has to begin where the one before ended.

A record's chain is its own events in the order in which an endpoint with order `subject` got them first. What is wrong
is listed, not raised one by one. Assumes that each change that was asked for made a state that the record never had.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from support.process import Server

Key = tuple[str, str]
Event = Mapping[str, Any]
State = Mapping[str, Any] | None
_PAGE: Final = 250


def read_events(server: Server, tenant: str, endpoint_id: str | None = None) -> list[dict[str, Any]]:
    """Every event of a tenant, or those meant for one of its endpoints, oldest first."""
    found: list[dict[str, Any]] = []
    which = "" if endpoint_id is None else f"&endpoint_id={endpoint_id}"
    cursor = ""
    while True:
        page = server.get(f"/v1/tenants/{tenant}/events?order=asc&limit={_PAGE}{which}{cursor}")
        found += page["items"]
        if not page["items"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def chains(events: Iterable[Event], arrived: Iterable[str]) -> tuple[dict[Key, list[Event]], list[str]]:
    """The events of each record, in the order in which they arrived, triggers' too; and what is wrong with that."""
    by_id = {event["id"]: event for event in events}
    order = list(dict.fromkeys(arrived))
    wrong = [f"{event_id} arrived and is no event" for event_id in order if event_id not in by_id]
    wrong += [f"{event_id} never arrived" for event_id in by_id.keys() - set(order)]
    found: dict[Key, list[Event]] = defaultdict(list)
    for event_id in order:
        if event_id in by_id:
            subject = by_id[event_id]["subject"]
            found[subject["type"], subject["id"]].append(by_id[event_id])
    return found, wrong


def own(chain: Iterable[Event], key: Key) -> list[Event]:
    """The record's own events, without those of triggers."""
    return [event for event in chain if event["type"] == f"{key[0]}.{event['change']}"]


def states(events: Iterable[Event]) -> list[State]:
    """What the record was, one after the other; None where it was deleted."""
    return [None if event["change"] == "deleted" else event["data"] for event in events]


def check_chain(key: Key, events: Sequence[Event]) -> list[str]:
    """What is wrong with a record's own events: a change that is none, or that doesn't follow from the one before."""
    wrong = []
    before: State = None
    for event, after in zip(events, states(events), strict=True):
        change = "created" if before is None else "deleted" if after is None else "updated"
        if event["change"] != change or event["previous"] != before:
            wrong.append(f"{key}: {event['id']} does not follow on {before}: {event}")
        elif before == after or (after is None and event["data"] != before):
            wrong.append(f"{key}: {event['id']} tells of no change: {event}")
        before = after
    return wrong


def check_stored(server: Server, tenant: str, key: Key, events: Sequence[Event]) -> list[str]:
    """What is wrong with what is stored of a record, after these changes."""
    answer = server.ask("GET", f"/v1/tenants/{tenant}/records/{key[0]}/{key[1]}")
    last = states(events)[-1] if events else None
    if last is None:
        return [] if answer.status == 404 else [f"{key} is there: {answer.body!r}"]
    if answer.status != 200 or answer.json["data"] != last:
        return [f"{key} is not {last}: {answer.body!r}"]
    if answer.json["revision"] != len(events):
        return [f"{key} has another revision than {len(events)} changes make: {answer.body!r}"]
    return []


def check_fired(key: Key, chain: Sequence[Event], fired: Sequence[Sequence[str]]) -> list[str]:
    """What is wrong with what triggers made of a record: behind each of its own events are those of the types that are
    `fired` with it, with the same data, and no other."""
    wanted = []
    for event, emitted in zip(own(chain, key), fired, strict=True):
        wanted += [(kind, event["data"], event["previous"]) for kind in (event["type"], *emitted)]
    found = [(event["type"], event["data"], event["previous"]) for event in chain]
    for place, (one, other) in enumerate(zip_longest(wanted, found)):
        if one != other:
            return [f"{key}: event {place} should be {one} and is {other}"]
    return []


def crossings(events: Iterable[Event], field: str, threshold: float, hysteresis: float = 0.0) -> list[str | None]:
    """Of each of a record's own events, whether it crossed the threshold: `passed` or `exited`."""
    found: list[str | None] = []
    above = False
    for state in states(events):
        least = threshold - hysteresis if above else threshold
        now = state is not None and state[field] >= least
        found.append(None if now == above else "passed" if now else "exited")
        above = now
    return found
