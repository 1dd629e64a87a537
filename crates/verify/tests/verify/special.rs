//! Escalations, lent rights, emergencies, reviews and edits: an honest day, and what a forger makes of it.

use crate::story::*;
use countersign_journal::Verdict::{Approve, Reject};
use countersign_journal::*;
use countersign_verify::verify;

/// A second, in the microseconds that moments count in.
const S: i64 = 1_000_000;

/// Decided by Bob, after ten seconds by members of group 9.
fn timed() -> Level {
    let action = TimeoutAction::EscalateToMembers(GroupId(9));
    Level { timeout: Some(Timeout { after_s: 10, action }), ..persons(&[BOB], 1) }
}

/// Request 1 escalates and is decided by Erin, to whom Dave lent the right; its grant is edited. Request 2 is an emergency
/// with a countdown, opened early, used, and rejected afterwards.
fn day() -> Story {
    let mut day = Story::default();
    let asked = window(0, 1_000 * S);
    day.at(0).tell(installed()).tell(Event::Delegated {
        delegation: DelegationId(1),
        from: DAVE,
        to: ERIN,
        window: asked.window,
    });
    day.at(S).tell(made(connect(1, 1, asked, vec![vec![timed()]]))).tell(started(1, [0, 0, 0], &[BOB]));
    day.at(11 * S).tell(Event::Escalated {
        request: RequestId(1),
        track: 0,
        level: 0,
        epoch: 1,
        to: Authority::Members(GroupId(9)),
        approvers: people(&[DAVE, ERIN]),
        by: None,
    });
    let mut vote = voted(1, [0, 0, 1], ERIN, Approve, &members(9, 1), asked);
    if let Event::Voted { behalf, .. } = &mut vote {
        *behalf = Some(DAVE);
    }
    day.at(12 * S).tell(vote).tell(approved(1, 1, asked)).tell(edited(1, BOB, window(0, 500 * S)));
    let mut urgent = connect(2, 2, asked, vec![vec![persons(&[BOB], 1)]]);
    urgent.ruling.emergency = Some(Emergency { countdown_s: 5 });
    day.at(20 * S).tell(made(urgent)).tell(started(2, [0, 0, 0], &[BOB])).tell(Event::EmergencyConfirmed {
        request: RequestId(2),
        reason: Commitment::new(&[1; 32], b"down"),
        evidence: Evidence::SecondFactor,
        opens_at: Timestamp(25 * S),
        approvers: people(&[BOB]),
    });
    let open = window(25 * S, 1_000 * S);
    day.at(25 * S).tell(approved(2, 2, open)).tell(opened(1, 2, true));
    day.at(30 * S).tell(reviewed(Reject)).tell(revoked(2, BOB)).tell(ended(2, GrantEnd::Revoked)).tell(closed(1));
    day
}

fn edited(grant: u64, by: PersonId, terms: Terms) -> Event {
    Event::GrantEdited { grant: GrantId(grant), by, terms, reason: None }
}

fn reviewed(verdict: Verdict) -> Event {
    Event::Reviewed {
        request: RequestId(2),
        track: 0,
        level: 0,
        approver: BOB,
        verdict,
        comment: None,
        evidence: Evidence::SecondFactor,
        authority: persons(&[BOB], 1).authority,
        digest: digest(2),
        behalf: None,
    }
}

