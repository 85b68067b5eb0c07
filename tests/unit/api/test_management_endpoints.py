"""Endpoints over HTTP: every field there and back, what a change keeps and clears, switching on and off."""

from dataclasses import replace
from typing import Any

import pytest

from ringback.model.endpoint import DEFAULT_RETRY, EndpointStatus
from ringback.model.errors import NO_ROOM_RETRY_AFTER_S
from ringback.wire.signature import check_secret, public_part
from support.api_world import ApiWorld, fields_of, problem_of
from support.profiles import profile_text
from support.rows import NOW, OTHER_TENANT, TENANT

FIELDS: dict[str, Any] = {
    "label": "Räuber & Söhne",
    "url": "https://hooks.example:8443/a/b?c=d",
    "query": "token=1&x=%20",
    "event_types": ["contact.*", "order.created", "*"],
    "channels": ["eu", "us"],
    "filter": "data.amount > 100",
    "tracked_set": "customer-data",
    "profile": "standard",
    "signature": "v1a",
    "active": False,
    "auth": {"type": "none"},
    "headers": {"X-Team": "red", "x-UPPER-lower": "a b"},
    "rate_per_second": 0.5,
    "max_in_flight": 7,
    "ordering": "subject",
    "retry": {"delays_s": [0.0, 0.5, 60.0]},
    "timeout_s": 2.5,
}
DEFAULTS: dict[str, Any] = {
    "label": "",
    "query": "",
    "event_types": ["*"],
    "channels": None,
    "filter": None,
    "tracked_set": None,
    "profile": "standard",
    "signature": "v1",
    "active": True,
    "status": "active",
    "disable_reason": None,
    "sending": {"state": "sending", "until": None},
    "auth": {"type": "none"},
    "headers": {},
    "rate_per_second": None,
    "max_in_flight": None,
    "ordering": "none",
    "retry": None,
    "timeout_s": 20.0,
}


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def shown(world: ApiWorld, endpoint: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = world.get(f"/endpoints/{endpoint['id']}")
    return answer


def without_secret(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in endpoint.items() if name not in {"secret", "public_key"}}


def as_listed(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in without_secret(endpoint).items() if name != "tracked_members"}


def test_every_field_comes_back_as_it_was_sent(world: ApiWorld) -> None:
    made = world.endpoint(**FIELDS)
    assert {name: made[name] for name in FIELDS} == FIELDS
    assert made["status"] == "inactive"
    assert made["created_at"] == made["updated_at"] == "2027-01-15T08:00:00.000Z"
    assert shown(world, made) == without_secret(made)
    assert world.get("/endpoints")["items"] == [as_listed(made)]


def test_the_defaults(world: ApiWorld) -> None:
    made = world.endpoint()
    assert {name: made[name] for name in DEFAULTS} == DEFAULTS
    assert made["url"] == "https://a.example/hook"


@pytest.mark.parametrize("name", FIELDS)
def test_a_change_of_one_field_leaves_the_others(world: ApiWorld, name: str) -> None:
    made = world.endpoint()
    world.clock.pass_s(1.5)
    changed = world.patch(f"/endpoints/{made['id']}", {name: FIELDS[name]})
    expected = {**without_secret(made), name: FIELDS[name]}
    if name == "active":
        expected |= {"status": "inactive", "sending": {"state": "stopped", "until": None}}
    if expected != without_secret(made):
        expected["updated_at"] = "2027-01-15T08:00:01.500Z"
    assert without_secret(changed) == expected
    assert shown(world, made) == expected


def test_a_set_need_not_be_there_and_its_members_are_told(world: ApiWorld) -> None:
    made = world.endpoint(tracked_set="later")
    path = f"/endpoints/{made['id']}"
    assert (made["tracked_set"], made["tracked_members"]) == ("later", None)
    sets = f"/v1/tenants/{TENANT}/tracked-sets/later"
    assert world.call("PUT", sets).status_code == 201
    assert world.get(path)["tracked_members"] == 0
    world.post("/tracked-sets/later/members", {"ids": ["c_1", "c_2"]})
    assert world.get(path)["tracked_members"] == 2
    assert world.call("DELETE", sets).status_code == 204
    assert (world.get(path)["tracked_set"], world.get(path)["tracked_members"]) == ("later", None)
    assert world.patch(path, {"tracked_set": None})["tracked_members"] is None


def test_a_profile_says_which_set_its_endpoints_have_unless_they_are_given_one(world: ApiWorld) -> None:
    assert world.endpoint(profile="vainu")["tracked_set"] == "customer-data"
    assert world.endpoint(profile="vainu", tracked_set="mine")["tracked_set"] == "mine"
    assert world.endpoint(profile="vainu", tracked_set=None)["tracked_set"] is None
    moved, own, none = world.endpoint(), world.endpoint(tracked_set="mine"), world.endpoint()
    to_vainu = {"profile": "vainu"}
    assert world.patch(f"/endpoints/{moved['id']}", to_vainu)["tracked_set"] == "customer-data"
    assert world.patch(f"/endpoints/{own['id']}", to_vainu)["tracked_set"] == "mine"
    assert world.patch(f"/endpoints/{none['id']}", {**to_vainu, "tracked_set": None})["tracked_set"] is None
    assert world.patch(f"/endpoints/{none['id']}", {"label": "later"})["tracked_set"] is None


def test_null_resets_a_field(world: ApiWorld) -> None:
    made = world.endpoint(**FIELDS)
    nullable = [
        *("query", "channels", "filter", "tracked_set", "profile", "auth", "headers", "rate_per_second"),
        *("max_in_flight", "retry", "timeout_s", "signature"),
    ]
    changed = world.patch(f"/endpoints/{made['id']}", dict.fromkeys(nullable))
    assert {name: changed[name] for name in nullable} == {name: DEFAULTS[name] for name in nullable}
    kept = FIELDS.keys() - set(nullable)
    assert {name: changed[name] for name in kept} == {name: FIELDS[name] for name in kept}


@pytest.mark.parametrize("name", ["label", "url", "event_types", "active", "ordering"])
def test_null_is_no_value_for_the_others(world: ApiWorld, name: str) -> None:
    made = world.endpoint()
    assert fields_of(world.call("PATCH", f"/v1/tenants/{TENANT}/endpoints/{made['id']}", {name: None})) == [name]


def test_an_empty_change_changes_nothing(world: ApiWorld) -> None:
    made = world.endpoint()
    world.clock.pass_s(1)
    assert world.patch(f"/endpoints/{made['id']}", {}) == without_secret(made)


def test_the_exponential_form_of_retry(world: ApiWorld) -> None:
    rule = {"base_s": 1.0, "factor": 1.5, "max_delay_s": 60.0, "max_attempts": 5}
    made = world.endpoint(retry=rule)
    assert shown(world, made)["retry"] == rule
    assert made["retry"].keys() == rule.keys()
    assert world.patch(f"/endpoints/{made['id']}", {"retry": {"delays_s": []}})["retry"] == {"delays_s": []}
    assert DEFAULT_RETRY.delays_s


def test_whole_numbers_are_numbers(world: ApiWorld) -> None:
    made = world.endpoint(rate_per_second=5, timeout_s=3, retry={"delays_s": [1]})
    assert (made["rate_per_second"], made["timeout_s"], made["retry"]) == (5.0, 3.0, {"delays_s": [1.0]})


def test_repeated_types_and_channels_are_kept_once(world: ApiWorld) -> None:
    made = world.endpoint(event_types=["b", "a", "b"], channels=["y", "x", "y"])
    assert (made["event_types"], made["channels"]) == (["b", "a"], ["y", "x"])


def test_a_new_endpoint_shows_its_secret_once(world: ApiWorld) -> None:
    made = world.endpoint()
    check_secret(made["secret"], "hmac-sha256")
    assert made["public_key"] is None
    for answer in (world.call("GET", f"/v1/tenants/{TENANT}/endpoints"), world.call("GET", f"/v1/tenants/{TENANT}")):
        assert made["secret"] not in answer.text
    assert "secret" not in shown(world, made)
    assert "secret" not in world.patch(f"/endpoints/{made['id']}", {"label": "x"})
    assert "secret" not in world.post(f"/endpoints/{made['id']}/deactivate")


def test_a_secret_of_ones_own(world: ApiWorld) -> None:
    secret = "whsec_" + "A" * 32
    assert world.endpoint(secret=secret)["secret"] == secret
    path = f"/v1/tenants/{TENANT}/endpoints"
    for bad in ("whsec_short", "x", "whsk_" + "A" * 43 + "=", ""):
        response = world.call("POST", path, {"url": "https://a.example/", "secret": bad})
        assert fields_of(response) == ["secret"]
        assert not bad or bad not in response.text


def test_ed25519_shows_the_public_key_as_well(world: ApiWorld) -> None:
    made = world.endpoint(signature="v1a")
    check_secret(made["secret"], "ed25519")
    assert made["public_key"] == public_part(made["secret"])


def test_another_signature_makes_another_secret_and_both_sign_for_a_day(world: ApiWorld) -> None:
    made = world.endpoint()
    changed = world.patch(f"/endpoints/{made['id']}", {"signature": "v1a"})
    check_secret(changed["secret"], "ed25519")
    assert changed["public_key"] == public_part(changed["secret"])
    assert world.get(f"/endpoints/{made['id']}/secret")["secret"] == changed["secret"]
    kept = world.store.list_secrets(TENANT, made["id"])
    assert [(secret.value, secret.expires_at) for secret in kept] == [
        (changed["secret"], None),
        (made["secret"], NOW + 86_400_000),
    ]


def test_changing_the_signature_is_a_rotation_with_its_limit_and_its_audit_line(world: ApiWorld) -> None:
    made = world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}"
    world.audited.clear()
    answers = [world.call("PATCH", path, {"signature": signature}, key="operator") for signature in ("v1a", "v1") * 4]
    assert [answer.status_code for answer in answers] == [200] * 7 + [429]
    problem_of(answers[-1], 429, "secret_quota")
    assert int(answers[-1].headers["retry-after"]) == 86_401
    assert len(world.store.list_secrets(TENANT, made["id"])) == 8
    assert shown(world, made)["signature"] == "v1a"
    facts = {"tenant_id": TENANT, "endpoint_id": made["id"], "actor": "operator"}
    assert world.audited == [("secret_rotated", facts)] * 7
    assert world.call("PATCH", path, {"signature": "v1a", "label": "x"}).status_code == 200
    world.clock.pass_s(86_401)
    assert world.call("PATCH", path, {"signature": "v1"}).status_code == 200


