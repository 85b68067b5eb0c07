"""What is said of a password that was compared with a hash."""

from typing import NamedTuple


class Fit(NamedTuple):
    """Whether a password is the one of a hash; `stale`: it should be hashed anew, as is done today."""

    fits: bool
    stale: bool
