-- How processes have done lately. The columns are in the order of model.pulse.

-- name: insert_pulse
-- Keep what a process did in a moment, unless that is there.
INSERT INTO pulse (
    at, process, host, version, role, span_ms, events, succeeded, failed, departed, lag_ms, oldest_ms, waiting,
    in_flight, in_flight_max, endpoints
) VALUES (
    :at, :process, :host, :version, :role, :span_ms, :events, :succeeded, :failed,
    :departed, :lag_ms, :oldest_ms, :waiting, :in_flight, :in_flight_max, :endpoints
) ON CONFLICT DO NOTHING;

-- name: moments
-- What all processes did together, moment by moment.
SELECT
    at,
    sum(events * 1000.0 / span_ms),
    sum(succeeded * 1000.0 / span_ms),
    sum(failed * 1000.0 / span_ms),
    sum(lag_ms) * 1.0 / nullif(sum(departed), 0),
    max(oldest_ms),
    max(waiting),
    sum(in_flight),
    sum(in_flight_max)
FROM pulse
WHERE at > :after AND at <= :until
GROUP BY at
ORDER BY at;

-- name: latest_pulses
-- The last one of each process: the other columns are of the row that has the max.
SELECT
    max(at), process, host, version, role, span_ms, events, succeeded, failed, departed, lag_ms, oldest_ms, waiting,
    in_flight, in_flight_max, endpoints
FROM pulse
WHERE at > :after
GROUP BY process
ORDER BY process;

-- name: expire_pulses
-- Remove some of moments that are long past.
DELETE FROM pulse WHERE (at, process) IN (
    SELECT at, process FROM pulse WHERE at < :before LIMIT :limit
);
