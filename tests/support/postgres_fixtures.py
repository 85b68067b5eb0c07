"""PostgreSQL as fixtures: one cluster for each process that runs tests, started by the first test that asks for it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # What needs no database shall not pay for its driver.
    from support.postgres import Cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator["Cluster"]:
    """A cluster that doesn't wait for the disk. It is everybody's: a test that kills or changes one makes its own."""
    from support.postgres import Cluster  # noqa: PLC0415 - see above

    with Cluster.made(durable=False, in_memory=True) as cluster:
        yield cluster


@pytest.fixture
def empty_database(postgres: "Cluster") -> Iterator[str]:
    """The URL of a database of this test's own."""
    with postgres.empty_database() as url:
        yield url
