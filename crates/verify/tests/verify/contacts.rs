//! Contacts: an honest day on which they decide and review by link, and what a forger makes of it.

use crate::story::*;
use countersign_journal::Verdict::{Approve, Reject};
use countersign_journal::*;
use countersign_verify::verify;

const VERA: PersonId = PersonId(77);
const WALT: PersonId = PersonId(78);

fn contacts(all: &[PersonId]) -> Level {
    Level::of(Authority::Contacts(people(all)))
}

fn linked(mut event: Event) -> Event {
    if let Event::Voted { evidence, .. } | Event::Reviewed { evidence, .. } = &mut event {
        *evidence = Evidence::Link;
    }
    event
}

fn reviewed() -> Event {
    Event::Reviewed {
        request: RequestId(2),
        track: 0,
        level: 0,
        approver: VERA,
        verdict: Reject,
        comment: None,
        evidence: Evidence::Link,
        authority: contacts(&[VERA]).authority,
        digest: digest(2),
        behalf: None,
    }
}

/// Request 1 is approved by Bob, then by Vera. Request 2 is an emergency that Vera rejects afterwards.
fn day() -> Story {
    let (asked, outside) = (window(0, 1_000), contacts(&[VERA]));
    let levels = vec![persons(&[BOB], 1), outside.clone()];
    let mut day = Story::default();
    day.at(0).tell(installed()).tell(made(connect(1, 1, asked, vec![levels]))).tell(started(1, [0, 0, 0], &[BOB]));
    day.at(1).tell(voted(1, [0, 0, 0], BOB, Approve, &persons(&[BOB], 1), asked)).tell(started(1, [0, 1, 0], &[VERA]));
    day.at(2).tell(linked(voted(1, [0, 1, 0], VERA, Approve, &outside, asked)));
    day.tell(approved(1, 1, window(2, 1_000)));
    let mut urgent = connect(2, 2, asked, vec![vec![outside]]);
    urgent.ruling.emergency = Some(Emergency { countdown_s: 0 });
    day.at(3).tell(made(urgent)).tell(started(2, [0, 0, 0], &[VERA])).tell(Event::EmergencyConfirmed {
        request: RequestId(2),
        reason: Commitment::new(&[1; 32], b"down"),
        evidence: Evidence::SecondFactor,
        opens_at: Timestamp(3),
        approvers: people(&[VERA]),
    });
    day.tell(approved(2, 2, window(3, 1_000)));
    day.at(4).tell(reviewed()).tell(revoked(2, VERA)).tell(ended(2, GrantEnd::Revoked));
    day
}

#[test]
fn an_honest_day_with_contacts_verifies() {
    let (bytes, head) = day().export();
    let found = verify(bytes.as_slice(), Some(head)).map(|report| (report.requests, report.decisions));
    assert_eq!(found.map_err(|fault| fault.to_string()), Ok((2, 3)));
}

/// Forges the day by changing each event the forger wants changed; the verifier must say `text`.
fn check(text: &str, forge: impl Fn(&mut Event)) {
    let mut forged = day();
    forged.lines.iter_mut().for_each(|(_, event)| forge(event));
    refused(&forged, text);
}

fn refused(forged: &Story, text: &str) {
    let fault = verify(forged.export().0.as_slice(), None).expect_err(text);
    assert!(fault.to_string().contains(text), "{text}: {fault}");
}

/// Vera's vote on request 1.
fn on_vote(
    change: impl Fn(&mut PersonId, &mut Evidence, &mut Authority, &mut Option<PersonId>),
) -> impl Fn(&mut Event) {
    move |event| {
        if let Event::Voted { level: 1, approver, evidence, authority, behalf, .. } = event {
            change(approver, evidence, authority, behalf);
        }
    }
}

#[test]
fn r11_forged_votes_of_contacts() {
    check("decides by other means than a contact has", on_vote(|_, evidence, _, _| *evidence = Evidence::SecondFactor));
    check("decides by other means than a contact has", on_vote(|_, evidence, _, _| *evidence = Evidence::SignedIn));
    check("without the authority level 1 demands", on_vote(|who, _, _, _| *who = WALT));
    check(
        "without the authority level 1 demands",
        on_vote(|_, _, authority, _| *authority = contacts(&[VERA, WALT]).authority),
    );
    check("by a right that was not lent", on_vote(|_, _, _, behalf| *behalf = Some(WALT)));
    check(
        "is a contact, and does what only people do",
        on_vote(|_, _, authority, _| *authority = persons(&[VERA], 1).authority),
    );
    check("weaker evidence than level 1 demands", |e| {
        if let Event::RequestMade(made) = e {
            made.tracks
                .iter_mut()
                .flat_map(|t| &mut t.levels)
                .skip(1)
                .for_each(|l| l.evidence = Evidence::SecondFactor);
        }
    });
    check("decides by link, and is no contact", |e| {
        if let Event::Voted { approver: BOB, evidence, .. } = e {
            *evidence = Evidence::Link;
        }
    });
    check("cannot be one", |e| {
        if let Event::LevelStarted { level: 0, request: RequestId(1), approvers, .. } = e {
            *approvers = people(&[VERA]);
        }
    });
    check("is told to contacts it does not name", |e| {
        if let Event::LevelStarted { level: 1, approvers, .. } = e {
            *approvers = people(&[VERA, WALT]);
        }
    });
}

#[test]
fn r11_forged_reviews_of_contacts() {
    check("decides by other means than a contact has", |e| {
        if let Event::Reviewed { evidence, .. } = e {
            *evidence = Evidence::SecondFactor;
        }
    });
    let mut alone = day();
    alone.remove(alone.find(0, |e| matches!(e, Event::Reviewed { .. })));
    refused(&alone, "is a contact, and does what only people do");
}

/// R38: a contact decides and does nothing else, before or after.
#[test]
fn r38_forged_acts_of_contacts() {
    check("is a contact, and does what only people do", |e| {
        if let Event::RequestMade(made) = e {
            made.person.id = VERA;
        }
    });
    let window = window(2, 1_000).window;
    let acts = [
        retracted(2, [0, 0, 1], VERA),
        Event::EmergencyStopped { request: RequestId(2), by: VERA, comment: None },
        Event::GrantEdited { grant: GrantId(1), by: VERA, terms: Terms::in_window(window), reason: None },
        Event::Delegated { delegation: DelegationId(1), from: VERA, to: BOB, window },
        Event::Delegated { delegation: DelegationId(1), from: BOB, to: VERA, window },
        Event::LinkMade { person: VERA, by: BOB },
        Event::LinkMade { person: BOB, by: VERA },
        revoked(1, VERA),
        Event::Noted(Note::SignedIn { person: VERA, from: "192.0.2.1".into(), second_factor: true }),
    ];
    for act in acts {
        let mut forged = day();
        let end = forged.lines.len();
        forged.insert(end, act);
        refused(&forged, "is a contact, and does what only people do");
    }
    let mut first = day();
    first.insert(1, Event::LinkMade { person: VERA, by: BOB });
    refused(&first, "is a person, and is named as a contact");
}
