"""`keys rotate-master`, `backup` and `restore` as typed: questions, refusals, what is printed."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from ringback.cli import backup, master_key
from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.client.client import Client
from ringback.client.errors import Unreachable

KEY = ["--key", "k" * 20]


class FakeServer:
    """Answers of a server, one state after the other; the last one again and again."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self.states = list(states)
        self.calls: list[tuple[str, str]] = []

    def call(self, method: str, path: str, body: Any = None, *, expect: Any = None) -> Any:
        self.calls.append((method, path))
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def state(left: int, *others: str, source: str = "file") -> dict[str, Any]:
    return {"key_id": "00000001", "source": source, "others": list(others), "left": left}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(Client, "call", fake.call)
    monkeypatch.setattr(master_key, "LOOK_EVERY_S", 0.0)
    return fake


def test_it_waits_until_the_old_key_is_gone(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.states = [state(0), state(7, "old"), state(3, "old"), state(0, "old"), state(0)]
    assert main(["keys", "rotate-master", *KEY, "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == state(0)
    looks = [("GET", "/v1/master-key")] * 4
    assert server.calls == [looks[0], ("POST", "/v1/master-key/rotate"), *looks[1:]]


def test_of_the_variable_it_says_what_can_be_taken_out(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.states = [state(2, "00000002", source="variable"), state(0, "00000002", source="variable")]
    assert main(["keys", "rotate-master", *KEY, "--yes"]) == 0
    assert "00000002 can leave RINGBACK_MASTER_KEY" in capsys.readouterr().out


@pytest.mark.parametrize(("source", "word"), [("file", "master.key"), ("variable", "RINGBACK_MASTER_KEY")])
def test_it_asks_first_and_a_no_changes_nothing(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, source: str, word: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda question, err: False)
    server.states = [state(0, source=source)]
    assert main(["keys", "rotate-master", *KEY]) == ExitCode.NOT_CONFIRMED
    said = capsys.readouterr().err
    assert word in said
    assert "Nothing was changed" in said
    assert server.calls == [("GET", "/v1/master-key")]


class TestBackup:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks_off(client: Client, write: Any) -> int:
            write(b"SQLite format 3")
            raise Unreachable("broke off")

        monkeypatch.setattr(Client, "backup", breaks_off)
        monkeypatch.setattr(backup, "LOOK_EVERY_S", 60.0)

    @pytest.mark.usefixtures("broken")
    def test_what_broke_off_leaves_no_file_and_not_the_old_one_touched(self, tmp_path: Path) -> None:
        assert main(["backup", str(tmp_path / "new.db"), *KEY]) == 10
        assert list(tmp_path.iterdir()) == []
        kept = tmp_path / "kept.db"
        kept.write_bytes(b"the one of yesterday")
        assert main(["backup", str(kept), *KEY]) == 13
        assert main(["backup", str(kept), *KEY, "--force"]) == 10
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept.db", b"the one of yesterday")]

    def test_what_came_is_checked_before_it_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(Client, "backup", lambda client, write: write(b"no database at all" * 100))
        assert main(["backup", str(tmp_path / "new.db"), *KEY]) == 6
        assert list(tmp_path.iterdir()) == []
        assert "[store_corrupt]" in capsys.readouterr().err

    def test_a_running_server_needs_a_key(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["backup", str(tmp_path / "new.db")]) == 2
        assert "--data" in capsys.readouterr().err

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        there = tmp_path / "missing" / "new.db"
        assert main(["backup", str(there), *KEY]) == 2
        assert str(there) in capsys.readouterr().err


def test_a_file_to_restore_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(tmp_path / "missing.db"), "--data", str(tmp_path / "data")]) == 2
    assert "[usage]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
