//! Who decides, and what follows.

use super::{Asked, Granted, Line, Reference, Said, number, place};
use countersign_core::{Position, Status, Vote};
use countersign_journal::{
    AccountId, Authority, Evidence, GrantId, GroupId, Level, PersonId, RequestId, TimeoutAction, Timestamp, Verdict,
    Window,
};
use std::collections::BTreeSet;

const DAY_S: u64 = 24 * 3600;

impl Asked {
    /// Everybody whose word was used on this request.
    fn spoken(&self) -> Vec<PersonId> {
        let all = self.lines.iter().flat_map(|l| &l.votes).chain(&self.reviews);
        all.flat_map(|s| [Some(s.who), s.whose]).flatten().collect()
    }

    fn count(&self, line: usize, level: usize, verdict: Verdict) -> usize {
        let votes = self.lines.get(line).map_or(&[][..], |l| &l.votes);
        votes.iter().filter(|s| s.level == level && s.verdict == verdict).count()
    }

    /// Whether a level of an emergency still waits for its review.
    fn owes(&self, line: usize, level: usize, plan: &Level) -> bool {
        let said =
            |v| self.reviews.iter().filter(|s| s.line == line && s.level == level && s.verdict == v).count() as u32;
        (self.count(line, level, Verdict::Approve) as u32) < plan.approvals
            && said(Verdict::Approve) < plan.approvals
            && said(Verdict::Reject) < plan.rejections
    }
}

impl Line {
    fn open(&self) -> Option<&Level> {
        self.levels.get(self.at)
    }

    fn decides(&self) -> Option<Authority> {
        let level = self.open()?;
        Some(self.instead.as_ref().map_or(&level.authority, |(who, _)| who).clone())
    }

    /// Who would decide instead when time runs out.
    fn stand_in(&self) -> Option<Authority> {
        match (&self.instead, &self.open()?.timeout.as_ref()?.action) {
            (None, TimeoutAction::EscalateToManagers(group)) => Some(Authority::Managers(*group)),
            (None, TimeoutAction::EscalateToMembers(group)) => Some(Authority::Members(*group)),
            _ => None,
        }
    }

    fn begin(&mut self, level: usize, epoch: u32, now: Timestamp) {
        (self.at, self.epoch, self.since, self.instead, self.blocked) = (level, epoch, now, None, false);
    }
}

impl Reference {
    fn in_group(&self, group: GroupId, seen: &mut Vec<GroupId>) -> BTreeSet<PersonId> {
        let Some(known) = self.setting.directory.groups.get(&group).filter(|_| !seen.contains(&group)) else {
            return BTreeSet::new();
        };
        seen.push(group);
        let inner: Vec<PersonId> = known.groups.iter().flat_map(|g| self.in_group(*g, seen)).collect();
        known.members.iter().copied().chain(inner).collect()
    }

    /// Everyone who could be acting as this person: themselves, and whom links to passwords let become them.
    fn behind(&self, person: PersonId) -> BTreeSet<PersonId> {
        let both = [&self.opened_by, &self.offered_by].into_iter().filter_map(|by| by.get(&person)).flatten();
        both.copied().chain([person]).collect()
    }

    /// A link was made, or the last one made was opened.
    pub(super) fn linked(&mut self, whose: PersonId, maker: Option<PersonId>, now: Timestamp) {
        match maker {
            Some(maker) => drop(self.offered_by.insert(whose, self.behind(maker))),
            None => {
                if let Some(makers) = self.offered_by.remove(&whose) {
                    self.opened_by.insert(whose, makers);
                    // What was lent and borrowed under the old password ends.
                    let theirs = self.lent.iter_mut().filter(|l| l.from == whose || l.to == whose);
                    theirs.filter(|l| now < l.window.end).for_each(|l| l.ended = true);
                }
            }
        }
        for request in 0..self.requests.len() {
            self.look_again(request, now);
        }
    }

