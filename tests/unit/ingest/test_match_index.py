"""Who wants what: the index against a plain reading of the rules, and what it loads when something changes."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ringback.ingest import index as index_module
from ringback.ingest.index import MatchIndex
from ringback.model.endpoint import Endpoint, EndpointStatus, Ordering
from ringback.model.lane import Change
from ringback.model.tenant import Tenant
from ringback.policy import wanted as wanted_module
from ringback.store.memory import MemoryStore
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint, event, secret, tenant


class Config:
    """A store with two tenants, and an index that follows it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.index = MatchIndex()
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))

    def add(self, endpoint_id: str, tenant_id: str = TENANT, **changes: Any) -> Endpoint:
        made = endpoint(endpoint_id, tenant_id, **changes)
        assert self.store.create_endpoint(made, None, 10_000)
        return made

    def change(self, of: Endpoint, **changes: Any) -> Endpoint:
        changed = replace(of, revision=of.revision + 1, **changes)
        assert self.store.update_endpoint(changed, NOW)
        return changed

    def refresh(self) -> None:
        with self.store.intake() as transaction:
            self.index.refresh(transaction)

    def wanted(self, event_type: str = "contact.created", tenant_id: str = TENANT, **fields: Any) -> list[str]:
        self.refresh()
        return [t.endpoint_id for t in self.index.reach(event(tenant_id=tenant_id, type=event_type, **fields)).targets]


@pytest.fixture
def config() -> Config:
    return Config()


def test_patterns(config: Config) -> None:
    for name, types in {
        "ep_all": ("*",),
        "ep_contact": ("contact.*",),
        "ep_created": ("contact.created",),
        "ep_deep": ("contact.address.*",),
        "ep_several": ("contact.created", "contact.*", "order.paid"),
        "ep_none": (),
    }.items():
        config.add(name, event_types=types)
    assert config.wanted("contact.created") == ["ep_all", "ep_contact", "ep_created", "ep_several"]
    assert config.wanted("contact.address.moved") == ["ep_all", "ep_contact", "ep_deep", "ep_several"]
    assert config.wanted("contact") == ["ep_all"]
    assert config.wanted("order.paid") == ["ep_all", "ep_several"]
    assert config.wanted("contacts.created") == ["ep_all"]


def test_channels(config: Config) -> None:
    config.add("ep_any")
    config.add("ep_eu", channels=("eu",))
    config.add("ep_both", channels=("eu", "us"), event_types=("contact.*",))
    config.add("ep_nowhere", channels=())
    assert config.wanted(channel=None) == ["ep_any"]
    assert config.wanted(channel="eu") == ["ep_any", "ep_both", "ep_eu"]
    assert config.wanted(channel="us") == ["ep_any", "ep_both"]
    assert config.wanted("order.paid", channel="us") == ["ep_any"]
    assert config.wanted(channel="asia") == ["ep_any"]


def test_tenants_are_apart(config: Config) -> None:
    config.add("ep_a")
    config.add("ep_b", OTHER_TENANT)
    assert config.wanted() == ["ep_a"]
    assert config.wanted(tenant_id=OTHER_TENANT) == ["ep_b"]
    assert config.wanted(tenant_id="nobody") == []
    assert config.index.knows(TENANT)
    assert not config.index.knows("nobody")


@pytest.mark.parametrize(
    ("status", "matches"),
    [
        (EndpointStatus.ACTIVE, True),
        (EndpointStatus.DISABLED, True),
        (EndpointStatus.VERIFICATION_PENDING, True),
        (EndpointStatus.INACTIVE, False),
    ],
)
def test_only_inactive_endpoints_do_not_match(config: Config, status: EndpointStatus, matches: bool) -> None:
    made = config.add("ep_a")
    assert config.wanted() == ["ep_a"]
    changed = config.change(made, status=status)
    assert config.wanted() == (["ep_a"] if matches else [])
    config.change(changed, status=EndpointStatus.ACTIVE)
    assert config.wanted() == ["ep_a"]


def test_what_failed_to_prove_itself_matches_nothing_until_it_is_asked_again(config: Config) -> None:
    made = config.add("ep_a", status=EndpointStatus.VERIFICATION_PENDING, unverified_since=1)
    assert config.wanted() == ["ep_a"]
    refused = config.change(made, status=EndpointStatus.DISABLED)
    assert config.wanted() == []
    config.change(refused, status=EndpointStatus.VERIFICATION_PENDING, unverified_since=2)
    assert config.wanted() == ["ep_a"]


