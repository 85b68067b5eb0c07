"""Master keys as text, and the file they are kept in: what is read, what is refused, what a crash can leave."""

import base64
import stat
from pathlib import Path

import pytest

from ringback.model.errors import MasterKeyMissing, MasterKeyRequired, MasterKeyUnusable, StartError, Unavailable
from ringback.model.master_key import master_key, parse_master_keys, written
from ringback.testing.clock import ManualClock
from ringback.vault.key_file import KeyFile
from ringback.vault.ring import KeyRing, open_ring

FIRST, SECOND, THIRD = (master_key(bytes([number]) * 32) for number in (1, 2, 3))
TEXT = written([FIRST, SECOND])
CHANCE = ManualClock().token_bytes


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestText:
    @pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", ",").rstrip(","), "\n" + TEXT.replace("\n", " \n ")])
    def test_keys_stand_behind_commas_or_lines(self, text: str) -> None:
        assert parse_master_keys(text) == (FIRST, SECOND)

    def test_a_key_that_stands_there_twice_counts_once(self) -> None:
        assert parse_master_keys(written([FIRST, SECOND, FIRST])) == (FIRST, SECOND)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ",",
            "x",
            written([FIRST])[:-2],
            base64.b64encode(b"k" * 31).decode(),
            base64.b64encode(b"k" * 33).decode(),
            TEXT + "\n,",
            "é" * 44,
            written([FIRST]) + "not a key",
        ],
    )
    def test_anything_else_is_refused_and_not_shown(self, text: str) -> None:
        with pytest.raises(ValueError, match="base64 of 32 bytes") as told:
            parse_master_keys(text)
        assert "not a key" not in str(told.value)

    def test_a_key_shows_its_id_alone(self) -> None:
        assert FIRST.id != SECOND.id
        assert repr(FIRST) == f"MasterKey(id='{FIRST.id}')"
        assert int(FIRST.id, 16) >= 0


class TestFile:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        file = KeyFile(tmp_path / "master.key")
        assert file.read() == ()
        file.write([FIRST, SECOND])
        file.write([SECOND])
        assert file.read() == (SECOND,)
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert names_in(tmp_path) == ["master.key"]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        file = KeyFile(tmp_path / "master.key")
        file.write([FIRST])
        file.path.chmod(mode)
        with pytest.raises(MasterKeyUnusable, match="chmod 600"):
            file.read()

    @pytest.mark.parametrize("kept", [b"", b"short\n", b"\xff" * 44, TEXT.encode() + b"x"])
    def test_a_damaged_file_is_refused_and_not_shown(self, tmp_path: Path, kept: bytes) -> None:
        path = tmp_path / "master.key"
        path.touch(0o600)
        path.write_bytes(kept)
        with pytest.raises(MasterKeyUnusable, match=str(path)) as told:
            KeyFile(path).read()
        assert "short" not in told.value.detail
        assert told.value.exit_code == 11

    def test_what_a_crash_left_beside_it_is_taken_away(self, tmp_path: Path) -> None:
        file = KeyFile(tmp_path / "master.key")
        file.write([FIRST])
        leftover = tmp_path / ".master.key.new"
        leftover.write_text(written([SECOND]))
        assert open_ring(None, tmp_path, [FIRST.id], CHANCE).key_id == FIRST.id
        assert not leftover.exists()


