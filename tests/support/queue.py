"""Long queues for tests of what a queue's length costs."""

from collections.abc import Callable

from ringback.store.port import Store
from support.rows import NOW, event, new_delivery


def fill(store: Store, rows: int, key: Callable[[int], str | None], prefix: str, due_at: int = NOW) -> None:
    """Queue so many deliveries at `ep_a`. They share one event: it is the queue that has to be long."""
    one = event(prefix)
    deliveries = [new_delivery(one, due_at=due_at)._replace(ordering_key=key(place)) for place in range(rows)]
    with store.intake() as transaction:
        transaction.insert([one], deliveries)
        transaction.commit()
