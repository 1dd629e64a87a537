//! What names mean in this session: settings and catalogue, read by the gateway in the session itself.
//!
//! The first question uses no operator and no unqualified name, so nothing in the session's search path can change its
//! answer. Its answer says whether the second can be trusted.

use super::lock::Lock;
use super::message::put;
use bytes::{BufMut, BytesMut};
use countersign_inspect::sql::is_pure_function;
use countersign_journal::{ActionFacts, Name, RelationUse, StatementFacts, StatementKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

/// Settings that change what a text means or does, in the order of [`SETTINGS`]'s columns.
const SETTING_NAMES: [&str; 26] = [
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
    "jit",
];

/// Reads them. Special forms and qualified functions only. And lets the target plan the second question without compiling
/// it, which would take seconds, up to the end of the transaction (PostgreSQL manual, "When to JIT?").
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
    pg_catalog.current_setting('check_function_bodies'), pg_catalog.set_config('jit', 'off', true)";

/// Looks names up. In one line, without the file's comments and with every operator qualified.
static CATALOGUE: LazyLock<String> = LazyLock::new(|| {
    let code = include_str!("catalogue.sql").lines().filter(|line| !line.starts_with("--")).map(str::trim);
    let sql = code.collect::<Vec<_>>().join(" ");
    ["=", "<>", "<", "<=", ">", ">=", "-", "&", "||"]
        .into_iter()
        .fold(sql, |sql, operator| sql.replace(&format!(" {operator} "), &format!(" OPERATOR(pg_catalog.{operator}) ")))
});

/// What a unit names, to be looked up.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Names {
    /// Each with whether it is written.
    relations: Vec<(Name, bool)>,
    functions: Vec<String>,
    operators: Vec<String>,
    dotted: Vec<String>,
    prepared: Vec<String>,
    cursors: Vec<String>,
    types: Vec<String>,
    alters: bool,
}

/// How much is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// What judging needs.
    Meaning,
    /// And everything an approval rests on.
    Everything,
}

