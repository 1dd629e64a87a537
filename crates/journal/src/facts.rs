//! What a command or statement is and touches, as far as a grammar and the target's catalogue can tell.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What kind of statement, in the words of the SQL standard and PostgreSQL's command tags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each variant is the SQL keyword of its name")]
pub enum StatementKind {
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    Truncate,
    Create,
    Alter,
    Drop,
    Grant,
    CopyIn,
    CopyOut,
    Call,
    Do,
    Prepare,
    Execute,
    Deallocate,
    Declare,
    Fetch,
    Set,
    Show,
    Explain,
    Transaction,
    Notify,
    Lock,
    Maintain,
    Other,
}

/// A relation or function by name, with its schema where that is known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Name {
    /// The schema, once named in the text or resolved in the session's catalogue.
    pub schema: Option<String>,
    /// The name, folded as the target folds it.
    pub name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One relation and what the statement does to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RelationUse {
    /// What is done: `Select` for reading, the writing kind otherwise.
    pub kind: StatementKind,
    /// To which relation.
    pub relation: Name,
}

/// One statement. A statement with nested writes (`WITH … DELETE`) has several kinds.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct StatementFacts {
    /// Every kind that takes part.
    pub kinds: BTreeSet<StatementKind>,
    /// Every relation named, common table expressions excluded.
    pub relations: BTreeSet<RelationUse>,
    /// Every function called.
    pub functions: BTreeSet<Name>,
    /// Every operator used, by symbol.
    pub operators: BTreeSet<String>,
    /// Names of SQL-level prepared statements this statement makes or runs.
    pub prepared: BTreeSet<String>,
    /// Names of cursors this statement makes, moves or stands on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cursors: BTreeSet<String>,
    /// What may be called without being written as a call: names behind a dot, each of which may be a column, or a function
    /// or type applied to what stands before the dot; and functions that stored expressions call.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dotted: BTreeSet<String>,
    /// Types named, beyond the built-in ones.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub types: BTreeSet<Name>,
    /// Whether a literal is written as an array, row or range is: reading it as a type of the user's own may run code
    /// as soon as the text is prepared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub composite_literals: bool,
    /// Whether it plans a change of what it names without running it (`EXPLAIN UPDATE …`), or copies what such a change
    /// would run (`LIKE … INCLUDING DEFAULTS`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plans_change: bool,
}

/// A unit of text: its statements, and every reason why we are not sure of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ActionFacts {
    /// The statements in order.
    pub statements: Vec<StatementFacts>,
    /// Why this cannot be fully understood, in words for an approver; empty when it is understood.
    pub unknown: BTreeSet<String>,
}

impl ActionFacts {
    /// Facts of a text nothing can be said about.
    #[must_use]
    pub fn opaque(why: impl Into<String>) -> ActionFacts {
        ActionFacts { statements: Vec::new(), unknown: [why.into()].into() }
    }

    /// Every kind in the unit.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<StatementKind> {
        self.statements.iter().flat_map(|s| s.kinds.iter().copied()).collect()
    }

    /// Every relation use in the unit.
    pub fn relations(&self) -> impl Iterator<Item = &RelationUse> {
        self.statements.iter().flat_map(|s| s.relations.iter())
    }

    /// Joins the facts of several texts that form one unit.
    #[must_use]
    pub fn joined(parts: impl IntoIterator<Item = ActionFacts>) -> ActionFacts {
        let mut whole = ActionFacts::default();
        for part in parts {
            whole.statements.extend(part.statements);
            whole.unknown.extend(part.unknown);
        }
        whole
    }
}