def test_a_refused_change_of_signature_makes_no_secret(world: ApiWorld) -> None:
    made = world.endpoint(headers={"X-Key": "v"})
    auth = {"type": "header", "headers": {"x-key": "w"}}
    response = world.call("PATCH", f"/v1/tenants/{TENANT}/endpoints/{made['id']}", {"signature": "v1a", "auth": auth})
    assert fields_of(response) == ["headers.X-Key"]
    assert len(world.store.list_secrets(TENANT, made["id"])) == 1
    assert shown(world, made)["signature"] == "v1"


AUTHS = [
    ({"type": "basic", "username": "ada", "password": "word-in-clear"}, {"username": "ada", "password": "***"}),
    ({"type": "raw", "value": "Token word-in-clear"}, {"value": "***"}),
    ({"type": "header", "headers": {"X-Key": "word-in-clear"}}, {"headers": {"X-Key": "***"}}),
]


@pytest.mark.parametrize(("auth", "visible"), AUTHS)
def test_credentials_are_never_shown(world: ApiWorld, auth: dict[str, Any], visible: dict[str, Any]) -> None:
    made = world.endpoint(auth=auth)
    assert made["auth"] == {"type": auth["type"], **visible}
    path = f"/v1/tenants/{TENANT}/endpoints"
    answers = [
        world.call("GET", path),
        world.call("GET", f"{path}/{made['id']}"),
        world.call("PATCH", f"{path}/{made['id']}", {"label": "x"}),
        world.call("POST", f"{path}/{made['id']}/activate"),
        world.call("POST", path, {"url": "nonsense", "auth": auth}),
        world.call("POST", path, {"url": "https://a.example/", "auth": {**auth, "unknown": "word-in-clear"}}),
    ]
    assert all("word-in-clear" not in answer.text for answer in answers)
    stored = world.store.get_endpoint(TENANT, made["id"])
    assert stored is not None
    assert "word-in-clear" in repr(stored.auth)


