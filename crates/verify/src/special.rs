//! Special paths: escalation, lent rights, emergencies and their reviews, edits.

use crate::contact::by_link;
use crate::ledger::{Ledger, Next, Wrong, ensure, ensure_next};
use crate::request::{Ballot, Request, Status, Track, inside, is_named, least};
use crate::usage::Stage;
use countersign_journal::{
    DelegationId, Event, Evidence, GrantId, PersonId, RequestId, Seconds, Terms, Timestamp, Verdict, Window,
};

use std::collections::BTreeSet;
use std::mem::discriminant;

/// How long after a no the same cannot be had by emergency.
const AFTER_REFUSAL_S: Seconds = 24 * 3600;

/// A right to decide, lent.
pub(crate) struct Lent {
    from: PersonId,
    to: PersonId,
    window: Window,
    ended: bool,
}

impl Lent {
    fn covers(&self, at: Timestamp) -> bool {
        !self.ended && self.window.contains(at)
    }
}

/// An emergency, as it was declared.
pub(crate) struct Emergency {
    opens_at: Timestamp,
    stopped: bool,
    /// Whether access was opened by it, before every level had its approvals.
    pub(crate) opened: bool,
}

impl Request {
    /// What a grant needs: every level passed; or rules that approved by themselves; or an emergency whose countdown is
    /// over. No tracks means that the rules simply allow: `request_made` insists on that.
    pub(crate) fn ensure_levels_or_emergency(&mut self, at: Timestamp, window: Window) -> Result<(), Wrong> {
        if self.made.automatic.is_some() {
            return Ok(());
        }
        let plans = (0..).zip(&self.made.tracks).map(|(track, plan)| (track, &plan.levels));
        let mut levels = plans.flat_map(|(track, levels)| (0..).zip(levels).map(move |(n, l)| (track, n, l)));
        let missing = levels.find_map(|(track, n, level)| self.ensure_passed(track, n, level).err());
        let Some(missing) = missing else { return Ok(()) };
        let (id, asked) = (self.made.request, self.made.terms.window);
        match &mut self.emergency {
            Some(emergency) if !emergency.stopped && at >= emergency.opens_at => emergency.opened = true,
            _ => return Err(missing),
        }
        ensure(window.seconds() <= asked.seconds(), || format!("the emergency of `{id}` lasts longer than was asked"))
    }
}

impl Ledger {
    /// Who borrows whose right at a moment, as (lender, borrower).
    pub(crate) fn borrowers(&self, at: Timestamp) -> Vec<(PersonId, PersonId)> {
        self.lent.values().filter(|l| l.covers(at)).map(|l| (l.from, l.to)).collect()
    }

    /// Whether an answer may count: never the requester's, nor by a right of theirs; once a person, lender and borrower
    /// being one; and a lent right only while it is lent.
    pub(crate) fn may_decide(
        &self,
        at: Timestamp,
        id: RequestId,
        person: PersonId,
        behalf: Option<PersonId>,
    ) -> Result<(), Wrong> {
        let request = self.request(id)?;
        let requester = request.made.person.id;
        ensure(person != requester, || format!("`{person}` decides their own request `{id}`"))?;
        ensure(behalf != Some(requester), || format!("`{person}` decides `{id}` by a right of its requester"))?;
        let requesters = self.behind(requester);
        let derived = [Some(person), behalf].into_iter().flatten().any(|p| !self.behind(p).is_disjoint(&requesters));
        ensure(!derived, || format!("`{person}` decides `{id}` and may be its requester, by links to passwords"))?;
        let again = [Some(person), behalf].into_iter().flatten().any(|p| {
            let behind = self.behind(p);
            request.counted().any(|other| !self.behind(other).is_disjoint(&behind))
        });
        ensure(!again, || format!("`{person}`, or whose right they use, decides `{id}` a second time"))?;
        let lent = behalf.is_none_or(|from| self.borrowers(at).contains(&(from, person)));
        ensure(lent, || format!("`{person}` decides `{id}` by a right that was not lent to them"))
    }

    /// Everyone who could be acting as a person.
    pub(crate) fn behind(&self, person: PersonId) -> BTreeSet<PersonId> {
        let both = [self.links.get(&person), self.unopened.get(&person)].into_iter().flatten().flatten();
        both.copied().chain([person]).collect()
    }

