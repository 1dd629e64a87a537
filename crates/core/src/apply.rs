//! The fold: what each event makes true. It trusts its input, because only committed events reach it.

use crate::planted::{self, Fault};
use crate::state::{
    CastVote, Declared, Delegation, Escalation, Grant, GrantKind, GrantStage, Request, Review, Session, State, Status,
    StepUse, Track,
};
use countersign_journal::{
    Act, Alert, Event, Expiry, GrantId, Note, PersonId, RequestId, RequestMade, Terms, Timestamp, Verdict,
};
use std::collections::BTreeSet;

/// Folds one event, written at `at`, into the state.
pub fn apply(state: &mut State, at: Timestamp, event: &Event) {
    fold(state, at, event);
    if let Some(request) = state.request_of(event) {
        let deadline = state.requests.get(&request).and_then(|r| match state.grant_of(r) {
            _ if r.status == Status::Pending => Some(r.deadline()),
            Some(g) if !g.has_ended() => Some(g.terms.window.end),
            _ => None,
        });
        state.deadlines.set(request, deadline);
    }
}

fn fold(state: &mut State, at: Timestamp, event: &Event) {
    match event {
        Event::PolicyApplied { version, policy, .. } => {
            state.policy_version = *version;
            state.policy = policy.clone().into();
        }
        Event::DirectoryApplied { version, .. } => state.directory_version = *version,
        Event::RequestMade(made) => request_made(state, at, made),
        Event::LevelStarted { .. }
        | Event::Escalated { .. }
        | Event::LevelBlocked { .. }
        | Event::LevelFreed { .. } => leveled(state, at, event),
        Event::Voted { .. } => voted(state, at, event),
        Event::Retracted { request, track, level, .. } => {
            if let Some(track) = track_of(state, *request, *track) {
                let keeps_later = planted::is(Fault::RetractKeepsLaterVotes);
                track.votes.retain(|v| v.level < *level || (keeps_later && v.level > *level));
            }
        }
        Event::RequestApproved { request, grant, terms } => approved(state, at, *request, *grant, *terms),
        Event::RequestDisapproved { request, .. } => {
            settle(state, at, *request, Status::Disapproved);
            said_no(state, *request, at);
        }
        Event::RequestCanceled { request } => settle(state, at, *request, Status::Canceled),
        Event::RequestExpired { request, why } => expired(state, at, *request, why),
        Event::RequestRevoked { request, by, reason } => {
            settle(state, at, *request, Status::Revoked);
            if let (Some(r), Some(reason)) = (state.requests.get_mut(request), reason) {
                r.comments.push((*by, *reason));
            }
            if state.requests.get(request).is_some_and(Request::was_emergency) {
                said_no(state, *request, at);
            }
        }
        Event::EmergencyConfirmed { .. } | Event::EmergencyStopped { .. } | Event::Reviewed { .. } => {
            emergency(state, at, event);
        }
        Event::Delegated { .. } | Event::DelegationEnded { .. } => lent(state, event),
        Event::LinkMade { person, by } => state.links.made(*person, *by),
        Event::Noted(Note::PasswordSet { person }) => state.links.opened(*person),
        Event::Noted(Note::SecretStored { account, .. }) => state.due_secrets.replaced(*account),
        Event::GrantEdited { .. } | Event::GrantEnded { .. } | Event::Noted(Note::TranscriptRead { .. }) => {
            grant_changed(state, at, event);
        }
        Event::SessionOpened { .. } => session_opened(state, at, event),
        Event::SessionClosed { .. } => session_closed(state, at, event),
        Event::Noted(Note::RecordingErased { session, .. }) => state.keeping.erased(*session),
        Event::Used { grant, session, .. } => {
            state.unreported.insert(*grant);
            if let Some(g) = state.grants.get_mut(grant) {
                g.used_in = Some(*session);
            }
        }
        Event::Ran { grant, outcome } => {
            state.unreported.remove(grant);
            if let Some(g) = state.grants.get_mut(grant) {
                g.outcome = Some(outcome.clone());
            }
        }
        Event::PlanUsed { .. } | Event::PlanRan { .. } => planned(state, at, event),
        Event::Noted(Note::Alerted { alert, told, .. }) => alerted(state, event, alert, told),
        Event::Noted(_) => {}
    }
}