def test_ordering_comes_along(config: Config) -> None:
    config.add("ep_a", ordering=Ordering.STRICT)
    config.refresh()
    assert config.index.reach(event()).targets[0].ordering is Ordering.STRICT


def test_changes_count_at_once_and_for_memoised_types(config: Config) -> None:
    made = config.add("ep_a", event_types=("contact.*",))
    assert config.wanted() == ["ep_a"]
    assert config.wanted("order.paid") == []
    changed = config.change(made, event_types=("order.paid",), channels=("eu",))
    assert config.wanted() == []
    assert config.wanted("order.paid", channel="eu") == ["ep_a"]
    config.change(changed, channels=None)
    assert config.wanted("order.paid") == ["ep_a"]
    config.store.delete_endpoint(TENANT, "ep_a", NOW)
    assert config.wanted("order.paid") == []
    assert config.wanted("order.paid", channel="eu") == []


def test_nothing_is_left_of_endpoints_that_are_gone(config: Config) -> None:
    config.add("ep_a", event_types=("contact.*", "contact.*", "order.paid"))
    config.add("ep_b", channels=("eu", "us", "eu"))
    assert config.wanted(channel="eu") == ["ep_a", "ep_b"]
    for endpoint_id in ("ep_a", "ep_b"):
        config.store.delete_endpoint(TENANT, endpoint_id, NOW)
    assert config.wanted(channel="eu") == []
    kept = config.index._tenants[TENANT]
    assert (kept.by_pattern, kept.by_channel, config.index._targets) == ({}, {}, {})


def test_webhooks_can_be_off_for_a_tenant(config: Config) -> None:
    config.add("ep_a")
    assert config.wanted() == ["ep_a"]
    off = replace(tenant(), webhooks_enabled=False, revision=2)
    assert config.store.update_tenant(off)
    assert config.wanted() == []
    assert config.index.knows(TENANT)
    assert not config.index.enables(TENANT)
    assert config.index.enables(OTHER_TENANT)
    assert config.store.update_tenant(replace(off, webhooks_enabled=True, revision=3))
    assert config.wanted() == ["ep_a"]
    assert config.index.enables(TENANT)


def test_a_deleted_tenant_is_forgotten(config: Config) -> None:
    config.add("ep_a")
    config.add("ep_b", channels=("eu",))
    assert config.wanted(channel="eu") == ["ep_a", "ep_b"]
    config.store.delete_tenant(TENANT, NOW)
    assert config.wanted(channel="eu") == []
    assert not config.index.knows(TENANT)
    assert not config.index.enables(TENANT)


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_filters_see_event_data_and_previous(config: Config) -> None:
    for name, text in {
        "ep_plain": None,
        "ep_data": "data.score > 10",
        "ep_previous": "previous.score < data.score",
        "ep_event": 'event.type == "contact.created" && event.subject.type == "contact" && event.channel == "eu"',
        "ep_missing": "data.nothing.at_all == 1",
        "ep_no_bool": "data.score",
        "ep_no": "data.score > 100",
    }.items():
        config.add(name, filter=text)
    fields: dict[str, Any] = {"data": b'{"score": 50}', "channel": "eu", "subject_type": "contact", "subject_id": "1"}
    assert config.wanted(**fields) == ["ep_data", "ep_event", "ep_plain"]
    assert config.wanted(**fields, previous=b'{"score": 1}') == ["ep_data", "ep_event", "ep_plain", "ep_previous"]
    assert config.wanted(data=b"null") == ["ep_plain"]


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5_000, "1e999", "9" * 30 + ".5"])
def test_a_number_that_fits_nothing_spoils_no_filter(config: Config, number: str) -> None:
    config.add("ep_plain")
    config.add("ep_large", filter="data.n > 5.0")
    config.add("ep_other", filter='data.name == "x"')
    assert config.wanted(data=f'{{"n": {number}, "name": "x"}}'.encode()) == ["ep_large", "ep_other", "ep_plain"]


def test_the_same_filter_is_compiled_once_and_only_when_needed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    real = wanted_module.compile_filter
    monkeypatch.setattr(wanted_module, "compile_filter", lambda text: compiled.append(text) or real(text))
    for i in range(5):
        config.add(f"ep_{i}", filter='data.unlike_other_tests == "yes"')
    config.add("ep_elsewhere", filter="data.never == 1", event_types=("order.paid",))
    for _ in range(3):
        assert len(config.wanted(data=b'{"unlike_other_tests":"yes"}')) == 5
    assert compiled == ['data.unlike_other_tests == "yes"']


