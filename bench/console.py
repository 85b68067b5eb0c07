"""How long the console's pages take over a log of ten million runs and a thousand webhooks, on both stores.

    python bench/console.py [--attempts 10000000] [--webhooks 1000] [--store sqlite postgres] [--pages 20]

The log is written with plain SQL: fourteen days of attempts, evenly over the webhooks, every tenth of them failed, and
the figures of the days that go with them; and how processes did for six hours, ten of them on PostgreSQL. Then a server
is started on it, somebody signs in, and each page is asked for so many times. The goal: 95 of 100 within 100 ms.
"""

import argparse
import http.client
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import apsw
import psycopg

from machinery import ROOT, SOURCE, Server, run, serving
from postgres import MASTER_KEY, cluster

sys.path.insert(0, str(SOURCE))

from ringback.model.ids import number_part, time_part
from ringback.model.pulse import PULSE_KEPT_MS, TICK_MS, Pulse, tick_of

TENANT: Final = "bench"
DAYS: Final = 14
DAY_MS: Final = 86_400_000
GOAL_MS: Final = 100.0
WARM_UP: Final = 3
AT_ONCE: Final = 50_000
PROCESSES: Final = 10
COLUMNS: Final = (
    "tenant_id", "id", "endpoint_id", "event_id", "event_type", "number", "at", "duration_ms", "outcome", "final",
    "superseded", "status_code", "method", "response_truncated", "maybe_repeated", "profile", "url",
    "request_headers", "body_head", "body_tail",
)  # fmt: skip
Row = tuple[Any, ...]


def attempts(endpoint_ids: list[str], count: int) -> Iterator[Row]:
    """Oldest first."""
    began = time.time_ns() // 1_000_000 - DAYS * DAY_MS
    many = len(endpoint_ids)
    for number in range(count):
        at = began + number * DAYS * DAY_MS // count
        failed = number % 10 == 3
        mark = f"{time_part(at)}{number_part(number)}"
        yield (
            TENANT, f"att_{mark}", endpoint_ids[number * 7919 % many], f"evt_{mark}", "contact.updated", 1, at, 12.5,
            "failed" if failed else "succeeded", True, False, 500 if failed else 200, "POST", False, False,
            "standard@1", "https://receiver.example/hook", b"[]", b"", b"",
        )  # fmt: skip


def figures_of(endpoint_ids: list[str], count: int) -> Iterator[Row]:
    """What the days' figures are, about."""
    a_day = count // (DAYS * len(endpoint_ids))
    today = time.time_ns() // 1_000_000
    for back in range(DAYS):
        day = time.strftime("%Y-%m-%d", time.gmtime((today - back * DAY_MS) / 1_000))
        for endpoint_id in endpoint_ids:
            yield TENANT, endpoint_id, day, a_day - a_day // 10, a_day // 10