    /// Everyone who may be this person, as far as links tell.
    fn one_with(&self, person: PersonId) -> BTreeSet<PersonId> {
        let behind = self.behind(person);
        let known = self.setting.directory.people.keys().copied();
        known.filter(|p| !self.behind(*p).is_disjoint(&behind)).chain([person]).collect()
    }

    fn fit(&self, person: PersonId, requester: PersonId) -> bool {
        self.here(person) && self.behind(person).is_disjoint(&self.behind(requester))
    }

    /// Those who decide in their own right.
    fn own_right(&self, who: &Authority, requester: PersonId, account: AccountId) -> BTreeSet<PersonId> {
        let directory = &self.setting.directory;
        let known = directory.accounts.get(&account);
        let named = match who {
            Authority::Persons(people) => people.clone(),
            Authority::Members(group) => self.in_group(*group, &mut Vec::new()),
            Authority::Managers(group) => directory.groups.get(group).map(|g| g.managers.clone()).unwrap_or_default(),
            Authority::Administrators => self.setting.managers.clone(),
            Authority::LineManager => directory.people.get(&requester).and_then(|p| p.manager).into_iter().collect(),
            Authority::AccountOwners => known.map(|a| a.owners.clone()).unwrap_or_default(),
            Authority::AccountManagers => known.map(|a| a.managers.clone()).unwrap_or_default(),
            Authority::Approvers(module) => directory.approvers.get(module).cloned().unwrap_or_default(),
            Authority::Contacts(named) => return named.iter().copied().filter(|c| self.outside(*c)).collect(),
        };
        named.into_iter().filter(|p| self.fit(*p, requester)).collect()
    }

    /// Enough is what the level wants, and of a contact a link, which is nothing to anybody else.
    fn shows_enough(&self, vote: &Vote, plan: &Level) -> bool {
        vote.evidence >= plan.evidence && self.outside(vote.approver) == (vote.evidence == Evidence::Link)
    }

    fn lenders(&self, to: PersonId, now: Timestamp) -> Vec<PersonId> {
        let live = self.lent.iter().filter(|l| !l.ended && l.window.start <= now && now < l.window.end);
        live.filter(|l| l.to == to).map(|l| l.from).collect()
    }

    /// In whose right a person may speak now; the inner one is the lender.
    fn right(&self, n: usize, who: &Authority, person: PersonId, now: Timestamp) -> Option<Option<PersonId>> {
        let request = &self.requests[n];
        (self.outside(person) || self.fit(person, request.who)).then_some(())?;
        let own = self.own_right(who, request.who, request.account);
        let has_spoken = |p: &PersonId| {
            let them = self.one_with(*p);
            request.spoken().iter().any(|s| them.contains(s))
        };
        if own.contains(&person) {
            return (!has_spoken(&person)).then_some(None);
        }
        let mut lenders = self.lenders(person, now).into_iter().filter(|l| own.contains(l) && !has_spoken(l));
        lenders.next().filter(|_| !has_spoken(&person)).map(Some)
    }

    /// Where a person could decide a request now.
    pub(super) fn place_of(&self, n: usize, person: PersonId, now: Timestamp) -> Option<Position> {
        let request = &self.requests[n];
        for (line, known) in request.lines.iter().enumerate() {
            let position = |level: usize| Position { track: line as u32, level: level as u32, epoch: known.epoch };
            if request.opened_urgently {
                let mut owed = known.levels.iter().enumerate().filter(|(l, plan)| request.owes(line, *l, plan));
                if let Some((level, _)) = owed.find(|(_, plan)| self.right(n, &plan.authority, person, now).is_some()) {
                    return Some(position(level));
                }
                continue;
            }
            if request.status != Status::Pending {
                continue;
            }
            let right = known.decides().and_then(|who| self.right(n, &who, person, now));
            let escalator = known.instead.as_ref().and_then(|(_, by)| *by);
            let hand = escalator.map(|by| self.one_with(by)).unwrap_or_default();
            let own = |whose: Option<PersonId>| [Some(person), whose].into_iter().flatten().any(|p| hand.contains(&p));
            if right.is_some_and(|whose| !own(whose)) {
                return Some(position(known.at));
            }
        }
        None
    }

