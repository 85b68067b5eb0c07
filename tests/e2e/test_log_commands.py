"""`ringback endpoints`, `events` and `attempts` against a real server: what they print, ask and refuse."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from ringback.cli import event_page
from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from support.command import COLUMNS, ringback, ringback_on_terminal
from support.inbox import Inbox, Received, Reply
from support.process import ADMIN_KEY, Server, wait_until
from support.tenant import TestTenant

EVIL = b'{"error": "\x1b[2J\x1b]0;owned\x07 \xc2\x9b31m down"}'
LABEL = "Warehouse of the north \u202egnp.exe"


def reply(received: Received) -> Reply:
    if received.path == "/bad":
        return Reply(503, (("X-Trouble", "a\x1b[31mred"),), EVIL)
    return Reply(200, (("Content-Type", "application/json"),), b'{"ok":  1.10}')


class Scene:
    """A tenant with endpoints of every fate and one event for them."""

    def __init__(self, server: Server, inbox: Inbox) -> None:
        self.tenant = tenant = TestTenant(server, "acme")
        self.good = tenant.endpoint(inbox.url("/good"), label="CRM")["id"]
        raw = {"type": "raw", "value": "Bearer s3cr3t"}
        self.bad = tenant.endpoint(inbox.url("/bad"), label=LABEL, auth=raw, retry={"delays_s": [0.01, 3600]})["id"]
        self.gone = tenant.endpoint(inbox.url("/bad"), label="Gives up", retry={"delays_s": []})["id"]
        self.other = tenant.endpoint(inbox.url("/other"), label="Orders", event_types=["order.*"])["id"]
        self.event = tenant.send("contact.created", {"name": "Ada \u009b31m", "quote": "it's"}, channel="eu")
        wait_until(self._settled, 15, "every endpoint had its tries")
        self.variables = {"RINGBACK_URL": server.url, "RINGBACK_KEY": ADMIN_KEY, "RINGBACK_TENANT": "acme"}

    def _settled(self) -> bool:
        tries = {one["endpoint_id"]: one["attempts"] for one in self.tenant.deliveries(self.event)}
        return (tries[self.good], tries[self.bad], tries[self.gone]) == (1, 2, 1) and all(
            one["state"] != "pending" for one in self.tenant.deliveries(self.event) if one["endpoint_id"] != self.bad
        )

    def attempt(self, endpoint_id: str) -> str:
        return str(self.tenant.attempts(endpoint_id)[-1]["id"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("commands")
    with Inbox(reply) as inbox, Server(folder / "data", "--allow-private") as running:
        yield Scene(running, inbox)


Run = Callable[..., str]


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command in this process (starting Python takes longer than all the rest); what it printed."""
    for name, value in scene.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str, code: int = ExitCode.OK) -> str:
        capsys.readouterr()
        ended = main(list(arguments))
        printed = capsys.readouterr()
        assert ended == code, printed.err
        return printed.out if code == ExitCode.OK else printed.err

    return run


