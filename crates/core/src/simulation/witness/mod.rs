//! A witness reads every event as it is committed and judges it from what came before, with a memory and logic of
//! its own. It trusts neither `decide` nor the fold; the numbers are those of DESIGN §10.

mod plan;
mod special;
mod watch;

use super::naive;
use crate::invariant::Broken;
use crate::{Directory, Effect, Rulebook, State, Status};
use countersign_journal::{
    Act, Attempt, Authority, DelegationId, Event, Evidence, GrantId, Note, Outcome, PersonId, RequestId, RequestMade,
    RulingRecord, SessionId, Terms, Timestamp, TrackPlan, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything seen so far.
#[derive(Default)]
pub(super) struct Witness {
    policy: Rulebook,
    /// Versions of policy and directory.
    versions: (u64, u64),
    /// A change that is being put in force, and must be used up by it.
    applying: Option<GrantId>,
    requests: BTreeMap<RequestId, Seen>,
    grants: BTreeMap<GrantId, SeenGrant>,
    sessions: BTreeMap<SessionId, SeenSession>,
    delegations: BTreeMap<DelegationId, Lent>,
    /// Who made the last link to whose password.
    /// Pairs of whom somebody could have become, and who.
    links: BTreeSet<(PersonId, PersonId)>,
    /// The same by a link that is not opened yet.
    unopened: BTreeSet<(PersonId, PersonId)>,
    /// Who has such a link.
    awaited: BTreeSet<PersonId>,
}

struct Seen {
    made: RequestMade,
    status: Status,
    settled_at: Option<Timestamp>,
    tracks: Vec<SeenTrack>,
    emergency: Option<SeenEmergency>,
    /// Whether access was opened by the emergency, before every level had its approvals.
    opened_early: bool,
    reviews: Vec<(u32, Ballot)>,
    /// When a review last rejected its emergency.
    rejected_at: Option<Timestamp>,
    grant: Option<GrantId>,
}

struct SeenEmergency {
    opens_at: Timestamp,
    stopped: bool,
}

/// A right to decide as it was lent.
struct Lent {
    from: PersonId,
    to: PersonId,
    start: Timestamp,
    end: Timestamp,
    ended: bool,
}

#[derive(Default)]
struct SeenTrack {
    open: Option<u32>,
    epoch: u32,
    /// Levels started, and in which epoch: each pair at most once.
    started: BTreeSet<(u32, u32)>,
    ballots: Vec<Ballot>,
    /// Set between a retract and the start of the level it reopens.
    reopens: Option<(u32, u32)>,
    since: Timestamp,
    escalated: Option<(Authority, Option<PersonId>)>,
    blocked: bool,
}

#[derive(Clone, Copy)]
struct Ballot {
    level: u32,
    person: PersonId,
    behalf: Option<PersonId>,
    verdict: Verdict,
    terms: Terms,
}

struct SeenGrant {
    request: RequestId,
    terms: Terms,
    /// The widest terms it may be edited to.
    signed: Terms,
    opened: bool,
    uses: u32,
    reports: u32,
    /// Statements of its plan that were used.
    steps: BTreeMap<u32, plan::Step>,
    ended: bool,
}

struct SeenSession {
    grant: GrantId,
    open: bool,
    closed_at: Option<Timestamp>,
    erased: bool,
}

type Held = Result<(), Broken>;

fn ensure(holds: bool, number: u8, what: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(Broken { number, what: format!("the witness saw that {}", what()) }) }
}

fn known<T>(found: Option<T>, what: &str) -> Result<T, Broken> {
    found.ok_or_else(|| Broken { number: 10, what: format!("the witness never saw {what}") })
}

