"""Processes by their number, for tests that stop, kill and look for children of the process under test."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.process import wait_until

WITHIN_S = 15.0


def state_of(pid: int) -> str:
    """The kernel's letter for it: S waits, T is stopped, Z has ended and nobody has asked; "" when it is gone."""
    return _stat(pid)[0]


def alive(pid: int) -> bool:
    """Whether it has not ended. One that has ended and whose parent hasn't asked yet is not alive."""
    return state_of(pid) not in ("", "Z", "X")


def wait_gone(pid: int, what: str) -> None:
    """Wait until it has ended."""
    wait_until(lambda: not alive(pid), WITHIN_S, f"{what} has ended")


def wait_stopped(pid: int) -> None:
    """Wait until it is, after SIGSTOP."""
    wait_until(lambda: state_of(pid) == "T", WITHIN_S, f"{pid} is stopped")


def children_of(pid: int) -> list[int]:
    """The processes whose parent it is."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [number for number in numbers if _stat(number)[1] == pid]


def sender_of(pid: int) -> int:
    """The sender process of the server `pid`."""
    found = [child for child in children_of(pid) if b"ringback.engine.sending" in _command(child)]
    assert len(found) == 1, found
    return found[0]


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """It does nothing within the block, and goes on after it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_stopped(pid)
        yield
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGCONT)


def end(pid: int) -> None:
    """Kill it if it is still there."""
    if alive(pid):
        os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> tuple[str, int]:
    """(state, parent), ("", 0) when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
