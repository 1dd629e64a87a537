//! What must hold, said once more and otherwise than the engine says it (DESIGN §10; the numbers are those).

use countersign_core::{Grant, GrantKind, Input, Request, State, Status, invariant, wake_at};
use countersign_journal::{Act, Authority, Event, Evidence, Note, PersonId, RunOutcome, SessionId, Verdict};
use std::collections::BTreeSet;

use crate::Node;

/// Judges one step: what was, what was said, what the engine made of it, and what is.
///
/// # Errors
/// The law that was broken.
pub fn judge(before: &Node, input: &Input, events: &[Event], after: &Node) -> Result<(), String> {
    invariant::check(&after.state, &after.directory, after.now).map_err(|broken| broken.to_string())?;
    for event in events {
        happened(before, event, after)?;
        outside(event, after)?;
    }
    after.state.requests.values().try_for_each(|r| request(r, &after.state))?;
    finals(&before.state, &after.state)?;
    if matches!(input, Input::Tick) {
        over(after)?;
    }
    waits(after)
}

fn ensure(holds: bool, law: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(law()) }
}

/// 1, 6, 8: what starts is covered at that moment, by nobody else's exclusive use, and once.
fn happened(before: &Node, event: &Event, after: &Node) -> Result<(), String> {
    match event {
        Event::SessionOpened { session, grant, .. } => {
            let granted = after.state.grants.get(grant).ok_or("1: a session without a grant")?;
            let enabled = after.directory.people.get(&granted.person).is_some_and(|p| p.enabled);
            let inside = granted.terms.window.start <= after.now && after.now < granted.terms.window.end;
            ensure(enabled && inside, || format!("1: {session} opens outside what was granted"))?;
            let others = after.state.open_sessions.iter().filter_map(|s| after.state.sessions.get(s));
            let mut disturbed = others.filter_map(|s| after.state.grants.get(&s.grant)).filter(|g| {
                g.id != *grant && g.target.account == granted.target.account && (g.exclusive || granted.exclusive)
            });
            ensure(disturbed.next().is_none(), || format!("8: {session} opens on an account in exclusive use"))
        }
        Event::Used { grant, attempt, .. } => {
            let once = before.state.grants.get(grant).ok_or("6: a use without a grant")?;
            let request = before.state.requests.get(&once.request).ok_or("6: a grant without a request")?;
            let same = matches!(&request.act, Act::Run(run) if run.attempt == *attempt);
            ensure(once.used_in.is_none() && same, || format!("6: {grant} is used again, or for something else"))
        }
        Event::PlanUsed { grant, session, step, sql, .. } => {
            let granted = before.state.grants.get(grant).ok_or("6: a planned use without a grant")?;
            let plan = before.state.requests.get(&granted.request).and_then(|r| r.plan.as_ref());
            let steps = &plan.ok_or("6: a planned use without a plan")?.steps;
            let same = steps.get(*step as usize).is_some_and(|s| s.sql == *sql);
            let done =
                |n| granted.steps.get(&n).is_some_and(|u| matches!(u.outcome, Some(RunOutcome::Completed { .. })));
            let in_order = (0..*step).all(done) && granted.steps.values().all(|u| u.session == *session);
            let once = !granted.steps.contains_key(step);
            ensure(same && in_order && once, || format!("6: step {step} under {grant} is not the next of the plan"))?;
            let live = !granted.has_ended() && after.now < granted.terms.window.end;
            ensure(live, || format!("1: step {step} runs under {grant}, which is over"))
        }
        Event::Noted(Note::TranscriptRead { session, by, under, .. }) => {
            let granted = under.and_then(|id| before.state.grants.get(&id));
            watched(before, *session, *by, granted, after)
        }
        Event::Retracted { request, track, level, .. } => {
            let tracks = after.state.requests.get(request).map(|r| &r.tracks);
            let track = tracks.and_then(|t| t.get(*track as usize)).ok_or("4: a retract on no track")?;
            let kept = track.votes.iter().any(|v| v.level >= *level);
            ensure(!kept, || format!("4: votes on {request} that were taken back, or came after, still stand"))
        }
        Event::PolicyApplied { under, .. } | Event::DirectoryApplied { under, .. } => {
            let grant = under.and_then(|id| before.state.grants.get(&id));
            let live = grant.is_some_and(|g| !g.has_ended());
            ensure(live, || "1: the configuration changed without a grant".into())
        }
        _ => Ok(()),
    }
}

