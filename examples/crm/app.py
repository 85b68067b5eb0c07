"""A small CRM that posts no events: every save writes the object to Ringback as a record, and Ringback sends webhooks.

README.md beside this file has the commands. Contacts and companies are kept in SQLite. A partner hears of every contact
by Vinsight's contract; the sales team's tool hears, as Standard Webhooks, of contacts and companies that it follows:
when a lead becomes hot, and when a company changes.
"""

import argparse
import json
import sqlite3
import threading
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException

from ringback import ApiError, Client, ClientError

TENANT, FOLLOWED = "crm", "followed"
HERE = f"/v1/tenants/{TENANT}"
HOT = {
    "name": "A lead is hot",
    "record_type": "contact",
    "when": 'passed("score", 80)',  # once each time that it passes, however many saves there are above
    "emits": "contact.became_hot",
    "data": '{"id": event.subject.id, "name": data.name, "score": data.score}',
}
Kind = Literal["contact", "company"]


class Book:
    """The CRM's database. An object's version grows with each save; `told` is the one that Ringback has."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()
        columns = "kind TEXT, name TEXT, version INTEGER, told INTEGER DEFAULT 0, data TEXT"
        self.do(f"CREATE TABLE IF NOT EXISTS object ({columns}, PRIMARY KEY (kind, name))")

    def do(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def get(self, kind: str, name: str) -> Any:
        found = self.do("SELECT data FROM object WHERE kind = ? AND name = ? AND data IS NOT NULL", kind, name)
        return json.loads(found[0][0]) if found else None

    def save(self, kind: str, name: str, data: Any) -> None:
        """Store an object; None: it is deleted."""
        text = None if data is None else json.dumps(data, ensure_ascii=False)
        update = "ON CONFLICT (kind, name) DO UPDATE SET version = version + 1, data = excluded.data"
        self.do(f"INSERT INTO object (kind, name, version, data) VALUES (?, ?, 1, ?) {update}", kind, name, text)


class Teller:
    """Writes to Ringback what it doesn't have yet: what was just saved, and what was saved while it was away."""

    def __init__(self, book: Book, client: Client) -> None:
        self._book, self._client = book, client
        self._one_at_a_time = threading.Lock()

    def tell(self) -> None:
        with self._one_at_a_time:
            for kind, name, version, data in self._book.do(
                "SELECT kind, name, version, data FROM object WHERE told < version"
            ):
                self._write(kind, name, version, data)
                self._book.do("UPDATE object SET told = ? WHERE kind = ? AND name = ?", version, kind, name)

    def _write(self, kind: str, name: str, version: int, data: str | None) -> None:
        if data is not None:
            self._client.put_record(kind, name, data.encode(), version=version)
            return
        try:
            self._client.delete_record(kind, name, version=version)
        except ApiError as error:
            if error.code != "no_such_record":  # it was made and deleted while Ringback was away
                raise


def crm(book: Book, teller: Teller, client: Client) -> FastAPI:
    """The CRM's own API."""
    app = FastAPI(title="CRM")

    @app.put("/followed/{name}")
    def follow(name: str) -> Any:
        return client.add_members(FOLLOWED, [name])

    @app.get("/{kind}/{name}")
    def get(kind: Kind, name: str) -> Any:
        if (data := book.get(kind, name)) is None:
            raise HTTPException(404)
        return data

    @app.put("/{kind}/{name}")
    def put(kind: Kind, name: str, data: dict[str, Any]) -> dict[str, bool]:
        return save(kind, name, data)

    @app.delete("/{kind}/{name}")
    def delete(kind: Kind, name: str) -> dict[str, bool]:
        return save(kind, name, None)

    def save(kind: Kind, name: str, data: Any) -> dict[str, bool]:
        book.save(kind, name, data)
        try:
            teller.tell()
        except ClientError:
            return {"told": False}  # it is saved all the same; the next save or the next start tells it
        return {"told": True}

    return app


def endpoint(client: Client, label: str, port: int, **fields: Any) -> str:
    """The id of the endpoint of this label, which is made if it isn't there."""
    url = f"http://127.0.0.1:{port}/"
    for one in client.list_endpoints().items:
        if one["label"] == label:
            return str(client.update_endpoint(one["id"], url=url)["id"])
    return str(client.create_endpoint(url, label=label, **fields)["id"])


def set_up(client: Client, partner: int, sales: int) -> None:
    """Make tenant, set, trigger and both endpoints."""
    try:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": "A small CRM"})
        client.call("POST", f"{HERE}/triggers", HOT)
    except ApiError as error:
        if error.status != 409:  # 409: made by an earlier run
            raise
    client.put_tracked_set(FOLLOWED)
    contacts = ["contact.created", "contact.updated"]
    endpoint(client, "partner", partner, profile="vinsight", event_types=contacts)
    of_sales = ["contact.became_hot", "company.*"]
    made = endpoint(client, "sales", sales, event_types=of_sales, tracked_set=FOLLOWED)
    secret = client.call("GET", f"{HERE}/endpoints/{made}/secret")["secret"]
    tenants_secret = client.call("GET", f"{HERE}/secret")["secret"]
    print("The partner and the sales team, each in a terminal of its own:")
    print(f"  .venv/bin/ringback listen --port {partner} --profile vinsight --secret {tenants_secret}")
    print(f"  .venv/bin/ringback listen --port {sales} --secret {secret}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where Ringback is")
    parser.add_argument("--key", required=True, help="an admin key")
    parser.add_argument("--port", type=int, default=8090, help="where the CRM listens")
    parser.add_argument("--partner-port", type=int, default=8083)
    parser.add_argument("--sales-port", type=int, default=8084)
    options = parser.parse_args()
    book = Book("crm.db")
    with Client(options.url, options.key, TENANT, timeout_s=5) as client:
        set_up(client, options.partner_port, options.sales_port)
        teller = Teller(book, client)
        teller.tell()
        uvicorn.run(crm(book, teller, client), port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
