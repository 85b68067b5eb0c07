"""Reckoning how long a filter may take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.policy.effort import NOTHING, PATTERN_WORK_MAX, WORK_MAX, Extent, extent, pattern_work, work
from ringback.policy.expression import Path, read

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Extent(1, 0, 0)),
        (None, NOTHING),
        ("abc", Extent(1, 0, 3)),
        ("x" * 4_000, Extent(11, 0, 4_000)),
        ([1, 2, 3], Extent(4, 3, 0)),
        ({"a": 1}, Extent(8, 1, 0)),
        ([[1] * 9, {"a": "xy"}], Extent(19, 9, 2)),
    ],
)
def test_extents(value: object, expected: Extent) -> None:
    assert extent(value) == expected


@given(st.lists(JSON, max_size=5))
def test_a_part_is_never_larger_than_the_whole(parts: list[object]) -> None:
    whole = extent(parts)
    assert all(mine <= its for part in parts for mine, its in zip(extent(part), whole, strict=True))
    assert whole.size >= sum(extent(part).size for part in parts) - len(parts)


def visits(text: str, sizes: dict[str, Extent], outside_pattern: int = 0, body_pattern: int = 0) -> int:
    def measure(path: Path) -> Extent:
        return sizes.get(".".join(path), NOTHING)

    return work(read(text), measure, outside_pattern, body_pattern)


def numbers(count: int) -> dict[str, Extent]:
    return {"data.l": extent([0] * count)}


def objects(count: int) -> dict[str, Extent]:
    return {"data.l": extent([{"id": 1, "name": "x", "tags": ["a", "b"]}] * count)}


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("data.a == 1 && data.b == 'x'", {}),
        ("data.s.contains('x') || data.s == 'y'", {"data.s": extent("x" * 256_000)}),
        ("size(data.l) > 3", numbers(100_000)),
        ("data.l.exists(x, x > 5)", numbers(10_000)),
        ("data.l.exists(x, x.id == 5 && x.name != 'y')", objects(1_500)),
        ("data.l.exists(x, !(x in previous.l))", {**numbers(300), "previous.l": extent([0] * 300)}),
        ("data.l.filter(x, x > 5).size() > 2", numbers(300)),
        ("data.l.filter(x, x.id > 5).size() > 2", objects(75)),
    ],
)
def test_what_people_write_may_run(text: str, sizes: dict[str, Extent]) -> None:
    assert visits(text, sizes) <= WORK_MAX


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("data.l.filter(x, x > 5).size() > 2", numbers(1_000)),
        ("data.l.map(x, x).size() > 2", numbers(1_000)),
        ("data.l.map(x, x).size() > 2", objects(200)),
        ("data.l.all(x, !(x in data.l))", numbers(1_000)),
        ("data.l.all(x, data.l[x] == x)", numbers(1_000)),
        ("data.l.all(x, data.l == data.l)", numbers(600)),
        ("data.l.all(x, (data.l + data.l).size() > 0)", numbers(600)),
        ("data.m.all(k, data.m[k] > 0)", {"data.m": extent({str(key): 1 for key in range(1_000)})}),
        ("(data.l + data.l + data.l + data.l).all(x, x > 1)", numbers(10_000)),
        ("data.s == " + " + ".join(["data.s"] * 60), {"data.s": extent("x" * 256_000)}),
        (" || ".join(["size(data.l) < 0"] * 40), numbers(10_000)),
        ("data.l.all(x, x > 0" + " && x > 0" * 80 + ")", numbers(2_000)),
    ],
)
def test_what_takes_long_may_not(text: str, sizes: dict[str, Extent]) -> None:
    assert visits(text, sizes) > WORK_MAX


def test_a_pattern_is_paid_for_each_item_and_each_stretch_of_text() -> None:
    once = visits("data.s.matches('a')", {}, 1_000)
    assert visits("data.s.matches('a')", {"data.s": extent("x" * 200_000)}, 1_000) >= once + 10_000
    assert visits("data.l.all(x, x.matches('a'))", numbers(500), 0, 1_000) > WORK_MAX


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_more_data_is_never_less_work(one: int, other: int) -> None:
    few, many = sorted((one, other))
    for text in ("data.l.exists(x, x > 1)", "data.l.filter(x, x in data.l) == data.l", "data.l + data.l == data.l"):
        assert visits(text, numbers(few)) <= visits(text, numbers(many))


@pytest.mark.parametrize(
    "pattern",
    [
        "abc",
        "^[a-z]+$",
        r"^\w+@\w+\.\w+$",
        r"\d{4}-\d{2}-\d{2}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "(?i)invoice",
        r"^(?:EUR|USD) [0-9]{1,9}\.[0-9]{2}$",
        ".{1,200}",
        "a{1000}",
        "",
    ],
)
def test_ordinary_patterns_are_cheap(pattern: str) -> None:
    assert pattern_work(pattern) <= PATTERN_WORK_MAX


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w{100}",
        r"(\w{10}){10}",
        r"(?:\w\w?){50}b",
        r"(\w*?){10}?{2}",
        r"(\w[](]){20}",
        r"([[:alpha:]\w]){20}",
        r"[^\w]{50}",
        r"\pL{50}",
        r"\p{Greek}{50}",
        r"((a|b){1000}){100}",
        "a{1000}{1000}",
        r"\w" * 20,
        r"(?P<name>\w{20})",
        r"(?<name>\w{5}){5}",
        r"(?:.{100}){20}",
        "((((a{10}){10}){10}){10}){10}",
    ],
)
def test_patterns_that_grow_are_dear(pattern: str) -> None:
    assert pattern_work(pattern) > PATTERN_WORK_MAX


def test_the_flag_that_changes_how_patterns_are_written_is_refused() -> None:
    for pattern in ("(?x)a", "(?xi:a)", "(?i-x)a"):
        with pytest.raises(ValueError, match="flag x"):
            pattern_work(pattern)


@given(st.text(st.sampled_from("ab\\w.*+?(){}[]^|:<>P,0159"), max_size=30))
def test_any_text_has_a_cost(pattern: str) -> None:
    assert pattern_work(pattern) > 0
