//! Watching sessions (R71–R74): asking for it, and each viewing. Whether somebody may is the engine's to say, and nothing of
//! a session is told before its word is in the journal.

use crate::ask::Actor;
use crate::cast::Cast;
use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::shares::Share;
use crate::view::export_checked;
use countersign_core::{Answer, Ask, AskAct, Case, Export, Input, Refusal, may_watch, right_to_watch};
use countersign_journal::{Exported, GrantId, PersonId, RequestId, SessionId, Watch, Window};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// Recordings and transcripts that are watched at a time: by one person, and by all.
pub(crate) const WATCHED_MAX: (u64, u64) = (16, 256);

/// What of a session somebody wants to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// What it ran, and what its terminals showed and show.
    Shown,
    /// Everything that was typed in it, passwords included.
    Typed,
}

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
    /// Asks to watch a session, or to see what was typed in it, in a window, with a reason (R71). An identical pending request is
    /// joined.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn ask_to_watch(
        &self,
        actor: &Actor,
        (session, seen): (SessionId, Seen),
        window: Window,
        reason: &str,
    ) -> Result<RequestId, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let watch = watch_of(&case, session, seen);
        if !may_watch(&self.directory(), actor.person, watch.whose) {
            return Err(Fault::NotFound);
        }
        self.not_erased(session).await?;
        let target = Box::new(case.request.target);
        let (committed, reason_chars, rows) = self.reason_of(reason)?;
        let written = self.marks_in([reason])?;
        let act = AskAct::Watch { watch, target, window };
        let ask = Ask { reason: committed, reason_chars, ..Ask::plain(actor.person, act, dice::bytes()?) };
        match self.submit_written(Input::Ask(ask), rows, written).await.map_err(unseen)? {
            Answer::Request(request) => Ok(request),
            _ => Err(Fault::trouble("the engine answered another question")),
        }
    }

    /// The right by which an actor may watch a session now, before anything of it is told.
    pub(crate) fn right(&self, actor: &Actor, watch: Watch) -> Result<Option<GrantId>, Fault> {
        let right = right_to_watch(&self.state(), &self.directory(), self.now(), watch, actor.person);
        right.map_err(|refusal| unseen(refusal.into()))
    }

    /// Has it in the audit that an actor watches a session, or that it leaves as a file. What they are told is told behind this.
    pub(crate) async fn watched(&self, actor: &Actor, watch: Watch, export: Option<Export>) -> Result<(), Fault> {
        let watched = Input::Watch { watch, by: actor.person, export };
        self.submit(watched, Vec::new()).await.map_err(unseen).map(|_| ())
    }

    /// A place to watch from, which everything has that is read of a session, as long as it is read.
    pub(crate) fn watching_place(&self, person: PersonId) -> Result<Share, Fault> {
        self.0.watchers.place(Some(person)).map_err(|_| Fault::Busy)
    }

    /// What one command of a session showed in its terminal, as an asciicast: what there is, or also what follows. Under the
    /// same terms as the transcript, now and as long as it goes.
    ///
    /// # Errors
    /// As of [`transcript`](Self::transcript); `NotFound` when the command has no recording; busy when so many are being
    /// watched.
    pub async fn cast(&self, actor: &Actor, session: SessionId, number: u64, follow: bool) -> Result<Viewing, Fault> {
        let grown = self.0.live.grown(session).filter(|_| follow);
        self.viewing(actor, (session, number), grown, None).await
    }

    /// The same as a file, of what there is: an act of its own, which rules may forbid. Where the right to it ends meanwhile, it
    /// ends in a fault and not as if it were whole.
    ///
    /// # Errors
    /// As of [`cast`](Self::cast), and the refusal that names the rules.
    pub async fn export_cast(&self, actor: &Actor, session: SessionId, number: u64) -> Result<Viewing, Fault> {
        self.viewing(actor, (session, number), None, Some(Exported::Terminal(number))).await
    }

    async fn viewing(
        &self,
        actor: &Actor,
        (session, number): (SessionId, u64),
        grown: Option<watch::Receiver<()>>,
        exported: Option<Exported>,
    ) -> Result<Viewing, Fault> {
        let changes = self.changes();
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let watch = watch_of(&case, session, Seen::Shown);
        let under = self.right(actor, watch)?;
        self.not_erased(session).await?;
        let place = self.watching_place(actor.person)?;
        let export = export_checked(&case, session, exported)?;
        let cast = self.cast_of(case, (session, number), (actor.person, place)).await?;
        let is_export = export.is_some();
        self.watched(actor, watch, export).await?;
        let (control, by, cast) = (self.clone(), actor.person, Some(cast));
        Ok(Viewing { control, by, watch, under, is_export, cast, reading: None, grown, changes })
    }
}