/// An alert counts in its session; who is told of it may see the request from then on.
fn alerted(state: &mut State, event: &Event, alert: &Alert, told: &BTreeSet<PersonId>) {
    let request = state.request_of(event);
    if let Some(session) = state.sessions.get_mut(&alert.session) {
        session.alerts += 1;
        for person in told {
            session.told.entry(*person).or_default().extend(alert.rules.iter().cloned());
        }
    }
    if let Some(request) = request.and_then(|request| state.requests.get_mut(&request)) {
        request.alerted.extend(told);
    }
}

/// A statement of a plan: used once, then reported on.
fn planned(state: &mut State, at: Timestamp, event: &Event) {
    match event {
        Event::PlanUsed { grant, session, step, .. } => {
            state.unreported_steps.insert((*grant, *step));
            if let Some(g) = state.grants.get_mut(grant) {
                g.steps.insert(*step, StepUse { session: *session, at, outcome: None });
            }
        }
        Event::PlanRan { grant, step, outcome } => {
            state.unreported_steps.remove(&(*grant, *step));
            if let Some(used) = state.grants.get_mut(grant).and_then(|g| g.steps.get_mut(step)) {
                used.outcome = Some(outcome.clone());
            }
        }
        _ => {}
    }
}

/// An open level: who decides it, since when, and whether anybody can.
fn leveled(state: &mut State, at: Timestamp, event: &Event) {
    match event {
        Event::LevelStarted { request, track, level, epoch, approvers, followers, .. } => {
            if let Some(track) = track_of(state, *request, *track) {
                track.at = *level;
                track.epoch = *epoch;
                track.told = approvers.clone();
                (track.since, track.escalated, track.blocked) = (at, None, false);
            }
            if let Some(request) = state.requests.get_mut(request) {
                request.followers.extend(followers);
            }
        }
        Event::Escalated { request, track, epoch, to, approvers, by, .. } => {
            if let Some(track) = track_of(state, *request, *track) {
                track.epoch = *epoch;
                track.told = approvers.clone();
                (track.since, track.blocked) = (at, false);
                track.escalated = Some(Escalation { to: to.clone(), by: *by });
            }
        }
        Event::LevelBlocked { request, track, .. } => {
            if let Some(track) = track_of(state, *request, *track) {
                track.blocked = true;
            }
        }
        Event::LevelFreed { request, track, approvers, .. } => {
            if let Some(track) = track_of(state, *request, *track) {
                track.blocked = false;
                track.told = approvers.clone();
            }
        }
        _ => {}
    }
}

fn emergency(state: &mut State, at: Timestamp, event: &Event) {
    match event {
        Event::EmergencyConfirmed { request, reason, opens_at, .. } => {
            if let Some(r) = state.requests.get_mut(request) {
                r.emergency = Some(Declared { reason: *reason, at, opens_at: *opens_at, stopped_by: None });
            }
        }
        Event::EmergencyStopped { request, by, comment } => {
            if let Some(r) = state.requests.get_mut(request) {
                r.emergency.iter_mut().for_each(|e| e.stopped_by = Some(*by));
                r.comments.extend(comment.map(|c| (*by, c)));
            }
            let opens_at = state.requests.get(request).and_then(|r| r.emergency.as_ref()).map(|e| e.opens_at);
            opens_at.into_iter().for_each(|opens_at| said_no(state, *request, opens_at));
        }
        Event::Reviewed { request, verdict, .. } => {
            reviewed(state, at, event);
            if *verdict == Verdict::Reject {
                said_no(state, *request, at);
            }
        }
        _ => {}
    }
}

