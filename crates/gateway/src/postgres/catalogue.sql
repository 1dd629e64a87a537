-- What the names of a unit mean, in one question: relations ($1 schemas, $2 names, $3 whether written), functions ($4) and
-- operators ($5) of the same name outside pg_catalog, functions and types that names behind dots may mean ($6, and those of
-- the server's own that do more than compute, $12; a type named as a function is called as one too), the texts behind the names of prepared statements ($7) and cursors ($8),
-- event triggers for changes of the schema ($9), and, when a unit is held or released ($10), all settings, what tables,
-- named types ($11) and operators consist of, and which settings differ from the server's own.
--
-- Every name is qualified: a temporary type of the same name would come first, before pg_catalog. Operators are qualified
-- where this file is read: one of the session's own must not run in our question. 16384 is the first number of what is
-- not the server's own (FirstNormalObjectId).
WITH RECURSIVE asked AS MATERIALIZED (
  SELECT a.s, a.n, a.w, a.ord FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),
    pg_catalog.unnest($3::pg_catalog.bool[])) WITH ORDINALITY AS a(s, n, w, ord)
), wanted AS MATERIALIZED (
  SELECT w.ord, w.w, pg_catalog.to_regclass(CASE WHEN w.s = '' THEN pg_catalog.quote_ident(w.n)
    ELSE pg_catalog.quote_ident(w.s) || '.' || pg_catalog.quote_ident(w.n) END)::pg_catalog.oid AS oid FROM asked w
-- Follows views, inheritance, indexes and the sequences of columns to their tables and, for writes, defaults to sequences,
-- and cascading keys (marked by what they follow; those of a partition follow an UPDATE too, which deletes the row it moves
-- to another). An unqualified name also reaches
-- every relation of that name along the search path: which of them the target means can change by an object made or
-- dropped between our question and its own look.
), reach(ord, w, oid, along) AS (
  (SELECT ord, w, oid, '' FROM wanted WHERE oid IS NOT NULL
   UNION SELECT w.ord, w.w, c.oid, '' FROM asked w
    JOIN pg_catalog.pg_class c ON c.relname = w.n::pg_catalog.name
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE w.s = '' AND n.nspname = ANY (pg_catalog.current_schemas(true)))
  UNION SELECT r.ord, r.w, x.oid, CASE WHEN r.along = '' OR r.along = x.along THEN x.along WHEN x.along = '' THEN r.along ELSE 'changes' END FROM reach r CROSS JOIN LATERAL (
    SELECT d.refobjid AS oid, '' AS along FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.oid WHERE w.ev_class = r.oid
    UNION ALL SELECT i.inhrelid, '' FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid
    UNION ALL SELECT i.inhparent, '' FROM pg_catalog.pg_inherits i WHERE i.inhrelid = r.oid
    UNION ALL SELECT i.indrelid, '' FROM pg_catalog.pg_index i WHERE i.indexrelid = r.oid
    UNION ALL SELECT d.refobjid, '' FROM pg_catalog.pg_class s JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = s.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = ANY (ARRAY['a', 'i']::pg_catalog."char"[])
      WHERE s.oid = r.oid AND s.relkind = 'S'
    UNION ALL SELECT d.refobjid, '' FROM pg_catalog.pg_attrdef a JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = a.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.oid WHERE r.w AND a.adrelid = r.oid
    UNION ALL SELECT k.oid, CASE WHEN k.del AND (k.upd OR k.part) THEN 'changes' WHEN k.upd THEN 'updates' ELSE 'deletions' END FROM (
      SELECT c.conrelid AS oid, t.relispartition AS part,
        c.confdeltype = ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[]) AS del,
        c.confupdtype = ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[]) AS upd
      FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.confrelid
      WHERE r.w AND c.confrelid = r.oid AND c.contype = 'f' ) k WHERE k.del OR k.upd
  ) x
), found AS MATERIALIZED (
  SELECT r.oid, pg_catalog.bool_or(r.w) AS w, n.nspname, c.relname, c.relkind FROM reach r
  JOIN pg_catalog.pg_class c ON c.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  GROUP BY r.oid, n.nspname, c.relname, c.relkind
-- Where stored expressions and the types of columns are kept. Those of the server itself only read.
), begins(class, oid) AS (
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, f.oid FROM found f
    WHERE f.oid >= 16384::pg_catalog.oid
  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, c.reltype FROM found f JOIN pg_catalog.pg_class c ON c.oid = f.oid
    WHERE f.oid >= 16384::pg_catalog.oid AND c.reltype <> 0::pg_catalog.oid
  UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid FROM found f JOIN pg_catalog.pg_attrdef a ON a.adrelid = f.oid WHERE f.w
  UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid FROM found f JOIN pg_catalog.pg_constraint c ON c.conrelid = f.oid WHERE f.w
  UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid FROM found f JOIN pg_catalog.pg_index i ON i.indrelid = f.oid WHERE f.w
  UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid FROM found f JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = f.oid WHERE f.w
  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t
    WHERE (t.typname = ANY ($11::pg_catalog.text[]) OR t.typname = ANY ($6::pg_catalog.text[])
      OR t.typname = ANY ($4::pg_catalog.text[])) AND t.oid >= 16384::pg_catalog.oid
-- What they rest on, as the target keeps it (PostgreSQL manual, "pg_depend"): functions, operators and what those call,
-- types, the checks of domains, the columns of row types, and what views and policies read. What belongs to the server has
-- no entry there. From a type to its array and multirange, which may have casts of their own, nothing leads there.
), behind(class, oid) AS (
  SELECT class, oid FROM begins
  UNION SELECT x.class, x.oid FROM behind b CROSS JOIN LATERAL (
    SELECT d.refclassid AS class, d.refobjid AS oid FROM pg_catalog.pg_depend d WHERE d.classid = b.class AND d.objid = b.oid
      AND (d.refclassid = ANY (ARRAY['pg_catalog.pg_proc', 'pg_catalog.pg_operator', 'pg_catalog.pg_type']::pg_catalog.regclass[]::pg_catalog.oid[])
        OR d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND b.class = ANY (ARRAY['pg_catalog.pg_rewrite', 'pg_catalog.pg_policy']::pg_catalog.regclass[]::pg_catalog.oid[]))
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, c.castfunc FROM pg_catalog.pg_cast c
      WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND b.oid = ANY (ARRAY[c.castsource, c.casttarget])
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.typarray FROM pg_catalog.pg_type t
      WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = b.oid AND t.typarray <> 0::pg_catalog.oid
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, g.rngmultitypid FROM pg_catalog.pg_range g
      WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND g.rngtypid = b.oid
    UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid FROM pg_catalog.pg_rewrite w
      WHERE b.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND w.ev_class = b.oid AND w.ev_type = '1'
        AND w.ev_class >= 16384::pg_catalog.oid
    UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, o.oid FROM pg_catalog.pg_policy o
      WHERE b.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.polrelid = b.oid
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_constraint c
      WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND c.contypid = b.oid
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, t.typrelid FROM pg_catalog.pg_type t
      WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = b.oid AND t.typrelid <> 0::pg_catalog.oid
  ) x
-- The expressions themselves, which name the server's own functions by number.
), trees(place, tree) AS (
  SELECT 'view', w.ev_action::pg_catalog.text FROM behind b JOIN pg_catalog.pg_rewrite w ON w.oid = b.oid
    WHERE b.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  UNION ALL SELECT 'policy', x.tree FROM behind b JOIN pg_catalog.pg_policy o ON o.oid = b.oid
    CROSS JOIN LATERAL (VALUES (o.polqual::pg_catalog.text), (o.polwithcheck::pg_catalog.text)) x(tree)
    WHERE b.class = 'pg_catalog.pg_policy'::pg_catalog.regclass
  UNION ALL SELECT 'default', a.adbin::pg_catalog.text FROM begins b JOIN pg_catalog.pg_attrdef a ON a.oid = b.oid
    WHERE b.class = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
  UNION ALL SELECT 'default', t.typdefaultbin::pg_catalog.text FROM behind b JOIN pg_catalog.pg_type t ON t.oid = b.oid
    WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass
  UNION ALL SELECT 'check', c.conbin::pg_catalog.text FROM behind b JOIN pg_catalog.pg_constraint c ON c.oid = b.oid
    WHERE b.class = 'pg_catalog.pg_constraint'::pg_catalog.regclass
  UNION ALL SELECT 'index', x.tree FROM begins b JOIN pg_catalog.pg_index i ON i.indexrelid = b.oid
    CROSS JOIN LATERAL (VALUES (i.indexprs::pg_catalog.text), (i.indpred::pg_catalog.text)) x(tree)
    WHERE b.class = 'pg_catalog.pg_class'::pg_catalog.regclass
  UNION ALL SELECT 'partition key', k.partexprs::pg_catalog.text FROM begins b JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = b.oid
    WHERE b.class = 'pg_catalog.pg_class'::pg_catalog.regclass
  UNION ALL SELECT 'statistics', s.stxexprs::pg_catalog.text FROM begins b JOIN pg_catalog.pg_statistic_ext s ON s.oid = b.oid
    WHERE b.class = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
)
SELECT 'name', w.ord::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, f.relkind::pg_catalog.text FROM wanted w JOIN found f ON f.oid = w.oid
UNION ALL SELECT 'reach', r.ord::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, r.along
  FROM (SELECT ord, oid, CASE WHEN pg_catalog.bool_or(along = '') THEN '' WHEN pg_catalog.min(along) = pg_catalog.max(along)
    THEN pg_catalog.min(along) ELSE 'changes' END AS along FROM reach GROUP BY ord, oid) r JOIN found f ON f.oid = r.oid
