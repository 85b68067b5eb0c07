"""Receivers at the other end of the simulation: they answer after a while, fail, or let a request run out of time.

`SimTransport` is the engine's transport. A request lives at the receiver: it goes on while its sender is paused, and
ends at its deadline at the latest.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringback.engine.departure import Sent, departure_of, logged, take_off
from ringback.engine.ports import Answered, InboundResponse, OutboundRequest
from ringback.model.attempt import Timings
from ringback.model.event import Event
from ringback.outgoing import Target
from simulation.scheduler import Task

if TYPE_CHECKING:
    from simulation.node import Node
    from simulation.world import World


@dataclass
class Receiver:
    """How one endpoint behaves. `failing`, `throttling` and `hanging` are chances; in an outage (virtual seconds) it
    always fails."""

    failing: float = 0.0
    throttling: float = 0.0
    hanging: float = 0.0
    slow: bool = False
    outage: tuple[float, float] = (0.0, 0.0)


@dataclass(eq=False)
class Request:
    """One request as the receiver saw it. `ended` says that its sender knows how it ended."""

    at_s: float
    node: "Node"
    event_id: str
    endpoint_id: str
    ends_at_s: float
    status: int | None
    ended: bool = False


class SimTransport:
    """`engine.ports.Transport` to the receivers of a world."""

    def __init__(self, node: "Node", world: "World") -> None:
        self._node = node
        self._world = world
        self._pending: dict[int, tuple[Request, Sent]] = {}
        self._asked: dict[int, tuple[float, OutboundRequest]] = {}
        self._aborted: list[int] = []
        self._task: Task | None = None

    def deliver(self, token: int, target: Target, event: Event, attempt: int = 1) -> None:
        now_s = self._world.scheduler.now_s
        sent, request = take_off(departure_of(token, 1, target, event, attempt), target, self._node.clock)
        event_id = next(line for line in request.headers if line.startswith("webhook-id: "))[12:]
        endpoint_id = request.url.rsplit("/", 1)[1]
        status, takes_s = self._answer_of(self._world.receivers[endpoint_id], request.deadline_s)
        seen = Request(now_s, self._node, event_id, endpoint_id, now_s + takes_s, status)
        self._pending[token] = (seen, sent)
        self._world.request_started(seen)

    def start(self, request: OutboundRequest) -> None:
        """A handshake's: its body comes back, or nothing does."""
        self._world.scheduler.note(f"asks {request.url}")
        takes_s = self._world.scheduler.random.uniform(0.001, 0.5)
        self._asked[request.token] = (self._world.scheduler.now_s + takes_s, request)

    def _answer_of(self, receiver: Receiver, deadline_s: float) -> tuple[int | None, float]:
        scheduler = self._world.scheduler
        random = scheduler.random
        draw = random.random()
        if receiver.outage[0] <= scheduler.now_s < receiver.outage[1]:
            return 500, 0.01 + 0.1 * draw
        if draw < max(receiver.failing / 40, receiver.hanging):
            return None, deadline_s
        status = 500 if draw < receiver.failing else 429 if draw > 1.0 - receiver.throttling else 200
        if receiver.slow:
            return status, random.uniform(0.5, 4.0)
        return status, random.uniform(0.001, 0.05) if random.random() < 0.9 else random.uniform(0.05, 3.0)

    def poll(self, timeout_s: float) -> list[Answered]:
        scheduler = self._world.scheduler
        ends_s = [seen.ends_at_s for seen, _ in self._pending.values()]
        due_s = min([*ends_s, *(at_s for at_s, _ in self._asked.values())], default=1e18) - scheduler.now_s
        self._task = scheduler.current()
        if due_s > 0.0 and timeout_s > 0.0 and not self._aborted:
            scheduler.wait(min(due_s, timeout_s))
        else:
            scheduler.wait(0.0001)
        self._task = None
        done = [token for token, (seen, _) in self._pending.items() if seen.ends_at_s <= scheduler.now_s]
        responses = [self._answered(token) for token in done]
        responses += [self._broken_off(token) for token in self._aborted if token in self._pending]
        if self._asked:
            responses += self._proofs()
        self._aborted.clear()
        return responses

    def wake(self) -> None:
        if self._task is not None:
            self._world.scheduler.wake(self._task)

    def abort(self, token: int) -> None:
        self._aborted.append(token)

    def close(self) -> None:
        self._pending.clear()

    def _answered(self, token: int) -> Answered:
        seen, _ = self._pending[token]
        took_ms = (seen.ends_at_s - seen.at_s) * 1000
        return self._ended(token, seen.status, None if seen.status else "timeout", took_ms)

    def _broken_off(self, token: int) -> Answered:
        seen, _ = self._pending[token]
        seen.ends_at_s = self._world.scheduler.now_s
        return self._ended(token, None, "aborted", 1.0)

    def _proofs(self) -> list[Answered]:
        scheduler = self._world.scheduler
        answered = []
        for token, (ends_at_s, request) in list(self._asked.items()):
            if token in self._aborted or ends_at_s <= scheduler.now_s:
                del self._asked[token]
                lost = "aborted" if token in self._aborted else "timeout" if scheduler.random.random() < 0.2 else None
                timings = Timings(None, None, None, None, 1.0)
                status, body = (200, request.body) if lost is None else (None, b"")
                response = InboundResponse(token, status, lost, lost, [], body, False, timings, None, "1.1")
                answered.append(Answered(response, None))
        return answered

    def _ended(self, token: int, status: int | None, error: str | None, took_ms: float) -> Answered:
        seen, sent = self._pending.pop(token)
        seen.ended = True
        self._world.request_ended(seen)
        timings = Timings(None, None, None, None, took_ms)
        headers = [("Retry-After", "3")] if status == 429 else []
        response = InboundResponse(token, status, error, error, headers, b"", False, timings, "192.0.2.1:443", "1.1")
        return Answered(response, logged(sent, response))
