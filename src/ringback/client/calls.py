"""What all calls of `Client` are made of: paths, bodies, and answers that can only be Ringback's.

What can't be Ringback's answer is an `ApiError` with the code `not_ringback`. Needs the standard library only.
"""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, urlencode

from ringback.client.connection import Answer, Connection
from ringback.client.errors import not_ringback

TIMEOUT_S: Final = 30.0

Json = dict[str, Any]


class Page(NamedTuple):
    """One page of a list, and where the next begins (None: this was the last)."""

    items: list[Json]
    next_cursor: str | None


class Calls:
    """A connection, a key and a tenant; any call of the API. `Client` adds those that have names."""

    def __init__(self, base_url: str, key: str, tenant: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._connection = Connection(base_url, key, timeout_s)
        self._tenant = tenant
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close this thread's connection. The client can still be used."""
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None, *, expect: Sequence[str] | None = None) -> Any:
        """Any call of the API, such as `call("GET", "/v1/tenants")`: `body` (or bytes of it) and the answer are JSON.

        `expect` names what the answer, an object, has at least; without it the answer may be anything.
        """
        answer = self._answer(method, path, body)
        return answer.json if expect is None else checked_object(answer, expect)

    def exchange(self, method: str, path: str, body: Any = None, *, expect: Sequence[str] = ()) -> Answer:
        """As `call`, for an answer that is an object: it comes with its status and with its bytes as they came."""
        answer = self._answer(method, path, body)
        checked_object(answer, expect)
        return answer

    def call_page(self, path: str) -> Page:
        """One page of any list of the API, such as `call_page("/v1/tenants?limit=250")`."""
        answer = self._answer("GET", path)
        return Page(checked_objects(answer, "items"), checked_object(answer, ["next_cursor"])["next_cursor"])

    def _answer(self, method: str, path: str, body: Any = None) -> Answer:
        answer = self._connection.call(method, path, None if body is None else json_bytes(body), {})
        if method == "DELETE" and answer.status != 204:  # "removed" must not be believed of just any server
            raise not_ringback(answer.status)
        return answer

    def _get(self, *parts: str) -> Json:
        return self._object("GET", self._path(*parts))

    def _post(self, body: Json, *parts: str) -> Json:
        return self._object("POST", self._path(*parts), body)

    def _page(self, *parts: str, **query: str | int | None) -> Page:
        return self.call_page(self._path(*parts, **query))

    def _path(self, *parts: str, **query: str | int | None) -> str:
        if self._tenant is None:
            raise ValueError("this call needs a client that was made with a tenant")
        path = "/".join(["/v1/tenants", quote(self._tenant, safe=""), *(quote(part, safe="") for part in parts)])
        given = {name: value for name, value in query.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path

    def _object(self, method: str, path: str, body: Any = None) -> Json:
        return checked_object(self._answer(method, path, body))


def checked_object(answer: Answer, names: Sequence[str] = ()) -> Json:
    """The answer, an object that has `names`. Raises ApiError: then it is not Ringback that answered."""
    if not isinstance(answer.json, dict) or any(name not in answer.json for name in names):
        raise not_ringback(answer.status)
    return answer.json


def checked_objects(answer: Answer, name: str, names: Sequence[str] = ()) -> list[Json]:
    """The list of objects, each with `names`, that the answer has under `name`. Raises ApiError."""
    listed = checked_object(answer, [name])[name]
    if not isinstance(listed, list):
        raise not_ringback(answer.status)
    return [checked_object(Answer(answer.status, item), names) for item in listed]


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8; bytes are JSON already and stay as they are."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