    /// Whoever makes a link could open it, and so could whoever may act as them; the operator of the server makes nobody
    /// suspect.
    pub(crate) fn link_made(&mut self, person: PersonId, by: PersonId) {
        let behind = if by == PersonId::OPERATOR { BTreeSet::new() } else { self.behind(by) };
        self.unopened.insert(person, behind);
    }

    /// The last link made for somebody is opened: what the one before made possible is over.
    pub(crate) fn password_set(&mut self, person: PersonId) {
        if let Some(behind) = self.unopened.remove(&person) {
            self.links.insert(person, behind);
        }
    }

    pub(crate) fn escalated(&mut self, at: Timestamp, event: &Event) -> Result<(), Wrong> {
        let Event::Escalated { request: id, track, level: n, epoch, to, approvers, by } = event else { return Ok(()) };
        let changed_at = self.changed_at;
        let request = self.request_mut(*id)?;
        request.ensure_pending("a level is escalated on")?;
        let requester = request.made.person.id;
        let told = !approvers.contains(&requester) && by.is_none_or(|p| p != requester && !approvers.contains(&p));
        ensure(told, || format!("level {n} of `{id}` is escalated by or to somebody who cannot decide it"))?;
        let level = request.plan(*track)?.get(*n as usize);
        let level = level.ok_or_else(|| format!("track {track} of `{id}` has no level {n}"))?;
        let target = level.timeout.as_ref().and_then(|t| t.action.target());
        ensure(target.as_ref() == Some(to) && *to != level.authority, || {
            format!("level {n} of `{id}` is escalated to others than it was made with")
        })?;
        let period = level.timeout.as_ref().map_or(0, |t| t.after_s);
        let here = request.track(*track)?;
        let next = match here {
            Track::Open { level, epoch, escalated: None, since } if level == n => Some((*epoch + 1, *since)),
            _ => None,
        };
        let (next, since) = next.map_or((None, at), |(next, since)| (Some(next), since));
        ensure(next == Some(*epoch), || format!("level {n} of `{id}` is escalated and is not open, or was before"))?;
        // Before its time it escalates only when nobody was left to decide it: at the moment something changed.
        let early = by.is_none() && at < since.plus(period) && at != changed_at;
        ensure(!early, || format!("level {n} of `{id}` is escalated before its time ran out"))?;
        *here = Track::Open { level: *n, epoch: *epoch, since: at, escalated: Some((to.clone(), *by)) };
        Ok(())
    }

    /// Insists that a level is the open one.
    pub(crate) fn is_open(&mut self, id: RequestId, track: u32, n: u32) -> Result<(), Wrong> {
        let request = self.request_mut(id)?;
        request.ensure_pending("a level is blocked or freed on")?;
        let open = matches!(request.track(track)?, Track::Open { level, .. } if *level == n);
        ensure(open, || format!("level {n} of track {track} of `{id}` is blocked or freed and is not open"))
    }

    pub(crate) fn emergency(&mut self, at: Timestamp, event: &Event) -> Result<(), Wrong> {
        let Event::EmergencyConfirmed { request: id, evidence, opens_at, approvers, .. } = event else { return Ok(()) };
        let request = self.request(*id)?;
        request.ensure_pending("an emergency is declared on")?;
        ensure(request.emergency.is_none(), || format!("a second emergency is declared on `{id}`"))?;
        ensure(*evidence >= Evidence::SecondFactor, || format!("an emergency on `{id}` lacks a second factor"))?;
        let countdown = request.made.ruling.emergency.map(|e| e.countdown_s);
        let countdown = countdown.ok_or_else(|| format!("the rules of `{id}` allow no emergency"))?;
        ensure(*opens_at >= at.plus(countdown), || format!("the emergency of `{id}` opens before its countdown ends"))?;
        ensure(!approvers.contains(&request.made.person.id), || format!("the requester of `{id}` is told to review"))?;
        let lately = self.requests.values().find(|r| {
            let stopped = r.emergency.as_ref().filter(|e| e.stopped).map(|e| e.opens_at);
            let refused = [r.refused_at, stopped].into_iter().flatten();
            let (kind, account) = (discriminant(&r.made.act), r.made.target.account);
            r.made.person.id == request.made.person.id
                && (kind, account) == (discriminant(&request.made.act), request.made.target.account)
                && refused.into_iter().any(|when| at.seconds_since(when) < AFTER_REFUSAL_S)
        });
        if let Some(refused) = lately {
            let refused = refused.made.request;
            return Err(format!("the emergency of `{id}` overrides `{refused}`, which was said no to within a day"));
        }
        let emergency = Emergency { opens_at: *opens_at, stopped: false, opened: false };
        self.request_mut(*id)?.emergency = Some(emergency);
        Ok(())
    }

