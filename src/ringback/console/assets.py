"""The console's own files: a style sheet, two scripts. Each is asked for by what is in it, and may be kept for ever."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@cache
def _read(name: str) -> tuple[bytes, str]:
    data = (files("ringback.console") / "static" / name).read_bytes()
    return data, sha256(data).hexdigest()[:16]


def asset(name: str) -> str:
    """The address of a file, by its name."""
    return f"/console/static/{_read(name)[1]}/{name}"


async def send_asset(request: Request) -> Response:
    """GET /console/static/{mark}/{name}."""
    name = request.path_params["name"]
    if name not in _TYPES:
        return Response(status_code=404)
    data, mark = _read(name)
    kept = _FOR_EVER if request.path_params["mark"] == mark else "no-cache"
    return Response(data, headers={"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}, media_type=_TYPES[name])
