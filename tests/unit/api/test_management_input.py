"""Bad input: what each route refuses, with which status, and which fields it names."""

import json
from typing import Any

import pytest

from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import TENANT

ENDPOINTS = f"/v1/tenants/{TENANT}/endpoints"
URL = {"url": "https://a.example/"}


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    return ApiWorld()


@pytest.fixture(scope="module")
def endpoint_path(world: ApiWorld) -> str:
    return f"{ENDPOINTS}/{world.endpoint()['id']}"


REFUSED_FIELDS: list[tuple[dict[str, Any], list[str]]] = [
    ({"unknown": 1}, ["unknown"]),
    ({"id": "ep_mine"}, ["id"]),
    ({"status": "active"}, ["status"]),
    ({"label": 5}, ["label"]),
    ({"label": "a" * 257}, ["label"]),
    ({"label": "ä" * 129}, ["label"]),
    ({"label": "a\x00b"}, ["label"]),
    ({"label": "a\nb"}, ["label"]),
    ({"url": ""}, ["url"]),
    ({"url": 5}, ["url"]),
    ({"url": "http://a.example/"}, ["url"]),
    ({"url": "https://127.0.0.1/"}, ["url"]),
    ({"url": "https://u:p@a.example/"}, ["url"]),
    ({"url": "https://a.example/#x"}, ["url"]),
    ({"url": "ftp://a.example/"}, ["url"]),
    ({"url": "https://a.example/" + "a" * 2_048}, ["url"]),
    ({"query": "a b"}, ["query"]),
    ({"query": "a\r\nb"}, ["query"]),
    ({"query": "a#b"}, ["query"]),
    ({"query": "ä"}, ["query"]),
    ({"query": "a{b"}, ["query"]),
    ({"query": "a" * 2_049}, ["query"]),
    ({"query": 5}, ["query"]),
    ({"event_types": []}, ["event_types"]),
    ({"event_types": "*"}, ["event_types"]),
    ({"event_types": ["a", 5]}, ["event_types[1]"]),
    ({"event_types": ["a", "b..c", "*.a", ""]}, ["event_types[1]", "event_types[2]", "event_types[3]"]),
    ({"event_types": ["a"] * 257}, ["event_types"]),
    ({"event_types": ["a" * 129]}, ["event_types[0]"]),
    ({"channels": []}, ["channels"]),
    ({"channels": ["", "a" * 257]}, ["channels[0]", "channels[1]"]),
    ({"channels": ["a"] * 257}, ["channels"]),
    ({"channels": [None]}, ["channels[0]"]),
    ({"filter": 5}, ["filter"]),
    ({"filter": ""}, ["filter"]),
    ({"filter": "data.a (("}, ["filter"]),
    ({"filter": "data.a == '" + "a" * 1_024 + "'"}, ["filter"]),
    ({"tracked_set": "customer data"}, ["tracked_set"]),
    ({"tracked_set": ""}, ["tracked_set"]),
    ({"tracked_set": "a" * 65}, ["tracked_set"]),
    ({"tracked_set": ["a"]}, ["tracked_set"]),
    ({"profile": "nonesuch"}, ["profile"]),
    ({"profile": ""}, ["profile"]),
    ({"signature": "v2"}, ["signature"]),
    ({"active": 1}, ["active"]),
    ({"active": "true"}, ["active"]),
    ({"auth": "Bearer x"}, ["auth"]),
    ({"auth": {}}, ["auth.type"]),
    ({"auth": {"type": 5}}, ["auth.type"]),
    ({"auth": {"type": "digest"}}, ["auth.type"]),
    ({"auth": {"type": "basic", "username": 1}}, ["auth.username", "auth.password"]),
    ({"auth": {"type": "basic", "username": "a:b", "password": "p"}}, ["auth.username"]),
    ({"auth": {"type": "raw", "value": "a\r\nb"}}, ["auth.value"]),
    ({"auth": {"type": "raw", "value": "a", "username": "b"}}, ["auth.username"]),
    ({"auth": {"type": "header", "headers": {"X-Key": 5}}}, ["auth.headers.X-Key"]),
    ({"auth": {"type": "header", "headers": {"Host": "x"}}}, ["auth.headers.Host"]),
    ({"headers": []}, ["headers"]),
    ({"headers": {"X-A": 5}}, ["headers.X-A"]),
    ({"headers": {"X-A": "a\r\nX-B: c"}}, ["headers.X-A"]),
    ({"headers": {"X A": "a"}}, ["headers.X A"]),
    ({"headers": {"Authorization": "Bearer x"}}, ["headers.Authorization"]),
    ({"headers": {"webhook-id": "x"}}, ["headers.webhook-id"]),
    ({"headers": {f"X-{number}": "v" for number in range(33)}}, ["headers"]),
    ({"headers": {"x-key": "a"}, "auth": {"type": "header", "headers": {"X-Key": "b"}}}, ["headers.x-key"]),
    ({"rate_per_second": 0}, ["rate_per_second"]),
    ({"rate_per_second": -1}, ["rate_per_second"]),
    ({"rate_per_second": 10_001}, ["rate_per_second"]),
    ({"rate_per_second": "5"}, ["rate_per_second"]),
    ({"rate_per_second": True}, ["rate_per_second"]),
    ({"max_in_flight": 0}, ["max_in_flight"]),
    ({"max_in_flight": 1_001}, ["max_in_flight"]),
    ({"max_in_flight": 1.5}, ["max_in_flight"]),
    ({"max_in_flight": 5.0}, ["max_in_flight"]),
    ({"max_in_flight": 10**30}, ["max_in_flight"]),
    ({"max_in_flight": False}, ["max_in_flight"]),
    ({"ordering": "fifo"}, ["ordering"]),
    ({"retry": []}, ["retry"]),
    ({"retry": {"delays_s": 5}}, ["retry.delays_s"]),
    ({"retry": {"delays_s": [1, "2"]}}, ["retry.delays_s[1]"]),
    ({"retry": {"delays_s": [True]}}, ["retry.delays_s[0]"]),
    ({"retry": {"delays_s": [-1]}}, ["retry.delays_s[0]"]),
    ({"retry": {"delays_s": [1], "base_s": 1}}, ["retry.base_s"]),
    ({"retry": {"base_s": 1, "factor": 2, "max_delay_s": 3}}, ["retry.max_attempts"]),
    ({"retry": {"base_s": 1, "factor": 2, "max_delay_s": 3, "max_attempts": 2.5}}, ["retry.max_attempts"]),
    ({"timeout_s": 0}, ["timeout_s"]),
    ({"timeout_s": 20.5}, ["timeout_s"]),
    ({"timeout_s": "5"}, ["timeout_s"]),
    ({"label": 5, "active": "x", "unknown": None}, ["label", "active", "unknown"]),
    ({"rate_per_second": 0, "timeout_s": 99}, ["rate_per_second", "timeout_s"]),
]