impl Witness {
    /// Judges one event committed at `now`; `directory` is the one in force before it.
    pub(super) fn see(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        match event {
            Event::PolicyApplied { .. } | Event::DirectoryApplied { .. } => self.applied(now, event)?,
            Event::Noted(Note::PasswordSet { person }) => self.set_password(*person),
            Event::Noted(Note::TranscriptRead { .. }) => self.watched(directory, now, event)?,
            Event::Noted(Note::RecordingErased { session, request, kept_days }) => {
                self.erased(now, *session, *request, *kept_days)?;
            }
            Event::Noted(_) => {}
            Event::RequestMade(made) => self.made(directory, now, made)?,
            Event::LevelStarted { .. } => self.started(directory, now, event)?,
            Event::Escalated { .. } => self.escalated(directory, now, event)?,
            Event::LevelBlocked { .. } | Event::LevelFreed { .. } => self.blocked_or_freed(directory, event)?,
            Event::EmergencyConfirmed { .. } | Event::EmergencyStopped { .. } => {
                self.emergency(directory, now, event)?;
            }
            Event::Reviewed { .. } => self.reviewed(directory, now, event)?,
            Event::LinkMade { person, by } => self.linked(*person, *by),
            Event::Delegated { .. } | Event::DelegationEnded { .. } => self.delegation(directory, now, event)?,
            Event::GrantEdited { grant, by, terms, .. } => self.edited(directory, now, *grant, *by, *terms)?,
            Event::Voted { .. } => self.voted(directory, now, event)?,
            Event::Retracted { .. } => self.retracted(directory, event)?,
            Event::RequestApproved { request, grant, terms } => self.approved(now, *request, *grant, *terms)?,
            Event::RequestDisapproved { request, .. } => self.disapproved(now, *request)?,
            Event::RequestCanceled { request } => self.canceled(now, *request)?,
            Event::RequestExpired { request, .. } => self.settle(now, *request, &[Status::Pending], Status::Expired)?,
            Event::RequestRevoked { request, by, .. } => self.revoked(directory, now, *request, *by)?,
            Event::GrantEnded { grant: id, how } => {
                let grant = known(self.grants.get_mut(id), "the grant that ended")?;
                ensure(!grant.ended, 11, || "a grant ended twice".into())?;
                grant.ended = true;
                self.in_force_as_approved(directory, *id, *how)?;
            }
            Event::SessionOpened { .. } => self.opened(directory, now, event)?,
            Event::SessionClosed { session, .. } => {
                let session = known(self.sessions.get_mut(session), "the session that closed")?;
                ensure(session.open, 11, || "a session closed twice".into())?;
                (session.open, session.closed_at) = (false, Some(now));
            }
            Event::Used { grant, session, attempt } => self.used(directory, now, *grant, *session, *attempt)?,
            Event::PlanUsed { .. } | Event::PlanRan { .. } => self.planned(directory, now, event)?,
            Event::Ran { grant, .. } => {
                let grant = known(self.grants.get_mut(grant), "the grant that ran")?;
                grant.reports += 1;
                ensure(grant.uses == 1 && grant.reports == 1, 6, || "an outcome has no use of its own".into())?;
            }
        }
        Ok(())
    }

    fn made(&mut self, directory: &Directory, now: Timestamp, made: &RequestMade) -> Held {
        let (id, person) = (made.request, made.person.id);
        ensure(!self.requests.contains_key(&id), 10, || format!("request {id} was made twice"))?;
        ensure(naive::enabled(directory, person), 1, || format!("{person} asks and is not enabled"))?;
        let outcome = made.ruling.outcome;
        ensure(outcome != Outcome::Deny, 1, || format!("request {id} is denied and was made"))?;
        let fleets = directory.device_groups.iter().filter(|(_, g)| g.devices.contains(&made.target.device));
        let today = fleets.map(|(id, _)| id).eq(&made.target.device_groups) || matches!(made.act, Act::Watch(_));
        ensure(today, 1, || format!("request {id} is ruled as if its device were in other groups than it is now"))?;
        let levels = made.tracks.iter().all(|t| !t.levels.is_empty());
        ensure(levels && made.tracks.is_empty() == (outcome != Outcome::Approve), 2, || {
            format!("request {id} asks nobody although its outcome is {outcome:?}")
        })?;
        match &made.act {
            Act::Connect => {
                let expected = naive::connect_outcome(&self.policy, directory, person, &made.target);
                match &made.plan {
                    Some(plan) => self.plan_made(made, plan, expected)?,
                    None => ensure(outcome == expected, 1, || {
                        format!("request {id} is ruled {outcome:?}, not {expected:?}")
                    })?,
                }
                self.conditions_kept(directory, now, made)?;
            }
            Act::Run(run) => self.live_session(directory, now, run.session, run.grant)?,
            Act::Administer(_) => {
                let expected = naive::administer_outcome(&self.policy, directory, person);
                ensure(Some(outcome) == expected, 1, || format!("change {id} is ruled {outcome:?}, not {expected:?}"))?;
            }
            Act::Watch(watch) => self.watch_asked(directory, made, watch)?,
        }
        let tracks = made.tracks.iter().map(|_| SeenTrack::default()).collect();
        let seen = Seen {
            made: made.clone(),
            status: Status::Pending,
            settled_at: None,
            tracks,
            emergency: None,
            opened_early: false,
            reviews: Vec::new(),
            rejected_at: None,
            grant: None,
        };
        self.requests.insert(id, seen);
        Ok(())
    }