@pytest.mark.parametrize(
    "url",
    ["https://b.example/hook", "https://a.example:8443/hook", "https://a.example.b.example/hook"],
)
def test_another_origin_clears_credentials(world: ApiWorld, url: str) -> None:
    made = world.endpoint(auth=AUTHS[0][0])
    assert world.patch(f"/endpoints/{made['id']}", {"url": url})["auth"] == {"type": "none"}


def test_another_origin_keeps_credentials_that_come_with_it(world: ApiWorld) -> None:
    made = world.endpoint(auth=AUTHS[0][0])
    changed = world.patch(f"/endpoints/{made['id']}", {"url": "https://b.example/", "auth": AUTHS[1][0]})
    assert changed["auth"]["type"] == "raw"


@pytest.mark.parametrize("url", ["https://a.example/other", "https://A.example:443/hook?x=y"])
def test_the_same_origin_keeps_credentials(world: ApiWorld, url: str) -> None:
    made = world.endpoint(auth=AUTHS[0][0])
    assert world.patch(f"/endpoints/{made['id']}", {"url": url})["auth"]["type"] == "basic"


@pytest.mark.parametrize(
    "auth", [{"type": "basic", "username": "ada", "password": "***"}, {"type": "raw", "value": "***"}]
)
def test_what_reads_show_cannot_be_stored(world: ApiWorld, auth: dict[str, Any]) -> None:
    made = world.endpoint(auth=AUTHS[0][0])
    response = world.call("PATCH", f"/v1/tenants/{TENANT}/endpoints/{made['id']}", {"auth": auth})
    assert fields_of(response) == ["auth.password" if auth["type"] == "basic" else "auth.value"]


