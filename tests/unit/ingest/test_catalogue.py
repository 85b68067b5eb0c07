"""The schemas in memory: they follow the store, are compiled once, and events are checked against them."""

import json
from typing import Any

import pytest

from ringback.ingest import catalogue as module
from ringback.ingest.accept import Acceptor, SchemaMismatch
from ringback.ingest.catalogue import PAGE_TYPES, Catalogue
from ringback.ingest.submission import Submission
from ringback.model.errors import Invalid
from ringback.model.event_type import EventType
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT

PRICES = {"type": "object", "properties": {"items": {"items": {"properties": {"price": {"type": "integer"}}}}}}


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.catalogue = Catalogue(self.store)
        self.acceptor = Acceptor(ManualClock(NOW), None, self.catalogue.schema_of)

    def put(self, name: str, schema: Any = None) -> None:
        text = None if schema is None else json.dumps(schema).encode()
        version = self.store.version()
        assert self.store.put_event_type(EventType(name, "", False, NOW, NOW, schema=text), 1_000)
        self.catalogue.follow(self.store.changes_after(version))

    def delete(self, name: str) -> None:
        version = self.store.version()
        assert self.store.delete_event_type(name)
        self.catalogue.follow(self.store.changes_after(version))

    def single(self, event_type: str, data: Any) -> Submission:
        return self.acceptor.single(TENANT, json.dumps({"type": event_type, "data": data}).encode(), None, 0)

    def array(self, *events: Any) -> Submission:
        return self.acceptor.array(TENANT, json.dumps({"events": events}).encode(), None, 0)


@pytest.fixture
def world() -> World:
    return World()


def fields(refused: pytest.ExceptionInfo[SchemaMismatch]) -> list[str]:
    assert refused.value.code == "schema_mismatch"
    return [error.field for error in refused.value.errors]


def test_everything_is_loaded_page_by_page() -> None:
    store = MemoryStore()
    for number in range(PAGE_TYPES + 2):
        store.put_event_type(EventType(f"t{number:03d}", "", False, NOW, NOW, schema=b"false"), 1_000)
    store.put_event_type(EventType("bare", "", False, NOW, NOW), 1_000)
    catalogue = Catalogue(store)
    catalogue.load()
    assert all(catalogue.schema_of(f"t{number:03d}") is not None for number in range(PAGE_TYPES + 2))
    assert catalogue.schema_of("bare") is None


def test_data_that_matches_is_accepted_byte_for_byte(world: World) -> None:
    world.put("order", PRICES)
    body = b'{"type":"order","data": { "items":[{"price":1.0}] , "items":[{"price": 2}]} }'
    (event,) = world.acceptor.single(TENANT, body, None, 0).events
    assert event.data == b'{ "items":[{"price":1.0}] , "items":[{"price": 2}]}'


def test_data_that_does_not_match_is_refused_field_by_field(world: World) -> None:
    world.put("order", PRICES)
    with pytest.raises(SchemaMismatch) as refused:
        world.single("order", {"items": [{"price": "s3cret"}, {"price": 1}, {"price": None}]})
    assert fields(refused) == ["data.items[0].price", "data.items[2].price"]
    assert "s3cret" not in str(refused.value.errors) + refused.value.detail
    assert refused.value.detail == (
        'The data doesn\'t match the schema of order: data.items[0].price is not of type "integer".'
    )
    with pytest.raises(SchemaMismatch) as refused:
        world.single("order", 5)
    assert fields(refused) == ["data"]


def test_in_a_batch_the_event_is_named_and_none_is_accepted(world: World) -> None:
    world.put("order", PRICES)
    good = {"type": "order", "data": {}}
    bad = {"type": "order", "data": {"items": [{"price": "x"}]}}
    with pytest.raises(SchemaMismatch) as refused:
        world.array(good, bad, {"type": "other", "data": 1}, {"type": "order", "data": 1})
    assert fields(refused) == ["events[1].data.items[0].price", "events[3].data"]
    with pytest.raises(Invalid) as other:
        world.array(bad, {"type": "?", "data": 1})
    assert other.value.code == "invalid"
    assert [error.field for error in other.value.errors] == ["events[0].data.items[0].price", "events[1].type"]


def test_other_types_are_not_looked_at(world: World) -> None:
    world.put("order", False)
    world.put("free")
    for event_type in ("order.paid", "Order", "free", "unknown"):
        assert world.single(event_type, {"any": 1}).events


def test_it_follows_what_changes(world: World) -> None:
    world.put("order", {"type": "string"})
    assert world.single("order", "text")
    world.put("order", {"type": "integer"})
    with pytest.raises(SchemaMismatch):
        world.single("order", "text")
    world.put("order")
    assert world.single("order", "text")
    world.put("order", False)
    world.delete("order")
    assert world.single("order", "text")


def test_a_schema_is_compiled_once_and_only_when_it_is_needed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def compile_schema(text: bytes) -> object:
        compiled.append(text)
        return real(text)

    real = module.compile_schema
    monkeypatch.setattr(module, "compile_schema", compile_schema)
    world.put("order", {"type": "string"})
    assert compiled == []
    for _ in range(3):
        world.single("order", "text")
    assert compiled == [b'{"type": "string"}']


def test_a_stored_schema_that_is_none_any_more_lets_events_pass(world: World) -> None:
    world.put("order", {"type": "objekt"})
    assert world.single("order", 5)
    assert world.single("order", 5)
