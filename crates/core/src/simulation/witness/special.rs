//! The witness on levels in time, lent rights, emergencies and edits.

use super::{Ballot, Held, Lent, Seen, SeenEmergency, Witness, ensure, known};
use crate::invariant::Broken;
use crate::simulation::naive;
use crate::{Directory, Status};
use countersign_journal::{
    Act, Authority, Event, Evidence, GrantEnd, GrantId, Outcome, PersonId, RequestId, RequestMade, Rule, Terms,
    Timestamp, Verdict,
};
use std::collections::BTreeSet;

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

impl Witness {
    /// A link to a password is made: whoever could open it.
    pub(super) fn linked(&mut self, person: PersonId, by: PersonId) {
        let pairs = self.links.union(&self.unopened).filter(|(p, _)| *p == by).map(|(_, b)| *b);
        let behind: Vec<PersonId> = pairs.chain([by]).collect();
        self.unopened.retain(|(p, _)| *p != person);
        self.unopened.extend(behind.into_iter().map(|b| (person, b)));
        self.awaited.insert(person);
    }

    /// The last link made is opened, and takes the place of the one before.
    pub(super) fn set_password(&mut self, person: PersonId) {
        if self.awaited.remove(&person) {
            self.links.retain(|(p, _)| *p != person);
            self.links.extend(self.unopened.iter().filter(|(p, _)| *p == person));
            self.unopened.retain(|(p, _)| *p != person);
        }
    }

    /// Whether two may be one by links.
    pub(super) fn one(&self, a: PersonId, b: PersonId) -> bool {
        let pairs = || self.links.union(&self.unopened);
        let could = |who, whom| who == whom || pairs().any(|pair| *pair == (whom, who));
        let all = pairs().map(|(_, by)| *by).chain([a, b]);
        all.into_iter().any(|who| could(who, a) && could(who, b))
    }

    /// Whether a person may decide under an authority: their own, or lent by a holder.
    fn may(
        &self,
        directory: &Directory,
        now: Timestamp,
        authority: &Authority,
        made: &RequestMade,
        p: PersonId,
    ) -> bool {
        let lent = || {
            self.delegations
                .values()
                .any(|d| d.to == p && d.covers(now) && self.holds(directory, authority, made, d.from))
        };
        let derived = self.one(p, made.person.id);
        let borrows = || naive::enabled(directory, p) && lent();
        p != made.person.id && !derived && (self.holds(directory, authority, made, p) || borrows())
    }

    /// Whether a person holds an authority that does not come from the requester.
    fn holds(&self, directory: &Directory, authority: &Authority, made: &RequestMade, p: PersonId) -> bool {
        naive::holds(directory, authority, made, p) && !self.one(p, made.person.id)
    }

    fn able(
        &self,
        directory: &Directory,
        now: Timestamp,
        authority: &Authority,
        made: &RequestMade,
    ) -> BTreeSet<PersonId> {
        everybody(directory).filter(|p| self.may(directory, now, authority, made, *p)).collect()
    }

    /// Who may decide a level by its frozen authority; nobody for the level after the last.
    pub(super) fn able_on(
        &self,
        directory: &Directory,
        now: Timestamp,
        id: RequestId,
        track: u32,
        level: u32,
    ) -> Result<BTreeSet<PersonId>, Broken> {
        let made = &known(self.requests.get(&id), "the request")?.made;
        let plan = known(made.tracks.get(track as usize), "the track")?;
        let authority = plan.levels.get(level as usize).map(|l| &l.authority);
        Ok(authority.map(|a| self.able(directory, now, a, made)).unwrap_or_default())
    }

