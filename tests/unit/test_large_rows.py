"""Large payloads in SQLite: bound in pieces, by statements that are not kept."""

from typing import Any

import apsw
import pytest

from ringback.store.sqlite.connection import ManyRows

MB = 1_000_000


class Watched:
    """A connection that notes how many rows each statement had, and whether it was kept."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute("CREATE TABLE t (a, b)")
        self.seen: list[tuple[int, bool]] = []

    def execute(self, query: str, bindings: tuple[Any, ...], *, can_cache: bool = True) -> apsw.Cursor:
        self.seen.append((len(bindings) // 2, can_cache))
        return self.connection.execute(query, bindings, can_cache=can_cache)


@pytest.mark.parametrize(
    ("count", "size", "seen"),
    [
        (48, 1_000, [(48, True)]),
        (48, 20_000, [(48, False)]),
        (16, MB, [(4, False)] * 4),
        (3, 9 * MB, [(1, False)] * 3),
    ],
)
def test_large_rows_go_in_pieces_and_all_of_them_in_order(count: int, size: int, seen: list[tuple[int, bool]]) -> None:
    watched = Watched()
    insert = ManyRows("INSERT INTO t (a, b) VALUES (?, ?) RETURNING a;", lambda row: len(row[1]))
    answers = insert.run(watched, [(i, bytes(size)) for i in range(count)])  # type: ignore[arg-type]
    assert answers == [(i,) for i in range(count)]
    assert watched.seen == seen
    assert watched.connection.execute("SELECT count(*), sum(length(b)) FROM t").fetchall() == [(count, count * size)]
