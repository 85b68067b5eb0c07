"""The embedded store: one SQLite file. Its whole is `SqliteStore`; the parts are modules of their own."""

from ringback.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
