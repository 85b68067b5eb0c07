-- Profiles: what endpoints are spoken to in.

-- ── handshakes ─────────────────────────────────────────────────────────────────────────────────────────────────

-- Endpoints that have to prove themselves: few at any time, and looked for in every sweep.
CREATE INDEX endpoint_unverified ON endpoint (id) WHERE status = 'verification_pending' AND deleted_at IS NULL;