def assert_harmless(text: str) -> None:
    """Nothing in it that a terminal would act on, colours apart."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(char.isprintable() or char == "\n" for char in plain), repr(plain)


# ── on a terminal ──────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_fit_into_80_columns_and_keep_ids_whole(scene: Scene) -> None:
    for what, whole in (("endpoints", scene.bad), ("attempts", scene.attempt(scene.bad)), ("events", scene.event)):
        ended = ringback_on_terminal(what, "list", variables=scene.variables)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", ended.out)
        assert ended.code == ExitCode.OK
        assert whole in plain
        assert max(cell_len(line) for line in plain.splitlines()) <= COLUMNS, plain
        assert "\x1b[3" in ended.out or what == "events", "coloured"
        assert_harmless(ended.out)


def test_colours_are_for_terminals_that_want_them(scene: Scene, run: Run) -> None:
    plain = ringback_on_terminal("attempts", "list", variables={**scene.variables, "NO_COLOR": "1"}).out
    assert "\x1b[3" not in plain
    assert "\x1b" not in run("attempts", "list"), "nor in a pipe"


def test_what_a_receiver_answered_does_not_act_on_the_terminal(scene: Scene, run: Run) -> None:
    attempt = scene.attempt(scene.bad)
    for flags in ([], ["--json"]):
        ended = ringback_on_terminal("attempts", "show", attempt, *flags, variables=scene.variables)
        assert ended.code == ExitCode.OK
        assert_harmless(ended.out)
    assert r"\x1b[2J\x1b]0;owned\x07 \x9b31m down" in run("attempts", "show", attempt)


def test_deleting_asks_and_no_means_no(scene: Scene) -> None:
    doomed = scene.tenant.endpoint("https://example.com/doomed", label="Doomed")["id"]
    path = f"{scene.tenant.path}/endpoints/{doomed}"
    asked = ringback_on_terminal("endpoints", "delete", doomed, variables=scene.variables, typed=b"n\n")
    assert asked.code == ExitCode.NOT_CONFIRMED
    assert "Doomed, https://example.com/doomed" in asked.out
    assert scene.tenant.server.ask("GET", path).status == 200
    refused = ringback("endpoints", "delete", doomed, variables=scene.variables)
    assert (refused.code, refused.out) == (ExitCode.NOT_CONFIRMED, "")
    assert refused.err.endswith(
        "There is no terminal to confirm it on: say --yes. Nothing was changed. [not_confirmed]\n"
    )
    assert scene.tenant.server.ask("GET", path).status == 200
    done = ringback_on_terminal("endpoints", "delete", doomed, variables=scene.variables, typed=b"y\n")
    assert (done.code, done.out.splitlines()[-1].split(": ")[-1]) == (ExitCode.OK, f"{doomed} is deleted.")
    assert scene.tenant.server.ask("GET", path).status == 404


# ── why didn't it arrive? ──────────────────────────────────────────────────────────────────────────────────────


def section(page: str, endpoint_id: str) -> str:
    """What an event's page says of one endpoint, on one line."""
    after = page.split(f"  {endpoint_id}", 1)[1]
    return " ".join(after.split("\n  ep_")[0].split())


def test_an_events_page_says_what_became_of_it_everywhere(scene: Scene, run: Run) -> None:
    page = run("events", "show", scene.event)
    assert_harmless(page)
    assert re.search(r"delivered at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d after 1 try\.", section(page, scene.good))
    assert re.search(r"pending: try 3 at [-\d]+ [:\d]+ \(in (59|60) min\), last answer 503\.", section(page, scene.bad))
    assert "failed after 1 try, last answer 503." in section(page, scene.gone)
    assert "contact.created was none of the endpoint's event_types." in section(page, scene.other)
    for endpoint in (scene.good, scene.bad, scene.gone):
        assert f"ringback attempts show {scene.attempt(endpoint)}" in section(page, endpoint)


def test_a_pending_one_says_what_stands_in_its_way(scene: Scene, run: Run) -> None:
    assert run("endpoints", "deactivate", scene.bad) == f"{scene.bad} is inactive.\n"
    try:
        said = section(run("events", "show", scene.event), scene.bad)
    finally:
        assert run("endpoints", "activate", scene.bad) == f"{scene.bad} is active.\n"
    assert "Nothing is sent, since the endpoint is inactive;" in said
    assert f"ringback endpoints activate {scene.bad}" in said


def test_endpoints_beyond_the_first_are_shown_when_asked_for(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_page, "OTHERS_SHOWN_MAX", 0)
    assert "\n  and 1 more: --all shows them\n" in run("events", "show", scene.event)
    assert "contact.created was none of the endpoint's event_types." in section(
        run("events", "show", scene.event, "--all"), scene.other
    )


def test_an_event_for_nobody_says_so(scene: Scene, run: Run) -> None:
    for endpoint in (scene.good, scene.bad, scene.gone):
        scene.tenant.patch(endpoint, channels=["eu"])
    try:
        nobody = scene.tenant.send("quiet", {})
        page = run("events", "show", nobody)
    finally:
        for endpoint in (scene.good, scene.bad, scene.gone):
            scene.tenant.patch(endpoint, channels=None)
    assert "It was meant for no endpoint: none matched when it was accepted." in page
    assert "The event has no channel, and the endpoint wants events of some channels alone." in section(
        page, scene.good
    )


# ── one attempt ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_is_shown_whole(scene: Scene, run: Run) -> None:
    page = run("attempts", "show", scene.attempt(scene.good))
    assert "outcome   ✓ 200 in" in page
    assert re.search(r"^  wait +[\d.]+ m?s  ", page, re.MULTILINE)
    assert re.search(r"^  in all +[\d.]+ m?s$", page, re.MULTILINE)
    assert f"  webhook-id: {scene.event}\n" in page
    assert '    "data": {\n' in page
    assert '  "ok": 1.10\n' in page, "numbers as they were written"
    assert "Authorization: ***" in run("attempts", "show", scene.attempt(scene.bad))


