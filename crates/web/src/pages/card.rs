//! One request as a card that can be read in five seconds and decided on (UX: who, what, why, when, how risky, the
//! exact text, who else decides, what if nobody does).

use super::configuration::Difference;
use crate::draw::{Run, Shape, initials, lines, shape};
use crate::reader::Reader;
use askama::Template;
use countersign_control::view::{ChangeView, EmergencyView, LevelView, NarrowedView, PlanView, RequestView};
use countersign_journal::{LOGIN_SHELL, Language, Timestamp, Window};
use std::collections::BTreeSet;

/// A card.
#[derive(Template)]
#[template(path = "card.html")]
pub(crate) struct Card<'p> {
    r: &'p RequestView,
    shape: Shape,
    reader: &'p Reader,
    /// Where to go once decided.
    next: String,
    /// Whether it stands in a list, with a link to the whole.
    listed: bool,
    /// Where the decision is posted.
    post: String,
    /// Whether the reader has nothing but this card: a contact, who decides as asked or not at all.
    outside: bool,
    /// The comment that was typed before.
    typed: &'p str,
    /// The period that was typed before and cannot be approved.
    period: Option<&'p Period>,
}

/// A period that an approver typed, and why it cannot be approved.
pub(crate) struct Period {
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) wrong: String,
}

impl askama::filters::HtmlSafe for Card<'_> {}

impl<'p> Card<'p> {
    /// A card in a list that is returned to once decided.
    pub(crate) fn listed(r: &'p RequestView, reader: &'p Reader, next: &str) -> Card<'p> {
        let post = format!("/requests/{}/decision", r.id.0);
        let (shape, next) = (shape(r), next.to_owned());
        Card { r, shape, reader, next, listed: true, post, outside: false, typed: "", period: None }
    }

    /// The card on the request's own page.
    pub(crate) fn alone(r: &'p RequestView, reader: &'p Reader) -> Card<'p> {
        let next = format!("/requests/{}", r.id.0);
        Card { next, listed: false, ..Card::listed(r, reader, "") }
    }

    /// The same with what was typed before.
    pub(crate) fn again(self, typed: &'p str, period: Option<&'p Period>) -> Card<'p> {
        Card { typed, period, ..self }
    }

    /// What an approval as asked gives now: what was asked for, less what others who approved left out.
    fn window(&self) -> &Window {
        self.r.narrowed.as_ref().map_or(&self.r.window, |narrowed| &narrowed.window)
    }

    fn start(&self) -> String {
        self.period.map_or_else(|| self.reader.field(&self.window().start), |p| p.start.clone())
    }

    fn end(&self) -> String {
        self.period.map_or_else(|| self.reader.field(&self.window().end), |p| p.end.clone())
    }

    /// Who allowed less than was asked for.
    fn narrowers(&self, narrowed: &NarrowedView) -> String {
        narrowed.by.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(" and ")
    }

    /// Whether there is more to say after the exact text: who decides, what else happens, what came of it.
    fn has_more(&self) -> bool {
        let outcome = self.r.statement.as_ref().is_some_and(|s| !s.outcome.is_empty());
        let decides = self.r.status == "Pending" && !self.deciders().is_empty();
        decides || outcome || self.r.automatic || self.r.reset_after_use
    }

    /// The card a contact's link opens, with the form that goes back to it.
    pub(crate) fn outside(r: &'p RequestView, reader: &'p Reader, post: &str, typed: &'p str) -> Card<'p> {
        Card { post: post.to_owned(), outside: true, typed, ..Card::alone(r, reader) }
    }

    /// Whether what was approved can be watched now.
    fn may_watch(&self) -> bool {
        let now = self.reader.now;
        let live = self.r.grant.as_ref().is_some_and(|g| g.stage != "Ended" && g.window.contains(now));
        live && self.r.may.surrender | self.r.may.withdraw
    }

    fn initials(&self) -> String {
        initials(&self.r.person.name)
    }

    fn difference<'c>(&self, change: &'c ChangeView) -> Difference<'c> {
        Difference { lines: &change.lines }
    }

    fn lines(&self, text: &str, language: &Language) -> Vec<Vec<Run>> {
        lines(text, *language)
    }

    /// Whether it is about a command, and not a statement.
    fn is_command(&self) -> bool {
        self.r.statement.as_ref().is_some_and(|s| s.language == Language::Shell)
    }

    /// Whether it takes what is typed.
    fn is_typed(&self) -> bool {
        self.r.statement.as_ref().is_some_and(|s| s.kinds.iter().any(|kind| kind == LOGIN_SHELL))
    }

    /// Everything the planned statements touch, each once.
    fn planned_touches<'v>(&self, plan: &'v PlanView) -> BTreeSet<&'v str> {
        plan.steps.iter().flat_map(|s| s.touches.iter().map(String::as_str)).collect()
    }

    /// Why some of them could not be fully understood, each reason once.
    fn planned_doubts<'v>(&self, plan: &'v PlanView) -> BTreeSet<&'v str> {
        plan.steps.iter().flat_map(|s| s.unknown.iter().map(String::as_str)).collect()
    }

    /// Who decides now, in one sentence per open level.
    fn deciders(&self) -> Vec<String> {
        let tracks = self.r.tracks.iter();
        tracks.filter_map(|levels| open_level(levels)).map(|(at, of, level)| decider(at, of, level)).collect()
    }

    /// Whether access opens by itself unless somebody stops it.
    fn counts_down(&self) -> bool {
        let open = |e: &EmergencyView| !e.opened && e.stopped_by.is_none();
        self.r.status == "Pending" && self.r.emergency.as_ref().is_some_and(open)
    }

    /// What a timeout of an open level leads to, and when; the earliest first.
    fn timeouts(&self) -> Vec<(Timestamp, &str)> {
        let open = self.r.tracks.iter().filter_map(|levels| open_level(levels));
        let mut all: Vec<_> = open.filter_map(|(_, _, l)| l.due.map(|due| (due, l.then.as_str()))).collect();
        all.sort();
        all
    }
}

fn open_level(levels: &[LevelView]) -> Option<(usize, usize, &LevelView)> {
    let at = levels.iter().position(|l| matches!(l.stage, "open" | "blocked"))?;
    levels.get(at).map(|level| (at + 1, levels.len(), level))
}

fn decider(at: usize, of: usize, level: &LevelView) -> String {
    let names: Vec<&str> = level.approvers.iter().map(|p| p.name.as_str()).collect();
    let who = match names.len() {
        0 => "nobody can decide this now; an administrator must name an approver".to_owned(),
        1..=4 => names.join(", "),
        more => format!("{} and {} others", names[..3].join(", "), more - 3),
    };
    let has = level.votes.iter().filter(|v| v.verdict == "approved").count();
    let need = if level.approvals > 1 { format!(" · {has} of {} approvals", level.approvals) } else { String::new() };
    let place = if of > 1 { format!("Level {at} of {of}: ") } else { String::new() };
    let authority = if level.escalated.is_empty() { &level.authority } else { &level.escalated };
    format!("{place}{authority} ({who}){need}")
}
