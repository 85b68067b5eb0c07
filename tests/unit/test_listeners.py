"""Who listens to operational events: what endpoints name, kept true by the log of changes."""

from dataclasses import replace

import pytest

from conformance.backend import add_endpoint
from ringback import listeners as module
from ringback.listeners import Listeners
from ringback.model.endpoint import EndpointStatus
from ringback.store.memory import MemoryStore
from support.rows import NOW, OTHER_TENANT, TENANT

DISABLED = "endpoint.disabled"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def loaded(store: MemoryStore, operator_tenant: str | None = None) -> Listeners:
    made = Listeners(store, operator_tenant)
    made.load()
    return made


def follow(listeners: Listeners, store: MemoryStore, version: int) -> None:
    changes = store.changes_after(version)
    assert changes
    listeners.follow(changes)


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [(("*",), False), (("endpoint.*",), True), ((DISABLED,), True), (("endpoint.failing", "delivery.*"), False)],
)
def test_a_name_or_its_prefix_counts_and_a_bare_star_does_not(
    store: MemoryStore, patterns: tuple[str, ...], wanted: bool
) -> None:
    add_endpoint(store, event_types=patterns)
    listeners = loaded(store)
    assert listeners.want(TENANT, DISABLED) is wanted
    assert listeners.want(OTHER_TENANT, DISABLED) is False


def test_what_changes_is_followed(store: MemoryStore) -> None:
    listeners = loaded(store)
    first = add_endpoint(store, event_types=("endpoint.*",))
    second = add_endpoint(store, "ep_b", event_types=(DISABLED,), status=EndpointStatus.INACTIVE)
    follow(listeners, store, 0)
    assert listeners.want(TENANT, DISABLED)
    assert listeners.want(TENANT, "endpoint.failing")
    version = store.version()
    assert store.update_endpoint(replace(first, event_types=("*",), revision=2), NOW)
    follow(listeners, store, version)
    assert listeners.want(TENANT, DISABLED)
    assert not listeners.want(TENANT, "endpoint.failing")
    version = store.version()
    store.delete_endpoint(TENANT, second.id, NOW)
    follow(listeners, store, version)
    assert not listeners.want(TENANT, DISABLED)


def test_all_pages_are_read_and_what_is_gone_is_forgotten(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_ROWS_MAX", 2)
    for place in range(5):
        add_endpoint(store, f"ep_{place}", f"tenant_{place}", event_types=("secret.rotated",))
    listeners = loaded(store)
    assert all(listeners.want(f"tenant_{place}", "secret.rotated") for place in range(5))
    store.delete_endpoint("tenant_4", "ep_4", NOW)
    listeners.load()
    assert not listeners.want("tenant_4", "secret.rotated")


def test_an_operator_wants_everything_and_listens_to_nothing_for_others(store: MemoryStore) -> None:
    listeners = loaded(store, "ops")
    assert listeners.want(TENANT, DISABLED)
    assert not listeners.listen(TENANT, DISABLED)
