"""What an event takes on the disk: the bytes of database for an event, and for each attempt of it.

    python bench/bytes.py [--events 3000]

A server gets some thousand events of one size, once without an endpoint, once with one and once with three; when all
are delivered it is stopped, which writes its log into the file. What of the file is in use, less what an empty one
has, divided by the events, is the figure. Events are posted one a request through the API and delivered to nginx,
which answers with two bytes: a receiver that answers more, takes more (`response_body_kept_bytes_max`).
"""

import argparse
import json
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from machinery import ROOT, BenchFailed, load, run, serving, sink

if TYPE_CHECKING:
    from ringback.client.client import Client

TENANT = "bench"
DATA_BYTES = (200, 900, 10_240)
ENDPOINTS = (0, 1, 3)
PATIENCE_S = 120.0


def used_bytes(data: Path) -> int:
    """What of a stopped server's database is in use."""
    connection = apsw.Connection(str(data / "ringback.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        pages: int = connection.pragma("page_count") - connection.pragma("freelist_count")
        size: int = connection.pragma("page_size")
        return pages * size
    finally:
        connection.close()


def measured(directory: Path, receiver: str, data_bytes: int, endpoints: int, events: int) -> float:
    """Bytes an event, with what belongs to it."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    admin_key = secrets.token_hex(20)
    directory.mkdir()
    with serving(directory, admin_key) as server, Client(server.url, admin_key, TENANT) as client:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": TENANT})
        for number in range(endpoints):
            client.create_endpoint(f"{receiver}/{number}", max_in_flight=50)
    empty = used_bytes(directory / "data")
    data = {"id": "c_1", "note": ""}
    data["note"] = "y" * (data_bytes - len(json.dumps(data)))
    body = json.dumps({"type": "contact.created", "data": data}).encode()
    with serving(directory, admin_key) as server, Client(server.url, admin_key, TENANT) as client:
        headers = [f"authorization: Bearer {admin_key}"]
        load([f"{server.url}/v1/tenants/{TENANT}/events"], body, headers, events, directory / "body.json")
        names = [endpoint["id"] for endpoint in client.list_endpoints().items]
        _wait_delivered(client, names, events)
    return (used_bytes(directory / "data") - empty) / events


def _wait_delivered(client: "Client", endpoints: list[str], events: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    for name in endpoints:
        path = f"/v1/tenants/{TENANT}/endpoints/{name}/stats?days=1"
        while client.call("GET", path)["succeeded"] < events:
            if time.monotonic() > deadline:
                raise BenchFailed("the events were not all delivered")
            time.sleep(0.2)


def report(made: Path, events: int) -> dict[str, list[float]]:
    """A line for each size; size → bytes of an event, with one endpoint, and with several."""
    found: dict[str, list[float]] = {}
    print("data         event   with one endpoint   each further attempt")
    with sink(made / "sink") as receiver:
        for size in DATA_BYTES:
            figures = [measured(made / f"{size}-{n}", receiver, size, n, events) for n in ENDPOINTS]
            further = (figures[2] - figures[1]) / (ENDPOINTS[2] - ENDPOINTS[1])
            print(f"{size:6,}  {figures[0]:10,.0f}  {figures[1]:18,.0f}  {further:21,.0f}", flush=True)
            found[str(size)] = figures
    return found


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=3_000, help="events of each run")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the databases are made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args()
    return run(lambda made: report(made, given.events), lambda figures: [], given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
