//! From the tree to facts: relations and their uses, functions, operators, doubts.
//!
//! Every node is entered. `role` is what happens to a relation named where the walk stands: reading inside a query,
//! otherwise whatever the enclosing statement does. Names of common table expressions are kept for as long as they
//! are in scope, because within it they hide relations that are read (never those that are written).

use super::nodes::{is_passive, statement_kind, written_as_syntax};
use super::pure;
use super::tree::{Node, Value};
use crate::reason::{self, quoted};
use countersign_journal::facts::Name;
use countersign_journal::{ActionFacts, RelationUse, StatementFacts, StatementKind as K};
use pg_query::protobuf::{AExprKind, CmdType, OnConflictAction, SubLinkType};
use std::collections::BTreeSet;
use std::mem::{replace, take};

/// The facts of a parsed text.
pub(super) fn facts(root: &Value) -> ActionFacts {
    let mut facts = ActionFacts::default();
    for statement in root.node().map_or(&[][..], |parsed| parsed.list("stmts")) {
        let mut walk = Walk {
            facts: StatementFacts::default(),
            doubts: take(&mut facts.unknown),
            role: K::Other,
            in_scope: Vec::new(),
            columns: 0,
            follows: BTreeSet::new(),
        };
        walk.visit(statement);
        if walk.facts.kinds.is_empty() {
            walk.facts.kinds.insert(K::Other);
        }
        facts.unknown = walk.doubts;
        facts.statements.push(walk.facts);
    }
    facts
}

/// The last one or two of a list of name parts; the database a name may begin with can only be the current one.
pub(super) fn name_of(parts: &[Value]) -> Option<Name> {
    let (last, before) = parts.split_last()?;
    let schema = before.last().and_then(Value::word).map(str::to_owned);
    Some(Name { schema, name: last.word()?.to_owned() })
}

/// One statement being read.
pub(super) struct Walk {
    pub(super) facts: StatementFacts,
    doubts: BTreeSet<String>,
    role: K,
    in_scope: Vec<String>,
    /// Counts the columns that were read.
    pub(super) columns: usize,
    /// What the foreign keys of this statement do to the table they stand on when the other one changes.
    pub(super) follows: BTreeSet<K>,
}

impl Walk {
    /// Notes why we are not sure.
    pub(super) fn doubt(&mut self, why: impl Into<String>) {
        reason::add(&mut self.doubts, why);
    }

