"""The real server as the model test speaks to it, and the receiver: what the model does is done there over HTTP.

A `Tenant` is one example's; its endpoints have paths of their own at the receiver. `held_against` compares everything:
answers were compared as they came. Assumes that nobody else uses the receiver.
"""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final
from urllib.parse import quote

from support.inbox import Inbox, Received, Reply
from support.process import Answer, Server, wait_until
from support.record_chain import read_events
from support.record_model import Endpoint, Happened, Key, Kind, Line, Model, Refusal, Trigger, Written, as_text
from support.record_rules import Json, Rule

ARRIVES_WITHIN_S: Final = 20.0
COOLDOWN_S: Final = 86_400
_numbers = count(1)


class World:
    """One server and one receiver for a whole run. `figures` counts what was done."""

    def __init__(self, server: Server, kinds: Mapping[str, Kind]) -> None:
        self.server = server
        self.kinds = kinds
        self.figures: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._arrived: dict[str, list[Received]] = defaultdict(list)
        self.inbox = Inbox(self._take)
        for name, kind in kinds.items():
            told = {"fields": None if kind.fields is None else list(kind.fields), "ignored": list(kind.ignored)}
            answer = server.ask("PUT", f"/v1/record-types/{name}", {key: value for key, value in told.items() if value})
            assert answer.status in (200, 201), (answer.status, answer.body)

    def _take(self, received: Received) -> Reply:
        with self._lock:
            self._arrived[received.path].append(received)
        return Reply()

    def arrived(self, path: str) -> list[Received]:
        with self._lock:
            return list(self._arrived[path])

    def forget(self) -> None:
        """What came so far is of no more use."""
        with self._lock:
            self._arrived.clear()
            self.inbox.received.clear()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.inbox.__exit__()


