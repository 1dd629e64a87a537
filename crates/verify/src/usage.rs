//! Grants and sessions: what is used was granted, to the byte and the moment, and nothing starts after an end.

use crate::ledger::{Ledger, Wrong, ensure, ensure_next};
use crate::plan::StepUse;
use crate::request::{Status, inside};
use countersign_journal::{
    AccountId, Act, Attempt, GrantEnd, GrantId, RequestId, RequestMade, Run, SessionId, TargetFacts, Terms, Timestamp,
};
use std::collections::BTreeMap;

/// A grant and how far it is.
pub(crate) struct Grant {
    pub(crate) request: RequestId,
    /// What holds now, and the widest that was signed.
    pub(crate) terms: Terms,
    pub(crate) signed: Terms,
    pub(crate) stage: Stage,
    /// What is known of its one use; of no meaning under a connect grant.
    run: Release,
    /// Statements of its plan that were used.
    pub(crate) steps: BTreeMap<u32, StepUse>,
}

/// How far a grant is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    ToBeUsed,
    InUse,
    Ended,
}

/// How far a one-use grant's use is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Release {
    NotYet,
    Used,
    Reported,
}

/// A session.
pub(crate) struct Session {
    pub(crate) grant: GrantId,
    /// When it closed.
    closed: Option<Timestamp>,
    /// Whether what it recorded was erased.
    erased: bool,
    /// Lines in it that were alerted to.
    pub(crate) alerts: u32,
}

impl Grant {
    pub(crate) fn new(request: RequestId, terms: Terms) -> Grant {
        Grant { request, terms, signed: terms, stage: Stage::ToBeUsed, run: Release::NotYet, steps: BTreeMap::new() }
    }
}

impl Ledger {
    pub(crate) fn grant(&self, id: GrantId) -> Result<&Grant, Wrong> {
        self.grants.get(&id).ok_or_else(|| format!("`{id}` was never given"))
    }

    pub(crate) fn grant_mut(&mut self, id: GrantId) -> Result<&mut Grant, Wrong> {
        self.grants.get_mut(&id).ok_or_else(|| format!("`{id}` was never given"))
    }

    /// Insists that a grant covers the moment: given, neither ended nor revoked, inside its window. Returns the
    /// request it came from.
    pub(crate) fn covered(&self, at: Timestamp, id: GrantId) -> Result<&RequestMade, Wrong> {
        let grant = self.grant(id)?;
        let request = self.request(grant.request)?;
        ensure(grant.stage != Stage::Ended, || format!("`{id}` is used and has ended"))?;
        let (number, status) = (grant.request, request.status);
        ensure(status == Status::Approved, || format!("`{id}` is used and `{number}` is {status}"))?;
        ensure(grant.terms.window.contains(at), || format!("`{id}` is used outside its window"))?;
        Ok(&request.made)
    }

    /// Insists that a session is open under a connect grant that covers the moment.
    pub(crate) fn live(&self, at: Timestamp, session: SessionId, under: GrantId) -> Result<&RequestMade, Wrong> {
        let found = self.sessions.get(&session).ok_or_else(|| format!("`{session}` was never opened"))?;
        ensure(self.open.contains(&session), || format!("`{session}` is used and is closed"))?;
        ensure(found.grant == under, || {
            format!("`{session}` is used under `{under}` and belongs to `{}`", found.grant)
        })?;
        self.covered(at, under)
    }

    /// A statement is held in an open session of the same person on the same target, for no longer than that lasts.
    pub(crate) fn held_in_a_live_session(&self, at: Timestamp, made: &RequestMade, run: &Run) -> Result<(), Wrong> {
        let (id, connect) = (made.request, self.live(at, run.session, run.grant)?);
        ensure(connect.person.id == made.person.id, || format!("`{id}` was held in a session of somebody else"))?;
        ensure(same_target(&connect.target, &made.target), || {
            format!("`{id}` is for another target than the session it was held in")
        })?;
        let lasts = self.grant(run.grant)?.terms.window;
        ensure(inside(made.terms.window, lasts), || {
            format!("`{id}` asks for a window wider than that of `{}`", run.grant)
        })?;
        ensure(run.same_session || !made.ruling.conditions.same_session, || {
            format!("`{id}` may run in any session although the rules narrow it to one")
        })
    }

