"""A small stand-in for the API, for tests of the commands that talk to it."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ringback.cli.receiver import Answer, Receiver, Request

KEY = "test-key-of-twenty-characters"


class StandIn:
    """Answers what `answers` says for "METHOD path" and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, Callable[[Request], tuple[int, Any]]] = {}
        self._receiver = Receiver("127.0.0.1", 0, self._answer)
        self._receiver.start()
        self.url = f"http://127.0.0.1:{self._receiver.port}"

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        status, body = self.answers[f"{request.method} {urlsplit(request.path).path}"](request)
        return Answer(status, b"" if body is None else json.dumps(body).encode())

    def stop(self) -> None:
        self._receiver.stop()