    /// Enters a value, whatever it is.
    pub(super) fn visit(&mut self, value: &Value) {
        match value {
            Value::Node(node) => self.node(node),
            Value::List(items) => items.iter().for_each(|item| self.visit(item)),
            Value::Nothing | Value::Flag(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }

    /// Enters everything a node holds.
    pub(super) fn children(&mut self, node: &Node) {
        node.fields().for_each(|(_, value)| self.visit(value));
    }

    /// Enters everything a node holds, relations there being used as `role`.
    pub(super) fn children_as(&mut self, role: K, node: &Node) {
        let outer = replace(&mut self.role, role);
        self.children(node);
        self.role = outer;
    }

    /// Notes the use of a relation by name.
    pub(super) fn uses(&mut self, kind: K, relation: Name) {
        if STATISTICS.contains(&relation.name.as_str()) {
            self.doubt("reads the server's statistics, which hold values of any table");
        }
        self.facts.relations.insert(RelationUse { kind, relation });
    }

    /// Notes the use of the relation a `RangeVar` names.
    pub(super) fn target(&mut self, kind: K, range_var: Option<&Node>) {
        if let Some(node) = range_var {
            self.uses(kind, range_name(node));
        }
    }

    /// Runs `within`, then notes for every relation it read that it was also used as `kind`.
    pub(super) fn reads_also(&mut self, kind: K, within: impl FnOnce(&mut Walk)) {
        let before = take(&mut self.facts.relations);
        within(self);
        let read = self.facts.relations.iter().filter(|used| used.kind == K::Select);
        let also: Vec<RelationUse> = read.map(|used| RelationUse { kind, relation: used.relation.clone() }).collect();
        self.facts.relations.extend(also);
        self.facts.relations.extend(before);
    }

    /// Notes the call of a function by name.
    pub(super) fn calls(&mut self, parts: &[Value]) {
        let Some(name) = name_of(parts) else {
            return self.doubt("calls a function whose name is not understood");
        };
        if !pure::is_function(&name) {
            self.doubt(format!("calls {}, whose effects are not known", quoted(&name.to_string())));
        }
        self.facts.functions.insert(name);
    }

    fn node(&mut self, node: &Node) {
        match node.name {
            "SelectStmt" => {
                self.facts.kinds.insert(K::Select);
                self.query(node);
            }
            "InsertStmt" => self.insert(node),
            "UpdateStmt" => self.write(K::Update, node),
            "DeleteStmt" => self.write(K::Delete, node),
            "MergeStmt" => self.merge(node),
            "CopyStmt" => self.copy(node),
            "IntoClause" => {
                self.facts.kinds.insert(K::Create);
                self.children_as(K::Create, node);
            }
            "RangeVar" => self.read(node),
            "FuncCall" => {
                self.calls(node.list("funcname"));
                self.children(node);
            }
            "ColumnRef" => {
                self.columns += 1;
                self.dotted(node.list("fields").get(1..).and_then(<[Value]>::last));
            }
            "AIndirection" => {
                self.dotted(node.list("indirection"));
                self.children(node);
            }
            "AConst" => self.literal(node),
            "CurrentOfExpr" => drop(self.facts.cursors.insert(node.text("cursor_name").to_owned())),
            "RangeTableSample" => self.sample(node),
            "AExpr" | "SubLink" | "SortBy" | "JoinExpr" | "CaseExpr" => {
                self.operators_of(node);
                self.children(node);
            }
            "TypeCast" | "XmlSerialize" | "JsonOutput" | "RangeTableFuncCol" | "JsonTableColumn" => {
                self.converts(node.node("type_name"));
                self.children(node);
            }
            "RangeFunction" => {
                self.column_types(node.field("functions"));
                self.column_types(node.field("coldeflist"));
                self.children(node);
            }
            name => match statement_kind(name) {
                Some(kind) => self.utility(kind, node),
                None if is_passive(name) => {
                    let functions =
                        written_as_syntax(name).iter().map(|name| Name { schema: None, name: (*name).to_owned() });
                    self.facts.functions.extend(functions);
                    self.children(node);
                }
                None => self.other(node),
            },
        }
    }

    /// The few nodes inside utility statements that need a word, and those nobody knows.
    fn other(&mut self, node: &Node) {
        match node.name {
            "AlterTableCmd" => self.alter_table_command(node),
            "TableLikeClause" => {
                self.facts.plans_change |= node.number("options") != 0;
                self.children_as(K::Select, node);
            }
            "Constraint" => self.constraint(node),
            unknown => {
                self.doubt(format!("uses {}, which is not known here", quoted(unknown)));
                self.children(node);
            }
        }
    }

    /// A query without counting it as a kind.
    fn query(&mut self, node: &Node) {
        let outer = replace(&mut self.role, K::Select);
        self.scoped(node, |walk| {
            let locks = !node.list("locking_clause").is_empty();
            for (field, value) in node.fields() {
                match field {
                    "with_clause" => {}
                    // Names the relations of the FROM clause again, by alias.
                    "locking_clause" if locks => drop(walk.facts.kinds.insert(K::Lock)),
                    "from_clause" if locks => walk.reads_also(K::Lock, |walk| walk.visit(value)),
                    _ => walk.visit(value),
                }
            }
        });
        self.role = outer;
    }

    fn insert(&mut self, node: &Node) {
        self.facts.kinds.insert(K::Insert);
        self.target(K::Insert, node.node("relation"));
        self.returns(node);
        let conflict = node.node("on_conflict_clause").map(|clause| clause.number("action"));
        if conflict == Some(OnConflictAction::OnconflictUpdate as i64) {
            self.facts.kinds.insert(K::Update);
            self.target(K::Update, node.node("relation"));
            self.target(K::Select, node.node("relation"));
        }
        let outer = replace(&mut self.role, K::Select);
        self.scoped(node, |walk| {
            for (field, value) in node.fields() {
                match (field, value.node()) {
                    ("with_clause" | "relation", _) => {}
                    // Rows given in place read nothing by themselves.
                    ("select_stmt", Some(rows)) if !rows.list("values_lists").is_empty() => walk.query(rows),
                    ("on_conflict_clause", _) => walk.reads_target(node, |walk| walk.visit(value)),
                    _ => walk.visit(value),
                }
            }
        });
        self.role = outer;
    }

    fn merge(&mut self, node: &Node) {
        for clause in node.list("merge_when_clauses").iter().filter_map(Value::node) {
            let command = clause.number("command_type");
            let acts =
                [(CmdType::CmdInsert, K::Insert), (CmdType::CmdUpdate, K::Update), (CmdType::CmdDelete, K::Delete)];
            if let Some((_, kind)) = acts.iter().find(|(act, _)| *act as i64 == command) {
                self.facts.kinds.insert(*kind);
                self.target(*kind, node.node("relation"));
            } else if command != CmdType::CmdNothing as i64 {
                self.doubt("merges by an action which is not known here");
            }
        }
        self.write(K::Merge, node);
    }

    /// A statement that changes its target by `kind` and reads everything else it names.
    fn write(&mut self, kind: K, node: &Node) {
        self.facts.kinds.insert(kind);
        self.target(kind, node.node("relation"));
        self.returns(node);
        let outer = replace(&mut self.role, K::Select);
        self.scoped(node, |walk| {
            walk.reads_target(node, |walk| {
                for (field, value) in node.fields() {
                    match field {
                        "with_clause" | "relation" => {}
                        "merge_when_clauses" => {
                            value.items().iter().filter_map(Value::node).for_each(|clause| walk.children(clause));
                        }
                        _ => walk.visit(value),
                    }
                }
            });
        });
        self.role = outer;
    }

    /// A change that looks at columns reads its target: errors tell what they hold (PostgreSQL manual, "Privileges",
    /// demands SELECT for it). So does every other update, as MERGE may be one: the error of a constraint shows the whole row.
    fn reads_target(&mut self, node: &Node, within: impl FnOnce(&mut Walk)) {
        let before = self.columns;
        within(self);
        if self.columns > before || matches!(node.name, "UpdateStmt" | "MergeStmt") {
            self.target(K::Select, node.node("relation"));
        }
    }

    /// What a change gives back is read.
    fn returns(&mut self, node: &Node) {
        if node.node("returning_clause").is_some() {
            self.target(K::Select, node.node("relation"));
        }
    }

    /// Enters the `WITH` of a statement, then the statement with those names in scope. Without `RECURSIVE`, a name
    /// is in scope only after its own query.
    fn scoped(&mut self, node: &Node, rest: impl FnOnce(&mut Walk)) {
        let outer = self.in_scope.len();
        if let Some(with) = node.node("with_clause") {
            let named = |cte: &Value| cte.node().map(|cte| cte.text("ctename").to_owned());
            let recursive = with.flag("recursive");
            if recursive {
                self.in_scope.extend(with.list("ctes").iter().filter_map(named));
            }
            for cte in with.list("ctes") {
                self.visit(cte);
                if !recursive {
                    self.in_scope.extend(named(cte));
                }
            }
        }
        rest(self);
        self.in_scope.truncate(outer);
    }

    fn read(&mut self, node: &Node) {
        let name = range_name(node);
        if self.role == K::Select && name.schema.is_none() && self.in_scope.contains(&name.name) {
            return;
        }
        self.uses(self.role, name);
    }

    fn sample(&mut self, node: &Node) {
        let name = name_of(node.list("method"));
        let shipped = |n: &Name| n.schema.is_none() && ["bernoulli", "system"].contains(&n.name.as_str());
        match name {
            Some(name) if shipped(&name) => drop(self.facts.functions.insert(name)),
            _ => self.calls(node.list("method")),
        }
        self.children(node);
    }

    fn operators_of(&mut self, node: &Node) {
        let is = |kind: AExprKind| node.number("kind") == kind as i64;
        match node.name {
            "AExpr" if is(AExprKind::AexprBetween) || is(AExprKind::AexprBetweenSym) => self.symbols(&["<=", ">="]),
            "AExpr" if is(AExprKind::AexprNotBetween) || is(AExprKind::AexprNotBetweenSym) => self.symbols(&["<", ">"]),
            "AExpr" => self.operator(node.list("name")),
            "SortBy" if !node.list("use_op").is_empty() => self.operator(node.list("use_op")),
            "SubLink" if !node.list("oper_name").is_empty() => self.operator(node.list("oper_name")),
            "SubLink" if node.number("sub_link_type") == SubLinkType::AnySublink as i64 => self.symbols(&["="]),
            "JoinExpr" if node.flag("is_natural") || !node.list("using_clause").is_empty() => self.symbols(&["="]),
            "CaseExpr" if node.node("arg").is_some() => self.symbols(&["="]),
            _ => {}
        }
    }

    fn symbols(&mut self, symbols: &[&str]) {
        self.facts.operators.extend(symbols.iter().map(|&symbol| symbol.to_owned()));
    }

    fn operator(&mut self, parts: &[Value]) {
        let Some(name) = name_of(parts) else {
            return self.doubt("uses an operator whose name is not understood");
        };
        if !pure::is_operator(&name) {
            self.doubt(format!("uses the operator {}, whose effects are not known", quoted(&name.to_string())));
        }
        let plain = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        self.facts.operators.insert(if plain { name.name } else { name.to_string() });
    }

    /// `x.f` calls the function `f`, or converts to the type `f`, unless `x` is a row with a column `f` (PostgreSQL
    /// manual, "Field Selection"). Of `schema.table.f` only the last can be one.
    fn dotted<'v>(&mut self, fields: impl IntoIterator<Item = &'v Value>) {
        self.facts.dotted.extend(fields.into_iter().filter_map(Value::word).map(str::to_owned));
    }

    fn literal(&mut self, node: &Node) {
        let text = node.node("val").filter(|val| val.name == "String");
        let begins = text.map(|t| t.text("sval").trim_start().starts_with(['{', '(', '[']));
        self.facts.composite_literals |= begins.unwrap_or(false);
    }

    /// A conversion to a type runs that type's code, for a domain that of its checks: what that is, the catalogue says.
    pub(super) fn converts(&mut self, type_name: Option<&Node>) {
        let Some(node) = type_name else { return };
        match name_of(node.list("names")) {
            Some(name) if pure::is_type(&name) && !node.flag("pct_type") => {}
            Some(name) if !node.flag("pct_type") => drop(self.facts.types.insert(name)),
            _ => self.doubt("converts to a type whose name is not understood"),
        }
    }

    /// Conversions to the column types that are declared for a function in FROM.
    fn column_types(&mut self, value: &Value) {
        match value.node() {
            Some(column) if column.name == "ColumnDef" => self.converts(column.node("type_name")),
            Some(inner) if inner.name != "List" => {}
            _ => value.items().iter().for_each(|item| self.column_types(item)),
        }
    }
}

/// Where the server keeps samples of what tables hold.
const STATISTICS: [&str; 5] =
    ["pg_statistic", "pg_statistic_ext_data", "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"];

/// The name a `RangeVar` holds.
fn range_name(node: &Node) -> Name {
    let schema = Some(node.text("schemaname")).filter(|schema| !schema.is_empty()).map(str::to_owned);
    Name { schema, name: node.text("relname").to_owned() }
}
