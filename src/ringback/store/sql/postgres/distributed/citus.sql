-- Spreads the tables over Citus by tenant. Run it by hand on the coordinator, as the role that owns the tables, after
-- `ringback migrate` and before the first server: tables that are empty are spread in seconds. docs/scaling.md explains
-- it, and says which of Ringback's statements Citus does not run as they are.
--
-- Nothing here is a named query, and no process of Ringback runs it.

-- ── once for the cluster ───────────────────────────────────────────────────────────────────────────────────────

-- The address by which the workers reach the coordinator, which holds what stays together.
-- SELECT citus_set_coordinator_host('coordinator.example.com', 5432);
-- SELECT citus_add_node('worker1.example.com', 5432);
-- SELECT citus_add_node('worker2.example.com', 5432);

-- What Ringback sets for its own sessions doesn't reach the workers' sessions: there the role has it.
ALTER ROLE CURRENT_USER SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE CURRENT_USER SET enable_seqscan = off;
ALTER ROLE CURRENT_USER SET enable_bitmapscan = off;
ALTER ROLE CURRENT_USER SET enable_hashjoin = off;
ALTER ROLE CURRENT_USER SET enable_mergejoin = off;
ALTER ROLE CURRENT_USER SET jit = off;

-- ── what belongs to tenants ────────────────────────────────────────────────────────────────────────────────────

-- As many parts as the cluster will ever have cores for them, and some; it can be changed later, at a price.
SET citus.shard_count = 64;

-- One tenant's rows of all these tables are in the same place, so that a transaction of one tenant is in one place.
SELECT create_distributed_table('event', 'tenant_id', colocate_with => 'none');
SELECT create_distributed_table('event_key', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('delivery', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('attempt', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('endpoint_day', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('endpoint_day_delta', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('job_event', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('record', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('tracked_set', 'tenant_id', colocate_with => 'event');
SELECT create_distributed_table('tracked_member', 'tenant_id', colocate_with => 'event');

-- The days of `event` and `attempt` are spread with their tables: those that are there now by the statements above,
-- later ones when Ringback attaches them.

-- ── what is asked for together with it ─────────────────────────────────────────────────────────────────────────

-- Small, seldom written, and on every node, so that a tenant's rows are compared with it where they are.
SELECT create_reference_table('tenant');
SELECT create_reference_table('endpoint');

-- ── what stays on the coordinator ──────────────────────────────────────────────────────────────────────────────

-- lane, node: claimed with SKIP LOCKED over all tenants. notice, tracked_set_gone: short queues of all tenants. secret,
-- api_key, change, event_type, event_type_version, profile, job, record_type, record_trigger, rule_failure,
-- commit_check, schema_version, operator, console_session, console_link, audit_entry, bin, bin_request, pulse: small, or
-- read by whoever follows the changes. The sequence `block`: drawn from a thousand numbers at a time. All are left as
-- they are. So are the advisory locks, which are the coordinator's: every process of Ringback connects to it, none to
-- a worker.

-- ── whether it worked ──────────────────────────────────────────────────────────────────────────────────────────

SELECT table_name, citus_table_type, distribution_column, colocation_id, shard_count FROM citus_tables ORDER BY 1;