    pub(crate) fn opened(
        &mut self,
        at: Timestamp,
        session: SessionId,
        under: GrantId,
        first_use: bool,
    ) -> Result<(), Wrong> {
        ensure_next(&self.sessions, session, session.0)?;
        let made = self.covered(at, under)?;
        ensure(made.act == Act::Connect, || format!("`{session}` opens under `{under}`, which is not for sessions"))?;
        let (account, exclusive) = (made.target.account, made.ruling.conditions.exclusive);
        if let Some(other) = self.in_the_way(under, account, exclusive) {
            return Err(format!(
                "`{session}` opens on `{account}`, which is in use under `{other}`, and one of both is exclusive"
            ));
        }
        let grant = self.grant_mut(under)?;
        ensure(first_use == (grant.stage == Stage::ToBeUsed), || {
            format!("`{session}` says wrongly whether it is the first use of `{under}`")
        })?;
        grant.stage = Stage::InUse;
        if exclusive {
            self.held.insert(account, under);
        }
        self.sessions.insert(session, Session { grant: under, closed: None, erased: false, alerts: 0 });
        self.open.insert(session);
        Ok(())
    }

    /// Another grant that keeps this one from the account: it holds the account exclusively, or has a session open
    /// while either of the two is exclusive. An exclusive use lasts until its sessions are cut.
    fn in_the_way(&self, mine: GrantId, account: AccountId, exclusive: bool) -> Option<GrantId> {
        let holder = self.held.get(&account).copied().filter(|holder| *holder != mine);
        let others = self.open.iter().filter_map(|s| self.sessions.get(s)).map(|s| s.grant).filter(|g| *g != mine);
        let mut disturbed = others.filter(|other| {
            let made = self.grant(*other).and_then(|g| self.request(g.request)).map(|r| &r.made);
            made.is_ok_and(|m| m.target.account == account && (exclusive || m.ruling.conditions.exclusive))
        });
        holder.or_else(|| disturbed.next())
    }

    /// What a session recorded may be gone once it was kept as long as the rules of its request demand.
    pub(crate) fn recording_erased(
        &mut self,
        at: Timestamp,
        id: SessionId,
        request: RequestId,
        kept_days: u32,
    ) -> Result<(), Wrong> {
        let session = self.sessions.get(&id).ok_or_else(|| format!("`{id}` is erased and was never opened"))?;
        let made = &self.request(self.grant(session.grant)?.request)?.made;
        let demanded = made.ruling.conditions.recording_kept_days;
        ensure(made.request == request && demanded == Some(kept_days), || {
            format!("what `{id}` recorded is erased after {kept_days} days and the ruling of its request is otherwise")
        })?;
        let closed = session.closed.ok_or_else(|| format!("what `{id}` recorded is erased and it is not closed"))?;
        ensure(at >= closed.plus(u64::from(kept_days) * 24 * 60 * 60), || {
            format!("what `{id}` recorded is erased before it was kept for {kept_days} days")
        })?;
        ensure(!session.erased, || format!("what `{id}` recorded is erased a second time"))?;
        self.sessions.entry(id).and_modify(|s| s.erased = true);
        Ok(())
    }

    pub(crate) fn closed(&mut self, at: Timestamp, id: SessionId) -> Result<(), Wrong> {
        let session = self.sessions.get_mut(&id).ok_or_else(|| format!("`{id}` closes and was never opened"))?;
        session.closed = Some(at);
        ensure(self.open.remove(&id), || format!("`{id}` closes a second time"))?;
        let left = self.running.remove(&id).and_then(|all| all.first().copied());
        match left {
            Some((grant, _)) => Err(format!("`{id}` closes and what it ran under `{grant}` has no outcome")),
            None => Ok(()),
        }
    }

