//! Change plans: statements approved with the session that will run them.

mod scene;

use scene::check;

/// Everyone who would have to approve a statement approves the plan; then each runs once, as listed.
#[test]
fn a_plan_is_approved_by_all_its_statements_need_and_runs_once_in_order() {
    check(
        "
        rule connect approve by dba
        rule update approve by sec
        apply
        alice asks 09:00-12:00 plan:a,n,b
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for erin
        bob approves #1
          bob approves level 1
          track 1 passed
        erin approves #1 seeing 2/1/0
          erin approves track 2 level 1
          #1 approved, grant 1 09:00-12:00
        planned a in 1
          no: the session is not open
        alice opens
          session 1 opened under grant 1, first use
        planned b in 1
          no: the approved plan does not cover this: it is not the turn of this statement
        planned a in 1
          grant 1: statement 1 used in session 1
        planned a in 1
          no: the approved plan does not cover this: this statement of it was used
        ran 1 of 1
          grant 1: statement 1 ran, completed { rows: 1 }
        ran 1 of 1
          no: it has been used already
        ran 2 of 1
          no: grant 1 does not exist
        planned c in 1
          no: the approved plan does not cover this: its text is none of the planned ones, byte for byte
        planned b in 1
          grant 1: statement 3 used in session 1
        planned n in 1
          no: the approved plan does not cover this: it is not the turn of this statement
        planned b in 1
          no: the approved plan does not cover this: this statement of it was used
        close 1
          grant 1: statement 3 ran, unknown
          session 1 closed
        ",
    );
}

