"""How each code of the command line, of checking a request and of the client is provoked.

A command runs in this process, through the same entry as `ringback …`: it returns its exit code, and its line of error
ends with the code in brackets. What `verify` refuses and what the client raises have their code as an attribute.
"""

import hmac
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from ringback import ApiError, Client, VerificationFailed, verify
from ringback.cli.main import main
from ringback.cli.receiver import Answer, Receiver
from ringback.store.sqlite import SqliteStore
from support.old_store import make_old_store
from support.own_profiles import own_text
from support.process import Server, free_port
from support.rows import secret, tenant
from support.sealing import OLD_KEY, open_sealed
from support.stand_in import KEY

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED: Final = {"webhook-id": "evt_1", "webhook-timestamp": "1700000000", "webhook-signature": "v1,AAAA"}
# The body says when it was sent, but b"{}" doesn't. HMAC-SHA1 of that with the key b"k".
TIME_IN_BODY: Final = own_text(
    headers={"x-signature": "{signature}"},
    signature={"secret_of": "endpoint", "secret": "text", "content": "{body}", "default": "v1"},
    variants={"v1": {"algorithm": "hmac-sha1", "encoding": "hex"}},
    shapes=['{"at": "{sent_at:rfc3339}"}'],
)
SIGNED_BODY: Final = hmac.digest(b"k", b"{}", "sha1").hex()


class Place(NamedTuple):
    """An empty directory, and a server that runs elsewhere. Methods make the place unfit and return how it ended."""

    folder: Path
    server: Server
    monkeypatch: pytest.MonkeyPatch

    @property
    def database(self) -> Path:
        return self.folder / "ringback.db"

    def serve(self, *flags: str) -> int:
        return main(["serve", "--port", "0", "--data", str(self.folder), *flags])

    def damaged(self) -> int:
        self.database.write_bytes(b"no database" * 1_000)
        return self.serve()

    def locked(self) -> int:
        store = SqliteStore.open(self.database)
        try:
            return self.serve()
        finally:
            store.close()

    def newer(self) -> int:
        SqliteStore.open(self.database).close()
        with sqlite3.connect(self.database) as connection:
            connection.execute("INSERT INTO schema_version (number, name) VALUES (999, 'of the future')")
        connection.close()
        return self.serve()

    def older(self) -> int:
        make_old_store(self.database)
        return self.serve()

    def open_key_file(self) -> int:
        (self.folder / "master.key").write_text("for everybody")
        (self.folder / "master.key").chmod(0o644)
        return self.serve()

    def without_its_key(self) -> int:
        store = open_sealed(self.database, OLD_KEY)
        store.create_tenant(tenant(), secret(endpoint_id=None))
        store.close()
        return self.serve()

    def no_directory(self) -> int:
        (self.folder / "file").write_text("")
        return main(["serve", "--port", "0", "--data", str(self.folder / "file")])

    def file_there(self) -> int:
        (self.folder / "copy.db").write_text("")
        return main(["backup", str(self.folder / "copy.db"), "--data", str(self.folder)])

    def bad_profile(self) -> int:
        (self.folder / "profiles").mkdir()
        (self.folder / "profiles" / "own.toml").write_text("name = 5")
        return self.serve()

    def nobody_to_ask(self) -> int:
        SqliteStore.open(self.database).close()
        main(["backup", str(self.folder / "copy.db"), "--data", str(self.folder)])
        self.monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
        return main(["restore", str(self.folder / "copy.db"), "--data", str(self.folder), "--replace"])

    def bench_without_a_server(self) -> int:
        self.monkeypatch.setattr(sys, "executable", "/bin/false")
        return main(["bench", "--events", "100"])


COMMANDS: Final[dict[str, Callable[[Place], int]]] = {
    "api_unreachable": lambda place: main(
        ["events", "list", "--url", f"http://127.0.0.1:{free_port()}", "--key", "k" * 20, "--tenant", "t"]
    ),
    "start_failed": lambda place: main(["listen", "--host", "192.0.2.1", "--port", "0"]),
    "usage": lambda place: main(["serve", "--no-such-flag"]),
    "bad_setting": lambda place: place.serve("--port", "99999"),
    "port_taken": lambda place: place.serve("--port", str(place.server.port)),
    "data_directory_unusable": Place.no_directory,
    "store_locked": Place.locked,
    "store_corrupt": Place.damaged,
    "store_newer": Place.newer,
    "store_older": Place.older,
    "master_key_unusable": Place.open_key_file,
    "master_key_missing": Place.without_its_key,
    "store_exists": Place.file_there,
    "store_unreachable": lambda place: main(
        ["migrate", "--store", f"postgresql://ada:secret@127.0.0.1:{free_port()}/ringback"]
    ),
    "master_key_required": lambda place: place.serve("--store", "postgresql://ada:secret@127.0.0.1/ringback"),
    "profile_file_unusable": Place.bad_profile,
    "not_confirmed": Place.nobody_to_ask,
    "bench_incomplete": Place.bench_without_a_server,
}


def _checked(
    headers: Any = SIGNED,
    body: Any = b"{}",
    secrets: Any = SECRET,
    now_s: float = 1_700_000_000,
    profile: str = "standard",
) -> str:
    """The code of what `ringback.verify` refuses, at a time near the one in the headers."""
    with pytest.raises(VerificationFailed) as told:
        verify(profile, headers, body, secrets, tolerance_s=300, now_s=now_s)
    return told.value.code


CHECKS: Final[dict[str, Callable[[], str]]] = {
    "missing_header": lambda: _checked({}),
    "bad_header": lambda: _checked({**SIGNED, "webhook-timestamp": "yesterday"}),
    "too_old": lambda: _checked(now_s=1_700_000_301),
    "too_new": lambda: _checked(now_s=1_699_999_699),
    "wrong_signature": _checked,
    "bad_secret": lambda: _checked(secrets="whsec_"),
    "bad_argument": lambda: _checked(body=5),
    "bad_profile": lambda: _checked(profile="nonesuch"),
    "bad_body": lambda: _checked({"x-signature": SIGNED_BODY}, b"{}", "k", profile=TIME_IN_BODY),
    "not_signed": lambda: _checked(profile="vainu"),
}


def _raised(status: int, answer: bytes) -> str:
    """The code of what the client raises when this is what answers."""
    receiver = Receiver("127.0.0.1", 0, lambda _: Answer(status, answer))
    receiver.start()
    try:
        with Client(f"http://127.0.0.1:{receiver.port}", KEY) as client, pytest.raises(ApiError) as told:
            client.call("GET", "/v1/tenants", expect=("items",))
        return told.value.code
    finally:
        receiver.stop()


CLIENT: Final[dict[str, Callable[[], str]]] = {
    "not_json": lambda: _raised(200, b"<html>"),
    "not_ringback": lambda: _raised(200, b"{}"),
    "http_NNN": lambda: _raised(502, b"Bad Gateway").replace("502", "NNN"),
}
