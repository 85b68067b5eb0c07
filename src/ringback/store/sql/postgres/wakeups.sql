-- Telling other processes that bells were rung.

-- name: notify_of_bells
-- Tell whoever listens.
NOTIFY ringback_bells;

-- name: notify_of_old_bells
-- Tell whoever listens that bells rang at a time that claims may have passed.
SELECT pg_notify('ringback_bells', 'long ago');

-- name: listen_for_bells
-- Be told of bells.
LISTEN ringback_bells;
