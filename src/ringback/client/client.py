"""`Client`: the HTTP API as Python calls, for one tenant.

    client = Client("http://127.0.0.1:8080", key, "acme")
    client.send("contact.created", {"id": "c_1", "name": "Ada"})

It covers what an application and the command line need; `call` reaches the rest. It does not retry (a caller who
gives an `id` or an `idempotency_key` can), does not queue, and needs the standard library only. The shapes of what
comes back are the API's; what can't be Ringback's answer is an `ApiError` too, with the code `not_ringback`. Any call
may raise `ApiError` or `Unreachable`. May be used by several threads.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event
from types import TracebackType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from ringback.client.connection import Answer, Connection
from ringback.client.errors import not_ringback

TIMEOUT_S: Final = 30.0
COPY_WITHIN_S: Final = 6 * 3600.0
_FEED_PAUSE_S: Final = 0.5

Json = dict[str, Any]


class Accepted(NamedTuple):
    """One accepted event. `duplicate`: it had been accepted before and nothing was sent now."""

    id: str
    type: str
    accepted_at: str
    deliveries: int
    duplicate: bool


class Page(NamedTuple):
    """One page of a list, and where the next begins (None: this was the last)."""

    items: list[Json]
    next_cursor: str | None


class Client:
    """The API of one Ringback at `base_url`, with a key, for `tenant` (an admin key may leave it out and use `call`).

    `timeout_s` holds for each step: connecting, sending, each piece of the answer.
    """

    def __init__(self, base_url: str, key: str, tenant: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._connection = Connection(base_url, key, timeout_s)
        self._tenant = tenant
        self._timeout_s = timeout_s

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close this thread's connection. The client can still be used."""
        self._connection.close()

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────

    def send(
        self,
        type: str,  # noqa: A002 - the API's own word
        data: Any,
        *,
        id: str | None = None,  # noqa: A002
        channel: str | None = None,
        subject: Mapping[str, str] | None = None,
        change: str | None = None,
        previous: Any = None,
        occurred_at: str | None = None,
        deliver_at: str | None = None,
        ordering_key: str | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Accept one event: stored, with its deliveries, when this returns.

        `data` is anything that `json` can write, or bytes of JSON, which go out as they are. `subject` is
        `{"type", "id"}`, times are RFC 3339. Sent again with the same `id` or `idempotency_key` it is a duplicate.
        """
        fields = {
            "type": type,
            "id": id,
            "channel": channel,
            "subject": subject,
            "change": change,
            "previous": previous,
            "occurred_at": occurred_at,
            "deliver_at": deliver_at,
            "ordering_key": ordering_key,
        }
        return _accepted(self._accept(_event_body(fields, data), idempotency_key, "events"))

    def send_status(self, status: str, *, idempotency_key: str | None = None) -> Accepted:
        """Tell how far the tenant's connection is, as an event: `NEW_CONNECTION`, `INITIAL_SYNCED` or `READY`."""
        return _accepted(self._accept(_written({"status": status}), idempotency_key, "status"))

    def send_many(self, events: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None) -> list[str]:
        """Accept up to 1,000 events (`type`, `data` and the other fields), all or none; their ids, in order."""
        bodies = [_event_body({k: v for k, v in event.items() if k != "data"}, event["data"]) for event in events]
        answer = self._accept(b'{"events":[' + b",".join(bodies) + b"]}", idempotency_key, "events", "batch")
        return [accepted["id"] for accepted in _objects(answer, "accepted", ("id",))]

    def get_event(self, event_id: str) -> Json:
        """One event."""
        return self._get("events", event_id)

    def list_events(self, **query: str | int | None) -> Page:
        """A page of events; `query`: type, channel, since, until, endpoint_id, order, limit, cursor,
        wait_s."""
        return self._page("events", **query)

    def feed(self, cursor: str | None = None, *, wait_s: int = 20, **query: str | int | None) -> Iterator[Page]:
        """The tenant's events as they come, oldest first, from a cursor that was kept on (None: from the first).

        Keep the `next_cursor` of a page when its items are done: whoever goes on from there misses none and sees none
        twice. A page may be empty where others came than the wanted ones (`query`: type, channel, since, until,
        endpoint_id, limit). It never ends, but with a `wait_s` of 0: then when there are no more for now. `wait_s`,
        at most 30 and less than the client's `timeout_s`, is how long one call waits.
        """
        if wait_s >= self._timeout_s:
            raise ValueError("wait_s must be less than the client's timeout_s")
        pause = Event()
        while True:
            page = self.list_events(order="asc", cursor=cursor, wait_s=wait_s or None, **query)
            if page.next_cursor is not None:
                cursor = page.next_cursor
                yield page
            elif not wait_s:
                return
            else:  # it may have been answered at once: the server stops, or too many wait
                pause.wait(_FEED_PAUSE_S)

    def list_deliveries(self, event_id: str) -> list[Json]:
        """Where an event stands at each endpoint it was meant for."""
        return self._page("events", event_id, "deliveries").items

    def resend(self, event_id: str, endpoint_id: str | None = None) -> None:
        """Send an event again, under the same id, to one endpoint or to all it was meant for."""
        body = {} if endpoint_id is None else {"endpoint_id": endpoint_id}
        self.call("POST", self._path("events", event_id, "resend"), body)

    def redact_event(self, event_id: str) -> None:
        """Remove an event's payload for good, from its attempts too. What happened stays."""
        self.call("DELETE", self._path("events", event_id, "payload"))

    def redact_subject(self, type: str, id: str) -> int:  # noqa: A002 - the API's own words
        """The same for all events of a subject; how many had their payload until now."""
        answer = self._connection.call("DELETE", self._path("subjects", "payload", type=type, id=id), None, {})
        return int(_object(answer, ["redacted"])["redacted"])

    # ── replays ───────────────────────────────────────────────────────────────────────────────────────────────

    def replay(self, endpoint_id: str, since: str, until: str | None = None, which: str = "failed") -> Json:
        """Send a span of events (times in RFC 3339) to an endpoint again; the answer has the job's `id` and `matched`.

        `which`: `failed` or `all`.
        """
        body = {"since": since, "which": which} if until is None else {"since": since, "until": until, "which": which}
        answer = self._answer("POST", self._path("endpoints", endpoint_id, "replay"), body)
        return _object(answer, ["id", "matched"])

    def get_job(self, job_id: str) -> Json:
        """A job, with its `state`, `matched` and `done`."""
        return _object(self._answer("GET", self._path("jobs", job_id)), ["id", "state", "matched", "done"])

    def list_jobs(self, **query: str | int | None) -> Page:
        """A page of jobs, newest first."""
        return self._page("jobs", **query)

    def cancel_job(self, job_id: str) -> None:
        """Let a job queue no more."""
        self.call("DELETE", self._path("jobs", job_id))

    # ── attempts ──────────────────────────────────────────────────────────────────────────────────────────────

    def list_attempts(self, endpoint_id: str | None = None, **query: str | int | None) -> Page:
        """A page of attempts, newest first, without bodies.

        `query`: outcome, since, until, event_type, limit, cursor.
        """
        return self._page(*([] if endpoint_id is None else ["endpoints", endpoint_id]), "attempts", **query)

    def get_attempt(self, attempt_id: str) -> Json:
        """One attempt whole, with what was sent and what came back."""
        return self._get("attempts", attempt_id)

    # ── endpoints ─────────────────────────────────────────────────────────────────────────────────────────────

    def create_endpoint(self, url: str, **fields: Any) -> Json:
        """Register a receiver; `fields` are the API's (`label`, `event_types`, …). The answer has its secret, once."""
        return self._post({"url": url, **fields}, "endpoints")

    def list_endpoints(self, **query: str | int | None) -> Page:
        """A page of endpoints; `query`: limit, cursor."""
        return self._page("endpoints", **query)

    def get_endpoint(self, endpoint_id: str) -> Json:
        """One endpoint."""
        return self._get("endpoints", endpoint_id)

    def update_endpoint(self, endpoint_id: str, **fields: Any) -> Json:
        """Change the given fields of an endpoint; the endpoint as it is then."""
        return self._object("PATCH", self._path("endpoints", endpoint_id), fields)

    def delete_endpoint(self, endpoint_id: str) -> None:
        """Remove an endpoint; what is queued for it is cancelled."""
        self.call("DELETE", self._path("endpoints", endpoint_id))

    def endpoint_stats(self, endpoint_id: str, days: int = 14) -> Json:
        """How many attempts succeeded and failed, in all and by day."""
        return self._object("GET", self._path("endpoints", endpoint_id, "stats", days=days))

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────

    def create_key(self, scope: str, label: str | None = None) -> Json:
        """A new key of the tenant (`tenant` or `ingest`); the answer has `key`, once."""
        return self._post({"scope": scope} if label is None else {"scope": scope, "label": label}, "keys")

    def list_keys(self, **query: str | int | None) -> Page:
        """A page of the tenant's keys, without the keys themselves."""
        return self._page("keys", **query)

    def delete_key(self, key_id: str) -> None:
        """Revoke a key."""
        self.call("DELETE", self._path("keys", key_id))

    # ── the server, for admin keys ────────────────────────────────────────────────────────────────────────────

    def backup(self, write: Callable[[bytes], object]) -> int:
        """Have the server copy its database while it goes on, and give the copy to `write`, piece by piece; its size.

        The answer begins when the copy is whole: with a large database that takes minutes.
        """
        return self._connection.receive("POST", "/v1/backup", write, COPY_WITHIN_S)

    # ── the rest ──────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, method: str, path: str, body: Any = None, *, expect: Sequence[str] | None = None) -> Any:
        """Any call of the API, such as `call("GET", "/v1/tenants")`: `body` (or bytes of it) and the answer are JSON.

        `expect` names what the answer, an object, has at least; without it the answer may be anything.
        """
        answer = self._answer(method, path, body)
        return answer.json if expect is None else _object(answer, expect)

    def exchange(self, method: str, path: str, body: Any = None, *, expect: Sequence[str] = ()) -> Answer:
        """As `call`, for an answer that is an object: it comes with its status and with its bytes as they came."""
        answer = self._answer(method, path, body)
        _object(answer, expect)
        return answer

    def call_page(self, path: str) -> Page:
        """One page of any list of the API, such as `call_page("/v1/tenants?limit=250")`."""
        answer = self._answer("GET", path)
        return Page(_objects(answer, "items"), _object(answer, ["next_cursor"])["next_cursor"])

    def _answer(self, method: str, path: str, body: Any = None) -> Answer:
        content = body if body is None or isinstance(body, bytes) else _written(body)
        answer = self._connection.call(method, path, content, {})
        if method == "DELETE" and answer.status != 204:  # "removed" must not be believed of just any server
            raise not_ringback(answer.status)
        return answer

    def _accept(self, body: bytes, idempotency_key: str | None, *parts: str) -> Answer:
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return self._connection.call("POST", self._path(*parts), body, headers)

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
        return _object(self._answer(method, path, body))


def _accepted(answer: Answer) -> Accepted:
    """The one event that was accepted."""
    found = _object(answer, Accepted._fields[:4])
    return Accepted(found["id"], found["type"], found["accepted_at"], found["deliveries"], answer.status == 200)


def _object(answer: Answer, names: Sequence[str] = ()) -> Json:
    """The answer, an object that has `names`. Raises ApiError: then it is not Ringback that answered."""
    if not isinstance(answer.json, dict) or any(name not in answer.json for name in names):
        raise not_ringback(answer.status)
    return answer.json


def _objects(answer: Answer, name: str, names: Sequence[str] = ()) -> list[Json]:
    """The list of objects, each with `names`, that the answer has under `name`. Raises ApiError."""
    listed = _object(answer, [name])[name]
    if not isinstance(listed, list):
        raise not_ringback(answer.status)
    return [_object(Answer(answer.status, item), names) for item in listed]


def _event_body(fields: Mapping[str, Any], data: Any) -> bytes:
    """The event's JSON with `data` last; data that are bytes already stay as they are."""
    rest = _written({name: value for name, value in fields.items() if value is not None})
    return rest[:-1] + b',"data":' + (bytes(data) if isinstance(data, bytes | bytearray) else _written(data)) + b"}"


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
