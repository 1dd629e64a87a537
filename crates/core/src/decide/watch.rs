//! Watching a session (R71–R74), live or later: its transcript, its recordings, their search and their export. Where the
//! parameter says so, each viewing needs a grant for this session, and there is nobody whom it does not bind: not
//! administrators, not who decides it for others, not whose session it is. To see what was typed needs a grant for just that,
//! whatever the parameter says.

use super::World;
use super::ask::{Wanted, check_period};
use crate::directory::Directory;
use crate::input::Export;
use crate::permission::Permission;
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::ruling::{Asked, rule};
use crate::state::{GrantKind, State, remaining};
use countersign_journal::{
    Act, Event, Exported, GrantId, Note, PersonFacts, PersonId, TargetFacts, Terms, Timestamp, Watch, Window,
};

/// Whether somebody may watch a session at all: their own, or with the permission those of others.
#[must_use]
pub fn may_watch(directory: &Directory, by: PersonId, whose: PersonId) -> bool {
    directory.enabled(by).is_some() && (by == whose || directory.may(by, Permission::ReadTranscripts))
}

/// Watching a session as a request.
pub(super) fn wanted(
    world: &World<'_>,
    person: &PersonFacts,
    watch: Watch,
    target: &TargetFacts,
    window: &Window,
) -> Result<Wanted, Refusal> {
    there(world, watch, person.id)?;
    let ruling = rule(&world.state.policy, person, target, Asked::Watch { typed: watch.typed });
    let window = remaining(window, world.now).ok_or(Refusal::NoPeriod)?;
    check_period(world, &window, &ruling.conditions)?;
    Ok(Wanted { target: target.clone(), act: Act::Watch(watch), terms: Terms::in_window(window), ruling, plan: None })
}

/// One viewing, or one export, which takes the same right: the word for the audit, without which nothing is told.
pub(super) fn watched(
    world: &World<'_>,
    watch: Watch,
    by: PersonId,
    export: Option<Export>,
) -> Result<Vec<Event>, Refusal> {
    let under = right(world, watch, by)?;
    let exported = export.map(|export| may_leave(watch, export)).transpose()?;
    let Watch { session, typed, .. } = watch;
    Ok(vec![Event::Noted(Note::TranscriptRead { session, by, under, typed, exported })])
}

/// What no rule keeps from it leaves as a file, and what was typed never does.
fn may_leave(watch: Watch, export: Export) -> Result<Exported, Refusal> {
    let forbidden = watch.typed || !export.forbidden_by.is_empty();
    if forbidden && !planted::is(Fault::ExportNotAsked) {
        return Err(Refusal::ExportForbidden { rules: export.forbidden_by.into_iter().collect() });
    }
    Ok(export.what)
}

/// The right by which somebody may watch a session at `now`: a grant where that has to be approved, else none. The same
/// answer as the decision's, for who watches live and goes on.
///
/// # Errors
/// The refusal that a viewing would get.
pub fn right_to_watch(
    state: &State,
    directory: &Roster,
    now: Timestamp,
    watch: Watch,
    by: PersonId,
) -> Result<Option<GrantId>, Refusal> {
    right(&World { state, directory, now }, watch, by)
}

fn right(world: &World<'_>, watch: Watch, by: PersonId) -> Result<Option<GrantId>, Refusal> {
    there(world, watch, by)?;
    let demanded = world.state.policy.parameters.watch_approval && !planted::is(Fault::WatchNotAsked);
    let typed = watch.typed && !planted::is(Fault::TypedNotAsked);
    if !demanded && !typed {
        return Ok(None);
    }
    let refusal = if watch.typed { Refusal::TypedNeedsRequest } else { Refusal::WatchNeedsRequest };
    granted(world, watch, by).map(Some).ok_or_else(|| refusal(watch.session))
}

fn there(world: &World<'_>, watch: Watch, by: PersonId) -> Result<(), Refusal> {
    let opened = (1..=world.state.given.sessions).contains(&watch.session.0);
    if opened && may_watch(world.directory, by, watch.whose) { Ok(()) } else { Err(Refusal::NothingToWatch) }
}

/// By a grant to see what was typed its holder watches as well; by no other is that seen.
fn granted(world: &World<'_>, watch: Watch, by: PersonId) -> Option<GrantId> {
    let covers = |kind: &GrantKind| match *kind {
        GrantKind::Watch { session, typed } => session == watch.session && (typed || !watch.typed),
        _ => false,
    };
    let mut live = world.state.unended().filter(|g| g.person == by && g.is_live(world.now));
    live.find(|g| covers(&g.kind)).map(|g| g.id)
}