    /// Whether this vote or review may count: by a right of one's own or one that was lent, by nobody who counts already
    /// in either name, and never by or for the requester.
    pub(super) fn entitled(
        &self,
        directory: &Directory,
        now: Timestamp,
        id: RequestId,
        authority: &Authority,
        person: PersonId,
        behalf: Option<PersonId>,
    ) -> Held {
        let seen = known(self.requests.get(&id), "the request decided")?;
        let requester = seen.made.person.id;
        ensure(person != requester && behalf != Some(requester), 3, || format!("the requester of {id} decides it"))?;
        let derived = [Some(person), behalf].into_iter().flatten().any(|p| self.one(p, requester));
        ensure(!derived, 3, || format!("{person} decides {id} and may be the requester"))?;
        let counted: Vec<PersonId> = seen.counted().collect();
        let twice = [Some(person), behalf].into_iter().flatten().any(|p| counted.iter().any(|c| self.one(*c, p)));
        ensure(!twice, 3, || format!("{person} or whom they stand for counts twice on {id}"))?;
        let right = match behalf {
            None => self.holds(directory, authority, &seen.made, person),
            Some(from) => {
                let lent = |d: &Lent| (d.from, d.to) == (from, person) && d.covers(now);
                naive::enabled(directory, person)
                    && self.holds(directory, authority, &seen.made, from)
                    && self.delegations.values().any(lent)
            }
        };
        ensure(right, 2, || format!("{person} decides {id} and is not entitled"))
    }

    /// Holders of an authority whose answer does not count yet.
    fn left(&self, directory: &Directory, authority: &Authority, seen: &Seen, hand: Option<PersonId>) -> usize {
        let counted: Vec<PersonId> = seen.counted().chain(hand).collect();
        let holders = everybody(directory).filter(|p| self.holds(directory, authority, &seen.made, *p));
        holders.filter(|p| !counted.iter().any(|c| self.one(*c, *p))).count()
    }

    pub(super) fn escalated(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        let Event::Escalated { request: id, track: n, level, epoch, to, approvers, by } = event else { return Ok(()) };
        let seen = known(self.requests.get(id), "the request escalated")?;
        let mut able = self.able(directory, now, to, &seen.made);
        able.retain(|p| Some(*p) != *by);
        ensure(*approvers == able, 3, || format!("{id} escalates to {approvers:?}, but {able:?} may decide"))?;
        ensure(seen.status == Status::Pending, 11, || format!("{id} escalates and is {:?}", seen.status))?;
        let track = known(seen.tracks.get(*n as usize), "the track")?;
        let frozen = known(seen.made.tracks.get(*n as usize), "the track")?;
        let frozen = known(frozen.levels.get(*level as usize), "the level")?;
        ensure(track.open == Some(*level) && *epoch == track.epoch + 1, 4, || format!("{id} escalates another level"))?;
        ensure(track.escalated.is_none(), 5, || format!("{id} escalates level {level} twice"))?;
        let target = frozen.timeout.as_ref().and_then(|t| t.action.target());
        ensure(target.as_ref() == Some(to), 5, || format!("{id} escalates to others than it was made with"))?;
        let needed = frozen.approvals as usize - track.people(*level, Verdict::Approve).min(frozen.approvals as usize);
        let enough = self.left(directory, to, seen, *by) >= needed;
        ensure(enough && *to != frozen.authority, 2, || format!("{id} escalates to nobody, or to the same"))?;
        let period = frozen.timeout.as_ref().map_or(0, |t| t.after_s);
        let due = now >= track.since.plus(period);
        let short = self.left(directory, &frozen.authority, seen, None) < needed;
        let hand = by.is_some_and(|by| naive::administers(directory, by) && by != seen.made.person.id);
        ensure(hand || (by.is_none() && (due || short)), 4, || format!("{id} escalates without cause"))?;
        let track = self.requests.get_mut(id).and_then(|r| r.tracks.get_mut(*n as usize));
        let track = known(track, "the track")?;
        (track.epoch, track.since, track.blocked) = (*epoch, now, false);
        track.escalated = Some((to.clone(), *by));
        Ok(())
    }

