"""uvicorn on a port of its own, with the hot route in front of nothing."""

import http.client
import socket
import threading
from functools import partial
from typing import Any

import uvicorn

from ringback.api.direct import DirectCycle, DirectProtocol
from ringback.api.protocol import ProblemProtocol
from ringback.api.room import Room
from ringback.model.limits import WAITING_BYTES_MAX
from support.events_route import EventsWorld


class RouteServer:
    """`direct`: with the short way for ordinary requests. `taken` counts what went that way."""

    def __init__(self, *, direct: bool, room_bytes: int = WAITING_BYTES_MAX) -> None:
        self.world = EventsWorld()
        self.room = Room(self.world.clock.boottime_s, bytes_max=room_bytes)
        self.world.queue.admit = self.room.check
        self.taken = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        protocol: Any = partial(_Counting, self, self.world.route, self.room) if direct else ProblemProtocol
        config = uvicorn.Config(
            self.world.route, http=protocol, ws="none", lifespan="off", access_log=False, log_config=None
        )
        self.uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.uvicorn.run, args=([self.listener],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.world.stop()
        self.listener.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


class _Counting(DirectProtocol):
    def __init__(self, server: RouteServer, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._server = server

    def on_message_complete(self) -> None:
        cycle: object = self.cycle
        self._server.taken += isinstance(cycle, DirectCycle)
        super().on_message_complete()
