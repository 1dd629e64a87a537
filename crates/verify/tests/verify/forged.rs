//! Forgeries by somebody who can write the journal and recomputes the chain: the bytes are in order, the meaning is
//! not.

use crate::days::*;
use crate::story::*;
use countersign_journal::Verdict::{Approve, Reject};
use countersign_journal::*;
use countersign_verify::verify;

/// Forges an honest day and insists that verifying it names the entry the forger touched, or the one that can no
/// longer be, and says `text`. The forger returns that entry's number.
pub fn check(name: &str, day: fn() -> Story, text: &str, forge: impl Fn(&mut Story) -> usize) {
    let mut forged = day();
    let seq = forge(&mut forged);
    let (bytes, head) = forged.export();
    let fault = verify(bytes.as_slice(), Some(head)).expect_err(name);
    assert!(fault.to_string().contains(text), "{name}: {fault}");
    assert_eq!(fault.entry(), Some(seq as u64), "{name}: {fault}");
}

fn vote(event: &Event) -> bool {
    matches!(event, Event::Voted { .. })
}

fn approval(event: &Event) -> bool {
    matches!(event, Event::RequestApproved { .. })
}

fn request(event: &Event) -> bool {
    matches!(event, Event::RequestMade(_))
}

fn level(event: &Event) -> bool {
    matches!(event, Event::LevelStarted { .. })
}

fn opening(event: &Event) -> bool {
    matches!(event, Event::SessionOpened { .. })
}

fn closing(event: &Event) -> bool {
    matches!(event, Event::SessionClosed { .. })
}

fn usage(event: &Event) -> bool {
    matches!(event, Event::Used { .. })
}

fn end(event: &Event) -> bool {
    matches!(event, Event::GrantEnded { .. })
}

fn set_terms(event: &mut Event, new: Terms) {
    if let Event::Voted { terms, .. } | Event::RequestApproved { terms, .. } = event {
        *terms = new;
    }
}

pub fn of_request(event: &mut Event) -> &mut RequestMade {
    match event {
        Event::RequestMade(made) => made,
        other => panic!("{other:?} is not a request"),
    }
}

/// A change to the `nth` vote of a day.
fn on_vote(nth: usize, change: impl Fn(&mut Event)) -> impl Fn(&mut Story) -> usize {
    move |day| day.change(day.find(nth, vote), &change)
}

#[test]
fn forged_votes() {
    let day = two_levels_and_a_statement;
    check(
        "by the requester",
        day,
        "decides their own request",
        on_vote(0, |e| {
            if let Event::Voted { approver, .. } = e {
                *approver = ALICE
            }
        }),
    );
    check(
        "by one who voted before",
        day,
        "a second time",
        on_vote(2, |e| {
            if let Event::Voted { approver, .. } = e {
                *approver = BOB
            }
        }),
    );
    check(
        "on another digest",
        day,
        "signed another digest",
        on_vote(1, |e| {
            if let Event::Voted { digest: signed, .. } = e {
                *signed = digest(2)
            }
        }),
    );
    check(
        "with weak evidence",
        day,
        "weaker evidence",
        on_vote(1, |e| {
            if let Event::Voted { evidence, .. } = e {
                *evidence = Evidence::SignedIn
            }
        }),
    );
    check(
        "by another authority",
        day,
        "without the authority",
        on_vote(1, |e| {
            if let Event::Voted { authority, .. } = e {
                *authority = Authority::Administrators
            }
        }),
    );
    check(
        "by nobody named",
        day,
        "without the authority",
        on_vote(0, |e| {
            if let Event::Voted { approver, .. } = e {
                *approver = ERIN
            }
        }),
    );
    check(
        "on a level not open yet",
        day,
        "which is not open",
        on_vote(0, |e| {
            if let Event::Voted { level, .. } = e {
                *level = 1
            }
        }),
    );
    check(
        "on a track that is none",
        day,
        "has no track 4",
        on_vote(0, |e| {
            if let Event::Voted { track, .. } = e {
                *track = 4
            }
        }),
    );
    check(
        "in another epoch",
        day,
        "which is not open",
        on_vote(0, |e| {
            if let Event::Voted { epoch, .. } = e {
                *epoch = 1
            }
        }),
    );
    check(
        "on a request never made",
        day,
        "was never made",
        on_vote(0, |e| {
            if let Event::Voted { request, .. } = e {
                *request = RequestId(9)
            }
        }),
    );
    check("on a level decided already", day, "decided already", |d| {
        let seq = d.find(0, vote) + 1;
        d.insert(seq, voted(1, [0, 0, 0], CAROL, Reject, &persons(&[BOB, CAROL], 1), window(0, 1000)))
    });
    check("after the approval", day, "which is approved", |d| {
        let seq = d.find(0, approval) + 1;
        d.insert(seq, voted(1, [0, 1, 0], CAROL, Approve, &members(9, 2), window(0, 1000)))
    });
    check("after the window", retract_and_disapprove, "after the end of its window", |d| {
        let seq = d.find(0, |e| matches!(e, Event::RequestExpired { .. }));
        let late = voted(3, [0, 0, 0], BOB, Approve, &persons(&[BOB, CAROL], 1), window(0, 2000));
        d.lines.insert(seq, (1000, late));
        seq
    });
    check("cast before a retract and counted after it", retract_and_disapprove, "0 of the 1 approvals", |d| {
        d.remove(d.find(2, vote))
    });
}

