"""Who is calling and what they may do; how soon a revoked key stops working, and what is cached when."""

import threading
from collections.abc import Sequence

import pytest

from ringback.api.auth import OPERATOR, REFRESH_EVERY_S, Authenticator, Principal, authorize
from ringback.control.keys import hash_of_key
from ringback.model.errors import Forbidden, NoKey, NotFound
from ringback.model.lane import Change
from ringback.model.tenant import ApiKey, Scope
from ringback.store.memory import MemoryStore
from ringback.store.port import StoreUnavailable
from ringback.testing.clock import ManualClock
from support.rows import NOW, OTHER_TENANT, TENANT, api_key, endpoint, secret, tenant

ADMIN_KEY = "an-admin-key-of-the-operator"


class Store(MemoryStore):
    """Counts look-ups, and can be gone."""

    def __init__(self) -> None:
        super().__init__()
        self.look_ups = 0
        self.gone = False

    def find_key(self, key_hash: bytes) -> ApiKey | None:
        self.look_ups += 1
        return super().find_key(key_hash)

    def changes_after(self, version: int) -> Sequence[Change] | None:
        if self.gone:
            raise StoreUnavailable("Gone.")
        return super().changes_after(version)


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.clock = ManualClock()
        self.keys = Authenticator(self.store, self.store, self.clock, ADMIN_KEY)
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))

    def add(self, text: str, scope: Scope = Scope.TENANT, tenant_id: str | None = TENANT) -> ApiKey:
        made = api_key(f"key_{text}", tenant_id, scope=scope, hash=hash_of_key(text))
        self.store.create_key(made)
        return made

    def enter(self, text: str) -> Principal:
        return self.keys.authenticate(f"Bearer {text}".encode())


@pytest.fixture
def world() -> World:
    return World()


def test_a_key_says_who_it_is(world: World) -> None:
    world.add("t1")
    world.add("i1", Scope.INGEST)
    world.add("a1", Scope.ADMIN, None)
    assert world.enter("t1") == Principal(Scope.TENANT, TENANT, "key_t1", "Key key_t1")
    assert world.enter("i1") == Principal(Scope.INGEST, TENANT, "key_i1", "Key key_i1")
    assert world.enter("a1") == Principal(Scope.ADMIN, None, "key_a1", "Key key_a1")


@pytest.mark.parametrize("header", [b"bearer t1", b"BEARER t1", b"Bearer  t1", b"Bearer t1 "])
def test_forms_of_the_header(world: World, header: bytes) -> None:
    world.add("t1")
    assert world.keys.authenticate(header).key_id == "key_t1"


