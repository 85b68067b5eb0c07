-- Finding due work. Every answer is one row, so that a thread waits for its turn in Python once, not once a row.

-- name: find_due
-- Of a lane without an order: new work; what is due again; new work below the watermark; when the next one is due.
WITH fresh AS (
    SELECT seq FROM delivery
    WHERE endpoint_id = :endpoint_id AND ordering_key IS NULL AND deferred = 0 AND seq > :watermark
    UNION ALL
    SELECT seq FROM delivery
    WHERE endpoint_id = :endpoint_id AND ordering_key IS NOT NULL AND deferred = 0 AND seq > :watermark
    ORDER BY seq
    LIMIT :fresh_count
),
late AS (
    SELECT seq FROM delivery
    WHERE endpoint_id = :endpoint_id AND deferred = 1 AND due_at <= :now
    ORDER BY due_at, seq
    LIMIT :late_count
),
passed AS (
    SELECT seq FROM delivery
    WHERE endpoint_id = :endpoint_id AND ordering_key IS NULL AND deferred = 0 AND seq <= :watermark
    UNION ALL
    SELECT seq FROM delivery
    WHERE endpoint_id = :endpoint_id AND ordering_key IS NOT NULL AND deferred = 0 AND seq <= :watermark
    LIMIT :passed_count
)
SELECT
    (SELECT json_group_array(seq) FROM fresh),
    (SELECT json_group_array(seq) FROM late),
    (SELECT json_group_array(seq) FROM passed),
    (SELECT min(due_at) FROM delivery WHERE endpoint_id = :endpoint_id AND deferred = 1 AND due_at > :now);

-- name: find_due_heads
-- Due heads of a lane with an order, found key after key by skip scan; when the next one is due; where the scan stopped.
WITH RECURSIVE head (seq, due_at, is_due, beyond, visited, found) AS (
    -- What has no key is a queue too. `beyond` is the least text that the next key can be. New work is due (`:new` 1)
    -- whatever the clock says.
    SELECT
        first.seq, delivery.due_at, ifnull(delivery.due_at <= :now OR delivery.deferred < :new, 0),
        :from_key, 0, ifnull(delivery.due_at <= :now OR delivery.deferred < :new, 0)
    FROM (
        SELECT min(seq) AS seq FROM (
            SELECT min(seq) AS seq FROM delivery
            WHERE endpoint_id = :endpoint_id AND ordering_key IS NULL AND deferred = 0
            UNION ALL
            SELECT min(seq) FROM delivery
            WHERE endpoint_id = :endpoint_id AND ordering_key IS NULL AND deferred = 1
        )
    ) AS first
    LEFT JOIN delivery ON delivery.seq = first.seq
    UNION ALL
    SELECT
        delivery.seq, delivery.due_at, (delivery.due_at <= :now OR delivery.deferred < :new),
        delivery.ordering_key || char(0),
        head.visited + 1, head.found + (delivery.due_at <= :now OR delivery.deferred < :new)
    FROM head
    CROSS JOIN delivery ON delivery.seq = (
        SELECT min(seq) FROM (
            SELECT min(seq) AS seq FROM delivery
            WHERE endpoint_id = :endpoint_id AND deferred = 0 AND ordering_key = (
                SELECT min(ordering_key) FROM delivery
                WHERE endpoint_id = :endpoint_id AND ordering_key >= head.beyond
            )
            UNION ALL
            SELECT min(seq) FROM delivery
            WHERE endpoint_id = :endpoint_id AND deferred = 1 AND ordering_key = (
                SELECT min(ordering_key) FROM delivery
                WHERE endpoint_id = :endpoint_id AND ordering_key >= head.beyond
            )
        )
    )
    WHERE head.visited < :visits OR head.found < :wanted
),
due AS (
    SELECT seq FROM head
    WHERE is_due
    ORDER BY seq
    LIMIT :wanted
)
SELECT
    (SELECT json_group_array(seq) FROM due),
    (SELECT min(due_at) FROM head WHERE NOT is_due),
    (SELECT beyond FROM head WHERE visited >= :visits AND found >= :wanted ORDER BY visited DESC LIMIT 1);

-- name: load_due
-- Deliveries with their events, in the order asked: the columns as JSON arrays, the payloads end to end.
SELECT
    json_group_array(json_array(
        delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.ordering_key,
        delivery.due_at, delivery.seq, delivery.attempts, delivery.tries,
        event.type, length(event.data), event.channel, event.subject_type, event.subject_id,
        event.change, length(event.previous), event.ordering_key, event.occurred_at, event.deliver_at,
        event.accepted_at, event.hops, event.deliveries, event.trace, event.number,
        event.changed, event.origin
    )),
    CAST(group_concat(event.data, '') AS BLOB),
    CAST(group_concat(event.previous, '') AS BLOB)
FROM json_each(:seqs) AS asked
CROSS JOIN delivery ON delivery.seq = asked.value
CROSS JOIN event ON event.tenant_id = delivery.tenant_id AND event.id = delivery.event_id;

-- name: earliest_due
-- When the first delivery of a lane without an order is due; new work was due when it came.
SELECT min(due_at) FROM (
    SELECT due_at FROM delivery WHERE seq = (
        SELECT min(seq) FROM delivery
        WHERE endpoint_id = :endpoint_id AND ordering_key IS NULL AND deferred = 0
    )
    UNION ALL
    SELECT due_at FROM delivery WHERE seq = (
        SELECT min(seq) FROM delivery
        WHERE endpoint_id = :endpoint_id AND ordering_key IS NOT NULL AND deferred = 0
    )
    UNION ALL
    SELECT min(due_at) FROM delivery WHERE endpoint_id = :endpoint_id AND deferred = 1
);
