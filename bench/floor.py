"""The bare pipeline: the yardstick that `make bench` holds Ringback against. It is never changed.

It accepts a JSON event per POST, commits it to SQLite (WAL, synchronous=FULL, group commit), signs it (Standard
Webhooks), POSTs it to one receiver with libcurl, and commits the attempt. It has no tenants, keys, matching, retries,
limits or guards, so no product can be much faster on the same machine: the product's rate divided by this one's,
measured in one run, says what its features cost.

    python bench/floor.py --port 9911 --sink http://127.0.0.1:9901/hook --db /tmp/floor.db

POST /event   one event         {"type": text, "data": any JSON}
POST /batch   an array of events
GET  /stats   {"ingested": n, "delivered": n, "failed": n, "queued": n}
"""

import argparse
import asyncio
import base64
import collections
import hmac
import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import apsw
import msgspec
import pycurl
import uvicorn

SCHEMA = """
create table event(id text primary key, type text, payload blob, at real) without rowid;
create table queue(id integer primary key, event_id text, due real);
create table attempt(id integer primary key, event_id text, at real, status int, ms real, response blob, headers blob);
create index attempt_at on attempt(at);
"""
BATCH_ROWS_MAX = 1000


class Event(msgspec.Struct):
    """What comes in; the payload's bytes are left alone."""

    type: str
    data: msgspec.Raw


one_event = msgspec.json.Decoder(Event)
many_events = msgspec.json.Decoder(list[Event])
work: queue.SimpleQueue[Any] = queue.SimpleQueue()
ready: collections.deque[Any] = collections.deque()
number = itertools.count(1)
stats = {"ingested": 0, "delivered": 0, "failed": 0}
loops: list[asyncio.AbstractEventLoop] = []


def store(path: str) -> None:
    """Commit accepted events and finished attempts together, as many as are waiting."""
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):  # noqa: PTH110
            os.remove(path + suffix)  # noqa: PTH107
    db = apsw.Connection(path)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=full")
    db.execute(SCHEMA)
    while True:
        batch = [work.get()]
        try:
            while len(batch) < BATCH_ROWS_MAX:
                batch.append(work.get_nowait())
        except queue.Empty:
            pass
        accepted = [x for x in batch if x[0] == "event"]
        finished = [x for x in batch if x[0] == "attempt"]
        with db:
            if accepted:
                db.executemany(
                    "insert into event values(?,?,?,?)", [(f"evt_{n}", t, p, at) for _, n, t, p, at, _ in accepted]
                )
                db.executemany(
                    "insert into queue values(?,?,?)", [(n, f"evt_{n}", at) for _, n, _, _, at, _ in accepted]
                )
            if finished:
                db.executemany("delete from queue where id=?", [(n,) for _, n, _ in finished])
                db.executemany(
                    "insert into attempt(event_id,at,status,ms,response,headers) values(?,?,?,?,?,?)",
                    [row for _, _, row in finished],
                )
        stats["ingested"] += len(accepted)
        stats["delivered"] += len(finished)
        if accepted:
            ready.extend(accepted)
            waiting = list({id(f): f for *_, f in accepted}.values())
            loops[0].call_soon_threadsafe(answer, waiting)


def answer(waiting: list[asyncio.Future[None]]) -> None:
    """Let the callers hear that their events are stored."""
    for future in waiting:
        if not future.done():
            future.set_result(None)


def send(sink: str, connections: int) -> None:
    """Keep up to `connections` requests in flight on one libcurl multi handle."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, connections)
    idle = []
    for _ in range(connections):
        c = pycurl.Curl()
        c.body = bytearray()
        c.setopt(pycurl.WRITEFUNCTION, c.body.extend)
        c.setopt(pycurl.NOSIGNAL, 1)
        c.setopt(pycurl.TIMEOUT_MS, 15000)
        c.setopt(pycurl.URL, sink)
        idle.append(c)
    while True:
        while idle and ready:
            _, n, _, payload, _, _ = ready.popleft()
            c = idle.pop()
            c.body.clear()
            stamp = str(int(time.time()))
            mac = hmac.digest(b"k" * 32, f"evt_{n}.{stamp}.".encode() + payload, "sha256")
            c.headers = [
                "content-type: application/json",
                f"webhook-id: evt_{n}",
                f"webhook-timestamp: {stamp}",
                f"webhook-signature: v1,{base64.b64encode(mac).decode()}",
                "expect:",
            ]
            c.setopt(pycurl.POSTFIELDS, payload)
            c.setopt(pycurl.HTTPHEADER, c.headers)
            c.number, c.started = n, time.time()
            multi.add_handle(c)
        multi.perform()
        _, done, failed = multi.info_read()
        for c in done:
            multi.remove_handle(c)
            row = (
                f"evt_{c.number}",
                c.started,
                c.getinfo(pycurl.RESPONSE_CODE),
                c.getinfo(pycurl.TOTAL_TIME) * 1000,
                bytes(c.body),
                "\n".join(c.headers).encode(),
            )
            work.put(("attempt", c.number, row))
            idle.append(c)
        for c, _, _ in failed:
            multi.remove_handle(c)
            stats["failed"] += 1
            idle.append(c)
        if not done:
            multi.select(0.02)


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], reply: Callable[[Any], Awaitable[None]]
) -> None:
    """The whole of the HTTP side, as bare ASGI."""
    if scope["type"] == "lifespan":
        loops.append(asyncio.get_running_loop())
        while True:
            message = await receive()
            await reply({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/stats":
        out, status = msgspec.json.encode({**stats, "queued": len(ready)}), 200
    else:
        done: asyncio.Future[None] = loops[0].create_future()
        for event in many_events.decode(body) if scope["path"] == "/batch" else [one_event.decode(body)]:
            work.put(("event", next(number), event.type, bytes(event.data), time.time(), done))
        await done
        out, status = b'{"accepted":true}', 202
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(out)).encode())]
    await reply({"type": "http.response.start", "status": status, "headers": headers})
    await reply({"type": "http.response.body", "body": out})


def main() -> None:
    """Two threads beside the server's loop: one that commits, one that sends."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=9911)
    arguments.add_argument("--sink", default="http://127.0.0.1:9901/hook")
    arguments.add_argument("--db", default="/tmp/floor.db")
    arguments.add_argument("--connections", type=int, default=64)
    a = arguments.parse_args()
    sys.setswitchinterval(0.0005)
    threading.Thread(target=store, args=(a.db,), daemon=True).start()
    threading.Thread(target=send, args=(a.sink, a.connections), daemon=True).start()
    uvicorn.run(
        app, host="127.0.0.1", port=a.port, loop="uvloop", http="httptools", access_log=False, log_level="error"
    )


if __name__ == "__main__":
    main()
