//! What names mean in this session: settings and catalogue, read by the gateway in the session itself.
//!
//! The first question uses no operator and no unqualified name, so nothing in the session's search path can change its
//! answer. Its answer says whether the second can be trusted.

use super::message::put;
use bytes::{BufMut, BytesMut};
use countersign_journal::{ActionFacts, Name, RelationUse, StatementFacts, StatementKind};
use std::collections::BTreeSet;

/// Settings that change what a text means or does, in the order of [`SETTINGS`]'s columns.
const SETTING_NAMES: [&str; 25] = [
    "schemas",
    "user",
    "session user",
    "database",
    "search_path",
    "standard_conforming_strings",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "session_replication_role",
    "row_security",
    "transaction_isolation",
    "transaction_read_only",
    "backslash_quote",
    "transform_null_equals",
    "array_nulls",
    "xmloption",
    "bytea_output",
    "lc_numeric",
    "lc_monetary",
    "lc_time",
    "timezone_abbreviations",
    "default_text_search_config",
    "check_function_bodies",
];

/// Reads them. Special forms and qualified functions only.
const SETTINGS: &str = "SELECT pg_catalog.array_to_string(pg_catalog.current_schemas(true), ','), current_user, \
    session_user, pg_catalog.current_database(), \
    pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), \
    pg_catalog.current_setting('client_encoding'), pg_catalog.current_setting('DateStyle'), \
    pg_catalog.current_setting('IntervalStyle'), pg_catalog.current_setting('TimeZone'), \
    pg_catalog.current_setting('session_replication_role'), pg_catalog.current_setting('row_security'), \
    pg_catalog.current_setting('transaction_isolation'), pg_catalog.current_setting('transaction_read_only'), \
    pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('transform_null_equals'), \
    pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('xmloption'), \
    pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('lc_numeric'), \
    pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_time'), \
    pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('default_text_search_config'), \
    pg_catalog.current_setting('check_function_bodies')";

/// Resolves relations ($1 schemas, $2 names), follows views, inheritance and, for writes ($5), cascading keys, and
/// finds functions ($3) and operators ($4) of the same name outside pg_catalog, triggers and policies.
///
/// An unqualified name also reaches every relation of that name along the search path: which of them the target means
/// can change by an object made or dropped between our question and its own look.
///
/// Every type is qualified: a temporary type of the same name would come first, before `pg_catalog`.
/// Also finds functions of the user's own that defaults, checks, indexes and policies call, and the texts behind the
/// names of prepared statements ($6).
const CATALOGUE: &str = "WITH RECURSIVE wanted AS MATERIALIZED ( \
  SELECT w.ord, pg_catalog.to_regclass(CASE WHEN w.s = '' THEN pg_catalog.quote_ident(w.n) \
    ELSE pg_catalog.quote_ident(w.s) || '.' || pg_catalog.quote_ident(w.n) END)::pg_catalog.oid AS oid \
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) WITH ORDINALITY AS w(s, n, ord) \
), named(oid) AS ( \
  SELECT oid FROM wanted WHERE oid IS NOT NULL \
  UNION SELECT c.oid \
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS w(s, n) \
    JOIN pg_catalog.pg_class c ON c.relname = w.n::pg_catalog.name \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE w.s = '' AND n.nspname = ANY (pg_catalog.current_schemas(true)) \
), reach(oid) AS ( \
  SELECT oid FROM named \
  UNION SELECT x.oid FROM reach r CROSS JOIN LATERAL ( \
    SELECT d.refobjid AS oid FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d \
      ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid \
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.oid WHERE w.ev_class = r.oid \
    UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid \
    UNION ALL SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = r.oid \
    UNION ALL SELECT c.conrelid FROM pg_catalog.pg_constraint c WHERE $5::pg_catalog.bool AND c.confrelid = r.oid \
      AND c.contype = 'f' AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd')) \
  ) x \
), found AS ( \
  SELECT r.oid, n.nspname, c.relname, c.relkind FROM reach r \
  JOIN pg_catalog.pg_class c ON c.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
) \
SELECT 'name', w.ord::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, f.relkind::pg_catalog.text FROM wanted w JOIN found f ON f.oid = w.oid \
UNION ALL SELECT 'relation', '', f.nspname::pg_catalog.text, f.relname::pg_catalog.text, f.relkind::pg_catalog.text || ' ' || f.oid::pg_catalog.text || ' ' || \
  coalesce(pg_catalog.md5(CASE WHEN f.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(f.oid) END), '') FROM found f \
UNION ALL SELECT 'rule', w.rulename::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, pg_catalog.md5(pg_catalog.pg_get_ruledef(w.oid)) \
  FROM pg_catalog.pg_rewrite w JOIN found f ON f.oid = w.ev_class WHERE w.rulename <> '_RETURN' \
