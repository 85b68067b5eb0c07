-- Events that make themselves: records, tracked sets, triggers; and what Ringback tells of its own work.

-- ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- `changed` is a JSON array of JSON pointers; `origin` says who made the event (null: a caller).
ALTER TABLE event ADD COLUMN changed text;
ALTER TABLE event ADD COLUMN origin text COLLATE "C";

-- ── records ────────────────────────────────────────────────────────────────────────────────────────────────────

-- `forget_at` is set when the record was deleted; then its data is gone.
CREATE TABLE record (
    tenant_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    version bigint,
    source_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    forget_at bigint,
    marks text,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, type, id)
) WITH (
    fillfactor = 80, vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
CREATE INDEX record_to_forget ON record (forget_at) WHERE forget_at IS NOT NULL;

-- `fields` (null: all) and `ignored` are arrays of JSON pointers.
CREATE TABLE record_type (
    name text COLLATE "C" PRIMARY KEY,
    fields text[],
    ignored text[] NOT NULL,
    deleted_kept_days bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL
);

-- ── tracked sets ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tracked_set (
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    members bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITH (
    fillfactor = 50, vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);

CREATE TABLE tracked_member (
    tenant_id text COLLATE "C" NOT NULL,
    set_id text COLLATE "C" NOT NULL,
    member text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, set_id, member)
) WITH (
    vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);

-- Sets that were deleted and may still have members.
CREATE TABLE tracked_set_gone (
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- ── triggers ───────────────────────────────────────────────────────────────────────────────────────────────────

-- `data` is JSON: null, an array of JSON pointers, or a text (CEL). `parameters` too.
CREATE TABLE record_trigger (
    id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    record_type text COLLATE "C" NOT NULL,
    condition text NOT NULL,
    emits text COLLATE "C" NOT NULL,
    data text NOT NULL,
    cooldown_s double precision NOT NULL,
    active boolean NOT NULL,
    template text,
    parameters bytea,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX record_trigger_by_tenant ON record_trigger (tenant_id, id);

-- The last time that a filter (by its endpoint) or a trigger failed on an event.
CREATE TABLE rule_failure (
    tenant_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
);

-- ── the catalogue ──────────────────────────────────────────────────────────────────────────────────────────────

-- The schemas that an event type has had, the present one included, numbered from 1.
CREATE TABLE event_type_version (
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    schema bytea,
    PRIMARY KEY (name, version)
);
INSERT INTO event_type_version (name, version, created_at, schema)
SELECT name, 1, updated_at, schema FROM event_type;

-- ── Ringback's own work ────────────────────────────────────────────────────────────────────────────────────────

-- What is to become an event; `id` is that event's.
CREATE TABLE notice (
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C",
    at bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (
    vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
-- The condition is as in 0001: for the one query that says so.
CREATE INDEX notice_by_age ON notice (at, id) WHERE id > '';

-- ── what the planner is told ───────────────────────────────────────────────────────────────────────────────────

-- As in 0001: tables of one tenant that has many of everything.
INSERT INTO record (tenant_id, type, id, revision, created_at, updated_at, forget_at, data)
SELECT 'tenant', 'type_' || n % 2, 'id_' || n, 1, n, n, CASE WHEN n % 10 = 0 THEN n END, ''
FROM generate_series(1, 500) AS n;

INSERT INTO tracked_set (tenant_id, name, id, members, created_at, updated_at)
SELECT 'tenant', 'set_' || n, 'set_' || n, n, n, n FROM generate_series(1, 500) AS n;

INSERT INTO tracked_member (tenant_id, set_id, member)
SELECT 'tenant', 'set_' || n % 2, 'id_' || n FROM generate_series(1, 500) AS n;

INSERT INTO notice (tenant_id, id, type, at, data)
SELECT 'tenant', 'id_' || n, 'type', n, '' FROM generate_series(1, 500) AS n;

ANALYZE record, tracked_set, tracked_member, notice;
-- In a transaction of its own, as it were: only so it is forgotten how many there were.
SAVEPOINT records_shown;
TRUNCATE record, tracked_set, tracked_member, notice;
RELEASE records_shown;
