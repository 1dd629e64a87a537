//! Transcripts and the recordings of terminals, for those who may read them; that they did is in the audit.

use super::eye::Eye;
use super::list::session_view;
use super::values::{in_one_line, values};
use super::{Extent, RecordingView, SessionView, Stays, TranscriptLine, TypedLine, entered};
use crate::ask::Actor;
use crate::cast::Cast;
use crate::control::Control;
use crate::fault::Fault;
use crate::shares::Share;
use crate::transcript::{Reading, Record, Recorded};
use crate::watch::{Seen, Watching, export_of, watch_of};
use countersign_core::digest::UnitPart;
use countersign_core::{Case, Export, GrantKind, Refusal, Session, may_watch, right_to_watch};
use countersign_journal::{Act, Exported, Language, PersonId, SessionId, Watch};
use std::collections::BTreeSet;

impl Control {
    /// A session's transcript, for its person, auditors and administrators; the reading itself is in the audit.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not watch it; a refusal where that must be approved first; busy when so many
    /// are being watched; trouble when it is not what the journal says.
    pub async fn transcript(&self, actor: &Actor, session: SessionId) -> Result<Vec<TranscriptLine>, Fault> {
        self.transcript_as(actor, session, None).await
    }

    /// The same to leave as a file: an act of its own, which rules may forbid.
    ///
    /// # Errors
    /// As of [`transcript`](Self::transcript), and the refusal that names the rules.
    pub async fn export_transcript(&self, actor: &Actor, session: SessionId) -> Result<Vec<TranscriptLine>, Fault> {
        self.transcript_as(actor, session, Some(Exported::Transcript)).await
    }

