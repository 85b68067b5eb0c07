"""replay against a stand-in for the API: what it asks for, how it waits, and what it says when it is interrupted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ringback.cli import replay as replay_module
from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.clock import SystemClock
from ringback.times import parse_rfc3339
from support.stand_in import KEY, StandIn

STARTED = {"id": "job_1", "matched": 3}
ARGUMENTS = ["replay", "--tenant", "acme", "--endpoint", "ep_1"]


def job(done: int, state: str = "running") -> dict[str, Any]:
    return {**STARTED, "state": state, "done": done}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn()
    monkeypatch.setenv("RINGBACK_URL", stand_in.url)
    monkeypatch.setenv("RINGBACK_KEY", KEY)
    monkeypatch.setattr(replay_module, "POLL_EVERY_S", 0.0)
    answers = iter([job(0), job(2), job(3, "done")])
    stand_in.answers["POST /v1/tenants/acme/endpoints/ep_1/replay"] = lambda _: (202, STARTED)
    stand_in.answers["GET /v1/tenants/acme/jobs/job_1"] = lambda _: (200, next(answers))
    yield stand_in
    stand_in.stop()


def test_it_waits_until_the_job_has_ended(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    span = ["--since", "2026-11-21T00:00:00Z", "--until", "2026-11-21T02:00:00+01:00", "--which", "all"]
    assert main([*ARGUMENTS, *span]) == 0
    assert capsys.readouterr() == ("job_1 done: 3 of 3 events queued\n", "")
    assert json.loads(api.requests[0].body) == {
        "since": "2026-11-21T00:00:00.000Z",
        "until": "2026-11-21T01:00:00.000Z",
        "which": "all",
    }
    assert [request.method for request in api.requests] == ["POST", "GET", "GET", "GET"]


def test_json_is_the_job_as_it_ended(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ARGUMENTS, "--since", "24h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == job(3, "done")


@pytest.mark.parametrize(
    ("flags", "printed"), [([], "job_1: 3 events matched\n"), (["--json"], json.dumps(STARTED) + "\n")]
)
def test_without_waiting(api: StandIn, capsys: pytest.CaptureFixture[str], flags: list[str], printed: str) -> None:
    assert main([*ARGUMENTS, "--since", "24h", "--no-wait", *flags]) == 0
    assert capsys.readouterr().out == printed
    assert len(api.requests) == 1


@pytest.mark.parametrize(("ago", "ms"), [("90s", 90_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000)])
def test_times_ago(api: StandIn, ago: str, ms: int) -> None:
    before = SystemClock().now_ms()
    assert main([*ARGUMENTS, "--since", ago, "--no-wait"]) == 0
    after = SystemClock().now_ms()
    body = json.loads(api.requests[0].body)
    assert before - ms <= parse_rfc3339(body["since"]) <= after - ms
    assert (body["which"], "until" in body) == ("failed", False)


@pytest.mark.parametrize("flags", [["--since", "yesterday"], ["--since", "5"], ["--since", "1h", "--until", "soon"]])
def test_what_is_no_time_is_refused_before_asking(
    api: StandIn, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ARGUMENTS, *flags]) == ExitCode.BAD_SETTING
    assert "[bad_setting]" in capsys.readouterr().err
    assert api.requests == []


def test_ctrl_c_leaves_the_job_running_and_says_how_to_look(
    api: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay_module.time, "sleep", interrupted)
    assert main([*ARGUMENTS, "--since", "24h"]) == ExitCode.INTERRUPTED
    said = capsys.readouterr()
    assert f"GET {api.url}/v1/tenants/acme/jobs/job_1 shows how far it is" in said.err
    assert said.out == ""
    assert "DELETE" not in {request.method for request in api.requests}


def test_a_refusal_is_one_line(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"code": "replay_quota", "detail": "One is running."}
    api.answers["POST /v1/tenants/acme/endpoints/ep_1/replay"] = lambda _: (429, problem)
    assert main([*ARGUMENTS, "--since", "24h"]) == ExitCode.API_REFUSED
    assert capsys.readouterr().err == "ringback: One is running. [replay_quota, HTTP 429]\n"
