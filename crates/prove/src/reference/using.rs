//! What is asked for, used, and taken away.

use super::{Asked, Line, Opened, Reference, number, place};
use countersign_core::{Ask, AskAct, Status};
use countersign_journal::{AccountId, Attempt, GrantId, Level, PersonId, RequestId, SessionId, Timestamp, Window};

/// How long an access that is simply allowed lasts, in seconds.
const ALLOWED_S: u64 = 8 * 3600;

/// How many requests of one person may wait at once.
const WAITING_MAX: usize = 100;

impl Reference {
    fn lives(&self, grant: usize, now: Timestamp) -> bool {
        let granted = &self.grants[grant];
        !granted.over && granted.window.start <= now && now < granted.window.end
    }

    fn request_of(&self, grant: usize) -> &Asked {
        &self.requests[place(self.grants[grant].request.0).unwrap_or_default()]
    }

    fn open_under(&self, grant: usize) -> usize {
        self.sessions.iter().filter(|s| !s.closed && place(s.grant.0) == Some(grant)).count()
    }

    pub(super) fn asked(&mut self, ask: &Ask, now: Timestamp) -> Option<()> {
        self.here(ask.person).then_some(())?;
        match &ask.act {
            AskAct::Connect { account, window, .. } => self.reserved(ask.person, *account, *window, now),
            AskAct::Run { session, attempt, .. } => self.held(ask.person, *session, *attempt, now),
            AskAct::Administer(_) | AskAct::Watch { .. } => None,
        }
    }

    fn reserved(&mut self, who: PersonId, account: AccountId, window: Window, now: Timestamp) -> Option<()> {
        let left = |w: Window| Window::new(w.start.max(now), w.end);
        let window = left(window)?;
        let waits = |r: &Asked| r.status == Status::Pending && r.run.is_none();
        let lasts = |w: Window| w.end.0 - w.start.0;
        // Asked again within five minutes, from now on and as long, but for a second: then and now began at once.
        let again = |r: &Asked| {
            let lately = now.0 - r.made.0 < 301_000_000 && r.window.start == r.made && window.start == now;
            lately && (lasts(r.window) - lasts(window)).abs() <= 1_000_000
        };
        let period = |r: &Asked| left(r.window) == Some(window) || again(r);
        let same = |r: &Asked| r.who == who && r.account == account && period(r);
        if self.requests.iter().any(|r| waits(r) && same(r)) {
            return Some(());
        }
        let tracks = self.setting.tracks.clone();
        self.made(who, account, None, window, tracks, now)
    }

    fn held(&mut self, who: PersonId, session: SessionId, attempt: Attempt, now: Timestamp) -> Option<()> {
        let session = self.sessions.get(place(session.0)?).filter(|s| !s.closed)?;
        let (under, grant) = (session.grant, place(session.grant.0)?);
        let asked = self.request_of(grant);
        (asked.who == who && self.lives(grant, now)).then_some(())?;
        let (account, end) = (asked.account, self.grants[grant].window.end);
        let unused = |r: &Asked| r.grant.and_then(|g| place(g.0)).is_some_and(|g| self.lives(g, now));
        let waits = |r: &Asked| r.status == Status::Pending || (r.status == Status::Approved && unused(r));
        if self.requests.iter().any(|r| r.who == who && r.run == Some((under, attempt)) && waits(r)) {
            return Some(());
        }
        let levels = vec![self.setting.held.clone()];
        self.made(who, account, Some((under, attempt)), Window::new(now, end)?, levels, now)
    }

    /// A new request, unless its first levels have too few to decide them.
    fn made(
        &mut self,
        who: PersonId,
        account: AccountId,
        run: Option<(GrantId, Attempt)>,
        window: Window,
        tracks: Vec<Vec<Level>>,
        now: Timestamp,
    ) -> Option<()> {
        let begun = |levels: Vec<Level>| Line {
            levels,
            at: 0,
            epoch: 0,
            since: now,
            instead: None,
            blocked: false,
            votes: Vec::new(),
        };
        let lines: Vec<Line> = tracks.into_iter().map(begun).collect();
        let none = lines.is_empty();
        let theirs = self.requests.iter().filter(|r| r.who == who && r.status == Status::Pending).count();
        (none || theirs < WAITING_MAX).then_some(())?;
        self.requests.push(Asked {
            who,
            made: now,
            account,
            run,
            window,
            lines,
            status: Status::Pending,
            settled: now,
            grant: None,
            urgent: None,
            opened_urgently: false,
            reviews: Vec::new(),
            review_said_no: None,
        });
        let n = self.requests.len() - 1;
        let enough = |first: &Level| self.left(n, &first.authority, None) >= first.approvals as usize;
        self.requests[n].lines.iter().all(|l| l.levels.first().is_some_and(enough)).then_some(())?;
        if none {
            self.approve(n, window, now);
        }
        Some(())
    }

    pub(super) fn opened(&mut self, who: PersonId, account: AccountId, now: Timestamp) -> Option<()> {
        self.here(who).then_some(())?;
        let mine = |g: &usize| {
            let asked = self.request_of(*g);
            asked.who == who && asked.account == account && asked.run.is_none() && self.lives(*g, now)
        };
        let live: Vec<usize> = (0..self.grants.len()).filter(mine).collect();
        if live.is_empty() {
            self.setting.tracks.is_empty().then_some(())?;
            self.alone(account, None).then_some(())?;
            let window = Window::new(now, now.plus(ALLOWED_S))?;
            self.made(who, account, None, window, Vec::new(), now)?;
            return self.begin(self.grants.len() - 1);
        }
        let grant = live.into_iter().find(|g| self.alone(account, Some(*g)))?;
        let most = self.setting.sessions_max.map_or(usize::MAX, |most| most as usize);
        (self.open_under(grant) < most).then_some(())?;
        self.begin(grant)
    }

