-- What the published contracts ask for.

-- ── tenants whose webhooks are off ─────────────────────────────────────────────────────────────────────────────

-- Their lanes are paused for ever from now on, as an inactive endpoint's are, until they are switched on.
UPDATE lane
SET not_before = 253402300799000, due_at = iif(due_at IS NULL, NULL, 253402300799000)
WHERE endpoint_id IN (
    SELECT endpoint.id FROM tenant CROSS JOIN endpoint ON endpoint.tenant_id = tenant.id
    WHERE NOT tenant.webhooks_enabled
);
