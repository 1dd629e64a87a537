//! What statements other than queries and row changes do, and where they do more than their text shows.

use super::tree::{Node, Value};
use super::walk::{Walk, name_of};
use crate::reason::quoted;
use countersign_journal::facts::Name;
use countersign_journal::{RelationUse, StatementFacts, StatementKind as K};
use pg_query::protobuf::{
    AlterTableType, DropBehavior, GrantTargetType, ObjectType, ReindexObjectType, TransactionStmtKind,
};
use std::mem::{replace, take};

impl Walk {
    /// A statement that is neither a query nor a change of rows.
    pub(super) fn utility(&mut self, kind: K, node: &Node) {
        match node.name {
            "ExplainStmt" => return self.explain(node),
            "CallStmt" => return self.call(node),
            _ => {}
        }
        self.facts.kinds.insert(kind);
        match node.name {
            "DeclareCursorStmt" | "FetchStmt" => drop(self.facts.cursors.insert(node.text("portalname").to_owned())),
            "PrepareStmt" | "ExecuteStmt" => drop(self.facts.prepared.insert(node.text("name").to_owned())),
            "CreateTrigStmt" | "CreateEventTrigStmt" => self.calls(node.list("funcname")),
            "DropStmt" => node.list("objects").iter().for_each(|object| self.object(node, "remove_type", object)),
            "CommentStmt" | "SecLabelStmt" | "AlterExtensionContentsStmt" => {
                self.object(node, "objtype", node.field("object"));
            }
            _ => {}
        }
        match doubt_of(node) {
            Some(why) => self.doubt(why),
            None if matches!(kind, K::Create | K::Alter) && !is_plain(node) => self.doubt(NEW_MEANINGS),
            None => {}
        }
        self.children_as(kind, node);
        for kind in take(&mut self.follows) {
            self.target(kind, node.node("relation"));
        }
        // Both compute with what the table holds, and errors tell what that is.
        if matches!(node.name, "IndexStmt" | "CreateStatsStmt") {
            self.children_as(K::Select, node);
        }
        if node.name == "AlterTableStmt" && node.list("cmds").iter().filter_map(Value::node).any(looks_at_rows) {
            self.target(K::Select, node.node("relation"));
        }
        if node.name == "CreateStmt" {
            let columns = node.list("table_elts").iter().filter_map(Value::node).filter(|n| n.name == "ColumnDef");
            columns.for_each(|column| self.converts(column.node("type_name")));
        }
    }

    /// One action of `ALTER TABLE`.
    pub(super) fn alter_table_command(&mut self, node: &Node) {
        use AlterTableType as T;
        if cascades(node) {
            self.doubt(CASCADES);
        }
        let belongs = [
            T::AtAddInherit,
            T::AtDropInherit,
            T::AtAttachPartition,
            T::AtDetachPartition,
            T::AtDetachPartitionFinalize,
            T::AtAddOf,
            T::AtDropOf,
        ];
        let runs = [
            T::AtEnableTrig,
            T::AtEnableAlwaysTrig,
            T::AtEnableReplicaTrig,
            T::AtDisableTrig,
            T::AtEnableTrigAll,
            T::AtDisableTrigAll,
            T::AtEnableTrigUser,
            T::AtDisableTrigUser,
            T::AtEnableRule,
            T::AtEnableAlwaysRule,
            T::AtEnableReplicaRule,
            T::AtDisableRule,
            T::AtEnableRowSecurity,
            T::AtDisableRowSecurity,
            T::AtForceRowSecurity,
            T::AtNoForceRowSecurity,
        ];
        let command = T::try_from(node.number("subtype") as i32).unwrap_or(T::Undefined);
        if command == T::Undefined || belongs.contains(&command) || runs.contains(&command) {
            self.doubt(NEW_MEANINGS);
        }
        // A new or changed column converts what the table holds, or its default, to its type.
        if let Some(column) = node.node("def").filter(|def| def.name == "ColumnDef") {
            self.converts(column.node("type_name"));
        }
        self.children(node);
    }

    /// A table or column constraint: the table a foreign key points at is read, and changes of it may change this one.
    pub(super) fn constraint(&mut self, node: &Node) {
        for (action, deleting) in [("fk_del_action", true), ("fk_upd_action", false)] {
            match node.text(action) {
                "c" if deleting => drop(self.follows.insert(K::Delete)),
                "c" | "n" | "d" => drop(self.follows.insert(K::Update)),
                _ => {}
            }
        }
        self.target(K::Select, node.node("pktable"));
        node.fields().filter(|(field, _)| *field != "pktable").for_each(|(_, value)| self.visit(value));
    }

