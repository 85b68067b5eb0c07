"""`Client` against a server of its own: what it sends, how it reads answers, what it does when there is none."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ringback import ApiError, Client, Unreachable
from ringback.client.client import Accepted

KEY = "test-key-0123456789"


class Seen:
    """One request as the server saw it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.method = handler.command
        self.path = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.raw = handler.rfile.read(int(self.headers.get("content-length", "0")))
        self.port = handler.client_address[1]

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Api:
    """A server that answers what `answer` says and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen], tuple[int, Any, dict[str, str]]] = lambda _: (200, {}, {})
        self.drop = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                api.seen.append(Seen(self))
                if api.drop:
                    api.drop -= 1
                    self.close_connection = True
                    return
                status, content, headers = api.answer(api.seen[-1])
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                if "connection" in headers:
                    self.close_connection = True
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names http.server asks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def api() -> Iterator[Api]:
    served = Api()
    yield served
    served.stop()


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client(api.url, KEY, "acme") as made:
        yield made


ACCEPTED = {"id": "evt_1", "type": "a.b", "accepted_at": "2026-11-21T10:00:00.000Z", "deliveries": 2}


def test_send(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, ACCEPTED, {})
    sent = client.send(
        "a.b", {"name": "Zoë"}, id="evt_1", subject={"type": "contact", "id": "1"}, idempotency_key="once"
    )
    assert sent == Accepted("evt_1", "a.b", "2026-11-21T10:00:00.000Z", 2, duplicate=False)
    (seen,) = api.seen
    assert (seen.method, seen.path) == ("POST", "/v1/tenants/acme/events")
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["idempotency-key"] == "once"
    assert seen.json == {
        "type": "a.b",
        "id": "evt_1",
        "subject": {"type": "contact", "id": "1"},
        "data": {"name": "Zoë"},
    }


def test_the_status_of_a_connection(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, ACCEPTED, {})
    assert client.send_status("READY", idempotency_key="once").id == "evt_1"
    (seen,) = api.seen
    assert (seen.method, seen.path, seen.json) == ("POST", "/v1/tenants/acme/status", {"status": "READY"})
    assert seen.headers["idempotency-key"] == "once"


def test_sent_again_is_a_duplicate(api: Api, client: Client) -> None:
    api.answer = lambda _: (200, ACCEPTED, {})
    assert client.send("a.b", None).duplicate


def test_bytes_go_out_as_they_are(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, ACCEPTED, {})
    client.send("a.b", b'{ "n" : 1.00 }')
    assert api.seen[0].raw == b'{"type":"a.b","data":{ "n" : 1.00 }}'


def test_send_many(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, {"accepted": [{"id": "1"}, {"id": "2"}]}, {})
    ids = client.send_many([{"type": "a", "data": b" 1"}, {"type": "b", "data": [2], "channel": "c"}])
    assert ids == ["1", "2"]
    assert api.seen[0].path == "/v1/tenants/acme/events/batch"
    assert api.seen[0].raw == b'{"events":[{"type":"a","data": 1},{"type":"b","channel":"c","data":[2]}]}'


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (lambda c: c.get_event("e/1"), "GET", "/v1/tenants/acme/events/e%2F1", None),
        (
            lambda c: c.list_events(order="asc", cursor="a b", type=None),
            "GET",
            "/v1/tenants/acme/events?order=asc&cursor=a+b",
            None,
        ),
        (
            lambda c: next(c.feed("a b", wait_s=5, type="t")),
            "GET",
            "/v1/tenants/acme/events?order=asc&cursor=a+b&wait_s=5&type=t",
            None,
        ),
        (lambda c: c.list_deliveries("e"), "GET", "/v1/tenants/acme/events/e/deliveries", None),
        (lambda c: c.resend("e"), "POST", "/v1/tenants/acme/events/e/resend", {}),
        (lambda c: c.resend("e", "p"), "POST", "/v1/tenants/acme/events/e/resend", {"endpoint_id": "p"}),
        (lambda c: c.list_attempts(), "GET", "/v1/tenants/acme/attempts", None),
        (
            lambda c: c.list_attempts("p", outcome="failed"),
            "GET",
            "/v1/tenants/acme/endpoints/p/attempts?outcome=failed",
            None,
        ),
        (lambda c: c.get_attempt("a"), "GET", "/v1/tenants/acme/attempts/a", None),
        (
            lambda c: c.create_endpoint("https://x", label="l"),
            "POST",
            "/v1/tenants/acme/endpoints",
            {"url": "https://x", "label": "l"},
        ),
        (lambda c: c.list_endpoints(limit=5), "GET", "/v1/tenants/acme/endpoints?limit=5", None),
        (lambda c: c.get_endpoint("p"), "GET", "/v1/tenants/acme/endpoints/p", None),
        (
            lambda c: c.update_endpoint("p", filter=None),
            "PATCH",
            "/v1/tenants/acme/endpoints/p",
            {"filter": None},
        ),
        (lambda c: c.delete_endpoint("p"), "DELETE", "/v1/tenants/acme/endpoints/p", None),
        (lambda c: c.endpoint_stats("p"), "GET", "/v1/tenants/acme/endpoints/p/stats?days=14", None),
        (lambda c: c.create_key("ingest"), "POST", "/v1/tenants/acme/keys", {"scope": "ingest"}),
        (lambda c: c.create_key("tenant", "l"), "POST", "/v1/tenants/acme/keys", {"scope": "tenant", "label": "l"}),
        (lambda c: c.list_keys(), "GET", "/v1/tenants/acme/keys", None),
        (lambda c: c.delete_key("k"), "DELETE", "/v1/tenants/acme/keys/k", None),
        (lambda c: c.call("POST", "/v1/tenants", {"name": "x"}), "POST", "/v1/tenants", {"name": "x"}),
    ],
)
def test_calls(
    api: Api, client: Client, call: Callable[[Client], object], method: str, path: str, body: object
) -> None:
    page = {"items": [{"id": "1"}], "next_cursor": "n"}
    api.answer = lambda seen: (204, b"", {}) if seen.method == "DELETE" else (200, page, {})
    call(client)
    (seen,) = api.seen
    assert (seen.method, seen.path) == (method, path)
    assert (seen.json if seen.raw else None) == body


def test_pages_and_empty_answers(api: Api, client: Client) -> None:
    api.answer = lambda _: (200, {"items": [{"id": "1"}], "next_cursor": "n"}, {})
    page = client.list_endpoints()
    assert (page.items, page.next_cursor) == ([{"id": "1"}], "n")
    api.answer = lambda _: (204, b"", {})
    client.delete_endpoint("p")


def test_a_problem_is_told_whole(api: Api, client: Client) -> None:
    problem: dict[str, Any] = {"title": "Invalid", "status": 422, "detail": "One field is wrong.", "code": "invalid"}
    problem["errors"] = [{"field": "data.name", "message": "is missing"}]
    api.answer = lambda _: (422, problem, {"content-type": "application/problem+json"})
    with pytest.raises(ApiError) as caught:
        client.send("a.b", {})
    error = caught.value
    assert (error.status, error.code, error.detail) == (422, "invalid", "One field is wrong.")
    assert error.errors == (("data.name", "is missing"),)
    assert str(error) == "422 invalid: One field is wrong."
    assert KEY not in repr(error)


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (503, b"<html>", "http_503"),
        (500, b"", "http_500"),
        (404, [1], "http_404"),
        (400, {"errors": 5, "detail": None}, "http_400"),
        (404, {"detail": "Not Found"}, "http_404"),
        (302, b"", "http_302"),
        (200, b"<html>", "not_json"),
        (200, b"[" * 100_000, "not_json"),
        (200, b"", "not_ringback"),
        (200, [], "not_ringback"),
    ],
)
def test_answers_of_something_else(api: Api, client: Client, status: int, content: Any, code: str) -> None:
    api.answer = lambda _: (status, content, {"retry-after": "7", "location": "/elsewhere"})
    with pytest.raises(ApiError) as caught:
        client.get_event("e")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.retry_after_s == (7.0 if status != 200 else None)
    assert len(api.seen) == 1


@pytest.mark.parametrize(
    ("call", "content"),
    [
        (lambda c: c.send("a.b", 1), {"id": "evt_1"}),
        (lambda c: c.send_many([{"type": "a", "data": 1}]), {"accepted": ["evt_1"]}),
        (lambda c: c.list_endpoints(), {"items": []}),
        (lambda c: c.list_endpoints(), {"items": {}, "next_cursor": None}),
        (lambda c: c.delete_key("k"), b""),
        (lambda c: c.call("POST", "/v1/keys", {}, expect=["key"]), {"id": "key_1"}),
    ],
)
def test_an_answer_without_what_it_must_have_is_not_ringbacks(
    api: Api, client: Client, call: Callable[[Client], object], content: Any
) -> None:
    api.answer = lambda _: (200, content, {})
    with pytest.raises(ApiError, match="Is this Ringback's address") as caught:
        call(client)
    assert (caught.value.status, caught.value.code) == (200, "not_ringback")


def test_the_connection_is_kept(api: Api, client: Client) -> None:
    for _ in range(3):
        client.get_event("e")
    assert len({seen.port for seen in api.seen}) == 1


def test_a_connection_the_server_closed_is_replaced_before_it_is_used(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, ACCEPTED, {"connection": "close"})
    client.send("a.b", 1)
    api.answer = lambda _: (202, ACCEPTED, {})
    client.send("a.b", 2)
    assert [seen.json["data"] for seen in api.seen] == [1, 2]


def test_a_read_is_repeated_once_when_a_kept_connection_breaks(api: Api, client: Client) -> None:
    client.get_event("e")
    api.drop = 1
    client.get_event("e")
    assert len(api.seen) == 3


def test_a_write_is_never_repeated(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, ACCEPTED, {})
    client.send("a.b", 1)
    api.drop = 1
    with pytest.raises(Unreachable):
        client.send("a.b", 2)
    client.send("a.b", 3)
    assert [seen.json["data"] for seen in api.seen] == [1, 2, 3]


def test_threads_share_a_client(api: Api, client: Client) -> None:
    api.answer = lambda seen: (200, {"path": seen.path}, {})
    wrong: list[Any] = []

    def ask(name: str) -> None:
        for number in range(20):
            answer = client.get_event(f"{name}{number}")
            if answer != {"path": f"/v1/tenants/acme/events/{name}{number}"}:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(api.seen) == 80


def test_nobody_there() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"GET http://127.0.0.1:[0-9]+/v1"):
            Client(f"http://127.0.0.1:{bound.getsockname()[1]}", KEY, "acme").get_event("e")


def test_silence_ends_with_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", KEY, "acme", timeout_s=0.05)
        with pytest.raises(Unreachable, match=r"[Tt]ime"):
            client.get_event("e")


def test_a_base_url_with_a_path(api: Api) -> None:
    Client(api.url + "/ringback/", KEY, "a b").get_event("e")
    assert api.seen[0].path == "/ringback/v1/tenants/a%20b/events/e"


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://x", "http://", "http://x?y", "http://x#y"])
def test_base_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        Client(url, KEY)


@pytest.mark.parametrize("key", ["", "a b", "a\r\nx: y", "é"])
def test_keys_that_are_none(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Client("http://127.0.0.1", key)


def test_without_a_tenant_only_call_works(api: Api) -> None:
    client = Client(api.url, KEY)
    assert client.call("GET", "/v1/tenants") == {}
    with pytest.raises(ValueError, match="tenant"):
        client.get_event("e")


@pytest.mark.parametrize("data", [float("nan"), "\ud800", object()])
def test_what_is_not_json_is_not_sent(api: Api, client: Client, data: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        client.send("a.b", data)
    assert api.seen == []


def test_a_bad_header_leaves_the_client_usable(api: Api, client: Client) -> None:
    api.answer = lambda _: (202, ACCEPTED, {})
    with pytest.raises(ValueError, match="header"):
        client.send("a.b", 1, idempotency_key="a\r\nx: y")
    assert client.send("a.b", 2).id == "evt_1"
    assert len(api.seen) == 1
