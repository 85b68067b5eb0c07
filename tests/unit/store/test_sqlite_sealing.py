"""What of a secret stands in the SQLite file, what becomes of rows that were tampered with, and sealing anew."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from ringback.model.endpoint import Auth, AuthType, EndpointStatus
from ringback.model.errors import MasterKeyMissing
from ringback.store.sqlite import SqliteStore
from support.rows import NOW, TENANT, endpoint, secret, tenant
from support.sealing import NEW_KEY, OLD_KEY, found_in, open_sealed, reseal_all

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREDENTIALS = [
    Auth(AuthType.BASIC, username="ada", password="basic-passw0rd"),
    Auth(AuthType.RAW, value="Token raw-v4lue"),
    Auth(AuthType.HEADER, headers=(("X-Api-Key", "header-v4lue"), ("X-Other", "other-v4lue"))),
    Auth(),
]
HIDDEN = [
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "basic-passw0rd",
    "raw-v4lue",
    "header-v4lue",
    "other-v4lue",
    "tenants-own",
]
SHOWN = ["ada", "X-Api-Key"]


def fill(store: SqliteStore) -> None:
    store.create_tenant(tenant(), secret("sec_t", None, value="tenants-own"))
    for number, auth in enumerate(CREDENTIALS):
        name = f"ep_{number}"
        assert store.create_endpoint(endpoint(name, auth=auth), secret(f"sec_{number}", name, value=SECRET), 100)


def assert_whole(store: SqliteStore) -> None:
    assert [one.auth for one in store.list_endpoints(TENANT, None, 10)] == CREDENTIALS
    names = [f"ep_{number}" for number in range(len(CREDENTIALS))]
    assert {one.value for one in store.load_secrets([], names)} == {SECRET}
    assert [one.value for one in store.list_secrets(TENANT, None)] == ["tenants-own"]


def change_file(path: Path, statement: str, *values: Any) -> None:
    """As somebody who can write the file would."""
    connection = apsw.Connection(str(path))
    connection.execute(statement, values)
    assert connection.changes() > 0
    connection.close()


def read_file(path: Path, query: str) -> list[Any]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def key_ids(path: Path) -> set[str | None]:
    return {key_id for (key_id,) in read_file(path, "SELECT key_id FROM secret UNION SELECT key_id FROM endpoint")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ringback.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = open_sealed(path)
    yield opened
    opened.close()


class TestAtRest:
    def test_no_secret_stands_in_the_file_or_its_wal(self, store: SqliteStore, tmp_path: Path) -> None:
        fill(store)
        store.rotate_secret(secret("sec_new", "ep_0", value=SECRET + "bmV3", created_at=NOW + 1), NOW + 100)
        assert store.give_up(TENANT, "ep_1", "gone", "It said 410.", NOW)
        assert (tmp_path / "ringback.db-wal").stat().st_size > 0
        assert found_in(tmp_path, HIDDEN) == []
        store.close()
        assert found_in(tmp_path, HIDDEN) == []
        assert {text for _, text in found_in(tmp_path, SHOWN)} == set(SHOWN)

    def test_it_is_whole_again_with_the_key(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        assert_whole(store)
        store.close()
        again = open_sealed(path)
        assert_whole(again)
        again.close()

    def test_what_a_file_needs_is_known_before_anything_is_done(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        store.close()
        asked: list[list[str]] = []

        def refuse(needed: Any) -> Any:
            asked.append(list(needed))
            raise MasterKeyMissing("no")

        with pytest.raises(MasterKeyMissing):
            SqliteStore.open(path, sealer_for=refuse)
        assert asked == [[OLD_KEY.id]]
        open_sealed(path).close()  # the lock was let go


class TestTampered:
    """Whoever can write the file but has no key can break an endpoint, and nothing else."""

    def test_a_secret_that_was_changed_or_moved_does_not_open_and_its_neighbours_do(
        self, store: SqliteStore, path: Path
    ) -> None:
        fill(store)
        change_file(path, "UPDATE secret SET value = replace(value, 'r1.', 'r1.x') WHERE id = 'sec_0'")
        change_file(path, "UPDATE secret SET value = (SELECT value FROM secret WHERE id = 'sec_2') WHERE id = 'sec_1'")
        change_file(path, "UPDATE secret SET endpoint_id = 'ep_9' WHERE id = 'sec_2'")
        found = {one.endpoint_id: one for one in store.load_secrets([], ["ep_0", "ep_1", "ep_9", "ep_3"])}
        assert [(found[name].unreadable, found[name].value) for name in ("ep_0", "ep_1", "ep_9", "ep_3")] == [
            (True, ""),
            (True, ""),
            (True, ""),
            (False, SECRET),
        ]

    @pytest.mark.parametrize("statement", ["credentials = substr(credentials, 2)", "credentials = NULL", "key_id = ''"])
    def test_credentials_that_do_not_open_keep_their_kind_and_lose_their_values(
        self, store: SqliteStore, path: Path, statement: str
    ) -> None:
        fill(store)
        change_file(path, f"UPDATE endpoint SET {statement}, url = url WHERE id = 'ep_2'")
        if statement == "key_id = ''":
            change_file(path, "UPDATE endpoint SET credentials = NULL WHERE id = 'ep_2'")
        broken, fine = (store.get_endpoint(TENANT, name) for name in ("ep_2", "ep_1"))
        assert broken is not None
        assert fine is not None
        assert broken.auth == Auth(AuthType.HEADER, headers=(("X-Api-Key", ""), ("X-Other", "")), unreadable=True)
        assert fine.auth == CREDENTIALS[1]

    def test_storing_such_an_endpoint_keeps_what_is_sealed(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        ((sealed,),) = read_file(path, "SELECT credentials FROM endpoint WHERE id = 'ep_0'")
        change_file(path, "UPDATE endpoint SET credentials = 'x' || credentials WHERE id = 'ep_0'")
        assert store.give_up(TENANT, "ep_0", "secret_unreadable", "It can't be read.", NOW)
        found = store.get_endpoint(TENANT, "ep_0")
        assert found is not None
        assert (found.status, found.auth.unreadable) == (EndpointStatus.DISABLED, True)
        change_file(path, "UPDATE endpoint SET credentials = ? WHERE id = 'ep_0'", sealed)
        mended = store.get_endpoint(TENANT, "ep_0")
        assert mended is not None
        assert mended.auth == CREDENTIALS[0]


class TestFindingByValue:
    """A tenant by its own secret (`tenants-own`): whatever seals it, and whenever that was written."""

    def test_the_hash_is_keyed_and_an_endpoints_secret_has_none(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        found = read_file(path, "SELECT id, fingerprint FROM secret WHERE fingerprint IS NOT NULL")
        assert [row[0] for row in found] == ["sec_t"]
        assert found[0][1] != hashlib.sha256(b"tenants-own").digest()
        assert found[0][1] != hmac.digest(OLD_KEY.key, b"tenants-own", "sha256")

    def test_while_the_master_key_changes_and_afterwards(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        store.create_tenant(tenant("globex"), secret("sec_g", None, "globex", value="globexs-own"))
        store.close()
        again = open_sealed(path, NEW_KEY, OLD_KEY)
        assert again.tenants_by_secret("tenants-own", NOW) == [TENANT]
        before = again.count_to_reseal()
        assert again.reseal_step(1) == 1
        assert [again.tenants_by_secret(value, NOW) for value in ("tenants-own", "globexs-own")] == [
            [TENANT],
            ["globex"],
        ]
        assert again.count_to_reseal() == before - 1, "what was found needs no sealing"
        reseal_all(again)
        again.close()
        alone = open_sealed(path, NEW_KEY)
        assert alone.tenants_by_secret("tenants-own", NOW) == [TENANT]
        assert alone.tenants_by_secret("other", NOW) == []
        alone.close()

    def test_rows_that_were_written_without_it_are_found_and_get_it(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        change_file(path, "UPDATE secret SET fingerprint = NULL")
        assert store.count_to_reseal() == 1
        assert store.tenants_by_secret("tenants-own", NOW) == [TENANT]
        assert store.count_to_reseal() == 0
        change_file(path, "UPDATE secret SET fingerprint = NULL")
        assert reseal_all(store) == 1
        assert store.tenants_by_secret("tenants-own", NOW) == [TENANT]

    def test_plain_rows_are_found(self, path: Path) -> None:
        plain = SqliteStore.open(path)
        fill(plain)
        plain.close()
        change_file(path, "UPDATE secret SET fingerprint = NULL")
        store = open_sealed(path)
        assert store.tenants_by_secret("tenants-own", NOW) == [TENANT]
        store.close()

    def test_a_fingerprint_that_was_moved_finds_nobody(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        store.create_tenant(tenant("globex"), secret("sec_g", None, "globex", value="globexs-own"))
        change_file(
            path,
            "UPDATE secret SET fingerprint = (SELECT fingerprint FROM secret WHERE id = 'sec_t') WHERE id = 'sec_g'",
        )
        assert store.tenants_by_secret("tenants-own", NOW) == [TENANT]
        assert store.tenants_by_secret("globexs-own", NOW) == []

    def test_one_that_does_not_open_finds_nobody_and_holds_nothing_up(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        change_file(path, "UPDATE secret SET value = value || 'x', fingerprint = NULL WHERE id = 'sec_t'")
        assert store.tenants_by_secret("tenants-own", NOW) == []
        assert store.count_to_reseal() == 0


class TestSealingAnew:
    def test_everything_is_sealed_with_the_new_key_in_steps(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        assert store.sealing_keys() == [OLD_KEY.id]
        store.close()
        again = open_sealed(path, NEW_KEY, OLD_KEY)
        version = again.version()
        assert again.count_to_reseal() == 8
        assert again.reseal_step(3) == 3
        assert again.count_to_reseal() == 5
        assert again.sealing_keys() == sorted([OLD_KEY.id, NEW_KEY.id])
        assert_whole(again)
        assert reseal_all(again, 2) == 5
        assert again.sealing_keys() == [NEW_KEY.id]
        assert again.version() == version  # no value changed, so nobody has to look
        again.close()
        alone = open_sealed(path, NEW_KEY)
        assert_whole(alone)
        alone.close()

    def test_rows_of_an_older_version_are_read_and_then_sealed_and_wiped(self, path: Path, tmp_path: Path) -> None:
        plain = SqliteStore.open(path)  # without a sealer: as it was before there was one
        fill(plain)
        plain.close()
        assert {text for _, text in found_in(tmp_path, HIDDEN)} == set(HIDDEN)
        assert key_ids(path) == {None}
        store = open_sealed(path)
        assert_whole(store)
        assert store.count_to_reseal() == 9
        assert reseal_all(store, 4) == 9
        assert_whole(store)
        store.close()
        assert found_in(tmp_path, HIDDEN) == []
        assert key_ids(path) == {"", OLD_KEY.id}

    def test_what_does_not_open_is_left_and_holds_nothing_up(self, store: SqliteStore, path: Path) -> None:
        fill(store)
        change_file(path, "UPDATE secret SET value = value || 'x' WHERE id IN ('sec_0', 'sec_1')")
        change_file(path, "UPDATE endpoint SET credentials = credentials || 'x' WHERE id = 'ep_0'")
        store.close()
        again = open_sealed(path, NEW_KEY, OLD_KEY)
        assert reseal_all(again, 1) == 8
        assert (again.count_to_reseal(), again.sealing_keys()) == (0, [NEW_KEY.id])
        change_file(path, "UPDATE secret SET value = substr(value, 1, length(value) - 1) WHERE id = 'sec_0'")
        found = {one.id: one.unreadable for one in again.load_secrets([], ["ep_0", "ep_1", "ep_2"])}
        assert found == {"sec_0": False, "sec_1": True, "sec_2": False}  # mended by whoever broke it, it opens again
        again.close()
