-- Around the core: the catalogue of event types, quotas, jobs, redaction by subject, traces, sealed secrets.

-- ── event types and quotas ─────────────────────────────────────────────────────────────────────────────────────

-- `schema` and `sample` are JSON as the caller sent it.
CREATE TABLE event_type (
    name text COLLATE "C" PRIMARY KEY,
    description text NOT NULL,
    deprecated boolean NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL,
    schema bytea,
    sample bytea
);

-- What a tenant may do at most; null: what the settings say.
ALTER TABLE tenant ADD COLUMN events_per_second double precision;
ALTER TABLE tenant ADD COLUMN endpoints_max bigint;
ALTER TABLE tenant ADD COLUMN payload_bytes_max bigint;
CREATE INDEX tenant_with_quotas ON tenant (id)
WHERE deleted_at IS NULL AND (events_per_second IS NOT NULL OR payload_bytes_max IS NOT NULL);

-- ── retention, jobs and redaction ──────────────────────────────────────────────────────────────────────────────

CREATE INDEX endpoint_day_by_age ON endpoint_day (tenant_id, day);

-- Work that takes many steps. `ready` is false while what it is to do is still being written down. `open` is true as
-- long as there is something left to do or to clear away; it is written in the same transaction as the work.
CREATE TABLE job (
    id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    which text NOT NULL,
    state text NOT NULL,
    since bigint NOT NULL,
    until bigint NOT NULL,
    matched bigint NOT NULL,
    done bigint NOT NULL,
    created_at bigint NOT NULL,
    finished_at bigint,
    ready boolean NOT NULL,
    open boolean NOT NULL
);
CREATE INDEX job_by_tenant ON job (tenant_id, id);
CREATE INDEX job_running ON job (tenant_id, endpoint_id) WHERE state = 'running';
CREATE INDEX job_open ON job (id) WHERE open;

-- What a job has yet to do: the places of events in the stream.
CREATE TABLE job_event (
    tenant_id text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    event_seq bigint NOT NULL,
    PRIMARY KEY (tenant_id, job_id, event_seq)
) WITH (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647
);
-- For the planner, as in 0001.
INSERT INTO job_event (tenant_id, job_id, event_seq)
SELECT 'tenant', 'job_' || n % 5, n FROM generate_series(1, 500) AS n;
ANALYZE job_event;
SAVEPOINT shown;
TRUNCATE job_event;
RELEASE shown;

CREATE INDEX event_by_subject ON event (tenant_id, subject_type, subject_id, seq) WHERE subject_id IS NOT NULL;

-- ── traces ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- The `traceparent` (W3C Trace Context) under which an event was accepted; null: none.
ALTER TABLE event ADD COLUMN trace text;

-- ── secrets at rest ────────────────────────────────────────────────────────────────────────────────────────────

-- Which master key sealed the value. Null: none did, it is plain and waits to be sealed. '-': it doesn't open.
ALTER TABLE secret ADD COLUMN key_id text COLLATE "C";
CREATE INDEX secret_by_master_key ON secret (key_id);
-- The same of an endpoint's credentials, sealed; '' where it has none. While null they are still plain in `config`.
ALTER TABLE endpoint ADD COLUMN key_id text COLLATE "C";
ALTER TABLE endpoint ADD COLUMN credentials text;
CREATE INDEX endpoint_by_master_key ON endpoint (key_id);
