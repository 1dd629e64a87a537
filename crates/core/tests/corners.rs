//! Corners that only a changed engine showed: each story goes red when one guard of the engine is turned round.

mod scene;

use scene::check;

#[test]
fn r35_what_has_ended_is_not_ended_again_by_time() {
    check(
        "
        rule connect allow
        apply
        alice asks 09:00-12:00
          #1 made, allow
          #1 approved, grant 1 09:00-12:00
        alice surrenders 1
          grant 1 ended, surrendered
        at 12:00
        tick
          nothing new: Done
        ",
    );
}

#[test]
fn r35_a_statement_that_ends_with_its_grant_does_not_escalate() {
    check(
        "
        rule connect allow
        rule update approve by dba>30:members:sec
        apply
        alice asks 09:00-12:00
          #1 made, allow
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice runs u in 1
          #2 made, approve
          level 1 waits for bob, carol
        root edits #1 09:00-09:30
          grant 1 edited by root, 09:00-09:30
        at 09:30
        tick
          #2 expired, access ended
          grant 1 ended, expired
          session 1 must be cut
        ",
    );
}

#[test]
fn r8_what_was_meant_for_another_host_is_over_when_the_device_moves() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        zoe asks 09:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        prod-db moves
          #2 expired, target gone
          grant 1 ended, overruled
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        ",
    );
}

#[test]
fn r7_a_link_is_enough_where_a_link_is_asked_for() {
    check(
        "
        rule connect approve by out:vera with link
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for vera
        vera approves #1
          vera approves level 1
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r61_a_plan_that_nobody_approved_covers_nothing() {
    check(
        "
        rule connect approve by dba with automatic=08:00-18:00 emergency
        apply
        alice asks 09:00-12:00 plan:n
          #1 made, approve
          tells bob, carol
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        planned n in 1
          no: the approved plan does not cover this: nobody approved it beforehand
        rule connect approve by dba with emergency
        apply
        zoe asks 09:00-12:00 plan:n
          #2 made, approve
          level 1 waits for bob, carol
        zoe declares #2
          #2 emergency, opens 09:00, told bob, carol
          #2 approved, grant 2 09:00-12:00
        zoe opens
          session 2 opened under grant 2, first use
        planned n in 2
          no: the approved plan does not cover this: nobody approved it beforehand
        ",
    );
}

#[test]
fn r61_a_plan_covers_no_name_that_the_session_gave() {
    check(
        "
        rule connect allow
        rule update approve by sec
        apply
        alice asks 09:00-12:00 plan:a
          #1 made, approve
          level 1 waits for erin
        erin approves #1
          erin approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        planned a in 1 executing
          no: the approved plan does not cover this: what it runs goes by a name that the session gave
        planned a in 1 fetching
          no: the approved plan does not cover this: what it runs goes by a name that the session gave
        planned a in 1
          grant 1: statement 1 used in session 1
        ",
    );
}

#[test]
fn r61_nothing_leaves_when_the_period_of_its_session_was_cut_short() {
    check(
        "
        rule connect allow
        rule update approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, allow
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice runs u in 1
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-12:00
        root edits #1 09:00-10:00
          grant 1 edited by root, 09:00-10:00
        at 10:00
        clear u under 2 in 1
          no: the grant is over
        ",
    );
}

#[test]
fn r42_who_borrowed_a_right_is_asked_when_its_level_is_freed() {
    check(
        "
        rule connect approve by bob
        apply
        bob lends to frank 09:00-17:00
          delegation 1: frank for bob, 09:00-17:00
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, frank
        alice links bob
          alice can become bob
          level 1 blocked
          administrators are alarmed
        the operator links bob
          the operator can become bob
          level 1 freed, waits for bob, frank
        ",
    );
}

#[test]
fn r6_a_rule_that_only_allows_takes_nothing_from_one_that_approves_by_itself() {
    check(
        "
        rule connect allow
        rule connect approve by dba with automatic=08:00-10:00 emergency
        apply
        alice asks 09:00-12:00
          #1 made, approve
          tells bob, carol
          #1 approved, grant 1 09:00-12:00
        at 10:00
        zoe asks 10:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        zoe declares #2
          #2 emergency, opens 10:00, told bob, carol
          #2 approved, grant 2 10:00-12:00
        ",
    );
}

#[test]
fn r42_who_lends_to_another_approver_is_one_of_two() {
    check(
        "
        rule connect approve by dba
        apply
        bob lends to carol 09:00-17:00
          delegation 1: carol for bob, 09:00-17:00
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn r42_a_password_that_is_replaced_ends_what_was_lent_under_it_and_nothing_else() {
    check(
        "
        bob lends to zoe 09:00-10:00
          delegation 1: zoe for bob, 09:00-10:00
        carol lends to frank 09:00-10:00
          delegation 2: frank for carol, 09:00-10:00
        bob lends to erin 09:00-09:30
          delegation 3: erin for bob, 09:00-09:30
        root links zoe
          root can become zoe
        root links erin
          root can become erin
        zoe sets a password
          delegation 1 ended by zoe
        at 09:30
        erin sets a password
        ",
    );
}

#[test]
fn r33_an_approval_that_was_taken_back_counts_for_nothing() {
    check(
        "
        rule connect approve by dba*2
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
        bob retracts #1
          bob retracts; level 1 (epoch 1) again
          level 1 (epoch 1) waits for bob, carol
        carol approves #1
          carol approves level 1 (epoch 1)
        bob approves #1
          bob approves level 1 (epoch 1)
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r33_what_was_approved_before_the_level_taken_back_stands() {
    check(
        "
        rule connect approve by dba by sec*2
        apply
        zoe joins sec
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          level 2 waits for erin, zoe
        erin approves #1
          erin approves level 2
        erin retracts #1
          erin retracts; level 2 (epoch 1) again
          level 2 (epoch 1) waits for erin, zoe
        bob retracts #1
          bob retracts; level 1 (epoch 2) again
          level 1 (epoch 2) waits for bob, carol
        ",
    );
}

#[test]
fn r39_one_rejection_in_a_review_is_a_no_and_an_approval_is_none() {
    check(
        "
        rule connect approve by dba*2/2 with emergency
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:00, told bob, carol
          #1 approved, grant 1 09:00-12:00
        bob rejects #1
          bob reviews level 1: rejects
        alice asks 09:00-13:00
          #2 made, approve
          level 1 waits for bob, carol
        alice declares #2
          no: approvers said no to this within a day; no emergency overrides that
        zoe asks 09:00-12:00
          #3 made, approve
          level 1 waits for bob, carol
        zoe declares #3
          #3 emergency, opens 09:00, told bob, carol
          #3 approved, grant 2 09:00-12:00
        bob approves #3
          bob reviews level 1: approves
        zoe asks 09:00-13:00
          #4 made, approve
          level 1 waits for bob, carol
        zoe declares #4
          #4 emergency, opens 09:00, told bob, carol
          #4 approved, grant 3 09:00-13:00
        ",
    );
}
