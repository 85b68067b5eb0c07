-- What the published management APIs need besides.

-- ── InsideView: alerts by number ───────────────────────────────────────────────────────────────────────────────

-- A number was unique within a process only; of two events that share one, the later can't be told by it.
UPDATE event SET number = NULL
WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, row_number() OVER (PARTITION BY tenant_id, number ORDER BY seq) AS place
        FROM event WHERE number IS NOT NULL
    )
    WHERE place > 1
);
-- Few events have one: the others cost nothing here.
CREATE UNIQUE INDEX event_by_number ON event (tenant_id, number) WHERE number IS NOT NULL;