    fn started(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        let Event::LevelStarted { request: id, track: n, level, epoch, approvers, informed, .. } = event else {
            return Ok(());
        };
        let able = self.able_on(directory, now, *id, *n, *level)?;
        let seen = known(self.requests.get_mut(id), "the request whose level started")?;
        ensure(seen.status == Status::Pending, 11, || format!("a level of {id} starts and it is {:?}", seen.status))?;
        let plan = known(seen.made.tracks.get(*n as usize), "the track")?;
        let track = known(seen.tracks.get_mut(*n as usize), "the track")?;
        let expected = match (track.reopens.take(), track.open) {
            (Some(reopened), _) => reopened,
            (None, None) => (0, 0),
            (None, Some(open)) => (open + 1, track.epoch),
        };
        ensure((*level, *epoch) == expected, 4, || format!("{id} starts {:?}, not {expected:?}", (level, epoch)))?;
        ensure(track.started.insert(expected), 4, || format!("{id} starts level {level} twice in epoch {epoch}"))?;
        let before = (0u32..).zip(&plan.levels).take(*level as usize);
        for (passed, demanded) in before {
            let found = track.people(passed, Verdict::Approve);
            ensure(found >= demanded.approvals.max(1) as usize, 4, || {
                format!("{id} starts level {level} and level {passed} has {found} approvals")
            })?;
        }
        ensure(*approvers == able, 3, || format!("{id} tells {approvers:?}, but {able:?} may decide"))?;
        ensure(informed.is_disjoint(&able), 3, || format!("{id} informs those who decide"))?;
        let first = *level == 0 && *epoch == 0;
        ensure(!first || !able.is_empty(), 2, || format!("request {id} was made and nobody can decide it"))?;
        (track.open, track.epoch, track.since) = (Some(*level), *epoch, now);
        (track.escalated, track.blocked) = (None, false);
        Ok(())
    }

    fn voted(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        let Event::Voted {
            request: id,
            track: n,
            level,
            epoch,
            approver,
            verdict,
            terms,
            evidence,
            authority,
            digest,
            behalf,
            ..
        } = event
        else {
            return Ok(());
        };
        self.entitled(directory, now, *id, authority, *approver, *behalf)?;
        let seen = self.requests.get(id).and_then(|s| s.tracks.get(*n as usize));
        let hand = seen.and_then(|t| t.escalated.as_ref()).and_then(|(_, by)| *by);
        let deciding = || [Some(*approver), *behalf].into_iter().flatten();
        ensure(!hand.is_some_and(|by| deciding().any(|p| self.one(by, p))), 3, || {
            format!("{approver} escalated a level of {id}, or may be who did, and decides it")
        })?;
        let person = *approver;
        let seen = known(self.requests.get_mut(id), "the request voted on")?;
        ensure(seen.status == Status::Pending, 11, || format!("{person} votes on {id}, which is {:?}", seen.status))?;
        let plan = known(seen.made.tracks.get(*n as usize), "the track")?;
        let track = known(seen.tracks.get_mut(*n as usize), "the track")?;
        ensure((track.open, track.epoch) == (Some(*level), *epoch), 4, || {
            format!("{person} votes on level {level} of {id} in epoch {epoch}, which is not open")
        })?;
        let demanded = known(plan.levels.get(*level as usize), "the level")?;
        let (now_decides, _) = track.escalated.clone().unwrap_or((demanded.authority.clone(), None));
        ensure(*authority == now_decides && *digest == seen.made.digest, 5, || {
            format!("a vote on {id} names another authority or digest than the request")
        })?;
        let strong = demanded.evidence == Evidence::SignedIn || *evidence == Evidence::SecondFactor;
        ensure(strong, 13, || format!("{person} votes on {id} without the evidence it demands"))?;
        special::by_link(directory, authority, person, *evidence)?;
        track.ballots.push(Ballot { level: *level, person, behalf: *behalf, verdict: *verdict, terms: *terms });
        Ok(())
    }