@pytest.mark.parametrize(("fields", "named"), REFUSED_FIELDS)
def test_endpoints_refuse_the_same_on_creating_and_changing(
    world: ApiWorld, endpoint_path: str, fields: dict[str, Any], named: list[str]
) -> None:
    before = world.call("GET", endpoint_path).json()
    count = len(world.get("/endpoints?limit=250")["items"])
    for response in (world.call("POST", ENDPOINTS, {**URL, **fields}), world.call("PATCH", endpoint_path, fields)):
        assert sorted(fields_of(response)) == sorted(named)
        assert all(error["message"] for error in response.json()["errors"])
        assert response.json()["detail"].count(response.json()["errors"][0]["field"])
    assert world.call("GET", endpoint_path).json() == before
    assert len(world.get("/endpoints?limit=250")["items"]) == count


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        (ENDPOINTS, {}, ["url"]),
        ("/v1/tenants", {}, ["name"]),
        ("/v1/tenants", {"name": ""}, ["name"]),
        ("/v1/tenants", {"name": "a" * 257}, ["name"]),
        ("/v1/tenants", {"name": "a", "id": "a.b"}, ["id"]),
        ("/v1/tenants", {"name": "a", "id": ""}, ["id"]),
        ("/v1/tenants", {"name": "a", "id": "a" * 65}, ["id"]),
        ("/v1/tenants", {"name": "a", "id": 5}, ["id"]),
        ("/v1/tenants", {"name": "a", "profile": "nonesuch"}, ["profile"]),
        ("/v1/tenants", {"name": "a", "secret": ""}, ["secret"]),
        ("/v1/tenants", {"name": "a", "secret": "a" * 15}, ["secret"]),
        ("/v1/tenants", {"name": "a", "secret": "a secret with blanks"}, ["secret"]),
        ("/v1/tenants", {"name": "a", "secret": "ein-Schlüssel-mit-Umlaut"}, ["secret"]),
        ("/v1/tenants", {"name": "a", "events_per_second": 0}, ["events_per_second"]),
        ("/v1/tenants", {"name": "a", "events_per_second": 1_000_001}, ["events_per_second"]),
        ("/v1/tenants", {"name": "a", "events_per_second": "5"}, ["events_per_second"]),
        ("/v1/tenants", {"name": "a", "endpoints_max": 0}, ["endpoints_max"]),
        ("/v1/tenants", {"name": "a", "endpoints_max": 1.5}, ["endpoints_max"]),
        ("/v1/tenants", {"name": "a", "payload_bytes_max": 1_023}, ["payload_bytes_max"]),
        ("/v1/tenants", {"name": "a", "payload_bytes_max": 4_194_305}, ["payload_bytes_max"]),
        ("/v1/tenants", {"name": "a", "secret": "a\nb"}, ["secret"]),
        ("/v1/tenants", {"name": "a", "secret": "a" * 257}, ["secret"]),
        ("/v1/tenants", {"name": "a", "retention_days": 0}, ["retention_days"]),
        ("/v1/tenants", {"name": "a", "retention_days": 3_651}, ["retention_days"]),
        ("/v1/tenants", {"name": "a", "retention_days": "30"}, ["retention_days"]),
        ("/v1/tenants", {"name": "a", "retention_days": 30.0}, ["retention_days"]),
        ("/v1/tenants", {"name": "a", "webhooks_enabled": "no"}, ["webhooks_enabled"]),
        ("/v1/tenants", {"name": "a", "created_at": "x"}, ["created_at"]),
        ("/v1/keys", {"scope": "tenant"}, ["scope"]),
        ("/v1/keys", {"label": "a" * 257}, ["label"]),
        (f"/v1/tenants/{TENANT}/keys", {}, ["scope"]),
        (f"/v1/tenants/{TENANT}/keys", {"scope": "admin"}, ["scope"]),
        (f"/v1/tenants/{TENANT}/keys", {"scope": "tenant", "label": None}, ["label"]),
        (f"/v1/tenants/{TENANT}/secret/rotate", {"grace_seconds": -1}, ["grace_seconds"]),
        (f"/v1/tenants/{TENANT}/secret/rotate", {"grace_seconds": 2_592_001}, ["grace_seconds"]),
        (f"/v1/tenants/{TENANT}/secret/rotate", {"grace_seconds": 1.5}, ["grace_seconds"]),
        (f"/v1/tenants/{TENANT}/secret/rotate", {"secret": ""}, ["secret"]),
        (f"/v1/tenants/{TENANT}/events/evt_1/resend", {"endpoint_id": 5}, ["endpoint_id"]),
        (f"/v1/tenants/{TENANT}/events/evt_1/resend", {"endpoint": "ep_1"}, ["endpoint"]),
    ],
)
def test_other_routes(world: ApiWorld, path: str, body: dict[str, Any], named: list[str]) -> None:
    assert fields_of(world.call("POST", path, body)) == named


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{ENDPOINTS}?limit=0", ["limit"]),
        (f"{ENDPOINTS}?limit=251", ["limit"]),
        (f"{ENDPOINTS}?limit=-1", ["limit"]),
        (f"{ENDPOINTS}?limit=5.0", ["limit"]),
        (f"{ENDPOINTS}?limit=1_0", ["limit"]),
        (f"{ENDPOINTS}?limit=%205", ["limit"]),
        (f"{ENDPOINTS}?limit=", ["limit"]),
        (f"{ENDPOINTS}?limit=" + "9" * 5_000, ["limit"]),
        (f"{ENDPOINTS}?cursor=x", ["cursor"]),
        (f"{ENDPOINTS}?cursor=", ["cursor"]),
        ("/v1/tenants?limit=a", ["limit"]),
        ("/v1/keys?cursor=%00", ["cursor"]),
        (f"/v1/tenants/{TENANT}/keys?cursor=ä", ["cursor"]),
        (f"/v1/tenants/{TENANT}/events?order=up", ["order"]),
        (f"/v1/tenants/{TENANT}/events?since=yesterday", ["since"]),
        (f"/v1/tenants/{TENANT}/events?until=2026-11-21", ["until"]),
        (f"/v1/tenants/{TENANT}/events?since=2026-11-21T08:00:00", ["since"]),
        (f"/v1/tenants/{TENANT}/events?since=2026-13-21T08:00:00Z", ["since"]),
        (f"/v1/tenants/{TENANT}/events?type=", ["type"]),
        (f"/v1/tenants/{TENANT}/events?channel=a%00b", ["channel"]),
        (f"/v1/tenants/{TENANT}/events?endpoint_id=" + "a" * 257, ["endpoint_id"]),
        (f"/v1/tenants/{TENANT}/events?cursor=x&limit=0", ["limit"]),
        (f"/v1/tenants/{TENANT}/attempts?outcome=cancelled", ["outcome"]),
        (f"/v1/tenants/{TENANT}/attempts?since=1", ["since"]),
    ],
)
def test_query_parameters(world: ApiWorld, path: str, named: list[str]) -> None:
    assert fields_of(world.call("GET", path)) == named