def test_switching_off_and_on(world: ApiWorld) -> None:
    path = f"/endpoints/{world.endpoint()['id']}"
    for _ in range(2):
        off = world.post(f"{path}/deactivate")
        assert (off["active"], off["status"]) == (False, "inactive")
    for _ in range(2):
        on = world.post(f"{path}/activate")
        assert (on["active"], on["status"]) == (True, "active")
    assert world.patch(path, {"active": False})["status"] == "inactive"
    assert world.patch(path, {"active": True, "label": "on"})["status"] == "active"


def test_what_is_off_when_it_is_made_is_off(world: ApiWorld) -> None:
    made = world.endpoint(active=False)
    assert (made["active"], made["status"]) == (False, "inactive")


@pytest.mark.parametrize("way", ["activate", "patch"])
def test_activation_ends_what_the_engine_decided(world: ApiWorld, way: str) -> None:
    made = world.endpoint()
    assert world.store.give_up(TENANT, made["id"], "gone", "The receiver answered 410.", NOW)
    given_up = shown(world, made)
    assert (given_up["status"], given_up["active"]) == ("disabled", True)
    assert given_up["disable_reason"] == {"code": "gone", "message": "The receiver answered 410."}
    path = f"/endpoints/{made['id']}"
    back = world.post(f"{path}/activate") if way == "activate" else world.patch(path, {"active": True})
    assert (back["status"], back["disable_reason"]) == ("active", None)