#[test]
fn forged_levels() {
    let day = two_levels_and_a_statement;
    check("a level skipped", day, "level 0 in epoch 0 comes next", |d| {
        d.change(d.find(0, level), |e| *e = started(1, [0, 1, 0], &[DAVE, ERIN]))
    });
    check("the next level without approvals", day, "0 of the 1 approvals", |d| d.remove(d.find(0, vote)));
    check("a level opened twice", day, "comes next", |d| d.insert(d.find(0, level) + 1, started(1, [0, 0, 0], &[BOB])));
    check("a level that is none", two_tracks_and_a_revoke, "has no level 2", |d| {
        d.insert(d.find(2, level) + 1, started(1, [0, 2, 0], &[]))
    });
    check("an approver of the level after the last", two_tracks_and_a_revoke, "cannot be one", |d| {
        d.change(d.find(2, level), |e| *e = started(1, [0, 1, 0], &[DAVE]))
    });
    check("the requester told", day, "cannot be one", |d| {
        d.change(d.find(1, level), |e| *e = started(1, [0, 1, 0], &[ALICE]))
    });
    check("an epoch made up", retract_and_disapprove, "epoch 2 is not the next", |d| {
        let seq = d.find(0, |e| matches!(e, Event::Retracted { .. }));
        d.change(seq, |e| *e = retracted(1, [0, 0, 2], BOB))
    });
    check("another's approval taken back", retract_and_disapprove, "that does not stand", |d| {
        let seq = d.find(0, |e| matches!(e, Event::Retracted { .. }));
        d.change(seq, |e| *e = retracted(1, [0, 0, 1], CAROL))
    });
    check("a level not opened again after a retract", retract_and_disapprove, "which is not open", |d| {
        let seq = d.find(0, |e| matches!(e, Event::Retracted { .. })) + 1;
        d.remove(seq)
    });
}

#[test]
fn forged_approvals_and_grants() {
    let day = two_levels_and_a_statement;
    check("without quorum", day, "1 of the 2 approvals", |d| d.remove(d.find(2, vote)));
    check("without any vote", two_tracks_and_a_revoke, "0 of the 1 approvals", |d| {
        d.insert(d.find(1, level) + 1, approved(1, 1, window(0, 1000)))
    });
    check("with one track of two", two_tracks_and_a_revoke, "0 of the 1 approvals", |d| d.remove(d.find(1, vote)));
    check("a level that demands nobody", day, "0 of the 1 approvals", |d| {
        let seq = d.find(1, request);
        d.change(seq, |e| of_request(e).tracks[0].levels[0].approvals = 0);
        d.remove(d.find(3, vote))
    });
    check("wider than signed", day, "wider than what `person 5` signed", |d| {
        d.change(d.find(0, approval), |e| set_terms(e, window(100, 901)))
    });
    check("a statement longer than its session", day, "wider than what `#2` asked for", |d| {
        d.change(d.find(3, vote), |e| set_terms(e, window(150, 990)));
        d.change(d.find(1, approval), |e| set_terms(e, window(150, 990)))
    });
    check("allowed and wider than asked", exclusive_and_allowed, "wider than what `#1` asked for", |d| {
        d.change(d.find(0, approval), |e| set_terms(e, window(0, 1001)))
    });
    check("over before it begins", exclusive_and_allowed, "over before it begins", |d| {
        d.change(d.find(2, approval), |e| set_terms(e, window(0, 50)))
    });
    check("by nobody though levels were demanded", exclusive_and_allowed, "do not fit what the rules demanded", |d| {
        d.change(d.find(0, request), |e| of_request(e).ruling.outcome = Outcome::Approve)
    });
    check("denied and made", exclusive_and_allowed, "the rules deny it", |d| {
        d.change(d.find(0, request), |e| of_request(e).ruling.outcome = Outcome::Deny)
    });
    check("a track without levels", day, "a track without levels", |d| {
        d.change(d.find(0, request), |e| of_request(e).tracks[0].levels.clear())
    });
    check("a grant number twice", day, "`grant 1` is not the next", |d| {
        d.change(d.find(1, approval), |e| *e = approved(2, 1, window(150, 900)))
    });
    check("a request number left out", retract_and_disapprove, "`#4` is not the next", |d| {
        d.change(d.find(2, request), |e| of_request(e).request = RequestId(4))
    });
    check("a policy version left out", day, "version 3 of the policy follows version 1", |d| d.insert(3, policy(3)));
}

