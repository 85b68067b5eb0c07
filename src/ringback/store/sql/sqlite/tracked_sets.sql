-- Tracked sets and their members. The columns of a set are in the order of model.tracked_set.TrackedSet.

-- name: tracked
-- Those of the (tenant, set's name, id) that are so.
WITH asked (tenant_id, set_name, member) AS (VALUES (?, ?, ?))
SELECT asked.tenant_id, asked.set_name, asked.member
FROM asked
CROSS JOIN tracked_set ON tracked_set.tenant_id = asked.tenant_id AND tracked_set.name = asked.set_name
CROSS JOIN tracked_member
    ON tracked_member.tenant_id = asked.tenant_id AND tracked_member.set_id = tracked_set.id
    AND tracked_member.member = asked.member;

-- name: room_for_tracked_set
-- How many sets a tenant has, and whether it was deleted.
SELECT
    (SELECT count(*) FROM tracked_set WHERE tenant_id = :tenant_id),
    EXISTS (SELECT 1 FROM tenant WHERE id = :tenant_id AND deleted_at IS NOT NULL);

-- name: insert_tracked_set
-- Add an empty set.
INSERT INTO tracked_set (tenant_id, name, id, members, created_at, updated_at)
VALUES (:tenant_id, :name, :id, 0, :created_at, :updated_at);

-- name: tracked_set_by_name
-- One set of a tenant.
SELECT id, tenant_id, name, members, created_at, updated_at
FROM tracked_set
WHERE tenant_id = :tenant_id AND name = :name;

-- name: list_tracked_sets
-- A page of a tenant's sets by name.
SELECT id, tenant_id, name, members, created_at, updated_at
FROM tracked_set
WHERE tenant_id = :tenant_id AND name > :after
ORDER BY name
LIMIT :limit;

-- name: bury_tracked_sets
-- Note that the set of a name, or (null) all sets of a tenant are gone, so that their members go.
INSERT INTO tracked_set_gone (tenant_id, id)
SELECT tenant_id, id FROM tracked_set WHERE tenant_id = :tenant_id AND name = ifnull(:name, name);

-- name: delete_tracked_sets
-- Remove the set of a name, or (null) all sets of a tenant, without their members.
DELETE FROM tracked_set WHERE tenant_id = :tenant_id AND name = ifnull(:name, name);

-- name: count_members
-- How many of these ids are in a set.
SELECT count(*)
FROM json_each(:members) AS asked
CROSS JOIN tracked_member
    ON tracked_member.tenant_id = :tenant_id AND tracked_member.set_id = :set_id
    AND tracked_member.member = asked.value;

-- name: insert_members
-- Put those ids into a set that are not in it.
INSERT INTO tracked_member (tenant_id, set_id, member)
SELECT :tenant_id, :set_id, value FROM json_each(:members) WHERE true ORDER BY value
ON CONFLICT DO NOTHING;

-- name: remove_members
-- Take ids out of a set.
DELETE FROM tracked_member
WHERE tenant_id = :tenant_id AND set_id = :set_id AND member IN (SELECT value FROM json_each(:members));

-- name: count_change_of_members
-- Say how many more members a set has.
UPDATE tracked_set SET members = members + :more, updated_at = :now WHERE tenant_id = :tenant_id AND name = :name;

-- name: list_members
-- A page of a set's members, in order.
SELECT member FROM tracked_member
WHERE tenant_id = :tenant_id AND set_id = :set_id AND member > :after
ORDER BY member
LIMIT :limit;

-- name: tracked_sets_gone
-- Some of the sets that were deleted and may have members.
SELECT tenant_id, id FROM tracked_set_gone LIMIT :limit;

-- name: clear_members
-- Remove some members of a set.
DELETE FROM tracked_member WHERE (tenant_id, set_id, member) IN (
    SELECT tenant_id, set_id, member FROM tracked_member
    WHERE tenant_id = :tenant_id AND set_id = :set_id LIMIT :limit
);

-- name: forget_tracked_set
-- Forget a deleted set.
DELETE FROM tracked_set_gone WHERE tenant_id = :tenant_id AND id = :set_id;
