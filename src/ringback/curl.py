"""A logged request as a command for curl, which sends the same bytes again.

For a shell, so everything is quoted; and for a terminal, so a body that a terminal would act on goes in base64.
Credentials are not in the log: they show as `***` and have to be put in by hand. Pure; belongs to no plane.
"""

import base64
import shlex
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ringback.model.text import harmless

# What curl writes by itself, from the URL and the body.
_CURLS_OWN: Final = frozenset(("host", "content-length"))
_REDACTED: Final = "***"


class SentRequest(NamedTuple):
    """A request as the log has it; `headers` are (name, value)."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes


def curl_command(request: SentRequest) -> str:
    """The command, on several lines."""
    text = request.body.decode("utf-8", "replace")
    as_text = text.isprintable() and text.encode() == request.body
    lines = [f"curl --include --request {shlex.quote(request.method)} --globoff --path-as-is"]
    lines += [f"--header {_quoted(f'{name}: {value}')}" for name, value in _own_headers(request)]
    if request.body:
        lines.append(f"--data-raw {shlex.quote(text)}" if as_text else "--data-binary @-")
    lines.append(_quoted(request.url))
    encoded = base64.b64encode(request.body).decode("ascii")
    before = "" if as_text else f"printf %s {encoded} | base64 --decode |\n"
    return before + " \\\n  ".join(lines)


def curl_remarks(request: SentRequest) -> Iterator[str]:
    """What to know before it is run."""
    if any(_REDACTED in value for _, value in _own_headers(request)):
        yield "Credentials are not in the log: replace *** by them."
    yield "The signature is of then: a receiver that checks its age (five minutes, as a rule) will refuse it."


def _own_headers(request: SentRequest) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers if name.lower() not in _CURLS_OWN]


def _quoted(text: str) -> str:
    # URLs and headers that were sent are visible ASCII; should one not be, it must not act on a terminal.
    return shlex.quote(harmless(text))