/// Approvers said no to what a request is for; the latest no counts.
fn said_no(state: &mut State, request: RequestId, at: Timestamp) {
    if let Some(access) = state.requests.get(&request).and_then(Request::access) {
        let last = state.noes.entry(access).or_insert(at);
        *last = at.max(*last);
    }
}

fn lent(state: &mut State, event: &Event) {
    match event {
        Event::Delegated { delegation, from, to, window } => {
            let lent = Delegation { id: *delegation, from: *from, to: *to, window: *window, ended_by: None };
            state.delegations.insert(*delegation, lent);
        }
        Event::DelegationEnded { delegation, by } => {
            state.delegations.entry(*delegation).and_modify(|d| d.ended_by = Some(*by));
        }
        _ => {}
    }
}

fn grant_changed(state: &mut State, at: Timestamp, event: &Event) {
    match event {
        Event::GrantEdited { grant, by, terms, reason } => {
            let request = state.grants.get_mut(grant).map(|g| {
                g.terms = *terms;
                g.request
            });
            if let Some(r) = request.and_then(|id| state.requests.get_mut(&id)) {
                r.comments.extend(reason.map(|c| (*by, c)));
            }
        }
        Event::Noted(Note::TranscriptRead { under: Some(grant), .. }) => {
            state.grants.entry(*grant).and_modify(|g| g.stage = GrantStage::InUse);
        }
        Event::GrantEnded { grant, how } => {
            state.unended_grants.remove(grant);
            state.exclusive.retain(|_, holder| holder != grant);
            if let Some(g) = state.grants.get_mut(grant) {
                if g.stage == GrantStage::InUse && g.terms.reset_after_use {
                    state.due_secrets.used(g.target.account, at, g.request);
                }
                g.stage = GrantStage::Ended(*how);
            }
        }
        _ => {}
    }
}

fn request_made(state: &mut State, at: Timestamp, made: &RequestMade) {
    let tracks = made.tracks.iter().map(|plan| Track {
        workflow: plan.workflow,
        levels: plan.levels.clone(),
        at: 0,
        epoch: 0,
        since: at,
        escalated: None,
        blocked: false,
        told: [].into(),
        votes: Vec::new(),
    });
    let request = Request {
        id: made.request,
        at,
        person: made.person.clone(),
        target: made.target.clone(),
        act: made.act.clone(),
        reason: made.reason,
        terms: made.terms,
        ruling: made.ruling.clone(),
        tracks: tracks.collect(),
        digest: made.digest,
        status: Status::Pending,
        settled_at: None,
        expiry: Expiry::default(),
        grant: None,
        comments: Vec::new(),
        automatic: made.automatic.is_some(),
        choice: made.choice.clone(),
        ticket: made.ticket.clone(),
        chosen: made.chosen.clone(),
        plan: made.plan.clone(),
        followers: [].into(),
        alerted: [].into(),
        emergency: None,
        reviews: Vec::new(),
    };
    state.given.requests = state.given.requests.max(request.id.0);
    state.pending.insert(request.id);
    state.requests.insert(request.id, request);
}

fn track_of(state: &mut State, request: RequestId, track: u32) -> Option<&mut Track> {
    state.requests.get_mut(&request)?.tracks.get_mut(track as usize)
}

fn voted(state: &mut State, at: Timestamp, event: &Event) {
    let Event::Voted { request, track, level, approver, behalf, verdict, terms, comment, evidence, .. } = event else {
        return;
    };
    let vote = CastVote {
        level: *level,
        approver: *approver,
        behalf: *behalf,
        verdict: *verdict,
        terms: *terms,
        comment: *comment,
        evidence: *evidence,
        at,
    };
    if let Some(track) = track_of(state, *request, *track) {
        track.votes.push(vote);
    }
    if let (Some(r), Some(comment)) = (state.requests.get_mut(request), comment) {
        r.comments.push((*approver, *comment));
    }
}

