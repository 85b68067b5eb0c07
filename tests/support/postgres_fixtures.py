"""PostgreSQL as fixtures: one cluster for each process that runs tests, started by the first test that asks for it.

An empty database is for tests of how it is set up. The others get a copy of one that is, which costs far less.
"""

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


@pytest.fixture(scope="session")
def template(postgres: "Cluster") -> str:
    """The name of a database that is set up, for others to be copied from."""
    from ringback.store.migrate import load_migrations  # noqa: PLC0415
    from ringback.store.postgres.address import Address  # noqa: PLC0415
    from ringback.store.postgres.database import prepare  # noqa: PLC0415

    name = "ringback_template"
    prepare(Address(postgres.create_database(name)), load_migrations("postgres"), migrate=False)
    return name


@pytest.fixture
def ready_database(postgres: "Cluster", template: str) -> Iterator[str]:
    """The URL of a database of this test's own that is set up."""
    with postgres.empty_database(template) as url:
        yield url
