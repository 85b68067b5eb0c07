"""Numbers as people read them."""

import pytest

from ringback.console.rendering import milliseconds_text, size_text, span_text


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.04, "0.0 ms"),
        (0.44, "0.4 ms"),
        (9.94, "9.9 ms"),
        (9.96, "10 ms"),
        (12.5, "12 ms"),
        (999.4, "999 ms"),
        (1_000, "1.00 s"),
        (1_254, "1.25 s"),
    ],
)
def test_a_duration(duration: float | None, text: str) -> None:
    assert milliseconds_text(duration) == text


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0.0, "0 ms"),
        (59_990, "59.99 s"),
        (60_000, "1 min 0 s"),
        (3_599_999, "59 min 59 s"),
        (7_500_000, "2 h 5 min"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_a_long_duration(duration: float, text: str) -> None:
    assert span_text(duration) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_500_000, "1.4 MiB"), (2**60, "1048576.0 TiB")],
)
def test_a_size(count: int, text: str) -> None:
    assert size_text(count) == text
