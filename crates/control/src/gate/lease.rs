//! How long a session may still last, for those in it to be told.

use super::Gate;
use crate::control::Control;
use countersign_journal::GrantId;
use std::time::Duration;

/// What a session rests on, as it is at each moment: its end may be moved meanwhile.
#[derive(Clone)]
pub struct Lease {
    control: Control,
    grant: GrantId,
}

impl Gate {
    /// What this session rests on.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease { control: self.control.clone(), grant: self.grant }
    }
}

impl Lease {
    /// How long it still lasts; nothing once it is over.
    #[must_use]
    pub fn left(&self) -> Duration {
        let end = self.control.state().grants.get(&self.grant).map(|grant| grant.terms.window.end);
        end.map_or(Duration::ZERO, |end| Duration::from_secs(end.seconds_since(self.control.now())))
    }
}