/// What is to come in order comes in one session, behind what came before it; what failed does not count as done.
#[test]
fn in_order_nothing_stands_alone() {
    check(
        "
        rule connect allow
        rule update approve by sec
        apply
        alice asks 09:00-12:00 plan:a,b,c
          #1 made, approve
          level 1 waits for erin
        erin approves #1
          erin approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        planned a in 1
          grant 1: statement 1 used in session 1
        planned b in 1
          no: the approved plan does not cover this: it is not the turn of this statement
        ran 1 of 1
          grant 1: statement 1 ran, completed { rows: 1 }
        planned b in 2
          no: the approved plan does not cover this: it is to run in its order, and others of it ran in another session
        planned b in 1
          grant 1: statement 2 used in session 1
        failed 2 of 1
          grant 1: statement 2 ran, failed { code: \"22012\" }
        planned c in 1
          no: the approved plan does not cover this: it is not the turn of this statement
        ",
    );
}

#[test]
fn in_any_order_each_statement_still_runs_once() {
    check(
        "
        rule connect allow
        rule update approve by sec
        apply
        alice asks 09:00-12:00 plan:a+b+a
          #1 made, approve
          level 1 waits for erin
        erin approves #1
          erin approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        planned b in 1
          grant 1: statement 2 used in session 1
        planned b in 2
          no: the approved plan does not cover this: this statement of it was used
        planned a in 2
          grant 1: statement 1 used in session 2
        planned a in 1
          grant 1: statement 3 used in session 1
        planned a in 1
          no: the approved plan does not cover this: this statement of it was used
        ",
    );
}

#[test]
fn a_plan_covers_only_what_its_approvers_saw() {
    check(
        "
        rule connect allow
        rule update approve by sec with unknown
        apply
        alice asks 09:00-12:00 plan:a+z
          #1 made, approve
          level 1 waits for erin
        erin approves #1
          erin approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        planned a in 1 touching sales.customers
          no: the approved plan does not cover this: in this session it touches more than its approvers were shown
        planned a in 1 touching public.orders
          no: the approved plan does not cover this: in this session it touches more than its approvers were shown
        planned a in 1 doubtful
          no: the approved plan does not cover this: in this session it is not fully understood, and its approvers saw no such doubt
        planned z in 1
          grant 1: statement 2 used in session 1
        planned a in 1
          grant 1: statement 1 used in session 1
        ",
    );
}

#[test]
fn what_a_rule_denies_is_not_planned_and_not_run() {
    check(
        "
        rule connect allow
        rule update deny for dev
        apply
        alice asks 09:00-12:00 plan:n,a
          no: statement 2 of the plan cannot be asked for: denied by `rule 2`; an administrator can change the rule
        rule connect allow
        rule update approve by sec
        apply
        alice asks 09:00-12:00 plan:n,a
          #1 made, approve
          level 1 waits for erin
        erin approves #1
          erin approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        rule connect allow
        rule update deny
        apply
        planned a in 1
          no: denied by `rule 2`; an administrator can change the rule
        ",
    );
}

/// The rules of the moment decide; the plan stands in for approvals that were given, and for no others.
#[test]
fn a_plan_covers_no_approval_that_was_not_given() {
    check(
        "
        rule connect approve by dba
        rule update approve by sec
        apply
        alice asks 09:00-12:00 plan:a
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for erin
        bob approves #1
          bob approves level 1
          track 1 passed
        erin approves #1 seeing 2/1/0
          erin approves track 2 level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        rule connect approve by dba
        rule update approve by boss
        apply
        planned a in 1
          no: the approved plan does not cover this: the rules demand other approvers for it now
        rule connect approve by dba
        rule update approve by sec
        rule update approve by dba
        apply
        planned a in 1
          grant 1: statement 1 used in session 1
        ",
    );
}

/// With statements that others must approve, neither an hour nor an emergency opens a plan without them.
#[test]
fn a_plan_never_opens_without_its_approvers() {
    check(
        "
        rule connect approve by dba with automatic=00:00-23:00 emergency
        rule update approve by sec with automatic=00:00-23:00 emergency
        apply
        alice asks 09:00-12:00 plan:n
          #1 made, approve
          tells bob, carol
          #1 approved, grant 1 09:00-12:00
        alice asks 09:00-12:00 plan:a
          #2 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for erin
        alice declares #2
          no: the rules allow no emergency access here; wait for approval
        ",
    );
}

/// Of several grants the one with statements to run is opened, unless another is in exclusive use.
#[test]
fn a_session_opens_under_the_grant_whose_plan_is_to_be_run() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice asks 09:00-12:00 plan:n
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-12:00
        alice opens
          session 1 opened under grant 2, first use
        rule connect approve by dba with exclusive
        apply
        bob revokes #1
          #1 revoked by bob
          grant 1 ended, revoked
        bob revokes #2
          #2 revoked by bob
          grant 2 ended, revoked
          session 1 must be cut
        close 1
          session 1 closed
        alice asks 09:00-12:00
          #3 made, approve
          level 1 waits for bob, carol
        bob approves #3
          bob approves level 1
          #3 approved, grant 3 09:00-12:00
        alice opens
          session 2 opened under grant 3, first use
        alice asks 09:00-12:00 plan:n
          #4 made, approve
          level 1 waits for bob, carol
        bob approves #4
          bob approves level 1
          #4 approved, grant 4 09:00-12:00
        alice opens
          session 3 opened under grant 3
        ",
    );
}

#[test]
fn a_plan_ends_with_its_grant_and_is_no_other_plan() {
    check(
        "
        rule connect approve by dba
        rule update approve by dba with same-session
        apply
        alice asks 09:00-12:00 plan:a+b
          #1 made, approve
          level 1 waits for bob, carol
        alice asks 09:00-12:00 plan:a+b
          nothing new: Request(RequestId(1))
        alice asks 09:00-12:00 plan:b+a
          #2 made, approve
          level 1 waits for bob, carol
        alice asks 09:00-12:00
          #3 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        bob approves #3
          bob approves level 1
          #3 approved, grant 2 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        planned a in 1
          grant 1: statement 1 used in session 1
        planned b in 2
          no: the approved plan does not cover this: the rules keep it to one session, and others of it ran in another
        bob revokes #1
          #1 revoked by bob
          grant 1 ended, revoked
          session 1 must be cut
          session 2 must be cut
        planned b in 1
          no: the grant is over
        ",
    );
}
