"""Templates: Jinja2 with everything escaped, and what templates may call.

Templates have no rules in them: a view hands them what is to be seen. Undefined names raise, so a page with a mistake
is found by the first test that opens it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ringback.console.assets import asset
from ringback.console.shown import shown_bytes, shown_json

if TYPE_CHECKING:
    from jinja2 import Environment

_SECOND_MS: Final = 1_000
_WHOLE_FROM_MS: Final = 9.95  # what is less is shown with a tenth
# A unit, in ms, with the next smaller one beside it.
_SPANS: Final = ((86_400_000, "d", 3_600_000, "h"), (3_600_000, "h", 60_000, "min"), (60_000, "min", 1_000, "s"))
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of a page."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - a start doesn't wait for it

    made = Environment(
        loader=PackageLoader("ringback.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        time=time_text, iso=iso_text, milliseconds=milliseconds_text, size=size_text, span=span_text,
        shown=shown_bytes, pretty=shown_json, step=path_step,
    )  # fmt: skip
    made.globals.update(asset=asset)
    return made


def time_text(at: int) -> str:
    """Milliseconds since 1970 as `2026-11-21 09:30:05`, UTC."""
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso_text(at: int) -> str:
    """The same for machines."""
    return datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds_text(duration: float | None) -> str:
    """`0.4 ms`, `12 ms`, `1.25 s`; a dash for None."""
    if duration is None:
        return "–"
    if duration >= _SECOND_MS:
        return f"{duration / _SECOND_MS:.2f} s"
    return f"{duration:.0f} ms" if duration >= _WHOLE_FROM_MS or duration == 0 else f"{duration:.1f} ms"


def span_text(duration: float) -> str:
    """The same, and longer ones as `3 min 5 s`, `2 h 0 min`, `4 d 7 h`."""
    for unit_ms, unit, lesser_ms, lesser in _SPANS:
        if duration >= unit_ms:
            whole, rest = divmod(int(duration), unit_ms)
            return f"{whole} {unit} {rest // lesser_ms} {lesser}"
    return milliseconds_text(duration)


def size_text(count: int) -> str:
    """`512 B`, `1.4 MiB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 1_024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_024
    raise AssertionError


def path_step(text: str) -> str:
    """A name as one step of an address."""
    return quote(text, safe="")