def test_a_filter_that_does_not_compile_matches_nothing(config: Config) -> None:
    broken = config.add("ep_broken", filter="data.(((")
    assert config.wanted() == []
    config.change(broken, filter=None)
    assert config.wanted() == ["ep_broken"]


def test_payloads_are_decoded_once_and_only_for_filters(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = wanted_module.filter_input
    monkeypatch.setattr(wanted_module, "filter_input", lambda *values: made.append(values) or real(*values))
    config.add("ep_plain")
    config.wanted()
    assert made == []
    for i in range(5):
        config.add(f"ep_{i}", filter="data.a == 1")
    assert len(config.wanted(data=b'{"a":1}')) == 6
    assert [values[1] for values in made] == [{"a": 1}]


# ── loading ───────────────────────────────────────────────────────────────────────────────────────────────────


class Counted:
    """A transaction that counts what is loaded."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.asked: list[list[str]] = []
        self.fail_after = 1_000

    def changes_since(self, version: int) -> Sequence[Change]:
        return list(self.inner.changes_since(version))

    def tenants(self, ids: Sequence[str]) -> Sequence[Tenant]:
        return self._note(ids, self.inner.tenants(ids))

    def endpoints(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        return self._note(ids, self.inner.endpoints(ids))

    def _note(self, ids: Sequence[str], loaded: Any) -> Any:
        self.asked.append(list(ids))
        if len(self.asked) > self.fail_after:
            raise ConnectionError
        return loaded


def test_only_what_changed_is_loaded_in_steps(config: Config) -> None:
    for i in range(1_201):
        config.add(f"ep_{i:04d}")
    with config.store.intake() as transaction:
        counted = Counted(transaction)
        config.index.refresh(counted)  # type: ignore[arg-type]
    assert [len(ids) for ids in counted.asked] == [2, 500, 500, 201]
    config.add("ep_new")
    with config.store.intake() as transaction:
        counted = Counted(transaction)
        config.index.refresh(counted)  # type: ignore[arg-type]
        assert counted.asked == [["ep_new"]]
        config.index.refresh(counted)  # type: ignore[arg-type]
        assert counted.asked == [["ep_new"]]
    assert config.index.version == config.store.version()
    assert len(config.wanted()) == 1_202


def test_a_refresh_that_failed_is_repeated(config: Config) -> None:
    made = [config.add(f"ep_{i:04d}") for i in range(600)]
    config.wanted()
    version = config.index.version
    for each in made:
        config.change(each, event_types=("order.paid",))
    with config.store.intake() as transaction:
        counted = Counted(transaction)
        counted.fail_after = 1
        with pytest.raises(ConnectionError):
            config.index.refresh(counted)  # type: ignore[arg-type]
    assert config.index.version == version
    assert config.wanted() == []
    assert len(config.wanted("order.paid")) == 600


def test_who_has_missed_changes_loads_everything_anew(config: Config) -> None:
    kept, gone = config.add("ep_kept"), config.add("ep_gone")
    assert config.wanted() == ["ep_gone", "ep_kept"]
    config.store.delete_endpoint(gone.tenant_id, gone.id, NOW)
    config.change(kept, event_types=("order.paid",))
    config.add("ep_new")
    while config.store.trim_changes_step(1, 100):
        pass
    assert config.wanted() == ["ep_new"]
    assert config.wanted("order.paid") == ["ep_kept", "ep_new"]
    assert config.index.version == config.store.version()
    assert config.index.knows(TENANT)


def test_an_empty_store_of_which_changes_were_trimmed(config: Config) -> None:
    for place in range(4):
        config.store.delete_endpoint(TENANT, config.add(f"ep_{place}").id, NOW)
    while config.store.trim_changes_step(1, 100):
        pass
    with config.store.intake() as transaction:
        MatchIndex().refresh(transaction)
    assert config.wanted() == []


def test_a_tenant_made_anew_has_none_of_the_old_endpoints() -> None:
    class Fixed(Counted):
        def __init__(self, changes: list[Change], tenants: list[Tenant], endpoints: list[Endpoint]) -> None:
            self.rows = changes, tenants, endpoints

        def changes_since(self, version: int) -> Sequence[Change]:
            return [change for change in self.rows[0] if change.version > version]

        def tenants(self, ids: Sequence[str]) -> Sequence[Tenant]:
            return self.rows[1]

        def endpoints(self, ids: Sequence[str]) -> Sequence[Endpoint]:
            return self.rows[2]

    made = [Change(1, "tenant", TENANT, TENANT), Change(2, "endpoint", TENANT, "ep_a")]
    index = MatchIndex()
    index.refresh(Fixed(made, [tenant()], [endpoint()]))  # type: ignore[arg-type]
    assert len(index.reach(event()).targets) == 1
    again = [Change(3, "tenant", TENANT, TENANT), Change(4, "tenant", TENANT, TENANT)]
    index.refresh(Fixed([*made, *again], [tenant(created_at=NOW + 1)], []))  # type: ignore[arg-type]
    assert index.knows(TENANT)
    assert index.reach(event()).targets == ()


def test_what_is_remembered_has_an_end(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MEMO_MAX", 50)
    config.add("ep_a")
    config.refresh()
    for i in range(500):
        assert len(config.index.reach(event(type=f"t{i}", channel=f"c{i}")).targets) == 1
        assert sum(len(memo) for memo in config.index._memo.values()) <= 50


# ── against a plain reading ───────────────────────────────────────────────────────────────────────────────────

TYPES = ("a", "a.b", "a.b.c", "a.c", "b", "b.c")
PATTERNS = (*TYPES, "a.*", "a.b.*", "b.*", "*")
CHANNELS = ("x", "y", "z")


def plainly_wants(row: Endpoint, event_type: str, channel: str | None) -> bool:
    if row.status is EndpointStatus.INACTIVE:
        return False
    if row.channels is not None and channel not in row.channels:
        return False
    return any(
        pattern in {"*", event_type} or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in row.event_types
    )


@pytest.mark.parametrize("seed", range(10))
def test_random_configurations_match_a_plain_reading(seed: int) -> None:
    chance = random.Random(seed)
    config = Config()
    rows: dict[str, Endpoint] = {}

    def fields() -> dict[str, Any]:
        return {
            "event_types": tuple(chance.choices(PATTERNS, k=chance.randint(1, 4))),
            "channels": chance.choice([None, None, tuple(chance.choices(CHANNELS, k=chance.randint(1, 3)))]),
            "status": chance.choice(list(EndpointStatus)),
        }

    for step in range(150):
        action = chance.random()
        if action < 0.5 or not rows:
            made = config.add(f"ep_{step:03d}", chance.choice([TENANT, OTHER_TENANT]), **fields())
            rows[made.id] = made
        elif action < 0.8:
            chosen = chance.choice(sorted(rows))
            rows[chosen] = config.change(rows[chosen], **fields())
        else:
            gone = rows.pop(chance.choice(sorted(rows)))
            config.store.delete_endpoint(gone.tenant_id, gone.id, NOW)
        if chance.random() < 0.4:
            continue
        event_type, channel = chance.choice(TYPES), chance.choice([None, *CHANNELS])
        for tenant_id in (TENANT, OTHER_TENANT):
            expected = [
                i for i, r in sorted(rows.items()) if r.tenant_id == tenant_id and plainly_wants(r, event_type, channel)
            ]
            assert config.wanted(event_type, tenant_id, channel=channel) == expected


def test_operational_events_are_for_who_names_them_and_never_for_whom_they_are_about(config: Config) -> None:
    for name, types in {
        "ep_star": ("*",),
        "ep_prefix": ("endpoint.*", "*"),
        "ep_name": ("endpoint.disabled",),
        "ep_other": ("endpoint.failing",),
        "ep_about": ("endpoint.*",),
    }.items():
        config.add(name, event_types=types)
    config.add("ep_channel", event_types=("endpoint.*",), channels=("eu",))
    about = {"subject_type": "endpoint", "subject_id": "ep_about"}
    for _ in range(2):
        assert config.wanted("endpoint.disabled", origin="ringback", **about) == ["ep_name", "ep_prefix"]
        assert config.wanted("endpoint.disabled", **about) == ["ep_about", "ep_name", "ep_prefix", "ep_star"]
    assert config.wanted("endpoint.disabled", origin="ringback") == ["ep_about", "ep_name", "ep_prefix"]
    assert config.wanted("endpoint.disabled", "unknown", origin="ringback") == []
