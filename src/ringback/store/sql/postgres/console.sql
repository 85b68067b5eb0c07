-- Who may sign in at the console, and who has. The columns are in the order of the model's rows (model.console).

-- name: count_operators
-- How many there are, and whether there is one of a name.
SELECT count(*), coalesce(bool_or(name = %(name)s), false) FROM operator;

-- name: insert_operator
-- Add an operator.
INSERT INTO operator (id, name, password_hash, created_at, changed_at)
VALUES (%(id)s, %(name)s, %(password_hash)s, %(created_at)s, %(changed_at)s);

-- name: operator_by_name
-- The operator who signs in with a name.
SELECT id, name, password_hash, created_at, changed_at FROM operator WHERE name = %(name)s;

-- name: operator_by_id
-- The operator of an id.
SELECT id, name, password_hash, created_at, changed_at FROM operator WHERE id = %(id)s;

-- name: list_operators
-- All operators, by name.
SELECT id, name, password_hash, created_at, changed_at FROM operator ORDER BY name;

-- name: change_password
-- Give an operator another password.
UPDATE operator SET password_hash = %(password_hash)s, changed_at = %(now)s WHERE id = %(id)s;

-- name: renew_hash
-- Store a password hashed otherwise, unless it was changed meanwhile.
UPDATE operator SET password_hash = %(after)s WHERE id = %(id)s AND password_hash = %(before)s;

-- name: delete_operator
-- Remove an operator.
DELETE FROM operator WHERE id = %(id)s;

-- name: share_operator
-- Have an operator's row stay as it is.
SELECT 1 FROM operator WHERE id = %(id)s FOR SHARE;

-- name: open_session
-- Add a session.
INSERT INTO console_session (token_hash, role, tenant_id, holder, actor, created_at, expires_at)
VALUES (
    %(token_hash)s, %(role)s, %(tenant_id)s, %(holder)s, %(actor)s, %(created_at)s, %(expires_at)s
);

-- name: session_by_token
-- A session that has not ended.
SELECT token_hash, role, tenant_id, holder, actor, created_at, expires_at
FROM console_session
WHERE token_hash = %(token_hash)s AND expires_at > %(now)s AND (
    tenant_id IS NULL
    OR EXISTS (SELECT 1 FROM tenant WHERE tenant.id = console_session.tenant_id AND deleted_at IS NULL)
);

-- name: end_session
-- Remove a session.
DELETE FROM console_session WHERE token_hash = %(token_hash)s;

-- name: end_sessions_of
-- Remove all sessions of a holder.
DELETE FROM console_session WHERE token_hash = ANY (ARRAY(
    SELECT token_hash FROM console_session WHERE holder = %(holder)s ORDER BY token_hash FOR UPDATE
));

-- name: insert_link
-- Add a link.
INSERT INTO console_link (token_hash, tenant_id, role, made_by, expires_at)
VALUES (%(token_hash)s, %(tenant_id)s, %(role)s, %(made_by)s, %(expires_at)s);

-- name: link_by_token
-- A link that has not ended.
SELECT token_hash, tenant_id, role, made_by, expires_at
FROM console_link
WHERE token_hash = %(token_hash)s AND expires_at > %(now)s
AND EXISTS (SELECT 1 FROM tenant WHERE tenant.id = console_link.tenant_id AND deleted_at IS NULL);

-- name: use_link
-- Take a link that has not ended.
DELETE FROM console_link
WHERE token_hash = %(token_hash)s AND expires_at > %(now)s
AND EXISTS (SELECT 1 FROM tenant WHERE tenant.id = console_link.tenant_id AND deleted_at IS NULL)
RETURNING token_hash, tenant_id, role, made_by, expires_at;

-- name: expire_sessions
-- Remove some sessions past their time.
DELETE FROM console_session WHERE token_hash = ANY (ARRAY(
    SELECT token_hash FROM console_session
    WHERE expires_at <= %(now)s
    ORDER BY expires_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

-- name: expire_links
-- Remove some links past their time.
DELETE FROM console_link WHERE token_hash = ANY (ARRAY(
    SELECT token_hash FROM console_link
    WHERE expires_at <= %(now)s
    ORDER BY expires_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

-- name: purge_sessions
-- Remove some sessions of a tenant.
DELETE FROM console_session WHERE token_hash = ANY (ARRAY(
    SELECT token_hash FROM console_session
    WHERE tenant_id = %(tenant_id)s
    ORDER BY token_hash LIMIT %(limit)s
    FOR UPDATE
));

-- name: purge_links
-- Remove some links of a tenant.
DELETE FROM console_link WHERE token_hash = ANY (ARRAY(
    SELECT token_hash FROM console_link
    WHERE tenant_id = %(tenant_id)s
    ORDER BY token_hash LIMIT %(limit)s
    FOR UPDATE
));
