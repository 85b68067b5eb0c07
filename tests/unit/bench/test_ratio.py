"""The arithmetic of the bench driver: rates, ratios, and when there must be no figure."""

from collections.abc import Iterator

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
