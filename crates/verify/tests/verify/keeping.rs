//! Recordings that were erased when they had been kept long enough, and every way to have them vanish before.

use crate::forged::{check, of_request};
use crate::story::*;
use countersign_journal::*;
use countersign_verify::verify;

const DAY: i64 = 86_400_000_000;

fn erased(session: u64, request: u64, kept_days: u32) -> Event {
    Event::Noted(Note::RecordingErased { session: SessionId(session), request: RequestId(request), kept_days })
}

/// Session 1, closed at 50, is kept for 2 days under request 1, and erased when these are over.
fn kept_for_two_days() -> Story {
    let conditions = Conditions { recording_kept_days: Some(2), ..Conditions::default() };
    let asked = connect(1, 1, window(0, 1000), vec![]);
    let ruling = RulingRecord { conditions, ..asked.ruling.clone() };
    let mut days = Story::default();
    days.at(0).tell(installed()).tell(policy(1)).tell(made(RequestMade { ruling, ..asked }));
    days.tell(approved(1, 1, window(0, 1000)));
    days.at(10).tell(opened(1, 1, true)).at(50).tell(closed(1)).at(1000).tell(ended(1, GrantEnd::Expired));
    days.at(50 + 2 * DAY).tell(erased(1, 1, 2));
    days
}

fn erasure(event: &Event) -> bool {
    matches!(event, Event::Noted(Note::RecordingErased { .. }))
}

#[test]
fn r70_an_honest_erasure_verifies() {
    let (bytes, head) = kept_for_two_days().export();
    verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn r70_forged_erasures() {
    let days = kept_for_two_days;
    let instead = |event: fn() -> Event| move |d: &mut Story| d.change(d.find(0, erasure), |e| *e = event());
    check("a moment too early", days, "before it was kept for 2 days", |d| {
        let seq = d.find(0, erasure);
        d.lines[seq].0 -= 1;
        seq
    });
    check("after other days than were demanded", days, "is otherwise", instead(|| erased(1, 1, 1)));
    check("under another request", days, "is otherwise", instead(|| erased(1, 2, 2)));
    check("of a session never opened", days, "never opened", instead(|| erased(2, 1, 2)));
    check("where nothing demands it", days, "is otherwise", |d| {
        let request = d.find(0, |e| matches!(e, Event::RequestMade(_)));
        d.change(request, |e| of_request(e).ruling.conditions.recording_kept_days = None);
        d.find(0, erasure)
    });
    check("of a session that is open", days, "is not closed", |d| {
        d.remove(d.find(0, |e| matches!(e, Event::SessionClosed { .. })));
        d.find(0, erasure)
    });
    check("twice", days, "a second time", |d| d.insert(d.find(0, erasure) + 1, erased(1, 1, 2)));
}
