//! Watching sessions (R71–R74): asking for it, and each viewing. Whether somebody may is the engine's to say, and nothing of
//! a session is told before its word is in the journal.

use crate::ask::Actor;
use crate::cast::Cast;
use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use countersign_core::{Answer, Ask, AskAct, Case, GrantKind, Input, Refusal, right_to_watch};
use countersign_journal::{Act, PersonId, RequestId, SessionId, Watch, Window};
use tokio::sync::{broadcast, watch};

/// How somebody stands to watching one session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watching {
    /// It may be watched now.
    Open,
    /// It may be once this was decided.
    Asked(RequestId),
    /// It may be in this window, which is still to come.
    Coming(RequestId, Window),
    /// It must be asked for.
    ToAsk,
}

impl Control {
    /// Asks to watch a session in a window, with a reason (R71). An identical pending request is joined.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn ask_to_watch(
        &self,
        actor: &Actor,
        session: SessionId,
        window: Window,
        reason: &str,
    ) -> Result<RequestId, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let (watch, target) = (watched(&case, session), Box::new(case.request.target));
        let (committed, reason_chars, rows) = self.reason_of(reason)?;
        let written = self.marks_in([reason])?;
        let act = AskAct::Watch { watch, target, window };
        let ask = Ask { reason: committed, reason_chars, ..Ask::plain(actor.person, act, dice::bytes()?) };
        match self.submit_written(Input::Ask(ask), rows, written).await.map_err(unseen)? {
            Answer::Request(request) => Ok(request),
            _ => Err(Fault::trouble("the engine answered another question")),
        }
    }

    /// How the actor stands to watching a session.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not watch it at all.
    pub async fn watching(&self, actor: &Actor, session: SessionId) -> Result<Watching, Fault> {
        let watch = watched(&self.case_of_session(session).await?.ok_or(Fault::NotFound)?, session);
        let state = self.state();
        match right_to_watch(&state, &self.directory(), self.now(), watch, actor.person) {
            Ok(_) => return Ok(Watching::Open),
            Err(Refusal::WatchNeedsRequest(_)) => {}
            Err(_) => return Err(Fault::NotFound),
        }
        let kind = GrantKind::Watch { session };
        let coming = state.unended().find(|g| g.person == actor.person && g.kind == kind);
        let asked = || state.waiting().find(|r| r.person.id == actor.person && r.act == Act::Watch(watch));
        Ok(match coming {
            Some(grant) => Watching::Coming(grant.request, grant.terms.window),
            None => asked().map_or(Watching::ToAsk, |r| Watching::Asked(r.id)),
        })
    }

    /// What a session belongs to, once the actor may watch it and it is in the audit that they do.
    pub(crate) async fn watch(&self, actor: &Actor, session: SessionId) -> Result<Case, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let input = Input::Watch { watch: watched(&case, session), by: actor.person };
        self.submit(input, Vec::new()).await.map_err(unseen)?;
        Ok(case)
    }
}

/// A recording that is watched while it goes on: what was shown so far, then what is shown, as soon as it is recorded.
pub struct Following {
    control: Control,
    by: PersonId,
    watch: Watch,
    cast: Cast,
    /// Word that it has grown; none once the session is over.
    grown: Option<watch::Receiver<()>>,
    changes: broadcast::Receiver<()>,
}

impl Control {
    /// The recording of one command, to be watched live; under the same terms as the transcript, now and as long as it goes.
    ///
    /// # Errors
    /// As of [`cast`](Self::cast).
    pub async fn follow(&self, actor: &Actor, session: SessionId, number: u64) -> Result<Following, Fault> {
        let (changes, grown) = (self.changes(), self.0.live.grown(session));
        let cast = self.cast(actor, session, number).await?;
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let (control, by, watch) = (self.clone(), actor.person, watched(&case, session));
        Ok(Following { control, by, watch, cast, grown, changes })
    }
}

impl Following {
    /// The next line of the asciicast, when there is one; nothing once no more can follow, or it may not be watched any
    /// more.
    pub async fn next(&mut self) -> Option<Result<String, Fault>> {
        loop {
            if !self.may_go_on() {
                return None;
            }
            if let Some(grown) = &mut self.grown {
                grown.mark_unchanged();
            }
            if let Some(line) = self.cast.next() {
                return Some(line);
            }
            let grown = self.grown.as_mut().filter(|_| !self.cast.is_over())?;
            tokio::select! {
                more = grown.changed() => if more.is_err() {
                    // The session is over: what it still said is read, and nothing is waited for.
                    self.grown = None;
                },
                _ = self.changes.recv() => {}
            }
        }
    }

    fn may_go_on(&self) -> bool {
        let (state, directory) = (self.control.state(), self.control.directory());
        right_to_watch(&state, &directory, self.control.now(), self.watch, self.by).is_ok()
    }
}

/// The session of a case, as a thing to be watched. It is its requester's.
pub(crate) fn watched(case: &Case, session: SessionId) -> Watch {
    Watch { session, whose: case.request.person.id }
}

/// What may not be seen is told as what is not there.
fn unseen(fault: Fault) -> Fault {
    match fault {
        Fault::Refused(Refusal::NothingToWatch) => Fault::NotFound,
        other => other,
    }
}
