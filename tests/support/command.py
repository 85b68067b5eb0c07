"""The command line as a process of its own: `ringback …`, in pipes or on a terminal of 80 columns."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

WITHIN_S = 60.0
COLUMNS = 80


class Ended(NamedTuple):
    """What a command printed and its exit code. On a terminal both streams are one."""

    code: int
    out: str
    err: str


def environment_without_ours(variables: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the developer's own Ringback, nor of how the suite's own output looks."""
    mine = ("RINGBACK_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return kept | {"TERM": "xterm-256color"} | dict(variables)


def ringback(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    given: bytes | None = None,
    directory: Path | None = None,
) -> Ended:
    """Run it in pipes. `given` is its standard input, else it has none."""
    done = subprocess.run(
        [sys.executable, "-m", "ringback.cli.main", *arguments],
        env=environment_without_ours(variables or {}),
        input=given if given is not None else b"",
        cwd=directory,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def ringback_on_terminal(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    typed: bytes = b"",
    answers: Sequence[tuple[bytes, bytes]] = (),
) -> Ended:
    """Run it on a terminal of 80 columns, where `typed` is typed, and each of the `answers` once its question is there:
    what is typed before a password is asked for is thrown away."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "ringback.cli.main", *arguments],
            env=environment_without_ours(variables or {}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    finally:
        os.close(theirs)
    try:
        if typed:
            os.write(ours, typed)
        asked = b"".join(_until(ours, question, answer) for question, answer in answers)
        printed = asked + b"".join(iter(lambda: _read(ours), b""))
        return Ended(process.wait(WITHIN_S), printed.decode().replace("\r\n", "\n"), "")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _until(descriptor: int, question: bytes, answer: bytes) -> bytes:
    """Read up to a question and type the answer."""
    printed = b""
    while question not in printed and (more := _read(descriptor)):
        printed += more
    os.write(descriptor, answer)
    return printed


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # how a terminal without anybody on its other side says that it ends
        return b""
