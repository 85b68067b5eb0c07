"""How each code of an attempt, of an endpoint that is disabled, and of a URL or filter that is refused is provoked.

`RECEIVERS` have a URL that makes an attempt fail so; `URLS` and `FILTERS` are refused when an endpoint is saved.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ringback.policy import health
from support.inbox import Inbox, Reply
from support.process import Server, free_port, wait_until
from support.receivers import HOSTILE, Receiver, Script, answers_status, never_answering
from support.tenant import TestTenant

ONCE: Final = {"delays_s": []}
LONG_AGO_MS: Final = 1_500_000_000_000


def plays(script: Script, scheme: str = "http") -> Callable[[], Any]:
    """A context manager whose value is the URL of a receiver that plays the script."""

    @contextmanager
    def url() -> Iterator[str]:
        with Receiver(script) as receiver:
            yield receiver.url.replace("http:", f"{scheme}:")

    return url


def leads_to(make_url: Callable[[], str]) -> Callable[[], Any]:
    """The same for a URL where nobody is."""

    @contextmanager
    def url() -> Iterator[str]:
        yield make_url()

    return url


RECEIVERS: Final[dict[str, Callable[[], Any]]] = {
    "timeout": plays(never_answering),
    "connect_failed": leads_to(lambda: f"http://127.0.0.1:{free_port()}/"),
    "dns_failed": leads_to(lambda: "http://there-is-no-such-name.example/"),
    "tls_failed": plays(lambda connection: connection.send(b"220 no TLS here\r\n"), "https"),
    "bad_status": plays(answers_status(500)),
    "gone": plays(answers_status(410)),
    "redirect": plays(answers_status(302, [("Location", "https://example.com/")])),
    "headers_too_large": plays(HOSTILE["endless_headers"]),
    "bad_response": plays(HOSTILE["no_http"]),
    "connection_lost": plays(HOSTILE["closes_unanswered"]),
}


def code_of_attempt(tenant: TestTenant, url: str) -> str:
    """The code of the one attempt at a URL."""
    tenant.endpoint(url, retry=ONCE, timeout_s=1)
    tenant.send()
    (attempt,) = wait_until(tenant.attempts, 15, "the attempt")
    return str(attempt["error"]["code"])


def failing_too_long(folder: Path) -> str:
    """The reason for which an endpoint is disabled that has failed for five days, as its lane remembers."""
    server = Server(folder / "data", "--allow-private")
    with Inbox(lambda received: Reply(500)) as inbox:
        with server:
            tenant = TestTenant(server, "t")
            endpoint = tenant.endpoint(inbox.url(), retry=ONCE)["id"]
        remembered = health.FRESH._replace(failing_since=LONG_AGO_MS)
        with sqlite3.connect(folder / "data" / "ringback.db") as connection:
            connection.execute("UPDATE lane SET health = ?", (health.dump(remembered),))
        connection.close()
        with server:
            tenant.send()
            path = f"{tenant.path}/endpoints/{endpoint}"
            wait_until(lambda: server.get(path)["status"] == "disabled", 15, "the endpoint is disabled")
            return str(server.get(path)["disable_reason"]["code"])


URLS: Final = {
    "url_malformed": "https://user:password@example.com/",
    "url_too_long": "https://example.com/" + "x" * 2_048,
    "scheme_not_allowed": "http://example.com/",
    "host_not_allowed": "https://2130706433/",
    "port_not_allowed": "https://example.com:22/",
    "address_not_allowed": "https://10.0.0.1/",
}
FILTERS: Final = {"filter_refused": "nothing.known == 1"}
