//! The invariants of DESIGN §10, as far as the engine's state can show them, for simulation and for run time.

use crate::directory::Directory;
use crate::state::{GrantKind, GrantStage, Request, State, Status};
use countersign_journal::{Timestamp, Verdict};
use std::collections::BTreeSet;

/// An invariant that does not hold, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invariant {number} is broken: {what}")]
pub struct Broken {
    /// The number in DESIGN §10.
    pub number: u8,
    /// What was found.
    pub what: String,
}

/// Checks a state against itself.
///
/// # Errors
/// The first invariant found broken.
pub fn check(state: &State, directory: &Directory, now: Timestamp) -> Result<(), Broken> {
    state.requests.values().try_for_each(|r| votes(r).and_then(|()| approvals(state, r)))?;
    state.open_sessions.iter().filter_map(|id| state.sessions.get(id)).try_for_each(|s| {
        let grant = state.grants.get(&s.grant).ok_or_else(|| broken(1, format!("{} has no grant", s.id)))?;
        let ended = grant.has_ended();
        // Between the end of a grant and the gateway's word that it cut, a session is open under an ended grant.
        ensure(grant.kind == GrantKind::Connect && (ended || grant.stage == GrantStage::InUse), 1, || {
            format!("{} is open under {} which is not in use", s.id, grant.id)
        })
    })?;
    for (account, holder) in &state.exclusive {
        let holds = state.grants.get(holder).is_some_and(|g| g.exclusive && g.stage == GrantStage::InUse);
        ensure(holds, 8, || format!("{account} is held by {holder} which is not in use"))?;
    }
    for id in &state.unended_grants {
        let person = state.grants.get(id).map(|g| g.person);
        ensure(person.is_some_and(|p| directory.enabled(p).is_some()), 1, || {
            format!("{id} belongs to nobody enabled")
        })?;
    }
    for id in &state.pending {
        let has_deadline = state.requests.get(id).is_some_and(|r| r.terms.window.end < Timestamp::MAX);
        ensure(has_deadline, 12, || format!("request {id} at {now:?} waits for ever"))?;
    }
    Ok(())
}

fn broken(number: u8, what: String) -> Broken {
    Broken { number, what }
}

fn ensure(holds: bool, number: u8, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken(number, what())) }
}

/// Invariant 3: nobody's own vote counts, and nobody counts twice.
fn votes(request: &Request) -> Result<(), Broken> {
    let mut counted = BTreeSet::new();
    for person in request.counted() {
        ensure(person != request.person.id, 3, || format!("the requester decided request {}", request.id))?;
        ensure(counted.insert(person), 3, || format!("{person} counts twice on {}", request.id))?;
    }
    Ok(())
}

/// Invariants 1, 2, 4, 6: an approved request has every level passed by enough approvals, unless its rules approved it by
/// themselves or an emergency opened it; and its grant is its own.
fn approvals(state: &State, request: &Request) -> Result<(), Broken> {
    let Some(grant) = state.grant_of(request) else {
        let may_lack = !matches!(request.status, Status::Approved | Status::Revoked);
        return ensure(may_lack, 1, || format!("request {} is approved without a grant", request.id));
    };
    let decided = !request.automatic && !request.was_emergency();
    for track in request.tracks.iter().filter(|_| decided) {
        for (n, level) in (0..).zip(&track.levels) {
            let found = track.votes_on(n, Verdict::Approve).count();
            ensure(found >= level.approvals.max(1) as usize, 2, || {
                format!("request {} was approved with {found} of {} on level {n}", request.id, level.approvals)
            })?;
            let signed = track.votes_on(n, Verdict::Approve).all(|v| grant.terms.within(&v.terms));
            ensure(signed, 6, || format!("{} is wider than what was signed", grant.id))?;
        }
    }
    ensure(grant.terms.within(&grant.signed), 6, || format!("{} is wider than what was signed", grant.id))?;
    let same = grant.person == request.person.id && grant.target == request.target && grant.request == request.id;
    ensure(same, 6, || format!("{} is not what request {} asked for", grant.id, request.id))
}