    pub(crate) fn emergency_stopped(&mut self, at: Timestamp, id: RequestId, by: PersonId) -> Result<(), Wrong> {
        let request = self.request_mut(id)?;
        request.ensure_pending("an emergency is stopped on")?;
        ensure(by != request.made.person.id, || format!("`{by}` stops their own emergency `{id}`"))?;
        let counting = request.emergency.as_mut().filter(|e| !e.stopped && at < e.opens_at);
        let emergency = counting.ok_or_else(|| format!("no emergency is counting down on `{id}`"))?;
        emergency.stopped = true;
        Ok(())
    }

    pub(crate) fn reviewed(&mut self, at: Timestamp, event: &Event) -> Result<(), Wrong> {
        let Event::Reviewed {
            request: id,
            track,
            level: n,
            approver,
            verdict,
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
        let request = self.request_mut(*id)?;
        let opened = request.emergency.as_ref().is_some_and(|e| e.opened);
        ensure(opened, || format!("`{approver}` reviews `{id}`, which no emergency opened"))?;
        let level = request.plan(*track)?.get(*n as usize);
        let level = level.ok_or_else(|| format!("track {track} of `{id}` has no level {n}"))?;
        ensure(*authority == level.authority && is_named(authority, behalf.unwrap_or(*approver)), || {
            format!("`{approver}` reviews `{id}` without the authority level {n} demands")
        })?;
        by_link(*approver, *behalf, authority, *evidence)?;
        ensure(*evidence >= level.evidence, || {
            format!("`{approver}` reviews `{id}` with weaker evidence than level {n} demands")
        })?;
        ensure(*digest == request.made.digest, || format!("`{approver}` signed another digest than that of `{id}`"))?;
        let (terms, rejections) = (request.made.terms, least(level.rejections));
        let ballot = Ballot { track: *track, level: *n, verdict: *verdict, terms, behalf: *behalf };
        request.reviews.insert(*approver, ballot);
        if *verdict == Verdict::Reject {
            request.refused_at = Some(at);
        }
        let said = request.reviews.values().filter(|b| (b.track, b.level, b.verdict) == (*track, *n, Verdict::Reject));
        let rejected = *verdict == Verdict::Reject && said.count() >= rejections;
        let (live, grant) = (request.status == Status::Approved, request.grant);
        let ended = grant.and_then(|g| self.grants.get(&g)).is_none_or(|g| g.stage == Stage::Ended);
        if rejected && live && !ended {
            self.next = Some(Next::Revoke(*id));
        }
        Ok(())
    }

    pub(crate) fn delegated(
        &mut self,
        at: Timestamp,
        id: DelegationId,
        from: PersonId,
        to: PersonId,
        window: Window,
    ) -> Result<(), Wrong> {
        ensure_next(&self.lent, id, id.0)?;
        ensure(from != to, || format!("`{from}` lends the right to decide to themselves"))?;
        ensure(at <= window.start && window.start < window.end, || format!("`{id}` lends for a past or empty time"))?;
        self.lent.insert(id, Lent { from, to, window, ended: false });
        Ok(())
    }

    pub(crate) fn delegation_ended(&mut self, at: Timestamp, id: DelegationId) -> Result<(), Wrong> {
        let lent = self.lent.get_mut(&id).ok_or_else(|| format!("`{id}` ends and was never made"))?;
        ensure(!lent.ended && at < lent.window.end, || format!("`{id}` ends a second time"))?;
        lent.ended = true;
        Ok(())
    }

    /// Terms change up to what was signed, and never by the requester.
    pub(crate) fn edited(&mut self, id: GrantId, by: PersonId, terms: Terms) -> Result<(), Wrong> {
        let grant = self.grant(id)?;
        ensure(grant.stage != Stage::Ended, || format!("`{id}` is changed and has ended"))?;
        let requester = self.request(grant.request)?.made.person.id;
        ensure(by != requester, || format!("`{by}` changes the terms of their own `{id}`"))?;
        let within = inside(terms.window, grant.signed.window) && terms.within(&grant.signed);
        ensure(within, || format!("`{id}` is changed to more than was signed"))?;
        self.grant_mut(id)?.terms = terms;
        Ok(())
    }
}