UNION ALL SELECT 'trigger', t.tgname::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, \
  pg_catalog.md5(pg_catalog.pg_get_triggerdef(t.oid) || p::pg_catalog.text) \
  FROM pg_catalog.pg_trigger t JOIN found f ON f.oid = t.tgrelid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
  WHERE $5::pg_catalog.bool AND NOT t.tgisinternal AND t.tgenabled <> 'D' \
UNION ALL SELECT 'policy', o.polname::pg_catalog.text, f.nspname::pg_catalog.text, f.relname::pg_catalog.text, pg_catalog.md5( \
  coalesce(pg_catalog.pg_get_expr(o.polqual, o.polrelid), '') || coalesce(pg_catalog.pg_get_expr(o.polwithcheck, o.polrelid), '')) \
  FROM pg_catalog.pg_policy o JOIN found f ON f.oid = o.polrelid \
UNION ALL SELECT 'function', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text) \
  FROM pg_catalog.pg_rewrite w JOIN found f ON f.oid = w.ev_class JOIN pg_catalog.pg_depend d \
  ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
  JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
  WHERE n.nspname <> 'pg_catalog' \
UNION ALL SELECT 'function', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text) \
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
  WHERE p.proname = ANY ($3::pg_catalog.text[]) AND n.nspname = ANY (pg_catalog.current_schemas(true)) AND n.nspname <> 'pg_catalog' \
UNION ALL SELECT 'body', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text) \
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
  WHERE p.proname = ANY ($3::pg_catalog.text[]) AND n.nspname <> 'pg_catalog' \
UNION ALL SELECT 'called', '', n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.md5(p::pg_catalog.text) \
  FROM found f CROSS JOIN LATERAL ( \
    SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass AS class, a.oid FROM pg_catalog.pg_attrdef a WHERE a.adrelid = f.oid AND $5::pg_catalog.bool \
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_constraint c \
      WHERE c.conrelid = f.oid AND $5::pg_catalog.bool \
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid FROM pg_catalog.pg_index i \
      WHERE i.indrelid = f.oid AND $5::pg_catalog.bool \
    UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, o.oid FROM pg_catalog.pg_policy o WHERE o.polrelid = f.oid \
  ) x JOIN pg_catalog.pg_depend d ON d.classid = x.class AND d.objid = x.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
  JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
  WHERE n.nspname <> 'pg_catalog' AND l.lanname NOT IN ('internal', 'c') \
UNION ALL SELECT 'prepared', '', NULL, p.name, pg_catalog.left(p.statement, 4000) || ' ' || pg_catalog.md5(p.statement) \
  || ' ' || p.parameter_types::pg_catalog.text FROM pg_catalog.pg_prepared_statements p WHERE p.name = ANY ($6::pg_catalog.text[]) \
UNION ALL SELECT 'operator', '', n.nspname::pg_catalog.text, o.oprname::pg_catalog.text, o.oprcode::pg_catalog.text \
  FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
  WHERE o.oprname = ANY ($4::pg_catalog.text[]) AND n.nspname = ANY (pg_catalog.current_schemas(true)) AND n.nspname <> 'pg_catalog' \
ORDER BY 1, 3, 4, 2";

/// What a unit names, to be looked up.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Names {
    relations: Vec<Name>,
    functions: Vec<String>,
    operators: Vec<String>,
    prepared: Vec<String>,
    writes: bool,
}

/// Kinds that change nothing a later statement's meaning rests on.
fn keeps_meaning(kind: StatementKind) -> bool {
    use StatementKind::{
        CopyIn, CopyOut, Declare, Delete, Explain, Fetch, Insert, Lock, Merge, Notify, Select, Show, Update,
    };
    matches!(
        kind,
        Select | Insert | Update | Delete | Merge | Show | Explain | Fetch | CopyIn | CopyOut | Declare | Notify | Lock
    )
}

/// Whether a unit may change settings, catalogue or prepared statements for what comes after it.
pub(super) fn changes_meaning(facts: &ActionFacts) -> bool {
    !facts.unknown.is_empty() || !facts.kinds().into_iter().all(keeps_meaning)
}

/// Whether a unit only begins, ends or marks transactions, in a text no setting can read otherwise.
pub(super) fn only_transaction(facts: &ActionFacts, sql: &[u8]) -> bool {
    facts.unknown.is_empty()
        && !sql.iter().any(|b| matches!(b, b'\'' | b'$' | b'\\'))
        && facts.statements.iter().all(|s| s.kinds.iter().all(|k| *k == StatementKind::Transaction))
}

