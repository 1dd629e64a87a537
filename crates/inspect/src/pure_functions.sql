-- Makes `pure_functions.txt`: names of functions that only compute or read, one a line, sorted by bytes.
--
-- Run on an empty PostgreSQL 15 (the oldest version whose catalogue we hold): psql -XAtf pure_functions.sql postgres
--
-- In: names in `pg_catalog` of which every overload is the server's own code (language internal, or one of the
-- SQL one-liners the server ships), immutable or stable, and callable with ordinary values. A function that takes
-- or gives `internal` or `cstring` can be told to run the input function of any type, so it stays out.
-- Out, although declared stable: what runs query text, converts to a row type the caller names, reads files,
-- checks functions, or takes a transaction id.
-- In, although declared volatile: what changes nothing but its own answer, sizes of relations, and sleep.
WITH overload AS (
    SELECT p.proname::text AS name,
           p.prokind <> 'p'
           AND p.provolatile IN ('i', 's')
           AND l.lanname IN ('internal', 'sql')
           AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
           AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'cstring'::regtype::oid] AS pure
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
), named AS (
    SELECT name FROM overload GROUP BY name HAVING bool_and(pure)
)
SELECT name COLLATE "C" FROM (
    SELECT name FROM named
    WHERE name !~ '^(query|table|cursor|schema|database)_to_xml'
      AND name !~ '^(pg_read|pg_ls|lo_|dblink|binary_upgrade|pg_event_trigger|jsonb?_populate_record)'
      AND name !~ '_validator$'
      AND name NOT IN (
          'ts_stat', 'ts_rewrite', 'pg_stat_file', 'loread', 'lowrite',
          'pg_available_extensions', 'pg_available_extension_versions', 'pg_extension_update_paths',
          'pg_tablespace_databases', 'pg_current_xact_id', 'txid_current'
      )
    UNION
    SELECT unnest(ARRAY[
        'clock_timestamp', 'current_query', 'gen_random_uuid', 'pg_backend_pid', 'pg_blocking_pids',
        'pg_database_size', 'pg_indexes_size', 'pg_is_in_recovery', 'pg_partition_ancestors', 'pg_partition_tree',
        'pg_relation_size', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'pg_table_size', 'pg_tablespace_size',
        'pg_total_relation_size', 'random', 'statement_timestamp', 'timeofday', 'txid_current_if_assigned'
    ])
) listed
ORDER BY 1;
