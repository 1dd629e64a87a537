//! Events and cuts in a few words. Levels and tracks count from 1, as people see them.

use super::{Event, name, time};
use countersign_core::{Effect, Message, State};
use countersign_journal::{AccountId, Expiry, Note, PersonId, Verdict, Window};
use std::collections::BTreeSet;

/// Whether the secret of the one account is due for change.
pub fn due(state: &State) -> String {
    match state.due_secrets.of(AccountId(1)) {
        None => "nothing is due".to_owned(),
        Some(due) => format!("the secret of account 1 is due since {}, after {}", time(due.since), due.after),
    }
}

/// What an event says, or nothing where the line that caused it says it already.
pub fn event(state: &State, event: &Event) -> Option<String> {
    Some(match event {
        Event::Noted(Note::TranscriptRead { session, by, under, typed, exported }) => {
            let under = under.map_or_else(String::new, |grant| format!(" under {grant}"));
            let what = match exported {
                Some(_) => "exports",
                None if *typed => "sees what was typed in",
                None => "watches",
            };
            format!("{} {what} {session}{under}", name(*by))
        }
        Event::Noted(Note::Alerted { alert, told, last }) => {
            let last = if *last { ", the last" } else { "" };
            let program = alert.program.as_ref().map_or_else(String::new, |program| format!(" to {program}"));
            format!("{} alerted{program}, told {}{last}", alert.session, names(told))
        }
        Event::Noted(Note::RecordingErased { session, request, kept_days }) => {
            format!("{session} erased, kept {kept_days} days by {request}")
        }
        Event::PolicyApplied { .. } | Event::DirectoryApplied { .. } | Event::Noted(_) => return None,
        Event::RequestMade(made) => format!("{} made, {:?}", made.request, made.ruling.outcome).to_lowercase(),
        Event::LevelStarted { request, track, level, epoch, approvers, .. } => {
            let plan = state.requests.get(request).and_then(|r| r.tracks.get(*track as usize));
            let track = track + 1;
            match plan {
                Some(plan) if plan.levels.len() == *level as usize => format!("track {track} passed"),
                _ => format!("{} waits for {}", at(track, *level, *epoch), names(approvers)),
            }
        }
        Event::Voted { track, level, epoch, approver, verdict, .. } => {
            let word = if *verdict == Verdict::Approve { "approves" } else { "rejects" };
            format!("{} {word} {}", name(*approver), at(track + 1, *level, *epoch))
        }
        Event::Retracted { track, level, epoch, by, .. } => {
            format!("{} retracts; {} again", name(*by), at(track + 1, *level, *epoch))
        }
        Event::RequestApproved { request, grant, terms } => {
            format!("{request} approved, {grant} {}", window(&terms.window))
        }
        Event::RequestDisapproved { request, by } => format!("{request} disapproved by {}", name(*by)),
        Event::RequestCanceled { request } => format!("{request} canceled"),
        Event::RequestExpired { request, why } => format!("{request} expired{}", expiry(why)),
        Event::RequestRevoked { request, by, .. } => format!("{request} revoked by {}", name(*by)),
        Event::Escalated { track, level, epoch, approvers, by, .. } => {
            let hand = by.map_or_else(String::new, |p| format!(" by {}", name(p)));
            format!("{} escalated{hand}, waits for {}", at(track + 1, *level, *epoch), names(approvers))
        }
        Event::LevelBlocked { track, level, .. } => format!("{} blocked", at(track + 1, *level, 0)),
        Event::LevelFreed { track, level, approvers, .. } => {
            format!("{} freed, waits for {}", at(track + 1, *level, 0), names(approvers))
        }
        Event::EmergencyConfirmed { request, opens_at, approvers, .. } => {
            format!("{request} emergency, opens {}, told {}", time(*opens_at), names(approvers))
        }
        Event::EmergencyStopped { request, by, .. } => format!("{request} emergency stopped by {}", name(*by)),
        Event::Reviewed { track, level, approver, verdict, .. } => {
            let word = if *verdict == Verdict::Approve { "approves" } else { "rejects" };
            format!("{} reviews {}: {word}", name(*approver), at(track + 1, *level, 0))
        }
        Event::Delegated { delegation, from, to, window: w } => {
            format!("{delegation}: {} for {}, {}", name(*to), name(*from), window(w))
        }
        Event::DelegationEnded { delegation, by } => format!("{delegation} ended by {}", name(*by)),
        Event::LinkMade { person, by } => format!("{} can become {}", name(*by), name(*person)),
        Event::GrantEdited { grant, by, terms, .. } => {
            format!("{grant} edited by {}, {}", name(*by), window(&terms.window))
        }
        Event::GrantEnded { grant, how } => format!("{grant} ended, {how:?}").to_lowercase(),
        Event::SessionOpened { session, grant, first_use, .. } => {
            format!("{session} opened under {grant}{}", if *first_use { ", first use" } else { "" })
        }
        Event::SessionClosed { session, .. } => format!("{session} closed"),
        Event::Used { grant, session, .. } => format!("{grant} used in {session}"),
        Event::PlanUsed { grant, session, step, .. } => format!("{grant}: statement {} used in {session}", step + 1),
        Event::PlanRan { grant, step, outcome } => {
            format!("{grant}: statement {} ran, {outcome:?}", step + 1).to_lowercase()
        }
        Event::Ran { grant, outcome } => format!("{grant} ran, {outcome:?}").to_lowercase(),
    })
}

/// What must be cut, and who is told besides those whom the event names.
pub fn effect(event: &Event, effect: &Effect) -> Option<String> {
    match effect {
        Effect::Cut { session } => Some(format!("{session} must be cut")),
        Effect::Alarm { .. } => Some("administrators are alarmed".to_owned()),
        Effect::Tell { people, message: Message::Asked, .. } => match event {
            Event::LevelStarted { approvers, .. } if approvers != people => Some(format!("asks {}", names(people))),
            _ => None,
        },
        Effect::Tell { people, message: Message::Informed, .. } => Some(format!("informs {}", names(people))),
        Effect::Tell { people, message: Message::Automatic, .. } => Some(format!("tells {}", names(people))),
        Effect::Tell { people, message: Message::Settled, .. } if people.len() > 1 => {
            Some(format!("tells {}", names(people)))
        }
        _ => None,
    }
}

fn at(track: u32, level: u32, epoch: u32) -> String {
    let track = if track > 1 { format!("track {track} ") } else { String::new() };
    let epoch = if epoch > 0 { format!(" (epoch {epoch})") } else { String::new() };
    format!("{track}level {}{epoch}", level + 1)
}

fn names(people: &BTreeSet<PersonId>) -> String {
    let names: Vec<&str> = people.iter().map(|p| name(*p)).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn window(window: &Window) -> String {
    format!("{}-{}", time(window.start), time(window.end))
}

fn expiry(why: &Expiry) -> String {
    match why {
        Expiry::Undecided => String::new(),
        Expiry::NobodyLeft => ", nobody left".to_owned(),
        Expiry::NotOpened => ", not opened".to_owned(),
        Expiry::PersonGone => ", person gone".to_owned(),
        Expiry::TargetGone => ", target gone".to_owned(),
        Expiry::Denied(rules) => format!(", denied by {}", rules.join(" and ")),
        Expiry::Overtaken(first) => format!(", overtaken by {}", first.map_or("set-up".to_owned(), |r| r.to_string())),
        Expiry::AccessEnded => ", access ended".to_owned(),
    }
}