    /// A statement was released in a session, which may not close before its outcome is written down.
    pub(crate) fn released(&mut self, session: SessionId, what: (GrantId, Option<u32>)) {
        self.running.entry(session).or_default().insert(what);
    }

    /// Its outcome is there.
    pub(crate) fn reported(&mut self, what: (GrantId, Option<u32>)) {
        self.running.retain(|_, all| {
            all.remove(&what);
            !all.is_empty()
        });
    }

    pub(crate) fn used(
        &mut self,
        at: Timestamp,
        id: GrantId,
        session: SessionId,
        attempt: Attempt,
    ) -> Result<(), Wrong> {
        ensure(self.grant(id)?.run == Release::NotYet, || format!("`{id}` is used a second time"))?;
        let made = self.covered(at, id)?;
        let Act::Run(run) = &made.act else {
            return Err(format!("`{id}` is used for a statement and is for sessions"));
        };
        ensure(run.attempt == attempt, || format!("`{id}` is used for something else than was approved"))?;
        ensure(!run.same_session || run.session == session, || {
            format!("`{id}` is used in `{session}` and is bound to `{}`", run.session)
        })?;
        self.live(at, session, run.grant)?;
        self.grant_mut(id)?.run = Release::Used;
        self.released(session, (id, None));
        Ok(())
    }

    pub(crate) fn ran(&mut self, id: GrantId) -> Result<(), Wrong> {
        let grant = self.grant_mut(id)?;
        match grant.run {
            Release::NotYet => Err(format!("`{id}` has an outcome and was never used")),
            Release::Reported => Err(format!("`{id}` has a second outcome")),
            Release::Used => {
                grant.run = Release::Reported;
                self.reported((id, None));
                Ok(())
            }
        }
    }

    pub(crate) fn grant_ended(&mut self, id: GrantId, how: GrantEnd) -> Result<(), Wrong> {
        let grant = self.grant(id)?;
        ensure(grant.stage != Stage::Ended, || format!("`{id}` ends a second time"))?;
        let used = grant.stage == Stage::InUse || grant.run != Release::NotYet;
        let request = self.request(grant.request)?;
        let truthful = match how {
            GrantEnd::UsedUp => match &request.made.act {
                Act::Administer(change) => self.in_force.is(change),
                Act::Watch(_) => false,
                Act::Connect | Act::Run(_) => grant.run != Release::NotYet,
            },
            GrantEnd::Unused => !used,
            GrantEnd::Revoked => request.status == Status::Revoked,
            GrantEnd::Surrendered | GrantEnd::Expired | GrantEnd::Overruled => true,
        };
        ensure(truthful, || format!("`{id}` did not end as the entry says"))?;
        let (number, account) = (grant.request, request.made.target.account);
        match &request.made.act {
            Act::Connect => {
                let left = self.hanging.remove(&id).and_then(|left| left.first().copied());
                ensure(left.is_none(), || {
                    let left = left.unwrap_or_default();
                    format!("`{id}` ends and `{left}`, which was held under it, lives on")
                })?;
            }
            Act::Run(run) => {
                let under = run.grant;
                if let Some(hanging) = self.hanging.get_mut(&under) {
                    hanging.remove(&number);
                }
            }
            Act::Administer(_) | Act::Watch(_) => {}
        }
        if self.held.get(&account) == Some(&id) {
            self.held.remove(&account);
        }
        self.grant_mut(id)?.stage = Stage::Ended;
        Ok(())
    }
}

/// Device, account, database and pinned identity; names may change in between.
pub(crate) fn same_target(a: &TargetFacts, b: &TargetFacts) -> bool {
    (a.device, a.account, a.pin, &a.database) == (b.device, b.account, b.pin, &b.database)
}
