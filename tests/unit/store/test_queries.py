"""The loader of named queries, and the rules that the .sql files keep."""

import ast
import re
from pathlib import Path

import pytest

import ringback.store
from ringback.store.queries import for_rows, load, parse, read_all

PACKAGE = Path(ringback.store.__file__).parent
MODULES = sorted([*PACKAGE.glob("sqlite/*.py"), *PACKAGE.glob("*.py")])


def names_in_code() -> set[str]:
    """Every text in the modules of the SQLite store and in those that stores share: a query is named in full."""
    trees = [ast.parse(module.read_text("utf-8")) for module in MODULES]
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_a_file_is_cut_into_its_queries() -> None:
    source = (
        "-- About the file.\n\n-- name: one\n-- The first.\nSELECT 1;\n\n-- name: two\n-- The second.\nSELECT\n  2;\n"
    )
    assert parse("a.sql", source) == [
        ("one", "a.sql", "The first.", "SELECT 1"),
        ("two", "a.sql", "The second.", "SELECT\n  2"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "-- name: one\nSELECT 1;",
        "-- name: one\n-- \nSELECT 1;",
        "-- name: one\n-- No text.\n",
        "-- name: One\n-- A capital.\nSELECT 1;",
        "-- name: \n-- No name.\nSELECT 1;",
    ],
)
def test_a_query_without_name_purpose_or_text_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"a\.sql"):
        parse("a.sql", source)


def test_the_row_of_values_is_repeated() -> None:
    assert for_rows("INSERT INTO t VALUES (?, ?)", 3) == "INSERT INTO t VALUES (?, ?), (?, ?), (?, ?)"
    for text in ("SELECT 1", "VALUES (?) UNION VALUES (?)", "VALUES (?, 1)"):
        with pytest.raises(ValueError, match="one VALUES"):
            for_rows(text, 2)


def test_every_query_has_one_name() -> None:
    assert len(load("sqlite")) == len(read_all("sqlite")) > 80


def test_every_purpose_is_a_sentence() -> None:
    for query in read_all("sqlite"):
        assert re.fullmatch(r"[A-Z].{8,120}\.", query.purpose), query.name


def test_no_text_begins_with_a_comment() -> None:
    # SQLite's tracing takes such a statement for a trigger's.
    assert [query.name for query in read_all("sqlite") if query.text.startswith("--")] == []


def test_every_query_is_used() -> None:
    unused = {query.name for query in read_all("sqlite")} - names_in_code()
    assert unused == set()


def test_every_query_that_is_asked_for_is_there() -> None:
    asked = re.compile(r'(?:_SQL|load\("sqlite"\))\["(\w+)"\]')
    used = {name for module in MODULES for name in asked.findall(module.read_text("utf-8"))}
    assert len(used) > 60
    assert used - load("sqlite").keys() == set()