    fn begin(&mut self, grant: usize) -> Option<()> {
        self.grants[grant].in_use = true;
        self.sessions.push(Opened { grant: GrantId(number(grant)), closed: false });
        Some(())
    }

    /// Whether nobody else's exclusive use is in the way, nor anybody in the way of mine.
    fn alone(&self, account: AccountId, mine: Option<usize>) -> bool {
        let others = (0..self.grants.len()).filter(|g| Some(*g) != mine && self.request_of(*g).account == account);
        let busy = |g: usize| self.open_under(g) > 0 || (self.grants[g].in_use && !self.grants[g].over);
        !self.setting.exclusive || !others.filter(|g| self.request_of(*g).run.is_none()).any(busy)
    }

    pub(super) fn closed(&mut self, id: SessionId) -> Option<()> {
        let session = self.sessions.get_mut(place(id.0)?).filter(|s| !s.closed)?;
        session.closed = true;
        for (at, told) in self.grants.iter_mut().filter_map(|g| g.used.as_mut()) {
            *told |= *at == id;
        }
        Some(())
    }

    pub(super) fn cleared(&mut self, id: GrantId, session: SessionId, attempt: Attempt, now: Timestamp) -> Option<()> {
        let grant = place(id.0).filter(|g| *g < self.grants.len())?;
        let asked = self.request_of(grant);
        let (under, approved) = asked.run?;
        let open = self.sessions.get(place(session.0)?).is_some_and(|s| !s.closed && s.grant == under);
        let fresh = self.grants[grant].used.is_none() && self.lives(grant, now) && asked.status == Status::Approved;
        (open && fresh && approved == attempt && self.lives(place(under.0)?, now)).then_some(())?;
        self.grants[grant].used = Some((session, false));
        self.grants[grant].over = true;
        Some(())
    }

    pub(super) fn ran(&mut self, id: GrantId) -> Option<()> {
        let (_, told) = self.grants.get_mut(place(id.0)?)?.used.as_mut()?;
        (!*told).then(|| *told = true)
    }

    pub(super) fn withdrawn(&mut self, id: RequestId, by: PersonId, now: Timestamp) -> Option<()> {
        let n = place(id.0)?;
        let asked = self.requests.get(n).filter(|r| r.who == by)?;
        let grant = asked.grant.and_then(|g| place(g.0));
        let unused = grant.filter(|g| !self.grants[*g].in_use && !self.grants[*g].over);
        match (asked.status, unused) {
            (Status::Pending, _) => {}
            (Status::Approved, Some(grant)) => self.end(grant, now),
            _ => return None,
        }
        self.settle(n, Status::Canceled, now);
        Some(())
    }

    pub(super) fn revoked(&mut self, id: RequestId, by: PersonId, now: Timestamp) -> Option<()> {
        let n = place(id.0).filter(|n| *n < self.requests.len())?;
        let live = self.requests[n].grant.and_then(|g| place(g.0)).is_some_and(|g| !self.grants[g].over);
        (self.has_a_say(n, by, now) && self.requests[n].status == Status::Approved && live).then_some(())?;
        self.take_away(n, now);
        Some(())
    }

    pub(super) fn take_away(&mut self, n: usize, now: Timestamp) {
        self.settle(n, Status::Revoked, now);
        if let Some(grant) = self.requests[n].grant.and_then(|g| place(g.0)) {
            self.end(grant, now);
        }
    }

    pub(super) fn surrendered(&mut self, id: GrantId, by: PersonId, now: Timestamp) -> Option<()> {
        let grant = place(id.0).filter(|g| *g < self.grants.len())?;
        (self.request_of(grant).who == by && !self.grants[grant].over).then_some(())?;
        self.end(grant, now);
        Some(())
    }

    pub(super) fn edited(&mut self, id: RequestId, by: PersonId, window: Window, now: Timestamp) -> Option<()> {
        let n = place(id.0).filter(|n| *n < self.requests.len())?;
        (self.has_a_say(n, by, now) && self.requests[n].status == Status::Approved).then_some(())?;
        let grant = self.requests[n].grant.and_then(|g| place(g.0))?;
        let signed = self.grants[grant].signed;
        let narrower = signed.start <= window.start && window.end <= signed.end && window.start < window.end;
        (narrower && !self.grants[grant].over).then_some(())?;
        self.grants[grant].window = window;
        if window.end <= now || (self.grants[grant].in_use && window.start > now) {
            self.end(grant, now);
        }
        Some(())
    }

    /// Ends a grant and what hangs on it.
    pub(super) fn end(&mut self, grant: usize, now: Timestamp) {
        self.grants[grant].over = true;
        for n in 0..self.requests.len() {
            let hangs = self.requests[n].run.is_some_and(|(under, _)| place(under.0) == Some(grant));
            let inner = self.requests[n].grant.and_then(|g| place(g.0));
            match (hangs, self.requests[n].status, inner) {
                (true, Status::Pending, _) => self.settle(n, Status::Expired, now),
                (true, _, Some(inner)) => self.grants[inner].over = true,
                _ => {}
            }
        }
    }
}
