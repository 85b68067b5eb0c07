"""The endpoints of a world with many lanes: half of them keep an order, and each kind of event has one of both."""

from collections.abc import Sequence
from typing import NamedTuple

from support.posting import TENANT
from support.process import Server
from support.sightings import Watcher

RETRY = {"delays_s": [0.1, 0.2, 0.5, *[1.0] * 60]}


class Wanted(NamedTuple):
    """An endpoint: where it is, whether it keeps an order, and the event type it takes."""

    endpoint_id: str
    path: str
    ordered: bool
    type: str


def types(count: int) -> list[str]:
    """So many event types, for which `register` makes two endpoints each."""
    return [f"kind{number}.happened" for number in range(1, count + 1)]


def register(server: Server, watcher: Watcher, kinds: Sequence[str]) -> list[Wanted]:
    """A tenant, and for each type of event an endpoint without an order and one with."""
    server.make("/v1/tenants", {"id": TENANT, "name": "Many"})
    made = []
    for number, kind in enumerate(kinds, 1):
        for form, ordering in (("plain", "none"), ("ordered", "subject")):
            path = f"/{form}{number}"
            endpoint = {
                "label": path,
                "url": watcher.url(path),
                "event_types": [kind],
                "ordering": ordering,
                "retry": RETRY,
                "timeout_s": 10,
            }
            answer = server.make(f"/v1/tenants/{TENANT}/endpoints", endpoint)
            made.append(Wanted(answer["id"], path, ordering != "none", kind))
    return made