    fn retracted(&mut self, directory: &Directory, event: &Event) -> Held {
        let Event::Retracted { request: id, track: n, level, epoch, by } = event else { return Ok(()) };
        let seen = known(self.requests.get_mut(id), "the request retracted on")?;
        ensure(seen.status == Status::Pending, 11, || format!("{by} retracts on {id}, which is {:?}", seen.status))?;
        ensure(naive::enabled(directory, *by), 1, || format!("{by} retracts and is not enabled"))?;
        let track = known(seen.tracks.get_mut(*n as usize), "the track")?;
        let own = |b: &Ballot| b.person == *by && b.level == *level && b.verdict == Verdict::Approve;
        ensure(track.ballots.iter().any(own), 4, || format!("{by} retracts what they never approved on {id}"))?;
        ensure(*epoch == track.epoch + 1, 4, || {
            format!("a retract on {id} opens epoch {epoch} after {}", track.epoch)
        })?;
        track.ballots.retain(|b| b.level < *level);
        track.reopens = Some((*level, *epoch));
        Ok(())
    }

    fn approved(&mut self, now: Timestamp, id: RequestId, grant: GrantId, terms: Terms) -> Held {
        self.settle(now, id, &[Status::Pending], Status::Approved)?;
        let seen = known(self.requests.get_mut(&id), "the request")?;
        let every_level = seen.made.tracks.iter().zip(&seen.tracks).try_for_each(|(plan, t)| passed(id, plan, t));
        let by_itself = seen.made.automatic.is_some();
        if every_level.is_err() && !by_itself {
            let open = seen.emergency.as_ref().is_some_and(|e| !e.stopped && now >= e.opens_at);
            ensure(open, 2, || format!("{id} is approved and {every_level:?}"))?;
            seen.opened_early = true;
            let length = terms.window.end.0 - terms.window.start.0;
            let asked = seen.made.terms.window.end.0 - seen.made.terms.window.start.0;
            ensure(length <= asked, 6, || format!("the emergency of {id} lasts longer than was asked"))?;
        }
        for track in &seen.tracks {
            let approvals = track.ballots.iter().filter(|b| b.verdict == Verdict::Approve);
            let wider = approvals.map(|b| b.terms).find(|t| {
                let starts_before = terms.window.start < t.window.start;
                starts_before || t.window.end < terms.window.end || (t.reset_after_use && !terms.reset_after_use)
            });
            let wider = wider.filter(|_| !seen.opened_early);
            ensure(wider.is_none(), 6, || format!("the grant of {id} is wider than what was signed"))?;
        }
        ensure(terms.reset_after_use || !seen.made.terms.reset_after_use, 6, || format!("{id} lost its reset"))?;
        let window = terms.window;
        ensure(now <= window.start && window.start < window.end, 6, || format!("{id} grants a past or empty window"))?;
        let asked = seen.made.terms.window;
        let fits = seen.made.act == Act::Connect || (asked.start <= window.start && window.end <= asked.end);
        ensure(fits, 6, || format!("{id} grants more than its connect grant"))?;
        seen.grant = Some(grant);
        let new = SeenGrant {
            request: id,
            terms,
            signed: terms,
            opened: false,
            uses: 0,
            reports: 0,
            steps: BTreeMap::new(),
            ended: false,
        };
        ensure(self.grants.insert(grant, new).is_none(), 10, || format!("{grant} was given twice"))
    }

