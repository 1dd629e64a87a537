//! Workflows, accounts and parameters as fields of a form. What a form says becomes a file, which is proposed like any other.

use super::PersonView;
use countersign_journal::{AccountId, RequestId, Timestamp};
use serde::Serialize;

/// One level, field by field; every text as people write it in the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LevelFields {
    /// Who decides: the key of the file, such as `members_of`; empty means that there is no such level.
    pub who: String,
    /// Handles, the group, or the names of contacts with commas between, where `who` needs them.
    pub named: String,
    /// How many must approve.
    pub approvals: String,
    /// How many must reject.
    pub rejections: String,
    /// After which period; empty means never.
    pub timeout: String,
    /// What then: `expire`, or the key of the file.
    pub then: String,
    /// The group it escalates to.
    pub then_group: String,
    /// Who else is told, one a line: `all`, `approver` or `requester`, and a group.
    pub notify: String,
    /// Whether its approvers get mail.
    pub mail: bool,
    /// Whether the requester chooses whom to ask.
    pub choose: bool,
    /// Whether decisions need a fresh second factor.
    pub second_factor: bool,
}

/// A level that is not there yet.
impl Default for LevelFields {
    fn default() -> LevelFields {
        let text = |t: &str| t.to_owned();
        LevelFields {
            who: String::new(),
            named: String::new(),
            approvals: text("1"),
            rejections: text("1"),
            timeout: String::new(),
            then: text("expire"),
            then_group: String::new(),
            notify: String::new(),
            mail: true,
            choose: false,
            second_factor: false,
        }
    }
}

/// The system parameters, each as people write it in the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ParametersView {
    /// The timeouts a level may have.
    pub timeouts: String,
    /// Whether watching a session has to be approved.
    pub watch_approval: bool,
    /// Handles of the approvers of the module PAM Core.
    pub approvers: String,
}

/// One level in words, with who could decide it today.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LevelToday {
    /// Who decides.
    pub authority: String,
    /// Who that is today; nothing where it depends on the request.
    pub people: Option<Vec<PersonView>>,
    /// How many must approve.
    pub approvals: u32,
    /// What happens while nobody decides, in order; nothing where it waits until the request's own end.
    pub times: Vec<Due>,
}

/// A moment at which something happens by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Due {
    /// How long after the level began.
    pub after: String,
    /// What happens then.
    pub then: String,
}

/// A workflow, for showing and editing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WorkflowView {
    /// Its name.
    pub name: String,
    /// Its levels today.
    pub levels: Vec<LevelToday>,
    /// The same as fields.
    pub fields: Vec<LevelFields>,
    /// The rules that name it.
    pub rules: Vec<String>,
}

/// An account's own set-up, for showing and editing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccountView {
    /// Which.
    pub account: AccountId,
    /// `account@device`.
    pub label: String,
    /// Whether it signs in with certificates instead of a stored secret.
    pub certificate: bool,
    /// Whether it is on an SSH server, where alone that can be.
    pub ssh: bool,
    /// Since when its stored secret is due for change, and after which request.
    pub due: Option<(Timestamp, RequestId)>,
    /// Who owns it, by handle.
    pub owners: String,
    /// Who manages it, by handle.
    pub managers: String,
    /// Its own levels; none when it has no set-up.
    pub levels: Vec<LevelToday>,
    /// The same as fields.
    pub fields: Vec<LevelFields>,
    /// Who goes straight through, by handle.
    pub exclude_people: String,
    /// Groups whose members go straight through.
    pub exclude_groups: String,
    /// Hours inside which it approves by itself, one opening a line; empty means never.
    pub automatic: String,
    /// The zone of these hours.
    pub zone: String,
}
