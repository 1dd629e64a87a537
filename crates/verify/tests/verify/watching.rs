//! Watching a session that has to be approved: a day of it, and every way to watch more than was.

use crate::forged::{check, of_request};
use crate::story::*;
use countersign_journal::Verdict::Approve;
use countersign_journal::*;
use countersign_verify::verify;

fn watch(request: u64, session: u64, who: PersonId, terms: Terms) -> RequestMade {
    let levels = vec![vec![Level::of(Authority::Approvers(Module::PamCore))]];
    let asked = connect(request, 1, terms, levels);
    let act = Act::Watch(Watch { session: SessionId(session), whose: ALICE, typed: false });
    let reason = Some(Commitment::new(&[1; 32], b"to see what went wrong"));
    RequestMade { act, reason, person: PersonFacts { id: who, ..asked.person.clone() }, ..asked }
}

fn watched(session: u64, by: PersonId, under: Option<u64>) -> Event {
    Event::Noted(Note::TranscriptRead {
        session: SessionId(session),
        by,
        under: under.map(GrantId),
        typed: false,
        exported: None,
    })
}

fn seen(session: u64, by: PersonId, under: Option<u64>) -> Event {
    Event::Noted(Note::TranscriptRead {
        session: SessionId(session),
        by,
        under: under.map(GrantId),
        typed: true,
        exported: None,
    })
}

/// Alice's session 1 (request 1, grant 1) is watched by Dave, freely at first, and once that has to be approved under
/// request 2 (grant 2, window 100 to 200), with Bob's approval.
fn a_viewing() -> Story {
    let (level, asked) = (Level::of(Authority::Approvers(Module::PamCore)), window(100, 200));
    let demanded =
        Policy { parameters: Parameters { watch_approval: true, ..Parameters::default() }, ..Policy::default() };
    let mut day = Story::default();
    day.at(0).tell(installed());
    day.tell(Event::PolicyApplied { version: 1, policy: demanded, by: None, under: None });
    day.tell(made(connect(1, 1, window(0, 1000), vec![]))).tell(approved(1, 1, window(0, 1000)));
    day.at(50).tell(opened(1, 1, true));
    day.at(100)
        .tell(made(watch(2, 1, DAVE, asked)))
        .tell(started(2, [0, 0, 0], &[BOB, CAROL]))
        .tell(voted(2, [0, 0, 0], BOB, Approve, &level, asked))
        .tell(approved(2, 2, asked));
    day.at(110).tell(watched(1, DAVE, Some(2))).tell(watched(1, DAVE, Some(2)));
    day.at(200).tell(ended(2, GrantEnd::Expired)).tell(closed(1));
    day.at(1000).tell(ended(1, GrantEnd::Expired));
    day
}

fn viewing(event: &Event) -> bool {
    matches!(event, Event::Noted(Note::TranscriptRead { .. }))
}

fn request(event: &Event) -> bool {
    matches!(event, Event::RequestMade(_))
}