    pub(super) fn voted(&mut self, vote: &Vote, now: Timestamp) -> Option<()> {
        let n = place(vote.request.0)?;
        let (line, level) = (vote.position.track as usize, vote.position.level as usize);
        let request = self.requests.get(n)?;
        let known = request.lines.get(line)?;
        if request.opened_urgently {
            return self.reviewed(n, vote, now);
        }
        (request.status == Status::Pending && now < request.window.end).then_some(())?;
        (known.at == level && known.epoch == vote.position.epoch).then_some(())?;
        let plan = known.open()?.clone();
        let whose = self.right(n, &known.decides()?, vote.approver, now)?;
        let escalator = known.instead.as_ref().and_then(|(_, by)| *by);
        let hand = escalator.map(|by| self.one_with(by)).unwrap_or_default();
        ([Some(vote.approver), whose].into_iter().flatten().all(|p| !hand.contains(&p))).then_some(())?;
        self.shows_enough(vote, &plan).then_some(())?;
        let window = vote.terms.map_or(request.window, |t| t.window);
        Window::new(window.start, window.end)?;
        let agreed = if vote.verdict == Verdict::Approve { Some(self.agreed(n, window, now)?) } else { None };
        let said = Said { line, level, who: vote.approver, whose, verdict: vote.verdict, window };
        self.requests[n].lines[line].votes.push(said);
        let found = self.requests[n].count(line, level, vote.verdict) as u32;
        match agreed {
            None if found >= plan.rejections => self.settle(n, Status::Disapproved, now),
            Some(window) if found >= plan.approvals => self.passed(n, line, window, now),
            _ => {}
        }
        self.look_again(n, now);
        Some(())
    }

    /// What everybody who said yes allows, this one included, from now on.
    fn agreed(&self, n: usize, window: Window, now: Timestamp) -> Option<Window> {
        let request = &self.requests[n];
        let inside = window.start >= request.window.start && window.end <= request.window.end;
        (request.run.is_none() || inside).then_some(())?;
        let (mut start, mut end) = (window.start.max(now), window.end);
        for said in request.lines.iter().flat_map(|l| &l.votes).filter(|s| s.verdict == Verdict::Approve) {
            start = start.max(said.window.start);
            end = end.min(said.window.end);
        }
        Window::new(start, end)
    }

    fn passed(&mut self, n: usize, line: usize, window: Window, now: Timestamp) {
        let known = &mut self.requests[n].lines[line];
        let (next, epoch) = (known.at + 1, known.epoch);
        let last = next == known.levels.len();
        if last && self.requests[n].lines.iter().enumerate().all(|(other, l)| other == line || l.open().is_none()) {
            self.approve(n, window, now);
        } else {
            self.requests[n].lines[line].begin(next, epoch, now);
        }
    }

    pub(super) fn approve(&mut self, n: usize, window: Window, now: Timestamp) {
        let granted =
            Granted { request: RequestId(number(n)), window, signed: window, in_use: false, over: false, used: None };
        self.grants.push(granted);
        self.requests[n].grant = Some(GrantId(number(self.grants.len() - 1)));
        self.requests[n].lines.iter_mut().for_each(|l| l.at = l.levels.len());
        self.settle(n, Status::Approved, now);
    }

    pub(super) fn settle(&mut self, n: usize, status: Status, now: Timestamp) {
        self.requests[n].status = status;
        self.requests[n].settled = now;
    }