    /// Why what a session recorded does not leave as a file, for who may watch it at all.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not watch it at all.
    pub async fn stays(&self, actor: &Actor, session: SessionId) -> Result<Stays, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        if !may_watch(&self.directory(), actor.person, case.request.person.id) {
            return Err(Fault::NotFound);
        }
        let forbidden_by = export_of(&case, Exported::Transcript).forbidden_by.into_iter().collect();
        Ok(Stays { forbidden_by, unchecked: is_unchecked(of(&case, session)?) })
    }

    async fn transcript_as(
        &self,
        actor: &Actor,
        session: SessionId,
        exported: Option<Exported>,
    ) -> Result<Vec<TranscriptLine>, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let watch = watch_of(&case, session, Seen::Shown);
        self.right(actor, watch)?;
        self.not_erased(session).await?;
        let (control, by) = (self.clone(), (actor.person, self.watching_place(actor.person)?));
        let export = export_checked(&case, session, exported)?;
        let lines = aside(move || lines(control.whole(of(&case, session)?, by)?, case.request.target.language()));
        let lines = lines.await?;
        self.watched(actor, watch, export).await?;
        Ok(lines)
    }

    /// The recording of one command, once it is known that it is there and whole.
    pub(crate) async fn cast_of(
        &self,
        case: Case,
        (session, number): (SessionId, u64),
        by: (PersonId, Share),
    ) -> Result<Cast, Fault> {
        let control = self.clone();
        let cast = aside(move || Cast::begin(control.whole(of(&case, session)?, by)?, number));
        cast.await?.ok_or(Fault::NotFound)
    }

    /// Everything that was typed in a session, for whom that was approved; the looking itself is in the audit, as what it is.
    ///
    /// # Errors
    /// As of [`transcript`](Self::transcript); the refusal where it was not approved, whatever the parameter says.
    pub async fn entered(&self, actor: &Actor, session: SessionId) -> Result<Vec<TypedLine>, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let watch = watch_of(&case, session, Seen::Typed);
        self.right(actor, watch)?;
        self.not_erased(session).await?;
        let (control, by) = (self.clone(), (actor.person, self.watching_place(actor.person)?));
        let lines = move || entered::lines(&control, session, control.whole(of(&case, session)?, by)?);
        let lines = aside(lines).await?;
        self.watched(actor, watch, None).await?;
        Ok(lines)
    }

    /// A session that the actor may watch, and how they stand to that.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not watch it at all.
    pub async fn watching(
        &self,
        actor: &Actor,
        session: SessionId,
        seen: Seen,
    ) -> Result<(SessionView, Watching), Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let (view, stands) = {
            let (state, directory) = (self.state(), self.directory());
            let eye = self.eye(&state, &directory, actor);
            let stands = watching(&eye, watch_of(&case, session, seen))?;
            let grant = case.grant.as_ref().ok_or(Fault::NotFound)?;
            (session_view(&eye, of(&case, session)?, grant), stands)
        };
        let erased_at = self.0.store.erased(&[session]).await?.remove(&session);
        Ok((SessionView { erased_at, ..view }, stands))
    }

    /// Which recording that is and how long it goes, for who may watch it now. What was shown is told by
    /// [`cast`](Self::cast) alone, which is what stands in the audit.
    ///
    /// # Errors
    /// As of [`transcript`](Self::transcript); one that is damaged is told as that.
    pub async fn recording(&self, actor: &Actor, session: SessionId, number: u64) -> Result<RecordingView, Fault> {
        let (view, stands) = self.watching(actor, session, Seen::Shown).await?;
        if stands != Watching::Open {
            return Err(Refusal::WatchNeedsRequest(session).into());
        }
        self.not_erased(session).await?;
        let (control, case) = (self.clone(), self.case_of_session(session).await?.ok_or(Fault::NotFound)?);
        let by = (actor.person, self.watching_place(actor.person)?);
        let found = move || {
            let found = of(&case, session)?;
            match control.whole(found, by).and_then(|reading| extent(reading, number)) {
                Ok(extent) => extent.ok_or(Fault::NotFound),
                Err(fault @ (Fault::NotFound | Fault::Away | Fault::OtherStore | Fault::Busy)) => Err(fault),
                Err(_) => Ok(Extent::Damaged),
            }
        };
        let extent = aside(found).await?;
        Ok(RecordingView { session: view, number, extent })
    }

    /// Whether what a session recorded is still to be had.
    pub(crate) async fn not_erased(&self, session: SessionId) -> Result<(), Fault> {
        match self.0.store.erased(&[session]).await?.remove(&session) {
            None => Ok(()),
            Some(at) => Err(Fault::Erased(at)),
        }
    }

    /// A transcript from its beginning, for who reads it, if it is the one the journal names, which names it once the session is
    /// over. The place they read it from is theirs until it is read, also where nobody waits for it any more.
    fn whole(&self, session: &Session, (by, place): (PersonId, Share)) -> Result<Reading, Fault> {
        // Only what the journal names may come from elsewhere.
        let Some(root) = session.transcript else { return Ok(Reading::begin(self, session.id)?.holding(place)) };
        let whole = Reading::of(self, session.id, by).and_then(|mut reading| Ok((reading.count()?.0, reading)));
        match whole {
            Ok((read, reading)) if read == root => Ok(reading.holding(place)),
            Err(fault @ (Fault::Away | Fault::OtherStore | Fault::Busy)) => Err(fault),
            _ => {
                tracing::error!(session = %session.id, "its transcript is damaged, or not the one the journal names");
                Err(Fault::Damaged)
            }
        }
    }
}

/// Does what reads files whole, and keeps nobody else waiting.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(Fault::trouble)?
}

fn lines(mut reading: Reading, language: Language) -> Result<Vec<TranscriptLine>, Fault> {
    let (mut recorded, mut lines) = (BTreeSet::new(), Vec::new());
    while let Some(chunk) = reading.next()? {
        for Record { at, statement, what } in chunk {
            if let Recorded::Shown(_) | Recorded::Terminal { .. } = what {
                recorded.insert(statement);
            }
            lines.extend(line(what, language).map(|line| TranscriptLine { at, statement, ..line }));
        }
    }
    for line in lines.iter_mut().filter(|l| !l.text.is_empty()) {
        line.recorded = recorded.contains(&line.statement);
    }
    Ok(lines)
}

