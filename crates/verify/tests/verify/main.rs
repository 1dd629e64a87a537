//! The verifier against journals an honest server writes and against everything somebody might do to them.

mod administer;
mod alerts;
mod contacts;
mod days;
mod file;
mod forged;
mod forward;
mod keeping;
mod plan;
mod special;
mod story;
mod watching;

use countersign_journal::{Chain, Event, Head};
use countersign_verify::verify;
use days::*;

#[test]
fn what_an_honest_server_writes_verifies() {
    for (name, day, counts) in [
        ("two levels and a statement", two_levels_and_a_statement(), [2, 4, 1, 2, 0]),
        ("retract and disapprove", retract_and_disapprove(), [3, 5, 0, 0, 0]),
        ("two tracks and a revoke", two_tracks_and_a_revoke(), [3, 3, 0, 1, 0]),
        ("exclusive and allowed", exclusive_and_allowed(), [3, 0, 0, 2, 1]),
    ] {
        let (bytes, head) = day.export();
        let report = verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let found = [report.requests, report.decisions, report.released, report.sessions, report.sessions_open];
        assert_eq!((report.head, report.entries, found), (head, head.len, counts), "{name}");
    }
}

#[test]
fn every_moment_of_an_honest_journal_verifies_except_between_a_use_and_its_end() {
    for day in
        [two_levels_and_a_statement(), retract_and_disapprove(), two_tracks_and_a_revoke(), exclusive_and_allowed()]
    {
        for len in 1..day.lines.len() {
            let mut part = day.clone();
            part.lines.truncate(len);
            let half_done = matches!(part.lines.last(), Some((_, Event::Used { .. })));
            assert_eq!(verify(part.export().0.as_slice(), None).is_ok(), !half_done, "{len} entries");
        }
    }
}

#[test]
fn every_head_on_the_way_is_a_prefix_and_no_other_is() {
    let (entries, end) = two_levels_and_a_statement().entries();
    let bytes = story::file(&entries);
    let mut chain = Chain::default();
    for entry in std::iter::once(None).chain(entries.iter().map(Some)) {
        if let Some(entry) = entry {
            chain.follow(entry).expect("an honest chain");
        }
        let head = chain.head();
        assert_eq!(verify(bytes.as_slice(), Some(head)).expect("a prefix").head, end);
        let other = Head { leaf: countersign_journal::Digest::leaf(b"other"), ..head };
        let fault = verify(bytes.as_slice(), Some(other)).expect_err("another head");
        assert_eq!(fault.entry(), Some(head.len.saturating_sub(1)), "{fault}");
    }
}

#[test]
fn a_report_reads_as_text() {
    let (bytes, head) = two_levels_and_a_statement().export();
    let text = verify(bytes.as_slice(), None).expect("an honest journal").to_string();
    let expected = format!(
        "the journal verifies: 22 entries\n\
         requests   2\n\
         decisions  4\n\
         released   1, 0 still without an outcome\n\
         sessions   2, 0 still open\n\
         head       {head}\n"
    );
    assert_eq!(text.strip_prefix(&expected), Some(NOT_COMPARED), "{text}");
    let nothing = Head { len: 0, leaf: countersign_journal::Digest::ZERO };
    let text = verify(bytes.as_slice(), Some(nothing)).expect("an honest journal").to_string();
    assert_eq!(text.strip_prefix(&expected), Some(NOT_COMPARED), "{text}");
    let text = verify(bytes.as_slice(), Some(head)).expect("an honest journal").to_string();
    assert_eq!(text.strip_prefix(&expected), Some("it begins with the 22 entries of the head you gave"), "{text}");
}

/// Without a head from elsewhere the report says what it does not prove, and where a head comes from.
const NOT_COMPARED: &str = "\
    no head was compared: a journal whose latest entries were removed, or one made up as a whole, looks the same.\n\
    Keep a head apart each time (`countersign export PATH` prints it, the Audit page shows it), and give an earlier one\n\
    with `--expect HEAD`.";

/// What is granted is what all of them signed, which for a reservation may be another window than was asked for.
#[test]
fn approvers_may_move_a_reservation_together() {
    let mut day = two_levels_and_a_statement();
    let moved = story::window(100, 2000);
    for (_, event) in &mut day.lines[..10] {
        if let Event::Voted { terms, .. } | Event::RequestApproved { terms, .. } = event {
            *terms = moved;
        }
    }
    let found = verify(day.export().0.as_slice(), None);
    assert!(found.is_ok(), "{found:?}");
}
