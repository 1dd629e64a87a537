//! `decide`: the only function that says yes. It looks at state and directory, and answers with events or a refusal.

mod administer;
mod alert;
mod ask;
mod emergency;
mod ending;
mod lend;
mod level;
mod plan;
mod session;
mod vote;
mod watch;
mod who;

pub use administer::{gives_roles, may_change, stays_changeable};
pub use ask::{PENDING_MAX, PENDING_PLANS_MAX, is_ticket};
pub use lend::DELEGATION_S_MAX;
pub use level::can_escalate;
pub use plan::covered;
pub use session::DIRECT_ACCESS_S;
pub use watch::{may_watch, right_to_watch};
pub use who::{approvers, open_at, open_for};

use crate::input::{Answer, Decision, Input};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::state::State;
use countersign_journal::{Event, Note, Timestamp};

/// Decides on one input at the moment `now`.
///
/// # Errors
/// A [`Refusal`], which is a correct no and changes nothing.
pub fn decide(state: &State, directory: &Roster, input: Input, now: Timestamp) -> Result<Decision, Refusal> {
    let world = World { state, directory, now };
    match input {
        Input::Apply { directory: new, policy, under, secrets } => {
            administer::put_in_force(&world, &new, &policy, under, &secrets).map(done)
        }
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
        Input::MakeLink { person, by } => Ok(done(who::link_made(&world, person, by))),
        Input::Open { person, account, database, from, nonce } => {
            session::open(&world, person, account, database.as_deref(), from, nonce)
        }
        Input::Close { session, why, transcript, records } => {
            session::close(&world, session, why, transcript, records).map(done)
        }
        Input::Clear { grant, session, attempt } => session::clear(&world, grant, session, attempt).map(done),
        Input::Watch { watch, by, export } => watch::watched(&world, watch, by, export).map(done),
        Input::Alert(alert) => alert::alerted(&world, alert),
        Input::Planned(planned) => plan::clear(&world, planned),
        Input::Ran { grant, step, outcome } => session::ran(&world, grant, step, outcome).map(done),
        Input::Tick => Ok(done(ending::tick(&world))),
        Input::Erase { until } => Ok(done(state.keeping.due(until.min(now)).map(Event::Noted).collect())),
        Input::Note(Note::PasswordSet { person }) => Ok(done(who::password_set(&world, person))),
        Input::Note(note) => Ok(done(vec![Event::Noted(note)])),
    }
}

/// What a decision may look at.
struct World<'a> {
    state: &'a State,
    directory: &'a Roster,
    now: Timestamp,
}

fn done(events: Vec<Event>) -> Decision {
    Decision { events, answer: Answer::Done }
}