class Tenant:
    """One example: a tenant at the server, and its model beside it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.server = world.server
        self.model = Model(world.kinds)
        self.id = f"t{next(_numbers)}"
        self.path = f"/v1/tenants/{self.id}"
        self._endpoint_ids: dict[str, str] = {}
        self._trigger_ids: dict[str, str] = {}
        self.server.make("/v1/tenants", {"id": self.id, "name": self.id})
        world.figures["tenants"] += 1

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, line: Line) -> None:
        """One change, by a request of its own."""
        headers = {"Content-Type": "application/merge-patch+json"} if line.op == "patch" else {}
        if line.version is not None:
            headers["Ringback-Version"] = str(line.version)
        if line.updated_at is not None:
            headers["Ringback-Updated-At"] = line.updated_at
        if line.channel is not None:
            headers["Ringback-Channel"] = line.channel
        if line.revision is not None:
            name, tag = ("If-None-Match", "*") if line.revision == 0 else ("If-Match", _tag(line.revision))
            headers[name] = tag
        path = self._record((line.type, line.id))
        body = None if line.op == "delete" else _spaced(line.data)
        answer = self.server.ask(line.op.upper(), path, body, headers=headers)
        written = self._modelled([line], answer)
        if written is not None:
            self._compare_answer(written[0], answer)

    def write_batch(self, lines: Sequence[Line]) -> None:
        """Several, in one request."""
        lines = [line._replace(revision=None if line.revision == "*" else line.revision) for line in lines]
        body = b"\n".join(json.dumps(_members(line)).encode() for line in lines)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self.server.ask("POST", f"{self.path}/records/batch", body, headers=headers)
        written = self._modelled(lines, answer)
        if written is None:
            return
        expected = [(*key, one.revision, one.result, one.told) for key, one in zip(_keys(lines), written, strict=True)]
        told = [
            (one["type"], one["id"], one["revision"], one["result"], one["event_id"] is not None)
            for one in answer.json["records"]
        ]
        assert answer.status == 200, answer.body
        assert told == expected

    def _modelled(self, lines: Sequence[Line], answer: Answer) -> list[Written] | None:
        """What the model says; None where it refuses as the server does."""
        self.world.figures["changes asked for"] += len(lines)
        written = self.model.write(lines)
        if isinstance(written, Refusal):
            assert answer.status == written.status, (written, answer.status, answer.body)
            assert answer.json["code"] == written.code, (written, answer.body)
            self.world.figures["refused"] += 1
            return None
        assert answer.status in (200, 201), (answer.status, answer.body)
        return written

    def _compare_answer(self, written: Written, answer: Answer) -> None:
        told = answer.json
        assert answer.status == (201 if written.result == "created" else 200)
        assert (told["revision"], told["result"]) == (written.revision, written.result)
        assert sorted(told["changed"]) == sorted(written.changed)
        assert [(one["type"], one["deliveries"]) for one in told["events"]] == [
            (event.type, len(event.to)) for event in written.events
        ]
        assert told["event_id"] == (told["events"][0]["id"] if written.told else None)

    def post(self, event: Happened) -> None:
        """A caller's own event."""
        subject = None if event.subject is None else {"type": event.subject[0], "id": event.subject[1]}
        body = {
            "type": event.type, "data": event.data, "previous": event.previous, "subject": subject,
            "change": event.change, "channel": event.channel,
        }  # fmt: skip
        answer = self.server.make(
            f"{self.path}/events", {key: value for key, value in body.items() if value is not None}
        )
        assert answer["deliveries"] == len(self.model.post(event).to)

    # ── sets, triggers, endpoints ────────────────────────────────────────────────────────────────────────────

    def make_set(self, name: str) -> None:
        answer = self.server.ask("PUT", f"{self.path}/tracked-sets/{name}", {})
        assert answer.status == (200 if name in self.model.sets else 201), answer.body
        self.model.sets.setdefault(name, set())

    def delete_set(self, name: str) -> None:
        assert self.server.ask("DELETE", f"{self.path}/tracked-sets/{name}").status == 204
        del self.model.sets[name]

    def add_members(self, name: str, ids: Sequence[str]) -> None:
        members = self.model.sets[name]
        added = len({*ids} - members)
        members.update(ids)
        answer = self.server.make(f"{self.path}/tracked-sets/{name}/members", {"ids": ids})
        assert (answer["added"], answer["members"]) == (added, len(members))

    def remove_members(self, name: str, ids: Sequence[str]) -> None:
        members = self.model.sets[name]
        removed = len({*ids} & members)
        members.difference_update(ids)
        answer = self.server.make(f"{self.path}/tracked-sets/{name}/members/remove", {"ids": ids})
        assert (answer["removed"], answer["members"]) == (removed, len(members))

    def make_trigger(self, trigger: Trigger) -> None:
        trigger.name = f"trigger{len(self._trigger_ids):03}"
        body = {**_trigger_fields(trigger), "record_type": trigger.type, "cooldown_s": COOLDOWN_S * trigger.cools}
        made = self.server.make(f"{self.path}/triggers", {"name": trigger.name, **body})
        self._trigger_ids[trigger.name] = made["id"]
        self.model.triggers[trigger.name] = trigger

    def change_trigger(self, name: str, other: Trigger) -> None:
        """All of it, but its type and how long it cools."""
        trigger = self.model.triggers[name]
        answer = self.server.ask("PATCH", f"{self.path}/triggers/{self._trigger_ids[name]}", _trigger_fields(other))
        assert answer.status == 200, answer.body
        trigger.when, trigger.emits, trigger.data, trigger.active = other.when, other.emits, other.data, other.active

    def delete_trigger(self, name: str) -> None:
        assert self.server.ask("DELETE", f"{self.path}/triggers/{self._trigger_ids[name]}").status == 204
        del self.model.triggers[name]

    def make_endpoint(self, endpoint: Endpoint) -> None:
        name = f"endpoint{len(self._endpoint_ids)}"
        fields = {**_endpoint_fields(endpoint), "ordering": endpoint.ordering, "active": endpoint.active}
        made = self.server.make(f"{self.path}/endpoints", {"url": self.world.inbox.url(self._at(name)), **fields})
        self._endpoint_ids[name] = made["id"]
        self.model.endpoints[name] = endpoint

    def change_endpoint(self, name: str, other: Endpoint) -> None:
        """What it wants, not how it is spoken to."""
        self._ask_endpoint("PATCH", name, "", 200, _endpoint_fields(other))
        endpoint = self.model.endpoints[name]
        endpoint.types, endpoint.channels, endpoint.filter = other.types, other.channels, other.filter
        endpoint.tracked_set = other.tracked_set

    def switch_endpoint(self, name: str) -> None:
        """What is on its way is waited for, since nothing is sent any more when it is off."""
        endpoint = self.model.endpoints[name]
        if endpoint.active:
            self.wait_for(name)
        self._ask_endpoint("POST", name, "/deactivate" if endpoint.active else "/activate", 200)
        endpoint.active = not endpoint.active

    def delete_endpoint(self, name: str) -> None:
        self.wait_for(name)
        self._ask_endpoint("DELETE", name, "", 204)
        self.model.endpoints[name].gone = True

    def _ask_endpoint(self, method: str, name: str, what: str, status: int, body: Json = None) -> None:
        answer = self.server.ask(method, f"{self.path}/endpoints/{self._endpoint_ids[name]}{what}", body)
        assert answer.status == status, (answer.status, answer.body)

    # ── comparing ────────────────────────────────────────────────────────────────────────────────────────────

    def wait_for(self, name: str) -> list[Received]:
        """Until an endpoint has got what it is to get; all that it got."""
        wanted, path = len(self.model.expected(name)), self._at(name)
        wait_until(lambda: len(self.world.arrived(path)) >= wanted, ARRIVES_WITHIN_S, f"{path} has {wanted} requests")
        return self.world.arrived(path)

    def compare(self) -> None:
        """Events, what receivers got, records and sets, each against the model."""
        events = read_events(self.server, self.id)
        told, expected = [_shown(event) for event in events], [_expected(event) for event in self.model.events]
        assert told == expected, _first_difference(told, expected)
        places = {event["id"]: place for place, event in enumerate(events)}
        for name, endpoint in self.model.endpoints.items():
            self._compare_endpoint(name, endpoint, places)
        for key, stored in self.model.records.items():
            self._compare_record(key, stored.data, stored.revision, stored.version, stored.updated_at)
        for name, members in self.model.sets.items():
            found = self.server.get(f"{self.path}/tracked-sets/{name}/members?limit=250")["items"]
            assert {one["id"] for one in found} == members
        self.world.figures["events"] += len(events)
        self.world.figures["events of triggers"] += sum(event.by in self._trigger_ids for event in self.model.events)
        self.world.forget()

    def _compare_endpoint(self, name: str, endpoint: Endpoint, places: Mapping[str, int]) -> None:
        """It got just what it is to get; an order is kept where it has one."""
        arrived = [(places[one.header("webhook-id") or ""], one) for one in self.wait_for(name)]
        order = [place for place, _ in arrived]
        wanted = [place for place, event in enumerate(self.model.events) if name in event.to]
        assert sorted(order) == wanted, (name, order, wanted)
        if not endpoint.gone:
            feed = read_events(self.server, self.id, self._endpoint_ids[name])
            assert [places[event["id"]] for event in feed] == wanted, name
        if endpoint.ordering == "strict":
            assert order == wanted, name
        elif endpoint.ordering == "subject":
            assert self._by_subject(order) == self._by_subject(wanted), name
        for place, received in arrived:
            event, body = self.model.events[place], json.loads(received.body)
            assert (body["type"], as_text(body["data"])) == (event.type, as_text(event.data))
        self.world.figures["deliveries"] += len(arrived)

    def _by_subject(self, places: Sequence[int]) -> dict[Key, list[int]]:
        found: dict[Key, list[int]] = defaultdict(list)
        for place in places:
            subject = self.model.events[place].subject
            if subject is not None:
                found[subject].append(place)
        return found

    def _compare_record(self, key: Key, data: Json, revision: int, version: int | None, updated_at: str | None) -> None:
        answer = self.server.ask("GET", self._record(key))
        if data is None:
            assert (answer.status, answer.json["code"]) == (404, "no_such_record"), (key, answer.body)
            return
        told = answer.json
        assert answer.headers["etag"] == f'"{revision}"'
        assert (told["type"], told["id"], told["revision"]) == (*key, revision)
        assert (told["version"], told["updated_at"]) == (version, updated_at)
        assert as_text(told["data"]) == as_text(data)

    def _record(self, key: Key) -> str:
        return f"{self.path}/records/{key[0]}/{quote(key[1], safe='')}"

    def _at(self, name: str) -> str:
        return f"/{self.id}/{name}"


