//! Requests: made, passed level by level, settled. Nobody decides on their own request or twice, no level is skipped,
//! and what is granted is nothing wider than what was signed.

use crate::contact::{by_link, is_told_rightly};
use crate::ledger::{Ledger, Wrong, ensure, ensure_next};
use crate::special::Emergency;
use crate::usage::{Grant, Stage};
use countersign_journal::{
    Act, Authority, Event, GrantId, Level, Outcome, PersonId, RequestId, RequestMade, Terms, Timestamp, Verdict, Window,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A request and what became of it.
pub(crate) struct Request {
    pub(crate) made: Box<RequestMade>,
    pub(crate) status: Status,
    /// Where each track of the request is.
    pub(crate) tracks: Vec<Track>,
    /// The votes that stand, one a person.
    pub(crate) votes: BTreeMap<PersonId, Ballot>,
    pub(crate) emergency: Option<Emergency>,
    /// What approvers said of an emergency afterwards, one a person.
    pub(crate) reviews: BTreeMap<PersonId, Ballot>,
    pub(crate) refused_at: Option<Timestamp>,
    /// What it yielded.
    pub(crate) grant: Option<GrantId>,
}

/// Where a request stands; all but the first two are final.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Approved,
    Disapproved,
    Canceled,
    Expired,
    Revoked,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Disapproved => "disapproved",
            Status::Canceled => "canceled",
            Status::Expired => "expired",
            Status::Revoked => "revoked",
        })
    }
}

/// Where a track is. Past its last level it stands on the level after that one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Track {
    NotStarted,
    Open {
        level: u32,
        epoch: u32,
        /// When the level, or its escalation, began.
        since: Timestamp,
        /// Who decides instead, and who said so by hand.
        escalated: Option<(Authority, Option<PersonId>)>,
    },
    /// Approvals were taken back; this level must be opened again before anything else.
    Reopening {
        level: u32,
        epoch: u32,
    },
}

/// A vote that stands, or a review.
pub(crate) struct Ballot {
    pub(crate) track: u32,
    pub(crate) level: u32,
    pub(crate) verdict: Verdict,
    pub(crate) terms: Terms,
    /// Whose right was used, when it was lent.
    pub(crate) behalf: Option<PersonId>,
}

impl Request {
    fn count(&self, track: u32, level: u32, verdict: Verdict) -> usize {
        self.votes.values().filter(|b| (b.track, b.level, b.verdict) == (track, level, verdict)).count()
    }

    /// Everyone whose answer counts already, in their own name or by a right they lent.
    pub(crate) fn counted(&self) -> impl Iterator<Item = PersonId> {
        let all = self.votes.iter().chain(&self.reviews);
        all.flat_map(|(voter, ballot)| [Some(*voter), ballot.behalf]).flatten()
    }

    pub(crate) fn plan(&self, track: u32) -> Result<&[Level], Wrong> {
        let plan = self.made.tracks.get(track as usize).map(|t| t.levels.as_slice());
        plan.ok_or_else(|| format!("`{}` has no track {track}", self.made.request))
    }

    pub(crate) fn track(&mut self, track: u32) -> Result<&mut Track, Wrong> {
        let id = self.made.request;
        self.tracks.get_mut(track as usize).ok_or_else(|| format!("`{id}` has no track {track}"))
    }

    pub(crate) fn ensure_pending(&self, what: &str) -> Result<(), Wrong> {
        let (id, status) = (self.made.request, self.status);
        ensure(status == Status::Pending, || format!("{what} `{id}`, which is {status}"))
    }

    /// Whether a level has its approvals: never fewer than one, whatever it demands.
    pub(crate) fn ensure_passed(&self, track: u32, number: u32, level: &Level) -> Result<(), Wrong> {
        let (id, found, needed) =
            (self.made.request, self.count(track, number, Verdict::Approve), least(level.approvals));
        ensure(found >= needed, || {
            format!("level {number} of track {track} of `{id}` has {found} of the {needed} approvals it needs")
        })
    }
}

impl Ledger {
    pub(crate) fn request(&self, id: RequestId) -> Result<&Request, Wrong> {
        self.requests.get(&id).ok_or_else(|| format!("request `{id}` was never made"))
    }

    pub(crate) fn request_mut(&mut self, id: RequestId) -> Result<&mut Request, Wrong> {
        self.requests.get_mut(&id).ok_or_else(|| format!("request `{id}` was never made"))
    }

