//! Transcripts and the recordings of terminals, for those who may read them; that they did is in the audit.

use super::list::session_view;
use super::values::{in_one_line, values};
use super::{Extent, RecordingView, TranscriptLine};
use crate::ask::Actor;
use crate::cast::Cast;
use crate::control::Control;
use crate::fault::Fault;
use crate::transcript::{Reading, Record, Recorded};
use crate::watch::Watching;
use countersign_core::digest::UnitPart;
use countersign_core::{Case, Refusal, Session};
use countersign_journal::{Language, SessionId};
use std::collections::BTreeSet;

impl Control {
    /// A session's transcript, for its person, auditors and administrators; the reading itself is in the audit.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not watch it; a refusal where that must be approved first; trouble
    /// when it is not what the journal says.
    pub async fn transcript(&self, actor: &Actor, session: SessionId) -> Result<Vec<TranscriptLine>, Fault> {
        let case = self.watch(actor, session).await?;
        let language = case.request.target.language();
        self.whole(of(&case, session)?)?;
        let mut shown = BTreeSet::new();
        let mut reading = Reading::begin(self, session)?;
        let mut lines = Vec::new();
        while let Some(chunk) = reading.next()? {
            for Record { at, statement, what } in chunk {
                if let Recorded::Shown(_) = what {
                    shown.insert(statement);
                }
                lines.extend(line(what, language).map(|line| TranscriptLine { at, statement, ..line }));
            }
        }
        for line in lines.iter_mut().filter(|l| !l.text.is_empty()) {
            line.recorded = shown.contains(&line.statement);
        }
        Ok(lines)
    }

    /// What one command of a session showed in its terminal, as an asciicast; under the same terms as the transcript.
    ///
    /// # Errors
    /// As [`transcript`](Self::transcript); `NotFound` when the command has no recording.
    pub async fn cast(&self, actor: &Actor, session: SessionId, statement: u64) -> Result<Cast, Fault> {
        let case = self.watch(actor, session).await?;
        self.whole(of(&case, session)?)?;
        Cast::begin(Reading::begin(self, session)?, statement)?.ok_or(Fault::NotFound)
    }

    /// Which recording that is and how long it goes, for who may watch it now. What was shown is told by
    /// [`cast`](Self::cast) alone, which is what stands in the audit.
    ///
    /// # Errors
    /// As of [`transcript`](Self::transcript); one that is damaged is told as that.
    pub async fn recording(&self, actor: &Actor, session: SessionId, number: u64) -> Result<RecordingView, Fault> {
        match self.watching(actor, session).await? {
            Watching::Open => {}
            _ => return Err(Refusal::WatchNeedsRequest(session).into()),
        }
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let found = of(&case, session)?;
        let extent =
            match self.whole(found).and_then(|()| Reading::begin(self, session)).and_then(|r| extent(r, number)) {
                Ok(extent) => extent.ok_or(Fault::NotFound)?,
                Err(Fault::NotFound) if found.transcript.is_none() => return Err(Fault::NotFound),
                Err(_) => Extent::Damaged,
            };
        let (state, directory) = (self.state(), self.directory());
        let grant = case.grant.as_ref().ok_or(Fault::NotFound)?;
        let session = session_view(&self.eye(&state, &directory, actor), found, grant);
        Ok(RecordingView { session, number, extent })
    }

    /// Whether a transcript is the one the journal names.
    fn whole(&self, session: &Session) -> Result<(), Fault> {
        let (read, _) = Reading::begin(self, session.id)?.count()?;
        match session.transcript.is_some_and(|root| root != read) {
            true => Err(Fault::trouble(format!("the transcript of {} is not the one the journal names", session.id))),
            false => Ok(()),
        }
    }
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
