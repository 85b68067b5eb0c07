"""An event as it is shown: a line of a list, and a page that ends with what became of it at each endpoint."""

from typing import Any, Final, NamedTuple

import msgspec
from rich.console import Console
from rich.text import Text

from ringback.cli.fate import STYLES, sentence, why_not_meant
from ringback.cli.lists import all_items, tenant_path
from ringback.cli.shown import (
    Column,
    counted,
    indented,
    moment,
    print_block,
    print_facts,
    print_prose,
    terminal,
)
from ringback.client.client import Client
from ringback.client.errors import ApiError
from ringback.model.text import harmless
from ringback.times import parse_rfc3339, rfc3339

# How far the log of an endpoint is looked through for the attempts of one event.
PAGES_LOOKED_THROUGH: Final = 2
FIRST_TRIES_MS: Final = 60_000
PAGES_SHOWN_MAX: Final = 1
PAGES_OF_ALL_MAX: Final = 1_000
OTHERS_SHOWN_MAX: Final = 10

Json = dict[str, Any]

COLUMNS: Final = (
    Column("event", lambda event: str(event["id"])),
    Column("accepted (UTC)", lambda event: moment(event.get("accepted_at"))),
    Column("for", lambda event: str(event.get("deliveries")), right=True),
    Column("type", lambda event: str(event.get("type")), flexible=True),
    Column("channel", lambda event: event.get("channel") or "", extra=True),
    Column("subject", lambda event: _subject(event) or "", extra=True),
)

DELIVERY_COLUMNS: Final = (
    Column("endpoint", lambda delivery: str(delivery["endpoint_id"])),
    Column("state", lambda delivery: Text(harmless(delivery["state"]), STYLES.get(delivery["state"], ""))),
    Column("tries", lambda delivery: str(delivery["attempts"]), right=True),
    Column("answer", lambda delivery: str(delivery.get("last_status_code") or "-"), right=True),
    Column("next try (UTC)", lambda delivery: moment(delivery.get("next_attempt_at"))),
)


class Whereabouts(NamedTuple):
    """One delivery with what is known of its endpoint (None: deleted) and of its latest attempt (None: not found)."""

    delivery: Json
    endpoint: Json | None
    last: Json | None


class Asked(NamedTuple):
    """Everything the page shows. `content` is the event as the API wrote it; `others`: those of its reach that have
    a reason; `enabled`: the tenant's webhooks are."""

    event: Json
    content: bytes
    meant: list[Whereabouts]
    others: list[Json]
    enabled: bool


class _Payload(msgspec.Struct):
    data: msgspec.Raw
    previous: msgspec.Raw = msgspec.Raw(b"null")  # "or None" would let null alone in


def ask(client: Client, tenant: str, event_id: str, *, everything: bool = False) -> Asked:
    """Collect it, of `everything` or of the first page of endpoints. Raises ApiError, Unreachable."""
    answer = client.exchange("GET", tenant_path(tenant, "events", event_id), expect=("id", "type", "accepted_at"))
    event: Json = answer.json
    pages = PAGES_OF_ALL_MAX if everything else PAGES_SHOWN_MAX
    endpoints = {e["id"]: e for e in all_items(client, tenant_path(tenant, "endpoints"), {}, pages)}
    meant = []
    for delivery in all_items(client, tenant_path(tenant, "events", event_id, "deliveries"), {}, pages):
        endpoint = endpoints.pop(delivery["endpoint_id"], None) or _endpoint(client, delivery["endpoint_id"])
        meant.append(Whereabouts(delivery, endpoint, _last_attempt(client, tenant, event, delivery)))
    enabled = client.call("GET", tenant_path(tenant), expect=("webhooks_enabled",))["webhooks_enabled"]
    reach = all_items(client, tenant_path(tenant, "events", event_id, "reach"), {}, pages)
    return Asked(event, answer.content, meant, [one for one in reach if one["reason"] is not None], enabled)


