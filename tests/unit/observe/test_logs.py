"""Log lines: their two forms, the levels, and that nothing is written that is not on the list."""

import io
import json
import logging
import typing

import pytest

from ringback.clock import SystemClock
from ringback.model.errors import BadSetting
from ringback.observe import telemetry
from ringback.observe.errors import describe_error
from ringback.observe.logs import SHOWN, TROUBLE_AGAIN_S, LibraryLogs, Log, LogObserver, make_log


class StoppedClock(SystemClock):
    booted_s = 5.0

    def now_ms(self) -> int:
        return 1_795_305_600_123

    def boottime_s(self) -> float:
        return self.booted_s


def _log(form: str = "json", level: str = "info") -> tuple[Log, io.StringIO]:
    stream = io.StringIO()
    return make_log(level, form, stream, StoppedClock()), stream


def test_a_telemetry_event_is_a_json_line() -> None:
    log, stream = _log()
    LogObserver(log, StoppedClock())(telemetry.LaneParked("acme", "ep_1"))
    assert json.loads(stream.getvalue()) == {
        "at": "2026-11-22T00:00:00.123Z",
        "level": "warning",
        "event": "lane_parked",
        "tenant_id": "acme",
        "endpoint_id": "ep_1",
    }


def test_a_telemetry_event_is_a_line_of_text() -> None:
    log, stream = _log("text")
    LogObserver(log, StoppedClock())(telemetry.Stopping("two words"))
    assert stream.getvalue() == '2026-11-22T00:00:00.123Z info stopping reason="two words"\n'


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_value_never_breaks_the_line(form: str) -> None:
    log, stream = _log(form)
    log.info("stopping", reason='a\nlevel=error "b" \x1b[31m\u2028')
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_a_name_that_is_not_listed_is_redacted() -> None:
    log, stream = _log()
    log.error("part_failed", secret="whsec_abc", part="sender")
    line = json.loads(stream.getvalue())
    assert (line["secret"], line["part"]) == ("***", "sender")


def test_every_field_of_every_telemetry_event_is_listed() -> None:
    for event in typing.get_args(telemetry.TelemetryEvent):
        assert set(event._fields) <= SHOWN, event.__name__


def test_the_same_trouble_of_the_same_part_is_said_once_in_a_while() -> None:
    """A store that is away troubles every part several times a second."""
    log, stream = _log("text")
    clock = StoppedClock()
    observer = LogObserver(log, clock)
    for _ in range(100):
        observer(telemetry.StoreTrouble("settler", "store_unavailable", "Gone."))
        observer(telemetry.StoreTrouble("fetcher", "store_unavailable", "Gone."))
    observer(telemetry.StoreTrouble("settler", "commit_in_doubt", "Gone."))
    assert [line.split(" ", 3)[3] for line in stream.getvalue().splitlines()] == [
        "part=settler code=store_unavailable reason=Gone.",
        "part=fetcher code=store_unavailable reason=Gone.",
        "part=settler code=commit_in_doubt reason=Gone.",
    ]
    clock.booted_s += TROUBLE_AGAIN_S
    observer(telemetry.StoreTrouble("settler", "store_unavailable", "Gone."))
    assert len(stream.getvalue().splitlines()) == 4


def test_lines_below_the_level_are_not_written() -> None:
    log, stream = _log(level="warning")
    LogObserver(log, StoppedClock())(telemetry.Stopping("sigterm"))
    assert stream.getvalue() == ""
    LogObserver(log, StoppedClock())(telemetry.PartFailed("sender", "ValueError", "sender.py:1"))
    assert json.loads(stream.getvalue())["level"] == "error"


def test_a_log_that_cannot_be_written_is_lost_silently() -> None:
    stream = io.StringIO()
    stream.close()
    make_log("info", "text", stream, StoppedClock()).info("stopping")


def test_an_exception_is_described_without_its_text() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("password=lovelace")
    what, where = describe_error(raised.value)
    assert what == "ValueError"
    assert where.startswith(__file__)
    assert describe_error(BadSetting("port: too large"))[0] == "bad_setting: port: too large"


def test_what_libraries_log_comes_through_without_their_texts() -> None:
    log, stream = _log()
    logger = logging.getLogger("test_logs.library")
    logger.propagate = False
    logger.addHandler(LibraryLogs(log))
    logger.info("not even this")
    logger.warning("secret %s", "whsec_abc")
    line = json.loads(stream.getvalue())
    assert (line["logger"], line["error"]) == ("test_logs.library", "WARNING")
    assert "whsec_abc" not in stream.getvalue()