    fn disapproved(&mut self, now: Timestamp, id: RequestId) -> Held {
        self.settle(now, id, &[Status::Pending], Status::Disapproved)?;
        let seen = known(self.requests.get(&id), "the request")?;
        let enough = seen.made.tracks.iter().zip(&seen.tracks).any(|(plan, track)| {
            let levels = (0..).zip(&plan.levels);
            levels.into_iter().any(|(n, l)| track.people(n, Verdict::Reject) >= l.rejections.max(1) as usize)
        });
        ensure(enough, 2, || format!("{id} is disapproved without enough rejections"))
    }

    fn canceled(&mut self, now: Timestamp, id: RequestId) -> Held {
        let used = self.grants.values().any(|g| g.request == id && (g.opened || g.uses > 0 || g.ended));
        ensure(!used, 11, || format!("{id} is canceled after its grant was used or over"))?;
        self.settle(now, id, &[Status::Pending, Status::Approved], Status::Canceled)
    }

    fn revoked(&mut self, directory: &Directory, now: Timestamp, id: RequestId, by: PersonId) -> Held {
        self.settle(now, id, &[Status::Approved], Status::Revoked)?;
        // A contact revokes by the review of an emergency, and by nothing else.
        let seen = known(self.requests.get(&id), "the request revoked")?;
        let said = seen.reviews.last().is_some_and(|(_, b)| b.person == by && b.verdict == Verdict::Reject);
        let reviewed = said && naive::outside(directory, by);
        let may = reviewed || self.may_take_away(directory, now, id, by)?;
        ensure(may, 3, || format!("{by} revokes {id} and may not"))
    }

    /// Statuses change along the arrows of DESIGN §5 only.
    fn settle(&mut self, now: Timestamp, id: RequestId, from: &[Status], to: Status) -> Held {
        let seen = known(self.requests.get_mut(&id), "the request that was settled")?;
        ensure(from.contains(&seen.status), 11, || format!("{id} goes from {:?} to {to:?}", seen.status))?;
        seen.status = to;
        seen.settled_at = Some(now);
        Ok(())
    }

    fn ruling(&self, grant: &SeenGrant) -> Result<(&RequestMade, &RulingRecord), Broken> {
        let seen = known(self.requests.get(&grant.request), "the request of the grant")?;
        ensure(seen.status == Status::Approved, 7, || format!("{} is {:?} and used", seen.made.request, seen.status))?;
        Ok((&seen.made, &seen.made.ruling))
    }

    fn opened(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        let Event::SessionOpened { session, grant: id, first_use, .. } = event else { return Ok(()) };
        let grant = known(self.grants.get(id), "the grant opened")?;
        ensure(!grant.ended, 7, || format!("{session} opens under {id}, which has ended"))?;
        let (made, _) = self.ruling(grant)?;
        ensure(made.act == Act::Connect, 6, || format!("{session} opens under {id}, which is not for sessions"))?;
        ensure(grant.terms.window.contains(now), 1, || format!("{session} opens outside the window of {id}"))?;
        ensure(naive::enabled(directory, made.person.id), 1, || {
            format!("{} opens and is not enabled", made.person.id)
        })?;
        let pin = directory.devices.get(&made.target.device).map(|d| d.pin());
        ensure(pin == Some(made.target.pin), 14, || format!("{session} opens to another host than was approved"))?;
        let outcome = naive::connect_outcome(&self.policy, directory, made.person.id, &made.target);
        ensure(outcome != Outcome::Deny, 1, || format!("{session} opens although the rules deny it"))?;
        ensure(*first_use != grant.opened, 10, || format!("{session} says wrongly whether it is the first use"))?;
        self.alone(*id)?;
        self.not_too_many(directory, now, *id)?;
        known(self.grants.get_mut(id), "the grant opened")?.opened = true;
        let before =
            self.sessions.insert(*session, SeenSession { grant: *id, open: true, closed_at: None, erased: false });
        ensure(before.is_none(), 10, || format!("{session} was opened twice"))
    }

