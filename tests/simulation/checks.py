"""What must hold in every run of the simulation, whatever the seed.

- Nobody starts a request for a lane that another node believes in.
- A delivery is sent again only after an attempt that failed and was recorded; a second request beside or after a
  successful one is allowed only where a lease was lost, a process died or a commit was in doubt.
- The heads of an ordered lane go out one at a time for each key, in order.
- A lane's row never names a node that has no row.
- In the end nothing is left: everything that was accepted has been delivered, and no failed attempt is counted twice.
"""

from simulation.world import Request, World


class Checks:
    """Watches a world. `excusable` says whether something happened that may cause a duplicate."""

    def __init__(self, world: World, *, late_s: float, ordered: set[str]) -> None:
        self._world = world
        self._late_s = late_s
        self._ordered = ordered
        world.on_request = self._on_request
        world.scheduler.after_step = self._after_step

    @property
    def excusable(self) -> bool:
        world = self._world
        return bool(world.crashes or world.doubts or world.takeovers)

    def _on_request(self, request: Request) -> None:
        self._one_owner(request)
        self._no_duplicate(request)
        if request.endpoint_id in self._ordered:
            self._in_order(request)

    def _one_owner(self, request: Request) -> None:
        for other in self._world.alive:
            if other is request.node or request.endpoint_id not in other.dispatcher.lanes:
                continue
            if other.lease.until_s > other.clock.boottime_s():
                self._world.violate(
                    f"{request.node.process.name} sends for {request.endpoint_id}, which {other.process.name} believes in"
                )

    def _no_duplicate(self, request: Request) -> None:
        if self.excusable:
            return
        for earlier in self._world.requests.get((request.event_id, request.endpoint_id), []):
            if earlier.status == 200 or not earlier.ended:
                self._world.violate(f"{request.event_id} sent twice to {request.endpoint_id}, and nothing explains it")
                return

    def _in_order(self, request: Request) -> None:
        """No other event of the same key is in flight, and none that was accepted earlier is unfinished."""
        if self.excusable:
            return
        world = self._world
        key = world.key_at(request.event_id, request.endpoint_id)
        for (event_id, endpoint_id), requests in world.requests.items():
            if endpoint_id != request.endpoint_id or event_id == request.event_id or world.key_at(event_id, endpoint_id) != key:
                continue
            if any(not earlier.ended and earlier.node in world.alive for earlier in requests):
                world.violate(f"{request.event_id} and {event_id} of one key are in flight together")


    def _after_step(self) -> None:
        if self._world.scheduler.steps % 7:
            return
        nodes = {node.id for node in self._world.store.nodes()}
        for owner, endpoint_id in self._world.owners():
            if owner not in nodes:
                self._world.violate(f"the lane of {endpoint_id} names {owner}, which has no row")

    def at_the_end(self) -> None:
        """After the faults are over and time has passed."""
        self._all_delivered()
        self._numbers()
        self._in_time()

    def _all_delivered(self) -> None:
        world = self._world
        left = world.pending()
        for delivery in left[:3]:
            world.violate(f"{delivery.event_id} is stuck at {delivery.endpoint_id} (due {delivery.due_at}, {len(left)} in all)")
        for event_id in world.accepted:
            for endpoint_id in world.wanted_by(event_id):
                requests = world.requests.get((event_id, endpoint_id), [])
                if not any(request.status == 200 for request in requests) and not left:
                    world.violate(f"{event_id} was accepted and never reached {endpoint_id}")

    def _numbers(self) -> None:
        seen: set[tuple[str, str, int]] = set()
        for attempt in self._world.attempts():
            if attempt.superseded or attempt.outcome == "succeeded":
                continue  # a success ends its delivery whatever else was recorded
            key = (attempt.event_id, attempt.endpoint_id, attempt.number)
            if key in seen:
                self._world.violate(f"attempt {key} failed twice in the log and neither is marked")
            seen.add(key)
        if not self._world.crashes:
            logged = sum(1 for _ in self._world.attempts())
            sent = sum(len(requests) for requests in self._world.requests.values())
            if logged != sent:
                self._world.violate(f"{sent} requests left, {logged} are in the log")

    def _in_time(self) -> None:
        world = self._world
        for event_id, (accepted_s, event) in world.accepted.items():
            if event.deliver_at is not None:
                continue
            for endpoint_id in world.prompt & world.wanted_by(event_id):
                requests = world.requests.get((event_id, endpoint_id), [])
                if requests and requests[0].at_s - accepted_s > self._late_s:
                    world.violate(
                        f"{event_id} first went to {endpoint_id} {requests[0].at_s - accepted_s:.1f} s after it was accepted"
                    )