fn reviewed(state: &mut State, at: Timestamp, event: &Event) {
    let Event::Reviewed { request, track, level, approver, behalf, verdict, comment, .. } = event else { return };
    let Some(r) = state.requests.get_mut(request) else { return };
    r.reviews.push(Review {
        track: *track,
        level: *level,
        approver: *approver,
        behalf: *behalf,
        verdict: *verdict,
        comment: *comment,
        at,
    });
    r.comments.extend(comment.map(|c| (*approver, c)));
}

fn approved(state: &mut State, at: Timestamp, id: RequestId, grant: GrantId, terms: Terms) {
    settle(state, at, id, Status::Approved);
    let Some(request) = state.requests.get_mut(&id) else { return };
    request.grant = Some(grant);
    for track in &mut request.tracks {
        track.at = u32::try_from(track.levels.len()).unwrap_or(u32::MAX);
    }
    let kind = match &request.act {
        Act::Connect => GrantKind::Connect,
        Act::Run(run) => {
            GrantKind::Once { attempt: run.attempt, under: run.grant, session: run.same_session.then_some(run.session) }
        }
        Act::Administer(change) => GrantKind::Change { digest: change.digest },
        Act::Watch(watch) => GrantKind::Watch { session: watch.session, typed: watch.typed },
    };
    let granted = Grant {
        id: grant,
        request: id,
        person: request.person.id,
        target: request.target.clone(),
        exclusive: kind == GrantKind::Connect && request.ruling.conditions.exclusive,
        kind,
        terms,
        signed: terms,
        stage: GrantStage::ToBeUsed,
        used_in: None,
        outcome: None,
        sessions: Vec::new(),
        steps: [].into(),
    };
    state.given.grants = state.given.grants.max(grant.0);
    state.unended_grants.insert(grant);
    state.grants.insert(grant, granted);
}

fn expired(state: &mut State, at: Timestamp, request: RequestId, why: &Expiry) {
    settle(state, at, request, Status::Expired);
    if let Some(r) = state.requests.get_mut(&request) {
        r.expiry = why.clone();
    }
}

fn settle(state: &mut State, at: Timestamp, request: RequestId, status: Status) {
    state.pending.remove(&request);
    if let Some(r) = state.requests.get_mut(&request) {
        r.status = status;
        r.settled_at = Some(at);
    }
}

fn session_opened(state: &mut State, at: Timestamp, event: &Event) {
    let Event::SessionOpened { session, grant, from, .. } = event else { return };
    let Some(granted) = state.grants.get_mut(grant) else { return };
    granted.stage = GrantStage::InUse;
    if granted.exclusive {
        state.exclusive.insert(granted.target.account, *grant);
    }
    let person: PersonId = granted.person;
    granted.sessions.push(*session);
    state.given.sessions = state.given.sessions.max(session.0);
    state.open_sessions.insert(*session);
    state.sessions.insert(
        *session,
        Session {
            id: *session,
            grant: *grant,
            person,
            from: from.clone(),
            opened_at: at,
            closed: None,
            transcript: None,
            records: 0,
            alerts: 0,
            told: [].into(),
        },
    );
}

fn session_closed(state: &mut State, at: Timestamp, event: &Event) {
    let Event::SessionClosed { session, why, transcript, records } = event else { return };
    state.open_sessions.remove(session);
    let Some(closed) = state.sessions.get_mut(session) else { return };
    closed.closed = Some((at, *why));
    closed.transcript = *transcript;
    closed.records = *records;
    let request = state.grants.get(&closed.grant).and_then(|g| state.requests.get(&g.request));
    let kept = request.and_then(|r| Some((r.id, r.ruling.conditions.recording_kept_days?)));
    if let Some((request, kept_days)) = kept {
        state.keeping.closed(at, *session, request, kept_days);
    }
}
