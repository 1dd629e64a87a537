//! What another policy and directory would have demanded of requests that were made (R93), by the function that decides.

use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::ruling::{Asked, Ruling, rule};
use crate::state::Request;
use countersign_journal::RequestId;

/// A request that would be ruled on otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Which.
    pub request: RequestId,
    /// What is demanded of it as things are; none when its person or target is gone.
    pub before: Option<Ruling>,
    /// What would be.
    pub after: Option<Ruling>,
}

/// A policy and the directory it is asked with.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The rules.
    pub policy: &'a Rulebook,
    /// The people and targets.
    pub directory: &'a Roster,
}

/// Those of the requests that would be ruled on otherwise on other ground.
pub fn what_if<'r>(requests: impl IntoIterator<Item = &'r Request>, now: Ground<'_>, then: Ground<'_>) -> Vec<Changed> {
    let changed = |r: &Request| {
        let (before, after) = (ruled(r, now), ruled(r, then));
        let other = demands(before.as_ref()) != demands(after.as_ref());
        other.then_some(Changed { request: r.id, before, after })
    };
    requests.into_iter().filter_map(changed).collect()
}

/// Everything a ruling demands, whichever rules it comes from.
fn demands(ruling: Option<&Ruling>) -> Option<Ruling> {
    ruling.map(|r| Ruling { reasons: Vec::new(), ..r.clone() })
}

fn ruled(request: &Request, Ground { policy, directory }: Ground<'_>) -> Option<Ruling> {
    let person = directory.person_facts(request.person.id)?;
    let target = request.target_now(directory)?;
    Some(rule(policy, &person, &target, Asked::from(&request.act)))
}
