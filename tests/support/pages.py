"""The shell commands of a page of documentation, run for real and in their order.

    page = Page("operations.md", directory, {"http://127.0.0.1:8080": server.url})
    printed = page.run()               # the next ```sh block, as it stands there
    command = page.take()              # the next block, for a test that runs it in a way of its own
    page.left_out("installs")          # the next block isn't run, and why
    page.end()                         # fails if there is another block

So a block that is added to a page fails its test until somebody says what becomes of it. What a block sets and which
functions it makes holds in the blocks after it. `ringback` is this source's.
"""

import re
import subprocess
import sys
from collections.abc import Container, Mapping
from pathlib import Path

from support.command import environment_without_ours

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
_SHELL_BLOCK = re.compile(r"^```sh\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
_BEGIN = f"""
set -eu
ringback() {{ {sys.executable} -m ringback.cli.main "$@"; }}
if [ -e .kept ]; then . ./.kept; fi
set -a
"""
_KEEP = "trap '{ declare -px; declare -f; } > .kept' EXIT\n"


def shell_blocks(page: Path) -> list[str]:
    """The ```sh blocks of a page, as they stand there."""
    return _SHELL_BLOCK.findall(page.read_text(encoding="utf-8"))


class Page:
    """The blocks of one page, one after the other. `said` replaces what differs here: addresses, names of files."""

    def __init__(self, name: str, directory: Path, said: Mapping[str, str]) -> None:
        self.directory = directory
        self.said = dict(said)
        self._name = name
        self._blocks = shell_blocks(ROOT / name)
        self._next = 0
        assert self._blocks, f"{name} has no commands"

    def take(self) -> str:
        """The next block, with what differs here replaced."""
        assert self._next < len(self._blocks), f"{self._name} has no block {self._next + 1}"
        block = self._blocks[self._next]
        self._next += 1
        for text, here in self.said.items():
            block = block.replace(text, here)
        return block

    def run(self, then: str = "", *, kept: bool = True, codes: Container[int] = (0,)) -> str:
        """Run the next block, and `then`; what was printed on standard output. It must end with one of `codes`.

        What it sets holds in later blocks if it is `kept`.
        """
        block = self.take()
        done = subprocess.run(
            ["bash", "-c", f"{_BEGIN}{_KEEP if kept else ''}{block}\n{then}"],
            cwd=self.directory,
            env=environment_without_ours({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        assert done.returncode in codes, f"{self._name}:\n{block}\n\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def left_out(self, why: str) -> None:
        """The next block isn't run."""
        assert why
        self.take()

    def end(self) -> None:
        """Every block was looked at."""
        assert self._blocks[self._next :] == [], f"{self._name} has more blocks than its test knows"
