//! What letters say.

use crate::control::Control;
use crate::fault::Fault;
use crate::view::{person_view, what};
use crate::words;
use countersign_core::refusal::{shown, status_word};
use countersign_core::{Message, Request, Status};
use countersign_journal::{Act, PersonId, Verdict};

/// Requests named one by one in a letter about many.
const NAMED_MAX: usize = 20;

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
    /// A free shell raised an alert.
    Alerted,
}

impl LetterKind {
    const ALL: [LetterKind; 7] = [
        LetterKind::Asked,
        LetterKind::Informed,
        LetterKind::Settled,
        LetterKind::Automatic,
        LetterKind::Emergency,
        LetterKind::Alarm,
        LetterKind::Alerted,
    ];

    pub(crate) fn of(message: Message) -> LetterKind {
        match message {
            Message::Asked => LetterKind::Asked,
            Message::Informed => LetterKind::Informed,
            Message::Settled => LetterKind::Settled,
            Message::Automatic => LetterKind::Automatic,
            Message::Emergency => LetterKind::Emergency,
            Message::Alerted => LetterKind::Alerted,
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
            LetterKind::Alerted => "alerted",
        }
    }

    pub(super) fn parse(word: &str) -> Option<LetterKind> {
        LetterKind::ALL.into_iter().find(|k| k.word() == word)
    }

    /// Whether it is of no use once the request no longer waits.
    pub(super) fn only_while_pending(self) -> bool {
        matches!(self, LetterKind::Asked | LetterKind::Informed | LetterKind::Alarm)
    }

    /// Whether a person is written so many of these and no more: all but what cannot wait.
    pub(super) fn is_counted(self) -> bool {
        self != LetterKind::Emergency
    }

    /// Whether it asks for a decision.
    pub(super) fn asks(self) -> bool {
        self == LetterKind::Asked
    }

    /// What `count` of them have in common, in words that follow the number.
    fn common(self) -> &'static str {
        match self {
            LetterKind::Asked => "more requests wait for you",
            LetterKind::Informed => "more requests wait for others",
            LetterKind::Settled => "more requests were decided or ended",
            LetterKind::Automatic => "more requests were approved automatically",
            LetterKind::Emergency => "more emergencies were declared",
            LetterKind::Alarm => "more requests can be decided by too few people",
            LetterKind::Alerted => "more alerts came from free shells",
        }
    }

    /// Where several of them are looked at: the page, and what people call it.
    pub(super) fn place(self) -> (&'static str, &'static str) {
        match self {
            LetterKind::Asked => ("/approvals", "your approvals"),
            LetterKind::Alerted => ("/sessions?show=all", "the sessions"),
            _ => ("/requests", "the requests"),
        }
    }

    pub(super) fn footer(self) -> &'static str {
        match self {
            LetterKind::Asked | LetterKind::Automatic | LetterKind::Emergency => {
                "You get this because a workflow names you as an approver."
            }
            LetterKind::Informed => "You get this because a workflow tells your group. It asks nothing of you.",
            LetterKind::Settled => "You get this because you made the request, or a workflow tells your group.",
            LetterKind::Alarm => "You get this because you are an administrator.",
            LetterKind::Alerted => {
                "You get this because you approved this access, own its account or are an administrator."
            }
        }
    }
}

impl Control {
    /// The subject and lines of a message for one reader.
    pub(super) async fn written(
        &self,
        kind: LetterKind,
        request: &Request,
        reader: PersonId,
    ) -> Result<(String, Vec<String>), Fault> {
        match kind {
            LetterKind::Settled => return self.settled(request, reader).await,
            LetterKind::Alerted => return self.alerted(request, reader).await,
            _ => {}
        }
        let (subject, mut lines) = self.asked(request).await?;
        let name = person_view(&self.directory(), request.person.id).name;
        let first = match kind {
            LetterKind::Asked | LetterKind::Settled | LetterKind::Alerted => return Ok((subject, lines)),
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
            LetterKind::Asked | LetterKind::Informed | LetterKind::Settled | LetterKind::Alerted => "",
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

    /// What whoever let somebody in reads of what was typed there: by which rules, and nothing of it.
    async fn alerted(&self, request: &Request, reader: PersonId) -> Result<(String, Vec<String>), Fault> {
        let who = person_view(&self.directory(), request.person.id).name;
        let sessions = self.case(request.id).await?.map(|case| case.sessions).unwrap_or_default();
        let mut lines = vec![format!(
            "{who} typed into a free shell on {} what the rules would not have let run as a command of its own.",
            request.target.label()
        )];
        for session in &sessions {
            let Some(rules) = session.told.get(&reader) else { continue };
            let rules: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
            lines.push(format!("{}: {}, by {}", session.id, words::alerts(session.alerts), rules.join(" and ")));
        }
        lines.push("It ran all the same: a free shell only alerts. What was typed is in no message.".to_owned());
        Ok((format!("Alert: {who} on {}", request.target.label()), lines))
    }

    /// What the requester, or a follower, reads: what became of it, who decided, and what they wrote.
    async fn settled(&self, request: &Request, reader: PersonId) -> Result<(String, Vec<String>), Fault> {
        let status = status_word(&request.status);
        let directory = self.directory();
        let name = |person| person_view(&directory, person).name;
        let whose =
            if reader == request.person.id { "Your".to_owned() } else { format!("{}'s", name(request.person.id)) };
        let mut lines = vec![format!("{whose} request to {} is {status}.", what(request))];
        if request.status == Status::Expired {
            lines.push(format!("Why: {}.", words::expiry(&request.expiry)));
        }
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

    /// The subject and lines of one letter about many requests.
    pub(super) fn written_together(&self, kind: LetterKind, requests: &[&Request]) -> (String, Vec<String>) {
        let directory = self.directory();
        let said = format!("{} {}", requests.len(), kind.common());
        let line = |r: &&Request| format!("{}: {}, {}", r.id, person_view(&directory, r.person.id).name, what(r));
        let mut lines = vec![format!("{said}.")];
        lines.extend(requests.iter().take(NAMED_MAX).map(line));
        if requests.len() > NAMED_MAX {
            lines.push(format!("And {} others.", requests.len() - NAMED_MAX));
        }
        (said, lines)
    }
}