def test_an_attempt_as_a_curl_command_sends_the_same_bytes(scene: Scene, run: Run) -> None:
    original = scene.tenant.attempt(scene.attempt(scene.good))["request"]
    with Inbox() as inbox:
        command = run("attempts", "show", scene.attempt(scene.good), "--curl")
        assert_harmless(command)
        command = command.replace(original["url"], inbox.url("/again"))
        environment = {"PATH": os.environ["PATH"]}
        subprocess.run(["sh", "-ec", command], env=environment, capture_output=True, check=True, timeout=30)
        (again,) = inbox.received
    assert again.body.decode() == original["body"]
    sent = {name.lower(): value for name, value in original["headers"] if name.lower() != "host"}
    assert {name.lower(): value for name, value in again.headers} | sent == {
        name.lower(): value for name, value in again.headers
    }


# ── for scripts ────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_is_what_the_api_answers(scene: Scene, run: Run) -> None:
    get = scene.tenant.server.get
    path, attempt = scene.tenant.path, scene.attempt(scene.bad)
    for arguments, address in (
        (["endpoints", "list"], "/endpoints"),
        (["endpoints", "show", scene.bad], f"/endpoints/{scene.bad}"),
        (["endpoints", "stats", scene.good, "--days", "2"], f"/endpoints/{scene.good}/stats?days=2"),
        (["events", "list", "--type", "contact.created", "--channel", "eu"], "/events?type=contact.created"),
        (["events", "show", scene.event], f"/events/{scene.event}"),
        (["events", "deliveries", scene.event], f"/events/{scene.event}/deliveries"),
        (["attempts", "list", "--endpoint", scene.gone, "--outcome", "failed"], f"/endpoints/{scene.gone}/attempts"),
        (["attempts", "show", attempt], f"/attempts/{attempt}"),
    ):
        printed = run(*arguments, "--json")
        assert printed.count("\n") == 1
        assert_harmless(printed)
        assert json.loads(printed) == get(f"{path}{address}"), arguments


def test_all_follows_the_cursors_a_line_an_item(scene: Scene, run: Run) -> None:
    ids = [attempt["id"] for attempt in scene.tenant.attempts()][::-1]
    assert len(ids) > 2
    page = json.loads(run("attempts", "list", "--limit", "2", "--json"))
    assert ([item["id"] for item in page["items"]], bool(page["next_cursor"])) == (ids[:2], True)
    lines = run("attempts", "list", "--all", "--json").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids
    assert len(run("attempts", "list", "--all").splitlines()) == len(ids) + 1


def test_spans_of_time_narrow_a_list(scene: Scene, run: Run) -> None:
    def ids(*flags: str) -> list[str]:
        return [item["id"] for item in json.loads(run("events", "list", "--json", *flags))["items"]]

    assert scene.event in ids("--since", "1h", "--type", "contact.created")
    assert ids("--until", "1h") == []
    assert scene.event in ids("--since", "2020-01-01T00:00:00Z", "--endpoint", scene.good)
    assert "since: 'yesterday' is not a time" in run(
        "events", "list", "--since", "yesterday", code=ExitCode.BAD_SETTING
    )


# ── changing endpoints ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_endpoint_is_made_changed_and_rotated(scene: Scene, run: Run, tmp_path: Path) -> None:
    more = '{"retry":{"delays_s":[1,5]},"auth":{"type":"basic","username":"u","password":"s3cr3t"}}'
    flags = ["--label", "New", "--type", "a.*", "--type", "b", "--channel", "eu", "--header", "X-Env: prod"]
    flags += ["--ordering", "subject", "--timeout", "5", "--max-in-flight", "2", "--filter", "data.n > 1"]
    page = run("endpoints", "create", "https://example.com/new", *flags, "--fields", more)
    made: dict[str, Any] = next(
        one for one in json.loads(run("endpoints", "list", "--json"))["items"] if one["label"] == "New"
    )
    assert re.search(r"secret +whsec_", page)
    assert "s3cr3t" not in page
    assert made["event_types"] == ["a.*", "b"]
    assert made["headers"] == {"X-Env": "prod"}
    assert (made["ordering"], made["timeout_s"], made["retry"]) == ("subject", 5.0, {"delays_s": [1.0, 5.0]})
    changed = json.loads(
        run("endpoints", "update", made["id"], "--label", "Old", "--fields", '{"retry":null}', "--json")
    )
    assert (changed["label"], changed["retry"], changed["url"]) == ("Old", None, made["url"])
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    (tmp_path / "secret").write_text(own + "\n")
    assert run("endpoints", "rotate-secret", made["id"], "--grace", "0", code=ExitCode.NOT_CONFIRMED)
    assert run("endpoints", "rotate-secret", made["id"], "--secret-file", str(tmp_path / "secret")) == own + "\n"
    assert run("endpoints", "rotate-secret", made["id"], "--grace", "0", "--yes").startswith("whsec_")
    assert run("endpoints", "delete", made["id"], "--yes") == f"{made['id']} is deleted.\n"


