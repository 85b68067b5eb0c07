"""A SQLite store that no server has open, as what is moved to another store.

It is read by key in steps, and never changed; its lock is held as long as it is open. What tells it from other stores,
and from itself before something was done with it, is made from its counts and from how far its numbers were drawn.
Fails with the StartErrors of `sqlite.file`.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import apsw
import msgspec
from apsw.ext import query_info

from ringback.model.errors import StoreOlder
from ringback.store.moving import Key, Part, Row
from ringback.store.queries import load
from ringback.store.sqlite.connection import rows
from ringback.store.sqlite.offline import FileFacts, facts_of, opened_alone

_SQL: Final = load("sqlite")
# How the rows of each part are read.
_QUERIES: Final = {
    "tenant": "move_tenant",
    "api_key": "move_api_key",
    "profile": "move_profile",
    "event_type": "move_event_type",
    "event_type_version": "move_event_type_version",
    "record_type": "move_record_type",
    "record_trigger": "move_record_trigger",
    "endpoint": "move_endpoint",
    "secret": "move_secret",
    "change": "move_change",
    "event": "move_event",
    "event_key": "move_event_key",
    "event_number": "move_event_number",
    "delivery": "move_delivery",
    "job": "move_job",
    "job_event": "move_job_event",
    "attempt": "move_attempt",
    "endpoint_day": "move_endpoint_day",
    "lane": "move_lane",
    "record": "move_record",
    "tracked_set": "move_tracked_set",
    "tracked_member": "move_tracked_member",
    "tracked_set_gone": "move_tracked_set_gone",
    "rule_failure": "move_rule_failure",
    "notice": "move_notice",
    "operator": "move_operator",
    "audit_entry": "move_audit_entry",
}


class SqliteSource:
    """`moving.Source`. `highest_seq` is the highest number that an event or a delivery ever had; `mark` tells the
    store, as it is now, from any other."""

    def __init__(self, connection: apsw.Connection, facts: FileFacts) -> None:
        self._connection = connection
        self.facts = facts
        self.counts: Mapping[str, int] = dict(rows(connection, _SQL["rows_to_move"]))
        drawn = dict(rows(connection, _SQL["numbers_drawn"]))
        self.highest_seq = max(drawn.get("event", 0), drawn.get("delivery", 0))
        self.mark = sha256(msgspec.json.encode([facts.schema, facts.sealed_with, self.counts, drawn])).hexdigest()

    def columns(self, part: Part) -> Sequence[str]:
        info = query_info(self._connection, _SQL[_QUERIES[part.name]], _bindings(part.first))
        return [name for name, _ in info.description][len(part.first) :]

    def rows(self, part: Part, after: Key) -> Generator[tuple[Key, Row], None, None]:
        width = len(part.first)
        cursor = self._connection.execute(_SQL[_QUERIES[part.name]], _bindings(after))
        try:
            for row in cursor:
                yield row[:width], row[width:]
        finally:
            cursor.close()


@contextmanager
def opened_source(path: Path) -> Iterator[SqliteSource]:
    """The store at `path` for the block. Raises StoreLocked, StoreCorrupt, StoreNewer, StoreOlder, and
    DataDirectoryUnusable for none."""
    with opened_alone(path) as connection:
        facts = facts_of(connection, path)
        if facts.missing:
            raise StoreOlder(
                f"{path} was written by an older Ringback (schema {facts.schema}). Nothing was changed. Make a backup "
                "and bring it up to date first: `ringback migrate`."
            )
        yield SqliteSource(connection, facts)


def _bindings(key: Key) -> dict[str, object]:
    return {f"key_{place}": value for place, value in enumerate(key, 1)}