#[test]
fn an_honest_day_of_special_paths_verifies() {
    let (bytes, head) = day().export();
    let found = verify(bytes.as_slice(), Some(head)).map(|report| (report.requests, report.decisions));
    assert_eq!(found.map_err(|fault| fault.to_string()), Ok((2, 2)));
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

#[test]
fn r16_forged_escalations() {
    check("escalated to others than it was made with", |e| {
        if let Event::Escalated { to, .. } = e {
            *to = Authority::Administrators;
        }
    });
    check("is escalated and is not open, or was before", |e| {
        if let Event::Escalated { epoch, .. } = e {
            *epoch = 2;
        }
    });
    check("escalated by or to somebody who cannot decide it", |e| {
        if let Event::Escalated { by, .. } = e {
            *by = Some(ALICE);
        }
    });
    check("escalated before its time ran out", |e| {
        if let Event::RequestMade(made) = e {
            made.tracks[0].levels[0].timeout.iter_mut().for_each(|t| t.after_s = 60);
        }
    });
    check("escalated level 0 of `#1` and decides it", |e| {
        if let Event::Escalated { by, approvers, .. } = e {
            (*by, *approvers) = (Some(DAVE), people(&[ERIN]));
        }
    });
}

#[test]
fn r42_forged_rights() {
    check("by a right that was not lent to them", |e| {
        if let Event::Delegated { to, .. } = e {
            *to = CAROL;
        }
    });
    check("by a right of its requester", |e| {
        if let Event::Voted { behalf, .. } = e {
            *behalf = Some(ALICE);
        }
    });
    let mut twice = day();
    let at = twice.find(0, |e| matches!(e, Event::Delegated { .. }));
    let vote = twice.find(0, |e| matches!(e, Event::Voted { .. }));
    let (moment, mut again) = twice.lines[vote].clone();
    if let Event::Voted { approver, behalf, .. } = &mut again {
        (*approver, *behalf) = (DAVE, None);
    }
    twice.lines.insert(vote + 1, (moment, again));
    refused(&twice, "decides `#1` a second time");
    let mut ended = day();
    ended.insert(at + 1, Event::DelegationEnded { delegation: DelegationId(1), by: DAVE });
    refused(&ended, "by a right that was not lent to them");
}

#[test]
fn r39_forged_emergencies() {
    check("the rules of `#2` allow no emergency", |e| {
        if let Event::RequestMade(made) = e {
            made.ruling.emergency = None;
        }
    });
    check("lacks a second factor", |e| {
        if let Event::EmergencyConfirmed { evidence, .. } = e {
            *evidence = Evidence::SignedIn;
        }
    });
    check("opens before its countdown ends", |e| {
        if let Event::EmergencyConfirmed { opens_at, .. } = e {
            *opens_at = Timestamp(21 * S);
        }
    });
    check("has 0 of the 1 approvals it needs", |e| {
        if let Event::EmergencyConfirmed { opens_at, .. } = e {
            *opens_at = Timestamp(26 * S);
        }
    });
    check("lasts longer than was asked", |e| {
        if let Event::RequestApproved { request: RequestId(2), terms, .. } = e {
            *terms = window(25 * S, 2_000 * S);
        }
    });
    check("without the authority level 0 demands", |e| {
        if let Event::Reviewed { authority, .. } = e {
            *authority = Authority::Administrators;
        }
    });
    check("decides their own request", |e| {
        if let Event::Reviewed { approver, .. } = e {
            *approver = ALICE;
        }
    });
    let mut kept = day();
    kept.lines.truncate(kept.find(0, |e| matches!(e, Event::RequestRevoked { .. })));
    refused(&kept, "was rejected and the next entry does not revoke it");
}

#[test]
fn r37_forged_edits() {
    check("changed to more than was signed", |e| {
        if let Event::GrantEdited { terms, .. } = e {
            *terms = window(0, 2_000 * S);
        }
    });
    check("changes the terms of their own", |e| {
        if let Event::GrantEdited { by, .. } = e {
            *by = ALICE;
        }
    });
}

/// R38: who may be the requester by links to passwords decides nothing of theirs.
#[test]
fn r38_forged_links() {
    let may_be_one = "may be its requester, by links to passwords";
    for person in [DAVE, ERIN] {
        let mut forged = day();
        let vote = forged.find(0, |e| matches!(e, Event::Voted { .. }));
        forged.insert(vote, Event::LinkMade { person, by: ALICE });
        refused(&forged, may_be_one);
        forged.insert(vote + 1, Event::LinkMade { person, by: person });
        refused(&forged, may_be_one);
        let opened = Event::Noted(Note::PasswordSet { person });
        forged.insert(vote + 2, opened.clone());
        refused(&forged, may_be_one);
        forged.insert(vote + 3, Event::LinkMade { person, by: CAROL });
        refused(&forged, may_be_one);
        forged.insert(vote + 4, opened.clone());
        assert!(verify(forged.export().0.as_slice(), None).is_ok(), "somebody else's link was opened since");
        forged.insert(vote + 5, Event::LinkMade { person: ALICE, by: CAROL });
        refused(&forged, may_be_one);
        forged.insert(vote + 6, Event::LinkMade { person: ALICE, by: PersonId::OPERATOR });
        assert!(verify(forged.export().0.as_slice(), None).is_ok(), "the operator's link voids the one before");
        forged.insert(vote + 7, Event::LinkMade { person: CAROL, by: ALICE });
        forged.insert(vote + 8, Event::LinkMade { person, by: CAROL });
        forged.insert(vote + 9, opened);
        refused(&forged, may_be_one);
    }
}
