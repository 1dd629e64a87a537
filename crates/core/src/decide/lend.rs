//! Delegation (R42): a person lends the right to decide for a period. It is used as the lender's one vote, never lent on,
//! and never lifts the ban on deciding one's own request.

use super::World;
use crate::input::{Answer, Decision};
use crate::permission::Permission;
use crate::refusal::Refusal;
use countersign_journal::{DelegationId, Event, PersonId, Seconds, Window};

/// Longest period a right may be lent for: a quarter, so that forgotten ones end.
pub const DELEGATION_S_MAX: Seconds = 92 * 86_400;

pub(super) fn delegate(world: &World<'_>, from: PersonId, to: PersonId, window: Window) -> Result<Decision, Refusal> {
    let there = |p| world.directory.enabled(p).map(|_| ()).ok_or(Refusal::NobodyThere);
    there(from)?;
    there(to)?;
    if from == to {
        return Err(Refusal::LentToOneself);
    }
    let window = Window::new(window.start.max(world.now), window.end).ok_or(Refusal::NoPeriod)?;
    let ahead = window.end.seconds_since(world.now);
    if ahead > DELEGATION_S_MAX {
        return Err(Refusal::TooLong { most: DELEGATION_S_MAX, asked: ahead });
    }
    let delegation = world.state.next_delegation();
    let events = vec![Event::Delegated { delegation, from, to, window }];
    Ok(Decision { events, answer: Answer::Delegation(delegation) })
}

/// The lender takes it back, the borrower gives it back, or an administrator ends it.
pub(super) fn end(world: &World<'_>, delegation: DelegationId, by: PersonId) -> Result<Vec<Event>, Refusal> {
    let known = world.state.delegations.get(&delegation).ok_or(Refusal::NoSuchDelegation(delegation))?;
    world.directory.enabled(by).ok_or(Refusal::NobodyThere)?;
    if by != known.from && by != known.to && !world.directory.may(by, Permission::ManageRequests) {
        return Err(Refusal::NoSuchDelegation(delegation));
    }
    let over = known.ended_by.is_some() || world.now >= known.window.end;
    if over { Err(Refusal::DelegationOver) } else { Ok(vec![Event::DelegationEnded { delegation, by }]) }
}
