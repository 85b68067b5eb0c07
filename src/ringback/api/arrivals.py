"""Waiting for events to arrive: whoever pulls a tenant's events waits here until this process has stored one of it.

The ingest writer tells which tenants have new events; what other processes store, or this one in another way, is found
by looking again every LOOK_EVERY_S. Nobody who waits holds a thread, only while looking. So many wait at most, of one
tenant too: who is one more is answered at once. When the server stops, all are answered at once. Assumes one event
loop; `told` is for any thread, everything else for the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from ringback.control.paging import Page
from ringback.model.limits import PULLS_WAITING_MAX, PULLS_WAITING_OF_TENANT_MAX

LOOK_EVERY_S: Final = 0.5
LOOKS_APART_S: Final = 0.1
"""At least, so that a busy tenant whose events are not those wanted isn't looked at for each commit."""


class Arrivals:
    """Who waits, by tenant."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stopping = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._count

    def told(self, tenant_ids: Iterable[str]) -> None:
        """These tenants may have new events, which are committed. For any thread."""
        if not self._waiting or self._loop is None:  # mostly nobody waits
            return
        wanted = {tenant_id for tenant_id in tenant_ids if tenant_id in self._waiting}
        if wanted:
            try:
                self._loop.call_soon_threadsafe(self._wake, wanted)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def stop(self) -> None:
        """Answer everybody now; from now on nobody waits."""
        self.stopping = True
        self._wake(list(self._waiting))

    @contextmanager
    def waiter(self, tenant_id: str) -> Iterator[asyncio.Event | None]:
        """What is set when the tenant may have new events, or the server stops; None: too many wait already."""
        others = self._waiting.get(tenant_id, set())
        if self._count >= PULLS_WAITING_MAX or len(others) >= PULLS_WAITING_OF_TENANT_MAX:
            yield None
            return
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._waiting.setdefault(tenant_id, others).add(event)
        self._count += 1
        try:
            yield event
        finally:
            self._count -= 1
            others.discard(event)
            if not others:
                self._waiting.pop(tenant_id, None)

    def _wake(self, tenant_ids: Iterable[str]) -> None:
        for tenant_id in tenant_ids:
            for event in self._waiting.get(tenant_id, ()):
                event.set()


async def pulled(
    read: Callable[[str | None], Page[Any]],
    cursor: str | None,
    arrivals: Arrivals,
    tenant_id: str,
    *,
    wait_s: float,
    gone: Callable[[], Awaitable[bool]],
) -> Page[Any]:
    """What `read` finds from `cursor` on; where that is nothing, what it finds within `wait_s`.

    A page without items may have a cursor, behind what has been looked at. `gone`: whether the caller has left, who
    isn't looked for any more then. Raises what `read` raises.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + wait_s
    place = None
    with arrivals.waiter(tenant_id) as arrived:
        while True:
            looked_s = loop.time()
            page = await run_in_threadpool(read, place or cursor)
            place = page.next_cursor or place
            if page.items or arrived is None or arrivals.stopping or loop.time() >= until_s:
                return page._replace(next_cursor=place)
            await _until(arrived, min(loop.time() + LOOK_EVERY_S, until_s))
            if not arrivals.stopping:
                await asyncio.sleep(min(looked_s + LOOKS_APART_S, until_s) - loop.time())
            if await gone():
                return page._replace(next_cursor=place)
            arrived.clear()


async def _until(arrived: asyncio.Event, deadline_s: float) -> None:
    try:
        async with asyncio.timeout_at(deadline_s):
            await arrived.wait()
    except TimeoutError:
        return
