-- The console: who may sign in and who has, what was done, the inspector, and whom events missed.

-- ── the inspector ──────────────────────────────────────────────────────────────────────────────────────────────────

-- Addresses that keep what is sent to them: a hundred at most. `secret` is sealed under `key_id`, as those of endpoints
-- are; null: there is none.
CREATE TABLE bin (
    id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C",
    label text NOT NULL,
    status bigint NOT NULL,
    headers text NOT NULL,
    body bytea NOT NULL,
    delay_ms bigint NOT NULL,
    profile text,
    secret text,
    key_id text COLLATE "C",
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    requests bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE bin_request (
    bin_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    at bigint NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    headers text NOT NULL,
    body bytea NOT NULL,
    truncated boolean NOT NULL,
    remote_address text NOT NULL,
    PRIMARY KEY (bin_id, number)
);

-- ── who may sign in, and who has ────────────────────────────────────────────────────────────────────────────────

-- Few. `password_hash` is argon2's text.
CREATE TABLE operator (
    id text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    password_hash text NOT NULL,
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL
);
CREATE UNIQUE INDEX operator_by_name ON operator (name);

-- `token_hash` is the SHA-256 of what the browser has; `holder` says by what right (model.console.ConsoleSession).
CREATE TABLE console_session (
    token_hash bytea PRIMARY KEY,
    role text NOT NULL,
    tenant_id text COLLATE "C",
    holder text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX console_session_by_holder ON console_session (holder, token_hash);
CREATE INDEX console_session_by_tenant ON console_session (tenant_id, token_hash) WHERE tenant_id IS NOT NULL;
CREATE INDEX console_session_by_age ON console_session (expires_at);

-- What lets in whoever opens it first.
CREATE TABLE console_link (
    token_hash bytea PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    role text NOT NULL,
    made_by text NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX console_link_by_tenant ON console_link (tenant_id, token_hash);
CREATE INDEX console_link_by_age ON console_link (expires_at);

-- Whether those who only look at a tenant's webhooks see what was sent.
ALTER TABLE tenant ADD COLUMN viewers_see_bodies boolean NOT NULL DEFAULT true;

-- ── what was done ───────────────────────────────────────────────────────────────────────────────────────────────

-- `tenant_id` is empty where it belongs to none; `facts` is a JSON object of texts.
CREATE TABLE audit_entry (
    id text COLLATE "C" PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    about text NOT NULL,
    facts text NOT NULL
);
CREATE INDEX audit_entry_by_tenant ON audit_entry (tenant_id, id);
CREATE INDEX audit_entry_by_age ON audit_entry (at);

-- ── to whom events did not go ──────────────────────────────────────────────────────────────────────────────────

-- A JSON text, of which policy/missed.py tells; null: nobody missed it, or it is not known.
ALTER TABLE event ADD COLUMN missed text;

-- ── who was given up ─────────────────────────────────────────────────────────────────────────────────────────

-- Since when an endpoint is disabled; null: it is not. Of those that were before, it is when they were changed last.
ALTER TABLE endpoint ADD COLUMN disabled_at bigint;
UPDATE endpoint SET disabled_at = (convert_from(config, 'UTF8')::json ->> 'updated_at')::bigint WHERE status = 'disabled';
CREATE INDEX endpoint_disabled ON endpoint (disabled_at, id) WHERE disabled_at IS NOT NULL AND deleted_at IS NULL;

-- ── how processes have done lately ─────────────────────────────────────────────────────────────────────────────

-- A row of each process every ten seconds, for six hours. The columns are in the order of model.pulse.Pulse.
CREATE TABLE pulse (
    at bigint NOT NULL,
    process text COLLATE "C" NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    role text NOT NULL,
    span_ms bigint NOT NULL,
    events bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    departed bigint NOT NULL,
    lag_ms bigint NOT NULL,
    oldest_ms bigint,
    waiting bigint,
    in_flight bigint,
    in_flight_max bigint,
    endpoints bigint,
    PRIMARY KEY (at, process)
);
