-- What can be said of YugabyteDB, which spreads every table by itself, by the first column of its key. docs/scaling.md
-- says what has to be tried before anybody relies on it: nothing of this was run.
--
-- Needs a version that is PostgreSQL 15 to its clients, with advisory locks; without LISTEN and NOTIFY other processes
-- look for work twice a second. Nothing here is a named query, and no process of Ringback runs it.

-- ── what is as it should be ────────────────────────────────────────────────────────────────────────────────────

-- A key's first column is hashed unless told otherwise: PRIMARY KEY (tenant_id, …) is spread by tenant, the rows of one
-- tenant ordered by the rest of the key. That is what the migrations ask for as they are. Indexes that begin with
-- tenant_id are spread in the same way. The migrations show rows to the planner and take them away again; run ANALYZE
-- once there are events.

-- ── once, after `ringback migrate` ─────────────────────────────────────────────────────────────────────────────

-- Statements are READ COMMITTED here, with waits instead of errors: set on all nodes,
--     yb_enable_read_committed_isolation=true
--     enable_wait_queues=true
-- as flags of the tablet and master servers.

-- The lanes that ring are found by the time: that index must be in order, not hashed.
DROP INDEX lane_to_claim;
CREATE INDEX lane_to_claim ON lane (due_at ASC, tenant_id, endpoint_id) WHERE owner IS NULL AND due_at IS NOT NULL;
DROP INDEX event_key_expiring;
CREATE INDEX event_key_expiring ON event_key (expires_at ASC) WHERE expires_at IS NOT NULL;
DROP INDEX record_to_forget;
CREATE INDEX record_to_forget ON record (forget_at ASC) WHERE forget_at IS NOT NULL;
DROP INDEX notice_by_age;
CREATE INDEX notice_by_age ON notice (at ASC, id) WHERE id > '';

-- The log of changes is read in order, and so are the keys of lanes by the sweeps: few rows, one place.
ALTER TABLE change DROP CONSTRAINT change_pkey;
ALTER TABLE change ADD PRIMARY KEY (version ASC);

-- Fillfactor and the settings of autovacuum mean nothing here, and do no harm.
