//! What the witness knows of watching sessions (R71–R75).

use super::{Held, Witness, ensure, known};
use crate::simulation::naive;
use crate::{Directory, Status};
use countersign_journal::{
    Act, Authority, Event, Module, Note, Outcome, RequestId, RequestMade, SessionId, Timestamp, Watch,
};

impl Witness {
    /// Asked for by somebody who may watch it at all, of those who decide for the module, if of anybody.
    pub(super) fn watch_asked(&self, directory: &Directory, made: &RequestMade, watch: &Watch) -> Held {
        let (id, person) = (made.request, made.person.id);
        known(self.sessions.get(&watch.session), "the session to be watched")?;
        ensure(naive::watches(directory, person, watch.whose), 1, || format!("{person} asks to watch and may not"))?;
        let expected = naive::watch_outcome(&self.policy, watch.typed);
        ensure(made.ruling.outcome == expected, 1, || {
            format!("watching by {id} is ruled {:?}, not {expected:?}", made.ruling.outcome)
        })?;
        let mut levels = made.tracks.iter().flat_map(|t| &t.levels);
        let theirs = levels.all(|l| l.authority == Authority::Approvers(Module::PamCore));
        ensure(theirs, 2, || format!("watching by {id} is decided by others than the approvers of PAM Core"))?;
        ensure(expected != Outcome::Approve || made.reason.is_some(), 1, || format!("{id} has no reason"))
    }

    /// What a closed session recorded is gone, once, after the days for which its request has it kept.
    pub(super) fn erased(&mut self, now: Timestamp, id: SessionId, request: RequestId, kept_days: u32) -> Held {
        let session = known(self.sessions.get_mut(&id), "the session whose recording was erased")?;
        let grant = known(self.grants.get(&session.grant), "the grant of the session erased")?;
        let made = &known(self.requests.get(&grant.request), "the request of the session erased")?.made;
        let same = made.request == request && made.ruling.conditions.recording_kept_days == Some(kept_days);
        ensure(same, 5, || format!("{id} is erased after {kept_days} days by {request}, which says otherwise"))?;
        let kept = session.closed_at.is_some_and(|at| now.0 >= at.0 + i64::from(kept_days) * 86_400_000_000);
        ensure(kept && !session.erased, 10, || format!("what {id} recorded is erased before its time, or twice"))?;
        session.erased = true;
        Ok(())
    }

    /// A viewing: by somebody who may, and where it has to be approved, under what was approved.
    pub(super) fn watched(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        let Event::Noted(Note::TranscriptRead { session, by, under, typed, exported }) = event else { return Ok(()) };
        let seen = known(self.sessions.get(session), "the session watched")?;
        let opened = known(self.grants.get(&seen.grant), "the grant of the session watched")?;
        let made = &known(self.requests.get(&opened.request), "the request of the session watched")?.made;
        let (whose, stays) = (made.person.id, *typed || !made.ruling.conditions.export_forbidden_by.is_empty());
        ensure(exported.is_none() || !stays, 1, || format!("{by} exports {session}, which stays"))?;
        ensure(naive::watches(directory, *by, whose), 1, || format!("{by} watches {session} and may not"))?;
        let demanded = naive::watch_outcome(&self.policy, *typed) == Outcome::Approve;
        ensure(demanded == under.is_some(), 1, || format!("{by} watches {session} under {under:?}"))?;
        let Some(id) = under else { return Ok(()) };
        let grant = known(self.grants.get_mut(id), "the grant watched under")?;
        ensure(!grant.ended, 7, || format!("{by} watches under {id}, which has ended"))?;
        ensure(grant.terms.window.contains(now), 1, || format!("{by} watches outside the window of {id}"))?;
        grant.opened = true;
        let seen = known(self.requests.get(&grant.request), "the request watched under")?;
        let same = matches!(&seen.made.act, Act::Watch(watch) if watch.session == *session && (watch.typed || !typed));
        let approved = seen.made.ruling.outcome == Outcome::Approve;
        ensure(approved, 1, || format!("{by} watches under {id}, which nobody approved"))?;
        ensure(same && seen.made.person.id == *by, 6, || format!("{by} watches {session} under another's {id}"))?;
        ensure(seen.status == Status::Approved, 7, || format!("{by} watches under {id}, which is {:?}", seen.status))
    }
}