UNION ALL SELECT 'reach', w.ord::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, ''
  FROM wanted w JOIN pg_catalog.pg_class k ON k.oid = w.oid JOIN pg_catalog.pg_type t ON t.oid = k.reltype
  JOIN pg_catalog.pg_attribute a ON a.atttypid = ANY (ARRAY[t.oid, t.typarray]) JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE $9::pg_catalog.bool AND w.w AND NOT a.attisdropped
UNION ALL SELECT 'relation', CASE WHEN f.oid < 16384::pg_catalog.oid OR NOT pg_catalog.has_schema_privilege(f.nspname::pg_catalog.text, 'USAGE')
  THEN '' WHEN NOT f.w THEN 'read' WHEN f.relkind = 'v' THEN CASE WHEN v.can & 16 > 0 THEN 'written' WHEN v.can & 8 > 0 THEN 'inserted' ELSE 'read' END
  ELSE 'written' END, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, f.relkind::pg_catalog.text || ' ' || f.oid::pg_catalog.text || ' ' ||
  coalesce(pg_catalog.md5(CASE WHEN f.relkind = ANY (ARRAY['v', 'm']::pg_catalog."char"[]) THEN pg_catalog.pg_get_viewdef(f.oid) END), '') ||
  CASE WHEN $10::pg_catalog.bool THEN ' ' || (
    SELECT pg_catalog.md5(pg_catalog.concat(c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relam,
      (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attnum, ' ', a.attname, ' ', a.atttypid, ' ', a.atttypmod, ' ', a.attnotnull, ' ',
        a.attcollation, ' ', a.attidentity, ' ', a.attgenerated, ' ', a.attisdropped), ',' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = f.oid),
      (SELECT pg_catalog.string_agg(pg_catalog.concat(a.adnum, ' ', pg_catalog.pg_get_expr(a.adbin, a.adrelid)), ',' ORDER BY a.adnum)
        FROM pg_catalog.pg_attrdef a WHERE a.adrelid = f.oid),
      (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attnum, ' ', e.enumsortorder, ' ', e.enumlabel), ',' ORDER BY a.attnum, e.enumsortorder)
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_enum e ON e.enumtypid = a.atttypid WHERE a.attrelid = f.oid),
      (SELECT pg_catalog.string_agg(d.objid::pg_catalog.text, ',' ORDER BY d.objid) FROM pg_catalog.pg_depend d
        WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = f.oid
        AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = ANY (ARRAY['a', 'i']::pg_catalog."char"[])),
      (SELECT pg_catalog.string_agg(k::pg_catalog.text, ',' ORDER BY k.oid)
        FROM pg_catalog.pg_constraint k WHERE k.conrelid = f.oid OR k.confrelid = f.oid)))
    FROM pg_catalog.pg_class c WHERE c.oid = f.oid) ELSE '' END FROM found f
  CROSS JOIN LATERAL (SELECT CASE WHEN f.w AND f.relkind = 'v' THEN pg_catalog.pg_relation_is_updatable(f.oid, true) ELSE 0 END) v(can)
