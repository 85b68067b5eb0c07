"""The README's first five minutes and the example, run for real: the very commands, on ports of the test's own.

`make up` is `ringback up` (that the Makefile says so is checked as well), in an empty directory.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringback.cli.exits import ExitCode
from support.inbox import Inbox
from support.pages import ROOT, Page
from support.process import Server, free_port, wait_until
from support.tenant import TestTenant

README = (ROOT / "README.md").read_text(encoding="utf-8")
RINGBACK = [sys.executable, "-m", "ringback.cli.main"]
WITHIN_S = 30.0


class Up:
    """`ringback up` in `directory`, with what it printed."""

    def __init__(self, directory: Path, *flags: str, listen_port: int | None = None) -> None:
        self.directory = directory
        self.port = free_port()
        self.listen_port = free_port() if listen_port is None else listen_port
        self.output = directory / f"printed-{self.port}.txt"
        ports = ["--port", str(self.port), "--listen-port", str(self.listen_port)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*RINGBACK, "up", *ports, *flags], cwd=directory, stdout=output, stderr=output, env=environment()
            )

    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        def there() -> bool:
            ended = self.process.poll() is not None
            found = text in self.printed()
            assert found or not ended, self.printed()
            return found

        wait_until(there, WITHIN_S, f"{text!r} is printed; see {self.output}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WITHIN_S)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}


@contextmanager
def running(directory: Path, *flags: str, listen_port: int | None = None) -> Iterator[Up]:
    up = Up(directory, *flags, listen_port=listen_port)
    try:
        up.wait_for("Ctrl-C stops.")
        yield up
    finally:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait(WITHIN_S)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


def shell_commands() -> list[str]:
    """The four blocks of the page: start, post, start for the example, run the example."""
    page = Page("README.md", ROOT, {})
    blocks = [page.take() for _ in range(4)]
    page.end()
    return blocks


def run_curl(up: Up, command: str) -> None:
    command = command.replace(":8080/", f":{up.port}/")
    done = subprocess.run(
        ["bash", "-ec", command], cwd=up.directory, capture_output=True, text=True, check=False, timeout=WITHIN_S
    )
    assert done.returncode == 0, done.stderr
    assert '"id":"evt_' in done.stdout.replace(" ", ""), done.stdout


def test_make_up_is_ringback_up() -> None:
    assert shell_commands()[0] == "make up"
    recipe = re.search(r"^up:.*\n\t@?(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    assert recipe[1] == "$(BIN)/ringback up"


def test_the_first_five_minutes(tmp_path: Path) -> None:
    curl = shell_commands()[1]
    with running(tmp_path) as up:
        assert "admin key" in up.printed()
        assert (tmp_path / "data" / "admin.key").stat().st_mode & 0o777 == 0o600
        run_curl(up, curl)
        up.wait_for("signature ✓")
        assert '"data":{"name":"Ada"}' in up.printed()
        assert up.stop() == ExitCode.OK
    assert "Traceback" not in up.printed()


def test_the_line_that_up_prints_works_from_anywhere(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        (curl,) = re.findall(r"^  (curl .*)$", up.printed(), re.MULTILINE)
        done = subprocess.run(
            ["bash", "-ec", curl], cwd="/", capture_output=True, text=True, check=False, timeout=WITHIN_S
        )
        assert done.returncode == 0, done.stderr
        up.wait_for("signature ✓")


def test_a_link_into_the_console_leads_to_where_up_listens(tmp_path: Path) -> None:
    """Wherever the file of settings says that a server in earnest is reached."""
    (tmp_path / "ringback.toml").write_text('public_url = "https://hooks.example"\n')
    with running(tmp_path, "--config", "ringback.toml") as up:
        own = f"http://127.0.0.1:{up.port}"
        done = subprocess.run(
            [*RINGBACK, "console-link", "demo", "--url", own, "--key", "@data/admin.key"],
            cwd=tmp_path, capture_output=True, text=True, check=True, timeout=WITHIN_S, env=environment(),
        )  # fmt: skip
        link = done.stdout.strip()
        assert link.startswith(f"{own}/console/enter/"), link
        with urllib.request.urlopen(link, timeout=WITHIN_S) as page:
            assert page.status == 200


def test_the_endpoint_follows_the_receivers_port_at_the_next_start(tmp_path: Path) -> None:
    curl = shell_commands()[1]
    with running(tmp_path) as first:
        run_curl(first, curl)
        first.wait_for("signature ✓")
        first.stop()
    with running(tmp_path) as second:
        assert second.listen_port != first.listen_port
        run_curl(second, curl)
        second.wait_for("signature ✓")
        assert "admin key" not in second.printed(), "the key is printed when it is made, and only then"
        second.stop()


def test_a_taken_receiver_port_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with running(tmp_path / "first") as first:
        second = Up(tmp_path / "second", listen_port=first.listen_port)
        assert second.process.wait(WITHIN_S) == ExitCode.PORT_TAKEN
    assert second.printed().strip().startswith(f"ringback: Port {first.listen_port} on 127.0.0.1 is taken")
    assert "--listen-port N" in second.printed()
    assert len(second.printed().strip().splitlines()) == 1
    assert not (tmp_path / "second" / "data").exists(), "what can't start leaves nothing behind"


def python_blocks() -> list[str]:
    blocks = re.findall(r"^```python\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    return blocks


def test_the_readmes_python_sends_and_checks(tmp_path: Path, inbox: Inbox) -> None:
    """Both sides: what the first block sends arrives, and passes the second one; changed, it doesn't. The third one has
    what it writes told."""
    sends, checks, writes = python_blocks()
    with Server(tmp_path / "data", "--allow-private") as server:
        tenant = TestTenant(server, "acme")
        secret = tenant.endpoint(inbox.url())["secret"]
        key = server.make(f"{tenant.path}/keys", {"scope": "ingest"})["key"]
        names = {"key": key}
        exec(compile(sends.replace("http://127.0.0.1:8080", server.url), "README.md", "exec"), names)
        (received,) = inbox.wait_for(1)
        exec(compile(writes, "README.md", "exec"), names)
        told = [json.loads(one.body) for one in inbox.wait_for(3)[1:]]
        assert sorted(one["type"] for one in told) == ["contact.created", "contact.updated"]
        assert {one["data"]["score"] for one in told} == {70, 85}

    assert json.loads(received.body)["data"] == {"id": "c_1", "name": "Ada"}
    block = compile(checks.replace("...  # answer 401", "refused.append(401)"), "README.md", "exec")
    for body, answered in ((received.body, []), (received.body + b" ", [401])):
        refused: list[int] = []
        given = {"headers": dict(received.headers), "body": body, "secret": secret, "refused": refused}
        exec(block, given)
        assert refused == answered


def run_shop(up: Up, partner_port: int) -> subprocess.CompletedProcess[str]:
    """The README's command, with this Python and these ports."""
    command = shell_commands()[3].replace(".venv/bin/python examples", f"{sys.executable} {ROOT}/examples")
    return subprocess.run(
        ["bash", "-ec", f"{command} --url http://127.0.0.1:{up.port} --port {partner_port}"],
        cwd=up.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**environment(), "PYTHONPATH": str(ROOT / "src")},
    )


