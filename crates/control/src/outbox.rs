//! The outbox as channels see it: messages that are due, with everything they need to be written.
//!
//! Nobody is buried in mail: of one kind a person is written at most [`LETTERS_EACH_MAX`] letters within
//! [`TOGETHER_S`]. What is beyond is held, and comes as one letter when there is room again. Never held are emergencies,
//! answers to whoever asked, and letters to contacts, whose link is the only way to decide.

mod words;

use crate::contact::Link;
use crate::control::Control;
use crate::fault::Fault;
use crate::store::{OutboxRow, Pile, Row, Tried};
use countersign_core::{Request, Status};
use countersign_journal::{Note, PersonId, Seconds, Timestamp};
use std::collections::BTreeMap;
pub(crate) use words::LetterKind;

/// Messages handed out at a time.
const LETTERS_MAX: u32 = 50;
/// Letters of one kind to one person within [`TOGETHER_S`].
const LETTERS_EACH_MAX: u64 = 10;
/// How long a letter counts, in seconds: what is beyond waits at most as long, and comes together.
const TOGETHER_S: Seconds = 600;
/// Most messages in one letter.
const TOGETHER_MAX: u32 = 1_000;
/// Tries before a message is given up.
const ATTEMPTS_MAX: u64 = 8;
/// First wait after a failed try, in seconds; doubled each time.
const RETRY_S: Seconds = 15;

/// A letter that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// Its id, the same for every try.
    pub id: String,
    /// To whom.
    pub to: PersonId,
    /// Their address.
    pub address: String,
    /// What people call them.
    pub name: String,
    /// The subject.
    pub subject: String,
    /// The whole message as lines of plain text; the first says everything in one sentence.
    pub lines: Vec<String>,
    /// What the link opens: `#12`.
    pub opens: String,
    /// The one link.
    pub link: Link,
    /// Why one got it.
    pub footer: String,
    /// The messages it brings.
    rows: Vec<OutboxRow>,
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

/// A message that can be written now.
struct Due {
    row: OutboxRow,
    kind: LetterKind,
    request: Request,
    reader: Reader,
    link: Link,
}

impl Due {
    /// Whether it may have to wait for others of its kind.
    fn is_counted(&self) -> bool {
        let answer = self.kind == LetterKind::Settled && self.row.person == self.request.person.id;
        self.kind.is_counted() && !self.reader.outside && !answer
    }

    fn pile(&self) -> Pile {
        (self.row.person, self.row.kind.clone())
    }
}

/// Whether there is room for one more letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Some,
    /// For one, and then for none.
    Last,
    None,
}

/// The letters that count, by person and kind.
struct Counted(BTreeMap<Pile, u64>);

impl Counted {
    fn room(&self, pile: &Pile) -> Room {
        match self.0.get(pile).copied().unwrap_or(0) + 1 {
            ..LETTERS_EACH_MAX => Room::Some,
            LETTERS_EACH_MAX => Room::Last,
            _ => Room::None,
        }
    }

    /// Counts one more, where there is room.
    fn take(&mut self, pile: Pile) -> Room {
        let room = self.room(&pile);
        if room != Room::None {
            *self.0.entry(pile).or_default() += 1;
        }
        room
    }
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

