-- What is asked of the database about itself.

-- name: database_bytes
-- How large the files of the database are, its log apart.
SELECT pg_database_size(current_database());