class TestOpening:
    def test_the_first_start_makes_a_file_and_the_next_one_reads_it(self, tmp_path: Path) -> None:
        made = open_ring(None, tmp_path, [], CHANCE)
        again = open_ring(None, tmp_path, [made.key_id], CHANCE)
        assert (again.key_id, again.others, again.source) == (made.key_id, [], "file")

    def test_with_the_variable_no_file_is_made(self, tmp_path: Path) -> None:
        ring = open_ring(TEXT, tmp_path, [SECOND.id], CHANCE)
        assert (ring.key_id, ring.others, ring.source) == (FIRST.id, [SECOND.id], "variable")
        assert names_in(tmp_path) == []

    def test_a_key_that_is_needed_and_not_there_is_named_and_no_file_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(MasterKeyMissing, match=rf"{THIRD.id}.*master\.key does not have it") as told:
            open_ring(None, tmp_path, [THIRD.id], CHANCE)
        assert told.value.exit_code == 12
        assert names_in(tmp_path) == []

    def test_the_message_names_where_the_missing_key_is(self, tmp_path: Path) -> None:
        KeyFile(tmp_path / "master.key").write([THIRD])
        with pytest.raises(MasterKeyMissing, match=r"RINGBACK_MASTER_KEY does not have.*it is in .*master\.key"):
            open_ring(TEXT, tmp_path, [THIRD.id], CHANCE)
        with pytest.raises(MasterKeyMissing, match="former value"):
            open_ring(TEXT, tmp_path, ["00000000"], CHANCE)

    def test_a_directory_that_takes_no_file_is_one_clear_line(self, tmp_path: Path) -> None:
        with pytest.raises(StartError, match="RINGBACK_MASTER_KEY"):
            open_ring(None, tmp_path / "missing", [], CHANCE)

    def test_a_shared_store_takes_the_variable_alone_and_makes_nothing(self, tmp_path: Path) -> None:
        KeyFile(tmp_path / "master.key").write([FIRST])
        with pytest.raises(MasterKeyRequired, match="RINGBACK_MASTER_KEY has to be set"):
            open_ring(None, None, [FIRST.id], CHANCE)
        ring = open_ring(TEXT, None, [SECOND.id], CHANCE)
        assert (ring.source, ring.renew()) == ("variable", False)
        with pytest.raises(MasterKeyMissing, match="put back the variable's former value"):
            open_ring(TEXT, None, [THIRD.id], CHANCE)
        assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


class TestChanging:
    def ring(self, folder: Path) -> KeyRing:
        return open_ring(None, folder, [], ManualClock().token_bytes)

    def test_a_new_key_is_in_the_file_before_it_seals_and_the_old_one_still_opens(self, tmp_path: Path) -> None:
        ring = self.ring(tmp_path)
        old = ring.vault.seal("secret", ("t", "1"))
        assert ring.renew()
        assert [key.id for key in KeyFile(tmp_path / "master.key").read()] == [ring.key_id, old.key_id]
        assert ring.vault.seal("secret", ("t", "1")).key_id == ring.key_id != old.key_id
        assert ring.vault.open(old.text, ("t", "1")) == "secret"

    def test_no_second_change_begins_while_an_old_key_is_kept(self, tmp_path: Path) -> None:
        ring = self.ring(tmp_path)
        assert ring.renew()
        kept = ring.key_id, ring.others
        assert not ring.renew()
        assert (ring.key_id, ring.others) == kept

    def test_a_dropped_key_leaves_the_file_but_what_is_on_its_way_still_opens(self, tmp_path: Path) -> None:
        ring = self.ring(tmp_path)
        old = ring.vault.seal("secret", ("t", "1"))
        ring.renew()
        assert ring.drop([old.key_id, ring.key_id])
        assert [key.id for key in KeyFile(tmp_path / "master.key").read()] == [ring.key_id]
        assert ring.others == []
        assert ring.vault.open(old.text, ("t", "1")) == "secret"
        assert not ring.drop([old.key_id])

    def test_keys_of_the_variable_are_never_changed(self, tmp_path: Path) -> None:
        ring = open_ring(TEXT, tmp_path, [], CHANCE)
        assert not ring.renew()
        assert not ring.drop([SECOND.id])
        assert (ring.key_id, ring.others) == (FIRST.id, [SECOND.id])

    def test_when_the_file_cannot_be_written_the_old_key_goes_on_sealing(self, tmp_path: Path) -> None:
        ring = self.ring(tmp_path)
        before = ring.key_id
        (tmp_path / "master.key").unlink()
        tmp_path.rmdir()
        with pytest.raises(Unavailable) as told:
            ring.renew()
        assert told.value.code == "master_key_not_written"
        assert ring.key_id == ring.vault.key_id == before
