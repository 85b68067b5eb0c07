"""A logged request as a command for curl, which sends the same bytes again.

For a shell, so everything is quoted; and for a terminal, so a body that a terminal would act on goes in base64.
Credentials are not in the log: they show as `***` and have to be put in by hand.
"""

import base64
import shlex
from collections.abc import Iterator
from typing import Any, Final

from ringback.cli.shown import harmless
from ringback.model.errors import BadSetting

# What curl writes by itself, from the URL and the body.
_CURLS_OWN: Final = frozenset(("host", "content-length"))
_REDACTED: Final = "***"


def curl_command(attempt: dict[str, Any]) -> str:
    """The command, on several lines. Raises BadSetting when nothing was sent."""
    request = attempt["request"]
    if request is None:
        raise BadSetting("curl: nothing was sent in this attempt.")
    if body_is_gone(request):
        raise BadSetting("curl: the request's body is not kept any more, so it can't be sent again.")
    body = request_body(request)
    text = body.decode("utf-8", "replace")
    as_text = text.isprintable() and text.encode() == body
    lines = [f"curl --include --request {shlex.quote(request['method'])} --globoff --path-as-is"]
    lines += [f"--header {_quoted(f'{name}: {value}')}" for name, value in _own_headers(request)]
    if body:
        lines.append(f"--data-raw {shlex.quote(text)}" if as_text else "--data-binary @-")
    lines.append(_quoted(request["url"]))
    before = "" if as_text else f"printf %s {base64.b64encode(body).decode('ascii')} | base64 --decode |\n"
    return before + " \\\n  ".join(lines)


def curl_remarks(attempt: dict[str, Any]) -> Iterator[str]:
    """What to know before it is run."""
    if any(_REDACTED in value for _, value in _own_headers(attempt["request"])):
        yield "Credentials are not in the log: replace *** by them."
    yield "The signature is of then: a receiver that checks its age (five minutes, as a rule) will refuse it."


def request_body(request: dict[str, Any]) -> bytes:
    """The bytes of a body as the API gives it; none of one that is not kept any more (`body_is_gone`)."""
    encoded = request.get("body_base64")
    if encoded is not None:
        return base64.b64decode(encoded)
    return (request["body"] or "").encode("utf-8", "surrogatepass")


def body_is_gone(request: dict[str, Any]) -> bool:
    """Whether there was a body that is not kept any more: removed for privacy, or its event is past its time."""
    return request.get("body_base64") is None and request["body"] is None


def _own_headers(request: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request["headers"] if name.lower() not in _CURLS_OWN]


def _quoted(text: str) -> str:
    # URLs and headers that were sent are visible ASCII; should one not be, it must not act on a terminal.
    return shlex.quote(harmless(text))
