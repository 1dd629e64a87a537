//! Alerts to what was typed into free shells, and every way to have them say what was not.

use crate::forged::check;
use crate::story::*;
use countersign_journal::*;
use countersign_verify::verify;

fn rule(name: &str, outcome: Outcome) -> Rule {
    let programs = ["rm".to_owned()].into();
    Rule {
        id: RuleId(1),
        name: name.to_owned(),
        outcome,
        subjects: Subjects::default(),
        targets: Targets::default(),
        acts: ActMatch::Command(CommandMatch { programs, ..CommandMatch::default() }),
        workflow: None,
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions::default(),
        automatic: None,
        emergency: None,
    }
}

fn alert(rules: &[&str], program: Option<&str>) -> Alert {
    Alert {
        session: SessionId(1),
        command: 1,
        outcome: Outcome::Approve,
        rules: rules.iter().map(|name| (*name).to_owned()).collect(),
        opaque: false,
        program: program.map(str::to_owned),
    }
}

fn noted(alert: Alert, told: &[PersonId], last: bool) -> Event {
    Event::Noted(Note::Alerted { alert, told: people(told), last })
}

/// In Alice's session 1 as many alerts as are told, by the rule `deleting`, and the one that says that more came.
fn a_shell() -> Story {
    let rules = vec![rule("deleting", Outcome::Approve), rule("reading", Outcome::Allow)];
    let policy = Policy { rules, ..Policy::default() };
    let mut day = Story::default();
    day.at(0).tell(installed()).tell(Event::PolicyApplied { version: 1, policy, by: None, under: None });
    day.tell(made(connect(1, 1, window(0, 1000), vec![]))).tell(approved(1, 1, window(0, 1000)));
    day.at(10).tell(opened(1, 1, true)).tell(noted(alert(&["deleting"], Some("rm")), &[BOB], false));
    for _ in 1..ALERTS_MAX {
        day.tell(noted(Alert { opaque: true, ..alert(&["deleting"], None) }, &[], false));
    }
    day.tell(noted(alert(&["deleting"], None), &[], true));
    day.at(50).tell(closed(1)).at(1000).tell(ended(1, GrantEnd::Expired));
    day
}

fn is_alert(event: &Event) -> bool {
    matches!(event, Event::Noted(Note::Alerted { .. }))
}

#[test]
fn r63_honest_alerts_verify() {
    let (bytes, head) = a_shell().export();
    verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn r63_forged_alerts() {
    let day = a_shell;
    let first = |event: fn() -> Event| move |d: &mut Story| d.change(d.find(0, is_alert), |e| *e = event());
    check("by a rule that is none", day, "no rule `never`", first(|| noted(alert(&["never"], None), &[], false)));
    check("by no rule", day, "by no rule", first(|| noted(alert(&[], None), &[], false)));
    check(
        "by a rule that lets run",
        day,
        "could not have said",
        first(|| noted(alert(&["reading"], None), &[], false)),
    );
    check(
        "refused by a rule that asks",
        day,
        "could not have said",
        first(|| noted(Alert { outcome: Outcome::Deny, ..alert(&["deleting"], None) }, &[], false)),
    );
    check(
        "told what was typed",
        day,
        "tells a word",
        first(|| noted(alert(&["deleting"], Some("hunter2")), &[], false)),
    );
    check("told to whose it is", day, "their own", first(|| noted(alert(&["deleting"], None), &[ALICE], false)));
    check("as the last too early", day, "says wrongly", first(|| noted(alert(&["deleting"], None), &[], true)));
    check(
        "in a session never opened",
        day,
        "never opened",
        first(|| noted(Alert { session: SessionId(2), ..alert(&["deleting"], None) }, &[], false)),
    );
    check("when it is closed", day, "is closed", |d| {
        let last = d.find(ALERTS_MAX as usize, is_alert);
        let event = d.lines[last].1.clone();
        d.remove(last);
        d.insert(last + 1, event)
    });
    check("without end", day, "no more were to come", |d| {
        let last = d.find(ALERTS_MAX as usize, is_alert);
        d.insert(last + 1, noted(alert(&["deleting"], None), &[], false))
    });
}