def test_what_waits_for_verification_cannot_be_activated(world: ApiWorld) -> None:
    made = world.endpoint()
    stored = world.store.get_endpoint(TENANT, made["id"])
    assert stored is not None
    waiting = replace(stored, status=EndpointStatus.VERIFICATION_PENDING, revision=stored.revision + 1)
    assert world.store.update_endpoint(waiting, NOW)
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}"
    problem_of(world.call("POST", f"{path}/activate"), 409, "wrong_state")
    problem_of(world.call("PATCH", path, {"active": True}), 409, "wrong_state")
    assert world.call("POST", f"{path}/deactivate").json()["status"] == "inactive"


def test_a_profile_with_a_handshake_has_endpoints_asked_before_they_are_sent_to(world: ApiWorld) -> None:
    made = world.endpoint(profile="insideview")
    path = f"/endpoints/{made['id']}"
    assert (made["status"], made["active"], made["sending"]["state"]) == ("verification_pending", True, "stopped")
    assert world.patch(path, {"active": False})["status"] == "inactive"
    assert world.patch(path, {"url": "https://elsewhere.example/hook"})["status"] == "inactive"
    assert world.patch(path, {"active": True, "query": "a=1"})["status"] == "verification_pending"
    assert world.patch(path, {"active": True, "query": "a=2"})["status"] == "verification_pending"
    assert world.patch(path, {"profile": "standard"})["status"] == "active"
    assert world.patch(path, {"profile": "insideview", "active": True})["status"] == "verification_pending"
    assert world.endpoint(profile="insideview", active=False)["status"] == "inactive"


def test_the_lane_follows_the_switch(world: ApiWorld) -> None:
    made = world.endpoint()

    def not_before() -> int:
        with world.store._tables as tables:
            return tables.lanes[made["id"]].not_before

    assert not_before() == 0
    world.post(f"/endpoints/{made['id']}/deactivate")
    assert not_before() > NOW * 2
    world.post(f"/endpoints/{made['id']}/activate")
    assert not_before() == 0


def test_what_is_deleted_is_gone(world: ApiWorld) -> None:
    made = world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}"
    gone = world.call("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    for method, sub in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/activate"), ("GET", "/secret")):
        problem_of(world.call(method, path + sub, {} if method == "PATCH" else None), 404, "not_found")
    assert world.get("/endpoints")["items"] == []


def test_every_write_is_told_to_the_rest_of_the_process(world: ApiWorld) -> None:
    made = world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}"
    writes = [
        ("PATCH", path, {"label": "x"}),
        ("POST", f"{path}/deactivate", None),
        ("POST", f"{path}/activate", None),
        ("POST", f"{path}/secret/rotate", {}),
        ("DELETE", path, None),
    ]
    for method, address, body in writes:
        world.notified = 0
        assert world.call(method, address, body).is_success
        assert world.notified == 1, (method, address)
    world.notified = 0
    world.get("/endpoints")
    assert world.notified == 0


def test_a_tenant_has_a_quota_of_endpoints() -> None:
    world = ApiWorld(endpoints_max=2)
    for _ in range(2):
        world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints"
    response = world.call("POST", path, {"url": "https://a.example/"})
    problem_of(response, 429, "endpoint_quota")
    assert int(response.headers["retry-after"]) == NO_ROOM_RETRY_AFTER_S, "waiting alone brings nothing"
    assert world.call("POST", f"/v1/tenants/{OTHER_TENANT}/endpoints", {"url": "https://a.example/"}).is_success


def events(world: ApiWorld) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.get("/events")["items"]
    return found


