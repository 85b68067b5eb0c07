"""Taking a filter's text apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.model.errors import Invalid
from ringback.policy.expression import NESTING_MAX, FilterRefused, Macro, read


def words(text: str) -> list[str]:
    return [token.text for token in read(text).tokens]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("data.a==1", ["data", ".", "a", "=", "=", "1"]),
        (" data\t.\r\na // rest all(x, y)\n", ["data", ".", "a"]),
        ("'it\\'s' + \"a'b\"", ["'it\\'s'", "+", '"a\'b"']),
        ("r'\\' + R\"\\\"", ["r'\\'", "+", 'R"\\"']),
        ("'''a'b\n''' == \"\"\"c\"d\"\"\"", ["'''a'b\n'''", "=", "=", '"""c"d"""']),
        ("b'x' B\"y\" br'z'", ["b'x'", 'B"y"', "br'z'"]),
        ("''", ["''"]),
        ("'// no comment'", ["'// no comment'"]),
        ("1.5e-3 .5 0xFu 7u 1.all", ["1.5e-3", ".5", "0xFu", "7u", "1", ".", "all"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert words(text) == tokens


def test_places_count_characters_from_one() -> None:
    assert [(token.text, token.at) for token in read("é + 'ü' +\n x").tokens] == [
        ("é", 1),
        ("+", 3),
        ("'ü'", 5),
        ("+", 9),
        ("x", 12),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "data.l.all(x, x.map == 1)",
        "data.all == 1 && data.map.exists(x, true)",
        "'a.map(b, c).filter(d, e)' == data.x && data.l.exists(x, true)",
        "data.l.all(x, true) // .map(y, y)",
        'data["x.map(y, y)"].filter(z, true).size() > 0',
        "r'\\'.all(x, true)",
    ],
)
def test_one_macro_is_found_where_it_is_one(text: str) -> None:
    assert read(text).macro is not None


@pytest.mark.parametrize("text", ["data.all", "'x.all(y, z)'", "all", "data.a // .all(x, x)", "has(data.exists)"])
def test_no_macro(text: str) -> None:
    assert read(text).macro is None


@pytest.mark.parametrize(
    "text",
    [
        "data.l.all(x, x.m.exists(y, true))",
        "data.l.map(x, x).filter(x, true)",
        "data.l . map ( x , x ) . filter(x, true)",
        "data.l.//c\nall(x, true)\n.//c\nmap(x, x)",
        "data.l.all(x, true) || data.m.exists_one(y, true)",
        "data.l.existsOne(x, true) || data.m.existsOne(y, true)",
        "[data.l.map(x, x)].map(y, y)",
        "r'\\'.all(x, true) + '\\''.all(y, true)",
    ],
)
def test_two_macros_are_one_too_many(text: str) -> None:
    with pytest.raises(FilterRefused, match="second list macro"):
        read(text)


def test_the_macro_and_its_body() -> None:
    text = "event.type == 'a' && data.l.exists(x, x.a > data.m.n && x.b + x.c == previous['q'].r[0])"
    found = read(text)
    assert found.macro is not None
    assert found.macro[:2] == ("exists", "x")
    assert found.outside.paths == (("event", "type"), ("data", "l"))
    assert found.body.paths == (("data", "m", "n"), ("previous", "q", "r"))
    assert (found.body.bound_uses, found.body.joins, found.outside.joins) == (3, 1, 0)
    assert found.outside.tokens + found.body.tokens == len(found.tokens)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("data", ("data",)),
        ("data.a.b", ("data", "a", "b")),
        ("data . a [ 'b' ] . c", ("data", "a", "b", "c")),
        ('data["a"]', ("data", "a")),
        ("data.a[0].b", ("data", "a")),
        ("data[event.x]", ("data",)),
        ("data['it\\'s'].b", ("data",)),
        ("data['a' + 'b']", ("data",)),
        ("data.a.size()", ("data", "a")),
        ("data.a.data", ("data", "a", "data")),
        ("has(data.a.b)", ("data", "a", "b")),
        ("data.", ("data", "")),
    ],
)
def test_paths_are_as_long_as_they_are_constant(text: str, path: tuple[str, ...]) -> None:
    assert read(text).outside.paths[0] == path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        (" \n// only a comment", "empty"),
        ("x" * 1_025, "1025 bytes; at most 1024"),
        ("é" * 513, "1026 bytes"),
        ("'abc", "begins at character 1 has no closing quote"),
        ("data.a == 'it's'", "character 16 has no closing quote"),
        ("'a\nb'", "closing quote"),
        ("(1", r"The \( at character 1 is never closed"),
        ("(1))", r"The \) at character 4 closes nothing"),
        ("([)]", r"The \) at character 3 closes nothing"),
        ("(" * (NESTING_MAX + 1) + "1" + ")" * (NESTING_MAX + 1), f"deeper than {NESTING_MAX} at character 17"),
        ("[" * 1_000, "nested deeper"),
        ("data.l.all(data, true)", "hides data"),
        ("data.l.all(x, true) && x", "x at character 24 is only known within all"),
        ("x.all(x, true)", "x at character 1 is only known within all"),
        ("data.l.all()", "takes a name, a comma and a condition"),
        ("data.l.all(x)", "takes a name, a comma and a condition"),
        ("data.l.all('x', true)", "takes a name, a comma and a condition"),
        ("data.s.matches(data.p)", "matches at character 8 takes one pattern, written out"),
        ("data.s.matches('a' + 'b')", "written out"),
        ("data.s.matches(('a'))", "written out"),
        ("data.s.matches(b'a')", "written out"),
        ("data.s.matches()", "written out"),
    ],
)
def test_refused(text: str, complaint: str) -> None:
    with pytest.raises(FilterRefused, match=complaint) as caught:
        read(text)
    assert isinstance(caught.value, Invalid)
    assert (caught.value.code, caught.value.status) == ("filter_refused", 422)
    assert caught.value.errors[0].field == "filter"
    assert caught.value.errors[0].message == caught.value.detail


def test_brackets_may_be_nested_up_to_the_limit() -> None:
    assert read("(" * NESTING_MAX + "1" + ")" * NESTING_MAX).macro is None


def test_a_member_of_the_bound_name_is_no_use_of_it_elsewhere() -> None:
    assert read("data.x == 1 && data.l.all(x, x.x == 1)").macro == Macro("all", "x", 16, 22)


PIECES = st.sampled_from(
    [
        "data",
        ".",
        "a",
        "(",
        ")",
        "[",
        "]",
        "'",
        '"',
        "\\",
        "//",
        "\n",
        "all",
        "map",
        "x",
        ",",
        "matches",
        "r",
        "'''",
        "1",
        " ",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=40).map("".join)))
def test_reading_refuses_or_returns_whatever_comes(text: str) -> None:
    try:
        found = read(text)
    except FilterRefused:
        return
    assert found.outside.tokens + found.body.tokens == len(found.tokens) > 0
