-- The console: who may sign in and who has, what was done, the inspector, and whom events missed.

-- ── the inspector ──────────────────────────────────────────────────────────────────────────────────────────────────

-- Addresses that keep what is sent to them: a hundred at most. `secret` is sealed under `key_id`, as those of endpoints
-- are; null: there is none.
CREATE TABLE bin (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT,
    label TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    delay_ms INTEGER NOT NULL,
    profile TEXT,
    secret TEXT,
    key_id TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    requests INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bin_request (
    bin_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    truncated INTEGER NOT NULL,
    remote_address TEXT NOT NULL,
    PRIMARY KEY (bin_id, number)
) STRICT;

-- ── who may sign in, and who has ────────────────────────────────────────────────────────────────────────────────

-- Few. `password_hash` is argon2's text.
CREATE TABLE operator (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX operator_by_name ON operator (name);

-- `token_hash` is the SHA-256 of what the browser has; `holder` says by what right (model.console.ConsoleSession).
CREATE TABLE console_session (
    token_hash BLOB NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    tenant_id TEXT,
    holder TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX console_session_by_holder ON console_session (holder, token_hash);
CREATE INDEX console_session_by_tenant ON console_session (tenant_id, token_hash) WHERE tenant_id IS NOT NULL;
CREATE INDEX console_session_by_age ON console_session (expires_at);

-- What lets in whoever opens it first.
CREATE TABLE console_link (
    token_hash BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    role TEXT NOT NULL,
    made_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX console_link_by_tenant ON console_link (tenant_id, token_hash);
CREATE INDEX console_link_by_age ON console_link (expires_at);

-- Whether those who only look at a tenant's webhooks see what was sent.
ALTER TABLE tenant ADD COLUMN viewers_see_bodies INTEGER NOT NULL DEFAULT 1;

-- ── what was done ───────────────────────────────────────────────────────────────────────────────────────────────

-- `tenant_id` is empty where it belongs to none; `facts` is a JSON object of TEXTs.
CREATE TABLE audit_entry (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    about TEXT NOT NULL,
    facts TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_entry_by_tenant ON audit_entry (tenant_id, id);
CREATE INDEX audit_entry_by_age ON audit_entry (at);

-- ── to whom events did not go ──────────────────────────────────────────────────────────────────────────────────

-- A JSON text, of which policy/missed.py tells; null: nobody missed it, or it is not known.
ALTER TABLE event ADD COLUMN missed TEXT;

-- ── who was given up ─────────────────────────────────────────────────────────────────────────────────────────

-- Since when an endpoint is disabled; null: it is not. Of those that were before, it is when they were changed last.
ALTER TABLE endpoint ADD COLUMN disabled_at INTEGER;
UPDATE endpoint SET disabled_at = CAST(config AS TEXT) ->> '$.updated_at' WHERE status = 'disabled';
CREATE INDEX endpoint_disabled ON endpoint (disabled_at, id) WHERE disabled_at IS NOT NULL AND deleted_at IS NULL;

-- ── how processes have done lately ─────────────────────────────────────────────────────────────────────────────

-- A row of each process every ten seconds, for six hours. The columns are in the order of model.pulse.Pulse.
CREATE TABLE pulse (
    at INTEGER NOT NULL,
    process TEXT NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    role TEXT NOT NULL,
    span_ms INTEGER NOT NULL,
    events INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    departed INTEGER NOT NULL,
    lag_ms INTEGER NOT NULL,
    oldest_ms INTEGER,
    waiting INTEGER,
    in_flight INTEGER,
    in_flight_max INTEGER,
    endpoints INTEGER,
    PRIMARY KEY (at, process)
) STRICT, WITHOUT ROWID;