    /// `COPY` reads or adds rows, so it counts as that too: a rule on reading or inserting must not be a way around.
    pub(super) fn copy(&mut self, node: &Node) {
        let (kind, also) = if node.flag("is_from") { (K::CopyIn, K::Insert) } else { (K::CopyOut, K::Select) };
        self.facts.kinds.insert(kind);
        if let Some(relation) = node.node("relation") {
            self.facts.kinds.insert(also);
            self.target(kind, Some(relation));
            self.target(also, Some(relation));
        }
        let file = node.text("filename");
        match (node.flag("is_program"), kind) {
            (true, _) => self.doubt(format!("runs the program {} on the database server", quoted(file))),
            (false, _) if file.is_empty() => {}
            (false, K::CopyIn) => self.doubt(format!("reads the file {} on the database server", quoted(file))),
            (false, _) => self.doubt(format!("writes the file {} on the database server", quoted(file))),
        }
        for (field, value) in node.fields().filter(|(field, _)| *field != "relation") {
            match field {
                "query" => self.reads_also(kind, |walk| walk.visit(value)),
                _ => self.visit(value),
            }
        }
    }

    /// With `ANALYZE` the statement runs; without, it is only planned, which still may evaluate its functions.
    fn explain(&mut self, node: &Node) {
        self.facts.kinds.insert(K::Explain);
        let runs = node.list("options").iter().filter_map(Value::node).any(is_analyze);
        if runs {
            return self.children(node);
        }
        let outer = take(&mut self.facts);
        self.children(node);
        let planned = replace(&mut self.facts, outer);
        let reads = |used: &RelationUse| matches!(used.kind, K::Select | K::Explain);
        self.facts = StatementFacts {
            kinds: take(&mut self.facts.kinds),
            plans_change: !planned.relations.iter().all(reads),
            relations: planned.relations.into_iter().map(|used| RelationUse { kind: K::Explain, ..used }).collect(),
            ..planned
        };
    }

    fn call(&mut self, node: &Node) {
        self.facts.kinds.insert(K::Call);
        let Some(call) = node.node("funccall") else {
            return self.doubt("calls a procedure whose name is not understood");
        };
        if let Some(name) = name_of(call.list("funcname")) {
            self.doubt(format!("calls the procedure {}, whose effects are not known", quoted(&name.to_string())));
            self.facts.functions.insert(name);
        }
        self.children(call);
    }

    /// An object named by a list of parts beside its type: a relation, or a thing that belongs to one.
    fn object(&mut self, statement: &Node, type_field: &str, object: &Value) {
        use ObjectType as T;
        let kind = if statement.name == "DropStmt" { K::Drop } else { K::Alter };
        let parts = object.items();
        let belongs = |parts: &[Value]| parts.split_last().and_then(|(_, relation)| name_of(relation));
        let found: Option<(K, Name)> = match T::try_from(statement.number(type_field) as i32) {
            Ok(T::ObjectTable | T::ObjectView | T::ObjectMatview | T::ObjectIndex) => name_of(parts).map(|n| (kind, n)),
            Ok(T::ObjectSequence | T::ObjectForeignTable) => name_of(parts).map(|n| (kind, n)),
            Ok(T::ObjectColumn | T::ObjectTabconstraint | T::ObjectTrigger | T::ObjectRule | T::ObjectPolicy) => {
                belongs(parts).map(|n| (K::Alter, n))
            }
            _ => None,
        };
        if let Some((kind, name)) = found {
            self.uses(kind, name);
        }
    }
}

/// Whether one action of `ALTER TABLE` computes with what the table holds, or compares it.
fn looks_at_rows(command: &Node) -> bool {
    use AlterTableType as T;
    let looks =
        [T::AtAlterColumnType, T::AtAddConstraint, T::AtReAddConstraint, T::AtSetNotNull, T::AtValidateConstraint];
    let generates = |column: &Node| !column.list("constraints").is_empty();
    looks.iter().any(|kind| command.number("subtype") == *kind as i64)
        || command.node("def").is_some_and(|def| def.name == "ColumnDef" && generates(def))
}

/// A change of the schema after which a text that names nothing new may do something else.
const NEW_MEANINGS: &str = "changes what other statements mean, in a way that is not followed here";

/// Whether a statement makes or alters something without giving other texts another meaning: what it makes has a name of
/// its own, and no code, members or conversions. Types have: `f('x')` is a conversion to a type named `f`, if there is one
/// (PostgreSQL manual, "Function Type Resolution").
fn is_plain(node: &Node) -> bool {
    use ObjectType as T;
    match node.name {
        "CreateStmt" => {
            node.list("inh_relations").is_empty()
                && node.node("partbound").is_none()
                && node.node("of_typename").is_none()
        }
        // Adding a value leaves the others as they are; renaming one rewrites every row that has it.
        "AlterEnumStmt" => node.text("old_val").is_empty(),
        // A type's attributes are columns of every table that has such a column.
        "AlterTableStmt" => node.number("objtype") != T::ObjectType as i64,
        "RenameStmt" => {
            // `ALTER INDEX … RENAME` renames a table as well, if that is what has the name.
            let named = [T::ObjectTabconstraint, T::ObjectSequence, T::ObjectTablespace];
            named.iter().any(|kind| node.number("rename_type") == *kind as i64)
        }
        name => PLAIN.contains(&name),
    }
}

