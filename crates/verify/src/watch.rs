//! Watching sessions: where the parameter says so, nobody looks at one but under a grant for it, asked for with a reason and
//! decided by the approvers of the module.

use crate::ledger::{Ledger, Wrong, ensure};
use crate::usage::{Stage, same_target};
use countersign_journal::{
    Act, Authority, Exported, GrantId, Level, Module, Outcome, PersonId, RequestMade, SessionId, Timestamp, Watch,
};

impl Ledger {
    pub(crate) fn watch_asked(&self, made: &RequestMade, watch: &Watch) -> Result<(), Wrong> {
        let (id, session) = (made.request, watch.session);
        let opened = self.opener(session)?;
        ensure(opened.person.id == watch.whose && same_target(&opened.target, &made.target), || {
            format!("`{id}` asks to watch `{session}` as somebody else's or on another target")
        })?;
        let approved = watch.typed || self.in_force.watch_approval();
        let demanded = if approved { Outcome::Approve } else { Outcome::Allow };
        ensure(made.ruling.outcome == demanded, || {
            format!("`{id}` asks to watch and what is in force demands otherwise than it says")
        })?;
        let plain = Level::of(Authority::Approvers(Module::PamCore));
        let theirs = made.tracks.iter().flat_map(|t| &t.levels).all(|l| *l == plain);
        ensure(theirs, || format!("watching by `{id}` is decided by others than the approvers of the module"))?;
        ensure(made.automatic.is_none() && made.ruling.emergency.is_none(), || {
            format!("watching by `{id}` approves itself, or is an emergency")
        })?;
        ensure(demanded != Outcome::Approve || made.reason.is_some(), || format!("`{id}` has no reason"))
    }

    /// What was typed never leaves as a file, nor what the rules of the session's request keep from it.
    pub(crate) fn exported(
        &self,
        session: SessionId,
        by: PersonId,
        typed: bool,
        exported: Option<Exported>,
    ) -> Result<(), Wrong> {
        if exported.is_none() {
            return Ok(());
        }
        ensure(!typed, || format!("`{by}` exports what was typed in `{session}`"))?;
        let forbidden_by = &self.opener(session)?.ruling.conditions.export_forbidden_by;
        ensure(forbidden_by.is_empty(), || {
            format!("`{by}` exports what `{session}` recorded and the ruling of its request forbids it")
        })
    }

    pub(crate) fn watched(
        &mut self,
        at: Timestamp,
        session: SessionId,
        by: PersonId,
        under: Option<GrantId>,
        typed: bool,
    ) -> Result<(), Wrong> {
        self.opener(session)?;
        // What was typed is seen by nobody alone, whatever is in force.
        let demanded = typed || self.in_force.watch_approval();
        ensure(demanded || under.is_none(), || format!("`{by}` watches `{session}` under a grant nothing demands"))?;
        let Some(grant) = under else {
            return ensure(!demanded, || format!("`{by}` watches `{session}` and nobody approved it"));
        };
        let made = self.covered(at, grant)?;
        let same = matches!(&made.act, Act::Watch(watch) if watch.session == session) && made.person.id == by;
        let covers = matches!(&made.act, Act::Watch(watch) if watch.typed || !typed);
        ensure(same, || format!("`{by}` watches `{session}` under `{grant}`, which is for something else"))?;
        ensure(covers, || {
            format!("`{by}` sees what was typed in `{session}` under `{grant}`, which is for watching only")
        })?;
        ensure(made.ruling.outcome == Outcome::Approve, || {
            format!("`{by}` watches under `{grant}`, which nobody approved")
        })?;
        self.grant_mut(grant)?.stage = Stage::InUse;
        Ok(())
    }

    /// The request that a session was opened under.
    fn opener(&self, session: SessionId) -> Result<&RequestMade, Wrong> {
        let opened =
            self.sessions.get(&session).ok_or_else(|| format!("`{session}` is watched and was never opened"))?;
        Ok(&self.request(self.grant(opened.grant)?.request)?.made)
    }
}
