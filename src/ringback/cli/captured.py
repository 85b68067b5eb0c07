"""A request that somebody captured, read: raw HTTP as it stood on the wire, or a line of `ringback listen --json`.

The body's bytes are what matters: nothing is decoded, trimmed or put in order. What can't be read as a request is a
BadSetting.
"""

import json
import re
from typing import Any, Final, NamedTuple

from ringback.model.errors import BadSetting

_REQUEST_LINE: Final = re.compile(rb"[A-Z]+ \S+ HTTP/[0-9.]+")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


class Captured(NamedTuple):
    """Headers in their order, the body's bytes. `inexact`: what kept it may have changed bytes that are no UTF-8."""

    headers: list[tuple[str, str]]
    body: bytes
    inexact: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def read_request(content: bytes) -> Captured:
    """The request in `content`. Raises BadSetting."""
    if content.lstrip()[:1] == b"{":
        return _from_line(content)
    head, blank, body = _split(content)
    lines = head.splitlines()
    if lines and _REQUEST_LINE.fullmatch(lines[0].strip()):
        lines = lines[1:]
    headers = [_header(line) for line in lines]
    if not headers or not blank:
        raise BadSetting(
            "request: give the whole request, headers, an empty line and the body, or a line of `ringback listen "
            "--json`; for a body alone use --body-file and --header."
        )
    return Captured(headers, body)


def _split(content: bytes) -> tuple[bytes, bool, bytes]:
    found = _BLANK_LINE.search(content)
    if found is None:
        return content.rstrip(b"\r\n"), content.endswith(b"\n"), b""
    return content[: found.start()], True, content[found.end() :]


def _header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.decode("latin-1").partition(":")
    if not colon or not name.strip() or " " in name.strip():
        raise BadSetting("request: a line before the first empty line is not a header ('Name: value').")
    return name.strip(), value.strip()


def _from_line(content: bytes) -> Captured:
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith(b"{") for line in lines):
        raise BadSetting(f"request: there are {len(lines)} requests; give one line, such as `tail -n 1 FILE`.")
    try:
        line: Any = json.loads(content)
        headers = [(str(name), str(value)) for name, value in line["headers"]]
        body = line["body"].encode("utf-8")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadSetting(
            "request: this is JSON, but no line of `ringback listen --json`, which has headers and body; for a body "
            "alone use --body-file and --header."
        ) from None
    return Captured(headers, body, inexact="\ufffd" in line["body"])