def pulses(processes: int) -> Iterator[Row]:
    """What so many processes said of themselves until now, as long as that is kept."""
    until = tick_of(time.time_ns() // 1_000_000)
    for at in range(until - PULSE_KEPT_MS, until, TICK_MS):
        for number in range(processes):
            events = 1_000 + at // TICK_MS * 7919 % 500
            yield Pulse(
                at, f"proc_{number}", f"host-{number}:1", "0.1.0", "all", TICK_MS, events, events, events // 10, events,
                events * 3, 12, 4_000, 20, 1_000, 100,
            )  # fmt: skip


def prepare(server: Server, webhooks: int) -> list[str]:
    """A tenant with so many webhooks."""
    from ringback.client.client import Client  # noqa: PLC0415 - found once the source is on the path

    with Client(server.url, server.admin_key, TENANT) as client:
        client.call("POST", "/v1/tenants", {"id": TENANT, "name": TENANT})
        made = [
            client.create_endpoint(f"http://127.0.0.1:9/hook/{number}", label=f"Webhook {number}", active=False)
            for number in range(webhooks)
        ]
    return [endpoint["id"] for endpoint in made]


# ── the stores ────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def on_sqlite(directory: Path, given: argparse.Namespace) -> Iterator[Server]:
    """A server on a full database of SQLite's."""
    key = secrets.token_hex(20)
    with serving(directory, key) as server:
        ids = prepare(server, given.webhooks)
    connection = apsw.Connection(str(directory / "data" / "ringback.db"))
    connection.pragma("synchronous", "off")
    marks = ", ".join("?" * len(COLUMNS))
    rows = attempts(ids, given.attempts)
    for _ in range(0, given.attempts, AT_ONCE):
        with connection:
            some = [row for row, _ in zip(rows, range(AT_ONCE), strict=False)]
            connection.executemany(f"INSERT INTO attempt ({', '.join(COLUMNS)}) VALUES ({marks})", some)
    with connection:
        connection.executemany("INSERT INTO endpoint_day VALUES (?, ?, ?, ?, ?)", figures_of(ids, given.attempts))
        connection.executemany(f"INSERT INTO pulse VALUES ({', '.join('?' * len(Pulse._fields))})", pulses(1))
    connection.pragma("wal_checkpoint", "truncate")
    connection.close()
    with serving(directory, key) as server:
        yield server


@contextmanager
def on_postgres(directory: Path, given: argparse.Namespace) -> Iterator[Server]:
    """The same on PostgreSQL."""
    from ringback.store.postgres.store import PostgresStore  # noqa: PLC0415 - as above

    key, secret = secrets.token_hex(20), {"RINGBACK_MASTER_KEY": MASTER_KEY}
    with cluster() as made, made.empty_database() as url:
        with serving(directory, key, "--store", url, **secret) as server:
            ids = prepare(server, given.webhooks)
        store = PostgresStore.open(url)
        today = time.time_ns() // 1_000_000
        for back in range(DAYS + 1):
            store.make_days(today - back * DAY_MS)
        store.close()
        with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
            with cursor.copy(f"COPY attempt ({', '.join(COLUMNS)}) FROM STDIN") as copy:  # type: ignore[arg-type]
                for row in attempts(ids, given.attempts):
                    copy.write_row(row)
            with cursor.copy("COPY endpoint_day FROM STDIN") as copy:
                for row in figures_of(ids, given.attempts):
                    copy.write_row(row)
            with cursor.copy("COPY pulse FROM STDIN") as copy:
                for row in pulses(PROCESSES):
                    copy.write_row(row)
            cursor.execute("VACUUM")
        with serving(directory, key, "--store", url, **secret) as server:
            yield server


STORES: Final = {"sqlite": on_sqlite, "postgres": on_postgres}


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Browser:
    """Somebody who is signed in, over one connection."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/console/sign-in", urlencode({"key": server.admin_key}), form)
        answer = self._connection.getresponse()
        answer.read()
        self._cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def open(self, path: str) -> str:
        """A page, which must be there."""
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status}")
        return text


def pages(browser: Browser) -> dict[str, str]:
    """What is asked for, by its name."""
    base = f"/console/t/{TENANT}"
    runs = browser.open(f"{base}/runs")
    (older,) = re.findall(r'href="([^"]*cursor[^"]*)" rel="next"', runs)[:1]
    one = re.findall(rf'href="({base}/runs/att_\w+)"', runs)[0]
    webhook = re.findall(r"endpoint_id=(ep_\w+)", runs + browser.open(base))[0]
    return {
        "webhooks": base,
        "runs": f"{base}/runs",
        "runs, next page": older.replace("&amp;", "&"),
        "failed runs": f"{base}/runs?outcome=failed",
        "runs of a webhook": f"{base}/runs?endpoint_id={webhook}",
        "failed runs of a webhook": f"{base}/runs?endpoint_id={webhook}&outcome=failed",
        "one run": one,
        "overview": "/console/operator",
        "processes": "/console/nodes",
    }


def measure(given: argparse.Namespace, made: Path) -> dict[str, Any]:
    """Milliseconds at which 50 and 95 of 100 answers were there, by store and page."""
    found: dict[str, Any] = {}
    for name in given.store:
        directory = made / name
        directory.mkdir()
        with STORES[name](directory, given) as server:
            browser = Browser(server)
            for page, path in pages(browser).items():
                half, most = _times(browser, path, given.pages)
                found[f"{name}: {page}"] = [half, most]
                print(f"{name}, {page:25} {half:6.1f} ms, 95 of 100 within {most:6.1f} ms", flush=True)
    return found


def _times(browser: Browser, path: str, count: int) -> tuple[float, float]:
    took = []
    for _ in range(count + WARM_UP):
        began_s = time.perf_counter()
        browser.open(path)
        took.append((time.perf_counter() - began_s) * 1_000)
    hundredths = quantiles(took[WARM_UP:], n=100)
    return hundredths[49], hundredths[94]


def missed(figures: dict[str, Any]) -> list[str]:
    """What is over its goal."""
    return [
        f"{page}: 95 of 100 within {most:.0f} ms, the goal is {GOAL_MS:g} ms"
        for page, (_, most) in figures.items()
        if most >= GOAL_MS
    ]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=10_000_000, help="attempts in the log")
    parser.add_argument("--webhooks", type=int, default=1_000, help="webhooks of the tenant")
    parser.add_argument("--store", nargs="+", choices=sorted(STORES), default=sorted(STORES, reverse=True))
    parser.add_argument("--pages", type=int, default=20, help="how often each page is asked for")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--directory", type=Path, default=ROOT / ".bench", help="where the databases are made")
    return parser.parse_args()


def main() -> int:
    """The exit code."""
    given = arguments()
    return run(lambda made: measure(given, made), missed, given.directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
