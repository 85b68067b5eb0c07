-- How processes have done lately. The columns are in the order of model.pulse.

-- name: insert_pulse
-- Keep what a process did in a moment, unless that is there.
INSERT INTO pulse (
    at, process, host, version, role, span_ms, events, succeeded, failed, departed, lag_ms, oldest_ms, waiting,
    in_flight, in_flight_max, endpoints
) VALUES (
    %(at)s, %(process)s, %(host)s, %(version)s, %(role)s, %(span_ms)s, %(events)s, %(succeeded)s, %(failed)s,
    %(departed)s, %(lag_ms)s, %(oldest_ms)s, %(waiting)s, %(in_flight)s, %(in_flight_max)s, %(endpoints)s
) ON CONFLICT DO NOTHING;

-- name: moments
-- What all processes did together, moment by moment.
SELECT
    at,
    sum(events * 1000::double precision / span_ms),
    sum(succeeded * 1000::double precision / span_ms),
    sum(failed * 1000::double precision / span_ms),
    sum(lag_ms)::double precision / nullif(sum(departed), 0),
    max(oldest_ms),
    max(waiting),
    sum(in_flight)::bigint,
    sum(in_flight_max)::bigint
FROM pulse
WHERE at > %(after)s AND at <= %(until)s
GROUP BY at
ORDER BY at;

-- name: latest_pulses
-- The last one of each process.
SELECT DISTINCT ON (process)
    at, process, host, version, role, span_ms, events, succeeded, failed, departed, lag_ms, oldest_ms, waiting,
    in_flight, in_flight_max, endpoints
FROM pulse
WHERE at > %(after)s
ORDER BY process, at DESC;

-- name: expire_pulses
-- Remove some of moments that are long past.
DELETE FROM pulse WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM pulse
    WHERE at < %(before)s
    ORDER BY at, process LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));