/// A recording that somebody watches: what was shown so far and, where they follow it, what is shown as soon as it is recorded.
pub struct Viewing {
    control: Control,
    by: PersonId,
    watch: Watch,
    /// The right that stands in the audit; by another one it is another viewing.
    under: Option<GrantId>,
    /// Whether it is to be whole.
    is_export: bool,
    /// None while it is read from, aside. It has the place to watch from.
    cast: Option<Cast>,
    reading: Option<JoinHandle<(Cast, Result<String, Fault>)>>,
    /// Word that it has grown; none where nothing is waited for.
    grown: Option<watch::Receiver<()>>,
    changes: broadcast::Receiver<()>,
}

impl Viewing {
    /// Whether it leaves as a file, which has nothing in it but the recording, and all of that.
    #[must_use]
    pub fn is_export(&self) -> bool {
        self.is_export
    }

    /// The next lines of the asciicast, when there are some; nothing once no more can follow, or it may not be watched any
    /// more. Whoever waits may stop waiting, and lines stay where they are.
    pub async fn next(&mut self) -> Option<Result<String, Fault>> {
        loop {
            if !self.may_go_on() {
                return self.is_export.then(|| Err(Refusal::WatchNeedsRequest(self.watch.session).into()));
            }
            if let Some(grown) = &mut self.grown {
                grown.mark_unchanged();
            }
            match self.read().await {
                Ok(lines) if lines.is_empty() => {}
                told => return Some(told),
            }
            let over = self.cast.as_ref().is_none_or(Cast::is_over);
            let grown = self.grown.as_mut().filter(|_| !over)?;
            tokio::select! {
                more = grown.changed() => if more.is_err() {
                    // The session is over: what it still said is read, and nothing is waited for.
                    self.grown = None;
                },
                _ = self.changes.recv() => {}
            }
        }
    }

    /// Reads on; files and decryption keep nobody else waiting.
    async fn read(&mut self) -> Result<String, Fault> {
        if let Some(mut cast) = self.cast.take() {
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let lines = cast.lines();
                (cast, lines)
            }));
        }
        let Some(reading) = &mut self.reading else { return Ok(String::new()) };
        let read = reading.await;
        self.reading = None;
        let (cast, lines) = read.map_err(Fault::trouble)?;
        self.cast = Some(cast);
        lines
    }

    fn may_go_on(&self) -> bool {
        let (state, directory) = (self.control.state(), self.control.directory());
        right_to_watch(&state, &directory, self.control.now(), self.watch, self.by) == Ok(self.under)
    }
}

/// The session of a case, as a thing to be watched. It is its requester's.
pub(crate) fn watch_of(case: &Case, session: SessionId, seen: Seen) -> Watch {
    Watch { session, whose: case.request.person.id, typed: seen == Seen::Typed }
}

/// What is to leave as a file, and what the request of its session says of that.
pub(crate) fn export_of(case: &Case, what: Exported) -> Export {
    Export { what, forbidden_by: case.request.ruling.conditions.export_forbidden_by.clone() }
}

/// What may not be seen is told as what is not there.
fn unseen(fault: Fault) -> Fault {
    match fault {
        Fault::Refused(Refusal::NothingToWatch) => Fault::NotFound,
        other => other,
    }
}
