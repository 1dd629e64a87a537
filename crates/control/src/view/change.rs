//! Changes of policy and directory, for showing: what differs, line by line, and the versions they made.

use super::PersonView;
use crate::fault::Fault;
use countersign_journal::{RequestId, Timestamp};
use serde::{Serialize, Serializer};
use similar::{ChangeTag, TextDiff};
use std::fmt;
use std::str::FromStr;

/// Unchanged lines shown around each changed one.
const CONTEXT: usize = 3;

/// What applying a file would change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Plan {
    /// One line per change: `+ person carol`, `- rule old`, `~ group dba`.
    pub changes: Vec<String>,
    /// What would differ in the file, with some lines around it, as its approvers will see it.
    pub lines: Vec<DiffLine>,
    /// What nobody could approve with it (R93), and what it would open to many, one sentence each.
    pub warnings: Vec<String>,
    /// How many of the latest requests were looked at.
    pub looked_at: usize,
    /// Those of them that would be ruled on otherwise, the latest first (R93).
    pub past: Vec<PastView>,
}

/// A past request that would be ruled on otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PastView {
    /// Which.
    pub request: RequestId,
    /// Who asked.
    pub person: PersonView,
    /// For what.
    pub what: String,
    /// What is demanded now, in words.
    pub before: String,
    /// What would be.
    pub after: String,
}

/// What is in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Configuration {
    /// As a file, without its secrets.
    pub file: String,
    /// Which versions these are.
    pub base: Base,
    /// What nobody can approve as things are, one sentence each.
    pub warnings: Vec<String>,
}

/// Versions of policy and directory, written `3.7`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Base {
    /// Of the policy.
    pub policy: u64,
    /// Of the directory.
    pub directory: u64,
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.policy, self.directory)
    }
}

impl FromStr for Base {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Base, Fault> {
        let read = text.split_once('.').and_then(|(p, d)| Some((p.parse().ok()?, d.parse().ok()?)));
        let (policy, directory) =
            read.ok_or_else(|| Fault::Input(format!("`{text}` is no base; it is written as `3.7`")))?;
        Ok(Base { policy, directory })
    }
}

impl Serialize for Base {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// What others put in force while somebody was editing, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Meanwhile {
    /// What is in force now; whoever has seen this may go on from it.
    pub base: Base,
    /// Who changed it, the latest first; empty when nobody can say any more.
    pub versions: Vec<VersionView>,
    /// What they changed in it.
    pub lines: Vec<DiffLine>,
    /// What the draft would change in what is in force now; none while it is no draft.
    pub yours: Option<Vec<DiffLine>>,
}

/// A change of policy and directory, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ChangeView {
    /// One line per thing that changes: `+ person carol`, `- rule old`, `~ group dba`.
    pub changes: Vec<String>,
    /// What differs in the file, with some lines around it.
    pub lines: Vec<DiffLine>,
    /// While it waits: what nobody could approve with it, and what it would open to many, as things are now.
    pub warnings: Vec<String>,
    /// Whether it is in force or was.
    pub applied: bool,
    /// The change that was put in force first, which this one does not know.
    pub overtaken_by: Option<RequestId>,
}

/// One line of a difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DiffLine {
    /// `+` is new, `-` goes, ` ` stays, `…` stands for what is left out.
    pub sign: &'static str,
    /// The line; what is left out is named by the table it ends in: `[[rule]] name = "customers"`.
    pub text: String,
}

/// What became of a change that was proposed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Proposed {
    /// One line per thing that changes; empty when nothing does, and then there is no request.
    pub changes: Vec<String>,
    /// The request it became.
    pub request: Option<RequestId>,
    /// Whether it is in force; if not, it waits for its approvers.
    pub applied: bool,
}

/// A version of policy and directory, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VersionView {
    /// The request that made it.
    pub request: RequestId,
    /// When it was approved and put in force.
    pub at: Timestamp,
    /// Who proposed it.
    pub by: PersonView,
    /// What changed.
    pub changes: Vec<String>,
}

/// What differs between two texts, line by line.
pub(crate) fn difference(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(before, after);
    let all: Vec<&str> = before.lines().collect();
    let mut lines = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        let left_out = group.first().map_or(0, |op| op.old_range().start);
        if left_out > 0 {
            lines.push(DiffLine { sign: "…", text: table_of(&all[..left_out.min(all.len())]) });
        }
        lines.extend(group.iter().flat_map(|op| diff.iter_changes(op)).map(|change| DiffLine {
            sign: match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            },
            text: change.value().trim_end_matches('\n').to_owned(),
        }));
    }
    lines
}

/// The table that the last of these lines stands in, by its first line.
fn table_of(lines: &[&str]) -> String {
    let starts = |line: &&str| line.starts_with("[[") && !line.contains('.');
    let start = lines.iter().rposition(starts);
    start.map_or_else(String::new, |at| lines[at..].iter().take(2).copied().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_in_which_table_it_is() {
        let before = "[[rule]]\nname = \"a\"\nx = 1\ny = 2\nz = 3\nlast = 4\nchanged = 5\n";
        let lines = difference(before, &before.replace("= 5", "= 6"));
        let shown: Vec<String> = lines.iter().map(|l| format!("{}{}", l.sign, l.text)).collect();
        let expected = ["…[[rule]] name = \"a\"", " y = 2", " z = 3", " last = 4", "-changed = 5", "+changed = 6"];
        assert_eq!(shown, expected);
        assert_eq!(difference(before, before), []);
    }
}
