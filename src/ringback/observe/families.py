"""The catalogue of metrics: every family that `/metrics` shows, with its labels, what it tells and what to do about it.

The one place where they are named: `prometheus` takes names, kinds and labels from here, docs/metrics.md is generated
from here, and tests/docs holds both against a real server's answer. Labels have few values, all known beforehand; ids
of tenants and endpoints are never among them.
"""

from typing import Final, NamedTuple

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"


class Family(NamedTuple):
    """`labels` are (name, its values in words). `tells` is the help text; `act` what to look at when it is unusual."""

    name: str
    kind: str
    tells: str
    labels: tuple[tuple[str, str], ...] = ()
    act: str = ""

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.labels)


_PART: Final = ("part", "`ingest`, `settle`")
_CODE: Final = ("code", "the codes of errors.md")
_ATTEMPT_OUTCOME: Final = ("outcome", "`succeeded`, `failed`")

INFO: Final = Family(
    "ringback_info", GAUGE, "Always 1; what runs.", (("version", "of Ringback"), ("role", "`all`, `api`, `engine`"))
)
EVENTS_ACCEPTED: Final = Family(
    "ringback_events_accepted_total", COUNTER, "Events stored before the caller was answered.",
    (("form", "`single`, `array`, `ndjson`, `record` and `records` (made by changes of records), `internal`"),),
)  # fmt: skip
EVENTS_REPEATED: Final = Family(
    "ringback_events_repeated_total", COUNTER, "Events that had been accepted before: answered, not stored again.",
    act="Many: a caller retries what succeeded.",
)  # fmt: skip
RECORD_WRITES: Final = Family(
    "ringback_record_writes_total", COUNTER, "Changes of records that were asked for, by what became of them.",
    (("result", "`created`, `updated`, `deleted`, `unchanged`, `stale`"),),
    "Many `stale`: the source sends out of order, or twice over.",
)  # fmt: skip
DELIVERIES_CREATED: Final = Family("ringback_deliveries_created_total", COUNTER, "Deliveries made of accepted events.")
REQUESTS_REFUSED: Final = Family(
    "ringback_event_requests_refused_total", COUNTER,
    "Requests with events, or changes of records, that were refused, whoever's fault.",
    (_CODE,), "`busy`, `disk_nearly_full`, `store_unavailable`: this server. Others: the caller.",
)  # fmt: skip
REQUEST_SECONDS: Final = Family(
    "ringback_event_request_seconds", HISTOGRAM, "From a request's head to its answer, the commit included.",
    (("outcome", "`accepted`, `refused`"),), "Slow: compare `ringback_commit_seconds`, then the disk.",
)  # fmt: skip
EVENTS_WAITING: Final = Family(
    "ringback_ingest_waiting_events", GAUGE,
    "Events that wait for their commit; from `waiting_events_max` on, more are refused (`busy`).",
    act="Growing: commits can't keep up.",
)  # fmt: skip
COMMIT_ROWS: Final = Family(
    "ringback_commit_rows", HISTOGRAM, "Events, or attempts, in one transaction.", (_PART,),
    "Many a commit is good: callers share it.",
)  # fmt: skip
COMMIT_SECONDS: Final = Family(
    "ringback_commit_seconds", HISTOGRAM, "How long one transaction took, its turn to write and the fsync included.",
    (_PART,), "Slow: the disk, or something else writes to it.",
)  # fmt: skip
ATTEMPTS: Final = Family(
    "ringback_attempts_total", COUNTER, "Requests to endpoints, recorded.",
    (_ATTEMPT_OUTCOME, ("status", "`1xx` to `5xx`, `none`"), ("error", "the codes of attempts in errors.md, `none`")),
    "Many `dns_failed`, `connect_failed`, `timeout` at once: this server's own network.",
)  # fmt: skip
ATTEMPT_SECONDS: Final = Family(
    "ringback_attempt_seconds", HISTOGRAM, "How long requests to endpoints took.", (_ATTEMPT_OUTCOME,)
)
DELIVERIES_ENDED: Final = Family(
    "ringback_deliveries_ended_total", COUNTER, "Deliveries that are finished by an attempt.",
    (("state", "`delivered`, `failed`"),), "`failed`: the schedule is used up; resend or replay.",
)  # fmt: skip
DELIVERIES_RETRIED: Final = Family(
    "ringback_deliveries_retried_total", COUNTER, "Attempts after which the delivery is tried again."
)
ATTEMPTS_SUPERSEDED: Final = Family(
    "ringback_attempts_superseded_total", COUNTER, "Attempts whose delivery had been settled meanwhile.",
    act="Receivers may have these twice. After a crash a few are normal.",
)  # fmt: skip
LAG_SECONDS: Final = Family(
    "ringback_delivery_lag_seconds", HISTOGRAM,
    "From when a delivery was due until its request left, by what held it back.",
    (("held_by", "`none`, `slots`, `window`, `paused`, `rate`, `order`, `unclaimed`"),),
    "`none` or `slots`: this server is too small. The others are the endpoint's, see below.",
)  # fmt: skip
IN_FLIGHT: Final = Family("ringback_in_flight", GAUGE, "Requests to endpoints under way.")
IN_FLIGHT_MAX: Final = Family(
    "ringback_in_flight_max", GAUGE, "As many may be under way (the setting `in_flight_max`).",
    act="Reached for long: raise it, or find out who is slow.",
)  # fmt: skip
LANES_OWNED: Final = Family("ringback_lanes_owned", GAUGE, "Endpoints whose queue this process works on.")
DELIVERIES_HELD: Final = Family(
    "ringback_deliveries_held", GAUGE, "Deliveries in memory: queued, in flight, or not recorded yet. Bounded."
)
DELIVERIES_WAITING: Final = Family(
    "ringback_deliveries_waiting", GAUGE, "Deliveries in the store that are not finished. Counted every 30 s.",
    act="Growing: compare the rates of made and ended ones, and `ringback_lanes_parked`.",
)  # fmt: skip
OLDEST_DUE: Final = Family(
    "ringback_oldest_due_seconds", GAUGE,
    "How long what is due and not sent waits for this server, the longest: for a slot, or for somebody to take up its "
    "endpoint's queue; 0: nothing does. What waits for an endpoint that is off, parked, paused or full doesn't count.",
    act="Growing: no process sends, or those that do are too small.",
)  # fmt: skip
LANES_PARKED: Final = Family(
    "ringback_lanes_parked", GAUGE, "Endpoints that fail so often that only single probes go out. Counted every 30 s.",
    act="Many at once: this server's own network.",
)  # fmt: skip
LANE_TURNS: Final = Family(
    "ringback_lane_turns_total", COUNTER, "Endpoints that were parked, and that recovered.",
    (("turn", "`parked`, `recovered`"),),
)  # fmt: skip
ENDPOINTS_DISABLED: Final = Family(
    "ringback_endpoints_disabled_total", COUNTER, "Endpoints that were given up.",
    (("code", "`gone`, `failing_too_long`, `secret_unreadable`, `profile_missing`"),),
    "Tell their owners; activating sends what waits.",
)  # fmt: skip
SWEEP_REPAIRS: Final = Family(
    "ringback_sweep_repairs_total", COUNTER, "What sweeps found left behind and repaired.",
    (("kind", "`rung`, `freed`, `made`"),), "Without a crash before it: a defect. Report it.",
)  # fmt: skip
SWEEP_CLEARED: Final = Family(
    "ringback_sweep_cleared_total", COUNTER, "Rows that sweeps cleared away.",
    (("kind", "`cancelled` (of deleted endpoints), `purged` (of tenants), `expired_keys`, `members` (of sets)"),),
)  # fmt: skip
STORE_TROUBLES: Final = Family(
    "ringback_store_troubles_total", COUNTER, "Times that a part could not read or commit, and tried again.",
    (
        ("part", "`fetcher`, `settler`, `heartbeat`, `sweep`, `retention`, `replays`, `listener`, `notices`, `pulse`"),
        _CODE,
    ), "The disk, or the database.",
)  # fmt: skip
LEASES_LOST: Final = Family(
    "ringback_leases_lost_total", COUNTER, "Times that this process was taken for dead by another."
)
NODES_TAKEN_OVER: Final = Family(
    "ringback_nodes_taken_over_total", COUNTER, "Processes that died and whose work this one took over."
)
THREAD_SILENT: Final = Family(
    "ringback_thread_silent_seconds", GAUGE, "Since a thread that must move all the time last did.",
    (("thread", "`dispatcher`, `fetcher`, `settler`, `writer`"),), "Over 10 s: `/readyz` says so; restart it.",
)  # fmt: skip
SENDER_SILENT: Final = Family(
    "ringback_sender_silent_seconds", GAUGE, "Since the sender process was last heard of.",
    act="It reports every second; after 15 s the server ends with it.",
)  # fmt: skip
STORE_BYTES: Final = Family("ringback_store_bytes", GAUGE, "Size of the database file.")
STORE_WAL_BYTES: Final = Family(
    "ringback_store_wal_bytes", GAUGE, "Size of the write-ahead log beside it.",
    act="Over 100 MB for long: something keeps a read open.",
)  # fmt: skip
DISK_FREE: Final = Family("ringback_disk_free_bytes", GAUGE, "Free space where the database is.")
DISK_FREE_MIN: Final = Family(
    "ringback_disk_free_bytes_min", GAUGE, "With less than this no events are accepted.",
    act="Make room long before, or lower `retention_days`.",
)  # fmt: skip
SPANS_DROPPED: Final = Family(
    "ringback_spans_dropped_total", COUNTER, "Spans that the collector did not get: it is down, or too slow.",
    act="Lower `trace_share`, or help the collector.",
)  # fmt: skip

FAMILIES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Family))

# What prometheus-client's own collector adds about a process; ours, and the sender process with its prefix.
PROCESS: Final = (
    ("process_virtual_memory_bytes", "gauge", "Virtual memory."),
    ("process_resident_memory_bytes", "gauge", "Resident memory."),
    ("process_start_time_seconds", "gauge", "When it started, since 1970. Changing: it restarts."),
    ("process_cpu_seconds_total", "counter", "CPU time used."),
    ("process_open_fds", "gauge", "Open files and sockets."),
    ("process_max_fds", "gauge", "As many it may have open."),
)
SENDER_PREFIX: Final = "ringback_sender"
