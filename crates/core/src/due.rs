//! Which stored secrets are due for change (R50): an account was used under terms that say so, the use is over, and nothing
//! else was stored for it since.

use countersign_journal::{AccountId, RequestId, Timestamp};
use std::collections::BTreeMap;

/// The accounts whose secrets are due, and since which use.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DueSecrets(BTreeMap<AccountId, DueSecret>);

/// Why a secret is due.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DueSecret {
    /// When the first use ended that made it so.
    pub since: Timestamp,
    /// The request it was used under.
    pub after: RequestId,
}

impl DueSecrets {
    /// A use is over after which the secret is to be changed.
    pub(crate) fn used(&mut self, account: AccountId, since: Timestamp, after: RequestId) {
        self.0.entry(account).or_insert(DueSecret { since, after });
    }

    /// Another secret is stored.
    pub(crate) fn replaced(&mut self, account: AccountId) {
        self.0.remove(&account);
    }

    /// Whether an account's secret is due, and why.
    #[must_use]
    pub fn of(&self, account: AccountId) -> Option<DueSecret> {
        self.0.get(&account).copied()
    }
}