    pub(super) fn blocked_or_freed(&mut self, directory: &Directory, event: &Event) -> Held {
        let (id, n, level, blocks) = match event {
            Event::LevelBlocked { request, track, level } => (request, track, level, true),
            Event::LevelFreed { request, track, level, .. } => (request, track, level, false),
            _ => return Ok(()),
        };
        let seen = known(self.requests.get(id), "the request blocked")?;
        let short = self.is_short(directory, seen, *n)?;
        ensure(short == blocks, 12, || format!("{id} level {level} is said to be blocked: {blocks}"))?;
        let track = self.requests.get_mut(id).and_then(|r| r.tracks.get_mut(*n as usize));
        let track = known(track, "the track")?;
        ensure(track.blocked != blocks, 12, || format!("{id} says twice that a level is blocked: {blocks}"))?;
        track.blocked = blocks;
        Ok(())
    }

    /// Whether an open level has too few left to decide it.
    fn is_short(&self, directory: &Directory, seen: &Seen, n: u32) -> Result<bool, Broken> {
        let track = known(seen.tracks.get(n as usize), "the track")?;
        let plan = known(seen.made.tracks.get(n as usize), "the track")?;
        let Some((at, level)) = track.open.and_then(|at| Some((at, plan.levels.get(at as usize)?))) else {
            return Ok(false);
        };
        let (authority, hand) = track.escalated.clone().unwrap_or((level.authority.clone(), None));
        let needed = (level.approvals as usize).saturating_sub(track.people(at, Verdict::Approve));
        Ok(self.left(directory, &authority, seen, hand) < needed)
    }

    /// Invariant 12: somebody can act on each open level, or an alarm was raised; and the engine wakes when it times out.
    pub(super) fn somebody_can_act(
        &self,
        directory: &Directory,
        id: RequestId,
        seen: &Seen,
        wake_at: Option<Timestamp>,
    ) -> Held {
        for (n, (track, plan)) in (0u32..).zip(seen.tracks.iter().zip(&seen.made.tracks)) {
            let short = self.is_short(directory, seen, n)?;
            ensure(!short || track.blocked, 12, || format!("{id} has a level too few can decide, and nobody is told"))?;
            let level = track.open.and_then(|at| plan.levels.get(at as usize));
            if let Some(timeout) = level.and_then(|l| l.timeout.as_ref()) {
                let due = track.since.plus(timeout.after_s);
                ensure(wake_at.is_some_and(|at| at <= due), 12, || {
                    format!("{id} times out and nothing wakes the engine")
                })?;
            }
        }
        let opens = seen.emergency.as_ref().filter(|e| !e.stopped).map(|e| e.opens_at);
        ensure(opens.is_none_or(|opens| wake_at.is_some_and(|at| at <= opens)), 12, || {
            format!("the emergency of {id} opens and nothing wakes the engine")
        })
    }