@pytest.mark.parametrize(
    "header",
    [
        None, b"", b"t1", b"Bearer", b"Bearer ", b"Basic t1", b"Bearert1", b"Bearer t1 t1", b"Bearer t1,t1",
        b"Bearer T1", b"Bearer t", b"Bearer \xff", b"Bearer t1\x00", b"Bearer " + b"x" * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_key(world: World, header: bytes | None) -> None:
    world.add("t1")
    with pytest.raises(NoKey):
        world.keys.authenticate(header)
    assert world.keys.cached(header) is None


def test_the_operators_own_key(world: World) -> None:
    assert world.enter(ADMIN_KEY) == OPERATOR
    assert world.store.look_ups == 0
    with pytest.raises(NoKey):
        world.enter(ADMIN_KEY + "x")
    without = Authenticator(world.store, world.store, world.clock)
    with pytest.raises(NoKey):
        without.authenticate(f"Bearer {ADMIN_KEY}".encode())


def test_an_error_never_shows_the_key(world: World) -> None:
    with pytest.raises(NoKey) as caught:
        world.enter("wrong-and-secret")
    assert "wrong-and-secret" not in caught.value.detail


# ── the cache ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_known_key_is_looked_up_once(world: World) -> None:
    world.add("t1")
    assert world.keys.cached(b"Bearer t1") is None
    for _ in range(5):
        world.enter("t1")
    assert world.store.look_ups == 1
    assert world.keys.cached(b"Bearer t1") == world.enter("t1")


def test_an_unknown_key_is_looked_up_once(world: World) -> None:
    world.enter(ADMIN_KEY)
    for _ in range(5):
        with pytest.raises(NoKey):
            world.enter("nope")
    assert world.store.look_ups == 1


def test_a_revoked_key_stops_within_a_second(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    world.store.delete_key(TENANT, "key_t1")
    world.clock.pass_s(1.0)
    assert world.keys.cached(b"Bearer t1") is None
    with pytest.raises(NoKey):
        world.enter("t1")


def test_a_revoked_key_stops_at_once_after_a_refresh(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    world.store.delete_key(TENANT, "key_t1")
    world.keys.refresh()
    with pytest.raises(NoKey):
        world.enter("t1")


def test_a_new_key_works_at_once_after_a_refresh(world: World) -> None:
    with pytest.raises(NoKey):
        world.enter("t1")
    world.add("t1")
    world.keys.refresh()
    assert world.enter("t1").key_id == "key_t1"


def test_the_keys_of_a_deleted_tenant_stop(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    world.store.delete_tenant(TENANT, NOW)
    world.keys.refresh()
    with pytest.raises(NoKey):
        world.enter("t1")


def test_a_changed_tenant_has_its_keys_looked_up_again(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    assert world.store.update_tenant(tenant(revision=2))
    world.keys.refresh()
    world.enter("t1")
    assert world.store.look_ups == 2


def test_other_changes_leave_the_cache_alone(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    world.store.create_endpoint(endpoint(), None, 10)
    world.clock.pass_s(5)
    world.enter("t1")
    assert world.store.look_ups == 1


def test_a_key_revoked_while_it_is_looked_up_is_not_cached(world: World) -> None:
    """The look-up finds the key; before its answer is cached, the key goes and the cache is refreshed."""
    world.add("t1")
    world.enter(ADMIN_KEY)
    find = world.store.find_key

    def slow_find(key_hash: bytes) -> ApiKey | None:
        found = find(key_hash)
        world.store.delete_key(TENANT, "key_t1")
        world.keys.refresh()
        return found

    world.store.find_key = slow_find  # type: ignore[method-assign]
    assert world.enter("t1").key_id == "key_t1"
    world.store.find_key = find  # type: ignore[method-assign]
    with pytest.raises(NoKey):
        world.enter("t1")


def test_a_key_revoked_during_the_very_first_refresh_is_not_cached(world: World) -> None:
    world.add("t1")
    version = world.store.version

    def slow_version() -> int:
        # Meanwhile another thread is let in, and the key goes before the version is read.
        found = []
        other = threading.Thread(target=lambda: found.append(world.keys._look_up(hash_of_key("t1"))))
        other.start()
        other.join()
        world.keys._known[b"Bearer t1"] = found[0]
        world.store.delete_key(TENANT, "key_t1")
        return version()

    world.store.version = slow_version  # type: ignore[method-assign]
    with pytest.raises(NoKey):
        world.enter("t1")


def test_kept_fresh_a_cached_key_is_known_at_once_for_ever(world: World) -> None:
    world.add("k1")
    world.enter("k1")
    for _ in range(5):
        world.clock.pass_s(0.6 * REFRESH_EVERY_S)
        world.keys.keep_fresh()
        world.clock.pass_s(0.6 * REFRESH_EVERY_S)
        world.keys.keep_fresh()
        assert world.keys.cached(b"Bearer k1") is not None
    world.store.gone = True
    world.clock.pass_s(2 * REFRESH_EVERY_S)
    world.keys.keep_fresh()  # a store that can't answer is asked again
    assert world.keys.cached(b"Bearer k1") is None


def test_without_the_store_nobody_new_comes_in_and_it_is_asked_again(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    world.clock.pass_s(1.5)
    world.store.gone = True
    for _ in range(2):
        assert world.keys.cached(b"Bearer t1") is None
        with pytest.raises(StoreUnavailable):
            world.enter("t1")
    world.store.gone = False
    assert world.enter("t1").key_id == "key_t1"


def test_the_caches_have_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.api.auth.CACHED_KEYS_MAX", 3)
    monkeypatch.setattr("ringback.api.auth.CACHED_MISSES_MAX", 3)
    for i in range(10):
        world.add(f"t{i}")
    for i in range(10):
        world.enter(f"t{i}")
        with pytest.raises(NoKey):
            world.enter(f"nope{i}")
        assert len(world.keys._known) <= 3
        assert len(world.keys._unknown) <= 3


# ── scopes ────────────────────────────────────────────────────────────────────────────────────────────────────

ADMIN = Principal(Scope.ADMIN, None, "key_a", "")
OWN = Principal(Scope.TENANT, TENANT, "key_t", "")
INGEST = Principal(Scope.INGEST, TENANT, "key_i", "")


@pytest.mark.parametrize(
    ("who", "where", "need", "refusal"),
    [
        (ADMIN, None, Scope.ADMIN, None),
        (ADMIN, TENANT, Scope.ADMIN, None),
        (ADMIN, TENANT, Scope.TENANT, None),
        (ADMIN, OTHER_TENANT, Scope.INGEST, None),
        (OWN, TENANT, Scope.TENANT, None),
        (OWN, TENANT, Scope.INGEST, None),
        (OWN, TENANT, Scope.ADMIN, Forbidden),
        (OWN, None, Scope.ADMIN, Forbidden),
        (OWN, None, Scope.TENANT, None),
        (OWN, OTHER_TENANT, Scope.ADMIN, NotFound),
        (OWN, OTHER_TENANT, Scope.TENANT, NotFound),
        (OWN, OTHER_TENANT, Scope.INGEST, NotFound),
        (INGEST, TENANT, Scope.INGEST, None),
        (INGEST, TENANT, Scope.TENANT, Forbidden),
        (INGEST, TENANT, Scope.ADMIN, Forbidden),
        (INGEST, None, Scope.ADMIN, Forbidden),
        (INGEST, None, Scope.TENANT, Forbidden),
        (INGEST, OTHER_TENANT, Scope.INGEST, NotFound),
        (INGEST, OTHER_TENANT, Scope.TENANT, NotFound),
    ],
)
def test_who_may_do_what(who: Principal, where: str | None, need: Scope, refusal: type[Exception] | None) -> None:
    if refusal is None:
        authorize(who, where, need)
    else:
        with pytest.raises(refusal):
            authorize(who, where, need)


class Cache:
    """Writes down what it was told; `broken`: can't be brought up to date."""

    def __init__(self) -> None:
        self.loads = 0
        self.followed: list[list[str]] = []
        self.broken = False

    def load(self) -> None:
        self.loads += 1

    def follow(self, changes: Sequence[Change]) -> None:
        if self.broken:
            raise StoreUnavailable("Gone.")
        self.followed.append([change.kind for change in changes])


def test_caches_are_brought_up_to_date_with_the_keys() -> None:
    world, cache = World(), Cache()
    keys = Authenticator(world.store, world.store, world.clock, ADMIN_KEY, (cache,))
    header = f"Bearer {ADMIN_KEY}".encode()
    keys.authenticate(header)
    assert (cache.loads, cache.followed) == (1, [])
    world.add("t1")
    assert keys.cached(header) is not None
    world.clock.pass_s(REFRESH_EVERY_S)
    assert keys.cached(header) is None
    keys.authenticate(header)
    assert (cache.loads, cache.followed) == (1, [["key"]])
    keys.refresh()
    assert len(cache.followed) == 1


def test_whoever_calls_while_a_cache_is_behind_is_not_let_in() -> None:
    world, cache = World(), Cache()
    keys = Authenticator(world.store, world.store, world.clock, ADMIN_KEY, (cache,))
    header = f"Bearer {ADMIN_KEY}".encode()
    keys.authenticate(header)
    world.add("t1")
    cache.broken = True
    world.clock.pass_s(REFRESH_EVERY_S)
    for _ in range(2):
        assert keys.cached(header) is None
        with pytest.raises(StoreUnavailable):
            keys.authenticate(header)
    cache.broken = False
    keys.authenticate(header)
    assert cache.followed == [["key"]]


def test_who_has_missed_changes_forgets_every_key(world: World) -> None:
    world.add("t1")
    world.enter("t1")
    world.store.delete_key(TENANT, "key_t1")
    for place in range(3):
        world.store.create_endpoint(endpoint(f"ep_{place}"), None, 10)
    while world.store.trim_changes_step(1, 10):
        pass
    world.keys.refresh()
    with pytest.raises(NoKey):
        world.enter("t1")
    world.add("t2")
    world.keys.refresh()
    assert world.enter("t2").key_id == "key_t2"
