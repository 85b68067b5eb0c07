"""Ids out of CSV: which column, what is broken and on which line, and how many go into a request."""

import io
import json

import pytest

from ringback.cli.id_file import chunks_of, column_of, ids_in
from ringback.cli.reread import BrokenLine
from ringback.model.errors import BadSetting
from ringback.model.limits import MANAGEMENT_BODY_BYTES_MAX


def read(text: str | bytes, column: str | None = None, delimiter: str = ",") -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(ids_in(io.BytesIO(data), column_of(column, delimiter)))


@pytest.mark.parametrize(
    ("text", "column", "ids"),
    [
        ("c_1\nc_2\n", None, ["c_1", "c_2"]),
        ("c_1\r\n\r\nc_2", None, ["c_1", "c_2"]),
        ("c_1,Ada\nc_2,Ben\n", "2", ["Ada", "Ben"]),
        ("name,id\nAda,c_1\nBen,c_2\n", "id", ["c_1", "c_2"]),
        ("\ufeffid,name\nc_1,Ada\n", "id", ["c_1"]),
        ('id,name\n"c,1","two\nlines"\n"c ""2""",x\n', "id", ["c,1", 'c "2"']),
        ("Etelä\nc_1, x\n", None, ["Etelä", "c_1"]),
        ("", None, []),
        ("id\n", "id", []),
    ],
)
def test_the_ids_of_a_column(text: str, column: str | None, ids: list[str]) -> None:
    assert read(text, column) == ids


def test_another_delimiter() -> None:
    assert read("name;id\nAda, Countess;c_1\n", "id", ";") == ["c_1"]


@pytest.mark.parametrize(
    ("text", "column", "line", "said"),
    [
        ("a,1\nb\n", "2", 2, "has 1 columns, and the ids are in column 2"),
        ("a\n" * 16 + '""\n', None, 17, "the id must not be empty"),
        ("id,n\na,1\n,2\n", "id", 3, "the id must not be empty"),
        ("a\n" + "x" * 257 + "\n", None, 2, "the id must be at most 256 bytes long"),
        ('a\n"b\tc"\n', None, 2, "the id must not contain control characters"),
        ('a\n"two\nlines"\nb\n', None, 2, "the id must not contain control characters"),
        ('x,"two\nlines"\n,y\n', None, 3, "the id must not be empty"),
        ('a\nb\n"never closed\nc\nd\n', None, 3, "is not CSV: unexpected end of data"),
        ('a\n"b"c\n', None, 2, "is not CSV"),
        (b"a\nb\n\xff\nc\n", None, 3, "is not UTF-8"),
        ("name\nAda\n", "id", 1, "the column 'id' is not there; there are: name"),
        ("", "id", 1, "the column 'id' is not there; there are: none"),
        ("id,id\n1,2\n", "id", 1, "the column 'id' is there twice"),
    ],
)
def test_a_broken_line_is_named(text: str | bytes, column: str | None, line: int, said: str) -> None:
    with pytest.raises(BrokenLine) as caught:
        read(text, column)
    assert caught.value.number == line
    assert caught.value.detail.startswith(f"line {line}: {said}"), caught.value.detail
    assert caught.value.detail.endswith(". Nothing was sent.")


@pytest.mark.parametrize(("column", "delimiter"), [("0", ","), ("99999999999999", ","), (None, ""), (None, '"')])
def test_columns_and_delimiters_that_are_none(column: str | None, delimiter: str) -> None:
    with pytest.raises(BadSetting):
        column_of(column, delimiter)


def test_requests_have_ten_thousand_ids_at_most_and_fit_into_a_body() -> None:
    assert [len(chunk) for chunk in chunks_of(f"c_{place}" for place in range(25_000))] == [10_000, 10_000, 5_000]
    long = [f'{place:05}"{"é" * 120}' for place in range(10_000)]
    chunks = list(chunks_of(long))
    assert [text for chunk in chunks for text in chunk] == long
    sizes = [len(json.dumps({"ids": chunk}, ensure_ascii=False, separators=(",", ":")).encode()) for chunk in chunks]
    assert max(sizes) <= MANAGEMENT_BODY_BYTES_MAX
    assert min(sizes[:-1]) > MANAGEMENT_BODY_BYTES_MAX - 2_000
    assert list(chunks_of([])) == []
