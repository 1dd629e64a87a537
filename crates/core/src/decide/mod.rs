//! `decide`: the only function that says yes. It looks at state and directory, and answers with events or a refusal.

mod ask;
mod emergency;
mod ending;
mod lend;
mod level;
mod session;
mod vote;
mod who;

pub use lend::DELEGATION_S_MAX;
pub use level::can_escalate;
pub use who::{approvers, open_for};

use crate::digest;
use crate::directory::Directory;
use crate::input::{Answer, Decision, Input};
use crate::refusal::Refusal;
use crate::state::State;
use crate::validate;
use countersign_journal::{Event, PersonId, Policy, Timestamp};

/// Decides on one input at the moment `now`.
///
/// # Errors
/// A [`Refusal`], which is a correct no and changes nothing.
pub fn decide(state: &State, directory: &Directory, input: Input, now: Timestamp) -> Result<Decision, Refusal> {
    let world = World { state, directory, now };
    match input {
        Input::Apply { directory: new, policy, by } => applied(&world, &new, policy, by).map(done),
        Input::Ask(ask) => ask::ask(&world, ask),
        Input::Vote(vote) => vote::vote(&world, vote).map(done),
        Input::Withdraw { request, by } => ending::withdraw(&world, request, by).map(done),
        Input::Retract { request, by } => vote::retract(&world, request, by).map(done),
        Input::Revoke { request, by, reason } => ending::revoke(&world, request, by, reason).map(done),
        Input::Surrender { grant, by } => ending::surrender(&world, grant, by).map(done),
        Input::Edit { request, by, terms, reason } => ending::edit(&world, request, by, terms, reason).map(done),
        Input::Escalate { request, position, by } => level::by_hand(&world, request, position, by).map(done),
        Input::Emergency(call) => emergency::declare(&world, &call).map(done),
        Input::StopEmergency { request, by, comment } => emergency::stop(&world, request, by, comment).map(done),
        Input::Delegate { from, to, window } => lend::delegate(&world, from, to, window),
        Input::EndDelegation { delegation, by } => lend::end(&world, delegation, by).map(done),
        Input::Open { person, account, database, from, nonce } => {
            session::open(&world, person, account, database.as_deref(), from, nonce)
        }
        Input::Close { session, why, transcript, records } => {
            session::close(&world, session, why, transcript, records).map(done)
        }
        Input::Clear { grant, session, attempt } => session::clear(&world, grant, session, attempt).map(done),
        Input::Ran { grant, outcome } => session::ran(&world, grant, outcome).map(done),
        Input::Tick => Ok(done(ending::tick(&world))),
        Input::Note(note) => Ok(done(vec![Event::Noted(note)])),
    }
}

/// Puts directory and policy in force, both or neither, and ends what they no longer allow (R8).
fn applied(world: &World<'_>, new: &Directory, policy: Policy, by: Option<PersonId>) -> Result<Vec<Event>, Refusal> {
    let World { state, directory, .. } = world;
    let set_up = || directory.administrators().is_empty();
    if !by.map_or_else(set_up, |person| directory.is_administrator(person)) {
        return Err(Refusal::MayNotAdminister);
    }
    validate::directory(new).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
    validate::policy(&policy, new).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
    let mut events = Vec::new();
    if new != *directory {
        let (version, digest) = (state.directory_version + 1, digest::directory(new));
        events.push(Event::DirectoryApplied { version, digest, by });
    }
    let overruled = ending::overruled(world, &policy, new);
    if policy != state.policy {
        events.push(Event::PolicyApplied { version: state.policy_version + 1, policy, by });
    }
    events.extend(overruled);
    Ok(events)
}

/// What a decision may look at.
struct World<'a> {
    state: &'a State,
    directory: &'a Directory,
    now: Timestamp,
}

fn done(events: Vec<Event>) -> Decision {
    Decision { events, answer: Answer::Done }
}
