"""`serve` as process 1, as in a container: the kernel spares process 1 every signal that it has no handler for."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.children import children_of, end, wait_gone
from support.process import Server, wait_until

ALONE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")

# `serve`, but what it starts never comes up.
NEVER_UP = """
import threading
from ringback import compose
from ringback.cli.main import main

def serve(settings, on_ready, *, at_home=False):
    print("starting", flush=True)
    threading.Event().wait()

compose.serve = serve
raise SystemExit(main(["serve"]))
"""


def first_process(unshare: int) -> int:
    """The number, out here, of the process that is number 1 in there."""
    (found,) = wait_until(lambda: children_of(unshare), 10, "it has a child")
    number: int = found
    return number


def test_a_server_that_is_process_1_stops_gracefully(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", inside=ALONE).start()
    os.kill(first_process(server.pid), signal.SIGTERM)
    wait_gone(server.pid, "the server")
    assert server.stop() == 0, "which is the code that it ended with"
    assert " stopped " in server.log.read_text(encoding="utf-8")


@contextmanager
def never_up(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """A `serve` as process 1 that is starting for ever, in a directory without a configuration."""
    process = subprocess.Popen(
        [*ALONE, sys.executable, "-c", NEVER_UP],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        yield process
    finally:
        end(process.pid)
        process.communicate()


def test_a_start_that_waits_for_something_can_be_ended(tmp_path: Path) -> None:
    with never_up(tmp_path) as process:
        os.kill(first_process(process.pid), signal.SIGTERM)
        assert process.wait(10) == 0
