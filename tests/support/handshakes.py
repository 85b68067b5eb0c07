"""Receivers that are asked to prove themselves, and profiles that only tests know: handshakes no contract here has.

`profiles_beside` gives a server those profiles, in both of its processes. `test-post` sends its challenge in the body
and asks once; `test-get` in the query, for a while; `test-brief` is `test-get` with little patience.
"""

import json
import os
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

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

# Python runs this at every start: the server's, and that of its sender.
_AT_START: Final = """
import pathlib
from ringback.wire import profile
profile._FOLDER = pathlib.Path({folder!r})
profile._NAMES = tuple(sorted(path.stem for path in profile._FOLDER.glob("*.toml")))
"""


def profiles_beside(folder: Path) -> dict[str, str]:
    """The environment in which a server knows these profiles too. `folder` is made."""
    folder.mkdir()
    shipped = [one for one in files("ringback.wire").joinpath("profiles").iterdir() if one.name.endswith(".toml")]
    for one in shipped:
        (folder / one.name).write_text(one.read_text("utf-8"), "utf-8")
    standard = (folder / "standard.toml").read_text("utf-8")
    for name, table in PROFILES.items():
        (folder / f"{name}.toml").write_text(standard.replace('name = "standard"', f'name = "{name}"') + table, "utf-8")
    (folder / "sitecustomize.py").write_text(_AT_START.format(folder=str(folder)), "utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


Reply = Callable[[ReceivedRequest], bytes]


def proves(reply: Reply) -> Script:
    """Answer what asks with `reply`, any delivery with 200."""

    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(reply(request) if asks(request) else OK)

    return script


def asks(request: ReceivedRequest) -> bool:
    """Whether it is a handshake's and no delivery."""
    return request.header("webhook-id") is None


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
