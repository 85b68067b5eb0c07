-- The core: configuration, events, deliveries, the log of attempts, lanes and nodes.
--
-- Times are milliseconds since 1970. No foreign keys: hot tables are written too often for them, and what is deleted
-- goes in steps. Texts are compared by their bytes (COLLATE "C"). What belongs to a tenant has its id first in its key,
-- so that the tables can be spread over machines by it; configuration, lanes and nodes are small and stay together.

-- ── configuration ──────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tenant (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    profile text COLLATE "C" NOT NULL,
    webhooks_enabled boolean NOT NULL,
    retention_days bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL,
    deleted_at bigint  -- set: the name is taken until purging has removed the last row
);
CREATE INDEX tenant_deleted ON tenant (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE api_key (
    id text COLLATE "C" PRIMARY KEY,
    scope text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C",
    label text NOT NULL,
    hash bytea NOT NULL,
    created_at bigint NOT NULL
);
CREATE UNIQUE INDEX api_key_by_hash ON api_key (hash);
CREATE INDEX api_key_by_tenant ON api_key (tenant_id, id);
CREATE INDEX api_key_by_scope ON api_key (scope);

-- `config` is the whole endpoint as JSON; the other columns repeat what SQL has to look at.
CREATE TABLE endpoint (
    id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    label text NOT NULL,
    url text NOT NULL,
    status text NOT NULL,
    ordering text NOT NULL,
    profile text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    deleted_at bigint,  -- set: a tombstone, until its deliveries are cancelled
    config bytea NOT NULL
);
CREATE INDEX endpoint_by_tenant ON endpoint (tenant_id, id);
CREATE INDEX endpoint_deleted ON endpoint (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE secret (
    id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C",
    value text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint
);
CREATE INDEX secret_by_tenant ON secret (tenant_id, endpoint_id);
CREATE INDEX secret_by_endpoint ON secret (endpoint_id) WHERE endpoint_id IS NOT NULL;

-- Whoever adds a row holds the advisory lock of changes until the commit: versions become visible in order and have no
-- gaps.
CREATE TABLE change (
    version bigint PRIMARY KEY,
    kind text NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL
);

-- ── events and deliveries ──────────────────────────────────────────────────────────────────────────────────────

-- Events and deliveries are numbered (`seq`) from blocks of 1,024 that a transaction draws while it holds the shared
-- advisory lock of intake. Who looks which transactions hold it knows below which number nothing is still to come.
CREATE SEQUENCE block;

CREATE TABLE event (
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    accepted_at bigint NOT NULL,
    seq bigint NOT NULL,
    type text COLLATE "C" NOT NULL,
    channel text COLLATE "C",
    subject_type text COLLATE "C",
    subject_id text COLLATE "C",
    change text,
    ordering_key text COLLATE "C",
    occurred_at bigint,
    deliver_at bigint,
    hops bigint NOT NULL,
    deliveries bigint NOT NULL,
    data bytea NOT NULL,
    previous bytea,
    PRIMARY KEY (tenant_id, id, accepted_at)
) PARTITION BY RANGE (accepted_at);
-- Conditions that all rows fulfil: such an index is for the queries alone that say so, and never instead of the key.
CREATE INDEX event_in_stream ON event (tenant_id, seq) WHERE seq > 0;
CREATE INDEX event_scheduled ON event (tenant_id, deliver_at) WHERE deliver_at IS NOT NULL;

-- Not partitioned: a key is unique over all days. The kind `number` has the numbers that contracts call events by.
CREATE TABLE event_key (
    tenant_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    event_ids text[] NOT NULL,
    expires_at bigint,
    PRIMARY KEY (tenant_id, kind, key)
) WITH (
    vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
CREATE INDEX event_key_expiring ON event_key (expires_at) WHERE expires_at IS NOT NULL;

-- `deferred` is false for new work: due when it was accepted and not tried yet. It is found by `seq` beyond the lane's
-- watermark. True is what was due later from the start or is tried again; it is found by `due_at`.
-- `event_at` is when the event was accepted: the day whose partition it is in.
CREATE TABLE delivery (
    tenant_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event_at bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts bigint NOT NULL,
    tries bigint NOT NULL,
    deferred boolean NOT NULL,
    ordering_key text COLLATE "C",
    PRIMARY KEY (tenant_id, seq)
) WITH (
    fillfactor = 90, vacuum_truncate = false,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
-- New work without a key by seq, and the head of every key.
CREATE INDEX delivery_in_lane ON delivery (tenant_id, endpoint_id, ordering_key, deferred, seq) WHERE endpoint_id > '';
-- New work with a key by seq, for a lane that was ordered and is not any more.
CREATE INDEX delivery_keyed ON delivery (tenant_id, endpoint_id, seq) WHERE NOT deferred AND ordering_key IS NOT NULL;
CREATE INDEX delivery_deferred ON delivery (tenant_id, endpoint_id, due_at, seq) WHERE deferred;
CREATE INDEX delivery_by_event ON delivery (tenant_id, event_id) WHERE event_id > '';

-- ── the log ────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE attempt (
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    event_type text COLLATE "C",
    number bigint NOT NULL,
    at bigint NOT NULL,
    duration_ms double precision NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    final boolean NOT NULL,
    superseded boolean NOT NULL,
    status_code bigint,
    error_code text,
    error_message text,
    timings bytea,
    remote_address text,
    http_version text,
    method text NOT NULL,
    url text NOT NULL,
    request_headers bytea NOT NULL,
    request_body bytea,
    body_head bytea NOT NULL,
    body_tail bytea NOT NULL,
    response_headers bytea,
    response_body bytea,
    response_truncated boolean NOT NULL,
    profile text NOT NULL,
    maybe_repeated boolean NOT NULL,
    PRIMARY KEY (tenant_id, id, at)
) PARTITION BY RANGE (at);
CREATE INDEX attempt_by_endpoint ON attempt (tenant_id, endpoint_id, id) WHERE endpoint_id > '';
CREATE INDEX attempt_by_event ON attempt (tenant_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX attempt_unsuccessful_by_endpoint ON attempt (tenant_id, endpoint_id, id) WHERE outcome <> 'succeeded';
CREATE INDEX attempt_unsuccessful_by_tenant ON attempt (tenant_id, id) WHERE outcome <> 'succeeded' AND number >= 0;

CREATE TABLE endpoint_day (
    tenant_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id, day)
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);

-- What settlements add to the figures, until it is folded into them: no row is updated once per batch.
CREATE TABLE endpoint_day_delta (
    tenant_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL
) WITH (
    vacuum_truncate = false,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
CREATE INDEX endpoint_day_delta_of ON endpoint_day_delta (tenant_id, endpoint_id);

-- ── the engine ─────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE lane (
    endpoint_id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    due_at bigint,
    not_before bigint NOT NULL,
    owner text COLLATE "C",
    health bytea NOT NULL,
    freed_at bigint NOT NULL DEFAULT 0
) WITH (
    fillfactor = 50, vacuum_truncate = false,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
CREATE INDEX lane_to_claim ON lane (due_at, tenant_id, endpoint_id) WHERE owner IS NULL AND due_at IS NOT NULL;
CREATE INDEX lane_owned ON lane (owner, due_at) WHERE owner IS NOT NULL;

CREATE TABLE node (
    id text COLLATE "C" PRIMARY KEY,
    beat bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);

-- One row that is only there to be written, so that a check can prove that the store commits.
CREATE TABLE commit_check (
    count bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
INSERT INTO commit_check (count) VALUES (0);

-- ── what the planner is told ───────────────────────────────────────────────────────────────────────────────────

-- A statement is planned once, mostly while its tables are empty, and then one index looks as good as another: all begin
-- with the tenant. So the planner is shown tables of one tenant that has many of everything, and keeps that picture:
-- autovacuum doesn't look again (autovacuum_analyze_threshold). The days of `event` and `attempt` are shown likewise
-- when they are made.
-- Vacuum doesn't shorten them either (`vacuum_truncate`): of a table without a page the planner reads the whole index, and
-- goes on doing so when it has filled again; and nobody has to wait for the lock that shortening takes.

INSERT INTO event_key (tenant_id, kind, key, body_hash, event_ids, expires_at)
SELECT 'tenant', (ARRAY['event', 'idempotency', 'number'])[n % 3 + 1], 'key_' || n, '', '{}', nullif(n * (n % 2), 0)
FROM generate_series(1, 500) AS n;

INSERT INTO delivery (tenant_id, seq, endpoint_id, event_id, event_at, due_at, attempts, tries, deferred, ordering_key)
SELECT 'tenant', n, 'ep_' || n % 5, 'evt_' || n, n, n, 0, 0, n % 5 = 0, CASE WHEN n % 2 = 0 THEN 'key_' || n % 20 END
FROM generate_series(1, 500) AS n;

INSERT INTO endpoint_day (tenant_id, endpoint_id, day, succeeded, failed)
SELECT 'tenant', 'ep_' || n % 5, 'day_' || n / 5, n, n FROM generate_series(0, 499) AS n;

INSERT INTO endpoint_day_delta (tenant_id, endpoint_id, day, succeeded, failed)
SELECT 'tenant', 'ep_' || n % 5, 'day', n, n FROM generate_series(1, 500) AS n;

INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, profile, revision, config)
SELECT 'ep_' || n, 'tenant', '', '', 'active', 'none', 'standard', 1, '' FROM generate_series(1, 500) AS n;

INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health)
SELECT 'ep_' || n, 'tenant', nullif(n * (n % 2), 0), 0, CASE WHEN n % 3 > 0 THEN 'node' END, ''
FROM generate_series(1, 500) AS n;

ANALYZE event_key, delivery, endpoint_day, endpoint_day_delta, endpoint, lane;
-- In a transaction of its own, as it were: only so it is forgotten how many there were.
SAVEPOINT shown;
TRUNCATE event_key, delivery, endpoint_day, endpoint_day_delta, endpoint, lane;
RELEASE shown;