    /// Where one grant holds an account exclusively, no other is effective: neither in use nor ended with a session
    /// that was not cut yet.
    fn alone(&self, mine: GrantId) -> Held {
        let of = |id: &GrantId| self.grants.get(id).and_then(|g| self.requests.get(&g.request)).map(|r| &r.made);
        let own = known(of(&mine), "the request of the grant")?;
        for (other, grant) in self.grants.iter().filter(|(id, _)| **id != mine) {
            let made = known(of(other), "the request of another grant")?;
            if made.target.account != own.target.account {
                continue;
            }
            let session_open = || self.sessions.values().any(|s| s.open && s.grant == *other);
            let holds = made.ruling.conditions.exclusive && grant.opened && (!grant.ended || session_open());
            let disturbed = own.ruling.conditions.exclusive && session_open();
            ensure(!holds, 8, || format!("{mine} opens an account that {other} holds exclusively"))?;
            ensure(!disturbed, 8, || format!("{mine} is exclusive and opens while {other} has a session open"))?;
        }
        Ok(())
    }

    fn used(&mut self, directory: &Directory, now: Timestamp, id: GrantId, session: SessionId, what: Attempt) -> Held {
        let grant = known(self.grants.get(&id), "the grant used")?;
        ensure(grant.uses == 0, 6, || format!("{id} is used a second time"))?;
        ensure(!grant.ended, 7, || format!("{id} is used and has ended"))?;
        ensure(grant.terms.window.contains(now), 1, || format!("{id} is used outside its window"))?;
        let (made, ruling) = self.ruling(grant)?;
        ensure(naive::enabled(directory, made.person.id), 1, || format!("{} runs and is not enabled", made.person.id))?;
        let Act::Run(run) = &made.act else {
            return ensure(false, 6, || format!("{id} is used and is not for one use"));
        };
        ensure(run.attempt == what, 6, || format!("{id} is used for something that was not approved"))?;
        let bound = !ruling.conditions.same_session || run.session == session;
        ensure(bound, 6, || format!("{id} is used in {session}, not in {}", run.session))?;
        self.live_session(directory, now, session, run.grant)?;
        known(self.grants.get_mut(&id), "the grant used")?.uses += 1;
        Ok(())
    }

    /// Whether `session` is open under `under`, and that grant covers `now`.
    fn live_session(&self, directory: &Directory, now: Timestamp, session: SessionId, under: GrantId) -> Held {
        let live = known(self.sessions.get(&session), "the session")?;
        ensure(live.open && live.grant == under, 1, || format!("{session} is not open under {under}"))?;
        let grant = known(self.grants.get(&under), "the connect grant")?;
        ensure(!grant.ended, 7, || format!("something starts under {under}, which has ended"))?;
        ensure(grant.terms.window.contains(now), 1, || format!("something starts outside the window of {under}"))?;
        let (made, _) = self.ruling(grant)?;
        ensure(naive::enabled(directory, made.person.id), 1, || format!("{} is not enabled", made.person.id))
    }

    /// The end of a connect grant must cut every session open under it.
    pub(super) fn sees_cuts(&self, event: &Event, effects: &[Effect]) -> Held {
        let Event::GrantEnded { grant, .. } = event else { return Ok(()) };
        for (id, _) in self.sessions.iter().filter(|(_, s)| s.open && s.grant == *grant) {
            let cut = effects.contains(&Effect::Cut { session: *id });
            ensure(cut, 7, || format!("{grant} ended and {id} is not cut"))?;
        }
        Ok(())
    }

    /// Compares the fold with this memory: statuses, frozen levels, standing votes, what hangs on ended grants, and
    /// that the engine asks to be woken before anything's deadline.
    pub(super) fn agrees(&self, directory: &Directory, state: &State, wake_at: Option<Timestamp>) -> Held {
        ensure(state.requests.len() == self.requests.len(), 10, || "a request is missing".into())?;
        for (id, seen) in &self.requests {
            let request = known(state.requests.get(id), "the request in the fold")?;
            ensure(request.status == seen.status, 11, || {
                format!("{id} is {:?}, not {:?}", request.status, seen.status)
            })?;
            ensure(request.tracks.len() == seen.tracks.len(), 5, || {
                format!("{id} has other tracks than it was made with")
            })?;
            for ((track, plan), mine) in request.tracks.iter().zip(&seen.made.tracks).zip(&seen.tracks) {
                ensure(track.levels == plan.levels && track.workflow == plan.workflow, 5, || {
                    format!("{id} has other levels than it was made with")
                })?;
                let cast = track.votes.iter().map(|v| (v.level, v.approver, v.verdict));
                let same = cast.eq(mine.ballots.iter().map(|b| (b.level, b.person, b.verdict)));
                ensure(same, 4, || {
                    format!("the votes that stand on {id} are not those that were cast and not retracted")
                })?;
            }
            if seen.status == Status::Pending {
                let due = wake_at.is_some_and(|at| at <= seen.made.terms.window.end);
                ensure(due, 12, || format!("{id} waits and nothing wakes the engine at its end"))?;
                self.somebody_can_act(directory, *id, seen, wake_at)?;
            }
            self.hangs_on_nothing_ended(seen)?;
        }
        ensure(self.applying.is_none(), 6, || "a change is in force and its grant could be used again".into())
    }

