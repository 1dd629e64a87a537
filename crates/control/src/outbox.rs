//! The outbox as channels see it: messages that are due, with everything they need to be written.

use crate::control::Control;
use crate::fault::Fault;
use crate::store::Row;
use crate::view::{connect_request, person_view, what};
use countersign_core::refusal::{shown, status_word};
use countersign_core::{Request, Status};
use countersign_journal::{Act, Note, PersonId, RequestId, Seconds, Verdict};

/// Messages handed out at a time.
const LETTERS_MAX: u32 = 50;
/// Tries before a message is given up.
const ATTEMPTS_MAX: u64 = 8;
/// First wait after a failed try, in seconds; doubled each time.
const RETRY_S: Seconds = 15;

/// A message that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// Its id in the outbox.
    pub id: String,
    /// To whom.
    pub to: PersonId,
    /// Their address.
    pub address: String,
    /// What people call them.
    pub name: String,
    /// About which request.
    pub request: RequestId,
    /// The subject.
    pub subject: String,
    /// The whole message as lines of plain text; the first says everything in one sentence.
    pub lines: Vec<String>,
    /// The one link.
    pub link: String,
    /// Why one got it.
    pub footer: String,
    attempts: u64,
}

impl Control {
    /// The messages that are due now. One whose person has no address or is gone is marked failed.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letters(&self) -> Result<Vec<Letter>, Fault> {
        let mut letters = Vec::new();
        for row in self.0.store.outbox_due(self.now(), LETTERS_MAX).await? {
            let directory = self.directory();
            let person = directory.enabled(row.person).cloned();
            let address = person.as_ref().and_then(|p| p.email.clone());
            let (Some(person), Some(address)) = (person, address) else {
                let why = "no address, or no longer here";
                self.give_up((row.id, row.attempts), row.request, row.person, why).await?;
                continue;
            };
            let asked = row.kind == "asked";
            let request = self.state().requests.get(&row.request).cloned();
            let waits = |r: &Request| !asked || r.status == Status::Pending;
            let Some(request) = request.filter(waits) else {
                self.give_up((row.id, row.attempts), row.request, row.person, "no longer pending").await?;
                continue;
            };
            let (what, lines) = if asked { self.asked(&request).await? } else { self.settled(&request).await? };
            letters.push(Letter {
                subject: format!("[Countersign] {what} · {}", row.request),
                link: format!("{}/requests/{}", self.page_address(), row.request.0),
                footer: if asked {
                    "You get this because a workflow names you as an approver.".to_owned()
                } else {
                    "You get this because you made the request.".to_owned()
                },
                id: row.id,
                to: row.person,
                address,
                name: person.name,
                request: row.request,
                lines,
                attempts: row.attempts,
            });
        }
        Ok(letters)
    }

    /// Records that a message left.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letter_sent(&self, letter: &Letter) -> Result<(), Fault> {
        let note = Note::NotificationSent { request: letter.request, to: letter.to, subject: letter.subject.clone() };
        let row =
            Row::OutboxTried { id: letter.id.clone(), attempts: letter.attempts + 1, due_at: self.now(), done: true };
        self.note(note, vec![row]).await
    }

    /// Records that a message could not be sent; it is tried again later, up to a limit.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letter_failed(&self, letter: &Letter, why: &str) -> Result<(), Fault> {
        if letter.attempts + 1 >= ATTEMPTS_MAX {
            return self.give_up((letter.id.clone(), letter.attempts), letter.request, letter.to, why).await;
        }
        let wait = RETRY_S << letter.attempts.min(16);
        let row = Row::OutboxTried {
            id: letter.id.clone(),
            attempts: letter.attempts + 1,
            due_at: self.now().plus(wait),
            done: false,
        };
        let note = Note::NotificationFailed { request: letter.request, to: letter.to, why: why.to_owned() };
        self.note(note, vec![row]).await
    }

    /// What an approver reads: who wants what, why, when, and the exact text.
    async fn asked(&self, request: &Request) -> Result<(String, Vec<String>), Fault> {
        let connect = connect_request(&self.state(), request);
        let who = person_view(&self.directory(), request.person.id).name;
        let reason = self.reason(request, connect).await?.unwrap_or_else(|| "none given".to_owned());
        let window = request.terms.window;
        let mut lines = vec![
            format!("{who} asks to {}.", what(request)),
            format!("Reason: {reason}"),
            format!("When: {} to {} (UTC)", shown(&window.start), shown(&window.end)),
        ];
        if let Act::Run(run) = &request.act {
            let statement = self.statement(run, connect, None).await?;
            lines.extend(statement.unknown.iter().map(|why| format!("Not fully understood: {why}")));
            for (text, values) in statement.texts.iter().zip(&statement.parameters) {
                lines.push(format!("Exact text: {text}"));
                lines.extend((1..).zip(values).map(|(n, value)| format!("${n} = {value}")));
            }
        }
        Ok((format!("{who} asks: {}", what(request)), lines))
    }

    /// What the requester reads: what became of it, who decided, and what they wrote.
    async fn settled(&self, request: &Request) -> Result<(String, Vec<String>), Fault> {
        let status = status_word(&request.status);
        let directory = self.directory();
        let name = |person| person_view(&directory, person).name;
        let mut lines = vec![format!("Your request to {} is {status}.", what(request))];
        for vote in request.tracks.iter().flat_map(|t| &t.votes) {
            let said = if vote.verdict == Verdict::Approve { "approved" } else { "rejected" };
            lines.push(format!("{} {said} it.", name(vote.approver)));
        }
        for (who, comment) in &request.comments {
            lines.push(format!("{} wrote: {}", name(*who), self.shown(comment).await?));
        }
        Ok((format!("{status}: {}", what(request)), lines))
    }

    async fn give_up(&self, row: (String, u64), request: RequestId, to: PersonId, why: &str) -> Result<(), Fault> {
        let row = Row::OutboxTried { id: row.0, attempts: row.1 + 1, due_at: self.now(), done: true };
        self.note(Note::NotificationFailed { request, to, why: why.to_owned() }, vec![row]).await
    }
}
