-- Makes `pure_types.txt`: types a value can be converted to without running anybody's code, sorted by bytes.
--
-- Run on an empty PostgreSQL 15: psql -XAtf pure_types.sql postgres
-- In: base, range and multirange types of `pg_catalog`. Out: domains, whose checks call functions, and row types.
SELECT t.typname::text COLLATE "C"
FROM pg_type t
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typcategory <> 'A'
ORDER BY 1;