/// 1, 6: where watching has to be approved it was, for this session and this person, and at this moment.
fn watched(before: &Node, session: SessionId, by: PersonId, under: Option<&Grant>, after: &Node) -> Result<(), String> {
    if !before.state.policy.parameters.watch_approval {
        return ensure(under.is_none(), || format!("1: {by} watches {session} under what nothing demands"));
    }
    let granted = under.ok_or_else(|| format!("1: {by} watches {session} and nobody approved it"))?;
    let same =
        matches!(granted.kind, GrantKind::Watch { session: watched, .. } if watched == session) && granted.person == by;
    ensure(same, || format!("6: {by} watches {session} by an approval for something else"))?;
    let request = before.state.requests.get(&granted.request);
    let decided = request.is_some_and(|r| r.tracks.iter().any(|t| !t.votes.is_empty()));
    ensure(decided, || format!("1: {by} watches {session} by what nobody approved"))?;
    let window = granted.terms.window;
    let live = !granted.has_ended() && window.start <= after.now && after.now < window.end;
    ensure(live, || format!("1: {by} watches {session} outside what was approved"))
}

/// 3, 13: a contact decides by link where they are named, and does nothing else; nobody else decides by link.
fn outside(event: &Event, after: &Node) -> Result<(), String> {
    let contact = |id: &PersonId| after.directory.contacts.get(id);
    match event {
        Event::Voted { approver, evidence, authority, .. } | Event::Reviewed { approver, evidence, authority, .. } => {
            let named = matches!(authority, Authority::Contacts(named) if named.contains(approver));
            let fits = (named, contact(approver).is_some_and(|c| c.enabled)) == (true, true);
            let by_link = *evidence == Evidence::Link;
            ensure(fits == by_link && contact(approver).is_some() == by_link, || {
                format!("13: {approver} decides by {evidence:?}")
            })
        }
        Event::Retracted { by, .. } | Event::EmergencyStopped { by, .. } | Event::GrantEdited { by, .. } => {
            ensure(contact(by).is_none(), || format!("3: the contact {by} does more than decide"))
        }
        _ => Ok(()),
    }
}

/// 2, 3: nobody's own vote, nobody twice, nobody for a requester who could be them; and an approval has its votes.
fn request(request: &Request, state: &State) -> Result<(), String> {
    let (id, requester) = (request.id, request.person.id);
    let mut voters: BTreeSet<PersonId> = BTreeSet::new();
    for vote in request.tracks.iter().flat_map(|t| &t.votes) {
        let own = vote.approver == requester || vote.behalf == Some(requester);
        ensure(!own, || format!("3: {requester} decides their own {id}"))?;
        let twice = !voters.insert(vote.approver) || vote.behalf.is_some_and(|p| !voters.insert(p));
        ensure(!twice, || format!("3: somebody counts twice on {id}"))?;
    }
    let skipped = request.automatic || request.was_emergency() || state.grant_of(request).is_none();
    for track in request.tracks.iter().filter(|_| !skipped) {
        for (n, level) in (0u32..).zip(&track.levels) {
            let on = |verdict| track.votes_on(n, verdict).count() as u32;
            ensure(on(Verdict::Approve) >= level.approvals.max(1), || format!("2: {id} lacks approvals on level {n}"))?;
            ensure(on(Verdict::Reject) < level.rejections.max(1), || format!("2: {id} was rejected on level {n}"))?;
        }
    }
    Ok(())
}

/// 5, 11: levels never change; what is over stays over.
fn finals(before: &State, after: &State) -> Result<(), String> {
    for (id, old) in &before.requests {
        let new = after.requests.get(id).ok_or_else(|| format!("10: {id} is gone"))?;
        let levels = |r: &Request| r.tracks.iter().map(|t| t.levels.clone()).collect::<Vec<_>>();
        ensure(levels(old) == levels(new), || format!("5: the levels of {id} changed"))?;
        let allowed = match old.status {
            Status::Pending => true,
            Status::Approved => matches!(new.status, Status::Approved | Status::Revoked | Status::Canceled),
            last => new.status == last,
        };
        ensure(allowed, || format!("11: {id} was {:?} and is {:?}", old.status, new.status))?;
    }
    for (id, old) in &before.grants {
        let same = old.has_ended() && after.grants.get(id).is_none_or(|new| new.stage != old.stage);
        ensure(!same, || format!("11: {id} was over and is not"))?;
    }
    Ok(())
}

/// 7: once the engine was told what time it is, nothing is left that is past its end.
fn over(after: &Node) -> Result<(), String> {
    let pending = after.state.waiting().find(|r| r.terms.window.end <= after.now);
    ensure(pending.is_none(), || "7: a request waits past its window".into())?;
    let granted = after.state.unended().find(|g| g.terms.window.end <= after.now);
    ensure(granted.is_none(), || "7: a grant lives past its window".into())
}

/// 12: whatever waits has a moment at which the engine wakes.
fn waits(after: &Node) -> Result<(), String> {
    let wakes = wake_at(&after.state);
    let asleep = after.state.waiting().find(|r| wakes.is_none_or(|at| at > r.terms.window.end));
    ensure(asleep.is_none(), || "12: a request waits and nothing wakes the engine at its end".into())
}
