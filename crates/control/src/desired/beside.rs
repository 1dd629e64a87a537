//! What only the whole of a file shows, said beside the field of the form that is to blame. The check is the one that refuses
//! the file; what has no field in the form is said of all of it, when the file is planned.

use super::{file::File, resolve::resolve, times::said, whole};
use crate::control::Control;
use crate::view::{Draft, Wrongs};
use countersign_core::validate::Fault;

impl Control {
    /// The draft of a form that has these fields.
    pub(super) fn drafted(&self, file: &File, fields: &[&str]) -> Draft {
        let text = file.text();
        let found = resolve(&text, &self.directory(), &self.state().policy).ok().and_then(|d| whole(&d).err());
        match found.as_ref().and_then(beside).filter(|(field, _)| fields.contains(field)) {
            Some((field, words)) => Draft::Wrong(Wrongs::from([(field.to_owned(), words)])),
            None => Draft::File(text),
        }
    }
}

/// The field that is to blame, and the remedy.
fn beside(fault: &Fault) -> Option<(&'static str, String)> {
    Some(match fault {
        Fault::GroupCycle(group) => {
            ("groups", format!("With these, group `{group}` would be a member of itself; take one of them out."))
        }
        Fault::ManagerLoop(person) => (
            "manager",
            format!("With this, `{person}` would be their own line manager; name somebody else, or leave it empty."),
        ),
        Fault::NoDuration(_) => (
            "duration_max_minutes",
            "Nothing could be granted for 0 minutes; enter at least 1, or leave it empty.".to_owned(),
        ),
        Fault::NoApprovers => (
            "approvers",
            "With the switch on and nobody here, no session could be watched; name at least two.".to_owned(),
        ),
        Fault::NoTimeout => ("timeouts", "Nobody could decide within a timeout of 0; remove it.".to_owned()),
        Fault::TimeoutNotListed { workflow, level, after_s, .. } => (
            "timeouts",
            format!(
                "Level {level} of workflow `{workflow}` has `{}`; keep it here, or change the level first.",
                said(*after_s)
            ),
        ),
        _ => return None,
    })
}
