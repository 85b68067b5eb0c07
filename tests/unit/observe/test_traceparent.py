"""The `traceparent` header: the examples and rules of W3C Trace Context, and the span ids that follow from attempts."""

import pytest

from ringback.model.trace import TraceParent, parse_traceparent, sent_traceparent, span_of_attempt

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"


def test_the_specifications_example() -> None:
    read = parse_traceparent(f"00-{TRACE_ID}-{SPAN_ID}-01")
    assert read == TraceParent(TRACE_ID, SPAN_ID, True)
    assert str(read) == f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_one_flag_counts(flags: str, sampled: bool) -> None:
    read = parse_traceparent(f"00-{TRACE_ID}-{SPAN_ID}-{flags}")
    assert read is not None
    assert read.sampled is sampled


def test_a_later_version_may_have_more() -> None:
    assert parse_traceparent(f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-will-be-like") is not None
    assert parse_traceparent(f"cc-{TRACE_ID}-{SPAN_ID}-01") is not None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01.more",
        f"00-{TRACE_ID[1:]}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01-" + "x" * 300,
    ],
)
def test_what_is_not_valid_counts_as_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_an_attempts_span_follows_from_its_id() -> None:
    assert span_of_attempt("att_1") == span_of_attempt("att_1")
    assert span_of_attempt("att_1") != span_of_attempt("att_2")
    sent = sent_traceparent(f"00-{TRACE_ID}-{SPAN_ID}-00", "att_1")
    assert sent == f"00-{TRACE_ID}-{span_of_attempt('att_1')}-00"
    assert parse_traceparent(sent) is not None
    assert sent_traceparent("nonsense", "att_1") is None
