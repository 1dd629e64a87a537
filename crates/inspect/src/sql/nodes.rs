//! The grammar's nodes by name: which are statements and of what kind, and which mean nothing beyond what they hold.
//!
//! A node on neither list, and not handled by name in the walk, is a doubt. Names are those of the generated types;
//! the lists hold what PostgreSQL 18's grammar makes, not what only its planner does.

use countersign_journal::StatementKind;

/// The kind of a statement, `None` if the node is no statement.
pub(super) fn statement_kind(name: &str) -> Option<StatementKind> {
    use StatementKind as K;
    Some(match name {
        "SelectStmt" => K::Select,
        "InsertStmt" => K::Insert,
        "UpdateStmt" => K::Update,
        "DeleteStmt" => K::Delete,
        "MergeStmt" => K::Merge,
        "TruncateStmt" => K::Truncate,
        "GrantStmt" | "GrantRoleStmt" | "AlterDefaultPrivilegesStmt" => K::Grant,
        "CallStmt" => K::Call,
        "DoStmt" => K::Do,
        "PrepareStmt" => K::Prepare,
        "ExecuteStmt" => K::Execute,
        "DeallocateStmt" => K::Deallocate,
        "DeclareCursorStmt" => K::Declare,
        "FetchStmt" => K::Fetch,
        "VariableSetStmt" | "ConstraintsSetStmt" | "DiscardStmt" => K::Set,
        "VariableShowStmt" => K::Show,
        "ExplainStmt" => K::Explain,
        "TransactionStmt" => K::Transaction,
        "NotifyStmt" | "ListenStmt" | "UnlistenStmt" => K::Notify,
        "LockStmt" => K::Lock,
        "VacuumStmt" | "ClusterStmt" | "ReindexStmt" | "RefreshMatViewStmt" | "CheckPointStmt" => K::Maintain,
        "ClosePortalStmt" | "LoadStmt" => K::Other,
        "CompositeTypeStmt" | "DefineStmt" | "ImportForeignSchemaStmt" | "IndexStmt" | "RuleStmt" | "ViewStmt" => {
            K::Create
        }
        "CommentStmt" | "ReassignOwnedStmt" | "RenameStmt" | "SecLabelStmt" => K::Alter,
        _ if !name.ends_with("Stmt") => return None,
        _ if name.starts_with("Create") => K::Create,
        _ if name.starts_with("Alter") => K::Alter,
        _ if name.starts_with("Drop") => K::Drop,
        _ => return None,
    })
}

/// Whether a node means nothing beyond what it holds.
pub(super) fn is_passive(name: &str) -> bool {
    PASSIVE.binary_search(&name).is_ok()
}

/// The functions that a node of a newer grammar calls on a server that does not have that syntax: there, one of the
/// user's own may have the name.
pub(super) fn written_as_syntax(name: &str) -> &'static [&'static str] {
    match name {
        "JsonArrayAgg" => &["json_arrayagg"],
        "JsonArrayConstructor" | "JsonArrayQueryConstructor" => &["json_array"],
        "JsonFuncExpr" => &["json_exists", "json_query", "json_value"],
        "JsonObjectAgg" => &["json_objectagg"],
        "JsonObjectConstructor" => &["json_object"],
        "JsonParseExpr" => &["json"],
        "JsonScalarExpr" => &["json_scalar"],
        "JsonSerializeExpr" => &["json_serialize"],
        "JsonTable" => &["json_table"],
        "MergeSupportFunc" => &["merge_action"],
        _ => &[],
    }
}

const PASSIVE: &[&str] = &[
    "AArrayExpr",
    "AConst",
    "AIndices",
    "AIndirection",
    "AStar",
    "AccessPriv",
    "Alias",
    "AtAlterConstraint",
    "BitString",
    "BoolExpr",
    "Boolean",
    "BooleanTest",
    "CaseWhen",
    "CoalesceExpr",
    "CollateClause",
    "ColumnDef",
    "ColumnRef",
    "CommonTableExpr",
    "CreateOpClassItem",
    "CteCycleClause",
    "CteSearchClause",
    "CurrentOfExpr",
    "DefElem",
    "Float",
    "FunctionParameter",
    "GroupingFunc",
    "GroupingSet",
    "IndexElem",
    "InferClause",
    "Integer",
    "JsonAggConstructor",
    "JsonArgument",
    "JsonArrayAgg",
    "JsonArrayConstructor",
    "JsonArrayQueryConstructor",
    "JsonBehavior",
    "JsonFormat",
    "JsonFuncExpr",
    "JsonIsPredicate",
    "JsonKeyValue",
    "JsonObjectAgg",
    "JsonObjectConstructor",
    "JsonParseExpr",
    "JsonReturning",
    "JsonScalarExpr",
    "JsonSerializeExpr",
    "JsonTable",
    "JsonTablePathSpec",
    "JsonValueExpr",
    "List",
    "MergeSupportFunc",
    "MinMaxExpr",
    "MultiAssignRef",
    "NamedArgExpr",
    "NullTest",
    "ObjectWithArgs",
    "OnConflictClause",
    "ParamRef",
    "ParseResult",
    "PartitionBoundSpec",
    "PartitionCmd",
    "PartitionElem",
    "PartitionRangeDatum",
    "PartitionSpec",
    "PublicationObjSpec",
    "PublicationTable",
    "RangeSubselect",
    "RangeTableFunc",
    "RawStmt",
    "ReplicaIdentityStmt",
    "ResTarget",
    "ReturnStmt",
    "ReturningClause",
    "ReturningOption",
    "RoleSpec",
    "RowExpr",
    "SetToDefault",
    "SqlValueFunction",
    "StatsElem",
    "String",
    "TriggerTransition",
    "TypeName",
    "VacuumRelation",
    "WindowDef",
    "XmlExpr",
];

#[cfg(test)]
mod tests {
    #[test]
    fn passive_nodes_are_sorted_and_no_statements() {
        assert!(super::PASSIVE.is_sorted_by(|a, b| a < b));
        assert!(super::PASSIVE.iter().all(|name| super::statement_kind(name).is_none()));
    }
}