@pytest.mark.parametrize(
    ("fields", "deliveries"),
    [
        ({}, 1),
        ({"event_types": ["connection.*"], "filter": "data.status == 'NEW_CONNECTION'"}, 1),
        ({"event_types": ["contact.*"]}, 0),
        ({"filter": "data.status == 'READY'"}, 0),
        ({"channels": ["eu"]}, 0),
        ({"active": False}, 0),
    ],
)
def test_an_endpoint_begins_with_the_event_of_its_profile(
    world: ApiWorld, fields: dict[str, Any], deliveries: int
) -> None:
    made = world.endpoint(profile="vessel", **fields)
    (begun,) = events(world)
    assert (begun["type"], begun["data"]) == ("connection.status_changed", {"status": "NEW_CONNECTION"})
    assert begun["deliveries"] == deliveries
    meant_for = world.get(f"/events/{begun['id']}/deliveries")["items"]
    assert [(one["endpoint_id"], one["state"]) for one in meant_for] == [(made["id"], "pending")] * deliveries


def test_a_tenant_whose_webhooks_are_off_gets_no_first_event_sent(world: ApiWorld) -> None:
    world.patch("", {"webhooks_enabled": False})
    world.endpoint(profile="vessel")
    assert [one["deliveries"] for one in events(world)] == [0]


def test_most_endpoints_begin_with_nothing_and_a_change_of_profile_begins_nothing(world: ApiWorld) -> None:
    made = world.endpoint()
    world.patch(f"/endpoints/{made['id']}", {"profile": "vessel"})
    assert events(world) == []


def test_a_signature_can_only_be_chosen_where_something_is_signed(world: ApiWorld) -> None:
    path = f"/v1/tenants/{TENANT}/endpoints"
    given = {"url": "https://a.example/", "profile": "vainu"}
    wrong = problem_of(world.call("POST", path, {**given, "signature": "nonsense"}), 422, "invalid")
    assert wrong["errors"][0]["field"] == "signature"
    made = world.endpoint(profile="vainu")
    problem_of(world.call("PATCH", f"{path}/{made['id']}", {"signature": "v1"}), 422, "invalid")
    signed = world.endpoint()
    assert world.call("PATCH", f"{path}/{signed['id']}", {"profile": "vainu"}).status_code == 200


def test_a_profile_may_allow_a_tenant_only_so_many_endpoints(world: ApiWorld) -> None:
    first = world.endpoint(profile="vessel")
    path = f"/v1/tenants/{TENANT}/endpoints"
    second = {"url": "https://a.example/", "profile": "vessel"}
    refused = problem_of(world.call("POST", path, second), 409, "endpoint_exists")
    assert first["id"] in refused["detail"]
    assert len(events(world)) == 1
    other = world.endpoint(profile="standard")
    refused = problem_of(world.call("PATCH", f"{path}/{other['id']}", {"profile": "vessel"}), 409, "endpoint_exists")
    assert first["id"] in refused["detail"]
    assert world.call("DELETE", f"{path}/{other['id']}").status_code == 204
    assert world.call("DELETE", f"{path}/{first['id']}").status_code == 204
    world.endpoint(profile="vessel")
    assert len(events(world)) == 2


def test_the_quota_is_named_where_it_is_the_narrower_one() -> None:
    world = ApiWorld(endpoints_max=1)
    world.endpoint()
    profile = profile_text("three") + "\n[rules]\nendpoints_per_tenant = 3\n"
    assert world.call("PUT", "/v1/profiles/three", {"toml": profile}).status_code == 201
    path = f"/v1/tenants/{TENANT}/endpoints"
    problem_of(world.call("POST", path, {"url": "https://a.example/", "profile": "three"}), 429, "endpoint_quota")


def test_a_tenants_profile_is_the_default(world: ApiWorld) -> None:
    assert world.endpoint(profile=None)["profile"] == "standard"