#[test]
fn forged_settlings() {
    check("approved after it was disapproved", retract_and_disapprove, "which is disapproved", |d| {
        let seq = d.find(0, |e| matches!(e, Event::RequestDisapproved { .. })) + 1;
        d.insert(seq, approved(1, 1, window(0, 1000)))
    });
    check("disapproved without a rejection", retract_and_disapprove, "without the rejections", |d| {
        d.remove(d.find(4, vote))
    });
    check("disapproved in another's name", retract_and_disapprove, "who did not reject it", |d| {
        let seq = d.find(0, |e| matches!(e, Event::RequestDisapproved { .. }));
        d.change(seq, |e| *e = disapproved(1, DAVE))
    });
    check("canceled after use", two_tracks_and_a_revoke, "cannot be taken back any more", |d| {
        d.insert(d.find(0, opening) + 1, canceled(1))
    });
    check("expired after approval", two_levels_and_a_statement, "which is approved", |d| {
        d.insert(d.find(0, approval) + 1, expired(1))
    });
    check("revoked by the requester", two_tracks_and_a_revoke, "revokes their own request", |d| {
        let seq = d.find(0, |e| matches!(e, Event::RequestRevoked { .. }));
        d.change(seq, |e| *e = revoked(1, ALICE))
    });
    check("revoked before approval", two_tracks_and_a_revoke, "which is pending", |d| {
        d.insert(d.find(0, level) + 1, revoked(1, BOB))
    });
    check("ended twice", two_levels_and_a_statement, "ends a second time", |d| {
        d.insert(d.find(1, end) + 1, ended(1, GrantEnd::Expired))
    });
    check("ended as unused after use", two_levels_and_a_statement, "did not end as the entry says", |d| {
        d.change(d.find(1, end), |e| *e = ended(1, GrantEnd::Unused))
    });
    check("a statement outlives its session's grant", two_tracks_and_a_revoke, "`#3`, which was held under it", |d| {
        d.remove(d.find(0, end))
    });
    check("a waiting statement outlives it", two_tracks_and_a_revoke, "`#2`, which was held under it", |d| {
        let seq = d.find(0, |e| matches!(e, Event::RequestExpired { .. }));
        d.remove(seq);
        seq + 1
    });
}

#[test]
fn forged_sessions() {
    let day = two_levels_and_a_statement;
    check("before the window", day, "outside its window", |d| {
        let seq = d.find(0, opening);
        d.lines[seq].0 = 99;
        seq
    });
    check("at the window's end", day, "outside its window", |d| {
        let seq = d.find(0, end) + 2;
        d.lines.insert(seq, (900, opened(2, 1, false)));
        seq
    });
    check("after a revoke", two_tracks_and_a_revoke, "is revoked", |d| {
        let seq = d.find(0, |e| matches!(e, Event::RequestRevoked { .. })) + 1;
        d.insert(seq, opened(2, 1, false))
    });
    check("after the grant's end", two_tracks_and_a_revoke, "has ended", |d| {
        d.insert(d.find(1, end) + 1, opened(2, 1, false))
    });
    check("under a grant for one statement", day, "is not for sessions", |d| {
        d.insert(d.find(1, approval) + 1, opened(2, 2, true))
    });
    check("under no grant", day, "was never given", |d| d.change(d.find(0, opening), |e| *e = opened(1, 7, true)));
    check("first use denied", day, "says wrongly", |d| d.change(d.find(0, opening), |e| *e = opened(1, 1, false)));
    check("first use twice", day, "says wrongly", |d| d.change(d.find(1, opening), |e| *e = opened(2, 1, true)));
    check("a number left out", day, "is not the next", |d| d.change(d.find(1, opening), |e| *e = opened(3, 1, false)));
    check("closed twice", day, "closes a second time", |d| d.insert(d.find(0, closing) + 1, closed(2)));
    check("never opened and closed", day, "never opened", |d| d.change(d.find(0, closing), |e| *e = closed(3)));
    check("while another holds the account", exclusive_and_allowed, "is in use under `grant 1`", |d| {
        d.insert(d.find(1, approval) + 1, opened(2, 2, true))
    });
    check("before the holder's grant ended", exclusive_and_allowed, "is in use under `grant 1`", |d| {
        d.remove(d.find(0, end));
        d.find(1, opening)
    });
    check("exclusively beside a session that is open", exclusive_and_allowed, "is in use under `grant 1`", |d| {
        d.change(d.find(0, request), |e| of_request(e).ruling.conditions.exclusive = false);
        d.remove(d.find(0, closing));
        d.find(1, opening)
    });
    check("before the holder was cut", exclusive_and_allowed, "is in use under `grant 1`", |d| {
        let (closing, opening) = (d.find(0, closing), d.find(1, opening));
        d.lines.swap(closing, opening);
        closing
    });
}

