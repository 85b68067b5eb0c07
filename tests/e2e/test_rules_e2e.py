"""Triggers and rules that fail, on a real server: what a receiver gets, and what the owner is shown."""

import json
from typing import Any

from support.inbox import Inbox
from support.process import wait_until
from support.tenant import TestTenant

PERSONA = {"persona_id": "p_17", "persona_name": "Decision maker", "threshold": 80}


def put(tenant: TestTenant, data: dict[str, Any]) -> None:
    answer = tenant.server.ask("PUT", f"{tenant.path}/records/contact/c_1", data)
    assert answer.status in (200, 201), answer.body


def test_a_template_tells_a_receiver_in_the_contracts_form(tenant: TestTenant, inbox: Inbox) -> None:
    rule = {"template": "persona_scoring.threshold_passed", "parameters": PERSONA}
    tenant.server.make(f"{tenant.path}/triggers", rule)
    tenant.endpoint(inbox.url(), event_types=["persona_scoring.*"])
    for score in (74, 82, 90):
        put(tenant, {"email": "ada@example.com", "persona_scores": {"p_17": score}})
    put(tenant, {"persona_scores": {"p_17": 10}})
    put(tenant, {"persona_scores": {"p_17": 80}})

    inbox.wait_for(2)
    tenant.send("persona_scoring.end")
    told = [json.loads(one.body)["data"] for one in inbox.wait_for(3)]
    passed = [one for one in told if one is not None]
    assert sorted((one["previous_score"], one["score"]) for one in passed) == [(10, 80), (74, 82)]
    assert all(one["persona"] == {"id": "p_17", "name": "Decision maker"} for one in passed)
    assert {one["contact"]["id"] for one in passed} == {"c_1"}


def test_a_filter_and_a_trigger_that_fail_are_shown_with_the_event(tenant: TestTenant, inbox: Inbox) -> None:
    body = {"name": "x", "record_type": "contact", "when": "data.age > previous.age", "emits": "older"}
    trigger = tenant.server.make(f"{tenant.path}/triggers", body)
    endpoint = tenant.endpoint(inbox.url(), filter='data.country == "DK"', event_types=["contact.created"])
    put(tenant, {"age": 5})

    def failures() -> list[Any]:
        shown = tenant.server.get(f"{tenant.path}/endpoints/{endpoint['id']}")["filter_failure"]
        return [shown, tenant.server.get(f"{tenant.path}/triggers/{trigger['id']}")["last_failure"]]

    wait_until(lambda: all(failures()), 10.0, "both failures are shown")
    of_filter, of_trigger = failures()
    assert of_filter["message"] == "data has no key country."
    assert of_trigger["message"] == "previous is null and has no key age."
    assert of_filter["event_id"] == of_trigger["event_id"]
    assert tenant.server.get(f"{tenant.path}/events/{of_filter['event_id']}")["type"] == "contact.created"
    tried = tenant.server.ask("POST", f"{tenant.path}/rules/try", {"event_id": of_filter["event_id"]}).json
    assert tried["tried"][0]["rules"][0]["reason"] == {"code": "filter", "message": "data has no key country."}
