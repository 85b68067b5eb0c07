"""Taking connections: all that wait at once, as uvicorn's server needs it, and what happens without descriptors."""

import asyncio
import errno
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from ringback.api import listening
from ringback.api.listening import Listening

CALLERS = 40
WITHIN_S = 15.0


class Guest(asyncio.Protocol):
    """Notes, when its connection is there, whether others still wait to be taken."""

    made = 0
    others_waited = False

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Guest.made += 1
        Guest.others_waited |= waiting(self._listener)
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


def waiting(listener: socket.socket) -> bool:
    return bool(select.select([listener], [], [], 0)[0])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    Guest.made, Guest.others_waited = 0, False
    with socket.create_server(("127.0.0.1", 0), backlog=CALLERS) as opened:
        yield opened


def callers(stack: ExitStack, listener: socket.socket, count: int) -> list[socket.socket]:
    """Connections that wait in the listener's queue."""
    address = listener.getsockname()
    return [stack.enter_context(socket.create_connection(address, timeout=WITHIN_S)) for _ in range(count)]


async def until_made(count: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while Guest.made < count:
            await asyncio.sleep(0.001)


def test_all_that_wait_are_taken_before_the_first_is_served(listener: socket.socket) -> None:
    async def serve() -> None:
        listening = Listening(listener, lambda: Guest(listener))
        await until_made(CALLERS)
        listening.close()
        await listening.wait_closed()

    with ExitStack() as stack:
        callers(stack, listener, CALLERS)
        uvloop.run(serve())
    assert Guest.made == CALLERS
    assert not Guest.others_waited


def test_who_was_taken_is_served(listener: socket.socket) -> None:
    async def serve(caller: socket.socket) -> bytes:
        listening = Listening(listener, lambda: Guest(listener))
        caller.sendall(b"hello")
        answer = await asyncio.wait_for(asyncio.to_thread(caller.recv, 100), WITHIN_S)
        listening.close()
        return answer

    with ExitStack() as stack:
        assert uvloop.run(serve(callers(stack, listener, 1)[0])) == b"hello"


def test_after_the_end_nobody_is_taken(listener: socket.socket) -> None:
    async def serve(stack: ExitStack) -> None:
        listening = Listening(listener, lambda: Guest(listener))
        listening.close()
        listening.close()
        await listening.wait_closed()
        callers(stack, listener, 1)
        for _ in range(20):
            await asyncio.sleep(0)

    with ExitStack() as stack:
        uvloop.run(serve(stack))
        assert waiting(listener)
    assert Guest.made == 0


def test_without_descriptors_it_waits_and_goes_on(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "AFTER_FAILURE_S", 0.01)

    class Exhausted:
        """The listener on a machine that has no descriptor left for the first two connections."""

        failures = 2

        def __getattr__(self, name: str) -> Any:
            return getattr(listener, name)

        def accept(self) -> Any:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return listener.accept()

    exhausted: Any = Exhausted()

    async def serve() -> None:
        listening = Listening(exhausted, lambda: Guest(listener))
        await until_made(1)
        listening.close()

    with ExitStack() as stack:
        callers(stack, listener, 1)
        uvloop.run(serve())
    assert exhausted.failures == 0
    assert Guest.made == 1
