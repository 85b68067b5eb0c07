"""The reference store: every protocol of `store.port` over plain dictionaries, in one process, for as long as it runs.

It says what the others must do, and the simulation runs on it. Each method is one transaction under one lock; none
keeps the lock when it returns, so that several engines may take turns on one store between any two calls. It
never forgets by itself, never waits for another transaction (it raises Retryable) and keeps nothing on disk, so it
has nothing to seal.
Clear comes before fast: most reads walk a whole table.
"""

from collections.abc import Sequence

from ringback.store.memory.audit_trail import MemoryAuditTrail
from ringback.store.memory.bins import MemoryBins
from ringback.store.memory.census import MemoryCensus
from ringback.store.memory.clock import MemoryClock
from ringback.store.memory.config import MemoryEndpoints, MemoryFollow, MemoryHandshakes, MemoryKeys, MemoryTenants
from ringback.store.memory.console import MemoryConsole
from ringback.store.memory.event_types import MemoryEventTypes
from ringback.store.memory.intake import MemoryIntake
from ringback.store.memory.jobs import MemoryJobs, MemoryJobSteps
from ringback.store.memory.lanes import MemoryLanes, MemoryNodes
from ringback.store.memory.log import MemoryLog
from ringback.store.memory.profiles import MemoryProfiles
from ringback.store.memory.pulse import MemoryPulses
from ringback.store.memory.records import MemoryRecords, MemoryRecordTypes
from ringback.store.memory.redaction import MemoryRedactions
from ringback.store.memory.retention import MemoryRetention
from ringback.store.memory.rules import MemoryNotices, MemoryRuleFailures, MemoryTriggers
from ringback.store.memory.settling import MemorySettlements
from ringback.store.memory.tables import MemoryTables
from ringback.store.memory.tracked_sets import MemoryTrackedSets
from ringback.store.memory.upkeep import MemoryUpkeep
from ringback.store.port import Space, Store


class MemoryStore(
    MemoryIntake,
    MemoryLanes,
    MemoryNodes,
    MemorySettlements,
    MemoryHandshakes,
    MemoryClock,
    MemoryUpkeep,
    MemoryRetention,
    MemoryRedactions,
    MemoryJobs,
    MemoryJobSteps,
    MemoryFollow,
    MemoryTenants,
    MemoryEventTypes,
    MemoryProfiles,
    MemoryKeys,
    MemoryEndpoints,
    MemoryRecords,
    MemoryRecordTypes,
    MemoryTrackedSets,
    MemoryTriggers,
    MemoryRuleFailures,
    MemoryNotices,
    MemoryLog,
    MemoryCensus,
    MemoryBins,
    MemoryConsole,
    MemoryAuditTrail,
    MemoryPulses,
    Store,
):
    """A whole store in memory.

    `sole`: as SQLite, where a process that registers knows all others dead and frees their lanes; else as
    PostgreSQL, where they are taken over one by one.
    """

    by_tenant = False

    def __init__(self, sole: bool = True) -> None:
        super().__init__(MemoryTables(sole))

    def check(self) -> None:
        """Memory can always commit."""

    def cautions(self) -> Sequence[str]:
        """Memory promises nothing beyond the process."""
        return ()

    def space(self) -> Space:
        """As if there were no disk."""
        return Space(0, 0, None, None)

    def close(self) -> None:
        """Nothing to close."""