    fn hangs_on_nothing_ended(&self, seen: &Seen) -> Held {
        let (Act::Run(run), id) = (&seen.made.act, seen.made.request) else { return Ok(()) };
        let over = self.grants.get(&run.grant).is_none_or(|g| g.ended);
        let live = seen.status == Status::Pending || self.grants.values().any(|g| g.request == id && !g.ended);
        ensure(!(over && live), 7, || format!("{} has ended and {id} lives on", run.grant))
    }

    /// After a change of policy or directory: nothing lives or waits that the rules now deny, nor of somebody gone.
    pub(super) fn nothing_denied_lives(&self, directory: &Directory) -> Held {
        let granted = self.grants.values().filter(|g| !g.ended).map(|g| g.request);
        let pending = self.requests.iter().filter(|(_, r)| r.status == Status::Pending).map(|(id, _)| *id);
        for id in granted.chain(pending) {
            let made = &known(self.requests.get(&id), "the request of the grant")?.made;
            let person = made.person.id;
            ensure(naive::enabled(directory, person), 1, || format!("{id} lives and {person} is not enabled"))?;
            let groups = directory.groups.keys().copied().filter(|g| naive::member(directory, *g, person)).collect();
            let ruled = match &made.act {
                Act::Administer(change) => {
                    let base = (change.policy_version, change.directory_version);
                    ensure(base == self.versions, 7, || format!("{id} starts from what is no longer in force"))?;
                    Outcome::Approve
                }
                Act::Connect => naive::connect_outcome(&self.policy, directory, person, &made.target),
                Act::Watch(watch) => naive::watch_outcome(&self.policy, watch.typed),
                Act::Run(run) => {
                    let person = countersign_journal::PersonFacts { groups, ..made.person.clone() };
                    let target = naive::target_now(directory, &made.target);
                    let target = target.as_ref().unwrap_or(&made.target);
                    crate::rule(&self.policy, &person, target, crate::Asked::Run(&run.facts)).outcome
                }
            };
            ensure(ruled != Outcome::Deny, 1, || format!("{id} lives and the rules deny it"))?;
            let less = ruled <= made.ruling.outcome || matches!(made.act, Act::Administer(_));
            ensure(less, 1, || format!("{id} lives by less than the rules demand"))?;
        }
        Ok(())
    }
}

/// Every level has its approvals from as many people, and no level its rejections.
fn passed(id: RequestId, plan: &TrackPlan, track: &SeenTrack) -> Held {
    for (n, level) in (0..).zip(&plan.levels) {
        let found = track.people(n, Verdict::Approve);
        ensure(found >= level.approvals.max(1) as usize, 2, || {
            format!("{id} is approved with {found} of {} approvals on level {n}", level.approvals)
        })?;
        let rejected = track.people(n, Verdict::Reject) >= level.rejections.max(1) as usize;
        ensure(!rejected, 2, || format!("{id} is approved although level {n} was rejected"))?;
        let reached = track.open.is_some_and(|open| open >= n);
        ensure(reached, 4, || format!("{id} is approved and level {n} never started"))?;
    }
    Ok(())
}

impl SeenTrack {
    /// Different people who answered one way on one level.
    fn people(&self, level: u32, verdict: Verdict) -> usize {
        let on = self.ballots.iter().filter(|b| b.level == level && b.verdict == verdict);
        on.map(|b| b.person).collect::<BTreeSet<_>>().len()
    }
}