    fn reviewed(&mut self, n: usize, vote: &Vote, now: Timestamp) -> Option<()> {
        let (line, level) = (vote.position.track as usize, vote.position.level as usize);
        let request = &self.requests[n];
        let plan = request.lines[line].levels.get(level)?.clone();
        request.owes(line, level, &plan).then_some(())?;
        let whose = self.right(n, &plan.authority, vote.approver, now)?;
        self.shows_enough(vote, &plan).then_some(())?;
        let said = Said { line, level, who: vote.approver, whose, verdict: vote.verdict, window: request.window };
        if vote.verdict == Verdict::Reject {
            self.requests[n].review_said_no = Some(now);
        }
        self.requests[n].reviews.push(said);
        let request = &self.requests[n];
        let rejected = request.reviews.iter().filter(|s| s.line == line && s.level == level);
        let rejected = rejected.filter(|s| s.verdict == Verdict::Reject).count() as u32;
        let live = request.grant.and_then(|g| place(g.0)).is_some_and(|g| !self.grants[g].over);
        if vote.verdict == Verdict::Reject && rejected >= plan.rejections && live && request.status == Status::Approved
        {
            self.take_away(n, now);
        }
        Some(())
    }

    /// How many more could still speak on an open level.
    pub(super) fn left(&self, n: usize, who: &Authority, besides: Option<PersonId>) -> usize {
        let request = &self.requests[n];
        let own = self.own_right(who, request.who, request.account);
        let spoken: BTreeSet<PersonId> =
            request.spoken().into_iter().chain(besides).flat_map(|p| self.one_with(p)).collect();
        own.iter().filter(|p| !spoken.contains(p)).count()
    }

    fn lacks(&self, n: usize, line: usize) -> usize {
        let known = &self.requests[n].lines[line];
        let wanted = known.open().map_or(0, |l| l.approvals as usize);
        wanted.saturating_sub(self.requests[n].count(line, known.at, Verdict::Approve))
    }

    /// Lets others decide an open level, if there are others, and enough of them.
    fn hand_over(&mut self, n: usize, line: usize, by: Option<PersonId>, now: Timestamp) -> Option<()> {
        let to = self.requests[n].lines[line].stand_in()?;
        let others = self.requests[n].lines[line].decides().as_ref() != Some(&to);
        (others && self.left(n, &to, by) >= self.lacks(n, line)).then_some(())?;
        let known = &mut self.requests[n].lines[line];
        (known.epoch, known.since, known.blocked, known.instead) = (known.epoch + 1, now, false, Some((to, by)));
        Some(())
    }

    /// A level that too few can decide is handed over where that was foreseen, and else waits for somebody.
    pub(super) fn look_again(&mut self, n: usize, now: Timestamp) {
        for line in 0..self.requests[n].lines.len() {
            let known = &self.requests[n].lines[line];
            let (Some(who), Status::Pending) = (known.decides(), self.requests[n].status) else { continue };
            let besides = known.instead.as_ref().and_then(|(_, by)| *by);
            let enough = self.left(n, &who, besides) >= self.lacks(n, line);
            if enough {
                self.requests[n].lines[line].blocked = false;
            } else if !known.blocked && known.stand_in().is_none() {
                self.requests[n].lines[line].blocked = true;
            } else if !known.blocked && self.hand_over(n, line, None, now).is_none() {
                self.settle(n, Status::Expired, now);
            }
        }
    }

    pub(super) fn escalated(&mut self, id: RequestId, seen: Position, by: PersonId, now: Timestamp) -> Option<()> {
        let n = place(id.0)?;
        let request = self.requests.get(n)?;
        (self.manages(by) && by != request.who && request.status == Status::Pending).then_some(())?;
        let known = request.lines.get(seen.track as usize)?;
        (known.at == seen.level as usize && known.epoch == seen.epoch).then_some(())?;
        self.hand_over(n, seen.track as usize, Some(by), now)
    }

    pub(super) fn retracted(&mut self, id: RequestId, by: PersonId, now: Timestamp) -> Option<()> {
        self.here(by).then_some(())?;
        let n = place(id.0)?;
        let mine = |s: &&Said| s.who == by && s.verdict == Verdict::Approve;
        let said = self.requests.get(n)?.lines.iter().find_map(|l| l.votes.iter().find(mine))?;
        let (line, level) = (said.line, said.level);
        match self.requests[n].status {
            Status::Pending => {
                let known = &mut self.requests[n].lines[line];
                known.votes.retain(|s| s.level < level);
                known.begin(level, known.epoch + 1, now);
                self.look_again(n, now);
                Some(())
            }
            Status::Approved => self.revoked(id, by, now),
            _ => None,
        }
    }

