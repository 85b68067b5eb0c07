-- Wire contracts of one's own, and what contracts ask for that events did not have.

-- ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- A whole number below 2^53 that names the event within its tenant; null where no contract asks for one.
ALTER TABLE event ADD COLUMN number INTEGER;

-- ── profiles that were put through the API ─────────────────────────────────────────────────────────────────────

-- `text` is TOML as the caller sent it.
CREATE TABLE profile (
    name TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;

-- Who uses a profile. Most have the default, which is never asked for: they cost nothing here.
CREATE INDEX endpoint_by_profile ON endpoint (CAST(config AS TEXT) ->> '$.profile', id)
WHERE deleted_at IS NULL AND CAST(config AS TEXT) ->> '$.profile' <> 'standard';
CREATE INDEX tenant_by_profile ON tenant (profile, id) WHERE deleted_at IS NULL AND profile <> 'standard';
-- ── handshakes ─────────────────────────────────────────────────────────────────────────────────────────────────

-- Endpoints that have to prove themselves: few at any time, and looked for in every sweep.
CREATE INDEX endpoint_unverified ON endpoint (id) WHERE status = 'verification_pending' AND deleted_at IS NULL;
