//! One state of a world.

use countersign_core::{Roster, Rulebook, State};
use countersign_journal::{Digest, Timestamp};
use std::collections::BTreeMap;

/// Everything that can differ from one moment of a world to the next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// When it is.
    pub now: Timestamp,
    /// What the engine knows.
    pub state: State,
    /// Who is there.
    pub directory: Roster,
    /// What was proposed, by what it is known by.
    pub proposed: BTreeMap<Digest, (Roster, Rulebook)>,
    /// The law that the last step broke.
    pub broken: Option<String>,
}