UNION ALL SELECT 'rule', w.rulename::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, pg_catalog.md5(pg_catalog.pg_get_ruledef(w.oid))
  FROM pg_catalog.pg_rewrite w JOIN found f ON f.oid = w.ev_class WHERE f.w AND w.ev_type <> '1'
UNION ALL SELECT 'trigger', t.tgname::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text,
  pg_catalog.md5(pg_catalog.pg_get_triggerdef(t.oid) || p::pg_catalog.text)
  FROM pg_catalog.pg_trigger t JOIN found f ON f.oid = t.tgrelid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  WHERE f.w AND NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL SELECT 'policy', o.polname::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, pg_catalog.md5(o::pg_catalog.text)
  FROM pg_catalog.pg_policy o JOIN found f ON f.oid = o.polrelid
UNION ALL SELECT 'viewed', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text)
  FROM behind b JOIN pg_catalog.pg_depend d ON d.classid = b.class AND d.objid = b.oid
  AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE b.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND p.oid >= 16384::pg_catalog.oid
UNION ALL SELECT 'function', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname = ANY ($4::pg_catalog.text[]) AND n.nspname = ANY (pg_catalog.current_schemas(true)) AND n.nspname <> 'pg_catalog'
  AND EXISTS (SELECT FROM (SELECT p.oid UNION ALL SELECT d.refobjid FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass) x
    JOIN pg_catalog.pg_proc c ON c.oid = x.oid JOIN pg_catalog.pg_language l ON l.oid = c.prolang
    WHERE l.lanname <> ALL (ARRAY['internal', 'c']::pg_catalog.name[]))
