//! Valid journals: what an honest server writes.

use crate::story::*;
use countersign_journal::Verdict::{Approve, Reject};
use countersign_journal::*;

/// A connect passed at two levels (request 1, grant 1, window 100 to 900, session 1), a statement held and released
/// in it (request 2, grant 2), and its end.
pub fn two_levels_and_a_statement() -> Story {
    let mut day = Story::default();
    let (first, second) = (persons(&[BOB, CAROL], 1), members(9, 2));
    let (asked, signed) = (window(0, 1000), window(100, 900));
    day.at(0)
        .tell(installed())
        .tell(Event::DirectoryApplied { version: 1, digest: Digest::ZERO, by: None, under: None })
        .tell(policy(1));
    day.at(10).tell(made(connect(1, 1, asked, vec![vec![first.clone(), second.clone()]]))).tell(started(
        1,
        [0, 0, 0],
        &[BOB, CAROL],
    ));
    day.at(20)
        .tell(voted(1, [0, 0, 0], BOB, Approve, &first, asked))
        .tell(started(1, [0, 1, 0], &[DAVE, ERIN]))
        .tell(voted(1, [0, 1, 0], DAVE, Approve, &second, asked))
        .tell(voted(1, [0, 1, 0], ERIN, Approve, &second, signed))
        .tell(approved(1, 1, signed));
    day.at(100).tell(opened(1, 1, true));
    day.at(150)
        .tell(made(run(2, 1, 1, 1, window(150, 900), "update")))
        .tell(started(2, [0, 0, 0], &[BOB, CAROL]))
        .tell(voted(2, [0, 0, 0], CAROL, Approve, &first, window(150, 900)))
        .tell(approved(2, 2, window(150, 900)));
    day.at(160).tell(used(2, 1, "update")).tell(ended(2, GrantEnd::UsedUp)).tell(ran(2));
    day.at(170).tell(opened(2, 1, false)).tell(closed(2));
    day.at(900).tell(ended(1, GrantEnd::Expired)).tell(closed(1));
    day
}

/// Request 1 passes level 0, which is taken back, passed again by another, and disapproved at level 1. Request 2 is
/// canceled while it waits; request 3 runs out of time.
pub fn retract_and_disapprove() -> Story {
    let mut day = Story::default();
    let (first, second) = (persons(&[BOB, CAROL], 1), members(9, 2));
    let asked = window(0, 1000);
    day.at(0)
        .tell(installed())
        .tell(made(connect(1, 1, asked, vec![vec![first.clone(), second.clone()]])))
        .tell(started(1, [0, 0, 0], &[BOB, CAROL]))
        .tell(voted(1, [0, 0, 0], BOB, Approve, &first, asked))
        .tell(started(1, [0, 1, 0], &[DAVE, ERIN]))
        .tell(voted(1, [0, 1, 0], DAVE, Approve, &second, asked));
    day.at(50)
        .tell(retracted(1, [0, 0, 1], BOB))
        .tell(started(1, [0, 0, 1], &[BOB, CAROL]))
        .tell(voted(1, [0, 0, 1], CAROL, Approve, &first, asked))
        .tell(started(1, [0, 1, 1], &[DAVE, ERIN]))
        .tell(voted(1, [0, 1, 1], DAVE, Approve, &second, asked))
        .tell(voted(1, [0, 1, 1], ERIN, Reject, &second, asked))
        .tell(disapproved(1, ERIN));
    for request in [2, 3] {
        day.tell(made(connect(request, 1, asked, vec![vec![first.clone()]])));
        day.tell(started(request, [0, 0, 0], &[BOB, CAROL]));
    }
    day.tell(canceled(2));
    day.at(1000).tell(expired(3));
    day
}

/// Request 1 passes two tracks, one before the other, and is used in session 1. A statement waits under it
/// (request 2), another is approved and unused (request 3, grant 2), when it is revoked.
pub fn two_tracks_and_a_revoke() -> Story {
    let mut day = Story::default();
    let (first, second) = (persons(&[BOB, CAROL], 1), members(9, 1));
    let asked = window(0, 1000);
    day.at(0)
        .tell(installed())
        .tell(made(connect(1, 1, asked, vec![vec![first.clone()], vec![second.clone()]])))
        .tell(started(1, [0, 0, 0], &[BOB, CAROL]))
        .tell(started(1, [1, 0, 0], &[DAVE]))
        .tell(voted(1, [0, 0, 0], BOB, Approve, &first, asked))
        .tell(started(1, [0, 1, 0], &[]))
        .tell(voted(1, [1, 0, 0], DAVE, Approve, &second, asked))
        .tell(approved(1, 1, asked))
        .tell(opened(1, 1, true));
    day.at(100)
        .tell(made(run(2, 1, 1, 1, window(100, 1000), "delete")))
        .tell(started(2, [0, 0, 0], &[BOB, CAROL]))
        .tell(made(run(3, 1, 1, 1, window(100, 1000), "update")))
        .tell(started(3, [0, 0, 0], &[BOB, CAROL]))
        .tell(voted(3, [0, 0, 0], BOB, Approve, &first, window(100, 1000)))
        .tell(approved(3, 2, window(100, 1000)));
    day.at(200)
        .tell(revoked(1, DAVE))
        .tell(expired(2))
        .tell(ended(2, GrantEnd::Unused))
        .tell(ended(1, GrantEnd::Revoked))
        .tell(closed(1));
    day
}

/// Request 1 (grant 1) is allowed without anybody and holds its account exclusively; after it is surrendered and its
/// session closed, request 2 (grant 2) uses the account. Request 3 (grant 3) is canceled unused. Session 2 is still
/// open at the end.
pub fn exclusive_and_allowed() -> Story {
    let mut day = Story::default();
    let exclusive = |number| {
        let mut request = connect(number, 1, window(0, 1000), vec![]);
        request.ruling.conditions.exclusive = true;
        request
    };
    day.at(0).tell(installed());
    day.tell(made(exclusive(1))).tell(approved(1, 1, window(0, 1000))).tell(opened(1, 1, true));
    day.tell(made(exclusive(2))).tell(approved(2, 2, window(0, 1000)));
    day.at(50).tell(ended(1, GrantEnd::Surrendered)).tell(closed(1)).tell(opened(2, 2, true));
    day.tell(made(connect(3, 2, window(0, 1000), vec![]))).tell(approved(3, 3, window(0, 500)));
    day.tell(canceled(3)).tell(ended(3, GrantEnd::Unused));
    day
}
