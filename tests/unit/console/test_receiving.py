"""Sending to bins: any method, what is read of a body, what is answered, and what an answer never lets a browser do."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from ringback.console import receiving
from ringback.console.receiving import receiving_routes
from ringback.control.bin_fields import BinFields
from ringback.control.bins import BinUseCases
from ringback.control.paging import PageRequest
from ringback.model.console import Bin, BinRequest
from ringback.model.limits import BIN_BODY_KEPT_BYTES_MAX, BIN_BODY_READ_BYTES_MAX
from support.api_world import ApiWorld


class World(ApiWorld):
    """The API with bins beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.bins = BinUseCases(self.store, self.clock, self.profiles)
        self.app.router.routes.extend(receiving_routes(self.bins))
        self.client = TestClient(self.app, follow_redirects=False)

    def made(self, **fields: Any) -> Bin:
        return self.bins.create(None, BinFields(**fields))

    def kept(self, one: Bin) -> list[BinRequest]:
        """Oldest first."""
        return list(self.bins.requests(None, one.id, PageRequest(250)).items)[::-1]


@pytest.fixture
def world() -> World:
    return World()


def test_any_method_at_any_place_below_is_kept(world: World) -> None:
    one = world.made(status=201, headers={"X-Mine": "1"}, body="thanks")
    asked = [
        ("POST", ""), ("GET", "/"), ("PUT", "/a/b"), ("DELETE", "/a%2Fb?x=1"), ("PATCH", "?"), ("OPTIONS", "//"),
        ("PROPFIND", "/%00"),
    ]  # fmt: skip
    for method, rest in asked:
        answer = world.client.request(method, f"/bins/{one.id}{rest}", content=b"\x00\xff")
        assert (answer.status_code, answer.text, answer.headers["x-mine"]) == (201, "thanks", "1")
    head = world.client.head(f"/bins/{one.id}")
    assert head.status_code == 201
    kept = world.kept(one)
    assert [row.method for row in kept] == [method for method, _ in asked] + ["HEAD"]
    assert [row.path.removeprefix(f"/bins/{one.id}") for row in kept[:4]] == ["", "/", "/a/b", "/a%2Fb?x=1"]
    assert {row.body for row in kept[:-1]} == {b"\x00\xff"}
    assert '["content-length","2"]' in kept[0].headers
    assert kept[0].remote_address == "testclient"


def test_a_body_is_kept_up_to_its_limit_and_refused_beyond_another(world: World) -> None:
    one = world.made()
    for size in (BIN_BODY_KEPT_BYTES_MAX, BIN_BODY_KEPT_BYTES_MAX + 1, BIN_BODY_READ_BYTES_MAX):
        assert world.client.post(f"/bins/{one.id}", content=b"x" * size).status_code == 200
    assert [(len(row.body), row.truncated) for row in world.kept(one)] == [
        (BIN_BODY_KEPT_BYTES_MAX, False),
        (BIN_BODY_KEPT_BYTES_MAX, True),
        (BIN_BODY_KEPT_BYTES_MAX, True),
    ]
    too_much = b"x" * (BIN_BODY_READ_BYTES_MAX + 1)
    for content in (too_much, iter([too_much])):  # with its length, and in chunks
        answer = world.client.post(f"/bins/{one.id}", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert len(world.kept(one)) == 3


@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_no_answer_is_run_by_a_browser(world: World, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    one = world.made(body="<script>alert(1)</script>", headers=headers)
    answer = world.client.get(f"/bins/{one.id}")
    assert answer.headers["content-type"] == (content_type or "text/plain; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


def test_who_sends_to_no_bin_is_told_as_by_the_api(world: World) -> None:
    for path in ("/bins/bin_none", "/bins/bin_00000000000000000000000000/x", "/bins/.."):
        answer = world.client.post(path, content=b"{}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert world.client.post("/bins/bin_00000000000000000000000000").json()["code"] == "no_such_bin"
    assert world.client.post("/bins").status_code == 404


def test_a_late_answer_waits_and_so_many_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(receiving.asyncio, "sleep", sleep)
    one = world.made(delay_s=2.5, status=202)
    assert world.client.post(f"/bins/{one.id}").status_code == 202
    assert waited == [2.5]
    monkeypatch.setattr(receiving, "BIN_ANSWERS_WAITING_MAX", 0)
    answer = world.client.post(f"/bins/{one.id}")
    assert (answer.status_code, answer.json()["code"]) == (503, "bins_busy")
    assert len(world.kept(one)) == 2
    assert waited == [2.5]


def test_too_many_are_told_to_wait(world: World) -> None:
    one = world.made()
    answers = [world.client.post(f"/bins/{one.id}") for _ in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert answers[-1].json()["code"] == "bin_rate"
    assert answers[-1].headers["retry-after"] == "1"
