"""Receivers that are asked to prove themselves, and profiles that only tests know: handshakes no contract here has.

`keep_profiles` gives a server those profiles. `test-post` sends its challenge in the body
and asks once; `test-get` in the query, for a while; `test-brief` is `test-get` with little patience. `test-late` is
`insideview`, but it asks once and waits for 0.3 s.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from ringback.wire.profile import profile_text
from support.receivers import OK, Connection, ReceivedRequest, Script

CODE_HEADER: Final = "X-InsideViewAPI-ValidationCode"

_ERRORS: Final = "".join(
    f"""
[handshake.errors.{reason}]
code = "test_{reason}"
message = "The answer is {reason}."
"""
    for reason in ("unreachable", "missing", "empty", "malformed", "different")
)

POST_IN_BODY: Final = f"""
[handshake]
method = "POST"
challenge = "random"
challenge_in = "body"
challenge_name = "challenge"
answer_in = "body"
answer_name = "challenge"
answer_case = "any"
answer_status = "2xx"
retry_for_s = 0
deadline_s = 5
{_ERRORS}"""

GET_IN_QUERY: Final = f"""
[handshake]
method = "GET"
challenge = "random"
challenge_in = "query"
challenge_name = "hub.challenge"
answer_in = "body"
answer_case = "any"
answer_status = "2xx"
retry_for_s = 15
deadline_s = 5
{_ERRORS}"""

PROFILES: Final = {
    "test-post": POST_IN_BODY,
    "test-get": GET_IN_QUERY,
    "test-brief": GET_IN_QUERY.replace("retry_for_s = 15", "retry_for_s = 0.5"),
}


def keep_profiles(data: Path) -> None:
    """A server on this data directory, which is made, knows these profiles too."""
    folder = data / "profiles"
    folder.mkdir(parents=True)
    standard = profile_text("standard")
    for name, table in PROFILES.items():
        (folder / f"{name}.toml").write_text(standard.replace('name = "standard"', f'name = "{name}"') + table, "utf-8")
    late = profile_text("insideview").replace('name = "insideview"', 'name = "test-late"')
    late = late.replace("retry_for_s = 180", "retry_for_s = 0").replace("deadline_s = 10", "deadline_s = 0.3")
    (folder / "test-late.toml").write_text(late, "utf-8")


Reply = Callable[[ReceivedRequest], bytes]


def proves(reply: Reply) -> Script:
    """Answer what asks with `reply`, any delivery with 200."""

    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(reply(request) if asks(request) else OK)

    return script


def asks(request: ReceivedRequest) -> bool:
    """Whether it is a handshake's and no delivery."""
    return request.header("Ringback-Hops") is None


class Held:
    """A script that keeps whoever asks waiting until `let_go`."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._go = threading.Event()

    def __call__(self, connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if asks(request):
                while not self._go.wait(0.02) and not connection.stopping.is_set():
                    pass
                connection.send(self._reply(request))
            else:
                connection.send(OK)

    def let_go(self) -> None:
        self._go.set()


def headers(*lines: str, status: str = "200 OK", interim: str = "") -> bytes:
    """An answer without a body."""
    head = "".join(f"{line}\r\n" for line in lines)
    return f"{interim}HTTP/1.1 {status}\r\n{head}Content-Length: 0\r\n\r\n".encode("latin-1")


def echo(request: ReceivedRequest) -> bytes:
    """As the document asks."""
    return headers(f"{CODE_HEADER}: {request.header(CODE_HEADER)}")


def _answer(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def echo_body(request: ReceivedRequest) -> bytes:
    """The challenge of a POST, back under its key."""
    return _answer(json.dumps({"challenge": json.loads(request.body)["challenge"]}))


def echo_query(request: ReceivedRequest) -> bytes:
    """The challenge of a GET, back as the body."""
    query = parse_qs(urlsplit(request.line.split(" ")[1]).query)
    return _answer(query["hub.challenge"][0] + "\n")
