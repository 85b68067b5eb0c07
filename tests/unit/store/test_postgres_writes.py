"""What writes of configuration do when something is in their way, and what sealing anew does with what doesn't open."""

from collections.abc import Iterator

import psycopg
import pytest

from ringback.clock import SystemClock
from ringback.store.port import BadRow, Retryable, StoreUnavailable
from ringback.store.postgres.again import TRIES, tried_again
from ringback.store.postgres.connection import Database
from ringback.store.postgres.days import EVENT, name_of
from ringback.store.postgres.endpoints import PostgresEndpoints
from ringback.store.postgres.intake import PostgresIntake
from ringback.store.postgres.secrets import PostgresSecrets
from ringback.store.sealed_rows import SealedRows
from ringback.times import DAY_MS
from ringback.vault.sealing import Vault
from support.postgres_ground import opened
from support.rows import NOW, TENANT, endpoint, event, secret
from support.sealing import NEW_KEY, OLD_KEY, SEALER


class Process(PostgresIntake, PostgresEndpoints, PostgresSecrets):
    """What one process has of the store here."""


@pytest.fixture
def database(ready_database: str) -> Iterator[Database]:
    with opened(ready_database) as database:
        yield database


@pytest.fixture
def store(database: Database) -> Process:
    return Process(database, SealedRows(SEALER))


class TestTryingAgain:
    def test_what_is_in_the_way_once_is_tried_again(self) -> None:
        answers = [Retryable("no"), Retryable("no"), 7]

        @tried_again
        def call(place: int, *, factor: int) -> int:
            answer = answers.pop(0)
            if isinstance(answer, Retryable):
                raise answer
            return answer * place * factor

        assert call(2, factor=3) == 42

    def test_what_stays_in_the_way_is_the_databases_trouble(self) -> None:
        tries = []

        @tried_again
        def call() -> None:
            tries.append(1)
            raise Retryable("no")

        with pytest.raises(StoreUnavailable):
            call()
        assert len(tries) == TRIES

    def test_nothing_else_is_tried_again(self) -> None:
        tries = []

        @tried_again
        def call() -> None:
            tries.append(1)
            raise BadRow("no")

        with pytest.raises(BadRow):
            call()
        assert len(tries) == 1

    def test_a_day_that_was_dropped_is_made_again_for_the_event_an_endpoint_begins_with(
        self, store: Process, ready_database: str
    ) -> None:
        assert store.create_endpoint(endpoint("ep_a"), None, 10, event("evt_a"))
        with psycopg.connect(ready_database, autocommit=True) as connection:
            connection.execute(f"DROP TABLE {name_of(EVENT, NOW // DAY_MS)}")  # its name is made of a date alone
        assert store.create_endpoint(endpoint("ep_b"), None, 10, event("evt_b"))
        assert [found.id for found in store.events_by_id(TENANT, ["evt_a", "evt_b"])] == ["evt_b"]

    def test_a_number_that_another_event_has_is_no_endpoints(self, store: Process) -> None:
        assert store.create_endpoint(endpoint("ep_a"), None, 10, event("evt_a", number=7))
        with pytest.raises(BadRow):
            store.create_endpoint(endpoint("ep_b"), secret("sec_b", "ep_b"), 10, event("evt_b", number=7))
        assert store.get_endpoint(TENANT, "ep_b") is None
        assert list(store.list_secrets(TENANT, "ep_b")) == []


class TestWhatDoesNotOpen:
    def test_it_is_marked_and_holds_nothing_up_and_opens_again_when_it_is_mended(
        self, database: Database, store: Process, ready_database: str
    ) -> None:
        for name in ("ep_a", "ep_b"):
            assert store.create_endpoint(endpoint(name), secret(f"sec_{name}", name), 10)
        with psycopg.connect(ready_database, autocommit=True) as connection:
            connection.execute("UPDATE secret SET value = value || 'x' WHERE id = 'sec_ep_a'")
            both = Process(database, SealedRows(Vault([NEW_KEY, OLD_KEY], SystemClock().token_bytes)))
            assert both.reseal_step(10) == 2
            assert (both.reseal_step(10), both.count_to_reseal()) == (0, 0)
            assert list(both.sealing_keys()) == [NEW_KEY.id]
            found = {one.id: one.unreadable for one in both.load_secrets([], ["ep_a", "ep_b"])}
            assert found == {"sec_ep_a": True, "sec_ep_b": False}
            connection.execute("UPDATE secret SET value = substr(value, 1, length(value) - 1) WHERE id = 'sec_ep_a'")
            assert [one.value for one in both.load_secrets([], ["ep_a"])] == ["whsec_sec_ep_a"]
