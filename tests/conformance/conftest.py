"""Fixtures of the conformance suite. A backend's own test file gives `backend`; everything else follows from it."""

from collections.abc import Iterator

import pytest

# Before the suites are imported: their assertions shall explain themselves as those of test files do.
pytest.register_assert_rewrite("conformance")

from conformance.backend import NODE, Backend  # noqa: E402
from ringback.store.port import Store  # noqa: E402
from support.rows import NOW  # noqa: E402


@pytest.fixture
def store(backend: Backend) -> Iterator[Store]:
    """An empty store."""
    opened = backend.open()
    yield opened
    opened.close()


@pytest.fixture
def node(store: Store) -> None:
    """One engine that is alive."""
    store.register(NODE, NOW)
