"""Triggers over HTTP: made by hand or from a template, changed, refused with the field, shown with their failures."""

from typing import Any

import pytest

from ringback.model.limits import TRIGGERS_PER_TENANT_MAX
from ringback.policy.trigger_templates import TEMPLATES
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import OTHER_TENANT, TENANT, rule_failure

PATH = f"/v1/tenants/{TENANT}/triggers"
PLAIN = {"name": "Hot lead", "record_type": "contact", "when": 'passed("score", 80)', "emits": "lead.hot"}
PERSONA = {"template": "persona_scoring.threshold_passed", "parameters": {"persona_id": "p_17", "threshold": 80}}
MOMENT = "2027-01-15T08:00:00.000Z"


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def test_a_trigger_there_and_back(world: ApiWorld) -> None:
    made = world.call("POST", PATH, {**PLAIN, "data": ["/score", "/score"], "cooldown_s": 60}, key="tenant")
    assert made.status_code == 201
    shown = made.json()
    assert shown.pop("id").startswith("trg_")
    assert shown == {
        **PLAIN,
        "data": ["/score"],
        "cooldown_s": 60,
        "active": True,
        "template": None,
        "parameters": None,
        "last_failure": None,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }
    assert world.notified == 1
    trigger_id = made.json()["id"]
    assert world.get(f"/triggers/{trigger_id}") == made.json()
    assert world.get("/triggers", key="tenant") == {"items": [made.json()], "next_cursor": None}
    world.clock.pass_s(60)
    changed = world.patch(f"/triggers/{trigger_id}", {"data": None, "active": False})
    assert changed == {**made.json(), "data": None, "active": False, "updated_at": "2027-01-15T08:01:00.000Z"}
    assert world.patch(f"/triggers/{trigger_id}", {}) == changed
    assert world.call("DELETE", f"{PATH}/{trigger_id}").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        problem_of(world.call(method, f"{PATH}/{trigger_id}", {} if method == "PATCH" else None), 404, "not_found")


def test_others_triggers_are_not_there(world: ApiWorld) -> None:
    trigger_id = world.post("/triggers", PLAIN)["id"]
    other = f"/v1/tenants/{OTHER_TENANT}/triggers"
    assert world.call("GET", other, key="other_tenant").json()["items"] == []
    problem_of(world.call("DELETE", f"{other}/{trigger_id}", key="other_tenant"), 404, "not_found")
    problem_of(world.call("GET", PATH, key="ingest"), 403, "forbidden")
    problem_of(world.call("POST", "/v1/tenants/nobody/triggers", PLAIN), 404, "not_found")


def test_pages(world: ApiWorld) -> None:
    made = [world.post("/triggers", {**PLAIN, "name": str(n)})["id"] for n in range(5)]
    first = world.get("/triggers?limit=3")
    second = world.get(f"/triggers?limit=3&cursor={first['next_cursor']}")
    assert [one["id"] for one in first["items"] + second["items"]] == sorted(made)
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"colour": "red"}, ["colour"]),
        ({"name": ""}, ["name"]),
        ({"name": "x" * 257}, ["name"]),
        ({"record_type": "no type"}, ["record_type"]),
        ({"record_type": "x" * 121}, ["record_type"]),
        ({"emits": "no type"}, ["emits"]),
        ({"when": ""}, ["when"]),
        ({"when": "passed(data.x, 80)"}, ["when"]),
        ({"when": "true" + " " * 1_024}, ["when"]),
        ({"when": 5}, ["when"]),
        ({"data": "[data"}, ["data"]),
        ({"data": []}, ["data"]),
        ({"data": ["score"]}, ["data"]),
        ({"cooldown_s": -1}, ["cooldown_s"]),
        ({"cooldown_s": 365 * 86_400 + 1}, ["cooldown_s"]),
        ({"active": "yes"}, ["active"]),
        ({"parameters": {}}, ["parameters"]),
        ({"template": "none"}, ["template"]),
        ({**PERSONA}, ["when", "emits"]),
        ({"emits": "no type", "when": "x", "name": ""}, ["name", "when", "emits"]),
    ],
)
def test_refused_when_made_and_when_changed(world: ApiWorld, change: dict[str, Any], fields: list[str]) -> None:
    assert sorted(
        {name.split("[")[0].split(".")[0] for name in fields_of(world.call("POST", PATH, {**PLAIN, **change}))}
    ) == sorted(fields)
    if "template" in change:
        return
    path = f"{PATH}/{world.post('/triggers', PLAIN)['id']}"
    before = world.call("GET", path).json()
    fields_of(world.call("PATCH", path, change))
    assert world.call("GET", path).json() == before


def test_what_is_wrong_with_an_expression_is_said_with_its_place(world: ApiWorld) -> None:
    problem = problem_of(world.call("POST", PATH, {**PLAIN, "when": "data.a ==\n== 1"}), 422, "invalid")
    assert problem["errors"] == [
        {"field": "when", "message": "is refused: Line 2, character 1: Syntax error: extraneous input '=='"}
    ]


@pytest.mark.parametrize("missing", ["name", "record_type", "when", "emits"])
def test_nothing_may_be_missing(world: ApiWorld, missing: str) -> None:
    body = {name: value for name, value in PLAIN.items() if name != missing}
    assert fields_of(world.call("POST", PATH, body)) == [missing]


