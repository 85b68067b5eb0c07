"""docs/security.md: each line of its list names tests that exist, and each test of the list's is named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
LIST = PAGE.partition("## Line by line")[2]
LINES = [line for line in LIST.splitlines() if line.startswith("| ") and not line.startswith("| line |")]
TESTS = {
    name: path
    for path in sorted((ROOT / "tests").glob("**/test_*.py"))
    for name in re.findall(r"^ *def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def named(line: str) -> list[str]:
    return re.findall(r"`(test_\w+)`", line)


def test_the_list_is_there() -> None:
    assert len(LINES) > 35


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[2:40])
def test_each_line_is_shown_by_tests_that_exist(line: str) -> None:
    names = named(line)
    assert names or "| comes with " in line
    for name in names:
        assert name in TESTS, name
        marked = f"`{name}` (*unit*)" in line
        assert marked == (TESTS[name].parent != ROOT / "tests" / "e2e"), f"{name} is real or marked as a unit test"


def test_each_test_of_the_list_has_its_line() -> None:
    of_the_list = {
        name for name, path in TESTS.items() if path.name.startswith("test_security_") and "e2e" in path.parts
    }
    assert len(of_the_list) > 50
    assert of_the_list - set(named(LIST)) == set()
