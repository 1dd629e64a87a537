//! Change plans: a day of one, and every way to say more than was approved.

use crate::forged::{check, of_request};
use crate::story::*;
use countersign_journal::Verdict::Approve;
use countersign_journal::*;
use countersign_verify::verify;

fn step(text: &str, held: bool) -> PlanStep {
    PlanStep { sql: ChangePlan::digest_of(text.as_bytes()), facts: ActionFacts::default(), held }
}

fn plan_used(step: u32, session: u64, text: &str) -> Event {
    let sql = ChangePlan::digest_of(text.as_bytes());
    let facts = ActionFacts::default();
    Event::PlanUsed { grant: GrantId(1), session: SessionId(session), step, sql, attempt: attempt(text), facts }
}

fn plan_ran(step: u32) -> Event {
    Event::PlanRan { grant: GrantId(1), step, outcome: RunOutcome::Completed { rows: 1 } }
}

/// Request 1 plans `one`, `look` (which nobody need approve) and `two`, in order; both held ones run in session 1.
fn a_plan() -> Story {
    let (level, asked) = (persons(&[BOB, CAROL], 1), window(0, 1000));
    let plan = ChangePlan {
        order: StepOrder::Listed,
        texts: Commitment::new(&[1; 32], b"one look two"),
        steps: vec![step("one", true), step("look", false), step("two", true)],
    };
    let mut day = Story::default();
    day.at(0)
        .tell(installed())
        .tell(made(RequestMade { plan: Some(plan), ..connect(1, 1, asked, vec![vec![level.clone()]]) }))
        .tell(started(1, [0, 0, 0], &[BOB, CAROL]))
        .tell(voted(1, [0, 0, 0], BOB, Approve, &level, asked))
        .tell(approved(1, 1, asked));
    day.at(100).tell(opened(1, 1, true)).tell(plan_used(0, 1, "one")).tell(plan_ran(0));
    day.at(110).tell(plan_used(2, 1, "two")).tell(plan_ran(2)).tell(closed(1));
    day.at(1000).tell(ended(1, GrantEnd::Expired));
    day
}

fn usage(event: &Event) -> bool {
    matches!(event, Event::PlanUsed { .. })
}

fn plan_of(event: &mut Event) -> &mut ChangePlan {
    of_request(event).plan.as_mut().expect("request 1 has a plan")
}

#[test]
fn an_honest_plan_verifies() {
    let (bytes, head) = a_plan().export();
    let report = verify(bytes.as_slice(), Some(head)).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(report.released, 2);
    let mut any = a_plan();
    let (first, second) = (any.find(0, usage), any.find(1, usage));
    any.change(1, |e| plan_of(e).order = StepOrder::Any);
    any.lines.swap(first, second);
    any.lines.swap(first + 1, second + 1);
    assert!(verify(any.export().0.as_slice(), None).is_ok());
}

#[test]
fn forged_uses_of_a_plan() {
    check("another text", a_plan, "for another text", |d| d.change(d.find(0, usage), |e| *e = plan_used(0, 1, "ten")));
    check("a step that is none", a_plan, "for another text", |d| {
        d.change(d.find(1, usage), |e| *e = plan_used(3, 1, "two"))
    });
    check("twice", a_plan, "a second time", |d| d.insert(d.find(1, usage), plan_used(0, 1, "one")));
    check("before its turn", a_plan, "out of turn", |d| d.change(d.find(0, usage), |e| *e = plan_used(2, 1, "two")));
    check("after a later one", a_plan, "out of turn", |d| d.insert(d.find(1, usage) + 2, plan_used(1, 1, "look")));
    check("in no session", a_plan, "was never opened", |d| d.change(d.find(0, usage), |e| *e = plan_used(0, 2, "one")));
    check("after the session", a_plan, "is closed", |d| {
        let end = d.find(0, |e| matches!(e, Event::SessionClosed { .. }));
        d.insert(end + 1, plan_used(1, 1, "look"))
    });
    check("after a revoke", a_plan, "is revoked", |d| d.insert(d.find(1, usage), revoked(1, BOB)) + 1);
    check("without a plan", a_plan, "has no plan", |d| {
        d.change(1, |e| of_request(e).plan = None);
        d.find(0, usage)
    });
    check("with a doubt nobody saw", a_plan, "were not told", |d| {
        d.change(d.find(0, usage), |e| match e {
            Event::PlanUsed { facts, .. } => *facts = ActionFacts::opaque("a trigger"),
            other => panic!("{other:?} is no use"),
        })
    });
    check("a second outcome", a_plan, "a second outcome", |d| d.insert(d.find(1, usage), plan_ran(0)));
    check("without an outcome when its session closes", a_plan, "has no outcome", |d| {
        d.remove(d.find(1, |e| matches!(e, Event::PlanRan { .. })))
    });
    check("an outcome of nothing", a_plan, "was never used", |d| d.insert(d.find(1, usage), plan_ran(1)));
}

#[test]
fn forged_plans() {
    check("without statements", a_plan, "plans 0 statements", |d| d.change(1, |e| plan_of(e).steps.clear()));
    check("that opens by itself", a_plan, "could open without them", |d| {
        d.change(1, |e| of_request(e).automatic = Some(people(&[BOB])))
    });
    check("that nobody approves", a_plan, "nobody was to approve it", |d| {
        d.change(1, |e| {
            of_request(e).ruling.outcome = Outcome::Allow;
            of_request(e).tracks.clear();
        })
    });
    check("that approved itself though nothing was held", a_plan, "nobody approved beforehand", |d| {
        d.change(1, |e| {
            of_request(e).automatic = Some(people(&[BOB]));
            plan_of(e).steps.iter_mut().for_each(|s| s.held = false);
        });
        d.find(0, usage)
    });
}
