//! What is offered is what would be decided: after every line of every story, for everybody.

use super::{CONTACTS, PEOPLE, person};
use countersign_core::{
    Input, Position, Refusal, Request, Roster, State, Status, Vote, approvers, can_escalate, decide, open_at, open_for,
};
use countersign_journal::{Evidence, PersonId, Timestamp, Verdict};

/// A story with more requests than this is about their number; the latest are looked at.
const REQUESTS_MAX: usize = 10;

/// Fails where somebody is offered a decision that would be refused for who they are, or is not offered one they have.
pub fn as_decided(state: &State, directory: &Roster, now: Timestamp) {
    for request in state.requests.values().rev().take(REQUESTS_MAX) {
        let open = open(request);
        for at in open.iter().filter(|_| request.status == Status::Pending) {
            by_hand(state, directory, now, request, *at);
        }
        // One whose window is over waits for the next tick, and for nobody.
        let late = request.status == Status::Pending && now >= request.terms.window.end;
        for somebody in PEOPLE.iter().chain(&CONTACTS).map(|name| person(name)).filter(|_| !late) {
            let decides = |at: &Position| decides(state, directory, now, request, *at, somebody);
            let offered = open_for(state, directory, now, request, somebody);
            assert_eq!(offered, open.iter().copied().find(decides), "{somebody:?} on {}", request.id);
            for at in &open {
                let next = Position { epoch: at.epoch + 1, ..*at };
                let elsewhere = [Position { level: at.level + 9, ..*at }, Position { track: at.track + 9, ..*at }];
                let offers = |at| open_at(state, directory, now, request, at, somebody);
                assert_eq!(offers(*at), decides(at), "{somebody:?} at {at:?} of {}", request.id);
                assert_eq!(offers(next), decides(at) && request.was_emergency(), "{somebody:?} at {next:?}");
                assert!(!elsewhere.into_iter().any(offers), "{somebody:?} elsewhere on {}", request.id);
            }
        }
    }
}

/// Whether a level can be escalated by hand is said as it is decided.
fn by_hand(state: &State, directory: &Roster, now: Timestamp, request: &Request, at: Position) {
    let track = &request.tracks[at.track as usize];
    let input = Input::Escalate { request: request.id, position: at, by: person("root") };
    match decide(state, directory, input, now) {
        Ok(_) => assert!(can_escalate(track)),
        Err(Refusal::NothingToEscalateTo) => assert!(!can_escalate(track)),
        Err(_) => {}
    }
}

/// The levels that wait for an answer, or whose review is owed.
fn open(request: &Request) -> Vec<Position> {
    let epoch = |track: u32| request.tracks[track as usize].epoch;
    let owed = request.debt().into_iter().map(|(track, level)| Position { track, level, epoch: epoch(track) });
    let tracks = (0..).zip(&request.tracks).filter(|(_, t)| request.status == Status::Pending && t.open().is_some());
    owed.chain(tracks.map(|(track, t)| Position { track, level: t.at, epoch: t.epoch })).collect()
}

/// Whether a vote would not be refused for who casts it; and they are shown as somebody who decides, then.
fn decides(
    state: &State,
    directory: &Roster,
    now: Timestamp,
    request: &Request,
    at: Position,
    approver: PersonId,
) -> bool {
    let outside = directory.contacts.contains_key(&approver);
    let evidence = if outside { Evidence::Link } else { Evidence::SecondFactor };
    let (request_id, verdict) = (request.id, Verdict::Approve);
    let vote = Vote { request: request_id, position: at, approver, verdict, terms: None, comment: None, evidence };
    let refused = decide(state, directory, Input::Vote(vote), now).err();
    let stranger = matches!(
        refused,
        Some(Refusal::NobodyThere | Refusal::OwnRequest | Refusal::MayBeOne | Refusal::NotAnApprover(_))
    );
    let spoken = matches!(refused, Some(Refusal::AlreadyCounted | Refusal::EscalatedByYou));
    let track = &request.tracks[at.track as usize];
    let authority = if request.was_emergency() {
        track.levels.get(at.level as usize).map(|l| &l.authority)
    } else {
        track.authority()
    };
    let shown = approvers(state, directory, now, authority.expect("an open level"), request.about());
    assert_eq!(shown.contains(&approver), !stranger, "{approver:?} at {at:?} of {}", request.id);
    !stranger && !spoken
}