#[test]
fn r71_an_honest_viewing_verifies() {
    let (bytes, head) = a_viewing().export();
    verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{fault}"));
    let mut free = a_viewing();
    free.change(1, |e| *e = policy(1));
    free.lines.drain(free.find(1, request)..free.find(0, viewing));
    for n in [0, 1] {
        free.change(free.find(n, viewing), |e| *e = watched(1, DAVE, None));
    }
    let end = free.find(0, |e| matches!(e, Event::GrantEnded { .. }));
    free.remove(end);
    verify(free.export().0.as_slice(), None).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn r71_forged_viewings() {
    let day = a_viewing;
    let first = |new: fn() -> Event| move |d: &mut Story| d.change(d.find(0, viewing), |e| *e = new());
    check("under nothing", day, "nobody approved it", first(|| watched(1, DAVE, None)));
    check("by somebody else", day, "is for something else", first(|| watched(1, CAROL, Some(2))));
    check("by their own grant of another kind", day, "is for something else", first(|| watched(1, ALICE, Some(1))));
    check("of a session never opened", day, "never opened", first(|| watched(2, DAVE, Some(2))));
    check("of another session", day, "is for something else", |d| {
        let seq = d.insert(d.find(0, request) + 3, opened(2, 1, false));
        assert!(seq > 0);
        d.change(d.find(0, viewing), |e| *e = watched(2, DAVE, Some(2)))
    });
    check("before the window", day, "outside its window", |d| {
        d.change(d.find(1, request), |e| of_request(e).terms = window(150, 200));
        for seq in 0..d.lines.len() {
            d.change(seq, |e| match e {
                Event::Voted { terms, .. } => *terms = window(150, 200),
                Event::RequestApproved { request: RequestId(2), terms, .. } => *terms = window(150, 200),
                _ => {}
            });
        }
        d.find(0, viewing)
    });
    check("after it was taken away", day, "has ended", |d| {
        let seq = d.find(1, viewing);
        d.insert(seq, revoked(2, BOB));
        d.insert(seq + 1, ended(2, GrantEnd::Revoked));
        d.remove(d.find(1, |e| matches!(e, Event::GrantEnded { .. })));
        seq + 2
    });
    check("taken back as unused", day, "did not end as the entry says", |d| {
        d.change(d.find(0, |e| matches!(e, Event::GrantEnded { .. })), |e| *e = ended(2, GrantEnd::Unused))
    });
    check("under a grant nothing demands", day, "demands otherwise", |d| {
        d.change(1, |e| *e = policy(1));
        d.find(1, request)
    });
}

#[test]
fn r71_forged_requests_to_watch() {
    let day = a_viewing;
    let on = |forge: fn(&mut RequestMade)| move |d: &mut Story| d.change(d.find(1, request), |e| forge(of_request(e)));
    check(
        "as another's session",
        day,
        "somebody else's",
        on(|made| {
            made.act = Act::Watch(Watch { session: SessionId(1), whose: CAROL, typed: false });
        }),
    );
    check("on another target", day, "another target", on(|made| made.target.account = AccountId(2)));
    check("without a reason", day, "has no reason", on(|made| made.reason = None));
    check(
        "decided by others",
        day,
        "decided by others",
        on(|made| {
            made.tracks[0].levels = vec![persons(&[BOB], 1)];
        }),
    );
    check("approved by itself", day, "approves itself", on(|made| made.automatic = Some([BOB].into())));
    check(
        "as an emergency",
        day,
        "approves itself",
        on(|made| made.ruling.emergency = Some(Emergency { countdown_s: 0 })),
    );
    check(
        "escalating to others",
        day,
        "decided by others",
        on(|made| {
            let action = TimeoutAction::EscalateToMembers(GroupId(9));
            made.tracks[0].levels[0].timeout = Some(Timeout { after_s: 60, action });
        }),
    );
    check(
        "of a session to come",
        day,
        "never opened",
        on(|made| {
            made.act = Act::Watch(Watch { session: SessionId(2), whose: ALICE, typed: false });
        }),
    );
    check(
        "as if it were allowed",
        day,
        "demands otherwise",
        on(|made| {
            made.ruling.outcome = Outcome::Allow;
            made.tracks = Vec::new();
        }),
    );
}

/// What needed nobody when it was asked for allows nothing once it has to be approved.
#[test]
fn r71_what_was_allowed_before_is_no_approval() {
    let (asked, level) = (window(100, 200), Level::of(Authority::Administrators));
    let parameters = Parameters { watch_approval: true, ..Parameters::default() };
    let demanded = Policy { parameters, ..Policy::default() };
    let mut day = Story::default();
    day.at(0).tell(installed()).tell(policy(1));
    day.tell(made(connect(1, 1, window(0, 1000), vec![]))).tell(approved(1, 1, window(0, 1000)));
    day.at(50).tell(opened(1, 1, true));
    let mut free = watch(2, 1, DAVE, asked);
    (free.ruling.outcome, free.tracks) = (Outcome::Allow, Vec::new());
    day.at(100).tell(made(free)).tell(approved(2, 2, asked));
    let change = Change {
        digest: Change::digest_of(Digest::ZERO, &demanded),
        text: Commitment::new(&[1; 32], b"a file"),
        policy_version: 1,
        directory_version: 0,
    };
    let proposed = connect(3, 0, asked, vec![vec![level.clone()]]);
    day.tell(made(RequestMade { act: Act::Administer(change), ..proposed })).tell(started(3, [0; 3], &[BOB]));
    day.tell(voted(3, [0; 3], BOB, Approve, &level, asked)).tell(approved(3, 3, asked));
    let (by, under) = (Some(ALICE), Some(GrantId(3)));
    day.tell(Event::PolicyApplied { version: 2, policy: demanded, by, under }).tell(ended(3, GrantEnd::UsedUp));
    day.tell(watched(1, DAVE, Some(2)));
    let fault = verify(day.export().0.as_slice(), None).expect_err("not approved").to_string();
    assert!(fault.contains("which nobody approved"), "{fault}");
    day.lines.pop();
    verify(day.export().0.as_slice(), None).unwrap_or_else(|fault| panic!("{fault}"));
}

/// What was typed in session 1 is seen under request 2, approved for just that, while nothing demands it of watching.
fn a_look_at_what_was_typed() -> Story {
    let mut day = a_viewing();
    day.change(1, |e| *e = policy(1));
    let asked = day.find(1, request);
    day.change(asked, |e| {
        of_request(e).act = Act::Watch(Watch { session: SessionId(1), whose: ALICE, typed: true });
    });
    day.change(day.find(0, viewing), |e| *e = seen(1, DAVE, Some(2)));
    day.change(day.find(1, viewing), |e| *e = watched(1, DAVE, None));
    day
}

#[test]
fn r71_an_honest_look_at_what_was_typed_verifies() {
    let (bytes, head) = a_look_at_what_was_typed().export();
    verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{fault}"));
    // Whoever may see what was typed may watch by the same, where that is demanded.
    let mut both = a_viewing();
    let asked = both.find(1, request);
    both.change(asked, |e| {
        of_request(e).act = Act::Watch(Watch { session: SessionId(1), whose: ALICE, typed: true });
    });
    both.change(both.find(0, viewing), |e| *e = seen(1, DAVE, Some(2)));
    verify(both.export().0.as_slice(), None).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn r71_forged_looks_at_what_was_typed() {
    let day = a_look_at_what_was_typed;
    let first = |new: fn() -> Event| move |d: &mut Story| d.change(d.find(0, viewing), |e| *e = new());
    check("under nothing", day, "nobody approved it", first(|| seen(1, DAVE, None)));
    check("by somebody else", day, "is for something else", first(|| seen(1, CAROL, Some(2))));
    check("by an administrator under nothing", day, "nobody approved it", first(|| seen(1, BOB, None)));
    check("whose session it is under nothing", day, "nobody approved it", first(|| seen(1, ALICE, None)));
    check("under an approval to watch only", a_viewing, "which is for watching only", first(|| seen(1, DAVE, Some(2))));
    check("asked for as if nothing were demanded", day, "demands otherwise", |d| {
        d.change(d.find(1, request), |e| {
            of_request(e).ruling.outcome = Outcome::Allow;
            of_request(e).tracks.clear();
        })
    });
    check("decided by others than the approvers", day, "others than the approvers", |d| {
        d.change(d.find(1, request), |e| of_request(e).tracks[0].levels[0] = Level::of(Authority::Administrators))
    });
}

fn exported(session: u64, by: PersonId, under: Option<u64>) -> Event {
    let (session, exported) = (SessionId(session), Some(Exported::Transcript));
    Event::Noted(Note::TranscriptRead { session, by, under: under.map(GrantId), typed: false, exported })
}

/// R70: an export takes what a viewing takes, and is named where the ruling forbids it.
#[test]
fn r70_forged_exports() {
    let day = || {
        let mut day = a_viewing();
        day.change(day.find(0, viewing), |e| *e = exported(1, DAVE, Some(2)));
        day
    };
    let (bytes, head) = day().export();
    verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{fault}"));
    let first = |new: fn() -> Event| move |d: &mut Story| d.change(d.find(0, viewing), |e| *e = new());
    check("under nothing", day, "nobody approved it", first(|| exported(1, DAVE, None)));
    check("by somebody else", day, "is for something else", first(|| exported(1, CAROL, Some(2))));
    check("of a session never opened", day, "never opened", first(|| exported(2, DAVE, Some(2))));
    check("what was typed", day, "exports what was typed in", |d| {
        d.change(d.find(0, viewing), |e| {
            if let Event::Noted(Note::TranscriptRead { typed, .. }) = e {
                *typed = true;
            }
        })
    });
    check("where a rule forbids it", day, "the ruling of its request forbids it", |d| {
        let forbid = |e: &mut Event| of_request(e).ruling.conditions.export_forbidden_by = ["stays".to_owned()].into();
        d.change(d.find(0, request), forbid);
        d.find(0, viewing)
    });
}