def _shown(event: Mapping[str, Any]) -> tuple[object, ...]:
    subject = event["subject"] and (event["subject"]["type"], event["subject"]["id"])
    texts = as_text(event["data"]), as_text(event["previous"])
    rest = event["channel"], event["occurred_at"], event["deliveries"]
    return event["type"], *texts, subject, event["change"], *rest


def _expected(event: Happened) -> tuple[object, ...]:
    texts = as_text(event.data), as_text(event.previous)
    return event.type, *texts, event.subject, event.change, event.channel, event.updated_at, len(event.to)


def _first_difference(told: Sequence[object], expected: Sequence[object]) -> str:
    place = next((i for i, (one, other) in enumerate(zip(told, expected, strict=False)) if one != other), -1)
    here = slice(place, place + 2)
    return f"{len(told)} events instead of {len(expected)}; at {place}: {told[here]} instead of {expected[here]}"


def _tag(revision: int | str) -> str:
    return "*" if revision == "*" else f'"{revision}"'


def _spaced(data: Json) -> bytes:
    """With white space, as people write it."""
    return json.dumps(data, indent=1, ensure_ascii=False).encode()


def _keys(lines: Sequence[Line]) -> list[Key]:
    return [(line.type, line.id) for line in lines]


def _members(line: Line) -> dict[str, Json]:
    members = {
        "op": line.op, "type": line.type, "id": line.id, "data": line.data, "version": line.version,
        "updated_at": line.updated_at, "if_revision": line.revision, "channel": line.channel,
    }  # fmt: skip
    return {name: value for name, value in members.items() if value is not None}


def _trigger_fields(trigger: Trigger) -> dict[str, Json]:
    data = trigger.data.text if isinstance(trigger.data, Rule) else trigger.data
    return {"when": trigger.when.text, "emits": trigger.emits, "data": data, "active": trigger.active}


def _endpoint_fields(endpoint: Endpoint) -> dict[str, Json]:
    return {
        "event_types": endpoint.types,
        "channels": endpoint.channels,
        "filter": endpoint.filter and endpoint.filter.text,
        "tracked_set": endpoint.tracked_set,
    }
