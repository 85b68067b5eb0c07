"""A shop that tells a partner about its orders: both sides of a webhook in one file.

Start a server that may send to this machine, then this in another terminal, in the same directory:

    .venv/bin/ringback up --allow 127.0.0.1/32:8082
    .venv/bin/python examples/shop.py --key "$(cat data/admin.key)"

The partner's side is an HTTP server that believes nothing it has not verified, and knows an event that comes twice. The
shop's side makes a tenant for the partner, registers the partner's URL, and sends three orders.
"""

import argparse
import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ringback import ApiError, Client, ClientError, VerificationFailed, verify

TENANT = "partner"
BODY_BYTES_MAX = 1_000_000
TOTALS = {"order_1": 10, "order_2": 20, "order_3": 30}


class PartnerServer(ThreadingHTTPServer):
    """The partner's receiver. Genuine events go to `events`, each once."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), PartnerHandler)
        self.secret = ""
        self.seen: set[str] = set()
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()


class PartnerHandler(BaseHTTPRequestHandler):
    server: PartnerServer

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers["content-length"]), BODY_BYTES_MAX))
        try:
            verified = verify("standard", self.headers.items(), body, self.server.secret)
        except VerificationFailed as failure:
            self.answer(401, failure.code)
            return
        if verified.id not in self.server.seen:
            self.server.seen.add(verified.id)
            self.server.events.put(json.loads(body))
        self.answer(200, "thank you")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


def register(client: Client, port: int) -> str:
    """Make the tenant and its endpoint; the secret that its requests are signed with."""
    try:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": "A partner"})
    except ApiError as error:
        if error.status != 409:  # 409: made by an earlier run
            raise
    for old in client.list_endpoints().items:
        client.delete_endpoint(old["id"])
    url = f"http://127.0.0.1:{port}/hooks"
    try:
        endpoint = client.create_endpoint(url, label="orders", event_types=["order.*"])
    except ApiError as error:
        if error.status != 422:
            raise
        sys.exit(f"Ringback may not send to {url}. Start it with: ringback up --allow 127.0.0.1/32:{port}")
    return str(endpoint["secret"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where Ringback is")
    parser.add_argument("--key", required=True, help="an admin key")
    parser.add_argument("--port", type=int, default=8082, help="where the partner listens")
    options = parser.parse_args()

    partner = PartnerServer(options.port)
    threading.Thread(target=partner.serve_forever, daemon=True).start()
    with Client(options.url, options.key, TENANT) as client:
        partner.secret = register(client, options.port)
        for order, total in TOTALS.items():
            sent = client.send("order.paid", {"id": order, "total": total}, subject={"type": "order", "id": order})
            print(f"sent     {order} as {sent.id}")
    for _ in TOTALS:
        event = partner.events.get(timeout=20)
        print(f"received {event['data']['id']}: {event['type']}, total {event['data']['total']}")
    partner.shutdown()


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(f"The shop could not talk to Ringback: {error}")
