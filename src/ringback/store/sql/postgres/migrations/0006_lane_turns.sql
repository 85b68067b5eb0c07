-- Lanes that are found without passing over what they were before.
--
-- A lane's row changes several times a second, and while some session's transaction is old nothing of what it was may be
-- cleared away. `turn` counts the changes that come often. As the second column of the key it lets a lane be found by its
-- latest turn, and a new version be checked against none of the old ones, as a key of the endpoint alone would.
-- That an endpoint has one lane is kept by its row: a lane is inserted by whoever has that inserted or locked.

ALTER TABLE lane ADD COLUMN turn bigint NOT NULL DEFAULT 0;
ALTER TABLE lane DROP CONSTRAINT lane_pkey;
ALTER TABLE lane ADD PRIMARY KEY (endpoint_id, turn);