/// How an actor stands to watching a session.
fn watching(eye: &Eye<'_>, watch: Watch) -> Result<Watching, Fault> {
    let (state, person) = (eye.state, eye.actor.person);
    match right_to_watch(state, eye.directory, eye.now, watch, person) {
        Ok(_) => return Ok(Watching::Open),
        Err(Refusal::WatchNeedsRequest(_) | Refusal::TypedNeedsRequest(_)) => {}
        Err(_) => return Err(Fault::NotFound),
    }
    let covers = |kind: &GrantKind| matches!(*kind, GrantKind::Watch { session, typed } if session == watch.session && (typed || !watch.typed));
    let own = state.unended().filter(|g| g.person == person && covers(&g.kind) && g.terms.window.start > eye.now);
    let coming = own.min_by_key(|g| g.terms.window.start);
    let asked = || state.waiting().find(|r| r.person.id == person && r.act == Act::Watch(watch));
    let later = || coming.map_or(Watching::ToAsk, |g| Watching::Coming(g.request, g.terms.window));
    Ok(asked().map_or_else(later, |r| Watching::Asked(r.id)))
}

/// What is to leave as a file, where it can be told whether it is whole.
pub(crate) fn export_checked(
    case: &Case,
    session: SessionId,
    exported: Option<Exported>,
) -> Result<Option<Export>, Fault> {
    let Some(what) = exported else { return Ok(None) };
    if is_unchecked(of(case, session)?) { Err(Fault::Unchecked) } else { Ok(Some(export_of(case, what))) }
}

/// Whether it is over and nobody can tell if what it recorded is whole.
fn is_unchecked(session: &Session) -> bool {
    session.closed.is_some() && session.transcript.is_none()
}

fn of(case: &Case, session: SessionId) -> Result<&Session, Fault> {
    case.sessions.iter().find(|s| s.id == session).ok_or(Fault::NotFound)
}

/// How long the recording of one statement goes; nothing when it has none.
fn extent(mut reading: Reading, statement: u64) -> Result<Option<Extent>, Fault> {
    let mut extent = None;
    while let Some(chunk) = reading.next()? {
        for Record { at, what, .. } in chunk.into_iter().filter(|r| r.statement == statement) {
            extent = match (what, extent) {
                (Recorded::Shown(_), Some(Extent::Shown { from, over, .. })) => {
                    Some(Extent::Shown { from, until: at, over })
                }
                (Recorded::Shown(_), _) => Some(Extent::Shown { from: at, until: at, over: false }),
                (Recorded::Terminal { .. }, None) => Some(Extent::Nothing),
                (Recorded::Outcome(_), Some(Extent::Shown { from, until, .. })) => {
                    Some(Extent::Shown { from, until, over: true })
                }
                (_, extent) => extent,
            };
        }
    }
    Ok(extent)
}

/// The line a record is to its readers; what was typed and shown is no line.
pub(crate) fn line(what: Recorded, language: Language) -> Option<TranscriptLine> {
    let texts = |parts: &[UnitPart]| parts.iter().map(text_with_values).collect::<Vec<_>>().join("\n");
    let (text, kind, detail) = match what {
        Recorded::Note(note) => (String::new(), "session".to_owned(), note),
        Recorded::Allowed(part) => (text_with_values(&part), "allowed".to_owned(), String::new()),
        Recorded::Held(request, parts) => (texts(&parts), format!("held {request}"), String::new()),
        Recorded::Planned(request, parts) => (texts(&parts), format!("planned {request}"), String::new()),
        Recorded::Released(request) => (String::new(), format!("released {request}"), String::new()),
        Recorded::Refused(parts, why) => (texts(&parts), "refused".to_owned(), why),
        Recorded::Outcome(outcome) => (String::new(), "outcome".to_owned(), outcome),
        Recorded::Alert(words) => (String::new(), "alert".to_owned(), words),
        Recorded::Terminal { .. } | Recorded::Shown(_) | Recorded::Typed(_) => return None,
    };
    let (at, statement) = (Default::default(), 0);
    Some(TranscriptLine { at, statement, text, language, kind, detail, recorded: false })
}

fn text_with_values(part: &UnitPart) -> String {
    let mut text = String::from_utf8_lossy(&part.sql).into_owned();
    for (n, value) in (1..).zip(values(part)) {
        text.push_str(&format!("\n  ${n} = {}", in_one_line(&value)));
    }
    text
}
