//! Changes of policy and directory: after set-up each happens under the live grant of a request for exactly that, which
//! it uses up.

use crate::ledger::{Ledger, Next, Wrong, ensure};
use countersign_journal::{Act, Change, Digest, Event, GrantId, PersonId, Policy, RequestMade, Rule, Timestamp};

/// What is in force.
#[derive(Default)]
pub(crate) struct InForce {
    pub(crate) policy_version: u64,
    pub(crate) directory_version: u64,
    policy: Policy,
    /// None before set-up.
    directory: Option<Digest>,
}

impl InForce {
    /// Whether watching a session has to be approved.
    pub(crate) fn watch_approval(&self) -> bool {
        self.policy.parameters.watch_approval
    }

    /// The rule of that name.
    pub(crate) fn rule(&self, name: &str) -> Option<&Rule> {
        self.policy.rules.iter().find(|rule| rule.name == name)
    }

    /// Whether this is what a change would put in force.
    pub(crate) fn is(&self, change: &Change) -> bool {
        Change::digest_of(self.directory.unwrap_or(Digest::ZERO), &self.policy) == change.digest
    }
}

impl Ledger {
    pub(crate) fn applied(&mut self, at: Timestamp, event: Event) -> Result<(), Wrong> {
        let (by, under) = match event {
            Event::PolicyApplied { version, policy, by, under } => {
                next_version("policy", &mut self.in_force.policy_version, version)?;
                self.in_force.policy = policy;
                (by, under)
            }
            Event::DirectoryApplied { version, digest, by, under } => {
                next_version("directory", &mut self.in_force.directory_version, version)?;
                self.in_force.directory = Some(digest);
                (by, under)
            }
            _ => return Ok(()),
        };
        match under {
            Some(grant) => self.under(at, by, grant),
            None => ensure(by.is_none() && self.requests.is_empty(), || {
                "policy or directory changed without a request, after set-up".into()
            }),
        }
    }

    fn under(&mut self, at: Timestamp, by: Option<PersonId>, grant: GrantId) -> Result<(), Wrong> {
        let made = self.covered(at, grant)?;
        ensure(matches!(made.act, Act::Administer(_)), || {
            format!("`{grant}` is not for a change and is used for one")
        })?;
        ensure(by == Some(made.person.id), || {
            format!("a change under `{grant}` names somebody else than its requester")
        })?;
        self.next = Some(Next::EndChange(grant));
        Ok(())
    }

    /// A change starts from what is in force, and never opens by itself or as an emergency.
    pub(crate) fn change_made(&self, made: &RequestMade, change: &Change) -> Result<(), Wrong> {
        let id = made.request;
        let base = (change.policy_version, change.directory_version);
        let now = (self.in_force.policy_version, self.in_force.directory_version);
        ensure(base == now, || {
            format!("`{id}` changes versions {base:?} of policy and directory, and {now:?} are in force")
        })?;
        ensure(made.automatic.is_none() && made.ruling.emergency.is_none(), || {
            format!("`{id}` is a change that could be had without its approvers")
        })
    }
}

fn next_version(what: &str, known: &mut u64, found: u64) -> Result<(), Wrong> {
    ensure(found == *known + 1, || format!("version {found} of the {what} follows version {known}"))?;
    *known = found;
    Ok(())
}
