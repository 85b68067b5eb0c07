"""PostgreSQL's own programs for the tests: where they are, as whom they run, and a directory that ends with the tests.

PostgreSQL and PgBouncer refuse to run as root. Where the tests do, both run as the system's user `postgres` (`nobody`
where there is none), and what they write lies in a directory of that user. Otherwise they run as whoever tests.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

DEBIAN: Final = Path("/usr/lib/postgresql")
ENDS_WITHIN_S: Final = 15.0
MEMORY: Final = Path("/dev/shm")
MEMORY_BYTES_MIN: Final = 4 << 30

# It is told the process's number in lines, an empty one for none. At the end of its input, which comes also when the
# tests were killed, it ends that process and removes the directory.
_KEEPER: Final = """
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -"$2" "$pid"
    kill -CONT "$pid"
    left=100
    while [ $left -gt 0 ] && kill -0 "$pid"; do sleep 0.1; left=$((left - 1)); done
    kill -KILL "$pid"
fi
rm -rf "$1"
"""


def program(name: str) -> str:
    """Its path: of Debian's newest version, else on PATH."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    found = next((folder / name for folder in versions if (folder / name).exists()), None)
    path = str(found) if found else shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert path, f"{name} is not installed (Debian: apt-get install postgresql pgbouncer)"
    return path


@cache
def account() -> pwd.struct_passwd | None:
    """The user that servers run as; None when that is the one who tests."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def as_account() -> dict[str, Any]:
    """The arguments of `subprocess` for that."""
    user = account()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def run(name: str, *arguments: str) -> None:
    """Run one of the programs to its end; what it said is in the error when it fails."""
    done = subprocess.run(
        [program(name), *arguments], capture_output=True, text=True, cwd="/", timeout=60, check=False, **as_account()
    )
    assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}"


class Place:
    """A directory of the account's own, and the one process in it. Both go at `close`, or when the tests are gone."""

    def __init__(self, name: str, ends_by: str = "INT", in_memory: bool = False) -> None:
        """`ends_by` is the signal that the process ends by when the tests are gone; `in_memory` if there is room."""
        memory = in_memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
        self.path = Path(tempfile.mkdtemp(prefix=f"ringback-{name}-", dir=MEMORY if memory else _reachable()))
        user = account()
        if user is not None:
            os.chown(self.path, user.pw_uid, user.pw_gid)
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", str(self.path), ends_by],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            **as_account(),
        )

    def make(self, name: str) -> Path:
        """A directory in it."""
        path = self.path / name
        path.mkdir(mode=0o700)
        user = account()
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def start(self, command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        """Start the process of this place. In a session of its own: Ctrl-C goes to the tests, which end it."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.path,
                start_new_session=True,
                **as_account(),
            )
        self._tell(str(process.pid))
        return process

    def ended(self) -> None:
        """The process has ended: its number may be another's soon."""
        self._tell("")

    def close(self) -> None:
        """Remove the directory; ends the process if it is there."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(ENDS_WITHIN_S)
        shutil.rmtree(self.path, ignore_errors=True)  # Where the directory above is not the account's to change.

    def _tell(self, line: str) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{line}\n".encode())
        self._keeper.stdin.flush()


def _reachable() -> Path:
    """Where temporary files go, if the account can get there; else the system's own place for them."""
    wanted = Path(tempfile.gettempdir()).resolve()
    if account() is None or all(folder.stat().st_mode & 0o001 for folder in (wanted, *wanted.parents)):
        return wanted
    return Path("/tmp")
