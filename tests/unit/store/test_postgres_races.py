"""Two processes that change the same configuration at the same time: both wait for one row, and nothing is lost.

Each race is run, not hoped for: a session of the test holds what both have to wait for, until both are seen to wait.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import psycopg
import pytest

from ringback.clock import SystemClock
from ringback.model.endpoint import EndpointMove, EndpointStatus
from ringback.model.event_type import EventType
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import Change
from ringback.model.limits import FOREVER_MS
from ringback.model.master_key import MasterKey
from ringback.model.profile import StoredProfile
from ringback.store.postgres.changes import PostgresFollow
from ringback.store.postgres.config import PostgresKeys, PostgresTenants
from ringback.store.postgres.endpoints import PostgresEndpoints, PostgresHandshakes
from ringback.store.postgres.event_types import PostgresEventTypes
from ringback.store.postgres.locks import CATALOGUE, CHANGES, SEALING
from ringback.store.postgres.log import PostgresLog
from ringback.store.postgres.profiles import PostgresProfiles
from ringback.store.postgres.secrets import PostgresSecrets
from ringback.store.sealed_rows import SealedRows
from ringback.vault.sealing import Vault
from support.postgres import Cluster
from support.postgres_ground import opened
from support.postgres_races import THE_TENANT, WAITING, WITHIN_S, Call, race
from support.process import wait_until
from support.rows import NOW, TENANT, api_key, attempt, endpoint, event, secret, tenant
from support.sealing import NEW_KEY, OLD_KEY, SEALER

THREADS: Final = 4
THE_ENDPOINT: Final = "SELECT 1 FROM endpoint FOR UPDATE"


class Process(
    PostgresTenants,
    PostgresKeys,
    PostgresEndpoints,
    PostgresHandshakes,
    PostgresSecrets,
    PostgresEventTypes,
    PostgresProfiles,
    PostgresFollow,
    PostgresLog,
):
    """What one process has of the store here."""


@pytest.fixture
def url(postgres: Cluster, ready_database: str) -> Iterator[str]:
    with opened(ready_database):
        yield ready_database


@contextmanager
def process(url: str, *keys: MasterKey) -> Iterator[Process]:
    sealer = Vault(keys, SystemClock().token_bytes) if keys else SEALER
    with opened(url) as database:
        yield Process(database, SealedRows(sealer))


@pytest.fixture
def one(url: str) -> Iterator[Process]:
    with process(url) as made:
        yield made


@pytest.fixture
def two(url: str) -> Iterator[Process]:
    with process(url) as made:
        yield made


def held(place: int) -> str:
    """The statement that holds an advisory lock."""
    return f"SELECT pg_advisory_xact_lock({CHANGES.space}, {place})"


def stored(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def made(store: Process, endpoints: int = 1, **changes: Any) -> None:
    """A tenant with some endpoints."""
    assert store.create_tenant(tenant(), secret("sec_t", None))
    for name in "abcdefgh"[:endpoints]:
        assert store.create_endpoint(endpoint(f"ep_{name}", **changes), secret(f"sec_{name}", f"ep_{name}"), 10)


def pause_of(store: Process, endpoint_id: str = "ep_a") -> int:
    (lane,) = store.lanes_of([endpoint_id])
    return lane.not_before


class TestTenants:
    def test_one_id_is_given_once(self, url: str, one: Process, two: Process) -> None:
        taken = (
            "INSERT INTO tenant (id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision)"
            f" VALUES ('{TENANT}', '', '', true, 1, 1, 1, 1)"
        )
        answers = race(
            url,
            taken,
            lambda: one.create_tenant(tenant(name="One"), secret("sec_1", None)),
            lambda: two.create_tenant(tenant(name="Two"), secret("sec_2", None)),
            undone=True,
        )
        assert sorted(answers) == [False, True]
        winner = one.get_tenant(TENANT)
        assert winner is not None
        (own,) = one.list_secrets(TENANT, None)
        assert (winner.name, own.id) in {("One", "sec_1"), ("Two", "sec_2")}
        assert one.version() == 1

    def test_of_two_updates_of_one_revision_one_is_stored(self, url: str, one: Process, two: Process) -> None:
        made(one, 0)
        answers = race(
            url,
            THE_TENANT,
            lambda: one.update_tenant(tenant(name="One", revision=2)),
            lambda: two.update_tenant(tenant(name="Two", revision=2)),
        )
        assert sorted(answers) == [False, True]

    def test_one_is_deleted_once(self, url: str, one: Process, two: Process) -> None:
        made(one, 2)
        one.create_key(api_key())
        before = one.version()
        answers = race(
            url, THE_TENANT, lambda: one.delete_tenant(TENANT, NOW), lambda: two.delete_tenant(TENANT, NOW + 1)
        )
        assert sorted(answers) == [False, True]
        assert one.version() == before + 4  # a key, two endpoints, the tenant

    @pytest.mark.parametrize("deleted_first", [True, False])
    def test_no_endpoint_slips_into_a_tenant_that_is_being_deleted(
        self, url: str, one: Process, two: Process, deleted_first: bool
    ) -> None:
        made(one, 0)
        calls: list[Call] = [
            lambda: one.delete_tenant(TENANT, NOW),
            lambda: two.create_endpoint(endpoint(), secret(), 10, event(deliveries=1)),
        ]
        answers = race(url, THE_TENANT, *(calls if deleted_first else reversed(calls)))
        assert answers == ([True, False] if deleted_first else [True, True])
        assert one.get_endpoint(TENANT, "ep_a") is None
        assert [lane.not_before for lane in one.lanes_of(["ep_a"])] == ([] if deleted_first else [FOREVER_MS])


class TestEndpoints:
    @pytest.mark.parametrize("limits", [{"endpoints_max": 3}, {"endpoints_max": 9, "of_profile_max": 3}])
    def test_the_last_place_is_taken_once(self, url: str, one: Process, two: Process, limits: dict[str, int]) -> None:
        made(one, 2)
        answers = race(
            url,
            THE_TENANT,
            lambda: one.create_endpoint(endpoint("ep_1"), None, **limits),
            lambda: two.create_endpoint(endpoint("ep_2"), None, **limits),
        )
        assert sorted(answers) == [False, True]
        assert len(one.list_endpoints(TENANT, None, 10)) == 3

    def test_of_two_updates_of_one_revision_one_is_stored(self, url: str, one: Process, two: Process) -> None:
        made(one)
        before = one.version()
        answers = race(
            url,
            THE_ENDPOINT,
            lambda: one.update_endpoint(endpoint(status=EndpointStatus.INACTIVE, revision=2), NOW),
            lambda: two.update_endpoint(endpoint(label="Two", revision=2), NOW),
        )
        assert sorted(answers) == [False, True]
        found = one.get_endpoint(TENANT, "ep_a")
        assert found is not None
        assert (found.status is EndpointStatus.INACTIVE) is (pause_of(one) == FOREVER_MS)
        assert one.version() == before + 1

    def test_who_gives_up_keeps_what_was_changed_meanwhile(self, url: str, one: Process, two: Process) -> None:
        made(one)
        answers = race(
            url,
            THE_ENDPOINT,
            lambda: one.update_endpoint(endpoint(label="New", revision=2), NOW),
            lambda: two.give_up(TENANT, "ep_a", "gone", "It said 410.", NOW),
        )
        assert answers == [True, True]
        found = one.get_endpoint(TENANT, "ep_a")
        assert found is not None
        assert (found.label, found.status, found.revision) == ("New", EndpointStatus.DISABLED, 3)
        assert pause_of(one) == FOREVER_MS

    def test_what_is_deleted_is_not_changed_after_it(self, url: str, one: Process, two: Process) -> None:
        made(one, status=EndpointStatus.INACTIVE)
        answers = race(
            url,
            THE_ENDPOINT,
            lambda: one.delete_endpoint(TENANT, "ep_a", NOW),
            lambda: two.update_endpoint(endpoint(revision=2), NOW),
        )
        assert answers == [True, False]
        assert pause_of(one) == FOREVER_MS

    @pytest.mark.parametrize("switched_first", [True, False])
    def test_no_lane_opens_while_its_tenant_is_being_switched_off(
        self, url: str, one: Process, two: Process, switched_first: bool
    ) -> None:
        made(one, 3, status=EndpointStatus.INACTIVE)
        calls: list[Call] = [
            lambda: one.update_tenant(tenant(webhooks_enabled=False, revision=2)),
            lambda: two.update_endpoint(endpoint(revision=2), NOW),
            lambda: two.create_endpoint(endpoint("ep_new"), None, 10),
        ]
        assert race(url, THE_TENANT, *(calls if switched_first else reversed(calls))) == [True] * 3
        assert (pause_of(one), pause_of(one, "ep_new")) == (FOREVER_MS, FOREVER_MS)

    @pytest.mark.parametrize("switched_first", [True, False])
    def test_no_lane_of_a_deleted_endpoint_opens_with_its_tenant(
        self, url: str, one: Process, two: Process, switched_first: bool
    ) -> None:
        made(one, 2)
        assert one.update_tenant(tenant(webhooks_enabled=False, revision=2))
        calls: list[Call] = [
            lambda: one.update_tenant(tenant(revision=3)),
            lambda: two.delete_endpoint(TENANT, "ep_a", NOW),
        ]
        assert race(url, THE_TENANT, *(calls if switched_first else reversed(calls))) == [True, True]
        assert (pause_of(one), pause_of(one, "ep_b")) == (FOREVER_MS, 0)

    def test_one_end_of_a_handshake_told_twice_counts_once(self, url: str, one: Process, two: Process) -> None:
        made(one, status=EndpointStatus.VERIFICATION_PENDING, unverified_since=NOW)
        before = one.version()
        asked = attempt(event_id=None, method="HEAD", request_body=b"")
        end = HandshakeEnd(TENANT, "ep_a", NOW, asked, EndpointMove.VERIFIED)
        answers = race(url, THE_ENDPOINT, lambda: one.end_handshake(end, NOW), lambda: two.end_handshake(end, NOW))
        assert answers == [True, True]
        assert one.version() == before + 1
        assert stored(url, "SELECT count(*), bool_or(superseded) FROM attempt") == [(1, False)]


class TestSecrets:
    @pytest.mark.parametrize("owner", ["ep_a", None])
    def test_of_two_rotations_the_later_ends_what_the_earlier_added(
        self, url: str, one: Process, two: Process, owner: str | None
    ) -> None:
        made(one)
        race(
            url,
            THE_TENANT if owner is None else THE_ENDPOINT,
            lambda: one.rotate_secret(secret("sec_1", owner, created_at=NOW + 1), NOW + 50),
            lambda: two.rotate_secret(secret("sec_2", owner, created_at=NOW + 2), NOW + 60),
        )
        ends = {found.id: found.expires_at for found in one.list_secrets(TENANT, owner)}
        assert ends == {"sec_2": None, "sec_1": NOW + 60, "sec_t" if owner is None else "sec_a": NOW + 50}

    def test_who_asks_which_keys_are_needed_waits_for_what_is_being_sealed(self, url: str, one: Process) -> None:
        with psycopg.connect(url) as sealing, psycopg.connect(url, autocommit=True) as looking:
            sealing.execute(f"SELECT pg_advisory_xact_lock_shared({SEALING.space}, {SEALING.place})")
            sealing.execute(
                "INSERT INTO secret (id, tenant_id, value, created_at, key_id) VALUES ('s', 't', '', 1, 'k')"
            )
            with ThreadPoolExecutor() as pool:
                asking = pool.submit(one.sealing_keys)
                wait_until(lambda: looking.execute(WAITING).fetchone() == (1,), WITHIN_S, "it waits")
                sealing.commit()
                assert list(asking.result(WITHIN_S)) == ["k"]

    def test_two_that_seal_anew_share_the_work_and_count_each_value_once(self, url: str, one: Process) -> None:
        made(one, 8)
        with process(url, NEW_KEY, OLD_KEY) as first, process(url, NEW_KEY, OLD_KEY) as second:
            left = first.count_to_reseal()
            assert left == 9

            steps = [lambda: first.reseal_step(2), lambda: second.reseal_step(2)]
            assert race(url, "SELECT 1 FROM secret FOR UPDATE", *steps) == [2, 2]
            assert first.count_to_reseal() == left - 4
            while step := second.reseal_step(2):
                left -= step
            assert left == 4
            assert (first.count_to_reseal(), list(first.sealing_keys())) == (0, [NEW_KEY.id])
            assert {found.value for found in second.load_secrets([TENANT], ["ep_a"])} == {"whsec_sec_t", "whsec_sec_a"}

    def test_what_is_sealed_with_a_key_that_is_not_here_is_left_to_who_has_it(self, url: str, one: Process) -> None:
        made(one)
        with process(url, NEW_KEY, OLD_KEY) as ahead:
            while ahead.reseal_step(10):
                pass
            assert one.reseal_step(10) == 0  # this one has the old key alone, as in the middle of a roll-out
            assert list(ahead.sealing_keys()) == [NEW_KEY.id]
            assert not any(found.unreadable for found in ahead.load_secrets([TENANT], ["ep_a"]))


class TestCatalogue:
    def test_the_last_place_for_a_type_is_taken_once(self, url: str, one: Process, two: Process) -> None:
        answers = race(
            url,
            held(CATALOGUE.place),
            lambda: one.put_event_type(EventType("a", "", False, NOW, NOW), 1),
            lambda: two.put_event_type(EventType("b", "", False, NOW, NOW), 1),
        )
        assert [answer is None for answer in answers] == [False, True]
        assert len(one.list_event_types(None, 10)) == 1

    def test_the_last_place_for_a_profile_is_taken_once(self, url: str, one: Process, two: Process) -> None:
        answers = race(
            url,
            held(CATALOGUE.place),
            lambda: one.put_profile(StoredProfile("a", "", "1", NOW, NOW), 1),
            lambda: two.put_profile(StoredProfile("b", "", "1", NOW, NOW), 1),
        )
        assert [answer is None for answer in answers] == [False, True]

    def test_both_of_two_that_replace_one_count(self, url: str, one: Process, two: Process) -> None:
        put = EventType("a", "", False, NOW, NOW)
        assert one.put_event_type(put, 1) is not None
        answers = race(
            url, held(CATALOGUE.place), lambda: one.put_event_type(put, 1), lambda: two.put_event_type(put, 1)
        )
        assert [answer.revision for answer in answers] == [2, 3]


class TestChanges:
    def test_whoever_follows_sees_every_version_in_order(self, url: str, one: Process, two: Process) -> None:
        made(one, 0)
        seen: list[Change] = []
        with ThreadPoolExecutor() as pool:

            def write(store: Process, name: str) -> None:
                for place in range(15):
                    store.create_key(api_key(f"key_{name}_{place}"))

            writing = [
                pool.submit(write, store, f"{number}{thread}")
                for number, store in enumerate((one, two))
                for thread in range(THREADS)
            ]
            while not all(future.done() for future in writing):
                found = one.changes_after(len(seen))
                assert found is not None
                seen += found
                assert [change.version for change in seen] == list(range(1, len(seen) + 1))
            for future in writing:
                future.result()
        seen += one.changes_after(len(seen)) or []
        assert len(seen) == 1 + 2 * THREADS * 15 == one.version()

    def test_everything_at_once_is_in_nobodys_way_for_ever(self, url: str, one: Process, two: Process) -> None:
        made(one, 4)

        def update(store: Process, endpoint_id: str, status: EndpointStatus) -> None:
            found = store.get_endpoint(TENANT, endpoint_id)
            if found is not None:
                store.update_endpoint(replace(found, status=status, revision=found.revision + 1), NOW)

        def switch(store: Process) -> None:
            found = store.get_tenant(TENANT)
            assert found is not None
            changed = replace(found, webhooks_enabled=not found.webhooks_enabled, revision=found.revision + 1)
            store.update_tenant(changed)

        def work(store: Process, who: str) -> None:
            for place in range(8):
                name = f"ep_{who}_{place}"
                store.create_endpoint(endpoint(name), secret(f"sec_{who}_{place}", name), 100)
                update(store, "ep_a", EndpointStatus.INACTIVE)
                switch(store)
                store.rotate_secret(secret(f"new_{who}_{place}", "ep_b"), NOW)
                update(store, "ep_a", EndpointStatus.ACTIVE)
                store.give_up(TENANT, "ep_c", "gone", "Gone.", NOW)
                store.reseal_step(10)
                store.delete_endpoint(TENANT, name, NOW)

        with ThreadPoolExecutor() as pool:
            running = [pool.submit(work, store, f"{n}{t}") for n, store in enumerate((one, two)) for t in range(2)]
            for future in running:
                future.result()
        found = one.get_tenant(TENANT)
        assert found is not None
        waiting = {name for name in ("ep_a", "ep_b", "ep_d") if pause_of(one, name)}
        active = {made.id for made in one.list_endpoints(TENANT, None, 100) if made.status is EndpointStatus.ACTIVE}
        assert waiting == {"ep_a", "ep_b", "ep_d"} - (active if found.webhooks_enabled else set())
        assert stored(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
