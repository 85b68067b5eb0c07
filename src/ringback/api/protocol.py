"""What is no HTTP at all gets the same kind of answer as everything else: a problem document.

uvicorn answers such requests itself, before any app sees them, in plain text. Everything else is its own. Assumes
that httptools is there, which pyproject.toml asks for.
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ringback.api.problem import problem
from ringback.model.errors import Malformed

_NO_HTTP: Final = Malformed("This is not a request in HTTP/1.1: its first line, a header or its framing is broken.")


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with our answer to what its parser refuses."""

    def send_400_response(self, msg: str) -> None:
        answer = problem(_NO_HTTP)
        headers = {**answer.headers, "content-length": str(len(answer.body)), "connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 400 Bad Request\r\n{head}\r\n".encode("latin-1") + answer.body)
        self.transport.close()
