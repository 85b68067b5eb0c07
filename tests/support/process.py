"""A real `ringback serve` in a process of its own, for the end-to-end tests: started, asked, stopped, killed."""

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ADMIN_KEY = "test-admin-key-of-the-suite-0001"
READY_WITHIN_S = 30.0


# Below those that the system gives to connections.
_PORTS = range(18_000, 32_000)
_places = itertools.count(os.getpid() * 1_009)


def free_port() -> int:
    """A port of the loopback that nobody has just now, and that nobody is given: no connection, and no test of another
    process, which has a stretch of its own. Whoever is told it binds it later: until then somebody else's server there
    would be taken for the one that is meant."""
    while True:
        port = _PORTS[next(_places) % len(_PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], Any], within_s: float, what: str) -> Any:
    """Poll until `condition` is true and return what it gave; fails after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(0.02)


class Answer:
    """One HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """`ringback serve` on a data directory. `ask` speaks to it with the admin key."""

    def __init__(
        self,
        data: Path,
        *flags: str,
        port: int | None = None,
        environment: dict[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        """`inside` is put before the command, such as `nsenter …`."""
        self.data = data
        self.port = port or free_port()
        self._flags = flags
        self._environment = environment or {}
        self._inside = inside
        self._process: subprocess.Popen[bytes] | None = None
        self.log = data.parent / f"{data.name}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, wait: bool = True) -> "Server":
        command = [sys.executable, "-m", "ringback.cli.main", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._inside, *command, "--data", str(self.data), *self._flags],
                env={**os.environ, "RINGBACK_ADMIN_KEY": ADMIN_KEY, **self._environment},
                stdout=log,
                stderr=log,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        wait_until(self._ready, READY_WITHIN_S, f"the server is ready (log: {self.log})")

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended with {self._process.returncode}:\n{self.log.read_text()[-2000:]}")
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = ADMIN_KEY,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own. `body`: bytes as they are, anything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = dict(headers or {})
            if key is not None:
                sent.setdefault("Authorization", f"Bearer {key}")
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            if body is not None:
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def make(self, path: str, body: Any) -> Any:
        """POST that must succeed; the JSON of the answer."""
        answer = self.ask("POST", path, body)
        assert answer.status in (200, 201, 202), (path, answer.status, answer.body)
        return answer.json

    def get(self, path: str) -> Any:
        """GET that must succeed; the JSON of the answer."""
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json
