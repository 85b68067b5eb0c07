"""The secrets of bins at rest: sealed, sealed anew with another master key, and left alone where they don't open."""

from pathlib import Path

import apsw
import psycopg

from conformance.suite_bins import made
from ringback.clock import SystemClock
from ringback.model.master_key import MasterKey
from ringback.store.postgres.bins import PostgresBins
from ringback.store.postgres.sealing import PostgresSealing
from ringback.store.sealed_rows import SealedRows
from ringback.vault.sealing import Vault
from support.postgres_ground import opened
from support.rows import NOW
from support.sealing import NEW_KEY, OLD_KEY, found_in, open_sealed, reseal_all

SECRET = "whsec_hidden"
TAMPER = "UPDATE bin SET secret = secret || 'x' WHERE id = 'bin_a'"
MEND = "UPDATE bin SET secret = substr(secret, 1, length(secret) - 1) WHERE id = 'bin_a'"


class Process(PostgresBins, PostgresSealing):
    """What one process has of the store here."""


def test_in_a_file_nothing_of_it_can_be_read(tmp_path: Path) -> None:
    store = open_sealed(tmp_path / "ringback.db")
    assert store.create_bin(made(), 10, 10)
    assert store.sealing_keys() == [OLD_KEY.id]
    assert store.change_bin(made(label="New"))
    assert found_in(tmp_path, [SECRET]) == []
    store.close()
    again = open_sealed(tmp_path / "ringback.db")
    assert again.get_bin("bin_a", NOW) == made(label="New")
    again.close()


def test_it_is_sealed_anew_and_one_that_does_not_open_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    store = open_sealed(path)
    for name in ("bin_a", "bin_b"):
        assert store.create_bin(made(name), 10, 10)
    assert store.create_bin(made("bin_c", secret=None), 10, 10)
    store.close()
    _change_file(path, TAMPER)
    again = open_sealed(path, NEW_KEY, OLD_KEY)
    assert again.count_to_reseal() == 2
    assert reseal_all(again, 1) == 2
    assert (again.count_to_reseal(), again.sealing_keys()) == (0, [NEW_KEY.id])
    found = {one.id: (one.secret, one.unreadable) for one in again.list_bins(NOW)}
    assert found == {"bin_a": (None, True), "bin_b": (SECRET, False), "bin_c": (None, False)}
    broken = again.get_bin("bin_a", NOW)
    assert broken is not None
    assert again.change_bin(broken._replace(label="New"))
    _change_file(path, MEND)
    mended = again.get_bin("bin_a", NOW)
    assert mended is not None
    assert (mended.label, mended.secret) == ("New", SECRET)
    assert again.change_bin(mended)
    again.close()
    alone = open_sealed(path, NEW_KEY)
    assert {one.secret for one in alone.list_bins(NOW)} == {SECRET, None}
    alone.close()


def test_on_postgresql_too(ready_database: str) -> None:
    with opened(ready_database) as database, psycopg.connect(ready_database, autocommit=True) as connection:
        one, both, ahead = (
            Process(database, SealedRows(_vault(*keys))) for keys in ((OLD_KEY,), (NEW_KEY, OLD_KEY), (NEW_KEY,))
        )
        for name in ("bin_a", "bin_b"):
            assert one.create_bin(made(name), 10, 10)
        assert list(one.sealing_keys()) == [OLD_KEY.id]
        stored = connection.execute("SELECT secret FROM bin").fetchall()
        assert not any(SECRET in secret for (secret,) in stored)
        connection.execute(TAMPER)
        assert ahead.reseal_step(10) == 0, "what is sealed with a key that is not here is left to who has it"
        assert both.count_to_reseal() == 2
        assert [both.reseal_step(1) for _ in range(3)] == [1, 1, 0]
        assert (both.count_to_reseal(), list(both.sealing_keys())) == (0, [NEW_KEY.id])
        found = {bin_.id: (bin_.secret, bin_.unreadable) for bin_ in ahead.list_bins(NOW)}
        assert found == {"bin_a": (None, True), "bin_b": (SECRET, False)}
        connection.execute(MEND)
        mended = one.get_bin("bin_a", NOW)
        assert mended is not None
        assert mended.secret == SECRET


def _vault(*keys: MasterKey) -> Vault:
    return Vault(keys, SystemClock().token_bytes)


def _change_file(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    assert connection.changes() == 1
    connection.close()