def test_figures_by_day_have_bars(scene: Scene, run: Run) -> None:
    printed = run("endpoints", "stats", scene.gone)
    assert len(printed.splitlines()) == 1 + 14 + 1
    assert re.search(r"  0 +1  █{30}$", printed.splitlines()[-2])
    assert printed.splitlines()[-1] == "0 succeeded, 1 failed, 0.0% of 1 attempts"


def test_an_event_is_sent_again(scene: Scene, run: Run) -> None:
    before = len(scene.tenant.attempts(scene.good))
    assert run("events", "resend", scene.event, "--endpoint", scene.good) == "Queued for 1 endpoint.\n"
    wait_until(lambda: len(scene.tenant.attempts(scene.good)) == before + 1, 15, "it was sent again")


# ── what goes wrong ────────────────────────────────────────────────────────────────────────────────────────────


def test_field_errors_stand_on_lines_of_their_own(scene: Scene, run: Run) -> None:
    flags = ["--rate-per-second", "-5", "--type", "**", "--label", "x\x1b[31m"]
    said = run("endpoints", "update", scene.good, *flags, code=ExitCode.API_REFUSED)
    assert_harmless(said)
    assert said.splitlines()[0].endswith("[invalid, HTTP 422]")
    assert "  rate_per_second: must be from 0.0001 to 10,000 requests a second" in said.splitlines()


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--tenant", "nope"], ExitCode.API_REFUSED, "no such tenant. It is named by --tenant"),
        (["--key", "nope-nope-nope"], ExitCode.API_REFUSED, "Give another with --key or RINGBACK_KEY"),
        (["--url", "http://127.0.0.1:1"], ExitCode.API_UNREACHABLE, "Connection refused. Is the server running"),
        (["--url", "nonsense"], ExitCode.BAD_SETTING, "https://host:port"),
        (["--endpoint", "a\x1bb"], ExitCode.API_REFUSED, "endpoint_id"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_says_what_to_do(run: Run, flags: list[str], code: int, words: str) -> None:
    said = run("events", "list", *flags, code=code)
    assert words in said
    assert said.count("\n") == 1
    assert_harmless(said)


def test_a_missing_key_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RINGBACK_KEY")
    said = run("events", "list", code=ExitCode.BAD_SETTING)
    assert "'--key' (env var: 'RINGBACK_KEY')" in said
    assert said.count("\n") == 1


def test_a_change_of_nothing_and_fields_that_are_no_object_are_refused(run: Run) -> None:
    assert "nothing to change" in run("endpoints", "update", "ep_1", code=ExitCode.BAD_SETTING)
    assert "not a JSON object" in run("endpoints", "update", "ep_1", "--fields", "[]", code=ExitCode.BAD_SETTING)
    assert "grace: 'soon'" in run("endpoints", "rotate-secret", "ep_1", "--grace", "soon", code=ExitCode.BAD_SETTING)


def test_a_redacted_event_says_that_its_payload_was_removed(scene: Scene, run: Run) -> None:
    event = scene.tenant.send("quiet", {"name": "Ada"})
    assert "Ada" in run("events", "show", event)
    wait_until(lambda: scene.tenant.attempts(scene.good)[-1]["event_id"] == event, 15, "it was sent")
    path = f"{scene.tenant.path}/events/{event}/payload"
    assert scene.tenant.server.ask("DELETE", path).status < 300
    page = run("events", "show", event)
    assert "payload   removed for privacy\n" in page
    assert "data" not in page
    assert "null" not in page
    # Last in this file: it is the newest attempt of an endpoint that others look at.
    attempt = scene.attempt(scene.good)
    assert "the body is not kept any more" in run("attempts", "show", attempt)
    assert "can't be sent again" in run("attempts", "show", attempt, "--curl", code=ExitCode.BAD_SETTING)
