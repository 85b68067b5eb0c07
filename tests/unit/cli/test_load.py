"""The benchmark's load: exactly as many requests as asked for, and no figure when anything is refused."""

import json

import pytest

from ringback.cli.load import BenchFailed, Load
from ringback.cli.receiver import Answer, Receiver, Request


def run(requests: int, connections: int, *, fails_at: int | None = None) -> list[Request]:
    seen: list[Request] = []

    def handler(request: Request) -> Answer:
        seen.append(request)
        return Answer(503 if len(seen) == fails_at else 202)

    receiver = Receiver("127.0.0.1", 0, handler)
    receiver.start()
    try:
        Load(f"http://127.0.0.1:{receiver.port}/events", "key", b'{"a":1}', requests, connections).run()
    finally:
        receiver.stop()
    return seen


@pytest.mark.parametrize(("requests", "connections"), [(1, 1), (3, 64), (500, 8)])
def test_every_request_is_sent_once(requests: int, connections: int) -> None:
    seen = run(requests, connections)
    assert len(seen) == requests
    assert {(request.method, request.path, request.body) for request in seen} == {("POST", "/events", b'{"a":1}')}
    assert all(("Authorization", "Bearer key") in request.headers for request in seen)
    assert json.loads(seen[0].body) == {"a": 1}


def test_a_refusal_ends_it_without_a_figure() -> None:
    with pytest.raises(BenchFailed, match="answered 503"):
        run(100, 4, fails_at=50)


def test_a_server_that_is_not_there_is_told() -> None:
    receiver = Receiver("127.0.0.1", 0, lambda _: Answer())
    receiver.start()
    receiver.stop()
    with pytest.raises(BenchFailed, match="can't be reached"):
        Load(f"http://127.0.0.1:{receiver.port}/", "key", b"{}", 10, 2).run()
