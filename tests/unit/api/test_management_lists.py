"""Lists: pages of every length, cursors that stay good, nothing twice and nothing left out."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.api_world import ApiWorld, fields_of
from support.rows import TENANT, attempt, event

COUNT = 120


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    """120 of everything, each a millisecond after the one before."""
    world = ApiWorld()
    for number in range(COUNT):
        world.clock.jump_ms(1)
        world.parts.tenants.create(f"tenant-{number:03d}", {"name": "x"}, None)
        world.parts.keys.create(None, world.store.list_keys(None, None, 1)[0].scope)
        world.endpoint(label=str(number))
        world.post("/keys", {"scope": "ingest", "label": str(number)})
    endpoint_ids = [endpoint.id for endpoint in world.store.list_endpoints(TENANT, None, 1_000)]
    world.accept([event(f"evt_{number:03d}") for number in range(COUNT)])
    world.accept([event("evt_all")], endpoint_ids)
    with world.store._tables as tables:
        for number in range(1, COUNT + 1):
            tables.keep_attempt(attempt(number, 1, f"evt_{number - 1:03d}", endpoint_ids[0]))
    return world


def pages(world: ApiWorld, path: str, limit: int | None) -> Iterator[list[Any]]:
    """All pages of a list, by their cursors."""
    joint = "&" if "?" in path else "?"
    cursor = None
    for _ in range(COUNT + 10):
        query = "" if limit is None else f"{joint}limit={limit}"
        query += "" if cursor is None else f"{'&' if query else joint}cursor={cursor}"
        page = world.call("GET", path + query).json()
        assert page.keys() == {"items", "next_cursor"}
        yield page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
    raise AssertionError("the list does not end")


ALL = f"/v1/tenants/{TENANT}"
LISTS = {
    "/v1/tenants": (COUNT + 2, "id", False),
    "/v1/keys": (COUNT + 1, "id", True),
    f"{ALL}/keys": (COUNT + 2, "id", True),
    f"{ALL}/endpoints": (COUNT, "id", False),
    f"{ALL}/attempts": (COUNT, "id", True),
    f"{ALL}/events": (COUNT + 1, None, True),
    f"{ALL}/events?order=asc": (COUNT + 1, None, False),
    f"{ALL}/events/evt_all/deliveries": (COUNT, "endpoint_id", False),
}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [None, 1, 7, 60, 250])
def test_pages_hold_everything_once_and_in_order(world: ApiWorld, path: str, limit: int | None) -> None:
    count, key, falling = LISTS[path]
    if limit == 1 and "order" not in path and key is None:
        limit = 2
    found = list(pages(world, path, limit))
    assert all(len(page) == (limit or 50) for page in found[:-1] if page is not found[-2])
    items = [item for page in found for item in page]
    assert len(items) == count
    names = [item[key or "id"] for item in items]
    assert len(set(names)) == count
    if key is not None:
        assert names == sorted(names, reverse=falling)


def test_a_cursor_stays_good(world: ApiWorld) -> None:
    cursor = world.get("/endpoints?limit=10")["next_cursor"]
    following = world.get(f"/endpoints?limit=10&cursor={cursor}")
    world.clock.jump_ms(1)
    world.endpoint(label="later")
    assert world.get(f"/endpoints?limit=10&cursor={cursor}") == following
    assert world.call("DELETE", f"{ALL}/endpoints/{world.get('/endpoints?limit=250')['items'][-1]['id']}").is_success


def test_a_cursor_of_another_list_is_refused(world: ApiWorld) -> None:
    cursor = world.get("/endpoints?limit=10")["next_cursor"]
    for path in ("/v1/tenants", "/v1/keys", f"{ALL}/keys", f"{ALL}/attempts", f"{ALL}/events"):
        assert fields_of(world.call("GET", f"{path}?cursor={cursor}")) == ["cursor"]


def test_an_empty_list() -> None:
    world = ApiWorld()
    for path in ("/endpoints", "/attempts", "/events", "/events?order=asc"):
        assert world.get(path) == {"items": [], "next_cursor": None}
