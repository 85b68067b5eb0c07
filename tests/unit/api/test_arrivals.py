"""Waiting for events: told at once, found by looking, answered before the time when that is better; never too many."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ringback.api import arrivals as module
from ringback.api.arrivals import Arrivals, pulled
from ringback.control.paging import Page

NOTHING: Page[Any] = Page([], None)
SOMETHING: Page[Any] = Page(["evt_1"], "c1")
LONG_S = 60.0


class Reading:
    """What `read` finds: the pages in turn, the last one again and again; `asked` are the cursors it was asked with."""

    def __init__(self, *pages: Page[Any], then: Callable[[int], object] = lambda _: None) -> None:
        self.pages = list(pages)
        self.asked: list[str | None] = []
        self._then = then

    def __call__(self, cursor: str | None) -> Page[Any]:
        self.asked.append(cursor)
        found = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        self._then(len(self.asked))
        return found


async def stays() -> bool:
    return False


async def leaves() -> bool:
    return True


def pull(
    reading: Reading,
    *,
    arrivals: Arrivals | None = None,
    cursor: str | None = None,
    wait_s: float = LONG_S,
    gone: Callable[[], Awaitable[bool]] = stays,
) -> Page[Any]:
    async def run() -> Page[Any]:
        async with asyncio.timeout(20):
            return await pulled(reading, cursor, arrivals or Arrivals(), "acme", wait_s=wait_s, gone=gone)

    return asyncio.run(run())


def test_what_is_there_is_answered_at_once() -> None:
    reading = Reading(SOMETHING)
    assert pull(reading, cursor="c0") == SOMETHING
    assert reading.asked == ["c0"]


def test_whoever_is_told_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", LONG_S)
    arrivals = Arrivals()
    reading = Reading(NOTHING, SOMETHING, then=lambda _: arrivals.told(["globex", "acme"]))
    assert pull(reading, arrivals=arrivals) == SOMETHING
    assert arrivals.waiting == 0


def test_what_nobody_tells_is_found_by_looking() -> None:
    assert pull(Reading(NOTHING, NOTHING, SOMETHING)) == SOMETHING


def test_after_the_time_the_page_is_empty_and_the_last_look_was_at_the_end() -> None:
    reading = Reading(NOTHING)
    assert pull(reading, cursor="c0", wait_s=0.05) == NOTHING
    assert reading.asked == ["c0", "c0"]


def test_a_place_behind_what_was_looked_at_is_kept() -> None:
    reading = Reading(Page([], "c1"), NOTHING, SOMETHING)
    assert pull(reading, cursor="c0") == SOMETHING
    assert reading.asked == ["c0", "c1", "c1"]
    assert pull(Reading(Page([], "c1"), NOTHING), wait_s=0.05) == Page([], "c1")


def test_a_caller_who_has_left_is_not_looked_for() -> None:
    reading = Reading(NOTHING)
    arrivals = Arrivals()
    assert pull(reading, arrivals=arrivals, gone=leaves) == NOTHING
    assert len(reading.asked) == 1
    assert arrivals.waiting == 0


def test_when_the_server_stops_all_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", LONG_S)
    arrivals = Arrivals()
    reading = Reading(NOTHING)

    async def run() -> list[Page[Any]]:
        async with asyncio.timeout(20):
            waiting = [
                asyncio.create_task(pulled(reading, None, arrivals, tenant, wait_s=LONG_S, gone=stays))
                for tenant in ("acme", "acme", "globex")
            ]
            while len(reading.asked) < len(waiting):
                await asyncio.sleep(0)
            arrivals.stop()
            return await asyncio.gather(*waiting)

    assert asyncio.run(run()) == [NOTHING] * 3
    # Whoever comes then doesn't wait at all.
    assert pull(Reading(NOTHING), arrivals=arrivals) == NOTHING
    assert arrivals.waiting == 0


@pytest.mark.parametrize("limit", ["PULLS_WAITING_MAX", "PULLS_WAITING_OF_TENANT_MAX"])
def test_one_more_than_may_wait_is_answered_at_once(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, limit, 2)

    async def run() -> None:
        arrivals = Arrivals()
        with arrivals.waiter("acme") as first, arrivals.waiter("acme") as second:
            assert None not in (first, second)
            page = await pulled(Reading(NOTHING), None, arrivals, "acme", wait_s=LONG_S, gone=stays)
            assert page == NOTHING
            with arrivals.waiter("globex") as other:
                assert (other is None) == (limit == "PULLS_WAITING_MAX")
        with arrivals.waiter("acme") as again:
            assert again is not None

    asyncio.run(run())


def test_an_error_of_a_look_goes_to_the_caller_and_nobody_stays_behind() -> None:
    arrivals = Arrivals()

    def broken(cursor: str | None) -> Page[Any]:
        raise ValueError("no tenant")

    async def run() -> None:
        with pytest.raises(ValueError, match="no tenant"):
            await pulled(broken, None, arrivals, "acme", wait_s=LONG_S, gone=stays)

    asyncio.run(run())
    assert arrivals.waiting == 0


def test_being_told_after_the_end_does_nothing() -> None:
    arrivals = Arrivals()

    waiter = arrivals.waiter("acme")

    async def run() -> None:
        waiter.__enter__()  # and never leaves: the loop ends

    asyncio.run(run())
    arrivals.told(["acme"])
    assert arrivals.waiting == 1
