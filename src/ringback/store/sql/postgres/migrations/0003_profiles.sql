-- Wire contracts of one's own, and what contracts ask for that events did not have.

-- A whole number below 2^53 that names the event within its tenant; null where no contract asks for one. It is unique
-- by its row in `event_key`.
ALTER TABLE event ADD COLUMN number bigint;

-- `text` is TOML as the caller sent it.
CREATE TABLE profile (
    name text COLLATE "C" PRIMARY KEY,
    version text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL,
    text text NOT NULL
);

-- Who uses a profile. Most have the default, which is never asked for: they cost nothing here.
CREATE INDEX endpoint_by_profile ON endpoint (profile, id) WHERE deleted_at IS NULL AND profile <> 'standard';
CREATE INDEX tenant_by_profile ON tenant (profile, id) WHERE deleted_at IS NULL AND profile <> 'standard';

-- Endpoints that have to prove themselves: few at any time, and looked for in every sweep.
CREATE INDEX endpoint_unverified ON endpoint (id) WHERE status = 'verification_pending' AND deleted_at IS NULL;
