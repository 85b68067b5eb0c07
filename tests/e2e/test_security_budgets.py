"""SECURITY: the budgets of a request, each on its own, at a real server; and the log says at which one it stopped.

The name and the connection have budgets that are far below the deadline of the endpoints that need them, so that an
attempt can't have ended by the wrong one. One event goes to all receivers; each test reads what became of some.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

import pytest

from support.backlog import full_backlog
from support.nameserver import SILENT, NameServer
from support.process import Server, wait_until
from support.receivers import HOSTILE, Receiver, never_answering, slow
from support.tenant import TestTenant

RESOLVE_S_MAX: Final = 0.7
CONNECT_S_MAX: Final = 0.4
TOTAL_S_MAX: Final = 20.0
# Longer than the connection may take: who is connected has all of the endpoint's time.
TIMEOUT_S: Final = 1.0

NO_NAME: Final = ("dns_failed", "The name servers gave no answer in time.")
NO_CONNECTION: Final = ("timeout", "No connection could be made in time: the address did not answer.")
NO_HANDSHAKE: Final = ("timeout", "The connection was made, but the TLS handshake did not end in time.")
NO_STATUS_LINE: Final = ("timeout", "The receiver sent no status line in time. It may have got the request.")
NO_HEADERS: Final = ("timeout", "The receiver began to answer, but its headers were not complete in time.")


class Case(NamedTuple):
    """What the endpoint may take, what the log says in the end, and what that must have cost at least."""

    timeout_s: float
    error: tuple[str, str]
    cost_s: float


CASES: Final[Mapping[str, Case]] = {
    "a name that is not answered for": Case(TOTAL_S_MAX, NO_NAME, RESOLVE_S_MAX),
    "a port that drops what comes": Case(TOTAL_S_MAX, NO_CONNECTION, CONNECT_S_MAX),
    "a handshake without end": Case(TOTAL_S_MAX, NO_HANDSHAKE, CONNECT_S_MAX),
    "a handshake, and less time than a connection has": Case(0.2, NO_HANDSHAKE, 0.2),
    "no answer": Case(TIMEOUT_S, NO_STATUS_LINE, TIMEOUT_S),
    "headers without end": Case(TIMEOUT_S, NO_HEADERS, TIMEOUT_S),
    "a status line without end": Case(TIMEOUT_S, NO_STATUS_LINE, TIMEOUT_S),
}
LATE: Final = "an answer that comes late"


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, dict[str, Any]]]:
    """The one attempt at each."""
    with ExitStack() as stack:
        names = stack.enter_context(NameServer())
        names.say("silent.example", SILENT)
        silent, deaf = (stack.enter_context(Receiver(never_answering)) for _ in range(2))
        dripping, stuttering, late = (
            stack.enter_context(Receiver(script))
            for script in (HOSTILE["slow_headers"], HOSTILE["slow_status_line"], slow(2 * CONNECT_S_MAX))
        )
        urls = {
            "a name that is not answered for": "http://silent.example:7000/",
            "a port that drops what comes": f"http://127.0.0.1:{stack.enter_context(full_backlog())}/",
            "a handshake without end": f"https://127.0.0.1:{deaf.port}/",
            "a handshake, and less time than a connection has": f"https://127.0.0.1:{deaf.port}/",
            "no answer": silent.url,
            "headers without end": dripping.url,
            "a status line without end": stuttering.url,
            LATE: late.url,
        }
        server = Server(
            tmp_path_factory.mktemp("budgets") / "data",
            *("--allow-private", "--name-servers", names.address),
            environment={"RINGBACK_RESOLVE_S_MAX": str(RESOLVE_S_MAX), "RINGBACK_CONNECT_S_MAX": str(CONNECT_S_MAX)},
        )
        tenant = TestTenant(stack.enter_context(server), "budgets")
        kinds = {
            tenant.endpoint(
                url, timeout_s=CASES[kind].timeout_s if kind in CASES else TOTAL_S_MAX, retry={"delays_s": []}
            )["id"]: kind
            for kind, url in urls.items()
        }
        tenant.send()
        listed = wait_until(lambda: _all_of(tenant, len(kinds)), 15, "an attempt at each")
        yield {kinds[attempt["endpoint_id"]]: tenant.attempt(attempt["id"]) for attempt in listed}


def _all_of(tenant: TestTenant, count: int) -> list[dict[str, Any]] | None:
    found = tenant.attempts()
    return found if len(found) == count else None


@pytest.mark.parametrize("kind", CASES)
def test_each_part_of_a_request_has_its_budget_and_the_log_says_which_ran_out(
    attempts: Mapping[str, dict[str, Any]], kind: str
) -> None:
    """That all were there long before the twenty seconds of the first three is what the fixture waits for."""
    attempt, case = attempts[kind], CASES[kind]
    assert (attempt["error"]["code"], attempt["error"]["message"]) == case.error
    assert attempt["status_code"] is None
    # The clocks of libcurl and the resolver go by milliseconds.
    assert attempt["duration_ms"] >= case.cost_s * 1000 - 20


def test_who_is_connected_has_all_the_time_of_its_endpoint_for_the_first_byte(
    attempts: Mapping[str, dict[str, Any]],
) -> None:
    late = attempts[LATE]
    assert (late["status_code"], late["outcome"]) == (200, "succeeded")
    assert late["timings_ms"]["first_byte"] > CONNECT_S_MAX * 1000
    assert attempts["no answer"]["timings_ms"]["first_byte"] is None


def test_a_stage_that_was_not_come_to_has_no_time(attempts: Mapping[str, dict[str, Any]]) -> None:
    times = {kind: {name for name, ms in attempts[kind]["timings_ms"].items() if ms} for kind in attempts}
    assert times["a name that is not answered for"] == {"dns", "total"}
    assert times["a port that drops what comes"] == {"total"}
    assert times["a handshake without end"] == {"connect", "total"}
    assert times["no answer"] == {"connect", "total"}
