"""When events arrive: the receivers' process, posting at a steady rate, and the latencies that come of it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from machinery import HERE, BenchFailed, free_port, get, running, wait_until_up


class Latency(NamedTuple):
    """Milliseconds from posting to arrival, or to the answer."""

    events: int
    p50: float
    p99: float
    greatest: float

    def __str__(self) -> str:
        return f"p50 {self.p50:7.1f} ms, p99 {self.p99:7.1f} ms, greatest {self.greatest:7.1f} ms of {self.events:,}"


def latency_of(times: Sequence[float]) -> Latency:
    """The figures of some times."""
    ordered = sorted(times)
    return Latency(len(ordered), ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])


@contextmanager
def receivers(directory: Path) -> Iterator[str]:
    """The receivers' process; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(HERE / "receivers.py"), "--port", str(port)]
    with running(command, directory / "receivers.log") as process:
        wait_until_up(f"{url}/latencies", process)
        yield url


def arrived(receiver: str) -> dict[str, list[float]]:
    """Path → milliseconds on the way, of all events since it was asked last."""
    found: dict[str, list[float]] = json.loads(get(f"{receiver}/latencies"))
    return found


def requested(receiver: str) -> dict[str, int]:
    """Name of a behaviour → requests that came for it since it was asked last."""
    found: dict[str, int] = json.loads(get(f"{receiver}/requests"))
    return found


class Poster:
    """Posts `rate` events a second for some seconds, in a process of its own."""

    def __init__(self, url: str, key: str, event_type: str, rate: float, seconds: float) -> None:
        command = [sys.executable, str(HERE / "pace.py"), "--url", url, "--key", key, "--type", event_type]
        self._seconds = seconds
        self._process = subprocess.Popen(
            [*command, "--rate", str(rate), "--seconds", str(seconds)], stdout=subprocess.PIPE
        )

    def wait(self) -> Latency:
        """Until all answers are there: how long they took. Raises BenchFailed unless every event was accepted."""
        said = self._process.communicate(timeout=self._seconds + 60)[0]
        if self._process.returncode:
            raise BenchFailed(f"posting ended with {self._process.returncode}")
        told = json.loads(said)
        if told["refused"] or told["accepted"] < told["posted"]:
            raise BenchFailed(f"{told['accepted']} of {told['posted']} were accepted, refused: {told['refused']}")
        return latency_of(told["answered_ms"])
