"""A PostgreSQL database that is set up, and its sessions, below any part of the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from ringback.store.migrate import load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.connection import Database
from ringback.store.postgres.database import prepare


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The database at `url`, set up, until the block ends."""
    address = Address(url)
    prepare(address, load_migrations("postgres"), migrate=False)
    database = Database(address.connect)
    yield database
    database.close()
