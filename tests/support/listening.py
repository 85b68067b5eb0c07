"""`ringback listen --json` in a process of its own: where it listens, and the lines it printed."""

import json
import re
import subprocess
import sys
import threading
from typing import Any, Final

from support.command import environment_without_ours
from support.process import wait_until

WITHIN_S: Final = 30.0


class Listening:
    """Started by its constructor, ready when `url` answers, ended by `stop`. `lines` are what it printed until now."""

    def __init__(self, *flags: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ringback.cli.main", "listen", "--port", "0", "--json", *flags],
            env=environment_without_ours({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self._base = ""

    @property
    def url(self) -> str:
        """Where it listens; waits until it does."""
        if not self._base:
            assert self._process.stderr is not None
            said = self._process.stderr.readline()
            found = re.search(r"Listening on (http://\S+)", said)
            assert found is not None, said
            self._base = found[1]
        return f"{self._base}hook"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Its first lines, as soon as it printed so many."""
        wait_until(lambda: len(self.lines) >= count, WITHIN_S, f"{count} lines of listen")
        return self.lines[:count]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(WITHIN_S)
        self._reading.join(WITHIN_S)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))
