"""The settler when the wall clock was set back: what was judged before is settled before, then waits are shortened."""

from collections.abc import Sequence

from conformance.backend import accept_many, add_endpoint, fetch
from ringback.engine import messages as m
from ringback.engine.settler import FAILED_AT_ONCE, Settler
from ringback.observe.telemetry import StoreTrouble, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import Place, Settlement, StoreUnavailable
from ringback.workers import ThreadMailbox
from support.rows import NOW, failed

HOUR_MS = 3_600_000


class Store(MemoryStore):
    """Goes one row a step, notes what is done, and can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.failures = 0

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        self.done.append("settle")
        return super().settle(settlements)

    def bring_forward_step(self, by_ms: int, place: Place, limit: int) -> Place | None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("Gone.")
        self.done.append("forward")
        return super().bring_forward_step(by_ms, place, 1)


class World:
    def __init__(self, deliveries: int = 4) -> None:
        self.store = Store()
        add_endpoint(self.store)
        self.seqs = accept_many(self.store, deliveries)
        self.inbox: ThreadMailbox[m.ToSettler] = ThreadMailbox()
        self.told: list[m.ToDispatcher] = []
        self.seen: list[TelemetryEvent] = []
        self.settler = Settler(
            self.store, self.inbox, self.told.append, lambda seconds: None, self.seen.append,
            now_ms=lambda: NOW, refresh=lambda: None,
        )  # fmt: skip

    def settling(self, place: int, retry_at: int) -> m.Settling:
        settlement = Settlement(self.seqs[place], failed(place + 1, 1, f"evt_{place + 1:05d}"), retry_at, 1)
        return m.Settling(1, settlement, NOW, "", None, 0)

    def run(self) -> None:
        self.inbox.post([])  # so that nothing is waited for
        for _ in range(30):
            self.settler.step()
            if not self.settler._waiting and not self.settler._later:
                break

    def due(self) -> list[int]:
        return sorted(row.delivery.due_at for row in fetch(self.store, NOW + 10 * HOUR_MS).rows)


def test_failures_are_settled_a_few_at_a_time_and_in_order() -> None:
    count = 2 * FAILED_AT_ONCE + 5
    world = World(count)
    world.inbox.post([world.settling(place, NOW + place) for place in range(count)])
    world.run()
    assert world.store.done == ["settle"] * 3
    done = [seq for message in world.told if isinstance(message, m.Settled) for _, _, seq, _ in message.done]
    assert done == world.seqs
    assert world.due() == [NOW + place for place in range(count)]


def test_what_was_judged_by_the_old_clock_moves_and_what_the_new_one_judged_does_not() -> None:
    world = World()
    world.inbox.post([world.settling(0, NOW + HOUR_MS + 2_000), world.settling(1, NOW + HOUR_MS + 3_000)])
    world.inbox.post(m.SetBack(HOUR_MS))
    world.inbox.post([world.settling(2, NOW + 5_000)])
    world.run()
    assert world.due() == [NOW, NOW + 2_000, NOW + 3_000, NOW + 5_000]
    assert world.store.done == ["settle", "forward", "forward", "forward", "settle"]
    assert [type(message) for message in world.told] == [m.Settled, m.BroughtForward, m.Settled]


def test_a_store_that_fails_on_the_way_is_asked_again_and_nothing_moves_twice() -> None:
    world = World()
    world.inbox.post([world.settling(place, NOW + HOUR_MS + place) for place in range(4)])
    world.inbox.post(m.SetBack(HOUR_MS))
    world.settler.step()
    world.settler.step()
    world.store.failures = 2
    world.run()
    assert world.due() == [NOW, NOW + 1, NOW + 2, NOW + 3]
    assert world.seen == [StoreTrouble("settler", "store_unavailable", "Gone.")] * 2
    assert world.told.count(m.BroughtForward()) == 1


def test_two_steps_back_add_up() -> None:
    world = World()
    world.inbox.post([world.settling(0, NOW + 3 * HOUR_MS)])
    world.inbox.post(m.SetBack(HOUR_MS))
    world.inbox.post(m.SetBack(2 * HOUR_MS - 1))
    world.run()
    assert world.due() == [NOW, NOW, NOW, NOW + 1]
    assert world.told.count(m.BroughtForward()) == 2
