-- Telling other processes that bells were rung.

-- name: notify_of_bells
-- Tell whoever listens.
NOTIFY ringback_bells;

-- name: listen_for_bells
-- Be told of bells.
LISTEN ringback_bells;