    /// Whether a person has a say in a request: by a vote that stands, or by the right to give one.
    pub(super) fn has_a_say(&self, n: usize, person: PersonId, now: Timestamp) -> bool {
        let request = &self.requests[n];
        let in_line = |l: &Line| {
            let mut named = l.levels.iter().map(|l| &l.authority).chain(l.instead.iter().map(|(who, _)| who));
            l.votes.iter().any(|s| s.who == person) || named.any(|who| self.could(n, who, person, now))
        };
        self.here(person) && person != request.who && (self.manages(person) || request.lines.iter().any(in_line))
    }

    fn could(&self, n: usize, who: &Authority, person: PersonId, now: Timestamp) -> bool {
        let request = &self.requests[n];
        let own = self.own_right(who, request.who, request.account);
        let lent = self.lenders(person, now).iter().any(|l| own.contains(l));
        own.contains(&person) || (lent && self.fit(person, request.who))
    }

    pub(super) fn declared(&mut self, id: RequestId, by: PersonId, now: Timestamp) -> Option<()> {
        let n = place(id.0)?;
        let request = self.requests.get(n)?;
        let waits = request.status == Status::Pending && now < request.window.end;
        (request.who == by && waits && request.urgent.is_none() && request.run.is_none()).then_some(())?;
        let countdown = self.setting.emergency?;
        let same = |r: &&Asked| r.who == by && r.account == request.account && r.run.is_none();
        let lately = |at| now.seconds_since(at) < DAY_S;
        let ended = |r: &Asked| r.status == Status::Disapproved || (r.status == Status::Revoked && r.opened_urgently);
        let stopped = |r: &Asked| r.urgent.is_some_and(|(opens, stopped)| stopped && lately(opens));
        let no = |r: &Asked| stopped(r) || r.review_said_no.is_some_and(lately) || (ended(r) && lately(r.settled));
        (!self.requests.iter().filter(same).any(no)).then_some(())?;
        self.requests[n].urgent = Some((now.plus(countdown), false));
        if countdown == 0 {
            self.open_urgently(n, now)?;
        }
        Some(())
    }

    pub(super) fn open_urgently(&mut self, n: usize, now: Timestamp) -> Option<()> {
        let asked = self.requests[n].window;
        let end = if asked.start > now { now.plus(asked.seconds()) } else { asked.end };
        self.approve(n, Window::new(now, end)?, now);
        self.requests[n].opened_urgently = true;
        Some(())
    }

    pub(super) fn stopped(&mut self, id: RequestId, by: PersonId, now: Timestamp) -> Option<()> {
        let n = place(id.0)?;
        let request = self.requests.get(n)?;
        let counting = request.urgent.is_some_and(|(opens, stopped)| !stopped && now < opens);
        (request.status == Status::Pending && counting && self.has_a_say(n, by, now)).then_some(())?;
        self.requests[n].urgent.iter_mut().for_each(|(_, stopped)| *stopped = true);
        Some(())
    }

    pub(super) fn time_passed(&mut self, now: Timestamp) {
        for grant in 0..self.grants.len() {
            if now >= self.grants[grant].window.end {
                self.end(grant, now);
            }
        }
        for n in 0..self.requests.len() {
            let request = &self.requests[n];
            let due =
                |l: &Line| l.open().and_then(|l| l.timeout.as_ref()).is_some_and(|t| l.since.plus(t.after_s) <= now);
            let late: Vec<usize> = (0..request.lines.len()).filter(|l| due(&request.lines[*l])).collect();
            let opens = request.urgent.is_some_and(|(opens, stopped)| !stopped && opens <= now);
            if request.status != Status::Pending {
                continue;
            }
            let goes_on = now < request.window.end
                && match opens {
                    true => self.open_urgently(n, now).is_some(),
                    false => late.iter().all(|line| self.hand_over(n, *line, None, now).is_some()),
                };
            if !goes_on {
                self.settle(n, Status::Expired, now);
            }
        }
    }
}
