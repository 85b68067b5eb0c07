"""Rules that fail on an event: filters and triggers that can't be evaluated. Kept for people to see, and logged.

They come up inside the writer's transaction, which may be rolled back and tried again; so they wait until it is
committed, and are written afterwards, in a transaction of their own, at most once a second. Of each rule one failure a
minute is told, the last one of its batch; that is enough to mend it by, and a rule that fails on every event costs
little. Never fails a batch: what can't be written waits, what is too much is left out. On the writer's thread alone.
"""

from typing import Final

from ringback.clock import Clock
from ringback.model.limits import STEP_ROWS_MAX
from ringback.observe.telemetry import Observer, RuleFailed, unobserved
from ringback.store.port import BadRow, CommitInDoubt, Retryable, RuleFailure, StoreUnavailable
from ringback.store.port import RuleFailures as RuleFailureStore

AGAIN_S: Final = 60.0
FLUSH_EVERY_S: Final = 1.0
RULES_KNOWN_MAX: Final = 10_000


class RuleFailures:
    """`failed` for whoever evaluates rules; the rest for the writer. Without a store nothing is kept."""

    def __init__(self, store: RuleFailureStore | None, clock: Clock, observer: Observer = unobserved) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._drafts: dict[str, RuleFailure] = {}
        self._waiting: dict[str, RuleFailure] = {}
        self._told_s: dict[str, float] = {}
        self._flushed_s = -FLUSH_EVERY_S

    def failed(self, tenant_id: str, rule_id: str, event_id: str, message: str) -> None:
        """A rule failed on an event of the transaction under way."""
        if self._store is None or (rule_id in self._told_s and not self._due(rule_id)):
            return
        if rule_id in self._drafts or len(self._drafts) + len(self._waiting) < STEP_ROWS_MAX:
            self._drafts[rule_id] = RuleFailure(tenant_id, rule_id, self._clock.now_ms(), event_id, message)

    def begin(self) -> None:
        """A transaction begins: what came up in the one before has not happened."""
        if self._drafts:
            self._drafts.clear()

    def committed(self) -> None:
        """What came up has happened."""
        if self._drafts:
            now_s = self._clock.boottime_s()
            if len(self._told_s) >= RULES_KNOWN_MAX:
                self._told_s.clear()
            for rule_id in self._drafts:
                self._told_s[rule_id] = now_s
            self._waiting.update(self._drafts)
            self._drafts.clear()

    def flush(self) -> None:
        """Write what waits, unless that was done just now."""
        if not self._waiting or self._store is None:
            return
        now_s = self._clock.boottime_s()
        if now_s - self._flushed_s < FLUSH_EVERY_S:
            return
        self._flushed_s = now_s
        failures = [self._waiting[rule_id] for rule_id in sorted(self._waiting)]
        try:
            self._store.note_rule_failures(failures)
        except (StoreUnavailable, Retryable, CommitInDoubt):
            return
        except BadRow:
            self._waiting.clear()
            return
        self._waiting.clear()
        for failure in failures:
            self._observer(RuleFailed(failure.tenant_id, failure.rule_id, failure.event_id, failure.message))

    def _due(self, rule_id: str) -> bool:
        return self._clock.boottime_s() - self._told_s[rule_id] >= AGAIN_S
