//! The outbox as channels see it: messages that are due, with everything they need to be written.

use crate::contact::Link;
use crate::control::Control;
use crate::fault::Fault;
use crate::store::Row;
use crate::view::{person_view, what};
use countersign_core::refusal::{shown, status_word};
use countersign_core::{Message, Request, Status};
use countersign_journal::{Act, Note, PersonId, RequestId, Seconds, Verdict};

/// Messages handed out at a time.
const LETTERS_MAX: u32 = 50;
/// Tries before a message is given up.
const ATTEMPTS_MAX: u64 = 8;
/// First wait after a failed try, in seconds; doubled each time.
const RETRY_S: Seconds = 15;

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LetterKind {
    /// A request waits for the reader.
    Asked,
    /// A request waits for others.
    Informed,
    /// How a request ended.
    Settled,
    /// A request approved itself.
    Automatic,
    /// An emergency was declared.
    Emergency,
    /// Too few people are left to decide.
    Alarm,
}

impl LetterKind {
    const ALL: [LetterKind; 6] = [
        LetterKind::Asked,
        LetterKind::Informed,
        LetterKind::Settled,
        LetterKind::Automatic,
        LetterKind::Emergency,
        LetterKind::Alarm,
    ];

    pub(crate) fn of(message: Message) -> LetterKind {
        match message {
            Message::Asked => LetterKind::Asked,
            Message::Informed => LetterKind::Informed,
            Message::Settled => LetterKind::Settled,
            Message::Automatic => LetterKind::Automatic,
            Message::Emergency => LetterKind::Emergency,
        }
    }

    /// As it is stored.
    pub(crate) fn word(self) -> &'static str {
        match self {
            LetterKind::Asked => "asked",
            LetterKind::Informed => "informed",
            LetterKind::Settled => "settled",
            LetterKind::Automatic => "automatic",
            LetterKind::Emergency => "emergency",
            LetterKind::Alarm => "alarm",
        }
    }

    fn parse(word: &str) -> Option<LetterKind> {
        LetterKind::ALL.into_iter().find(|k| k.word() == word)
    }

    /// Whether it is of no use once the request no longer waits.
    fn only_while_pending(self) -> bool {
        matches!(self, LetterKind::Asked | LetterKind::Informed | LetterKind::Alarm)
    }

    /// Whether it asks for a decision.
    fn asks(self) -> bool {
        self == LetterKind::Asked
    }

    fn footer(self) -> &'static str {
        match self {
            LetterKind::Asked | LetterKind::Automatic | LetterKind::Emergency => {
                "You get this because a workflow names you as an approver."
            }
            LetterKind::Informed => "You get this because a workflow tells your group. It asks nothing of you.",
            LetterKind::Settled => "You get this because you made the request, or a workflow tells your group.",
            LetterKind::Alarm => "You get this because you are an administrator.",
        }
    }
}

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
    pub link: Link,
    /// Why one got it.
    pub footer: String,
    attempts: u64,
}

/// What a contact is told of why they got a letter.
const OUTSIDE: &str = "You get this because a workflow names this address as an approver from outside. The link decides in \
                       your name and needs no password: do not pass it on.";

/// Somebody who can be written to.
struct Reader {
    name: String,
    address: String,
    /// Whether it is a contact, who has no page but what the link opens.
    outside: bool,
}

impl Control {
    /// An enabled person with an address, or an enabled contact.
    fn reader(&self, id: PersonId) -> Option<Reader> {
        let directory = self.directory();
        match (directory.enabled(id), directory.contact(id)) {
            (Some(p), _) => p.email.clone().map(|address| Reader { name: p.name.clone(), address, outside: false }),
            (None, Some(c)) => Some(Reader { name: c.name.clone(), address: c.email.clone(), outside: true }),
            (None, None) => None,
        }
    }