@pytest.mark.parametrize("days", ["0", "91", "x", "1.5", ""])
def test_days_of_the_figures(world: ApiWorld, endpoint_path: str, days: str) -> None:
    assert fields_of(world.call("GET", f"{endpoint_path}/stats?days={days}")) == ["days"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"{}{}",
        b'{"label":NaN}',
        b"{'label':1}",
        b'{"label":"\xff"}',
        b'{"label":"\xed\xa0\x80"}',
        b'{"label":"\\ud800"}',
        b'{"\\udc00":1}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"label":"a\nb"}',
        b'{"label":1,}',
        b" ",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_no_json_in_utf_8_is_malformed(world: ApiWorld, endpoint_path: str, method: str, body: bytes) -> None:
    path = ENDPOINTS if method == "POST" else endpoint_path
    problem_of(world.call(method, path, content=body), 400, "malformed")


@pytest.mark.parametrize("body", ["[]", "null", "5", '"x"', "true"])
def test_a_body_is_an_object(world: ApiWorld, body: str) -> None:
    assert fields_of(world.call("POST", ENDPOINTS, content=body)) == ["body"]


@pytest.mark.parametrize("depth", [101, 5_000])
def test_deep_nesting_is_invalid(world: ApiWorld, depth: int) -> None:
    body = '{"label":' + "[" * depth + "]" * depth + "}"
    assert fields_of(world.call("POST", ENDPOINTS, content=body)) == ["body"]


def test_a_body_over_1_mib_is_too_large(world: ApiWorld) -> None:
    for size, status in ((1024 * 1024 + 1, 413), (1024 * 1024, 422)):
        body = json.dumps({"label": ""}).encode()
        body = body.replace(b'""', b'"' + b"a" * (size - len(body)) + b'"')
        assert len(body) == size
        assert world.call("POST", ENDPOINTS, content=body).status_code == status
    problem_of(world.call("POST", ENDPOINTS, content=iter([b" " * 700_000] * 2)), 413, "too_large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_is_refused(world: ApiWorld, content_type: str) -> None:
    response = world.call(
        "POST", ENDPOINTS, content=b'{"url":"https://a.example/"}', headers={"Content-Type": content_type}
    )
    refused = problem_of(response, 415, "unsupported_media_type")
    assert refused["detail"] == "Send the header Content-Type: application/json."


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_second_key_of_either_kind_is_malformed(world: ApiWorld, name: str, method: str) -> None:
    value = f"Bearer {world.keys['admin']}"
    headers = [("Authorization", value)] * (name != "Authorization") + [(name, value)] * 2
    refused = problem_of(world.client.request(method, ENDPOINTS, headers=headers), 400, "malformed")
    assert name in refused["detail"]


@pytest.mark.parametrize("action", ["activate", "deactivate"])
def test_a_body_where_none_is_needed_must_be_empty(world: ApiWorld, action: str) -> None:
    path = f"{ENDPOINTS}/{world.endpoint()['id']}/{action}"
    assert fields_of(world.call("POST", path, {"reason": "why", "active": True})) == ["reason", "active"]
    assert fields_of(world.call("POST", path, [])) == ["body"]
    assert world.call("POST", path, {}).status_code == 200
    assert world.call("POST", path).status_code == 200


def test_limits_are_written_out(world: ApiWorld, endpoint_path: str) -> None:
    refused = world.call("POST", f"{endpoint_path}/secret/rotate", {"grace_seconds": -1})
    assert fields_of(refused) == ["grace_seconds"]
    assert refused.json()["detail"] == "grace_seconds must be from 0 to 2,592,000 seconds."


@pytest.mark.parametrize("content_type", [None, "application/json", "Application/JSON; charset=UTF-8"])
def test_json_may_be_called_so_or_not_at_all(world: ApiWorld, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = world.call("POST", ENDPOINTS, content=b'{"url":"https://a.example/"}', headers=headers)
    assert response.status_code == 201, response.text


def test_a_body_that_may_be_absent(world: ApiWorld, endpoint_path: str) -> None:
    assert world.call("POST", f"{endpoint_path}/secret/rotate").status_code == 200
    assert world.call("POST", "/v1/keys").status_code == 201
    assert fields_of(world.call("POST", ENDPOINTS)) == ["body"]


def test_a_refusal_never_quotes_the_value(world: ApiWorld) -> None:
    for fields in (
        {"auth": "word-in-clear"},
        {"auth": {"type": "word-in-clear"}},
        {"auth": {"type": "basic", "username": ["word-in-clear"], "password": {"word": "word-in-clear"}}},
        {"secret": 5, "label": ["word-in-clear"]},
        {"signature": "word-in-clear"},
        {"headers": {"X-A": ["word-in-clear"]}},
        {"headers": {"X-A": "word-in-clear\n"}},
    ):
        response = world.call("POST", ENDPOINTS, {**URL, **fields})
        assert response.status_code == 422
        assert "word-in-clear" not in response.text