def test_there_are_so_many_at_most(world: ApiWorld) -> None:
    for _ in range(TRIGGERS_PER_TENANT_MAX):
        world.post("/triggers", PLAIN)
    problem_of(world.call("POST", PATH, PLAIN), 429, "trigger_quota")
    assert world.call("POST", f"/v1/tenants/{OTHER_TENANT}/triggers", PLAIN).status_code == 201


# ── templates ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_templates_are_listed_with_their_parameters(world: ApiWorld) -> None:
    listed = world.call("GET", "/v1/trigger-templates", key="tenant").json()
    assert [one["name"] for one in listed["items"]] == list(TEMPLATES)
    persona = next(one for one in listed["items"] if one["name"] == PERSONA["template"])
    assert [one["name"] for one in persona["parameters"] if one["required"]] == ["persona_id", "threshold"]
    problem_of(world.call("GET", "/v1/trigger-templates", key="ingest"), 403, "forbidden")


def test_a_trigger_from_a_template(world: ApiWorld) -> None:
    made = world.post("/triggers", PERSONA)
    assert (made["name"], made["record_type"]) == ("persona_scoring.threshold_passed", "contact")
    assert made["emits"] == "persona_scoring.threshold_passed"
    assert made["when"] == 'passed("/persona_scores/p_17", 80, 0)'
    assert {name: made[name] for name in PERSONA} == PERSONA
    own = world.post("/triggers", {**PERSONA, "name": "Mine", "record_type": "person", "cooldown_s": 5})
    assert (own["name"], own["record_type"], own["cooldown_s"]) == ("Mine", "person", 5)


def test_other_parameters_make_another_rule_and_keep_the_rest(world: ApiWorld) -> None:
    made = world.post("/triggers", {**PERSONA, "name": "Mine", "record_type": "person"})
    path = f"/triggers/{made['id']}"
    changed = world.patch(path, {"parameters": {"persona_id": "p_2", "threshold": 90.5, "hysteresis": 5}})
    assert changed["when"] == 'passed("/persona_scores/p_2", 90.5, 5)'
    assert (changed["name"], changed["record_type"]) == ("Mine", "person")
    renamed = world.patch(path, {"name": "Other"})
    assert (renamed["template"], renamed["parameters"]["threshold"]) == (PERSONA["template"], 90.5)
    by_hand = world.patch(path, {"when": "true"})
    assert (by_hand["when"], by_hand["template"], by_hand["parameters"]) == ("true", None, None)
    assert fields_of(world.call("PATCH", f"{PATH}/{made['id']}", {"parameters": {}})) == ["parameters"]
    again = world.patch(path, PERSONA)
    assert (again["when"], again["template"]) == (made["when"], PERSONA["template"])


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({}, ["parameters.persona_id", "parameters.threshold"]),
        ({"persona_id": 'p") || true', "threshold": "80"}, ["parameters.threshold"]),
        ({"persona_id": "p", "threshold": 80, "hysteresis": -5}, ["parameters"]),
        ({"persona_id": "p", "threshold": 80, "colour": 1}, ["parameters.colour"]),
        (
            {"persona_id": "p" * 100, "threshold": 80, **{f"{one}_field": "é" * 100 for one in ("email", "company")}},
            ["parameters"],
        ),
    ],
)
def test_parameters_that_do_not_fit(world: ApiWorld, parameters: dict[str, Any], fields: list[str]) -> None:
    assert fields_of(world.call("POST", PATH, {**PERSONA, "parameters": parameters})) == fields


# ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_failure_is_shown_until_the_trigger_is_changed(world: ApiWorld) -> None:
    made = world.post("/triggers", PLAIN)
    failure = rule_failure(made["id"], event_id="evt_9", message="data has no key age.")
    world.store.note_rule_failures([failure])
    shown = {"at": MOMENT, "event_id": "evt_9", "message": "data has no key age."}
    assert world.get(f"/triggers/{made['id']}")["last_failure"] == shown
    assert world.get("/triggers")["items"][0]["last_failure"] == shown
    world.clock.pass_s(1)
    assert world.patch(f"/triggers/{made['id']}", {"when": "true"})["last_failure"] is None


def test_an_endpoint_shows_on_what_its_filter_failed(world: ApiWorld) -> None:
    made = world.endpoint(filter="data.age > 1")
    plain = world.endpoint()
    assert (made["filter_failure"], plain["filter_failure"]) == (None, None)
    world.store.note_rule_failures([rule_failure(one["id"], event_id="evt_9") for one in (made, plain)])
    shown = {"at": MOMENT, "event_id": "evt_9", "message": "no such key: age"}
    assert world.get(f"/endpoints/{made['id']}")["filter_failure"] == shown
    failures = {one["id"]: one["filter_failure"] for one in world.get("/endpoints")["items"]}
    assert failures == {made["id"]: shown, plain["id"]: None}
    world.clock.pass_s(1)
    assert world.patch(f"/endpoints/{made['id']}", {"filter": "true"})["filter_failure"] is None


def test_a_page_of_endpoints_asks_for_failures_once(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        world.endpoint(filter="data.age > 1")
    asked: list[int] = []
    found = world.store.rule_failures
    monkeypatch.setattr(world.store, "rule_failures", lambda tenant, ids: asked.append(len(ids)) or found(tenant, ids))
    world.get("/endpoints")
    assert asked == [3]
