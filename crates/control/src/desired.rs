//! The desired directory and policy as a file: read, compared with what is in force (plan), proposed, put in force, and
//! written out again.
//!
//! Things are known by name in the file and by id everywhere else. A name that was there keeps its id; a new name gets
//! a new one; a person left out is disabled, never forgotten.

mod account;
mod beside;
mod carried;
mod change;
mod compare;
mod contacts;
mod endpoint;
mod file;
mod foresee;
mod forms;
mod meanwhile;
mod render;
mod resolve;
mod rules;
#[cfg(test)]
mod tests;
mod things;
mod times;

pub use meanwhile::Part;
pub use rules::{Question, QuestionAct};
pub use things::Thing;

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{self, Base, Plan};
use change::InForce;
use compare::compare;
use countersign_core::{Directory, Permission, Roster, Rulebook, stays_changeable, validate};
use countersign_journal::{AccountId, Policy};
use render::render;
use resolve::resolve;
use secrecy::SecretString;
use std::collections::BTreeMap;

/// A file resolved against what is in force.
struct Desired {
    directory: Roster,
    policy: Rulebook,
    passwords: BTreeMap<AccountId, SecretString>,
}

impl Control {
    /// What applying the file would change, what nobody could approve then, and which of the latest requests would be ruled
    /// on otherwise. Whoever wrote it from what was in force says from which `base`.
    ///
    /// # Errors
    /// When the actor may not, or the file is wrong; the message names the entry and the remedy. When `base` is gone; the
    /// message says who changed what.
    pub async fn plan(&self, actor: &Actor, file: &str, base: Option<Base>) -> Result<Plan, Fault> {
        actor.require(Permission::ProposeChanges)?;
        let InForce { directory, policy, base: now } = self.in_force();
        self.still_from(actor, base, now).await?;
        let desired = acceptable(file, &directory, &policy)?;
        let (looked_at, past) = self.past(&policy, &directory, &desired).await?;
        let (before, after) = (render(&directory, &policy), render(&desired.directory, &desired.policy));
        Ok(Plan {
            changes: compare(&directory, &policy, &desired),
            lines: view::difference(&before, &after),
            warnings: self.warnings_of_change(&policy, &directory, &desired).await?,
            looked_at,
            past,
        })
    }
}

/// The file resolved, and found to be one that can be put in force.
fn acceptable(file: &str, old: &Directory, old_policy: &Policy) -> Result<Desired, Fault> {
    let desired = resolve(file, old, old_policy)?;
    whole(&desired).map_err(|f| Fault::Input(f.to_string()))?;
    stays_changeable(&desired.policy, &desired.directory).map_err(|r| Fault::Input(r.to_string()))?;
    Ok(desired)
}

/// What only the whole of it shows, such as a cycle.
fn whole(desired: &Desired) -> Result<(), validate::Fault> {
    validate::directory(&desired.directory)?;
    validate::policy(&desired.policy, &desired.directory)
}
