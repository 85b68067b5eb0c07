"""What a check found: a name, how bad it is, a line about it, and what to do. Sizes in words."""

from enum import StrEnum
from typing import Final, NamedTuple

from ringback.model.errors import StartError

_UNITS: Final = ((1024**4, "TB"), (1024**3, "GB"), (1024**2, "MB"), (1024, "kB"))


class Status(StrEnum):
    """`problem`: a server would not start here, or not do its work. `warning`: something to know or to put right."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One line of the report. `advice` is "" when all is well."""

    name: str
    status: Status
    detail: str
    advice: str = ""


def ok(name: str, detail: str) -> Finding:
    """All is well."""
    return Finding(name, Status.OK, detail)


def warning(name: str, detail: str, advice: str) -> Finding:
    """Something to know or to put right."""
    return Finding(name, Status.WARNING, detail, advice)


def problem(name: str, detail: str, advice: str) -> Finding:
    """A server would not start here, or not do its work."""
    return Finding(name, Status.PROBLEM, detail, advice)


def refused(name: str, error: StartError) -> Finding:
    """What a server would say when it refused to start, split into what is wrong and what to do."""
    detail, _, advice = error.detail.partition(". ")
    advice = advice.removeprefix("Nothing was changed. ")
    return problem(name, detail.rstrip("."), advice or "Run this as the user who runs the server.")


def size(count: float) -> str:
    """`1.5 GB`."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count:.0f} bytes"
