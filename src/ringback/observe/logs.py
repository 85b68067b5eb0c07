"""Log lines: one line an event, as text for people or JSON for machines.

Redaction is by allow-list: only the names in `SHOWN` are written as they are, any other value becomes `***`. An
exception is written as its type and the place it arose, never with its text, which may quote what it choked on; only
Ringback's own errors, whose `detail` is made to be shown, keep theirs. Levels and format come from the settings. A
line that can't be written is lost, silently: a full disk under the log must not stop a delivery.
"""

import contextlib
import json
import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol, TextIO

import structlog

from ringback.clock import Clock
from ringback.observe import telemetry
from ringback.observe.errors import describe_error
from ringback.observe.telemetry import Observer, TelemetryEvent
from ringback.times import rfc3339

REDACTED: Final = "***"
TROUBLE_AGAIN_S: Final = 10.0
SHOWN: Final = frozenset(
    {
        "at", "level", "event", "version", "role", "base_url", "reason", "in_flight", "tenant_id", "endpoint_id",
        "attempt_id", "node_id", "dead_node_id", "part", "code", "error", "place", "rung", "freed", "made", "cancelled",
        "purged", "expired_keys", "members", "spans", "logger", "actor", "at_most_s", "by_s", "key_id", "event_id",
        "redacted", "rule_id", "notices",
    }
)  # fmt: skip

_WARNINGS: Final = (
    telemetry.WaitsForStore,
    telemetry.WaitsForMigration,
    telemetry.LaneParked,
    telemetry.EndpointDisabled,
    telemetry.EndpointRefused,
    telemetry.AttemptSuperseded,
    telemetry.LeaseLost,
    telemetry.NodeTakenOver,
    telemetry.StoreTrouble,
    telemetry.ClockSet,
    telemetry.RetentionHeld,
    telemetry.SpansDropped,
    telemetry.RuleFailed,
    telemetry.NoticesDropped,
)
_LEVELS: Final[Mapping[str, int]] = logging.getLevelNamesMapping()


class Log(Protocol):
    """A structlog logger as the rest of Ringback uses it: an event name and named values."""

    def debug(self, event: str, **values: object) -> object: ...

    def info(self, event: str, **values: object) -> object: ...

    def warning(self, event: str, **values: object) -> object: ...

    def error(self, event: str, **values: object) -> object: ...


def make_log(level: str, form: str, stream: TextIO, clock: Clock) -> Log:
    """A logger that writes to `stream`. `level` and `form` are the settings `log_level` and `log_format`."""

    def stamp(_: object, level_name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"at": rfc3339(clock.now_ms()), "level": level_name, "event": line.pop("event"), **line}

    log: Log = structlog.wrap_logger(
        _Lines(stream),
        processors=[stamp, _redact, _as_json if form == "json" else _as_text],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level.upper()]),
    )
    return log


class LogObserver(Observer):
    """Writes every telemetry event as a line named after it: `lane_parked tenant_id=… endpoint_id=…`.

    While a store is away every part tries several times a second: the same trouble of the same part is written once in
    TROUBLE_AGAIN_S (and counted each time, by others).
    """

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._troubled: dict[telemetry.StoreTrouble, float] = {}

    def __call__(self, event: TelemetryEvent, /) -> None:
        if isinstance(event, telemetry.StoreTrouble):
            now_s = self._clock.boottime_s()
            if now_s - self._troubled.get(event, -TROUBLE_AGAIN_S) < TROUBLE_AGAIN_S:
                return
            self._troubled[event] = now_s
        write: Callable[..., object] = getattr(self._log, level_of(type(event)))
        write(line_name(type(event)), **event._asdict())


def line_name(event: type[TelemetryEvent]) -> str:
    """The name of its line: `LaneParked` is `lane_parked`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


def level_of(event: type[TelemetryEvent]) -> str:
    """`debug`, `info`, `warning` or `error`."""
    if event is telemetry.PartFailed:
        return "error"
    if event is telemetry.SweepCleared:
        return "debug"
    return "warning" if issubclass(event, _WARNINGS) else "info"


class LibraryLogs(logging.Handler):
    """Takes what libraries write with `logging`: from warnings up, the logger's name and an exception's type.

    Their texts stay out, since nobody checked them for secrets.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error, place = record.levelname, f"{record.pathname}:{record.lineno}"
        if record.exc_info is not None and record.exc_info[1] is not None:
            error, place = describe_error(record.exc_info[1])
        self._log.warning("library", logger=record.name, error=error, place=place)


class _Lines:
    """The end of the chain: writes a finished line, whatever its level."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = write


def _redact(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value if name in SHOWN else REDACTED for name, value in line.items()}


def _as_json(_: object, __: str, line: MutableMapping[str, Any]) -> str:
    return json.dumps(line, default=str)


def _as_text(_: object, __: str, line: MutableMapping[str, Any]) -> str:
    """`2026-11-21T10:00:00.000Z warning lane_parked tenant_id=t endpoint_id=ep_1`"""
    head = [str(line.pop(name)) for name in ("at", "level", "event")]
    return " ".join([*head, *(f"{name}={_quoted(str(value))}" for name, value in line.items())])


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[^\s\"=]+", text) and text.isprintable() else json.dumps(text)
