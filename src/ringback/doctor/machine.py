"""The machine: its clock, how many files may be open, and the libraries a server would use here."""

import ctypes
import platform
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pycares
import pycurl

from ringback import __version__
from ringback.doctor.finding import Finding, ok, problem, warning
from ringback.store.sqlite.examination import SQLITE_VERSION_MIN, linked_sqlite
from ringback.times import rfc3339

EARLIEST_MS: Final = 1_767_225_600_000  # 2026, when this was written
LATEST_MS: Final = 4_102_444_800_000  # 2100
JUMP_MS_MAX: Final = 60_000
# For the database, the log, the API's callers, the resolver and what else a process has.
OTHER_FILES: Final = 256
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512


def examine_clock(now_ms: int, newest_attempt_at: int | None = None, written: Path | None = None) -> Iterator[Finding]:
    """Whether the clock can be right: signatures carry its time, and retries wait by it."""
    name, shown = "clock", f"{rfc3339(now_ms)[:19]}Z"
    advice = "Set the clock, and keep it in step with NTP (chrony, systemd-timesyncd)."
    if not EARLIEST_MS <= now_ms < LATEST_MS:
        yield problem(name, f"it says {shown}, which can't be", advice)
    elif newest_attempt_at is not None and newest_attempt_at > now_ms + JUMP_MS_MAX:
        newest = f"{rfc3339(newest_attempt_at)[:19]}Z"
        yield problem(name, f"it says {shown}, but the newest attempt in the log is of {newest}: it went back", advice)
    elif written is not None and written.exists() and written.stat().st_mtime * 1000 > now_ms + JUMP_MS_MAX:
        yield warning(name, f"it says {shown}, but {written} was written later than that", advice)
    elif _in_step() is False:
        yield warning(name, f"it says {shown}, and nothing keeps it in step", advice)
    else:
        yield ok(name, shown)


def examine_open_files(in_flight_max: int) -> Iterator[Finding]:
    """Whether as many requests can be under way as the settings say: a server raises its own limit to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    name, needed = "open files", in_flight_max + OTHER_FILES
    if hard == resource.RLIM_INFINITY or hard >= needed:
        limit = "without limit" if hard == resource.RLIM_INFINITY else f"up to {hard:,}"
        yield ok(name, f"{limit}; {needed:,} may be needed (in_flight_max {in_flight_max:,})")
    else:
        yield problem(
            name,
            f"only {hard:,} may be open; {needed:,} may be needed (in_flight_max {in_flight_max:,})",
            f"Raise the limit (ulimit -Hn {needed}, LimitNOFILE={needed}), or lower in_flight_max.",
        )


def examine_libraries() -> Iterator[Finding]:
    """Versions, and that libcurl can do what is asked of it."""
    yield ok(
        "ringback", f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    sqlite = linked_sqlite()
    if _parts(sqlite) < _parts(SQLITE_VERSION_MIN):
        yield problem(
            "SQLite", f"{sqlite} has a bug that can damage the database", f"Install apsw {SQLITE_VERSION_MIN} or later."
        )
    else:
        yield ok("SQLite", sqlite)
    facts = pycurl.version_info()
    libcurl, tls, protocols = str(facts[1]), str(facts[5]), facts[8]
    if not facts[4] & pycurl.VERSION_SSL or not {"http", "https"} <= set(protocols):
        yield problem("libcurl", f"{libcurl} was built without TLS", "Install pycurl as a wheel, which brings libcurl.")
    else:
        yield ok("libcurl", f"{libcurl} with {tls}; c-ares by pycares {pycares.__version__}")


def _in_step() -> bool | None:
    """Whether the kernel says that something keeps its clock in step; None when it doesn't tell."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):  # no such system call here
        return None
    return None if state < 0 else state != _TIME_ERROR


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