UNION ALL SELECT 'function', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname = ANY ($6::pg_catalog.text[]) AND n.nspname = ANY (pg_catalog.current_schemas(true)) AND n.nspname <> 'pg_catalog'
  AND p.pronargs - p.pronargdefaults <= 1 AND p.pronargs >= 1
  AND EXISTS (SELECT FROM (SELECT p.oid UNION ALL SELECT d.refobjid FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass) x
    JOIN pg_catalog.pg_proc c ON c.oid = x.oid JOIN pg_catalog.pg_language l ON l.oid = c.prolang
    WHERE l.lanname <> ALL (ARRAY['internal', 'c']::pg_catalog.name[]))
UNION ALL SELECT 'dotted', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, ''
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname = ANY ($12::pg_catalog.text[]) AND n.nspname = 'pg_catalog'
  AND p.pronargs - p.pronargdefaults <= 1 AND p.pronargs >= 1
UNION ALL SELECT 'function', '', n.nspname::pg_catalog.text, t.typname::pg_catalog.text, pg_catalog.md5(t::pg_catalog.text)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE t.oid >= 16384::pg_catalog.oid AND t.typrelid = 0::pg_catalog.oid AND n.nspname = ANY (pg_catalog.current_schemas(true))
  AND (t.typname = ANY ($4::pg_catalog.text[]) OR t.typname = ANY ($6::pg_catalog.text[]) AND EXISTS (
    SELECT FROM pg_catalog.pg_proc p WHERE p.proname = t.typname AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid))
UNION ALL SELECT 'own type', '', n.nspname::pg_catalog.text, t.typname::pg_catalog.text, ''
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE t.typname = ANY ($11::pg_catalog.text[]) AND t.oid < 16384::pg_catalog.oid
UNION ALL SELECT 'temporary type', '', n.nspname::pg_catalog.text, t.typname::pg_catalog.text, ''
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE pg_catalog.pg_my_temp_schema() <> 0::pg_catalog.oid AND t.typnamespace = pg_catalog.pg_my_temp_schema()
  AND EXISTS (SELECT FROM pg_catalog.pg_type b WHERE b.typname = t.typname AND b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid)
UNION ALL SELECT 'body', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname = ANY ($4::pg_catalog.text[]) AND n.nspname <> 'pg_catalog'
UNION ALL SELECT 'called', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text)
  FROM behind b JOIN pg_catalog.pg_proc p ON p.oid = b.oid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE b.class = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid >= 16384::pg_catalog.oid
  AND l.lanname <> ALL (ARRAY['internal', 'c']::pg_catalog.name[])
UNION ALL SELECT DISTINCT 'own function', t.place, n.nspname::pg_catalog.text, p.proname::pg_catalog.text, ''
  FROM trees t CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree, ':(?:funcid|aggfnoid|winfnoid) ([0-9]+)', 'g') m(oids)
  JOIN pg_catalog.pg_proc p ON p.oid = (m.oids)[1]::pg_catalog.oid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.oid < 16384::pg_catalog.oid
