//! What is known of a line that was typed into a free shell, where the rules would not have let it run as a command of its own.

use crate::canonical::is_default;
use crate::id::SessionId;
use crate::policy::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many alerts of one session are told one by one; one more says that others came.
pub const ALERTS_MAX: u32 = 20;

/// One alert. Nothing of what was typed is in it, but the name of a program that one of the rules names.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// In which session.
    pub session: SessionId,
    /// Under which number of it the terminal is recorded.
    pub command: u64,
    /// What the rules would have said: approve where somebody would have had to, else deny.
    pub outcome: Outcome,
    /// Those that would have, by name.
    pub rules: BTreeSet<String>,
    /// Whether it counts because nobody can understand the line.
    #[serde(default, skip_serializing_if = "is_default")]
    pub opaque: bool,
    /// The program of the line that one of these rules names.
    #[serde(default, skip_serializing_if = "is_default")]
    pub program: Option<String>,
}
