//! Changes of policy and directory: an honest day, and what a forger makes of it.

use crate::story::*;
use countersign_journal::Verdict::Approve;
use countersign_journal::*;
use countersign_verify::verify;

const NEW: Digest = Digest([2; 32]);

fn new_policy() -> Policy {
    let workflow = Workflow { id: WorkflowId(3), name: "two people".into(), levels: vec![persons(&[BOB], 2)] };
    Policy { workflows: [(3, workflow)].into(), ..Policy::default() }
}

/// Set-up; then Alice proposes another directory and policy, Bob approves, and both are put in force.
fn day() -> Story {
    let mut day = Story::default();
    day.at(0).tell(installed()).tell(Event::DirectoryApplied {
        version: 1,
        digest: Digest::ZERO,
        by: None,
        under: None,
    });
    let (asked, level) = (window(10, 900), Level::of(Authority::Administrators));
    let change = Change {
        digest: Change::digest_of(NEW, &new_policy()),
        text: Commitment::new(&[1; 32], b"a file"),
        policy_version: 0,
        directory_version: 1,
    };
    let proposed = connect(1, 0, asked, vec![vec![level.clone()]]);
    day.at(10).tell(made(RequestMade { act: Act::Administer(change), ..proposed })).tell(started(1, [0; 3], &[BOB]));
    day.at(20).tell(voted(1, [0; 3], BOB, Approve, &level, asked)).tell(approved(1, 1, asked));
    let (by, under) = (Some(ALICE), Some(GrantId(1)));
    day.at(21).tell(Event::DirectoryApplied { version: 2, digest: NEW, by, under });
    day.tell(Event::PolicyApplied { version: 1, policy: new_policy(), by, under }).tell(ended(1, GrantEnd::UsedUp));
    day
}

fn refused(forge: impl Fn(&mut Event), text: &str) {
    let mut forged = day();
    forged.lines.iter_mut().for_each(|(_, event)| forge(event));
    story_refused(&forged, text);
}

fn story_refused(forged: &Story, text: &str) {
    let fault = verify(forged.export().0.as_slice(), None).expect_err(text);
    assert!(fault.to_string().contains(text), "{text}: {fault}");
}

#[test]
fn an_approved_change_verifies() {
    let (bytes, head) = day().export();
    let found = verify(bytes.as_slice(), Some(head)).map(|report| (report.requests, report.decisions));
    assert_eq!(found.map_err(|fault| fault.to_string()), Ok((1, 1)));
}

#[test]
fn changes_nobody_approved_are_found() {
    refused(
        |e| {
            if let Event::PolicyApplied { policy, .. } = e {
                *policy = Policy::default();
            }
        },
        "did not end as the entry says",
    );
    refused(
        |e| {
            if let Event::DirectoryApplied { digest, under: Some(_), .. } = e {
                *digest = Digest::ZERO;
            }
        },
        "did not end as the entry says",
    );
    refused(
        |e| {
            if let Event::PolicyApplied { under, by, .. } = e {
                (*under, *by) = (None, None);
            }
        },
        "could be used again",
    );
    refused(
        |e| {
            if let Event::DirectoryApplied { under, by, .. } = e {
                (*under, *by) = (None, None);
            }
        },
        "without a request, after set-up",
    );
    refused(
        |e| {
            if let Event::PolicyApplied { by, .. } | Event::DirectoryApplied { by: by @ Some(_), .. } = e {
                *by = Some(CAROL);
            }
        },
        "names somebody else than its requester",
    );
    refused(
        |e| {
            if let Event::RequestMade(made) = e {
                made.act = Act::Connect;
            }
        },
        "is not for a change and is used for one",
    );
    refused(
        |e| {
            if let Event::RequestMade(made) = e {
                made.automatic = Some(people(&[BOB]));
            }
        },
        "could be had without its approvers",
    );
}

#[test]
fn a_change_of_what_is_no_longer_in_force_is_found() {
    refused(
        |e| {
            if let Event::RequestMade(made) = e
                && let Act::Administer(change) = &mut made.act
            {
                change.directory_version = 0;
            }
        },
        "are in force",
    );
}

#[test]
fn a_change_is_put_in_force_once() {
    let mut twice = day();
    let applied = twice.find(0, |e| matches!(e, Event::PolicyApplied { .. }));
    let Event::PolicyApplied { policy, by, under, .. } = twice.lines[applied].1.clone() else { unreachable!() };
    let last = twice.lines.len();
    twice.insert(last, Event::PolicyApplied { version: 2, policy, by, under });
    story_refused(&twice, "is used and has ended");
    let mut unended = day();
    unended.lines.pop();
    story_refused(&unended, "could be used again");
}
