"""What the benchmarks share: processes that are ended whatever happens, a receiver, a load, a few numbers.

Everything is on loopback and is ended by the process id it was started with. Whatever speaks against a figure raises
`BenchFailed`, with the last words of the process concerned.
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SOURCE = ROOT / "src"

CONNECTIONS = 64
START_S_MAX = 30.0
STOP_S_MAX = 15.0
LOAD_S_MAX = 600.0


class BenchFailed(Exception):
    """There is no figure; the text says why."""


class Summary(NamedTuple):
    """The median, the least and the greatest of some numbers."""

    median: float
    least: float
    greatest: float


# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────────────────────


def summarise(numbers: Sequence[float]) -> Summary:
    """The three numbers that stand for many."""
    return Summary(statistics.median(numbers), min(numbers), max(numbers))


def check_load(output: str, requests: int) -> None:
    """Hold h2load's own words against what it was asked: every request answered, every answer 2xx."""
    counts = re.search(r"requests: (\d+) total.* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    if counts is None or codes is None:
        raise BenchFailed(f"h2load said something else:\n{output}")
    if [int(n) for n in counts.groups()] != [requests, requests, 0, 0, 0]:
        raise BenchFailed(f"not every request was answered: {counts.group()}")
    if [int(n) for n in codes.groups()] != [requests, 0, 0, 0]:
        raise BenchFailed(f"not every answer was 2xx: {codes.group()}")


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────


Process = subprocess.Popen[bytes]


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[Process]:
    """A process for the time of the block, in a session of its own; ended by its pid, killed if it won't end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            yield process
        except Exception as error:
            said = str(error) if isinstance(error, BenchFailed) else f"{type(error).__name__}: {error}"
            raise BenchFailed(f"{said}\n{last_words(command[0], process.poll(), log)}") from error
        finally:
            process.terminate()
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def last_words(program: str, code: int | None, log: Path) -> str:
    """The end of a process's output and how it ended, for an error."""
    state = "is running" if code is None else f"ended with {code}"
    return f"{Path(program).name} {state}; its output:\n" + log.read_bytes()[-2_000:].decode(errors="replace")


def get(url: str) -> bytes:
    """One GET, without a proxy."""
    with build_opener(ProxyHandler({})).open(url, timeout=10) as response:
        content: bytes = response.read()
        return content


def wait_until_up(url: str, process: Process) -> None:
    """Wait until `url` answers 200, unless the process ends before."""
    deadline = time.monotonic() + START_S_MAX
    while True:
        try:
            get(url)
        except OSError as error:
            if process.poll() is not None:
                raise BenchFailed("it ended before it answered") from None
            if time.monotonic() > deadline:
                raise BenchFailed(f"{url} did not answer within {START_S_MAX:g} s: {error}") from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def sink(directory: Path) -> Iterator[str]:
    """The receiver; its URL."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BenchFailed("nginx is missing")
    port = free_port()
    directory.mkdir()
    configuration = directory / "sink.conf"
    text = (HERE / "sink.conf").read_text("utf-8").replace("127.0.0.1:9901", f"127.0.0.1:{port}")
    configuration.write_text(text.replace("daemon on;", "daemon off;"), "utf-8")
    command = [program, "-p", str(directory), "-e", "sink.log", "-c", str(configuration)]
    with running(command, directory / "output.log") as process:
        wait_until_up(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}/hook"


class Server(NamedTuple):
    """A running Ringback: where it is, what opens it, its process and how long it took until it was ready."""

    url: str
    admin_key: str
    process: Process
    ready_after_s: float

    def usage(self) -> "Usage":
        """What it and its sender process have used until now."""
        pids = [self.process.pid, *_children(self.process.pid)]
        return Usage(sum(_cpu_s(pid) for pid in pids), sum(_resident_mb(pid) for pid in pids))


class Usage(NamedTuple):
    """CPU seconds, of user and system together, and resident memory in MB."""

    cpu_s: float
    memory_mb: float


@contextmanager
def serving(directory: Path, admin_key: str, *flags: str, up_at: str = "/readyz", **variables: str) -> Iterator[Server]:
    """`ringback serve` of this source on `directory`/data, which may have a database already."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "ringback.cli.main", "serve", "--host", "127.0.0.1"]
    command += ["--port", url.rpartition(":")[2], "--data", str(directory / "data"), "--allow-private", *flags]
    left_out = ("RINGBACK_", "PYTHONDONTWRITEBYTECODE")  # the latter would have each start compile everything anew
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment = kept | {
        "RINGBACK_ADMIN_KEY": admin_key,
        **variables,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])),
    }
    (directory / "data").mkdir(exist_ok=True)
    began_s = time.monotonic()
    with running(command, directory / "ringback.log", environment) as process:
        wait_until_up(url + up_at, process)
        yield Server(url, admin_key, process, time.monotonic() - began_s)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def load(urls: Sequence[str], body: bytes, headers: Sequence[str], requests: int, body_file: Path) -> None:
    """Send the same POST so often over 64 connections, to the addresses in turn, and hear all answers."""
    body_file.write_bytes(body)
    addresses = body_file.with_suffix(".urls")
    addresses.write_text("".join(f"{url}\n" for url in urls), "utf-8")
    command = ["h2load", "--h1", "-n", str(requests), "-c", str(CONNECTIONS), "-t", "1", "-d", str(body_file)]
    command += ["-i", str(addresses)]
    for header in ("content-type: application/json", *headers):
        command += ["-H", header]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_S_MAX, check=False)
    except FileNotFoundError:
        raise BenchFailed("h2load is missing (Debian: nghttp2-client)") from None
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"the load did not end within {LOAD_S_MAX:g} s") from None
    if done.returncode != 0:
        raise BenchFailed(f"h2load ended with {done.returncode}:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    check_load(done.stdout, requests)


def run(
    measure: Callable[[Path], dict[str, Any]],
    missed: Callable[[dict[str, Any]], list[str]],
    directory: Path,
    json_file: Path | None,
) -> int:
    """Measure in a new directory below `directory` and end all that was started; the exit code.

    `measure` prints and returns its figures, which are written to `json_file` as well. `missed` says in a line each
    which goals they miss: 1 is the exit code then, as it is when there is no figure.
    """
    signal.signal(signal.SIGTERM, stop)
    sys.path.insert(0, str(SOURCE))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=directory) as made:
            figures = measure(Path(made))
    except BenchFailed as error:
        print(f"no figure: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    lines = missed(figures)
    for line in lines:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if lines else 0


def stop(_: int, __: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that everything is ended."""
    raise KeyboardInterrupt
