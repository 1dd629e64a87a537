//! What happened to a request after somebody looked at it: a no that comes of it says so, by whom, and what is next.

use super::{LevelView, PersonView, RequestView, TakenBack};
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::store::Row;
use countersign_core::{Input, Refusal};
use countersign_journal::RequestId;

/// People named in one sentence.
const NAMED_MAX: usize = 5;

impl Control {
    /// Does something to a request, as [`Control::told`] tells it.
    pub(crate) async fn act(
        &self,
        actor: &Actor,
        request: RequestId,
        input: Input,
        rows: Vec<Row>,
    ) -> Result<(), Fault> {
        let done = self.submit(input, rows).await.map(|_| ());
        self.told(actor, request, done).await
    }

    /// The outcome of something done to a request; a no because of what others did to it meanwhile tells what that was.
    pub(crate) async fn told<T>(&self, actor: &Actor, request: RequestId, done: Result<T, Fault>) -> Result<T, Fault> {
        let Err(Fault::Refused(refusal)) = done else { return done };
        if !is_late(&refusal) {
            return Err(Fault::Refused(refusal));
        }
        // Whoever may not see it any more is told the plain no.
        let Ok(seen) = self.request(actor, request).await else { return Err(Fault::Refused(refusal)) };
        let taken = self.taken_back(&seen).await?;
        let happened = format!("{}; {}", happened(&seen, &taken), next(&seen, actor));
        Err(Fault::Meanwhile { refusal, happened })
    }
}

/// Whether a no comes of what happened to the request since it was looked at.
fn is_late(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotPending { .. }
            | Refusal::LevelMoved
            | Refusal::NotRevocable { .. }
            | Refusal::NotEditable { .. }
            | Refusal::GrantOver
            | Refusal::AlreadyUsed
            | Refusal::NothingToStop
    )
}

/// The last thing that happened to it, in words.
fn happened(seen: &RequestView, taken: &[TakenBack]) -> String {
    let votes = || seen.tracks.iter().flatten().flat_map(|level| &level.votes);
    let who = |verdict: &str| named(votes().filter(|v| v.verdict == verdict).map(|v| &v.approver));
    let took = taken.last().map(|t| t.by.name.clone());
    match (seen.status, &seen.grant) {
        ("Pending", _) => waiting(seen, took),
        ("Approved", Some(grant)) if !grant.ended.is_empty() => format!("its access has ended ({})", grant.ended),
        ("Approved", _) if seen.emergency.as_ref().is_some_and(|e| e.opened) => {
            "its emergency has opened access before approval".to_owned()
        }
        ("Approved", _) if who("approved").is_empty() => "it was approved without anybody being asked".to_owned(),
        ("Approved", _) => format!("{} approved it", who("approved")),
        ("Disapproved", _) => format!("{} rejected it", who("rejected")),
        ("Canceled", _) => format!("{} withdrew it", seen.person.name),
        ("Revoked", _) => format!("{} revoked it", took.unwrap_or_else(|| "somebody entitled".to_owned())),
        _ => format!("it expired: {}", seen.expired.as_deref().unwrap_or("nobody decided in time")),
    }
}

/// What happened to one that still waits, and who decides it now.
fn waiting(seen: &RequestView, took: Option<String>) -> String {
    let levels = || seen.tracks.iter().flat_map(|levels| (1..).zip(levels));
    let last = levels().flat_map(|(n, level)| level.votes.iter().map(move |v| (n, v))).max_by_key(|(_, v)| v.at);
    let escalated = levels().find(|(_, l)| is_open(l) && !l.escalated.is_empty()).map(|(_, l)| l.escalated.clone());
    let done = match (escalated, took, last) {
        (Some(escalated), ..) => escalated,
        (None, Some(took), _) => format!("{took} took an approval back"),
        (None, None, Some((n, vote))) => format!("{} {} it on level {n}", vote.approver.name, vote.verdict),
        (None, None, None) => "the level it was on is another one".to_owned(),
    };
    let now = named(levels().filter(|(_, l)| is_open(l)).flat_map(|(_, l)| &l.approvers));
    if now.is_empty() { done } else { format!("{done}, and it waits for {now} now") }
}

fn is_open(level: &LevelView) -> bool {
    matches!(level.stage, "open" | "blocked")
}

/// What whoever was late can do now.
fn next(seen: &RequestView, actor: &Actor) -> &'static str {
    let (may, mine) = (seen.may, seen.person.id == actor.person);
    match () {
        () if may.review => "you can review it now",
        () if may.decide => "look at it as it is now, then decide",
        () if may.revoke && may.edit => "you can still revoke it, or change its terms",
        () if may.retract => "you can still take your approval back",
        () if may.surrender => "you can give it back early",
        () if may.withdraw => "you can still withdraw it",
        () if mine => "ask anew if you still need it",
        () => "nothing is asked of you any more",
    }
}

/// Names, each once.
fn named<'p>(people: impl Iterator<Item = &'p PersonView>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for person in people {
        if !names.contains(&person.name.as_str()) {
            names.push(&person.name);
        }
    }
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let behind = if more > 0 { format!(" and {more} others") } else { String::new() };
    format!("{}{behind}", names.join(", "))
}