def test_the_example_runs(tmp_path: Path) -> None:
    partner_port = free_port()
    start = shell_commands()[2].replace("8082", str(partner_port)).split()
    assert start[:2] == [".venv/bin/ringback", "up"]
    with running(tmp_path, *start[2:]) as up:
        for _ in range(2):  # the second time its tenant is there already
            done = run_shop(up, partner_port)
            assert done.returncode == 0, done.stderr
            received = sorted(line for line in done.stdout.splitlines() if line.startswith("received"))
            assert [line.split(":")[0] for line in received] == [f"received order_{number}" for number in (1, 2, 3)]


def test_the_example_says_how_to_start_a_server_that_may_send_to_it(tmp_path: Path) -> None:
    partner_port = free_port()
    with running(tmp_path) as up:
        done = run_shop(up, partner_port)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"ringback up --allow 127.0.0.1/32:{partner_port}" in done.stderr
    gone = run_shop(up, partner_port)
    assert gone.returncode == 1
    assert len(gone.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("flags", [["serve"], ["up"]])
def test_an_unusable_data_directory_is_one_clear_line(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "file").write_text("not a directory")
    ports = ["--port", "0", *(["--listen-port", "0"] if flags == ["up"] else [])]
    done = subprocess.run(
        [*RINGBACK, *flags, *ports, "--data", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
        env=environment(),
    )
    assert done.returncode == ExitCode.DATA_DIRECTORY_UNUSABLE
    assert done.stderr.startswith("ringback: ")
    assert len(done.stderr.strip().splitlines()) == 1