def show_event(asked: Asked, now_ms: int, *, everything: bool = False) -> None:
    """The page; with `everything`, of each endpoint that the event was not meant for."""
    console, event = terminal(), asked.event
    print_facts(
        console,
        [
            ("event", event["id"]),
            ("type", event["type"]),
            ("accepted", f"{moment(event['accepted_at'])} UTC"),
            ("occurred", f"{moment(event['occurred_at'])} UTC" if event.get("occurred_at") else None),
            ("deliver at", f"{moment(event['deliver_at'])} UTC" if event.get("deliver_at") else None),
            ("channel", event.get("channel")),
            ("subject", _subject(event)),
            ("change", event.get("change")),
            ("changed", ", ".join(event["changed"]) if event.get("changed") else None),
            ("made by", _maker(event.get("origin"))),
            ("order by", event.get("ordering_key")),
            ("payload", "removed for privacy" if event.get("redacted") else None),
        ],
    )
    payload = msgspec.json.decode(asked.content, type=_Payload)
    shown = {"data": payload.data} | ({} if bytes(payload.previous) == b"null" else {"previous": payload.previous})
    for name, raw in shown.items():
        if not event.get("redacted"):
            console.print(Text(f"\n{name}", "bold"))
            print_block(console, indented(bytes(raw)) or bytes(raw).decode("utf-8", "replace"))
    _show_whereabouts(console, asked, now_ms)
    _show_others(console, asked, len(asked.others) if everything else OTHERS_SHOWN_MAX)


def _show_whereabouts(console: Console, asked: Asked, now_ms: int) -> None:
    console.print()
    if asked.meant:
        console.print(Text(f"It was meant for {counted(len(asked.meant), 'endpoint')}:", "bold"))
    else:
        console.print(Text("It was meant for no endpoint: none matched when it was accepted.", "bold"))
    for delivery, endpoint, last in asked.meant:
        _show_one(console, delivery["endpoint_id"], endpoint)
        redacted = bool(asked.event.get("redacted"))
        said = sentence(delivery, endpoint, last, now_ms, redacted=redacted, enabled=asked.enabled)
        print_prose(console, f"{said}.", STYLES.get(delivery["state"], ""), indent=4)
        if last is not None:
            console.print(Text(f"    ringback attempts show {harmless(last['id'])}", "dim"), soft_wrap=True)


def _show_others(console: Console, asked: Asked, most: int) -> None:
    if asked.others:
        console.print(Text("\nIt was not meant for:", "bold"))
    for missed in asked.others[:most]:
        _show_one(console, missed["endpoint_id"], missed)
        print_prose(console, why_not_meant(missed), indent=4)
    if len(asked.others) > most:
        console.print(Text(f"  and {len(asked.others) - most} more: --all shows them"))


def _show_one(console: Console, endpoint_id: str, endpoint: Json | None) -> None:
    about = "(deleted)" if endpoint is None else (endpoint.get("label") or endpoint.get("url") or "").strip()
    console.print(Text(f"  {harmless(endpoint_id)}  {harmless(about)}"), soft_wrap=True)


def _last_attempt(client: Client, tenant: str, event: Json, delivery: Json) -> Json | None:
    """The latest attempt of a delivery, if it is near the end of its endpoint's log, or near the event's acceptance.

    The API lists attempts by endpoint, type and time, so the event's own have to be picked out.
    """
    since, until = event["accepted_at"], None
    for span_ms in (None, FIRST_TRIES_MS):
        if span_ms is not None:
            until = rfc3339(parse_rfc3339(since) + span_ms)
        query = {"endpoint_id": delivery["endpoint_id"], "event_type": event["type"], "since": since, "until": until}
        for attempt in all_items(client, tenant_path(tenant, "attempts"), query, PAGES_LOOKED_THROUGH):
            if attempt["event_id"] == event["id"] and attempt["number"] == delivery["attempts"]:
                return attempt
    return None


def _endpoint(client: Client, endpoint_id: str) -> Json | None:
    try:
        return client.get_endpoint(endpoint_id)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _maker(origin: str | None) -> str | None:
    """Who made it, unless it was posted."""
    if origin is None:
        return None
    return {"record": "a record's change", "ringback": "Ringback itself"}.get(origin, f"the trigger {origin}")


def _subject(event: Json) -> str | None:
    subject = event.get("subject")
    return f"{subject['type']} {subject['id']}" if subject else None
