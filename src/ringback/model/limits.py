"""Every limit that has a default, with its unit in the name.

What an operator may change stands in `settings`, which takes its defaults from here. The rest is fixed:
changing it would change a promise, a stored format or the HTTP contract. This module decides nothing.
"""

from typing import Final

# Text that is indexed or shown in a list.
INDEXED_TEXT_BYTES_MAX: Final = 256
EVENT_TYPE_CHARS_MAX: Final = 128
CALLER_ID_CHARS_MAX: Final = 128
TENANT_ID_CHARS_MAX: Final = 64
URL_CHARS_MAX: Final = 2_048
FILTER_BYTES_MAX: Final = 1_024
IDEMPOTENCY_KEY_CHARS_MAX: Final = 256

# Operational events that wait for an operator's tenant which does not exist.
NOTICES_KEPT_MAX: Final = 1_000

# One request to us.
REQUEST_HEAD_BYTES_MAX: Final = 64 * 1024
REQUEST_HEADERS_MAX: Final = 128
PAYLOAD_BYTES_MAX: Final = 256 * 1024
PAYLOAD_BYTES_HARD_MAX: Final = 4 * 1024 * 1024
BATCH_EVENTS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
MANAGEMENT_BODY_BYTES_MAX: Final = 1024 * 1024
NESTING_DEPTH_MAX: Final = 100
HOPS_MAX: Final = 5
PAGE_ITEMS_DEFAULT: Final = 50
PAGE_ITEMS_MAX: Final = 250

# Requests that wait for events to come.
PULL_WAIT_S_MAX: Final = 30
PULLS_WAITING_MAX: Final = 100
PULLS_WAITING_OF_TENANT_MAX: Final = 20

# The catalogue of event types. The last three of it keep what a schema costs in bounds; see policy.schema_shape.
EVENT_TYPES_MAX: Final = 5_000
SCHEMA_VERSIONS_KEPT_MAX: Final = 100
DESCRIPTION_BYTES_MAX: Final = 4_096
SAMPLE_BYTES_MAX: Final = 64 * 1024
SAMPLES_MAX: Final = 1_000
SCHEMA_BYTES_MAX: Final = 64 * 1024
SCHEMA_PATTERNS_MAX: Final = 100
SCHEMA_PATTERN_COMPILED_BYTES_MAX: Final = 4 * 1024 * 1024
SCHEMA_STEPS_MAX: Final = 10_000

# Records, and what is made of their changes.
RECORD_TYPE_CHARS_MAX: Final = EVENT_TYPE_CHARS_MAX - len(".created")
RECORD_TYPES_MAX: Final = 1_000
RECORD_FIELDS_MAX: Final = 256
RECORD_DELETED_KEPT_DAYS_MAX: Final = 365
CHANGED_POINTERS_MAX: Final = 100
CHANGED_BYTES_MAX: Final = 8 * 1024
TRACKED_SETS_PER_TENANT_MAX: Final = 100
TRACKED_MEMBERS_MAX: Final = 5_000_000
TRACKED_IDS_AT_ONCE_MAX: Final = 10_000
TRIGGERS_PER_TENANT_MAX: Final = 200

# Profiles, of each origin: those that came as files, and those that were put through the API.
PROFILES_MAX: Final = 200
PROFILE_BYTES_MAX: Final = 64 * 1024
PROFILE_LINE_CHARS_MAX: Final = 2_000  # reading a key of many parts takes time that grows with their square
PROFILE_NAME_CHARS_MAX: Final = 64

# Who signs in at the console.
OPERATORS_MAX: Final = 100
OPERATOR_NAME_CHARS_MAX: Final = 64
PASSWORD_CHARS_MIN: Final = 12
PASSWORD_CHARS_MAX: Final = 256
WRONG_PASSWORDS_PER_MINUTE_MAX: Final = 10

# What a tenant may own.
ENDPOINTS_PER_TENANT_MAX: Final = 1_000
ENDPOINTS_PER_TENANT_HARD_MAX: Final = 100_000
HEADERS_PER_ENDPOINT_MAX: Final = 32
HEADER_VALUE_BYTES_MAX: Final = 4_096
EVENT_TYPES_PER_ENDPOINT_MAX: Final = 256
CHANNELS_PER_ENDPOINT_MAX: Final = 256
RETRY_DELAYS_MAX: Final = 100
RETRY_DELAY_S_MAX: Final = 7 * 86_400
SECRET_GRACE_S_MAX: Final = 30 * 86_400

# One request of ours.
TOTAL_DEADLINE_S_MAX: Final = 20.0
RESOLVE_S_MAX: Final = 2.0
CONNECT_S_MAX: Final = 5.0
RESPONSE_BODY_KEPT_BYTES_MAX: Final = 16 * 1024
RESPONSE_BODY_READ_BYTES_MAX: Final = 64 * 1024
RESPONSE_HEADERS_BYTES_MAX: Final = 32 * 1024
RETRY_AFTER_S_MAX: Final = 3_600

# The engine's memory.
IN_FLIGHT_MAX: Final = 1_000
PREFETCH_PER_SLOT_MAX: Final = 4
PREFETCH_BYTES_MAX: Final = 64 * 1024 * 1024
WINDOW_MAX: Final = 50
WINDOW_START: Final = 4
MAX_IN_FLIGHT_PER_ENDPOINT_MAX: Final = 1_000

# Between a request and its commit. The bytes are those of bodies that are being read, too.
WAITING_EVENTS_MAX: Final = 20_000
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024

# The disk.
DISK_FREE_BYTES_MIN: Final = 256 * 1024 * 1024

# Ownership of lanes.
HEARTBEAT_EVERY_S: Final = 5.0
LEASE_S: Final = 30.0
LINGER_S: Final = 2.0
SWEEP_EVERY_S: Final = 30.0
STEP_ROWS_MAX: Final = 500

# What a replay may be.
REPLAYS_PER_ENDPOINT_MAX: Final = 1
REPLAYS_PER_TENANT_MAX: Final = 10
REPLAY_EVENTS_MAX: Final = 1_000_000
REPLAY_PENDING_MAX: Final = 10_000

# What is kept.
RETENTION_EVERY_S: Final = 10.0
STATS_DAYS_MAX: Final = 90
KEPT_AFTER_DELIVER_AT_DAYS: Final = 1
CHANGES_KEPT_MAX: Final = 10_000

# The inspector: bins, what each keeps, and what it may answer.
BINS_MAX: Final = 100
BINS_PER_TENANT_MAX: Final = 20
BIN_REQUESTS_KEPT_MAX: Final = 500
BIN_BODY_KEPT_BYTES_MAX: Final = 64 * 1024
BIN_BODY_READ_BYTES_MAX: Final = 1024 * 1024
BIN_HEADERS_KEPT_BYTES_MAX: Final = 16 * 1024
BIN_KEPT_HOURS: Final = 24
BIN_REQUESTS_PER_SECOND_MAX: Final = 100
BIN_ANSWERS_WAITING_MAX: Final = 100
BIN_ANSWER_BYTES_MAX: Final = 16 * 1024
BIN_DELAY_S_MAX: Final = 10

# An endless pause and an endless wait, in milliseconds since 1970 (the year 9999).
FOREVER_MS: Final = 253_402_300_799_000