    pub(crate) fn request_made(&mut self, at: Timestamp, made: Box<RequestMade>) -> Result<(), Wrong> {
        let (id, outcome) = (made.request, made.ruling.outcome);
        ensure_next(&self.requests, id, id.0)?;
        ensure(outcome != Outcome::Deny, || format!("`{id}` was made although the rules deny it"))?;
        ensure(made.tracks.is_empty() == (outcome != Outcome::Approve), || {
            format!("the levels of `{id}` do not fit what the rules demanded of it")
        })?;
        ensure(made.tracks.iter().all(|t| !t.levels.is_empty()), || format!("`{id}` has a track without levels"))?;
        ensure(made.terms.window.start < made.terms.window.end, || format!("`{id}` asks for an empty window"))?;
        ensure(made.automatic.is_none() || outcome == Outcome::Approve, || {
            format!("`{id}` approved itself and no rule asked for approval")
        })?;
        demands_are_met(&made)?;
        crate::plan::asked(&made)?;
        if let Act::Administer(change) = &made.act {
            self.change_made(&made, change)?;
        }
        if let Act::Watch(watch) = &made.act {
            self.watch_asked(&made, watch)?;
        }
        if let Act::Run(run) = &made.act {
            self.held_in_a_live_session(at, &made, run)?;
            self.hanging.entry(run.grant).or_default().insert(id);
        }
        let tracks = vec![Track::NotStarted; made.tracks.len()];
        let request = Request {
            made,
            status: Status::Pending,
            tracks,
            votes: BTreeMap::new(),
            emergency: None,
            reviews: BTreeMap::new(),
            refused_at: None,
            grant: None,
        };
        self.requests.insert(id, request);
        Ok(())
    }

    /// The level after the last has nobody to decide it: it says that this track is passed while others are not.
    pub(crate) fn level_started(&mut self, at: Timestamp, event: &Event) -> Result<(), Wrong> {
        let Event::LevelStarted { request: id, track, level, epoch, approvers, .. } = event else { return Ok(()) };
        let lent = self.borrowers(at);
        let request = self.request_mut(*id)?;
        request.ensure_pending("a level is opened on")?;
        let found = request.track(*track)?.clone();
        let expected = match found {
            Track::NotStarted => (0, 0),
            Track::Open { level, epoch, .. } => (level + 1, epoch),
            Track::Reopening { level, epoch } => (level, epoch),
        };
        ensure((*level, *epoch) == expected, || {
            let (next, in_epoch) = expected;
            format!(
                "level {level} in epoch {epoch} is opened on track {track} of `{id}`, where level {next} in epoch {in_epoch} comes next"
            )
        })?;
        let plan = request.plan(*track)?;
        if let Track::Open { level: before, .. } = found {
            let passed = plan.get(before as usize);
            let passed = passed.ok_or_else(|| format!("track {track} of `{id}` has no level {level}"))?;
            request.ensure_passed(*track, before, passed)?;
        }
        let requester = request.made.person.id;
        let wrongly_told = approvers.iter().find(|p| match plan.get(*level as usize).map(|l| &l.authority) {
            Some(Authority::Persons(persons)) => {
                let borrows = lent.iter().any(|(from, to)| to == *p && persons.contains(from));
                (!persons.contains(p) && !borrows) || **p == requester
            }
            Some(_) => **p == requester,
            None => true,
        });
        if let Some(person) = wrongly_told {
            return Err(format!("`{person}` is named as an approver of level {level} of `{id}` and cannot be one"));
        }
        let told_rightly = plan.get(*level as usize).is_none_or(|l| is_told_rightly(l, approvers));
        ensure(told_rightly, || format!("level {level} of `{id}` is told to contacts it does not name"))?;
        *request.track(*track)? = Track::Open { level: *level, epoch: *epoch, since: at, escalated: None };
        Ok(())
    }

