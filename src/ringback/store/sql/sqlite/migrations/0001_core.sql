-- The core: configuration, events, deliveries, the log of attempts, lanes and nodes.
--
-- Times are milliseconds since 1970. No foreign keys: hot tables are written too often for them, and what is deleted
-- goes in steps. Text and BLOB columns that may be large stand last in a row, so that reading the others never
-- walks their overflow pages; queries name their columns in the order of the model's fields.

-- ── configuration ──────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tenant (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    webhooks_enabled INTEGER NOT NULL,
    retention_days INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    deleted_at INTEGER  -- set: the name is taken until purging has removed the last row
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_deleted ON tenant (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL,
    tenant_id TEXT,
    label TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_by_hash ON api_key (hash);
CREATE INDEX api_key_by_tenant ON api_key (tenant_id, id);
CREATE INDEX api_key_by_scope ON api_key (scope);

-- `config` is the whole endpoint as JSON; the other columns repeat what SQL has to look at.
CREATE TABLE endpoint (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    label TEXT NOT NULL,
    url TEXT NOT NULL,
    status TEXT NOT NULL,
    ordering TEXT NOT NULL,
    revision INTEGER NOT NULL,
    deleted_at INTEGER,  -- set: a tombstone, until its deliveries are cancelled
    config BLOB NOT NULL
) STRICT;
CREATE INDEX endpoint_by_tenant ON endpoint (tenant_id, id);
CREATE INDEX endpoint_deleted ON endpoint (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE secret (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    endpoint_id TEXT,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_by_tenant ON secret (tenant_id, endpoint_id);
CREATE INDEX secret_by_endpoint ON secret (endpoint_id) WHERE endpoint_id IS NOT NULL;

CREATE TABLE change (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL
) STRICT;

-- ── events and deliveries ──────────────────────────────────────────────────────────────────────────────────────

-- AUTOINCREMENT, here and for `delivery`: a number is never drawn twice, even when the highest rows are gone.
-- A reader keeps its place in the stream by `seq`, an engine its place in a lane.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    channel TEXT,
    subject_type TEXT,
    subject_id TEXT,
    change TEXT,
    ordering_key TEXT,
    occurred_at INTEGER,
    deliver_at INTEGER,
    accepted_at INTEGER NOT NULL,
    hops INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    data BLOB NOT NULL,
    previous BLOB
) STRICT;
CREATE UNIQUE INDEX event_by_id ON event (tenant_id, id);
CREATE INDEX event_in_stream ON event (tenant_id, seq, accepted_at);

CREATE TABLE event_key (
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    event_ids TEXT NOT NULL,  -- a JSON array
    expires_at INTEGER,
    PRIMARY KEY (tenant_id, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_key_expiring ON event_key (expires_at) WHERE expires_at IS NOT NULL;

-- `deferred` is 0 for new work: due when it was accepted and not tried yet. It is found by `seq` beyond the lane's
-- watermark. 1 is what was due later from the start or is tried again; it is found by `due_at`.
CREATE TABLE delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    ordering_key TEXT,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    deferred INTEGER NOT NULL
) STRICT;
-- SQLite ends every index with the row's number, which is `seq`: each of these is ordered by it in the end.
-- New work without a key by seq, the head of every key, and which endpoints have anything at all.
CREATE INDEX delivery_in_lane ON delivery (endpoint_id, ordering_key, deferred);
-- New work with a key by seq, for a lane that was ordered and is not any more.
CREATE INDEX delivery_keyed ON delivery (endpoint_id) WHERE deferred = 0 AND ordering_key IS NOT NULL;
CREATE INDEX delivery_deferred ON delivery (endpoint_id, due_at) WHERE deferred = 1;
CREATE INDEX delivery_by_event ON delivery (tenant_id, event_id);

-- ── the log ────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE attempt (
    seq INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    event_id TEXT,
    event_type TEXT,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    outcome TEXT NOT NULL,
    final INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    status_code INTEGER,
    error_code TEXT,
    error_message TEXT,
    timings BLOB,
    remote_address TEXT,
    http_version TEXT,
    method TEXT NOT NULL,
    response_truncated INTEGER NOT NULL,
    maybe_repeated INTEGER NOT NULL,
    profile TEXT NOT NULL,
    url TEXT NOT NULL,
    request_headers BLOB NOT NULL,
    body_head BLOB NOT NULL,
    body_tail BLOB NOT NULL,
    response_headers BLOB,
    response_body BLOB,
    request_body BLOB
) STRICT;
CREATE UNIQUE INDEX attempt_by_id ON attempt (tenant_id, id);
CREATE INDEX attempt_by_endpoint ON attempt (endpoint_id, id);
CREATE INDEX attempt_by_event ON attempt (tenant_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX attempt_failed_by_endpoint ON attempt (endpoint_id, id) WHERE outcome = 'failed';
CREATE INDEX attempt_failed_by_tenant ON attempt (tenant_id, id) WHERE outcome = 'failed';

CREATE TABLE endpoint_day (
    tenant_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    day TEXT NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id, day)
) STRICT, WITHOUT ROWID;

-- ── the engine ─────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE lane (
    endpoint_id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    due_at INTEGER,
    not_before INTEGER NOT NULL,
    owner TEXT,
    health BLOB NOT NULL,
    freed_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_to_claim ON lane (due_at, tenant_id, endpoint_id) WHERE owner IS NULL AND due_at IS NOT NULL;
CREATE INDEX lane_owned ON lane (owner, due_at) WHERE owner IS NOT NULL;

CREATE TABLE node (
    id TEXT NOT NULL PRIMARY KEY,
    beat INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row that is only there to be written, so that a check can prove that the store commits.
CREATE TABLE commit_check (
    count INTEGER NOT NULL
) STRICT;
INSERT INTO commit_check (count) VALUES (0);
