-- Tracked sets and their members. The columns of a set are in the order of model.tracked_set.TrackedSet.
-- What is joined with a list of members is fenced off (OFFSET 0): else the planner goes through the whole set where it
-- believes the table to be empty.

-- name: tracked
-- The places, in the list that is asked about, of those that are members. Joined plainly, sets would be read whole.
SELECT asked.place
FROM unnest(%(tenant_ids)s::text[], %(names)s::text[], %(members)s::text[])
    WITH ORDINALITY AS asked (tenant_id, name, member, place)
CROSS JOIN LATERAL (
    SELECT id FROM tracked_set WHERE tracked_set.tenant_id = asked.tenant_id AND tracked_set.name = asked.name
    OFFSET 0
) AS present
CROSS JOIN LATERAL (
    SELECT 1 FROM tracked_member
    WHERE tracked_member.tenant_id = asked.tenant_id AND tracked_member.set_id = present.id
    AND tracked_member.member = asked.member
    OFFSET 0
) AS found;

-- name: count_tracked_sets
-- How many sets a tenant has.
SELECT count(*) FROM tracked_set WHERE tenant_id = %(tenant_id)s;

-- name: insert_tracked_set
-- Add an empty set; as it is stored then.
INSERT INTO tracked_set (tenant_id, name, id, members, created_at, updated_at)
VALUES (%(tenant_id)s, %(name)s, %(id)s, 0, %(created_at)s, %(updated_at)s)
RETURNING id, tenant_id, name, members, created_at, updated_at;

-- name: tracked_set_by_name
-- One set of a tenant.
SELECT id, tenant_id, name, members, created_at, updated_at
FROM tracked_set
WHERE tenant_id = %(tenant_id)s AND name = %(name)s;

-- name: list_tracked_sets
-- A page of a tenant's sets by name.
SELECT id, tenant_id, name, members, created_at, updated_at
FROM tracked_set
WHERE tenant_id = %(tenant_id)s AND name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: lock_tracked_set
-- Have a set for this transaction alone: its id, and how many members it has.
SELECT id, members FROM tracked_set WHERE tenant_id = %(tenant_id)s AND name = %(name)s FOR UPDATE;

-- name: count_members
-- How many of these are in a set.
SELECT count(*)
FROM unnest(%(members)s::text[]) AS asked (member)
CROSS JOIN LATERAL (
    SELECT 1 FROM tracked_member
    WHERE tenant_id = %(tenant_id)s AND set_id = %(set_id)s AND tracked_member.member = asked.member
    OFFSET 0
) AS found;

-- name: insert_members
-- Add members to a set that is locked, in order, passing over those that are in it.
INSERT INTO tracked_member (tenant_id, set_id, member)
SELECT %(tenant_id)s::text, %(set_id)s::text, member
FROM unnest(%(members)s::text[]) AS asked (member)
ORDER BY member COLLATE "C"
ON CONFLICT (tenant_id, set_id, member) DO NOTHING;

-- name: remove_members
-- Remove members of a set that is locked.
DELETE FROM tracked_member
USING (
    SELECT %(tenant_id)s::text AS tenant_id, %(set_id)s::text AS set_id, member
    FROM unnest(%(members)s::text[]) AS listed (member)
    OFFSET 0
) AS asked
WHERE tracked_member.tenant_id = asked.tenant_id AND tracked_member.set_id = asked.set_id
AND tracked_member.member = asked.member;

-- name: count_change_of_members
-- Count what was added to a set, or removed from it.
UPDATE tracked_set SET members = members + %(more)s, updated_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND name = %(name)s;

-- name: list_members
-- A page of a set's members, in order.
SELECT member
FROM tracked_member
WHERE tenant_id = %(tenant_id)s AND member > %(after)s
AND set_id = (SELECT id FROM tracked_set WHERE tenant_id = %(tenant_id)s AND name = %(name)s)
ORDER BY member
LIMIT %(limit)s;

-- name: delete_tracked_set
-- Remove a set; its id.
DELETE FROM tracked_set WHERE tenant_id = %(tenant_id)s AND name = %(name)s RETURNING id;

-- name: delete_tracked_sets_of_tenant
-- Remove all sets of a tenant; their ids.
DELETE FROM tracked_set
WHERE tenant_id = %(tenant_id)s AND name = ANY (ARRAY(
    SELECT name FROM tracked_set WHERE tenant_id = %(tenant_id)s ORDER BY name FOR UPDATE
))
RETURNING id;

-- name: bury_tracked_sets
-- Note that sets are gone whose members are still there.
INSERT INTO tracked_set_gone (tenant_id, id)
SELECT %(tenant_id)s::text, id FROM unnest(%(ids)s::text[]) AS gone (id);

-- name: tracked_sets_gone
-- Sets that are gone and may still have members.
SELECT tenant_id, id FROM tracked_set_gone ORDER BY tenant_id, id LIMIT %(limit)s;

-- name: lock_tracked_set_gone
-- Have a set that is gone for this transaction alone; nothing while another process clears it.
SELECT 1 FROM tracked_set_gone WHERE tenant_id = %(tenant_id)s AND id = %(set_id)s FOR UPDATE SKIP LOCKED;

-- name: members_to_clear
-- The next members of a set that is gone after one: how many, and the last of them.
SELECT count(*), max(member)
FROM (
    SELECT member FROM tracked_member
    WHERE tenant_id = %(tenant_id)s AND set_id = %(set_id)s AND member > %(after)s
    ORDER BY member LIMIT %(limit)s
) AS page;

-- name: clear_members
-- Remove the members of a set that is gone, which is locked, after one and up to another.
DELETE FROM tracked_member
WHERE tenant_id = %(tenant_id)s AND set_id = %(set_id)s AND member > %(after)s AND member <= %(last)s;

-- name: forget_tracked_set
-- Forget a set that has no members left.
DELETE FROM tracked_set_gone WHERE tenant_id = %(tenant_id)s AND id = %(set_id)s;
