"""The suites that every store passes, to be imported whole: a new suite is thereby everybody's.

A durable store adds `suite_durability`; one that takes several write transactions at once `TestConcurrentIntake` and
`TestConcurrentRecords`; and each adds what it is: `TestSoleNodes` and `TestBringingForward`, or `TestSharedNodes` and
`TestManyClocks`.
"""

from conformance.suite_audit_trail import TestAuditTrail
from conformance.suite_bins import TestBins, TestExpiringBins
from conformance.suite_catalogue import TestEventTypes, TestQuotas, TestSchemaVersions
from conformance.suite_census import TestCensus
from conformance.suite_clearing import TestCancelling, TestExpiringKeys, TestPurging
from conformance.suite_clock import TestNewWork
from conformance.suite_config import TestApiKeys, TestChanges, TestSecrets, TestTenants
from conformance.suite_console import TestConsoleLinks, TestConsoleSessions, TestOperators
from conformance.suite_differential import TestDifferential
from conformance.suite_endpoints import TestEndpoints, TestLaneFollowsStatus, TestLanesOf
from conformance.suite_fetch import TestFetch, TestOrderedFetch
from conformance.suite_handshakes import TestHandshakes, TestLanesThatAsk
from conformance.suite_health import TestHealth
from conformance.suite_intake import TestIntake, TestKeys
from conformance.suite_jobs import TestJobs, TestJobSteps, TestReplayPages
from conformance.suite_lanes import TestBells, TestClaims, TestRelease
from conformance.suite_log import TestAttemptLog, TestBehindOthers, TestEventLog, TestProgress, TestSearch
from conformance.suite_nodes import TestNodes
from conformance.suite_notices import (
    TestNoticesOfTransactions,
    TestPatternsOfEndpoints,
    TestToldWithEndpoints,
    TestToldWithHealth,
    TestToldWithSettlements,
)
from conformance.suite_numbers import TestNumbers
from conformance.suite_profiles import TestProfiles, TestUsersOfProfiles
from conformance.suite_pulses import TestPulses
from conformance.suite_records import TestForgettingRecords, TestRecords, TestRecordTransactions, TestRecordTypes
from conformance.suite_redaction import TestRedactions
from conformance.suite_resend import TestResends
from conformance.suite_retention import TestRetention, TestTrimmedChanges, TestWholeDays
from conformance.suite_rules import TestNotices, TestPurgingRecords, TestRuleFailures
from conformance.suite_settlements import TestDayCounts, TestSettlements
from conformance.suite_switch import TestLanesFollowTheTenant
from conformance.suite_tracked_sets import TestClearingMembers, TestMembers, TestTrackedSets
from conformance.suite_triggers import TestTriggers
from conformance.suite_upkeep import TestMissingLanes, TestOrphans, TestStranded
from conformance.suite_wakeups import TestWakeups

__all__ = [
    "TestApiKeys",
    "TestAttemptLog",
    "TestAuditTrail",
    "TestBehindOthers",
    "TestBells",
    "TestBins",
    "TestCancelling",
    "TestCensus",
    "TestChanges",
    "TestClaims",
    "TestClearingMembers",
    "TestConsoleLinks",
    "TestConsoleSessions",
    "TestDayCounts",
    "TestDifferential",
    "TestEndpoints",
    "TestEventLog",
    "TestEventTypes",
    "TestExpiringBins",
    "TestExpiringKeys",
    "TestFetch",
    "TestForgettingRecords",
    "TestHandshakes",
    "TestHealth",
    "TestIntake",
    "TestJobSteps",
    "TestJobs",
    "TestKeys",
    "TestLaneFollowsStatus",
    "TestLanesFollowTheTenant",
    "TestLanesOf",
    "TestLanesThatAsk",
    "TestMembers",
    "TestMissingLanes",
    "TestNewWork",
    "TestNodes",
    "TestNotices",
    "TestNoticesOfTransactions",
    "TestNumbers",
    "TestOperators",
    "TestOrderedFetch",
    "TestOrphans",
    "TestPatternsOfEndpoints",
    "TestProfiles",
    "TestProgress",
    "TestPulses",
    "TestPurging",
    "TestPurgingRecords",
    "TestQuotas",
    "TestRecordTransactions",
    "TestRecordTypes",
    "TestRecords",
    "TestRedactions",
    "TestRelease",
    "TestReplayPages",
    "TestResends",
    "TestRetention",
    "TestRuleFailures",
    "TestSchemaVersions",
    "TestSearch",
    "TestSecrets",
    "TestSettlements",
    "TestStranded",
    "TestTenants",
    "TestToldWithEndpoints",
    "TestToldWithHealth",
    "TestToldWithSettlements",
    "TestTrackedSets",
    "TestTriggers",
    "TestTrimmedChanges",
    "TestUsersOfProfiles",
    "TestWakeups",
    "TestWholeDays",
]