    /// The letters that are due now. A message whose reader has no address or is gone, or that asks what is asked no more,
    /// is marked failed; one for whose letter there is no room is held.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letters(&self) -> Result<Vec<Letter>, Fault> {
        let now = self.now();
        let since = Timestamp(now.0.saturating_sub(Timestamp::default().plus(TOGETHER_S).0));
        let mut counted = Counted(self.0.store.outbox_sent(since).await?);
        let mut letters = Vec::new();
        for pile in self.0.store.outbox_piles(now).await? {
            if counted.room(&pile) != Room::None {
                letters.extend(self.together(pile, &mut counted).await?);
            }
        }
        let mut held = Vec::new();
        for row in self.0.store.outbox_due(now, LETTERS_MAX).await? {
            let Some(due) = self.due(row).await? else { continue };
            match if due.is_counted() { counted.take(due.pile()) } else { Room::Some } {
                Room::None => held.push(Row::OutboxHeld { id: due.row.id }),
                room => letters.push(self.letter(due, room).await?),
            }
        }
        if !held.is_empty() {
            self.submit_rows(held).await?;
        }
        Ok(letters)
    }

    /// What was held of a pile, in one letter; none when nobody waits for any of it.
    async fn together(&self, pile: Pile, counted: &mut Counted) -> Result<Option<Letter>, Fault> {
        let mut all = Vec::new();
        for row in self.0.store.outbox_held(self.now(), &pile, TOGETHER_MAX).await? {
            all.extend(self.due(row).await?);
        }
        let (Some(first), count) = (all.pop(), all.len() + 1) else { return Ok(None) };
        let room = counted.take(pile);
        if count == 1 {
            return self.letter(first, room).await.map(Some);
        }
        all.push(first);
        let requests: Vec<&Request> = all.iter().map(|due| &due.request).collect();
        let kind = all[0].kind;
        let (what, mut lines) = self.written_together(kind, &requests);
        lines.extend(room.note());
        let (page, opens) = kind.place();
        let Due { row, reader, .. } = &all[0];
        Ok(Some(Letter {
            id: format!("{}-{count}", row.id),
            to: row.person,
            address: reader.address.clone(),
            name: reader.name.clone(),
            subject: format!("[Countersign] {what}"),
            lines,
            opens: opens.to_owned(),
            link: Link::new(format!("{}{page}", self.page_address())),
            footer: kind.footer().to_owned(),
            rows: all.into_iter().map(|due| due.row).collect(),
        }))
    }

    /// A message with what is needed to write it; nothing, and given up, where that is not there any more.
    async fn due(&self, row: OutboxRow) -> Result<Option<Due>, Fault> {
        let kind = LetterKind::parse(&row.kind).ok_or_else(|| Fault::trouble("a letter of an unknown kind"))?;
        let Some(reader) = self.reader(row.person) else {
            return self.give_up(&row, "no address, or no longer here").await.map(|()| None);
        };
        let request = self.case(row.request).await?.map(|case| case.request);
        let waits = |r: &Request| !kind.only_while_pending() || r.status == Status::Pending;
        let Some(request) = request.filter(waits) else {
            return self.give_up(&row, "no longer pending").await.map(|()| None);
        };
        let link = if reader.outside {
            self.contact_link(&request, row.person, kind.asks())?
        } else {
            Some(Link::new(format!("{}/requests/{}", self.page_address(), row.request.0)))
        };
        let Some(link) = link else {
            return self.give_up(&row, "it asks nothing of them any more").await.map(|()| None);
        };
        Ok(Some(Due { row, kind, request, reader, link }))
    }

    async fn letter(&self, due: Due, room: Room) -> Result<Letter, Fault> {
        let Due { row, kind, request, reader, link } = due;
        let (what, mut lines) = self.written(kind, &request, row.person).await?;
        lines.extend(room.note());
        Ok(Letter {
            id: row.id.clone(),
            to: row.person,
            address: reader.address,
            name: reader.name,
            subject: format!("[Countersign] {what} · {}", row.request),
            lines,
            opens: row.request.to_string(),
            link,
            footer: if reader.outside { OUTSIDE.to_owned() } else { kind.footer().to_owned() },
            rows: vec![row],
        })
    }

    /// Records that a letter left, for each message in it.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letter_sent(&self, letter: &Letter) -> Result<(), Fault> {
        let mut became = Tried::Sent;
        for row in &letter.rows {
            let note = Note::NotificationSent { request: row.request, to: letter.to, subject: letter.subject.clone() };
            self.note(note, vec![tried(row, self.now(), became)]).await?;
            became = Tried::Over;
        }
        Ok(())
    }

    /// Records that a letter could not be sent; what it brings is tried again later, up to a limit.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn letter_failed(&self, letter: &Letter, why: &str) -> Result<(), Fault> {
        for row in &letter.rows {
            if row.attempts + 1 >= ATTEMPTS_MAX {
                self.give_up(row, why).await?;
                continue;
            }
            let again = self.now().plus(RETRY_S << row.attempts.min(16));
            let note = Note::NotificationFailed { request: row.request, to: letter.to, why: why.to_owned() };
            self.note(note, vec![tried(row, again, Tried::Waits)]).await?;
        }
        Ok(())
    }

    async fn give_up(&self, row: &OutboxRow, why: &str) -> Result<(), Fault> {
        let note = Note::NotificationFailed { request: row.request, to: row.person, why: why.to_owned() };
        self.note(note, vec![tried(row, self.now(), Tried::Over)]).await
    }
}

fn tried(row: &OutboxRow, at: Timestamp, became: Tried) -> Row {
    Row::OutboxTried { id: row.id.clone(), attempts: row.attempts + 1, at, became }
}

impl Room {
    /// What the last letter there is room for says of those behind it.
    fn note(self) -> Option<String> {
        let minutes = TOGETHER_S / 60;
        (self == Room::Last)
            .then(|| format!("These are many: what follows within {minutes} minutes comes together in one letter."))
    }
}
