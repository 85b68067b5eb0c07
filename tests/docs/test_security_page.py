"""docs/security.md: each line of its list names tests that exist, and each test of the list's is named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
LIST = PAGE.partition("## Line by line")[2]
LINES = [line for line in LIST.splitlines() if line.startswith("| ") and not line.startswith("| line |")]
TESTS: dict[str, list[Path]] = {}
for _path in sorted((ROOT / "tests").glob("**/test_*.py")):
    for _name in re.findall(r"^ *def (test_\w+)", _path.read_text(encoding="utf-8"), re.MULTILINE):
        TESTS.setdefault(_name, []).append(_path)


def named(line: str) -> list[str]:
    return re.findall(r"`(test_\w+)`", line)


def test_the_list_is_there() -> None:
    assert len(LINES) > 35


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[2:40])
def test_each_line_is_shown_by_tests_that_exist(line: str) -> None:
    names = named(line)
    assert names
    for name in names:
        assert name in TESTS, name
        marked = f"`{name}` (*unit*)" in line
        real = any(path.parent.name in {"browser", "e2e"} for path in TESTS[name])
        assert marked != real, f"{name} is real, or marked as a unit test"


def test_each_test_of_the_list_has_its_line() -> None:
    of_the_list = {name for name, paths in TESTS.items() if any(path.match("e2e/test_security_*.py") for path in paths)}
    assert len(of_the_list) > 50
    assert of_the_list - set(named(LIST)) == set()
