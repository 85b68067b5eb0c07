-- Events that make themselves: records, tracked sets, triggers; and what Ringback tells of its own work.

-- ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- `changed` is a JSON array of JSON pointers; `origin` says who made the event (null: a caller).
ALTER TABLE event ADD COLUMN changed TEXT;
ALTER TABLE event ADD COLUMN origin TEXT;

-- ── records ────────────────────────────────────────────────────────────────────────────────────────────────────

-- `forget_at` is set when the record was deleted; then its data is gone.
CREATE TABLE record (
    tenant_id TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    version INTEGER,
    source_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    forget_at INTEGER,
    marks TEXT,
    data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_by_key ON record (tenant_id, type, id);
CREATE INDEX record_to_forget ON record (forget_at) WHERE forget_at IS NOT NULL;

-- `fields` (null: all) and `ignored` are JSON arrays of JSON pointers.
CREATE TABLE record_type (
    name TEXT NOT NULL PRIMARY KEY,
    fields TEXT,
    ignored TEXT NOT NULL,
    deleted_kept_days INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ── tracked sets ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tracked_set (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    members INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tracked_member (
    tenant_id TEXT NOT NULL,
    set_id TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (tenant_id, set_id, member)
) STRICT, WITHOUT ROWID;

-- Sets that were deleted and may still have members.
CREATE TABLE tracked_set_gone (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- ── triggers ───────────────────────────────────────────────────────────────────────────────────────────────────

-- `data` is JSON: null, an array of JSON pointers, or a text (CEL). `parameters` too.
CREATE TABLE record_trigger (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    record_type TEXT NOT NULL,
    condition TEXT NOT NULL,
    emits TEXT NOT NULL,
    data TEXT NOT NULL,
    cooldown_s REAL NOT NULL,
    active INTEGER NOT NULL,
    template TEXT,
    parameters BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX record_trigger_by_tenant ON record_trigger (tenant_id, id);

-- The last time that a filter (by its endpoint) or a trigger failed on an event.
CREATE TABLE rule_failure (
    tenant_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
) STRICT, WITHOUT ROWID;

-- ── the catalogue ──────────────────────────────────────────────────────────────────────────────────────────────

-- The schemas that an event type has had, the present one included, numbered from 1.
CREATE TABLE event_type_version (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    schema BLOB,
    PRIMARY KEY (name, version)
) STRICT;
INSERT INTO event_type_version (name, version, created_at, schema)
SELECT name, 1, updated_at, schema FROM event_type;

-- ── Ringback's own work ────────────────────────────────────────────────────────────────────────────────────────

-- What is to become an event; `id` is that event's.
CREATE TABLE notice (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    endpoint_id TEXT,
    at INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX notice_by_age ON notice (at, id);
