-- Profiles that were put through the API. The columns are in the order of model.profile.StoredProfile.

-- name: count_profiles
-- How many there are, and whether there is one of a name.
SELECT count(*), coalesce(bool_or(name = %(name)s), false) FROM profile;

-- name: put_profile
-- Add a profile, or replace the one of its name; as it is stored then.
INSERT INTO profile AS present (name, text, version, created_at, updated_at, revision)
VALUES (%(name)s, %(text)s, %(version)s, %(created_at)s, %(updated_at)s, 1)
ON CONFLICT (name) DO UPDATE
SET text = excluded.text, version = excluded.version, updated_at = excluded.updated_at,
    revision = present.revision + 1
RETURNING name, text, version, created_at, updated_at, revision;

-- name: profiles_by_name
-- Those of the profiles that exist, as asked.
SELECT profile.name, text, version, created_at, updated_at, revision
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS asked (name, place)
JOIN profile ON profile.name = asked.name
ORDER BY asked.place;

-- name: list_profiles
-- A page of profiles by name.
SELECT name, text, version, created_at, updated_at, revision
FROM profile
WHERE name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: delete_profile
-- Remove a profile.
DELETE FROM profile WHERE name = %(name)s;

-- name: endpoints_of_profile
-- A page of the endpoints, by id, that use a profile other than the default.
SELECT config, key_id, credentials
FROM endpoint
WHERE profile = %(name)s AND id > %(after)s AND deleted_at IS NULL AND profile <> 'standard'
ORDER BY id
LIMIT %(limit)s;

-- name: tenants_of_profile
-- The first tenants, by id, whose endpoints have a profile other than the default unless they choose.
SELECT id
FROM tenant
WHERE profile = %(name)s AND deleted_at IS NULL AND profile <> 'standard'
ORDER BY id
LIMIT %(limit)s;
