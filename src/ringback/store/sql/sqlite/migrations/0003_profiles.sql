-- Wire contracts of one's own, and what contracts ask for that events did not have.

-- ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- A whole number below 2^53 that names the event within its tenant; null where no contract asks for one.
ALTER TABLE event ADD COLUMN number INTEGER;
