"""The calls of `Client` about records: the latest state of your objects, whose changes make events."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ringback.client.calls import Calls, Json, Page, checked_object, checked_objects, json_bytes

_WRITTEN: Final = ("type", "id", "revision", "result")
_NDJSON: Final = {"content-type": "application/x-ndjson"}


class RecordCalls(Calls):
    """Part of `Client`.

    What a write takes beside the state: `version` (a whole number) or `updated_at` (RFC 3339) is what the source says
    of the state, so that what comes late changes nothing; `if_match` is the revision that must be stored, or `*` for
    any, and `if_none_match="*"` writes only what isn't there; `channel` is that of the events that are made. The answer
    of a write has `revision`, `result` (`created`, `updated`, `deleted`, `unchanged` or `stale`), `changed` and
    `event_id`.
    """

    def put_record(self, type: str, id: str, data: Any, **terms: Any) -> Json:  # noqa: A002 - the API's own words
        """Store the whole state of an object: anything that `json` can write, or bytes of JSON."""
        return self._write_record("PUT", type, id, json_bytes(data), terms)

    def patch_record(self, type: str, id: str, patch: Any, **terms: Any) -> Json:  # noqa: A002
        """Merge a patch (RFC 7396) into the state: null removes a member."""
        return self._write_record("PATCH", type, id, json_bytes(patch), terms)

    def delete_record(self, type: str, id: str, **terms: Any) -> Json:  # noqa: A002
        """The object is gone."""
        return self._write_record("DELETE", type, id, None, terms)

    def get_record(self, type: str, id: str) -> Json:  # noqa: A002
        """The latest state, in `data`."""
        return self._get("records", type, id)

    def list_records(self, type: str, **query: str | int | None) -> Page:  # noqa: A002
        """A page of the records of a type, by id; `query`: limit, cursor."""
        return self._page("records", type, **query)

    def write_records(self, changes: Iterable[Mapping[str, Any] | bytes]) -> list[Json]:
        """Up to 1,000 changes, all or none, in order: `type`, `id`, `op` (`put` unless given), `data`, `version`,
        `updated_at`, `if_revision`, `channel`; or bytes, each one line of JSON. What became of each."""
        body = b"\n".join(json_bytes(change) for change in changes)
        answer = self._connection.call("POST", self._path("records", "batch"), body, _NDJSON)
        return checked_objects(answer, "records", _WRITTEN)

    def _write_record(self, method: str, kind: str, name: str, body: bytes | None, terms: Mapping[str, Any]) -> Json:
        path = self._path("records", kind, name)
        return checked_object(self._connection.call(method, path, body, _headers(**terms)), _WRITTEN)


def _headers(
    *,
    version: int | None = None,
    updated_at: str | None = None,
    if_match: int | str | None = None,
    if_none_match: str | None = None,
    channel: str | None = None,
) -> dict[str, str]:
    given = {
        "ringback-version": None if version is None else str(version),
        "ringback-updated-at": updated_at,
        "if-match": f'"{if_match}"' if isinstance(if_match, int) else if_match,
        "if-none-match": if_none_match,
        # Headers are bytes, and the API reads them as UTF-8.
        "ringback-channel": None if channel is None else channel.encode().decode("latin-1"),
    }
    return {name: value for name, value in given.items() if value is not None}
