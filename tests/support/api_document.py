"""The API's OpenAPI document, made once for all tests that are made from it."""

from functools import cache
from typing import Any

from support.api_world import ApiWorld


@cache
def document() -> dict[str, Any]:
    return ApiWorld().app.openapi()


def operations() -> list[str]:
    """Each with its method and path: `GET /v1/tenants`."""
    return [f"{method.upper()} {path}" for path, methods in document()["paths"].items() for method in methods]
