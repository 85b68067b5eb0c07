"""Checks of an endpoint's fields that callers other than the HTTP API rely on, and what rules that changed do."""

from typing import Any

import pytest

from ringback.control.endpoint_fields import EndpointFields, check_fields, origin_of
from ringback.control.endpoints import EndpointUseCases
from ringback.control.findings import Findings
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.model.endpoint import Auth, AuthType, Ordering, RetryRule
from ringback.model.errors import Invalid, NotFound
from ringback.policy.url import UrlRules
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT

STRICT = UrlRules()
LOOSE = UrlRules(allow_private=True)


def use_cases(store: MemoryStore, rules: UrlRules) -> EndpointUseCases:
    return EndpointUseCases(store, ManualClock(NOW), rules, Registry(store), lambda: None)


def secrets(store: MemoryStore) -> SecretUseCases:
    return SecretUseCases(store, ManualClock(NOW), Registry(store), lambda: None, lambda *_: None)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    TenantUseCases(store, ManualClock(NOW, seed=1), Registry(store), lambda: None).create(
        TENANT, {"name": "Acme"}, None
    )
    return store


def test_fields_take_the_form_in_which_they_are_stored() -> None:
    findings = Findings()
    fields: EndpointFields = {
        "url": "HTTPS://A.example:443/hook",
        "event_types": ["a", "a"],
        "auth": {"type": "raw", "value": "Token x"},
        "headers": {"X-A": "b"},
        "ordering": "strict",
        "retry": {"delays_s": [1.0]},
        "timeout_s": None,
        "tracked_set": None,
        "active": False,
    }
    assert check_fields(fields, STRICT, findings) == {
        "url": "https://a.example/hook",
        "event_types": ("a",),
        "auth": Auth(AuthType.RAW, value="Token x"),
        "headers": (("X-A", "b"),),
        "ordering": Ordering.STRICT,
        "retry": RetryRule(delays_s=(1.0,)),
        "timeout_s": 20.0,
        "tracked_set": None,
    }
    findings.raise_if_any()


@pytest.mark.parametrize("fields", [{"ordering": "fifo"}, {"signature": "v2"}, {"rate_per_second": float("nan")}])
def test_what_a_typed_caller_could_still_get_wrong(store: MemoryStore, fields: Any) -> None:
    with pytest.raises(Invalid) as refused:
        use_cases(store, STRICT).create(TENANT, {"url": "https://a.example/", **fields}, "whsec_" + "A" * 32)
    assert [error.field for error in refused.value.errors] == list(fields)


def test_origins_of_stored_urls() -> None:
    assert origin_of("https://a.example/x?y", STRICT) == "https://a.example"
    assert origin_of("https://a.example:8443/x", STRICT) == "https://a.example:8443"
    assert origin_of("http://127.0.0.1:9/", STRICT) is None
    assert origin_of("http://127.0.0.1:9/", LOOSE) == "http://127.0.0.1:9"


def test_an_endpoint_the_rules_no_longer_accept_can_still_be_changed_and_deleted(store: MemoryStore) -> None:
    made = use_cases(store, LOOSE).create(
        TENANT, {"url": "http://127.0.0.1:9/", "auth": {"type": "raw", "value": "Token x"}}
    )
    strict = use_cases(store, STRICT)
    labelled = strict.update(TENANT, made.endpoint.id, {"label": "x"}, secrets(store), "key_1")
    assert labelled.endpoint.auth.value == "Token x"
    assert strict.deactivate(TENANT, made.endpoint.id).label == "x"
    moved = strict.update(TENANT, made.endpoint.id, {"url": "https://a.example/"}, secrets(store), "key_1")
    assert moved.endpoint.auth == Auth()
    strict.delete(TENANT, made.endpoint.id)
    with pytest.raises(NotFound):
        strict.get(TENANT, made.endpoint.id)


def test_two_who_change_different_fields_both_succeed(store: MemoryStore) -> None:
    made = use_cases(store, STRICT).create(TENANT, {"url": "https://a.example/"}).endpoint

    class Meddling(EndpointUseCases):
        """Somebody else changes the label between the read and the write."""

        meddled = False

        def get(self, tenant_id: str, endpoint_id: str) -> Any:
            endpoint = super().get(tenant_id, endpoint_id)
            if not self.meddled:
                self.meddled = True
                use_cases(store, STRICT).update(tenant_id, endpoint_id, {"label": "theirs"}, secrets(store), "key_1")
            return endpoint

    ours = Meddling(store, ManualClock(NOW, seed=2), STRICT, Registry(store), lambda: None)
    changed = ours.update(TENANT, made.id, {"query": "a=b"}, secrets(store), "key_1").endpoint
    assert (changed.label, changed.query, changed.revision) == ("theirs", "a=b", 3)