/// A unit whose first part changes what its later part means cannot be judged as a whole.
pub(super) fn with_doubts(mut facts: ActionFacts) -> ActionFacts {
    // The end of a transaction takes back what was set or made in it, so it changes meaning too.
    let changes = |s: &StatementFacts| s.kinds.iter().any(|k| !keeps_meaning(*k));
    let means = |s: &StatementFacts| s.kinds.iter().any(|k| *k != StatementKind::Transaction);
    let changed = facts.statements.iter().position(changes);
    if changed.is_some_and(|n| facts.statements[n + 1..].iter().any(means)) {
        facts.unknown.insert("one statement may change what a later one in the same unit means".into());
    }
    facts
}

impl Names {
    pub(super) fn of(facts: &ActionFacts) -> Names {
        let relations: BTreeSet<Name> = facts.relations().map(|u| u.relation.clone()).collect();
        let functions = facts.statements.iter().flat_map(|s| s.functions.iter().map(|f| f.name.clone()));
        let operators = facts.statements.iter().flat_map(|s| s.operators.iter().cloned());
        let reads =
            |k: &StatementKind| matches!(k, StatementKind::Select | StatementKind::Explain | StatementKind::CopyOut);
        Names {
            relations: relations.into_iter().collect(),
            functions: functions.collect::<BTreeSet<_>>().into_iter().collect(),
            operators: operators.collect::<BTreeSet<_>>().into_iter().collect(),
            prepared: facts.statements.iter().flat_map(|s| s.prepared.iter().cloned()).collect(),
            writes: !facts.kinds().iter().all(reads),
        }
    }

    /// Both questions as messages: prepared, run and closed again under names of our own.
    pub(super) fn questions(&self) -> Vec<Question> {
        let schemas: Vec<&str> = self.relations.iter().map(|r| r.schema.as_deref().unwrap_or("")).collect();
        let names: Vec<&str> = self.relations.iter().map(|r| r.name.as_str()).collect();
        let functions: Vec<&str> = self.functions.iter().map(String::as_str).collect();
        let operators: Vec<&str> = self.operators.iter().map(String::as_str).collect();
        let writes = if self.writes { "t" } else { "f" }.to_owned();
        let prepared: Vec<&str> = self.prepared.iter().map(String::as_str).collect();
        let lists = [array(&schemas), array(&names), array(&functions), array(&operators), writes, array(&prepared)];
        vec![
            Question { name: "_countersign_settings", sql: SETTINGS, parameters: Vec::new() },
            Question { name: "_countersign_catalogue", sql: CATALOGUE, parameters: lists.to_vec() },
        ]
    }
}

/// A question of the gateway's own.
pub(super) struct Question {
    name: &'static str,
    sql: &'static str,
    parameters: Vec<String>,
}

impl Question {
    /// The statement's name on the target.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Parse, Bind, Execute, Close of portal and statement.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let name = self.name.as_bytes();
        put(b'P', &[name, b"\0", self.sql.as_bytes(), b"\0\0\0"].concat(), out);
        let mut bind = BytesMut::new();
        for text in [name, name] {
            bind.extend_from_slice(text);
            bind.put_u8(0);
        }
        bind.put_u16(0);
        bind.put_u16(self.parameters.len() as u16);
        for value in &self.parameters {
            bind.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
            bind.extend_from_slice(value.as_bytes());
        }
        bind.put_u16(0);
        put(b'B', &bind, out);
        put(b'E', &[name, b"\0\0\0\0\0"].concat(), out);
        for kind in [b"P", b"S"] {
            put(b'C', &[kind, name, b"\0"].concat(), out);
        }
    }
}

