"""Where tests keep, from run to run, what takes long to fetch or to compile: the user's cache."""

import os
from pathlib import Path


def kept_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringback-tests"
