"""`Client`: the HTTP API as Python calls, for one tenant.

    client = Client("http://127.0.0.1:8080", key, "acme")
    client.send("contact.created", {"id": "c_1", "name": "Ada"})

It covers what an application and the command line need; `call` reaches the rest. It does not retry (a caller who
gives an `id` or an `idempotency_key` can), does not queue, and needs the standard library only. The shapes of what
comes back are the API's; what can't be Ringback's answer is an `ApiError` too, with the code `not_ringback`. Any call
may raise `ApiError` or `Unreachable`. May be used by several threads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event
from typing import Any, Final, NamedTuple

from ringback.client.calls import TIMEOUT_S, Json, Page, checked_object, checked_objects, json_bytes
from ringback.client.connection import Answer
from ringback.client.records import RecordCalls
from ringback.client.tracked_sets import TrackedSetCalls

__all__ = ["TIMEOUT_S", "Accepted", "Client", "Json", "Page"]

COPY_WITHIN_S: Final = 6 * 3600.0
_FEED_PAUSE_S: Final = 0.5


class Accepted(NamedTuple):
    """One accepted event. `duplicate`: it had been accepted before and nothing was sent now."""

    id: str
    type: str
    accepted_at: str
    deliveries: int
    duplicate: bool


class Client(RecordCalls, TrackedSetCalls):
    """The API of one Ringback at `base_url`, with a key, for `tenant` (an admin key may leave it out and use `call`).

    `timeout_s` holds for each step: connecting, sending, each piece of the answer.
    """

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
        return _accepted(self._accept(json_bytes({"status": status}), idempotency_key, "status"))

    def send_many(self, events: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None) -> list[str]:
        """Accept up to 1,000 events (`type`, `data` and the other fields), all or none; their ids, in order."""
        bodies = [_event_body({k: v for k, v in event.items() if k != "data"}, event["data"]) for event in events]
        answer = self._accept(b'{"events":[' + b",".join(bodies) + b"]}", idempotency_key, "events", "batch")
        return [accepted["id"] for accepted in checked_objects(answer, "accepted", ("id",))]

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
        return int(checked_object(answer, ["redacted"])["redacted"])

    # ── replays ───────────────────────────────────────────────────────────────────────────────────────────────

    def replay(self, endpoint_id: str, since: str, until: str | None = None, which: str = "failed") -> Json:
        """Send a span of events (times in RFC 3339) to an endpoint again; the answer has the job's `id` and `matched`.

        `which`: `failed` or `all`.
        """
        body = {"since": since, "which": which} if until is None else {"since": since, "until": until, "which": which}
        answer = self._answer("POST", self._path("endpoints", endpoint_id, "replay"), body)
        return checked_object(answer, ["id", "matched"])

    def get_job(self, job_id: str) -> Json:
        """A job, with its `state`, `matched` and `done`."""
        return checked_object(self._answer("GET", self._path("jobs", job_id)), ["id", "state", "matched", "done"])

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

    def _accept(self, body: bytes, idempotency_key: str | None, *parts: str) -> Answer:
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return self._connection.call("POST", self._path(*parts), body, headers)


def _accepted(answer: Answer) -> Accepted:
    """The one event that was accepted."""
    found = checked_object(answer, Accepted._fields[:4])
    return Accepted(found["id"], found["type"], found["accepted_at"], found["deliveries"], answer.status == 200)


def _event_body(fields: Mapping[str, Any], data: Any) -> bytes:
    """The event's JSON with `data` last; data that are bytes already stay as they are."""
    rest = json_bytes({name: value for name, value in fields.items() if value is not None})
    return rest[:-1] + b',"data":' + json_bytes(data) + b"}"