/// A text array literal (PostgreSQL manual, "Array Input and Output Syntax").
fn array(items: &[&str]) -> String {
    let quoted: Vec<String> =
        items.iter().map(|i| format!("\"{}\"", i.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

/// What the session answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answers {
    /// Settings by name.
    pub(super) settings: Vec<(String, String)>,
    /// Objects with a fingerprint of each.
    pub(super) objects: Vec<(String, String)>,
    resolved: Vec<(usize, Name)>,
    reached: BTreeSet<Name>,
    doubts: BTreeSet<String>,
}

impl Answers {
    /// Reads the rows of both questions; `None` when they are not of the expected shape.
    pub(super) fn read(rows: &[Vec<Option<String>>]) -> Option<Answers> {
        let (first, rest) = rows.split_first()?;
        let values: Vec<String> = first.iter().map(|v| v.clone().unwrap_or_default()).collect();
        if values.len() != SETTING_NAMES.len() {
            return None;
        }
        let settings: Vec<(String, String)> = SETTING_NAMES.iter().map(|n| (*n).to_owned()).zip(values).collect();
        let mut answers = Answers {
            doubts: setting_doubts(&settings),
            settings,
            objects: Vec::new(),
            resolved: Vec::new(),
            reached: BTreeSet::new(),
        };
        for row in rest {
            let [kind, what, schema, name, detail] = <&[Option<String>; 5]>::try_from(row.as_slice()).ok()?;
            let text = |v: &Option<String>| v.clone().unwrap_or_default();
            answers.row(&text(kind), &text(what), Name { schema: schema.clone(), name: text(name) }, text(detail))?;
        }
        Some(answers)
    }

    fn row(&mut self, kind: &str, what: &str, name: Name, detail: String) -> Option<()> {
        match kind {
            "name" => self.resolved.push((what.parse().ok()?, name)),
            "relation" => {
                if detail.starts_with("f ") {
                    self.doubts.insert(format!("{name} lies on another server"));
                }
                self.objects.push((name.to_string(), detail));
                self.reached.insert(name);
            }
            _ => {
                let subject =
                    if what.is_empty() { format!("{kind} {name}") } else { format!("{kind} {what} on {name}") };
                match kind {
                    "policy" | "body" | "prepared" => {}
                    "called" => {
                        self.doubts.insert(format!("{name} is called by a default, check, index or policy"));
                    }
                    "trigger" | "rule" => {
                        self.doubts.insert(format!("{subject} runs code of its own"));
                    }
                    _ => {
                        self.doubts.insert(format!("{subject} stands in for a built-in one"));
                    }
                }
                self.objects.push((subject, detail));
            }
        }
        Some(())
    }

    /// The facts with every name resolved, everything reached added, and every doubt written down.
    pub(super) fn refine(&self, facts: &ActionFacts, names: &Names) -> ActionFacts {
        let mut refined = facts.clone();
        let meant = |relation: &Name| {
            let at = names.relations.iter().position(|r| r == relation)?;
            self.resolved.iter().find(|(ord, _)| *ord == at + 1).map(|(_, name)| name.clone())
        };
        for statement in &mut refined.statements {
            let kinds = statement.kinds.clone();
            let mut uses: BTreeSet<RelationUse> = BTreeSet::new();
            for used in &statement.relations {
                match meant(&used.relation) {
                    Some(relation) => uses.insert(RelationUse { kind: used.kind, relation }),
                    None => {
                        // A name that means nothing yet: the statement makes it, or fails.
                        uses.insert(used.clone())
                    }
                };
            }
            let known: BTreeSet<Name> = uses.iter().map(|u| u.relation.clone()).collect();
            for reached in self.reached.difference(&known) {
                uses.extend(kinds.iter().map(|kind| RelationUse { kind: *kind, relation: reached.clone() }));
            }
            statement.relations = uses;
        }
        refined.unknown.extend(self.doubts.iter().cloned());
        refined
    }
}

/// Settings under which the text or the catalogue answer cannot be read as we read it.
fn setting_doubts(settings: &[(String, String)]) -> BTreeSet<String> {
    let value = |name: &str| settings.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let mut doubts = BTreeSet::new();
    let first = value("schemas").split(',').find(|s| !s.starts_with("pg_temp"));
    if first != Some("pg_catalog") {
        doubts.insert("search_path puts other schemas before pg_catalog".to_owned());
    }
    if value("standard_conforming_strings") != "on" {
        doubts.insert("standard_conforming_strings is off".to_owned());
    }
    if !is_read_as_utf8(value("client_encoding")) {
        doubts.insert(format!("client_encoding is {}", value("client_encoding")));
    }
    doubts
}

/// Encodings in which every byte of ASCII is itself, wherever it stands.
pub(super) fn is_read_as_utf8(encoding: &str) -> bool {
    matches!(encoding, "UTF8" | "SQL_ASCII" | "LATIN1" | "LATIN9" | "WIN1252")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overrides: &[(&str, &str)]) -> Vec<Option<String>> {
        let fine = |name: &str| match name {
            "schemas" => "pg_catalog,public",
            "standard_conforming_strings" => "on",
            "client_encoding" => "UTF8",
            _ => "x",
        };
        let value = |n: &&str| overrides.iter().find(|(name, _)| name == n).map_or(fine(n), |(_, v)| v).to_owned();
        SETTING_NAMES.iter().map(|n| Some(value(n))).collect()
    }

    fn doubts(overrides: &[(&str, &str)]) -> usize {
        Answers::read(&[settings(overrides)]).expect("answers").doubts.len()
    }

    #[test]
    fn settings_that_change_how_text_reads_are_doubts() {
        assert_eq!(doubts(&[]), 0);
        assert_eq!(doubts(&[("schemas", "pg_temp_3,pg_catalog,public")]), 0);
        assert_eq!(doubts(&[("schemas", "evil,pg_catalog")]), 1);
        assert_eq!(doubts(&[("standard_conforming_strings", "off")]), 1);
        assert_eq!(doubts(&[("client_encoding", "SJIS")]), 1);
    }

    #[test]
    fn an_array_literal_quotes_what_it_holds() {
        assert_eq!(array(&["a", "b\"c\\d", ""]), r#"{"a","b\"c\\d",""}"#);
    }
}