const PLAIN: [&str; 11] = [
    "AlterSeqStmt",
    "AlterTableSpaceOptionsStmt",
    "CommentStmt",
    "CreateSchemaStmt",
    "CreateSeqStmt",
    "CreateStatsStmt",
    "CreateTableAsStmt",
    "CreateTableSpaceStmt",
    "CreatedbStmt",
    "IndexStmt",
    "ViewStmt",
];

const CASCADES: &str = "also drops or empties whatever depends on it (CASCADE)";

/// Settings under which the same bytes are other text. The parser reads as their defaults have it.
const READING: [&str; 2] = ["client_encoding", "standard_conforming_strings"];

/// Whether a statement sets how text is read, to anything but what the parser goes by.
fn sets_reading(node: &Node) -> bool {
    let named = |name: &str| name.eq_ignore_ascii_case(node.text("name"));
    let value = match node.list("args") {
        [Value::Node(one)] if one.name == "AConst" => {
            one.node("val").filter(|val| val.name == "String").map(|val| val.text("sval").to_ascii_lowercase())
        }
        _ => None,
    };
    let usual = match value.as_deref() {
        Some("on" | "true" | "yes" | "1") => named("standard_conforming_strings"),
        Some("utf8" | "utf-8" | "unicode") => named("client_encoding"),
        _ => false,
    };
    READING.iter().any(|name| named(name)) && !usual
}

fn cascades(node: &Node) -> bool {
    node.number("behavior") == DropBehavior::DropCascade as i64
}

/// `ANALYZE` in the options of `EXPLAIN`, unless plainly switched off.
fn is_analyze(option: &Node) -> bool {
    let off = match option.node("arg") {
        Some(arg) if arg.name == "String" => ["false", "off", "0", "no"].contains(&arg.text("sval")),
        Some(arg) if arg.name == "Boolean" => !arg.flag("boolval"),
        Some(arg) if arg.name == "Integer" => arg.number("ival") == 0,
        _ => false,
    };
    option.text("defname") == "analyze" && !off
}

/// Why the text of a statement does not show all it does.
fn doubt_of(node: &Node) -> Option<String> {
    let names = |field| quoted(&joined(node.list(field)));
    let text = |field| quoted(node.text(field));
    let objects = |wanted: &[ObjectType]| wanted.iter().any(|kind| node.number("remove_type") == *kind as i64);
    Some(match node.name {
        "DoStmt" => "runs a block of code (DO), which is not examined".to_owned(),
        "ExecuteStmt" => format!("runs the prepared statement {}, whose text is not shown here", text("name")),
        "CreateFunctionStmt" if node.node("sql_body").is_none() && node.list("sql_body").is_empty() => {
            format!("defines {}, whose body is not examined", names("funcname"))
        }
        "AlterExtensionStmt" | "CreateExtensionStmt" => format!("runs the script of extension {}", text("extname")),
        "LoadStmt" => format!("loads the library {} into the server", text("filename")),
        "ImportForeignSchemaStmt" => {
            format!("creates a table for each one another server has ({})", text("server_name"))
        }
        "AlterSubscriptionStmt" | "CreateSubscriptionStmt" | "DropSubscriptionStmt" => {
            format!("speaks to another server (subscription {})", text("subname"))
        }
        "DropStmt" | "TruncateStmt" if cascades(node) => CASCADES.to_owned(),
        "DropStmt" if objects(&[ObjectType::ObjectExtension]) => "drops everything the extension made".to_owned(),
        "DropOwnedStmt" => "drops everything these roles own".to_owned(),
        "ReassignOwnedStmt" => "changes the owner of everything these roles own".to_owned(),
        "DropdbStmt" => format!("drops the database {} and everything in it", text("dbname")),
        "AlterTableMoveAllStmt" => "alters everything in a tablespace".to_owned(),
        "GrantStmt" if node.number("targtype") == GrantTargetType::AclTargetAllInSchema as i64 => {
            format!("covers every such object of the schemas {}", names("objects"))
        }
        // Which schemas a name is looked up in, and whose rights a session has.
        "GrantRoleStmt" => NEW_MEANINGS.to_owned(),
        "AlterDefaultPrivilegesStmt" => "changes what is granted on everything made from now on".to_owned(),
        "GrantStmt" if node.number("objtype") == ObjectType::ObjectSchema as i64 => NEW_MEANINGS.to_owned(),
        "VacuumStmt" if node.list("rels").is_empty() => "covers every table of the database".to_owned(),
        "ClusterStmt" if node.node("relation").is_none() => "covers every clustered table of the database".to_owned(),
        "ReindexStmt" if node.number("kind") >= ReindexObjectType::ReindexObjectSchema as i64 => {
            format!("covers every index of {}", text("name"))
        }
        "VariableSetStmt" if sets_reading(node) => {
            format!("changes how all text after it is read ({})", text("name"))
        }
        "TransactionStmt" if node.number("kind") == TransactionStmtKind::TransStmtCommitPrepared as i64 => {
            format!("commits the prepared transaction {}, whose statements are not shown here", text("gid"))
        }
        _ => return None,
    })
}

fn joined(parts: &[Value]) -> String {
    parts.iter().filter_map(Value::word).collect::<Vec<_>>().join(".")
}
