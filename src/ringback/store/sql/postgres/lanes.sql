-- Lanes and nodes: who drains what.
--
-- `owner IS NOT DISTINCT FROM` is never looked up in lane_owned, which would visit all of the node's lanes for each.
--
-- What happens often to a lane gives it a higher `turn`, which is the second column of its key. While some transaction is
-- old nobody may clear away what a lane was before; whoever looks for it by its latest turn passes over none of that. The
-- turn is looked up before the row is locked, and the row may have a higher one by then: hence `turn >= …`.

-- name: anything_to_claim
-- Whether a node's row is there, and whether any lane rings that nobody owns, from a place in the order of claims on.
SELECT
    EXISTS (SELECT 1 FROM node WHERE id = %(node_id)s),
    EXISTS (
        SELECT 1 FROM lane
        WHERE owner IS NULL AND due_at <= %(now)s
        AND (due_at, tenant_id, endpoint_id) >= (%(from_due)s, %(from_tenant)s, %(from_endpoint)s)
    );

-- name: keep_node
-- Keep a node's row from being deleted until the transaction ends; its beats go on.
SELECT 1 FROM node WHERE id = %(node_id)s FOR KEY SHARE;

-- name: claim_lanes
-- Take lanes that ring and nobody owns, the earliest first from a place on, and silence them; as they were.
WITH ringing AS MATERIALIZED (
    SELECT endpoint_id, tenant_id, due_at, not_before, health, freed_at
    FROM lane
    WHERE owner IS NULL AND due_at <= %(now)s
    AND (due_at, tenant_id, endpoint_id) >= (%(from_due)s, %(from_tenant)s, %(from_endpoint)s)
    ORDER BY due_at, tenant_id, endpoint_id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE lane
SET owner = %(node_id)s, due_at = NULL, turn = lane.turn + 1
FROM ringing
WHERE lane.endpoint_id = ringing.endpoint_id
AND lane.turn >= (SELECT turn FROM lane WHERE lane.endpoint_id = ringing.endpoint_id ORDER BY turn DESC LIMIT 1)
RETURNING
    ringing.tenant_id, ringing.endpoint_id, ringing.due_at, ringing.not_before, %(node_id)s::text, ringing.health,
    ringing.freed_at;

-- name: ringing_lanes
-- A node's own lanes whose bell rings, from a time on.
SELECT endpoint_id FROM lane WHERE owner = %(node_id)s AND due_at >= %(from_due)s AND due_at <= %(now)s;

-- name: not_silent_lanes
-- Which of a node's own lanes have a bell to silence.
SELECT lane.endpoint_id
FROM (
    SELECT endpoint_id, (
        SELECT turn FROM lane WHERE lane.endpoint_id = named.endpoint_id ORDER BY turn DESC LIMIT 1
    ) AS turn
    FROM unnest(%(endpoint_ids)s::text[]) AS named (endpoint_id)
    OFFSET 0
) AS asked
JOIN lane ON lane.endpoint_id = asked.endpoint_id AND lane.turn >= asked.turn
WHERE lane.owner IS NOT DISTINCT FROM %(node_id)s::text AND lane.due_at IS NOT NULL;

-- name: silence_lanes
-- Silence the bells of a node's own lanes.
WITH own AS MATERIALIZED (
    SELECT lane.endpoint_id, asked.turn
    FROM (
        SELECT endpoint_id, (
            SELECT turn FROM lane WHERE lane.endpoint_id = named.endpoint_id ORDER BY turn DESC LIMIT 1
        ) AS turn
        FROM unnest(%(endpoint_ids)s::text[]) AS named (endpoint_id)
        OFFSET 0
    ) AS asked
    JOIN lane ON lane.endpoint_id = asked.endpoint_id AND lane.turn >= asked.turn
    WHERE lane.owner IS NOT DISTINCT FROM %(node_id)s::text AND lane.due_at IS NOT NULL
    ORDER BY lane.endpoint_id
    FOR UPDATE OF lane
)
UPDATE lane SET due_at = NULL, turn = lane.turn + 1
FROM own
WHERE lane.endpoint_id = own.endpoint_id AND lane.turn >= own.turn;

-- name: release_lanes
-- Give lanes up where they are still the node's own and silent; an endless pause stays endless; those given up.
WITH leaving AS MATERIALIZED (
    SELECT
        lane.endpoint_id, asked.turn, asked.next_due, asked.health,
        CASE WHEN lane.not_before >= %(forever)s THEN lane.not_before ELSE asked.not_before END AS not_before
    FROM (
        SELECT named.*, (
            SELECT turn FROM lane WHERE lane.endpoint_id = named.endpoint_id ORDER BY turn DESC LIMIT 1
        ) AS turn
        FROM unnest(
            %(endpoint_ids)s::text[], %(next_dues)s::bigint[], %(not_befores)s::bigint[], %(healths)s::bytea[]
        ) AS named (endpoint_id, next_due, not_before, health)
        OFFSET 0
    ) AS asked
    JOIN lane ON lane.endpoint_id = asked.endpoint_id AND lane.turn >= asked.turn
    WHERE lane.owner IS NOT DISTINCT FROM %(node_id)s::text AND lane.due_at IS NULL
    ORDER BY lane.endpoint_id
    FOR UPDATE OF lane
)
UPDATE lane
SET owner = NULL,
    turn = lane.turn + 1,
    health = leaving.health,
    freed_at = CASE WHEN leaving.next_due <= freed_at THEN freed_at ELSE 0 END,
    not_before = leaving.not_before,
    due_at = CASE WHEN leaving.next_due IS NOT NULL THEN greatest(leaving.next_due, leaving.not_before) END
FROM leaving
WHERE lane.endpoint_id = leaving.endpoint_id AND lane.turn >= leaving.turn
RETURNING lane.endpoint_id;

-- name: keep_health
-- Store the health of a lane that is the node's own.
UPDATE lane SET health = %(health)s WHERE endpoint_id = %(endpoint_id)s AND owner = %(node_id)s;

-- name: owned_lanes
-- The lanes whose row names this node.
SELECT endpoint_id FROM lane WHERE owner = %(node_id)s;

-- name: free_lanes
-- Free and ring some of a node's own lanes.
WITH freed AS MATERIALIZED (
    SELECT lane.endpoint_id
    FROM unnest(%(endpoint_ids)s::text[]) AS asked (endpoint_id)
    JOIN lane ON lane.endpoint_id = asked.endpoint_id
    WHERE lane.owner IS NOT DISTINCT FROM %(node_id)s::text
    ORDER BY lane.endpoint_id
    FOR UPDATE OF lane
)
UPDATE lane
SET owner = NULL, due_at = least(due_at, greatest(%(now)s, not_before)), freed_at = %(now)s
FROM freed
WHERE lane.endpoint_id = freed.endpoint_id;

-- name: free_lanes_of_node
-- Free and ring all lanes of a node that is gone.
WITH freed AS MATERIALIZED (
    SELECT endpoint_id FROM lane WHERE owner = %(node_id)s ORDER BY endpoint_id || '' FOR UPDATE
)
UPDATE lane
SET owner = NULL, due_at = least(due_at, greatest(%(now)s, not_before)), freed_at = %(now)s
FROM freed
WHERE lane.endpoint_id = freed.endpoint_id;

-- name: insert_node
-- Add an engine process.
INSERT INTO node (id, beat) VALUES (%(node_id)s, 0) ON CONFLICT (id) DO NOTHING;

-- name: beat_node
-- One more sign of life.
UPDATE node SET beat = beat + 1 WHERE id = %(node_id)s;

-- name: list_nodes
-- All engine processes.
SELECT id, beat FROM node ORDER BY id;

-- name: delete_silent_node
-- Remove a node that has not beaten since it was seen.
DELETE FROM node WHERE id = %(node_id)s AND beat = %(beat)s;

-- name: delete_node
-- Remove a node that leaves.
DELETE FROM node WHERE id = %(node_id)s;

-- name: spread_of_lanes
-- How many lanes each engine process owns.
SELECT node.id, (SELECT count(*) FROM lane WHERE lane.owner = node.id) FROM node;
