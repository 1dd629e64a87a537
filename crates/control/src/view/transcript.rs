//! Transcripts and the recordings of terminals, for those who may read them; that they did is in the audit.

use super::TranscriptLine;
use super::values::{in_one_line, values};
use crate::ask::Actor;
use crate::cast::Cast;
use crate::control::Control;
use crate::fault::Fault;
use crate::transcript::{Reading, Record, Recorded};
use countersign_core::Permission;
use countersign_core::digest::UnitPart;
use countersign_journal::{Language, Note, SessionId};
use std::collections::BTreeSet;

impl Control {
    /// A session's transcript, for its person, auditors and administrators; the reading itself is in the audit.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not read it; trouble when it is not what the journal says.
    pub async fn transcript(&self, actor: &Actor, session: SessionId) -> Result<Vec<TranscriptLine>, Fault> {
        let language = self.readable(actor, session).await?;
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
        self.note(Note::TranscriptRead { session, by: actor.person }, Vec::new()).await?;
        Ok(lines)
    }

    /// What one command of a session showed in its terminal, as an asciicast; under the same terms as the transcript.
    ///
    /// # Errors
    /// As [`transcript`](Self::transcript); `NotFound` when the command has no recording.
    pub async fn cast(&self, actor: &Actor, session: SessionId, statement: u64) -> Result<Cast, Fault> {
        self.readable(actor, session).await?;
        let cast = Cast::begin(Reading::begin(self, session)?, statement)?.ok_or(Fault::NotFound)?;
        self.note(Note::TranscriptRead { session, by: actor.person }, Vec::new()).await?;
        Ok(cast)
    }

    /// The language of a session's transcript, once it is known that the actor may read it and that it is whole.
    async fn readable(&self, actor: &Actor, session: SessionId) -> Result<Language, Fault> {
        let case = self.case_of_session(session).await?.ok_or(Fault::NotFound)?;
        let found = case.sessions.iter().find(|s| s.id == session).ok_or(Fault::NotFound)?;
        if found.person != actor.person && !actor.may(Permission::ReadTranscripts) {
            return Err(Fault::NotFound);
        }
        let (read, _) = Reading::begin(self, session)?.count()?;
        if found.transcript.is_some_and(|root| root != read) {
            return Err(Fault::trouble(format!("the transcript of {session} is not the one the journal names")));
        }
        Ok(case.request.target.language())
    }
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
