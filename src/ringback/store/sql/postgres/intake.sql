-- What ingest does in its write transaction.

-- name: take_keys
-- Give keys that are free or expired a new owner, in key order; those that were taken.
INSERT INTO event_key AS present (tenant_id, kind, key, body_hash, event_ids, expires_at)
SELECT tenant_id, kind, key, body_hash, string_to_array(event_ids, ','), expires_at
FROM unnest(
    %(tenant_ids)s::text[], %(kinds)s::text[], %(keys)s::text[], %(body_hashes)s::bytea[], %(event_ids)s::text[],
    %(expires_ats)s::bigint[]
) AS asked (tenant_id, kind, key, body_hash, event_ids, expires_at)
ORDER BY tenant_id COLLATE "C", kind COLLATE "C", key COLLATE "C"
ON CONFLICT (tenant_id, kind, key) DO UPDATE
SET body_hash = excluded.body_hash, event_ids = excluded.event_ids, expires_at = excluded.expires_at
WHERE present.expires_at <= %(now)s
RETURNING tenant_id, kind, key;

-- name: owners_of_keys
-- Who has keys.
SELECT tenant_id, kind, key, event_key.body_hash, event_key.event_ids
FROM unnest(%(tenant_ids)s::text[], %(kinds)s::text[], %(keys)s::text[]) AS asked (tenant_id, kind, key)
JOIN event_key USING (tenant_id, kind, key);

-- name: made_events_of_ids
-- Whether any of these ids is that of an event.
SELECT 1
FROM unnest(%(tenant_ids)s::text[], %(ids)s::text[]) AS asked (tenant_id, id)
JOIN event USING (tenant_id, id)
WHERE NOT EXISTS (
    SELECT 1 FROM event_key
    WHERE event_key.tenant_id = asked.tenant_id AND event_key.kind = 'event' AND event_key.key = asked.id
)
LIMIT 1;

-- name: taken_numbers
-- Those numbers that an event has already.
SELECT tenant_id, key
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[]) AS asked (tenant_id, key)
JOIN event_key USING (tenant_id, key)
WHERE event_key.kind = 'number';

-- name: events_by_id
-- Those of a tenant's events that exist, as asked; the columns in the order of model.event.Event.
SELECT
    event.tenant_id, event.id, type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS asked (id, place)
JOIN event ON event.tenant_id = %(tenant_id)s AND event.id = asked.id
ORDER BY asked.place;