#[test]
fn forged_uses() {
    let day = two_levels_and_a_statement;
    check("twice", day, "used a second time", |d| {
        let seq = d.find(0, usage) + 2;
        d.insert(seq, used(2, 1, "update"));
        d.insert(seq + 1, ended(2, GrantEnd::UsedUp));
        seq
    });
    check("and not ended", day, "could be used again", |d| {
        let seq = d.find(0, usage);
        d.remove(seq + 1);
        seq
    });
    check("and ended otherwise", day, "could be used again", |d| {
        let seq = d.find(0, usage);
        d.change(seq + 1, |e| *e = ended(2, GrantEnd::Expired));
        seq
    });
    check("for another statement", day, "something else than was approved", |d| {
        d.change(d.find(0, usage), |e| *e = used(2, 1, "drop"))
    });
    check("of a grant for sessions", day, "is for sessions", |d| {
        d.change(d.find(0, usage), |e| *e = used(1, 1, "update"))
    });
    check("in a session never opened", day, "was never opened", |d| {
        d.change(d.find(0, usage), |e| *e = used(2, 2, "update"))
    });
    check("in another session than it is bound to", day, "is bound to `session 1`", |d| {
        let asked = d.find(1, request);
        d.change(asked, |e| match &mut of_request(e).act {
            Act::Run(run) => run.same_session = true,
            Act::Connect | Act::Administer(_) | Act::Watch(_) => panic!("request 2 is a statement"),
        });
        let seq = d.find(0, usage);
        let next = d.remove(d.find(1, opening));
        d.remove(next);
        d.insert(seq, opened(2, 1, false));
        d.change(seq + 1, |e| *e = used(2, 2, "update"))
    });
    check("before it was approved", day, "was never given", |d| {
        let seq = d.find(1, approval);
        d.remove(seq)
    });
    check("after its request was revoked", day, "`#2` is revoked", |d| d.insert(d.find(0, usage), revoked(2, BOB)) + 1);
    check("after its session closed", day, "is closed", |d| d.insert(d.find(0, usage), closed(1)) + 1);
    check("after the connect grant was revoked", day, "`#1` is revoked", |d| {
        d.insert(d.find(0, usage), revoked(1, DAVE)) + 1
    });
    check("after its window", day, "outside its window", |d| {
        let seq = d.find(0, usage);
        d.lines[seq].0 = 900;
        seq
    });
    check("without an outcome when its session closes", day, "has no outcome", |d| {
        d.remove(d.find(0, |e| matches!(e, Event::Ran { .. })));
        d.find(1, closing)
    });
    check("an outcome without a use", day, "was never used", |d| d.insert(d.find(0, usage), ran(2)));
    check("a second outcome", day, "a second outcome", |d| d.insert(d.find(1, end), ran(2)));
}

#[test]
fn forged_statements() {
    let day = two_levels_and_a_statement;
    let on =
        |change: fn(&mut RequestMade)| move |d: &mut Story| d.change(d.find(1, request), |e| change(of_request(e)));
    check("of somebody else", day, "of somebody else", on(|made| made.person.id = DAVE));
    check("on another target", day, "another target", on(|made| made.target.account = AccountId(2)));
    check(
        "for longer than the session's grant",
        day,
        "wider than that of `grant 1`",
        on(|made| made.terms = window(150, 901)),
    );
    check(
        "in any session though narrowed",
        day,
        "narrow it to one",
        on(|made| {
            made.ruling.conditions.same_session = true;
        }),
    );
    check(
        "in a session of another grant",
        day,
        "belongs to `grant 1`",
        on(|made| match &mut made.act {
            Act::Run(run) => run.grant = GrantId(2),
            Act::Connect | Act::Administer(_) | Act::Watch(_) => panic!("request 2 is a statement"),
        }),
    );
    check("for no time", day, "an empty window", on(|made| made.terms = window(900, 900)));
}
