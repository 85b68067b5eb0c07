-- Around the core: the catalogue of event types, quotas, jobs, redaction by subject, traces, sealed secrets.
--
-- Columns that are added stand behind those of 0001; they are small, and read only where the row is read whole.

-- ── event types and quotas ─────────────────────────────────────────────────────────────────────────────────────

-- `schema` and `sample` are JSON as the caller sent it.
CREATE TABLE event_type (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    deprecated INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    schema BLOB,
    sample BLOB
) STRICT;

-- What a tenant may do at most; null: what the settings say.
ALTER TABLE tenant ADD COLUMN events_per_second REAL;
ALTER TABLE tenant ADD COLUMN endpoints_max INTEGER;
ALTER TABLE tenant ADD COLUMN payload_bytes_max INTEGER;
CREATE INDEX tenant_with_quotas ON tenant (id)
WHERE deleted_at IS NULL AND (events_per_second IS NOT NULL OR payload_bytes_max IS NOT NULL);

-- ── retention, jobs and redaction ──────────────────────────────────────────────────────────────────────────────

CREATE INDEX endpoint_day_by_age ON endpoint_day (tenant_id, day);

-- Work that takes many steps. `ready` is 0 while what it is to do is still being written down. `open` is 1 as long as
-- there is something left to do or to clear away; it is written in the same transaction as the work.
CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    which TEXT NOT NULL,
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    matched INTEGER NOT NULL,
    done INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    ready INTEGER NOT NULL,
    open INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX job_by_tenant ON job (tenant_id, id);
CREATE INDEX job_running ON job (tenant_id, endpoint_id) WHERE state = 'running';
CREATE INDEX job_open ON job (id) WHERE open = 1;

-- What a job has yet to do: the places of events in the stream.
CREATE TABLE job_event (
    tenant_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, job_id, event_seq)
) STRICT, WITHOUT ROWID;

-- What was no success is listed together: failed, cancelled and expired.
DROP INDEX attempt_failed_by_endpoint;
DROP INDEX attempt_failed_by_tenant;
CREATE INDEX attempt_unsuccessful_by_endpoint ON attempt (endpoint_id, id) WHERE outcome <> 'succeeded';
CREATE INDEX attempt_unsuccessful_by_tenant ON attempt (tenant_id, id) WHERE outcome <> 'succeeded';

CREATE INDEX event_by_subject ON event (tenant_id, subject_type, subject_id) WHERE subject_id IS NOT NULL;

-- ── traces ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- The `traceparent` (W3C Trace Context) under which an event was accepted; null: none.
ALTER TABLE event ADD COLUMN trace TEXT;

-- ── secrets at rest ────────────────────────────────────────────────────────────────────────────────────────────

-- Which master key sealed the value. Null: none did, it is plain and waits to be sealed. '-': it doesn't open.
ALTER TABLE secret ADD COLUMN key_id TEXT;
CREATE INDEX secret_by_master_key ON secret (key_id);
-- The same of an endpoint's credentials, sealed; '' where it has none. While null they are still plain in `config`.
ALTER TABLE endpoint ADD COLUMN key_id TEXT;
ALTER TABLE endpoint ADD COLUMN credentials TEXT;
CREATE INDEX endpoint_by_master_key ON endpoint (key_id);
