-- Makes `pure_operators.txt`: symbols of operators that only compute, one a line, sorted by bytes.
--
-- Run on an empty PostgreSQL 15: psql -XAtf pure_operators.sql postgres
-- In: symbols in `pg_catalog` of which every overload is the server's own immutable or stable code.
SELECT o.oprname::text COLLATE "C"
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_language l ON l.oid = p.prolang
WHERE o.oprnamespace = 'pg_catalog'::regnamespace
GROUP BY 1
HAVING bool_and(p.provolatile IN ('i', 's') AND l.lanname IN ('internal', 'sql'))
ORDER BY 1;
