//! The desired directory and policy as a file: read, compared with what is in force (plan), put in force (apply).
//!
//! Things are known by name in the file and by id everywhere else. A name that was there keeps its id; a new name gets
//! a new one; a person left out is disabled, never forgotten.

mod account;
mod compare;
mod file;
mod resolve;
#[cfg(test)]
mod tests;
mod times;

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::permission::Permission;
use crate::store::Row;
use crate::vault::Purpose;
use crate::view::Plan;
use compare::compare;
use countersign_core::{Directory, Input, validate};
use countersign_journal::{AccountId, Note, Policy};
use resolve::resolve;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// A file resolved against what is in force.
struct Desired {
    directory: Directory,
    policy: Policy,
    passwords: BTreeMap<AccountId, SecretString>,
}

impl Control {
    /// What applying the file would change.
    ///
    /// # Errors
    /// When the actor may not, or the file is wrong; the message names the entry and the remedy.
    pub async fn plan(&self, actor: &Actor, file: &str) -> Result<Plan, Fault> {
        actor.require(Permission::Administer)?;
        let directory = self.directory();
        let policy = self.state().policy.clone();
        let desired = acceptable(file, &directory, &policy)?;
        Ok(compare(&directory, &policy, &desired))
    }

    /// Puts the file in force, all of it or nothing; new rules hold for the next decision (R8).
    ///
    /// # Errors
    /// As [`Control::plan`], or trouble.
    pub async fn apply(&self, actor: &Actor, file: &str) -> Result<Plan, Fault> {
        let plan = self.plan(actor, file).await?;
        let policy = self.state().policy.clone();
        let desired = resolve(file, &self.directory(), &policy)?;
        let directory = Box::new(desired.directory);
        let input = Input::Apply { directory, policy: desired.policy, by: Some(actor.person) };
        self.submit(input, Vec::new()).await?;
        for (account, password) in desired.passwords {
            self.store_secret(account, &password).await?;
        }
        Ok(plan)
    }

    /// Stores a target secret as the next version.
    async fn store_secret(&self, account: AccountId, password: &SecretString) -> Result<(), Fault> {
        let version = self.0.store.secret(account).await?.map_or(1, |(version, _)| version + 1);
        let sealed = self.seal(Purpose::Secret, &account.to_string(), version, password.expose_secret().as_bytes())?;
        self.note(Note::SecretStored { account, version }, vec![Row::Secret { account, version, sealed }]).await
    }
}

/// The file resolved, and found to be one that can be put in force.
fn acceptable(file: &str, old: &Directory, old_policy: &Policy) -> Result<Desired, Fault> {
    let desired = resolve(file, old, old_policy)?;
    validate::directory(&desired.directory).map_err(|f| Fault::Input(f.to_string()))?;
    validate::policy(&desired.policy, &desired.directory).map_err(|f| Fault::Input(f.to_string()))?;
    keeps_an_administrator(&desired.directory)?;
    Ok(desired)
}

fn keeps_an_administrator(directory: &Directory) -> Result<(), Fault> {
    if directory.people.keys().any(|p| directory.is_administrator(*p)) {
        return Ok(());
    }
    Err(Fault::Input("the file leaves nobody with role `administrator`; name at least one".into()))
}
