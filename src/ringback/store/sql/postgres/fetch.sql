-- Finding due work. Payloads are read until they take so many bytes; of rows beyond that the rest is told.
-- `ORDER BY ordering_key, seq` where all keys are the same: only the index of the lane has that order; another one, by seq,
-- would go through the rows of all lanes, or of all keys. `(deferred, seq) > …` likewise, where nothing is deferred: as a
-- range of seq alone it would look best by the tenant's own index in a table that has many dead rows and few others.

-- name: find_due
-- Of lanes without an order: new work beyond a number (kind 0), what is due again (1), when the next one is due (2).
WITH found AS (
    SELECT
        asked.place, row.kind, row.tenant_id, row.endpoint_id, row.event_id, row.ordering_key, row.due_at, row.seq,
        row.attempts, row.tries, row.event_at
    FROM unnest(
        %(tenant_ids)s::text[], %(endpoint_ids)s::text[], %(beyond)s::bigint[], %(watermarks)s::bigint[],
        %(rooms)s::bigint[], %(limits)s::bigint[]
    ) WITH ORDINALITY AS asked (tenant_id, endpoint_id, beyond, watermark, room, most, place)
    CROSS JOIN LATERAL (
        (
            -- Up to the watermark what the caller holds comes again; beyond it nothing does, so less is read.
            SELECT 0 AS kind, fresh.*
            FROM (
                VALUES
                    (asked.beyond, asked.watermark, asked.room),
                    (greatest(asked.watermark, asked.beyond), 9223372036854775807, asked.most)
            ) AS span (above, upto, count)
            CROSS JOIN LATERAL (
                (
                    SELECT tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries, event_at
                    FROM delivery
                    WHERE tenant_id = asked.tenant_id AND endpoint_id = asked.endpoint_id AND endpoint_id > ''
                    AND ordering_key IS NULL
                    AND (deferred, seq) > (false, span.above) AND (deferred, seq) <= (false, span.upto)
                    ORDER BY ordering_key, deferred, seq LIMIT span.count
                )
                UNION ALL
                (
                    SELECT tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries, event_at
                    FROM delivery
                    WHERE tenant_id = asked.tenant_id AND endpoint_id = asked.endpoint_id
                    AND ordering_key IS NOT NULL AND NOT deferred AND seq > span.above AND seq <= span.upto
                    ORDER BY seq LIMIT span.count
                )
                ORDER BY seq LIMIT span.count
            ) AS fresh
            WHERE span.above < span.upto
        )
        UNION ALL
        (
            SELECT 1, tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries, event_at
            FROM delivery
            WHERE tenant_id = asked.tenant_id AND endpoint_id = asked.endpoint_id AND deferred AND due_at <= %(now)s
            ORDER BY due_at, seq LIMIT asked.room
        )
        UNION ALL
        (
            SELECT 2, tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries, NULL
            FROM delivery
            WHERE tenant_id = asked.tenant_id AND endpoint_id = asked.endpoint_id AND deferred AND due_at > %(now)s
            ORDER BY due_at, seq LIMIT 1
        )
    ) AS row
),
sized AS (
    SELECT
        found.*, event.type, event.data, event.channel, event.subject_type, event.subject_id, event.change,
        event.previous, event.ordering_key AS event_key, event.occurred_at, event.deliver_at, event.accepted_at,
        event.hops, event.deliveries, event.trace, event.number, event.changed, event.origin,
        sum(coalesce(octet_length(event.data), 0) + coalesce(octet_length(event.previous), 0)) OVER (
            ORDER BY found.place, found.kind, CASE WHEN found.kind = 0 THEN found.seq ELSE found.due_at END, found.seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS bytes_before
    FROM found
    LEFT JOIN LATERAL (
        SELECT * FROM event
        WHERE event.tenant_id = found.tenant_id AND event.id >= found.event_id AND event.id <= found.event_id
        AND event.accepted_at = found.event_at
        ORDER BY event.id LIMIT 1
    ) AS event ON true
)
SELECT
    place, kind, coalesce(bytes_before, 0) < %(bytes_max)s, tenant_id, endpoint_id, event_id, ordering_key, due_at, seq,
    attempts, tries, type, CASE WHEN coalesce(bytes_before, 0) < %(bytes_max)s THEN data END, channel, subject_type,
    subject_id, change, CASE WHEN coalesce(bytes_before, 0) < %(bytes_max)s THEN previous END, event_key, occurred_at,
    deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM sized
ORDER BY place, kind, CASE WHEN kind = 0 THEN seq ELSE due_at END, seq;

-- name: find_due_heads
-- Due heads of a lane with an order, found key after key by skip scan; when the next one is due; where the scan stopped.
WITH RECURSIVE head (seq, due_at, is_due, beyond, visited, found) AS (
    -- What has no key is a queue too. `beyond` is the least text that the next key can be. New work is due (`new`)
    -- whatever the clock says.
    SELECT
        first.seq, delivery.due_at,
        coalesce(delivery.due_at <= %(now)s OR (%(new)s AND NOT delivery.deferred), false),
        %(from_key)s::text COLLATE "C", 0,
        coalesce(delivery.due_at <= %(now)s OR (%(new)s AND NOT delivery.deferred), false)::int
    FROM (
        SELECT least(
            (
                SELECT seq FROM delivery
                WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
                AND ordering_key IS NULL AND NOT deferred
                ORDER BY ordering_key, seq LIMIT 1
            ),
            (
                SELECT seq FROM delivery
                WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
                AND ordering_key IS NULL AND deferred
                ORDER BY ordering_key, seq LIMIT 1
            )
        ) AS seq
        OFFSET 0  -- found once, not wherever it is named
    ) AS first
    LEFT JOIN delivery ON delivery.tenant_id = %(tenant_id)s AND delivery.seq = first.seq
    UNION ALL
    SELECT
        delivery.seq, delivery.due_at, (delivery.due_at <= %(now)s OR (%(new)s AND NOT delivery.deferred)),
        delivery.ordering_key || chr(1), head.visited + 1,
        head.found + (delivery.due_at <= %(now)s OR (%(new)s AND NOT delivery.deferred))::int
    FROM head
    CROSS JOIN LATERAL (
        SELECT min(ordering_key) AS key FROM delivery
        WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
        AND ordering_key >= head.beyond
    ) AS next
    CROSS JOIN LATERAL (
        SELECT least(
            (
                SELECT seq FROM delivery
                WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
                AND ordering_key >= next.key AND ordering_key <= next.key AND NOT deferred
                ORDER BY ordering_key, seq LIMIT 1
            ),
            (
                SELECT seq FROM delivery
                WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
                AND ordering_key >= next.key AND ordering_key <= next.key AND deferred
                ORDER BY ordering_key, seq LIMIT 1
            )
        ) AS seq
        OFFSET 0  -- found once, not wherever it is named
    ) AS first
    JOIN delivery ON delivery.tenant_id = %(tenant_id)s AND delivery.seq = first.seq
    WHERE head.visited < %(visits)s OR head.found < %(wanted)s
)
SELECT
    (SELECT array_agg(seq) FROM (SELECT seq FROM head WHERE is_due ORDER BY seq LIMIT %(wanted)s) AS due),
    (SELECT min(due_at) FROM head WHERE NOT is_due),
    (
        SELECT beyond FROM head WHERE visited >= %(visits)s AND found >= %(wanted)s ORDER BY visited DESC LIMIT 1
    );

-- name: load_due
-- Deliveries with their events, in the order asked.
WITH sized AS (
    SELECT
        asked.place, delivery.tenant_id, delivery.endpoint_id, delivery.event_id,
        delivery.ordering_key AS delivery_key, delivery.due_at, delivery.seq, delivery.attempts, delivery.tries,
        event.type, event.data, event.channel, event.subject_type, event.subject_id, event.change, event.previous,
        event.ordering_key, event.occurred_at, event.deliver_at, event.accepted_at, event.hops, event.deliveries,
        event.trace, event.number, event.changed, event.origin,
        sum(coalesce(octet_length(event.data), 0) + coalesce(octet_length(event.previous), 0)) OVER (
            ORDER BY asked.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS bytes_before
    FROM unnest(%(seqs)s::bigint[]) WITH ORDINALITY AS asked (seq, place)
    JOIN delivery ON delivery.tenant_id = %(tenant_id)s AND delivery.seq = asked.seq
    LEFT JOIN LATERAL (
        SELECT * FROM event
        WHERE event.tenant_id = delivery.tenant_id AND event.id >= delivery.event_id
        AND event.id <= delivery.event_id AND event.accepted_at = delivery.event_at
        ORDER BY event.id LIMIT 1
    ) AS event ON true
)
SELECT
    place, 0, coalesce(bytes_before, 0) < %(bytes_max)s, tenant_id, endpoint_id, event_id, delivery_key, due_at, seq,
    attempts, tries, type, CASE WHEN coalesce(bytes_before, 0) < %(bytes_max)s THEN data END, channel, subject_type,
    subject_id, change, CASE WHEN coalesce(bytes_before, 0) < %(bytes_max)s THEN previous END, ordering_key,
    occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM sized
ORDER BY place;

-- name: earliest_due
-- When the first delivery of a lane without an order is due (new work beyond a number is), and the first new number.
SELECT
    least(plain.due_at, keyed.due_at, deferred.due_at), least(plain.seq, keyed.seq)
FROM (SELECT) AS lane
LEFT JOIN LATERAL (
    SELECT due_at, seq FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
    AND ordering_key IS NULL AND NOT deferred AND seq > %(beyond)s
    ORDER BY ordering_key, seq LIMIT 1
) AS plain ON true
LEFT JOIN LATERAL (
    SELECT due_at, seq FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND ordering_key IS NOT NULL AND NOT deferred
    AND seq > %(beyond)s
    ORDER BY seq LIMIT 1
) AS keyed ON true
LEFT JOIN LATERAL (
    SELECT due_at FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND deferred
    ORDER BY due_at, seq LIMIT 1
) AS deferred ON true;
