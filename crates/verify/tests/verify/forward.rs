//! Forwards are released as commands are: what is asked for is understood, and a release that nobody granted is found.

use crate::days::two_levels_and_a_statement;
use crate::forged::{check, of_request};
use crate::story::*;
use countersign_journal::*;
use countersign_verify::verify;

/// A day on which a connection to a database by way of its target was asked for, approved and made.
fn a_forward() -> Story {
    let mut day = two_levels_and_a_statement();
    let asked = day.find(1, |event| matches!(event, Event::RequestMade(_)));
    day.change(asked, |event| match &mut of_request(event).act {
        Act::Run(run) => {
            let words = ["db.internal:5432", "db.internal", "5432"].map(|word| Some(word.to_owned()));
            let command = CommandFacts {
                program: Some(FORWARD_LOCAL.to_owned()),
                arguments: words.to_vec(),
                unlisted: true,
                ..CommandFacts::default()
            };
            run.facts = ActionFacts { language: Language::Shell, commands: vec![command], ..ActionFacts::default() };
        }
        Act::Connect | Act::Administer(_) | Act::Watch(_) => panic!("request 2 is a unit"),
    });
    day
}

#[test]
fn r61_a_forward_is_released_once_and_as_it_was_approved() {
    let (bytes, head) = a_forward().export();
    assert_eq!(verify(bytes.as_slice(), Some(head)).expect("an honest day").released, 1);
    let usage = |event: &Event| matches!(event, Event::Used { .. });
    check("to elsewhere", a_forward, "something else than was approved", |day| {
        day.change(day.find(0, usage), |event| *event = used(2, 1, "elsewhere"))
    });
    check("twice", a_forward, "used a second time", |day| {
        let seq = day.find(0, usage) + 2;
        day.insert(seq, used(2, 1, "update"))
    });
    check("before it was approved", a_forward, "was never given", |day| {
        day.remove(day.find(1, |event| matches!(event, Event::RequestApproved { .. })))
    });
}
