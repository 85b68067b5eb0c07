"""The arithmetic of the bench driver: rates, ratios, and when there must be no figure."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import machinery
import ratio

H2LOAD = """finished in 9.51s, 10515.25 req/s, 1.21MB/s
requests: {total} total, {total} started, {total} done, {succeeded} succeeded, {failed} failed, {errored} errored, \
0 timeout
status codes: {ok} 2xx, {moved} 3xx, 0 4xx, {broken} 5xx
traffic: 11.54MB (12100000) total
"""


def output(**counts: int) -> str:
    given = {"total": 100, "succeeded": 100, "failed": 0, "errored": 0, "ok": 100, "moved": 0, "broken": 0}
    return H2LOAD.format(**(given | counts))


def test_median_least_and_greatest() -> None:
    assert machinery.summarise([0.6, 0.9, 0.5, 0.7, 0.65]) == (0.65, 0.5, 0.9)
    assert machinery.summarise([0.6, 0.8]) == (pytest.approx(0.7), 0.6, 0.8)


def test_figures() -> None:
    pairs = [ratio.Pair(10_000.0, 6_000.0), ratio.Pair(8_000.0, 6_000.0), ratio.Pair(10_000.0, 7_000.0)]
    figures = ratio.report(ratio.MODES["single"], pairs)
    assert figures["ratio"] == {"median": 0.7, "least": 0.6, "greatest": 0.75}
    assert figures["floor"]["median"] == 10_000.0
    assert figures["ringback"]["greatest"] == 7_000.0
    assert figures["pairs"][1] == {"floor": 8_000.0, "ringback": 6_000.0, "ratio": 0.75}
    text = ratio.text_of(ratio.MODES["single"], pairs)
    assert text.startswith("single: ratio 0.700 (median of 3; least 0.600, greatest 0.750")


@pytest.mark.parametrize(("mode", "requests"), [("single", 100_000), ("arrays", 4_000)])
def test_the_yardsticks_own_numbers(mode: str, requests: int) -> None:
    assert ratio.requests_for(ratio.MODES[mode]) == requests


@pytest.mark.parametrize(("mode", "events"), [("single", 63), ("arrays", 3_199), ("arrays", 3_210), ("arrays", 3_150)])
def test_numbers_that_do_not_fill_requests(mode: str, events: int) -> None:
    with pytest.raises(machinery.BenchFailed, match="multiple"):
        ratio.requests_for(ratio.MODES[mode]._replace(events=events))


def test_a_good_load() -> None:
    machinery.check_load(output(), 100)


@pytest.mark.parametrize(
    "text",
    [
        "",
        output(total=99, succeeded=99, ok=99),
        output(succeeded=99, failed=1),
        output(succeeded=99, errored=1, ok=99),
        output(ok=99, broken=1),
        output(ok=99, moved=1),
        output(ok=99),
    ],
)
def test_a_load_that_counts_for_nothing(text: str) -> None:
    with pytest.raises(machinery.BenchFailed):
        machinery.check_load(text, 100)


class Timeline:
    """A clock that only waiting moves, and a counter of deliveries."""

    def __init__(self, counts: Iterator[int]) -> None:
        self.at = 100.0
        self.counts = counts

    def now(self) -> float:
        return self.at

    def pause(self, seconds: float) -> None:
        self.at += seconds

    def delivered(self) -> int:
        return next(self.counts)


def waited(counts: Iterator[int]) -> float:
    line = Timeline(counts)
    moment: float = ratio.wait_for_deliveries(line.delivered, 10, line.now, line.pause)
    return moment


def test_the_last_delivery_ends_the_wait() -> None:
    assert waited(iter([0, 4, 4, 10])) == pytest.approx(100.0 + 3 * ratio.POLL_S)


def test_a_delivery_too_many_is_no_figure() -> None:
    with pytest.raises(machinery.BenchFailed, match="11 deliveries were recorded for 10"):
        waited(iter([9, 11]))


def test_deliveries_that_stop_are_no_figure() -> None:
    def counts() -> Iterator[int]:
        yield 5
        while True:
            yield 9

    with pytest.raises(machinery.BenchFailed, match="stopped at 9 of 10"):
        waited(counts())


def test_a_goal_that_is_missed_is_named() -> None:
    good, bad = ratio.Pair(10_000.0, 6_000.0), ratio.Pair(10_000.0, 5_990.0)
    figures = {name: ratio.report(ratio.MODES[name], [pair]) for name, pair in (("single", good), ("arrays", bad))}
    assert ratio.missed(figures) == ["arrays: ratio 0.599, the goal is 0.60"]


def test_the_exit_code_says_whether_a_goal_was_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def missed(figures: dict[str, int]) -> list[str]:
        return [f"{name} is {figure}" for name, figure in figures.items() if figure > 1]

    def code(**figures: int) -> int:
        return machinery.run(lambda made: figures, missed, tmp_path, tmp_path / "figures.json")

    def no_figure(made: Path) -> dict[str, int]:
        raise machinery.BenchFailed("nothing came")

    assert code(a=1) == 0
    assert capsys.readouterr().err == ""
    assert code(a=2, b=1, c=3) == 1
    assert capsys.readouterr().err == "missed: a is 2\nmissed: c is 3\n"
    assert json.loads((tmp_path / "figures.json").read_text()) == {"a": 2, "b": 1, "c": 3}
    assert machinery.run(no_figure, missed, tmp_path, None) == 1
    assert capsys.readouterr().err == "no figure: nothing came\n"


# Stands in for Python: notes which part it was started with, and ends one of them with the code given.
PART = """#!/bin/sh
echo "$1" >> parts
case "$1" in *"$PART") exit "$CODE";; esac
"""


@pytest.mark.parametrize(("part", "code", "parts", "ends"), [
    ("none", 0, 9, 0),
    ("ratio.py", 1, 9, 2),
    ("retention.py", 1, 9, 2),
    ("size.py", 130, 4, 2),
])  # fmt: skip
def test_make_bench_runs_all_and_fails_in_the_end(tmp_path: Path, part: str, code: int, parts: int, ends: int) -> None:
    """The Makefile's own recipe, with a Python and a setup that only note that they were started."""
    for name, text in {
        "bin/python": PART,
        "scripts/setup.sh": "#!/bin/sh\n",
        "scripts/debian-tools.sh": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    command = ["make", "-f", machinery.ROOT / "Makefile", "bench", f"BIN={tmp_path}/bin"]
    environment = {**os.environ, "PART": part, "CODE": str(code)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == ends, done.stderr
    ran = (tmp_path / "parts").read_text().split()
    benches = ("ratio", "postgres", "contention", "size", "profiles", "isolation", "retention", "records", "console")
    assert ran == [f"bench/{name}.py" for name in benches][:parts]
    assert all((machinery.ROOT / name).exists() for name in ran)