    pub(crate) fn voted(&mut self, at: Timestamp, event: &Event) -> Result<(), Wrong> {
        let Event::Voted {
            request: id,
            track,
            level: n,
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
        self.may_decide(at, *id, *approver, *behalf)?;
        let people = self.links.keys().chain(self.unopened.keys());
        let known: BTreeMap<PersonId, BTreeSet<PersonId>> = people.map(|p| (*p, self.behind(*p))).collect();
        let behind = |p: PersonId| known.get(&p).cloned().unwrap_or_else(|| [p].into());
        let request = self.request_mut(*id)?;
        request.ensure_pending(&format!("`{approver}` decides"))?;
        let escalated = match request.track(*track)? {
            Track::Open { level, epoch: e, escalated, .. } if level == n && e == epoch => Some(escalated.clone()),
            _ => None,
        };
        let level = request.plan(*track)?.get(*n as usize).filter(|_| escalated.is_some());
        let level = level.ok_or_else(|| {
            format!("`{approver}` decides level {n} of track {track} of `{id}` in epoch {epoch}, which is not open")
        })?;
        by_link(*approver, *behalf, authority, *evidence)?;
        let decided = request.count(*track, *n, Verdict::Approve) >= least(level.approvals)
            || request.count(*track, *n, Verdict::Reject) >= least(level.rejections);
        ensure(!decided, || format!("`{approver}` decides level {n} of `{id}`, which is decided already"))?;
        ensure(*evidence >= level.evidence, || {
            format!("`{approver}` decides `{id}` with weaker evidence than level {n} demands")
        })?;
        let (decides, hand) = escalated.flatten().unwrap_or((level.authority.clone(), None));
        let behind_hand: BTreeSet<PersonId> = hand.iter().flat_map(|by| behind(*by)).collect();
        let deciding = [Some(*approver), *behalf].into_iter().flatten();
        ensure(deciding.into_iter().all(|p| behind(p).is_disjoint(&behind_hand)), || {
            format!("`{approver}` escalated level {n} of `{id}` and decides it")
        })?;
        ensure(*authority == decides && is_named(authority, behalf.unwrap_or(*approver)), || {
            format!("`{approver}` decides `{id}` without the authority level {n} demands")
        })?;
        ensure(*digest == request.made.digest, || format!("`{approver}` signed another digest than that of `{id}`"))?;
        ensure(at < request.made.terms.window.end, || {
            format!("`{approver}` decides `{id}` after the end of its window")
        })?;
        let ballot = Ballot { track: *track, level: *n, verdict: *verdict, terms: *terms, behalf: *behalf };
        request.votes.insert(*approver, ballot);
        Ok(())
    }

    pub(crate) fn retracted(&mut self, event: &Event) -> Result<(), Wrong> {
        let Event::Retracted { request: id, track, level, epoch, by } = event else { return Ok(()) };
        let request = self.request_mut(*id)?;
        request.ensure_pending(&format!("`{by}` takes an approval back from"))?;
        let own =
            request.votes.get(by).is_some_and(|b| (b.track, b.level, b.verdict) == (*track, *level, Verdict::Approve));
        ensure(own, || format!("`{by}` takes back an approval of level {level} of `{id}` that does not stand"))?;
        let here = request.track(*track)?;
        let next = match here {
            Track::Open { epoch, .. } => Some(*epoch + 1),
            Track::NotStarted | Track::Reopening { .. } => None,
        };
        ensure(next == Some(*epoch), || format!("epoch {epoch} is not the next on track {track} of `{id}`"))?;
        *here = Track::Reopening { level: *level, epoch: *epoch };
        request.votes.retain(|_, b| b.track != *track || b.level < *level);
        Ok(())
    }

    pub(crate) fn approved(&mut self, at: Timestamp, id: RequestId, grant: GrantId, terms: Terms) -> Result<(), Wrong> {
        let window = terms.window;
        ensure_next(&self.grants, grant, grant.0)?;
        let request = self.request_mut(id)?;
        request.ensure_pending("an approval is given to")?;
        request.ensure_levels_or_emergency(at, window)?;
        let asked = request.made.terms.window;
        let reset = !request.made.terms.reset_after_use || terms.reset_after_use;
        ensure(reset, || format!("`{grant}` is not reset after use although `{id}` says so"))?;
        let opened = request.emergency.as_ref().is_some_and(|e| e.opened);
        // Approvers may move a reservation, and then each of them signs where to; a statement has the window of the
        // connect grant it was held under.
        let by_asking = (request.votes.is_empty() && !opened) || request.made.act != Act::Connect;
        ensure(!by_asking || inside(window, asked), || format!("`{grant}` is wider than what `{id}` asked for"))?;
        let approvals = request.votes.iter().filter(|(_, b)| b.verdict == Verdict::Approve && !opened);
        for (approver, ballot) in approvals {
            ensure(terms.within(&ballot.terms), || format!("`{grant}` is wider than what `{approver}` signed"))?;
        }
        ensure(window.start < window.end && at < window.end, || format!("`{grant}` is over before it begins"))?;
        request.status = Status::Approved;
        request.grant = Some(grant);
        self.grants.insert(grant, Grant::new(id, terms));
        Ok(())
    }

    pub(crate) fn disapproved(&mut self, at: Timestamp, id: RequestId, by: PersonId) -> Result<(), Wrong> {
        let request = self.request(id)?;
        request.ensure_pending("a disapproval is given to")?;
        let rejected = (0..).zip(&request.tracks).any(|(n, track): (u32, &Track)| {
            let Track::Open { level, .. } = *track else { return false };
            let plan = request.made.tracks.get(n as usize).and_then(|t| t.levels.get(level as usize));
            plan.is_some_and(|l| request.count(n, level, Verdict::Reject) >= least(l.rejections))
        });
        ensure(rejected, || format!("`{id}` is disapproved without the rejections that takes"))?;
        let one_of_them = request.votes.get(&by).is_some_and(|b| b.verdict == Verdict::Reject);
        ensure(one_of_them, || format!("`{id}` is disapproved in the name of `{by}`, who did not reject it"))?;
        self.request_mut(id)?.refused_at = Some(at);
        self.settle(id, Status::Disapproved)
    }

    pub(crate) fn canceled(&mut self, id: RequestId) -> Result<(), Wrong> {
        let request = self.request(id)?;
        let unused = || request.grant.and_then(|g| self.grants.get(&g)).is_some_and(|g| g.stage == Stage::ToBeUsed);
        let may = match request.status {
            Status::Pending => true,
            Status::Approved => unused(),
            Status::Disapproved | Status::Canceled | Status::Expired | Status::Revoked => false,
        };
        let status = request.status;
        ensure(may, || format!("`{id}` is canceled, which is {status} and cannot be taken back any more"))?;
        self.settle(id, Status::Canceled)
    }

    pub(crate) fn expired(&mut self, id: RequestId) -> Result<(), Wrong> {
        self.request(id)?.ensure_pending("time runs out on")?;
        self.settle(id, Status::Expired)
    }

    pub(crate) fn revoked(&mut self, at: Timestamp, id: RequestId, by: PersonId) -> Result<(), Wrong> {
        let request = self.request_mut(id)?;
        let status = request.status;
        ensure(status == Status::Approved, || format!("`{by}` revokes `{id}`, which is {status}"))?;
        ensure(by != request.made.person.id, || format!("`{by}` revokes their own request `{id}`"))?;
        request.refused_at = request.emergency.as_ref().filter(|e| e.opened).map(|_| at);
        let known = self.requests.get(&id).ok_or_else(|| format!("request `{id}` was never made"))?;
        self.sides.ensure_may_revoke(known, by)?;
        self.settle(id, Status::Revoked)
    }

    /// Records a final status. While its grant is not ended, a request goes on hanging on its connect grant.
    fn settle(&mut self, id: RequestId, to: Status) -> Result<(), Wrong> {
        let request = self.request_mut(id)?;
        request.status = to;
        let hangs_on = match &request.made.act {
            Act::Run(run) if request.grant.is_none() => Some(run.grant),
            Act::Run(_) | Act::Connect | Act::Administer(_) | Act::Watch(_) => None,
        };
        if let Some(hanging) = hangs_on.and_then(|grant| self.hanging.get_mut(&grant)) {
            hanging.remove(&id);
        }
        Ok(())
    }
}

/// Whether all of `inner` lies in `outer`.
pub(crate) fn inside(inner: Window, outer: Window) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Whether an authority that names persons or contacts names this one; others cannot be judged without the directory.
pub(crate) fn is_named(authority: &Authority, person: PersonId) -> bool {
    match authority {
        Authority::Persons(named) | Authority::Contacts(named) => named.contains(&person),
        _ => true,
    }
}

/// A connection carries what the rules demanded of it.
fn demands_are_met(made: &RequestMade) -> Result<(), Wrong> {
    let (id, demanded) = (made.request, &made.ruling.conditions);
    if made.act != Act::Connect {
        return Ok(());
    }
    ensure(!demanded.ticket || made.ticket.is_some(), || format!("`{id}` lacks the ticket its rules demand"))?;
    let listed = |list: &BTreeSet<String>| made.choice.as_ref().is_some_and(|c| list.contains(c));
    ensure(demanded.reasons.as_ref().is_none_or(listed), || format!("`{id}` gives a reason that is not listed"))?;
    ensure(!demanded.reset_after_use || made.terms.reset_after_use, || {
        format!("`{id}` is not reset after use although its rules demand it")
    })
}

/// Nothing is ever decided by nobody.
pub(crate) fn least(demanded: u32) -> usize {
    demanded.max(1) as usize
}