    /// The messages that are due now. One whose reader has no address or is gone, or that asks a contact what is asked no
    /// more, is marked failed.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letters(&self) -> Result<Vec<Letter>, Fault> {
        let mut letters = Vec::new();
        for row in self.0.store.outbox_due(self.now(), LETTERS_MAX).await? {
            let Some(Reader { name, address, outside }) = self.reader(row.person) else {
                let why = "no address, or no longer here";
                self.give_up((row.id, row.attempts), row.request, row.person, why).await?;
                continue;
            };
            let kind = LetterKind::parse(&row.kind).ok_or_else(|| Fault::trouble("a letter of an unknown kind"))?;
            let request = self.case(row.request).await?.map(|case| case.request);
            let waits = |r: &Request| !kind.only_while_pending() || r.status == Status::Pending;
            let Some(request) = request.filter(waits) else {
                self.give_up((row.id, row.attempts), row.request, row.person, "no longer pending").await?;
                continue;
            };
            let link = if outside {
                self.contact_link(&request, row.person, kind.asks())?
            } else {
                Some(Link::new(format!("{}/requests/{}", self.page_address(), row.request.0)))
            };
            let Some(link) = link else {
                self.give_up((row.id, row.attempts), row.request, row.person, "it asks nothing of them any more")
                    .await?;
                continue;
            };
            let (what, lines) = self.written(kind, &request, row.person).await?;
            letters.push(Letter {
                subject: format!("[Countersign] {what} · {}", row.request),
                link,
                footer: if outside { OUTSIDE.to_owned() } else { kind.footer().to_owned() },
                id: row.id,
                to: row.person,
                address,
                name,
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

    /// The subject and lines of a message for one reader.
    async fn written(
        &self,
        kind: LetterKind,
        request: &Request,
        reader: PersonId,
    ) -> Result<(String, Vec<String>), Fault> {
        if kind == LetterKind::Settled {
            return self.settled(request, reader).await;
        }
        let (subject, mut lines) = self.asked(request).await?;
        let name = person_view(&self.directory(), request.person.id).name;
        let first = match kind {
            LetterKind::Asked | LetterKind::Settled => return Ok((subject, lines)),
            LetterKind::Informed => "For your information; others decide this.".to_owned(),
            LetterKind::Automatic => "This was approved automatically, inside the hours the rule names.".to_owned(),
            LetterKind::Emergency => format!("EMERGENCY: {name} takes this before approval. Review it on the page."),
            LetterKind::Alarm => "Too few people can decide this. Name another approver, or escalate it.".to_owned(),
        };
        if let Some(declared) = request.emergency.as_ref().filter(|_| kind == LetterKind::Emergency) {
            lines.push(format!("Emergency reason: {}", self.shown(&declared.reason).await?));
            lines.push(format!("Access opens: {} (UTC)", shown(&declared.opens_at)));
        }
        lines.insert(1, first);
        let mark = match kind {
            LetterKind::Emergency => "EMERGENCY · ",
            LetterKind::Alarm => "Nobody can decide · ",
            LetterKind::Automatic => "Approved automatically · ",
            LetterKind::Asked | LetterKind::Informed | LetterKind::Settled => "",
        };
        Ok((format!("{mark}{subject}"), lines))
    }

    /// What an approver reads: who wants what, why, when, and the exact text.
    async fn asked(&self, request: &Request) -> Result<(String, Vec<String>), Fault> {
        let connect = self.connect_of(request).await?;
        let who = person_view(&self.directory(), request.person.id).name;
        let reason = self.reason(request, connect.as_ref()).await?.unwrap_or_else(|| "none given".to_owned());
        let window = request.terms.window;
        let mut lines = vec![
            format!("{who} asks to {}.", what(request)),
            format!("Reason: {reason}"),
            format!("When: {} to {} (UTC)", shown(&window.start), shown(&window.end)),
        ];
        if let Act::Run(run) = &request.act {
            let statement = self.statement(run, connect.map(|r| r.id), None).await?;
            lines.extend(statement.unknown.iter().map(|why| format!("Not fully understood: {why}")));
            for (text, values) in statement.texts.iter().zip(&statement.parameters) {
                lines.push(format!("Exact text: {text}"));
                lines.extend((1..).zip(values).map(|(n, value)| format!("${n} = {value}")));
            }
        }
        Ok((format!("{who} asks: {}", what(request)), lines))
    }

    /// What the requester, or a follower, reads: what became of it, who decided, and what they wrote.
    async fn settled(&self, request: &Request, reader: PersonId) -> Result<(String, Vec<String>), Fault> {
        let status = status_word(&request.status);
        let directory = self.directory();
        let name = |person| person_view(&directory, person).name;
        let whose =
            if reader == request.person.id { "Your".to_owned() } else { format!("{}'s", name(request.person.id)) };
        let mut lines = vec![format!("{whose} request to {} is {status}.", what(request))];
        for vote in request.tracks.iter().flat_map(|t| &t.votes) {
            let said = if vote.verdict == Verdict::Approve { "approved" } else { "rejected" };
            let behalf = vote.behalf.map(|p| format!(" for {}", name(p))).unwrap_or_default();
            lines.push(format!("{} {said} it{behalf}.", name(vote.approver)));
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
