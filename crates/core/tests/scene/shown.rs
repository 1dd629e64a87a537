//! Events and cuts in a few words. Levels and tracks count from 1, as people see them.

use super::{Event, name, time};
use countersign_core::{Effect, State};
use countersign_journal::{PersonId, Verdict, Window};
use std::collections::BTreeSet;

/// What an event says, or nothing where the line that caused it says it already.
pub fn event(state: &State, event: &Event) -> Option<String> {
    Some(match event {
        Event::PolicyApplied { .. } | Event::DirectoryApplied { .. } | Event::Noted(_) => return None,
        Event::RequestMade(made) => format!("{} made, {:?}", made.request, made.ruling.outcome).to_lowercase(),
        Event::LevelStarted { request, track, level, epoch, approvers } => {
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
        Event::RequestExpired { request } => format!("{request} expired"),
        Event::RequestRevoked { request, by, .. } => format!("{request} revoked by {}", name(*by)),
        Event::GrantEnded { grant, how } => format!("{grant} ended, {how:?}").to_lowercase(),
        Event::SessionOpened { session, grant, first_use, .. } => {
            format!("{session} opened under {grant}{}", if *first_use { ", first use" } else { "" })
        }
        Event::SessionClosed { session, .. } => format!("{session} closed"),
        Event::Used { grant, session, .. } => format!("{grant} used in {session}"),
        Event::Ran { grant, outcome } => format!("{grant} ran, {outcome:?}").to_lowercase(),
    })
}

/// What must be cut.
pub fn cut(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Cut { session } => Some(format!("{session} must be cut")),
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
