"""The loader of named queries, and the rules that the .sql files keep."""

import ast
import re
from pathlib import Path

import pytest

import ringback.store
from ringback.store.queries import folder, for_rows, load, parse, read_all

STORE = Path(ringback.store.__file__).parent
MODULES = {dialect: sorted(STORE.glob(f"{dialect}/*.py")) for dialect in ("sqlite", "postgres")}
SHARED_MODULES = sorted(STORE.glob("*.py"))
every_dialect = pytest.mark.parametrize("dialect", MODULES)


def names_in_code(dialect: str) -> set[str]:
    """Every text in a store's modules, and in those that both share: a query is always named in full."""
    trees = [ast.parse(module.read_text("utf-8")) for module in [*MODULES[dialect], *SHARED_MODULES]]
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


@every_dialect
def test_every_query_has_one_name(dialect: str) -> None:
    assert len(load(dialect)) == len(read_all(dialect)) > 80


@every_dialect
def test_every_purpose_is_a_sentence(dialect: str) -> None:
    for query in read_all(dialect):
        assert re.fullmatch(r"[A-Z].{8,120}\.", query.purpose), query.name


@every_dialect
def test_no_text_begins_with_a_comment(dialect: str) -> None:
    # SQLite's tracing takes such a statement for a trigger's.
    assert [query.name for query in read_all(dialect) if query.text.startswith("--")] == []


@every_dialect
def test_every_query_is_used(dialect: str) -> None:
    unused = {query.name for query in read_all(dialect)} - names_in_code(dialect)
    assert unused == set()


@every_dialect
def test_every_query_that_is_asked_for_is_there(dialect: str) -> None:
    asked = re.compile(rf'(?:_SQL|load\("{dialect}"\))\["(\w+)"\]')
    used = {name for module in MODULES[dialect] for name in asked.findall(module.read_text("utf-8"))}
    assert len(used) > 60
    assert used - load(dialect).keys() == set()


def test_a_parameter_of_postgresql_has_a_name_and_a_percent_sign_is_doubled() -> None:
    for query in read_all("postgres"):
        rest = re.sub(r"%\(\w+\)s|%%", "", query.text)
        assert "%" not in rest, query.name


def test_what_is_run_by_hand_is_not_a_named_query() -> None:
    assert {file.name for file in folder("postgres").joinpath("distributed").iterdir()} == {
        "citus.sql", "yugabyte.sql",
    }  # fmt: skip
    assert not {query.file for query in read_all("postgres")} & {"citus.sql", "yugabyte.sql"}
