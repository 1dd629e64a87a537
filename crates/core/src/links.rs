//! Who could be acting as somebody else: whoever makes a one-time link to a password can open it themselves. Two behind whom
//! the same person may stand decide nothing for each other (R38).
//!
//! A link makes suspect from the moment it is made; only opening the next one, made by somebody else, clears, because
//! until then the password is the one that was set by the link before. Making a link voids those made before it.

use countersign_journal::PersonId;
use std::collections::{BTreeMap, BTreeSet};

/// Every link that could have replaced a password.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Links(BTreeMap<PersonId, Behind>);

/// Who may stand behind one person.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Behind {
    /// By the link with which the password was set.
    now: BTreeSet<PersonId>,
    /// By the link that was made since and is not opened yet.
    by_link: Option<BTreeSet<PersonId>>,
}

impl Links {
    /// Everyone who could be acting as this person, themselves included.
    fn behind(&self, person: PersonId) -> BTreeSet<PersonId> {
        let known = self.0.get(&person);
        let others = known.into_iter().flat_map(|b| b.now.iter().chain(b.by_link.iter().flatten()));
        others.copied().chain([person]).collect()
    }

    /// Whether two may be one: either could be acting as the other, or somebody as both.
    #[must_use]
    pub fn may_be_one(&self, a: PersonId, b: PersonId) -> bool {
        !self.behind(a).is_disjoint(&self.behind(b))
    }

    /// `by` makes a link for `person`: they could open it, and so could whoever may stand behind them. The operator of the
    /// server, who could be anybody, makes nobody suspect.
    pub(crate) fn made(&mut self, person: PersonId, by: PersonId) {
        let behind = if by == PersonId::OPERATOR { BTreeSet::new() } else { self.behind(by) };
        self.0.entry(person).or_default().by_link = Some(behind);
    }

    /// The last link made for `person` is opened, and sets the password.
    pub(crate) fn opened(&mut self, person: PersonId) {
        if let Some(known) = self.0.get_mut(&person)
            && let Some(behind) = known.by_link.take()
        {
            known.now = behind;
        }
    }

    /// Whether no link was made yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a link waits to be opened by this person.
    #[must_use]
    pub fn waits(&self, person: PersonId) -> bool {
        self.0.get(&person).is_some_and(|known| known.by_link.is_some())
    }
}
