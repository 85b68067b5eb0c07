"""The model test for as long as one likes: other operations with each seed, on one server.

    python -m support.model --seconds 60 [--seed N] [--store postgres]    (from tests/; `make model SECONDS=60`)

What differs is shrunk and printed as the operations that show it, with the seed that drew them.
"""

import argparse
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Final

from support.reckoning import described
from support.record_draws import KINDS
from support.record_machine import run
from support.record_stores import STORES, server_on
from support.record_world import World

EXAMPLES: Final = 20
STEPS: Final = 40


def run_model(store: str, seconds: float, first_seed: int, folder: Path) -> dict[str, float]:
    """Run it and return figures. Raises AssertionError with what differs."""
    with server_on(store, folder) as server, World(server, KINDS) as world:
        until_s = time.monotonic() + seconds
        for seed in count(first_seed):
            try:
                run(world, seed, EXAMPLES, STEPS)
            except BaseException:
                print(f"with the seed {seed}:", file=sys.stderr)
                raise
            if time.monotonic() > until_s:
                return {**world.figures, "seeds": seed - first_seed + 1}
    raise AssertionError("there is always one more seed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run_model(options.store, options.seconds, options.seed, Path(folder))
    print("nothing differs: " + described(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
