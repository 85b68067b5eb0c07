-- Lanes and nodes: who drains what. A `+` before a column keeps its index out: a node may own very many lanes.

-- name: lanes_to_claim
-- Lanes that nobody owns and whose bell rings, the earliest first.
SELECT tenant_id, endpoint_id, due_at, not_before, health, freed_at
FROM lane
WHERE owner IS NULL AND due_at <= :now
ORDER BY due_at, tenant_id, endpoint_id
LIMIT :limit;

-- name: own_lanes
-- Take lanes over and silence their bells.
UPDATE lane
SET owner = :node_id, due_at = NULL
WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids));

-- name: ringing_lanes
-- A node's own lanes whose bell rings.
SELECT endpoint_id FROM lane WHERE owner = :node_id AND due_at <= :now;

-- name: not_silent_lanes
-- Which of a node's own lanes have a bell to silence.
SELECT endpoint_id
FROM lane
WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids)) AND +owner = :node_id AND due_at IS NOT NULL;

-- name: silence_lanes
-- Silence the bells of a node's own lanes.
UPDATE lane
SET due_at = NULL
WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids)) AND +owner = :node_id AND due_at IS NOT NULL;

-- name: release_lane
-- Give a lane up where it is still the node's own and its bell is silent; an endless pause stays endless.
UPDATE lane
SET owner = NULL,
    health = :health,
    freed_at = iif(:next_due <= freed_at, freed_at, 0),
    not_before = iif(not_before >= :forever, not_before, :not_before),
    due_at = max(:next_due, iif(not_before >= :forever, not_before, :not_before))
WHERE endpoint_id = :endpoint_id AND owner = :node_id AND due_at IS NULL;

-- name: keep_health
-- Store the health of a lane that is the node's own.
UPDATE lane SET health = :health WHERE endpoint_id = :endpoint_id AND owner = :node_id;

-- name: owned_lanes
-- The lanes whose row names this node.
SELECT endpoint_id FROM lane WHERE owner = :node_id;

-- name: free_lanes
-- Free and ring some of a node's own lanes.
UPDATE lane
SET owner = NULL, due_at = min(ifnull(due_at, max(:now, not_before)), max(:now, not_before)), freed_at = :now
WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids)) AND +owner = :node_id;

-- name: free_lanes_of_node
-- Free and ring all lanes of a node that is gone.
UPDATE lane
SET owner = NULL, due_at = min(ifnull(due_at, max(:now, not_before)), max(:now, not_before)), freed_at = :now
WHERE owner = :node_id;

-- name: free_all_lanes
-- Free and ring every lane that anybody owns, for a process that knows all others dead.
UPDATE lane
SET owner = NULL, due_at = min(ifnull(due_at, max(:now, not_before)), max(:now, not_before)), freed_at = :now
WHERE owner IS NOT NULL;

-- name: free_orphaned_lanes
-- Free and ring lanes whose owner has no row.
UPDATE lane
SET owner = NULL, due_at = min(ifnull(due_at, max(:now, not_before)), max(:now, not_before)), freed_at = :now
WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM node);

-- name: delete_other_nodes
-- Forget all engine processes but one.
DELETE FROM node WHERE id <> :node_id;

-- name: insert_node
-- Add an engine process.
INSERT INTO node (id, beat) VALUES (:node_id, 0);

-- name: beat_node
-- One more sign of life.
UPDATE node SET beat = beat + 1 WHERE id = :node_id;

-- name: node_exists
-- Whether a node's row is there.
SELECT 1 FROM node WHERE id = :node_id;

-- name: list_nodes
-- All engine processes.
SELECT id, beat FROM node ORDER BY id;

-- name: lanes_of_nodes
-- How many lanes each engine process owns.
SELECT id, (SELECT count(*) FROM lane WHERE owner = node.id) FROM node;

-- name: delete_silent_node
-- Remove a node that has not beaten since it was seen.
DELETE FROM node WHERE id = :node_id AND beat = :beat;

-- name: delete_node
-- Remove a node that leaves.
DELETE FROM node WHERE id = :node_id;
