-- Who may sign in at the console, and who has. The columns are in the order of the model's rows (model.console).

-- name: count_operators
-- How many there are, and whether there is one of a name.
SELECT count(*), ifnull(max(name = :name), 0) FROM operator;

-- name: insert_operator
-- Add an operator.
INSERT INTO operator (id, name, password_hash, created_at, changed_at)
VALUES (:id, :name, :password_hash, :created_at, :changed_at);

-- name: operator_by_name
-- The operator who signs in with a name.
SELECT id, name, password_hash, created_at, changed_at FROM operator WHERE name = :name;

-- name: operator_by_id
-- The operator of an id.
SELECT id, name, password_hash, created_at, changed_at FROM operator WHERE id = :id;

-- name: list_operators
-- All operators, by name.
SELECT id, name, password_hash, created_at, changed_at FROM operator ORDER BY name;

-- name: change_password
-- Give an operator another password.
UPDATE operator SET password_hash = :password_hash, changed_at = :now WHERE id = :id;

-- name: renew_hash
-- Store a password hashed otherwise, unless it was changed meanwhile.
UPDATE operator SET password_hash = :after WHERE id = :id AND password_hash = :before;

-- name: delete_operator
-- Remove an operator.
DELETE FROM operator WHERE id = :id;

-- name: open_session
-- Add a session.
INSERT INTO console_session (token_hash, role, tenant_id, holder, actor, created_at, expires_at)
VALUES (
    :token_hash, :role, :tenant_id, :holder, :actor, :created_at, :expires_at
);

-- name: session_by_token
-- A session that has not ended.
SELECT token_hash, role, tenant_id, holder, actor, created_at, expires_at
FROM console_session
WHERE token_hash = :token_hash AND expires_at > :now AND (
    tenant_id IS NULL
    OR EXISTS (SELECT 1 FROM tenant WHERE tenant.id = console_session.tenant_id AND deleted_at IS NULL)
);

-- name: end_session
-- Remove a session.
DELETE FROM console_session WHERE token_hash = :token_hash;

-- name: end_sessions_of
-- Remove all sessions of a holder.
DELETE FROM console_session WHERE holder = :holder;

-- name: insert_link
-- Add a link.
INSERT INTO console_link (token_hash, tenant_id, role, made_by, expires_at)
VALUES (:token_hash, :tenant_id, :role, :made_by, :expires_at);

-- name: link_by_token
-- A link that has not ended.
SELECT token_hash, tenant_id, role, made_by, expires_at
FROM console_link
WHERE token_hash = :token_hash AND expires_at > :now
AND EXISTS (SELECT 1 FROM tenant WHERE tenant.id = console_link.tenant_id AND deleted_at IS NULL);

-- name: use_link
-- Take a link that has not ended.
DELETE FROM console_link
WHERE token_hash = :token_hash AND expires_at > :now
AND EXISTS (SELECT 1 FROM tenant WHERE tenant.id = console_link.tenant_id AND deleted_at IS NULL)
RETURNING token_hash, tenant_id, role, made_by, expires_at;

-- name: expire_sessions
-- Remove some sessions past their time.
DELETE FROM console_session WHERE token_hash IN (
    SELECT token_hash FROM console_session WHERE expires_at <= :now LIMIT :limit
);

-- name: expire_links
-- Remove some links past their time.
DELETE FROM console_link WHERE token_hash IN (
    SELECT token_hash FROM console_link WHERE expires_at <= :now LIMIT :limit
);

-- name: purge_sessions
-- Remove some sessions of a tenant.
DELETE FROM console_session WHERE token_hash IN (
    SELECT token_hash FROM console_session WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_links
-- Remove some links of a tenant.
DELETE FROM console_link WHERE token_hash IN (
    SELECT token_hash FROM console_link WHERE tenant_id = :tenant_id LIMIT :limit
);