    pub(super) fn emergency(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        if let Event::EmergencyStopped { request: id, by, .. } = event {
            let may = self.may_take_away(directory, now, *id, *by)?;
            ensure(may, 3, || format!("{by} stops the emergency of {id} and may not"))?;
            let emergency = self.requests.get_mut(id).and_then(|r| r.emergency.as_mut());
            let emergency = known(emergency, "the emergency stopped")?;
            ensure(!emergency.stopped && now < emergency.opens_at, 11, || format!("{id} is stopped too late"))?;
            emergency.stopped = true;
            return Ok(());
        }
        let Event::EmergencyConfirmed { request: id, evidence, opens_at, .. } = event else { return Ok(()) };
        let seen = known(self.requests.get(id), "the request declared")?;
        ensure(seen.status == Status::Pending && seen.emergency.is_none(), 11, || {
            format!("{id} is declared twice or late")
        })?;
        ensure(*evidence == Evidence::SecondFactor, 13, || format!("{id} is an emergency without a second factor"))?;
        let promised = seen.made.ruling.emergency;
        let countdown = promised.map_or(0, |e| e.countdown_s);
        ensure(promised.is_some() && *opens_at >= now.plus(countdown), 9, || {
            format!("{id} is an emergency that its rules do not allow, or opens too early")
        })?;
        if seen.made.act == Act::Connect {
            let rules = self.connect_rules(directory, &seen.made);
            let refuses = |r: &Rule| {
                let excluded = naive::named(directory, &r.exclusions, seen.made.person.id);
                r.outcome == Outcome::Approve && !excluded && r.emergency.is_none()
            };
            ensure(!rules.iter().any(refuses), 9, || format!("{id} is an emergency that one rule does not allow"))?;
        }
        let lately = self.requests.values().any(|r| {
            let kind = |act: &Act| std::mem::discriminant(act);
            let same = r.made.person.id == seen.made.person.id
                && r.made.target.account == seen.made.target.account
                && kind(&r.made.act) == kind(&seen.made.act);
            let within = |at: Timestamp| now.0 - at.0 < DAY;
            let ended = r.status == Status::Disapproved || (r.status == Status::Revoked && r.opened_early);
            let stopped = r.emergency.as_ref().is_some_and(|e| e.stopped && within(e.opens_at));
            same && (stopped || r.rejected_at.is_some_and(within) || (ended && r.settled_at.is_some_and(within)))
        });
        ensure(!lately, 9, || format!("{id} is an emergency for what was said no to within a day"))?;
        let seen = known(self.requests.get_mut(id), "the request declared")?;
        seen.emergency = Some(SeenEmergency { opens_at: *opens_at, stopped: false });
        Ok(())
    }

    /// Policy or directory changed: at set-up once, else under a live grant for a change.
    pub(super) fn applied(&mut self, now: Timestamp, event: &Event) -> Held {
        let (by, under) = match event {
            Event::PolicyApplied { version, policy, by, under } => {
                self.policy = policy.clone().into();
                self.versions.0 = *version;
                (by, under)
            }
            Event::DirectoryApplied { version, by, under, .. } => {
                self.versions.1 = *version;
                (by, under)
            }
            _ => return Ok(()),
        };
        self.applying = *under;
        let Some(id) = under else {
            return ensure(by.is_none() && self.requests.is_empty() && self.versions.1 == 1, 1, || {
                "policy or directory changed without a request".into()
            });
        };
        let grant = known(self.grants.get(id), "the grant of a change")?;
        let made = &known(self.requests.get(&grant.request), "the request of a change")?.made;
        let live = !grant.ended && grant.terms.window.contains(now);
        ensure(live && matches!(made.act, Act::Administer(_)) && *by == Some(made.person.id), 1, || {
            format!("policy or directory changed under {id}, which is not for that")
        })
    }

    /// A change that is used up is in force now, exactly as approved.
    pub(super) fn in_force_as_approved(&mut self, directory: &Directory, id: GrantId, how: GrantEnd) -> Held {
        let grant = known(self.grants.get(&id), "the grant that ended")?;
        let made = &known(self.requests.get(&grant.request), "the request of the grant")?.made;
        let (Act::Administer(change), GrantEnd::UsedUp) = (&made.act, how) else { return Ok(()) };
        self.applying = None;
        ensure(change.digest == crate::digest::change(directory, &self.policy), 6, || {
            format!("{id} was used for another change than was approved")
        })
    }

    pub(super) fn reviewed(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        let Event::Reviewed {
            request: id, track, level, approver, verdict, authority, digest, behalf, evidence, ..
        } = event
        else {
            return Ok(());
        };
        by_link(directory, authority, *approver, *evidence)?;
        self.entitled(directory, now, *id, authority, *approver, *behalf)?;
        let seen = known(self.requests.get_mut(id), "the request reviewed")?;
        ensure(seen.opened_early, 9, || format!("{id} is reviewed and was no emergency"))?;
        let plan = seen.made.tracks.get(*track as usize).and_then(|t| t.levels.get(*level as usize));
        let plan = known(plan, "the level reviewed")?;
        ensure(*authority == plan.authority && *digest == seen.made.digest, 5, || {
            format!("a review of {id} names another authority or digest")
        })?;
        let terms = seen.made.terms;
        seen.rejected_at = if *verdict == Verdict::Reject { Some(now) } else { seen.rejected_at };
        seen.reviews
            .push((*track, Ballot { level: *level, person: *approver, behalf: *behalf, verdict: *verdict, terms }));
        Ok(())
    }

