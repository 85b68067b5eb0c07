-- Profiles that were put through the API. The columns are in the order of model.profile.StoredProfile.

-- name: count_profiles
-- How many there are, and whether there is one of a name.
SELECT count(*), ifnull(max(name = :name), 0) FROM profile;

-- name: put_profile
-- Add a profile, or replace the one of its name.
INSERT INTO profile (name, text, version, created_at, updated_at, revision)
VALUES (:name, :text, :version, :created_at, :updated_at, 1)
ON CONFLICT (name) DO UPDATE
SET text = excluded.text, version = excluded.version, updated_at = excluded.updated_at, revision = revision + 1;

-- name: profiles_by_name
-- Those of the profiles that exist, as asked.
SELECT name, text, version, created_at, updated_at, revision
FROM json_each(:names) AS asked
CROSS JOIN profile ON profile.name = asked.value;

-- name: list_profiles
-- A page of profiles by name.
SELECT name, text, version, created_at, updated_at, revision
FROM profile
WHERE name > :after
ORDER BY name
LIMIT :limit;

-- name: delete_profile
-- Remove a profile.
DELETE FROM profile WHERE name = :name;

-- name: endpoints_of_profile
-- A page of the endpoints, by id, that use a profile other than the default.
SELECT config, key_id, credentials
FROM endpoint
WHERE CAST(config AS TEXT) ->> '$.profile' = :name AND id > :after
AND deleted_at IS NULL AND CAST(config AS TEXT) ->> '$.profile' <> 'standard'
ORDER BY id
LIMIT :limit;

-- name: tenants_of_profile
-- The first tenants, by id, whose endpoints have a profile other than the default unless they choose.
SELECT id
FROM tenant
WHERE profile = :name AND deleted_at IS NULL AND profile <> 'standard'
ORDER BY id
LIMIT :limit;