/// Kinds that change nothing a later statement's meaning rests on.
pub(super) fn keeps_meaning(kind: StatementKind) -> bool {
    use StatementKind::{CopyIn, CopyOut, Declare, Delete, Explain, Insert, Lock, Merge, Notify, Select, Show, Update};
    matches!(
        kind,
        Select | Insert | Update | Delete | Merge | Show | Explain | CopyIn | CopyOut | Declare | Notify | Lock
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
        use StatementKind::{Alter, CopyOut, Create, Drop, Explain, Grant, Maintain, Select};
        let mut relations: BTreeMap<Name, bool> = BTreeMap::new();
        for (statement, used) in facts.statements.iter().flat_map(|s| s.relations.iter().map(move |u| (s, u))) {
            // Planning a change may run what the change would, and copying that puts it under another name.
            let reads = matches!(used.kind, Select | CopyOut | Explain) && !statement.plans_change;
            *relations.entry(used.relation.clone()).or_default() |= !reads;
        }
        fn all<'f>(names: impl Iterator<Item = &'f String>) -> Vec<String> {
            names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
        }
        let statements = || facts.statements.iter();
        Names {
            relations: relations.into_iter().collect(),
            functions: all(statements().flat_map(|s| s.functions.iter().map(|f| &f.name))),
            operators: all(statements().flat_map(|s| &s.operators)),
            dotted: all(statements().flat_map(|s| &s.dotted)),
            prepared: all(statements().flat_map(|s| &s.prepared)),
            cursors: all(statements().flat_map(|s| &s.cursors)),
            types: all(statements().flat_map(|s| s.types.iter().map(|t| &t.name))),
            alters: facts.kinds().iter().any(|k| matches!(k, Create | Alter | Drop | Grant | Maintain)),
        }
    }

    /// Whether it makes, moves or stands on cursors.
    pub(super) fn stands_on_cursors(&self) -> bool {
        !self.cursors.is_empty()
    }

    /// Both questions as messages: prepared, run and closed again under names of our own.
    pub(super) fn questions(&self, depth: Depth) -> Vec<Question> {
        let list = |names: &[String]| array(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let flag = |set: bool| if set { "t" } else { "f" };
        let schemas: Vec<&str> = self.relations.iter().map(|(r, _)| r.schema.as_deref().unwrap_or("")).collect();
        let names: Vec<&str> = self.relations.iter().map(|(r, _)| r.name.as_str()).collect();
        let written: Vec<&str> = self.relations.iter().map(|(_, w)| flag(*w)).collect();
        let parameters = vec![
            array(&schemas),
            array(&names),
            array(&written),
            list(&self.functions),
            list(&self.operators),
            list(&self.dotted),
            list(&self.prepared),
            list(&self.cursors),
            flag(self.alters).to_owned(),
            flag(depth == Depth::Everything).to_owned(),
            list(&self.types),
            list(&self.dotted.iter().filter(|name| !is_pure_function(name)).cloned().collect::<Vec<_>>()),
        ];
        vec![
            Question { name: "_countersign_settings", sql: SETTINGS, parameters: Vec::new() },
            Question { name: "_countersign_catalogue", sql: &CATALOGUE, parameters },
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

    /// Close, Parse, Bind, Execute, Close of portal and statement. The first Close removes what a question left that was
    /// cancelled halfway; closing what is not there is no error (PostgreSQL manual, "Extended Query").
    pub(super) fn write(&self, out: &mut BytesMut) {
        let name = self.name.as_bytes();
        put(b'C', &[b"S", name, b"\0"].concat(), out);
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
    /// What is locked before an approved unit is released.
    pub(super) locks: Vec<Lock>,
    /// Objects with a fingerprint of each.
    pub(super) objects: Vec<(String, String)>,
    /// Settings the session, its login or its database gave another value than the server's own.
    own: Vec<String>,
    /// What each name means, by its place in the question.
    resolved: HashMap<usize, Meant>,
    /// What each name leads to, by its place in the question, and along what.
    reached: HashMap<usize, Vec<(Name, Along)>>,
    /// The texts of cursors that are moved or stood on.
    pub(super) cursors: Vec<String>,
    /// Functions that stored expressions call.
    called: BTreeSet<String>,
    doubts: BTreeSet<String>,
}

/// What a relation's name means.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Meant {
    name: Name,
    /// As `pg_class.relkind` has it.
    kind: String,
}

/// By what one relation leads to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Along {
    /// Another name for it, or for a part of it.
    Names,
    /// A key that follows updates only.
    Updates,
    /// A key that follows deletions only.
    Deletions,
    /// Keys that follow both.
    Changes,
}

impl Along {
    fn read(word: &str) -> Option<Along> {
        Some(match word {
            "" => Along::Names,
            "updates" => Along::Updates,
            "deletions" => Along::Deletions,
            "changes" => Along::Changes,
            _ => return None,
        })
    }

    /// Whether what is done to the one is done to the other.
    fn carry(self, kind: StatementKind) -> bool {
        use StatementKind::{
            Alter, CopyIn, CopyOut, Create, Delete, Drop, Explain, Grant, Insert, Lock, Maintain, Select, Truncate,
            Update,
        };
        let no_key = matches!(
            kind,
            Select | CopyOut | CopyIn | Insert | Alter | Create | Drop | Explain | Grant | Lock | Maintain
        );
        match self {
            Along::Names => true,
            Along::Updates => !no_key && !matches!(kind, Delete | Truncate),
            Along::Deletions => !no_key && kind != Update,
            Along::Changes => !no_key,
        }
    }
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
            locks: Vec::new(),
            own: Vec::new(),
            resolved: HashMap::new(),
            called: BTreeSet::new(),
            reached: HashMap::new(),
            cursors: Vec::new(),
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
            "name" => {
                self.resolved.insert(what.parse().ok()?, Meant { name, kind: detail });
            }
            "reach" => self.reached.entry(what.parse().ok()?).or_default().push((name, Along::read(&detail)?)),
            "own" => self.own.push(name.name),
            "own function" => {
                self.called.insert(name.name.clone());
                self.own_function(what, &name);
            }
            "setting" => self.settings.push((name.name, detail)),
            "relation" => {
                match detail.get(..2) {
                    Some("f ") => drop(self.doubts.insert(format!("{name} lies on another server"))),
                    Some("t ") => drop(self.doubts.insert(format!("{name} holds values of another table"))),
                    _ => {}
                }
                self.locks.extend(Lock::of(&name, what, &detail));
                self.objects.push((name.to_string(), detail));
            }
            _ => {
                if matches!(kind, "called" | "viewed") {
                    self.called.insert(name.name.clone());
                }
                let subject =
                    if what.is_empty() { format!("{kind} {name}") } else { format!("{kind} {what} on {name}") };
                match kind {
                    "policy" | "body" | "prepared" | "type" | "view" => {}
                    "dotted" => {
                        self.doubts.insert(format!("`.{}` may call {name}, whose effects are not known", name.name));
                    }
                    "cursor" => self.cursors.push(detail.clone()),
                    "called" => {
                        self.doubts
                            .insert(format!("{name} is called by a default, check, index, type, policy or view"));
                    }
                    "catalogue" => {
                        self.doubts.insert(format!("changes {name}, which the server itself goes by"));
                    }
                    "own type" => {
                        self.doubts.insert(format!("converts to {name}, whose effects are not known"));
                    }
                    "statistics" => {
                        self.doubts.insert(format!("a view reads {name}, which holds values of any table"));
                    }
                    "viewed" => {
                        self.doubts.insert(format!("{name} is called by a view"));
                    }
                    "trigger" | "rule" | "event trigger" => {
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

    /// A stored expression calls one of the server's own functions. Columns that number themselves may do so.
    fn own_function(&mut self, place: &str, name: &Name) {
        let numbers_itself = place == "default" && name.name == "nextval";
        if !numbers_itself && !is_pure_function(&name.name) {
            self.doubts.insert(format!("a {place} calls {name}, whose effects are not known"));
        }
    }

    /// The facts with every name resolved, everything reached added, and every doubt written down.
    pub(super) fn refine(&self, facts: &ActionFacts, names: &Names) -> ActionFacts {
        let mut refined = facts.clone();
        let places: HashMap<&Name, usize> = names.relations.iter().map(|(name, _)| name).zip(1..).collect();
        for statement in &mut refined.statements {
            let mut uses: BTreeSet<RelationUse> = BTreeSet::new();
            for used in &statement.relations {
                let at = places.get(&used.relation).copied().unwrap_or_default();
                // A name that means nothing yet: the statement makes it, or fails.
                let meant = self.resolved.get(&at);
                let relation = meant.map_or(&used.relation, |m| &m.name).clone();
                uses.insert(RelationUse { kind: used.kind, relation });
                let reached = self.reached.get(&at).into_iter().flatten().filter(|(_, along)| along.carry(used.kind));
                // Changing a view reads what its query reads, besides what it changes. And errors show the row that a key
                // would change.
                let viewed = meant.is_some_and(|m| m.kind == "v");
                for (name, along) in reached {
                    let reads = (viewed || *along != Along::Names).then_some(StatementKind::Select);
                    let kinds = std::iter::once(used.kind).chain(reads);
                    uses.extend(kinds.map(|kind| RelationUse { kind, relation: name.clone() }));
                }
            }
            statement.relations = uses;
            // What is called without a word of it, for rules that name functions.
            statement.dotted.extend(self.called.iter().cloned());
        }
        refined.unknown.extend(self.doubts.iter().cloned());
        refined
    }
}

impl Answers {
    /// Why what is set in the session might give a text another meaning than those saw who approved it before there was
    /// a session; `None` when everything is as the server's own configuration has it.
    pub(super) fn unusual(&self, login: &str) -> Option<String> {
        let value = |name: &str| self.settings.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        if let Some(doubt) = setting_doubts(&self.settings).into_iter().next() {
            return Some(doubt);
        }
        if value("user") != login || value("session user") != login {
            return Some(format!("the session acts as `{}`", value("user")));
        }
        if value("schemas") != "pg_catalog,public" {
            return Some(format!("names without a schema are looked up in {}", value("schemas")));
        }
        self.own.first().map(|name| format!("`{name}` is not what the server's own configuration says"))
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
    if value("transaction_isolation") != "read committed" {
        let why = "the transaction may see an older state of the catalogue than the target goes by";
        doubts.insert(format!("{why} ({})", value("transaction_isolation")));
    }
    if !is_read_as_utf8(value("client_encoding")) {
        doubts.insert(format!("client_encoding is {}", value("client_encoding")));
    }
    doubts
}

/// Encodings in which names and texts are, on both sides, what we read. In any other, a name beyond ASCII is another.
pub(super) fn is_read_as_utf8(encoding: &str) -> bool {
    encoding == "UTF8"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(overrides: &[(&str, &str)]) -> Vec<Option<String>> {
        let fine = |name: &str| match name {
            "schemas" => "pg_catalog,public",
            "standard_conforming_strings" => "on",
            "client_encoding" => "UTF8",
            "transaction_isolation" => "read committed",
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
        assert_eq!(doubts(&[("client_encoding", "LATIN1")]), 1);
        assert_eq!(doubts(&[("transaction_isolation", "repeatable read")]), 1);
    }

    /// One that is not would be looked up along the session's own search path, and run there.
    #[test]
    fn every_operator_of_our_questions_is_qualified() {
        for sql in [SETTINGS, CATALOGUE.as_str()] {
            let outside: String = sql.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
            let unqualified =
                outside.split("OPERATOR(pg_catalog.").map(|behind| behind.split_once(')').map_or(behind, |(_, b)| b));
            let bare: Vec<&str> =
                unqualified.flat_map(|code| code.matches(|c: char| "+-*/<>=~!@#%^&|`?".contains(c))).collect();
            assert!(bare.is_empty(), "{bare:?}");
        }
    }

    #[test]
    fn an_array_literal_quotes_what_it_holds() {
        assert_eq!(array(&["a", "b\"c\\d", ""]), r#"{"a","b\"c\\d",""}"#);
    }
}