    /// A review that completes a level's rejections leaves nothing live.
    pub(in crate::simulation) fn rejected_emergencies_are_over(&self) -> Held {
        for (id, seen) in self.requests.iter().filter(|(_, s)| s.opened_early) {
            let rejected = (0u32..).zip(&seen.made.tracks).any(|(t, plan)| {
                (0u32..).zip(&plan.levels).any(|(l, level)| {
                    let said = seen
                        .reviews
                        .iter()
                        .filter(|(track, b)| (*track, b.level, b.verdict) == (t, l, Verdict::Reject));
                    said.count() >= level.rejections as usize
                })
            });
            let live = seen.grant.and_then(|g| self.grants.get(&g)).is_some_and(|g| !g.ended);
            ensure(!(rejected && live), 9, || format!("the emergency of {id} was rejected and its grant lives"))?;
        }
        Ok(())
    }

    pub(super) fn delegation(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        match event {
            Event::Delegated { delegation, from, to, window } => {
                let fine = from != to && naive::enabled(directory, *from) && naive::enabled(directory, *to);
                ensure(fine && window.start >= now && window.start < window.end, 3, || {
                    format!("{delegation} lends nothing, or to nobody")
                })?;
                let lent = Lent { from: *from, to: *to, start: window.start, end: window.end, ended: false };
                ensure(self.delegations.insert(*delegation, lent).is_none(), 10, || {
                    format!("{delegation} is there twice")
                })
            }
            Event::DelegationEnded { delegation, by } => {
                let lent = known(self.delegations.get_mut(delegation), "the delegation")?;
                let may = *by == lent.from || *by == lent.to || naive::administers(directory, *by);
                ensure(may && !lent.ended && now < lent.end, 3, || format!("{by} ends {delegation} and may not"))?;
                lent.ended = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn edited(
        &mut self,
        directory: &Directory,
        now: Timestamp,
        id: GrantId,
        by: PersonId,
        terms: Terms,
    ) -> Held {
        let grant = known(self.grants.get(&id), "the grant edited")?;
        let may = self.may_take_away(directory, now, grant.request, by)?;
        ensure(may, 3, || format!("{by} edits {id} and may not"))?;
        let grant = known(self.grants.get_mut(&id), "the grant edited")?;
        ensure(!grant.ended, 11, || format!("{id} is edited and has ended"))?;
        let signed = grant.signed;
        let within = signed.window.start <= terms.window.start
            && terms.window.end <= signed.window.end
            && (terms.reset_after_use || !signed.reset_after_use);
        ensure(within && terms.window.start < terms.window.end, 6, || {
            format!("{id} is edited beyond what was signed")
        })?;
        grant.terms = terms;
        Ok(())
    }

    /// An approver of any level, by a vote, by right or by a right lent; or an administrator. Never the requester.
    pub(super) fn may_take_away(
        &self,
        directory: &Directory,
        now: Timestamp,
        id: RequestId,
        by: PersonId,
    ) -> Result<bool, Broken> {
        let seen = known(self.requests.get(&id), "the request")?;
        let voted = seen.tracks.iter().flat_map(|t| &t.ballots).chain(seen.reviews.iter().map(|(_, b)| b));
        let voted = voted.map(|b| b.person).any(|p| p == by);
        let levels = seen.made.tracks.iter().flat_map(|t| &t.levels).map(|l| &l.authority);
        let escalated = seen.tracks.iter().filter_map(|t| t.escalated.as_ref()).map(|(to, _)| to);
        let approver = levels.chain(escalated).any(|a| self.may(directory, now, a, &seen.made, by));
        let somebody = by != seen.made.person.id && naive::enabled(directory, by);
        Ok(somebody && (voted || approver || naive::administers(directory, by)))
    }

    /// The connect rules that speak of a request now.
    fn connect_rules(&self, directory: &Directory, made: &RequestMade) -> Vec<Rule> {
        naive::connect_rules(&self.policy, directory, made.person.id, &made.target).cloned().collect()
    }

    /// What every rule that speaks demands of a new connection besides approval (R6, R7).
    pub(super) fn conditions_kept(&self, directory: &Directory, now: Timestamp, made: &RequestMade) -> Held {
        let (id, window) = (made.request, made.terms.window);
        let rules = self.connect_rules(directory, made);
        for rule in &rules {
            let c = &rule.conditions;
            let list = c.reasons.as_ref().is_none_or(|l| made.choice.as_ref().is_some_and(|x| l.contains(x)));
            ensure(list, 1, || format!("{id} gives a reason that is not listed"))?;
            ensure(!c.ticket || made.ticket.is_some(), 1, || format!("{id} has no ticket"))?;
            let inside = c.hours.iter().all(|h| naive::in_hours(h, window.start));
            ensure(inside, 1, || format!("{id} begins outside the allowed hours"))?;
            let ahead = c.ahead_max_s.is_none_or(|most| window.start.seconds_since(now) <= most);
            ensure(ahead, 1, || format!("{id} begins too far ahead"))?;
            ensure(!c.reset_after_use || made.terms.reset_after_use, 1, || format!("{id} is not reset after use"))?;
        }
        if made.automatic.is_some() {
            let excluded = |r: &Rule| naive::named(directory, &r.exclusions, made.person.id);
            let mut asking = rules.iter().filter(|r| r.outcome == Outcome::Approve && !excluded(r));
            let all = asking.all(|r| {
                let start = |a: &countersign_journal::Automatic| a.any_start || naive::in_hours(&a.hours, window.start);
                r.automatic.as_ref().is_some_and(|a| naive::in_hours(&a.hours, now) && start(a))
            });
            ensure(all, 9, || format!("{id} approved itself and not every rule says so"))?;
        }
        Ok(())
    }

    /// Sessions open at a time, and the hours they open in, as every rule demands.
    pub(super) fn not_too_many(&self, directory: &Directory, now: Timestamp, id: GrantId) -> Held {
        let request = self.grants.get(&id).and_then(|g| self.requests.get(&g.request));
        let made = &known(request, "the request of the grant opened")?.made;
        let open = self.sessions.values().filter(|s| s.open && s.grant == id).count();
        for rule in self.connect_rules(directory, made) {
            let most = rule.conditions.sessions_max;
            ensure(most.is_none_or(|most| open < most as usize), 1, || format!("{id} opens one session too many"))?;
            let inside = rule.conditions.hours.iter().all(|h| naive::in_hours(h, now));
            ensure(inside, 1, || format!("{id} opens outside the allowed hours"))?;
        }
        Ok(())
    }
}

/// People and contacts.
fn everybody(directory: &Directory) -> impl Iterator<Item = PersonId> {
    directory.people.keys().chain(directory.contacts.keys()).copied()
}

/// A contact decides by link, where contacts are named, and nobody else does either.
pub(super) fn by_link(directory: &Directory, authority: &Authority, person: PersonId, evidence: Evidence) -> Held {
    let contact = directory.contacts.contains_key(&person) && matches!(authority, Authority::Contacts(_));
    ensure(contact == (evidence == Evidence::Link), 13, || format!("{person} decides by {evidence:?}"))
}

impl Seen {
    /// Everyone whose answer counts, in their own name or by a right they lent.
    fn counted(&self) -> impl Iterator<Item = PersonId> {
        let votes = self.tracks.iter().flat_map(|t| &t.ballots);
        votes.chain(self.reviews.iter().map(|(_, b)| b)).flat_map(|b| [Some(b.person), b.behalf]).flatten()
    }
}

impl Lent {
    fn covers(&self, now: Timestamp) -> bool {
        !self.ended && self.start <= now && now < self.end
    }
}
