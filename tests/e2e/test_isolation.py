"""Nobody waits for somebody else's bad receiver: a real server with few slots, all that can be held is held."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.inbox import Inbox
from support.process import Server, wait_until
from support.receivers import OK, Connection, Receiver
from support.tenant import TestTenant

SLOTS = 40
SLOW_MAX = 30
HANGING = 40


class Failing:
    """Receivers that take more than a second for their first answer, so that they are known to be slow, and then
    never answer again."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, connection: Connection) -> None:
        while (request := connection.request()) is not None:
            first = request.line not in self._known
            self._known.add(request.line)
            if not connection.wait(1.1 if first else 60.0):
                return
            connection.send(OK)


@pytest.fixture(scope="module")
def few_slots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("isolation")
    environment = {"RINGBACK_IN_FLIGHT_MAX": str(SLOTS)}
    with Server(folder / "data", "--allow-private", environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def troubled(few_slots: Server) -> Iterator[TestTenant]:
    """A tenant whose endpoints hang: as many requests as may be are on their way and stay there."""
    tenant = TestTenant(few_slots, "troubled")
    with Receiver(Failing()) as hanging:
        for number in range(HANGING):
            tenant.endpoint(f"{hanging.url}/{number}", event_types=["bad.thing"])
        tenant.send("bad.thing")
        wait_until(lambda: len(tenant.attempts()) == HANGING, 15.0, "they are known")
        tenant.send("bad.thing")
        wait_until(lambda: len(hanging.requests) == HANGING + SLOW_MAX, 15.0, "they hold all they may")
        yield tenant


@pytest.mark.parametrize("whose", ["the same tenant", "another tenant"])
def test_a_new_endpoint_is_served_while_hanging_ones_hold_all_they_may(
    few_slots: Server, troubled: TestTenant, inbox: Inbox, whose: str
) -> None:
    tenant = troubled if whose == "the same tenant" else TestTenant(few_slots, "calm")
    tenant.endpoint(inbox.url(), event_types=["good.thing"])

    sent = [tenant.send("good.thing") for _ in range(20)]

    inbox.wait_for(20)
    assert {one.event_id for one in inbox.received} == set(sent)
    # Nothing that hangs has ended meanwhile: nobody's place was waited for.
    assert len([one for one in troubled.attempts() if one["event_type"] == "bad.thing"]) == HANGING
