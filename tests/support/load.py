"""Events posted to a real server by several threads until it is stopped, and what their senders know afterwards."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from support.process import wait_until
from support.tenant import TestTenant

THREADS = 4


class Load:
    """Which events were accepted (with an id of the sender's own, if it has a `prefix`), and when; how the others were
    turned away. Any answer but 202 and 503 with a Retry-After, and what follows on that, fails the test that waits
    here next."""

    def __init__(self, tenant: TestTenant, data: Any, prefix: str | None = None) -> None:
        self._tenant = tenant
        self._data = data
        self._prefix = prefix
        self._numbers = count(1)
        self.accepted: list[str] = []
        self.accepted_at_s: list[float] = []
        self.refused: Counter[str] = Counter()
        self.longest_s = 0.0
        self._failed: list[str] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.005):
            try:
                self._post({} if self._prefix is None else {"id": f"{self._prefix}-{next(self._numbers)}"})
            except (OSError, AssertionError) as error:
                self._failed.append(repr(error))
                return

    def _post(self, chosen: dict[str, str]) -> None:
        """One event, until it is accepted if its sender gave it an id: so a sender does whom a 503 left in doubt. The
        answer is 200 then if it had been stored all the same."""
        body = {"type": "thing.happened", "data": self._data, **chosen}
        taken = {202}
        while True:
            asked_s = time.monotonic()
            answer = self._tenant.server.ask("POST", f"{self._tenant.path}/events", body)
            now_s = time.monotonic()
            with self._lock:
                self.longest_s = max(self.longest_s, now_s - asked_s)
                if answer.status in taken:
                    self.accepted.append(answer.json["id"])
                    self.accepted_at_s.append(now_s)
                    return
                assert answer.status == 503, (answer.status, answer.body)
                assert int(answer.headers["retry-after"]) >= 1
                self.refused[answer.json["code"]] += 1
                taken.add(200)
            if not chosen or self._stopping.wait(0.05):
                return

    def wait_accepted(self, more: int, within_s: float = 30.0) -> None:
        """Until so many more were accepted from now on."""
        target = len(self.accepted) + more
        self._wait(lambda: len(self.accepted) >= target, within_s, f"{more} more events are accepted")

    def wait_refused(self, code: str) -> None:
        self._wait(lambda: self.refused[code] >= 3, 30.0, f"events are refused with {code}")

    def _wait(self, condition: Any, within_s: float, what: str) -> None:
        wait_until(lambda: self._failed or condition(), within_s, f"{what} (refused: {dict(self.refused)})")
        assert not self._failed, self._failed

    def away_s(self, since_s: float) -> float:
        """How long nobody got a 202, around that moment of the monotonic clock."""
        before = [at_s for at_s in self.accepted_at_s if at_s <= since_s]
        after = [at_s for at_s in self.accepted_at_s if at_s > since_s]
        pauses = [late - early for early, late in zip([max(before), *after], after, strict=False)]
        return max(pauses)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(40)
        assert not self._failed, self._failed


@contextmanager
def load_on(tenant: TestTenant, data: Any = None, prefix: str | None = None) -> Iterator[Load]:
    load = Load(tenant, data, prefix)
    try:
        yield load
    finally:
        load.stop()


def wait_all_delivered(tenant: TestTenant, event_ids: list[str], within_s: float = 60.0) -> None:
    """Wait until each of them, which have one delivery, is delivered."""
    left = list(event_ids)

    def done() -> bool:
        left[:] = [event_id for event_id in left[:20] if tenant.state(event_id) != "delivered"] + left[20:]
        return not left

    wait_until(done, within_s, "everything that was accepted is delivered")
