//! What a command or statement is and touches, as far as a grammar and the target's catalogue can tell.

use crate::canonical::is_default;
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

/// One command of a shell: a program with its words, what surrounds it, or redirections alone.
///
/// Paths stand as they are written. One that does not begin with `/` depends on the directory the shell is in.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct CommandFacts {
    /// The program as it is written, quotes removed; none where there is none, or where the target fills it in.
    pub program: Option<String>,
    /// The words behind it, quotes removed; in place of one that the target fills in, which may become any number, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Option<String>>,
    /// Names of the variables set for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub assignments: BTreeSet<String>,
    /// Paths it is redirected to read, and those its arguments say it reads where the inspector knows the program.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reads: BTreeSet<String>,
    /// Likewise the paths it creates or writes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub writes: BTreeSet<String>,
    /// Whether nothing is known here of what this program runs in turn. A rule that names the program may know; to any
    /// other rule it is as good as unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
}

/// The name under which a rule speaks of whatever takes what is typed: a login shell, or a command with a terminal.
pub const LOGIN_SHELL: &str = "login-shell";

/// A connection from the target to a host and port, for the client (RFC 4254, 7.2).
pub const FORWARD_LOCAL: &str = "forward-local";
/// An address and port on the target, for connections to the client (RFC 4254, 7.1).
pub const FORWARD_REMOTE: &str = "forward-remote";
/// A connection to a socket on the target, for the client (OpenSSH, PROTOCOL, 2.4).
pub const FORWARD_LOCAL_SOCKET: &str = "forward-local-socket";
/// A socket on the target, for connections to the client (the same).
pub const FORWARD_REMOTE_SOCKET: &str = "forward-remote-socket";
/// The client's agent, for what runs on the target (OpenSSH, PROTOCOL.agent).
pub const FORWARD_AGENT: &str = "forward-agent";
/// The client's display, for what runs on the target (RFC 4254, 6.3).
pub const FORWARD_X11: &str = "forward-x11";
/// A variable of what runs on the target (RFC 4254, 6.4).
pub const SET_ENVIRONMENT: &str = "set-environment";

/// What runs only where a rule names it: it leads elsewhere, or changes what others do, so that no silence lets it run.
pub const NAMED_ONLY: [&str; 7] = [
    FORWARD_LOCAL,
    FORWARD_REMOTE,
    FORWARD_LOCAL_SOCKET,
    FORWARD_REMOTE_SOCKET,
    FORWARD_AGENT,
    FORWARD_X11,
    SET_ENVIRONMENT,
];

/// The folders in which a program is the one of its bare name.
pub const SYSTEM_FOLDERS: [&str; 4] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"];

impl CommandFacts {
    /// The program by its name: without the folder if that is one of [`SYSTEM_FOLDERS`], so that `/bin/rm` is `rm`; any
    /// other path stands as it is.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let program = self.program.as_deref()?;
        Some(match program.rsplit_once('/') {
            Some((folder, name)) if SYSTEM_FOLDERS.contains(&folder) => name,
            _ => program,
        })
    }

    /// Whether it runs only where a rule names it ([`NAMED_ONLY`]).
    #[must_use]
    pub fn is_named_only(&self) -> bool {
        self.name().is_some_and(|name| NAMED_ONLY.contains(&name))
    }
}

/// What a unit of text is written in; rules about one speak of no other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// SQL, for a database.
    #[default]
    Sql,
    /// A line for the login shell of a target.
    Shell,
}

/// A unit of text: its statements or commands, and every reason why we are not sure of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ActionFacts {
    /// What it is written in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub language: Language,
    /// The statements in order.
    pub statements: Vec<StatementFacts>,
    /// The commands of a shell line, in the order in which they stand; one that another runs follows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandFacts>,
    /// Why this cannot be fully understood, in words for an approver; empty when it is understood.
    pub unknown: BTreeSet<String>,
}

impl ActionFacts {
    /// Facts of a text in SQL nothing can be said about.
    #[must_use]
    pub fn opaque(why: impl Into<String>) -> ActionFacts {
        ActionFacts { unknown: [why.into()].into(), ..ActionFacts::default() }
    }

    /// Whether it takes what is typed, so that anything may come of it.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        self.commands.iter().any(|command| command.name() == Some(LOGIN_SHELL))
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

    /// Joins the facts of several texts of one language that form one unit.
    #[must_use]
    pub fn joined(parts: impl IntoIterator<Item = ActionFacts>) -> ActionFacts {
        let mut whole = ActionFacts::default();
        for part in parts {
            whole.language = part.language;
            whole.statements.extend(part.statements);
            whole.commands.extend(part.commands);
            whole.unknown.extend(part.unknown);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::{ActionFacts, CommandFacts, StatementFacts};
    use crate::canonical::{decode, encode};
    use std::collections::BTreeSet;

    fn name(program: &str) -> Option<String> {
        let command = CommandFacts { program: Some(program.to_owned()), ..CommandFacts::default() };
        command.name().map(str::to_owned)
    }

    #[test]
    fn a_program_of_a_system_folder_goes_by_its_name() {
        for (program, expected) in [
            ("rm", "rm"),
            ("/bin/rm", "rm"),
            ("/usr/sbin/ip", "ip"),
            ("/tmp/rm", "/tmp/rm"),
            ("./rm", "./rm"),
            ("/usr/bin/x/rm", "/usr/bin/x/rm"),
        ] {
            assert_eq!(name(program).as_deref(), Some(expected));
        }
        assert_eq!(CommandFacts::default().name(), None);
    }

    #[test]
    fn statements_are_encoded_as_before_there_were_commands() {
        #[derive(serde::Serialize)]
        struct Before {
            statements: Vec<StatementFacts>,
            unknown: BTreeSet<String>,
        }
        let (statements, unknown) = (vec![StatementFacts::default()], BTreeSet::from(["why".to_owned()]));
        let facts = ActionFacts { statements: statements.clone(), unknown: unknown.clone(), ..ActionFacts::default() };
        let bytes = encode(&facts);
        assert_eq!(bytes, encode(&Before { statements, unknown }));
        assert_eq!(decode(&bytes), Ok(facts));
    }

    #[test]
    fn joined_facts_have_the_commands_of_all() {
        let part = |program: &str| ActionFacts {
            commands: vec![CommandFacts { program: Some(program.to_owned()), ..CommandFacts::default() }],
            unknown: [program.to_owned()].into(),
            ..ActionFacts::default()
        };
        let whole = ActionFacts::joined([part("a"), part("b")]);
        let names: Vec<_> = whole.commands.iter().filter_map(CommandFacts::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(whole.unknown.len(), 2);
    }
}