UNION ALL SELECT DISTINCT 'statistics', '', n.nspname::pg_catalog.text, c.relname::pg_catalog.text, ''
  FROM trees t CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree, ':relid ([0-9]+)', 'g') m(oids)
  JOIN pg_catalog.pg_class c ON c.oid = (m.oids)[1]::pg_catalog.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid < 16384::pg_catalog.oid AND c.relname = ANY (ARRAY['pg_statistic', 'pg_statistic_ext_data', 'pg_stats',
    'pg_stats_ext', 'pg_stats_ext_exprs']::pg_catalog.name[])
UNION ALL SELECT 'catalogue', '', f.nspname::pg_catalog.text, f.relname::pg_catalog.text, '' FROM found f
  WHERE f.w AND f.oid < 16384::pg_catalog.oid
UNION ALL SELECT 'view', '', n.nspname::pg_catalog.text, c.relname::pg_catalog.text, pg_catalog.md5(pg_catalog.pg_get_viewdef(c.oid))
  FROM behind b JOIN pg_catalog.pg_rewrite w ON w.oid = b.oid JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE $10::pg_catalog.bool AND b.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
UNION ALL SELECT 'prepared', '', NULL, p.name, pg_catalog.left(p.statement, 4000) || ' ' || pg_catalog.md5(p.statement)
  || ' ' || p.parameter_types::pg_catalog.text FROM pg_catalog.pg_prepared_statements p WHERE p.name = ANY ($7::pg_catalog.text[])
UNION ALL SELECT 'cursor', c.creation_time::pg_catalog.text, NULL, c.name, c.statement FROM pg_catalog.pg_cursors c WHERE c.name = ANY ($8::pg_catalog.text[])
UNION ALL SELECT 'event trigger', '', NULL, e.evtname::pg_catalog.text, pg_catalog.md5(e::pg_catalog.text || p::pg_catalog.text)
  FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid WHERE $9::pg_catalog.bool AND e.evtenabled <> 'D'
UNION ALL SELECT 'setting', '', NULL, 'all others', pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat(s.name, ' ', s.setting), ',' ORDER BY s.name))
  FROM pg_catalog.pg_settings s WHERE $10::pg_catalog.bool AND s.context = ANY (ARRAY['user', 'superuser']::pg_catalog.text[])
  AND s.name <> ALL (ARRAY['statement_timeout', 'lock_timeout', 'client_min_messages']::pg_catalog.text[]) HAVING $10::pg_catalog.bool
UNION ALL SELECT 'own', '', NULL, s.name, s.source FROM pg_catalog.pg_settings s
  WHERE $10::pg_catalog.bool AND s.context = ANY (ARRAY['user', 'superuser']::pg_catalog.text[])
  AND s.source = ANY (ARRAY['client', 'session', 'user', 'database', 'database user', 'interactive']::pg_catalog.text[])
  AND s.name <> ALL (ARRAY['statement_timeout', 'lock_timeout', 'client_min_messages', 'application_name', 'client_encoding', 'jit',
    'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout']::pg_catalog.text[])
UNION ALL SELECT 'type', '', n.nspname::pg_catalog.text, t.typname::pg_catalog.text, pg_catalog.md5(pg_catalog.concat(t::pg_catalog.text,
  (SELECT pg_catalog.string_agg(k::pg_catalog.text, ',' ORDER BY k.oid) FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid),
  (SELECT pg_catalog.string_agg(pg_catalog.concat(e.enumsortorder, ' ', e.enumlabel), ',' ORDER BY e.enumsortorder)
    FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
  (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attname, ' ', a.atttypid), ',' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND NOT a.attisdropped)))
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE $10::pg_catalog.bool AND (t.typname = ANY ($11::pg_catalog.text[]) OR t.oid = ANY (ARRAY(SELECT b.oid FROM behind b
    WHERE b.class = 'pg_catalog.pg_type'::pg_catalog.regclass)))
UNION ALL SELECT 'operator', '', n.nspname::pg_catalog.text, o.oprname::pg_catalog.text, pg_catalog.md5(o::pg_catalog.text || coalesce(p::pg_catalog.text, ''))
  FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace LEFT JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
  LEFT JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE n.nspname <> 'pg_catalog' AND coalesce(l.lanname <> ALL (ARRAY['internal', 'c']::pg_catalog.name[]), true) AND ((o.oprname = ANY ($5::pg_catalog.text[]) AND n.nspname = ANY (pg_catalog.current_schemas(true)))
    OR n.nspname::pg_catalog.text || '.' || o.oprname::pg_catalog.text = ANY ($5::pg_catalog.text[]))
ORDER BY 1, 3, 4, 2
