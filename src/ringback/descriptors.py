"""How many files and sockets this process may have open. Changes the process's own limit and nothing else."""

import resource
from contextlib import suppress


def raise_descriptor_limit() -> None:
    """Each request under way is a descriptor: take as many as this user may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
