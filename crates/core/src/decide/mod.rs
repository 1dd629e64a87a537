//! `decide`: the only function that says yes. It looks at state and directory, and answers with events or a refusal.

mod ask;
mod ending;
mod session;
mod vote;

use crate::digest;
use crate::directory::Directory;
use crate::input::{Answer, Decision, Input};
use crate::refusal::Refusal;
use crate::state::State;
use crate::validate;
use countersign_journal::{Event, Timestamp};

/// Decides on one input at the moment `now`.
///
/// # Errors
/// A [`Refusal`], which is a correct no and changes nothing.
pub fn decide(state: &State, directory: &Directory, input: Input, now: Timestamp) -> Result<Decision, Refusal> {
    let world = World { state, directory, now };
    match input {
        Input::Apply { directory: new, policy, by } => {
            validate::policy(&policy, &new).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
            let digest = digest::directory(&new);
            let mut events = Vec::new();
            if *new != *directory {
                events.push(Event::DirectoryApplied { version: state.directory_version + 1, digest, by });
            }
            if policy != state.policy {
                let version = state.policy_version + 1;
                events.push(Event::PolicyApplied { version, policy: policy.clone(), by });
            }
            events.extend(ending::overruled(&world, &policy, &new));
            Ok(done(events))
        }
        Input::ApplyPolicy { policy, by } => {
            validate::policy(&policy, directory).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
            let mut events = vec![Event::PolicyApplied { version: state.policy_version + 1, policy: policy.clone(), by }];
            events.extend(ending::overruled(&world, &policy, directory));
            Ok(done(events))
        }
        Input::ApplyDirectory { directory: new, by } => {
            validate::policy(&state.policy, &new).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
            let digest = digest::directory(&new);
            let mut events = vec![Event::DirectoryApplied { version: state.directory_version + 1, digest, by }];
            events.extend(ending::overruled(&world, &state.policy, &new));
            Ok(done(events))
        }
        Input::Ask(ask) => ask::ask(&world, ask),
        Input::Vote(vote) => vote::vote(&world, vote).map(done),
        Input::Withdraw { request, by } => ending::withdraw(&world, request, by).map(done),
        Input::Retract { request, by } => vote::retract(&world, request, by).map(done),
        Input::Revoke { request, by, reason } => ending::revoke(&world, request, by, reason).map(done),
        Input::Surrender { grant, by } => ending::surrender(&world, grant, by).map(done),
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

/// What a decision may look at.
struct World<'a> {
    state: &'a State,
    directory: &'a Directory,
    now: Timestamp,
}

fn done(events: Vec<Event>) -> Decision {
    Decision { events, answer: Answer::Done }
}
