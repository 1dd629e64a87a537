//! The edges of what is allowed: exactly as much, and one more.

mod scene;

use scene::check;

#[test]
fn r7_a_period_may_be_as_long_and_begin_as_late_as_the_rule_says() {
    check(
        "
        rule connect approve by dba with 2 ahead=1
        apply
        alice asks 09:00-11:00
          #1 made, approve
          level 1 waits for bob, carol
        alice asks 09:00-11:01
          no: at most 2 h may be asked for here; 2 h 1 min were
        alice asks 10:00-10:30
          #2 made, approve
          level 1 waits for bob, carol
        alice asks 10:01-10:30
          no: access may start at most 1 h ahead here; this starts in 1 h 1 min
        ",
    );
}

#[test]
fn nothing_waits_for_longer_than_ten_years() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-87849:00
          #1 made, approve
          level 1 waits for bob, carol
        alice asks 09:00-87849:01
          no: at most 3660 days may be asked for here; 3660 days were
        ",
    );
}

#[test]
fn r7_a_reason_has_as_many_characters_as_the_rule_wants_and_a_statement_needs_none() {
    check(
        "
        rule connect justify with reason=20
        rule update approve by dba
        apply
        alice asks 09:00-12:00 because:19
          no: a reason of at least 20 characters is required; it has 19
        alice asks 09:00-12:00 because:20
          #1 made, justify
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice runs u in 1
          #2 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn r7_a_ticket_is_short_and_plain() {
    check(
        "
        rule connect justify with ticket
        apply
        alice asks 09:00-12:00 ticket:1234567890123456789012345678901234567890123456789012345678901234
          #1 made, justify
          #1 approved, grant 1 09:00-12:00
        alice asks 09:00-12:01 ticket:12345678901234567890123456789012345678901234567890123456789012345
          no: a ticket id has 1 to 64 printable characters without spaces
        alice asks 09:00-12:01 ticket:é
          no: a ticket id has 1 to 64 printable characters without spaces
        ",
    );
}

#[test]
fn r61_an_approval_that_is_over_is_joined_by_nothing() {
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
        bob approves #2 09:00-09:30
          bob approves level 1
          #2 approved, grant 2 09:00-09:30
        alice runs u in 1
          nothing new: Request(RequestId(2))
        at 09:31
        alice runs u in 1
          #3 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn the_same_change_is_asked_for_once() {
    check(
        "
        apply
        zoe administers
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for zoe
        root proposes bob joins sec
          nothing new: Request(RequestId(1))
        root proposes carol joins sec
          #2 made, approve
          level 1 waits for zoe
        ",
    );
}

#[test]
fn r87_who_gives_no_roles_changes_people_and_nobodys_role() {
    check(
        "
        apply
        zoe administers all
        root proposes bob disabled
          #1 made, approve
          level 1 waits for zoe
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          grant 1 ended, usedup
        root proposes carol administers
          #2 made, approve
          level 1 waits for zoe
        zoe approves #2
          zoe approves level 1
          #2 approved, grant 2 09:00-177:00
        put 2 in force
          no: only a super administrator can change who has which role and what roles may do
        ",
    );
}

#[test]
fn r39_a_no_counts_for_a_day_and_an_emergency_is_over_with_its_request() {
    check(
        "
        rule connect approve by dba with emergency
        apply
        alice asks 09:00-90:00
          #1 made, approve
          level 1 waits for bob, carol
        bob rejects #1
          bob rejects level 1
          #1 disapproved by bob
        at 32:59
        alice asks 32:59-90:00
          #2 made, approve
          level 1 waits for bob, carol
        alice declares #2
          no: approvers said no to this within a day; no emergency overrides that
        at 33:00
        alice declares #2
          #2 emergency, opens 33:00, told bob, carol
          #2 approved, grant 1 33:00-90:00
        zoe asks 33:00-34:00
          #3 made, approve
          level 1 waits for bob, carol
        at 34:00
        zoe declares #3
          no: request #3 is no longer pending: it has expired
        ",
    );
}

#[test]
fn r39_a_countdown_is_stopped_once_while_it_runs() {
    check(
        "
        rule connect approve by dba>30:members:sec with emergency=600
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:10, told bob, carol
        bob stops #1
          #1 emergency stopped by bob
        bob stops #1
          no: no emergency is counting down on this request
        zoe asks 09:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        zoe declares #2
          #2 emergency, opens 09:10, told bob, carol
        zoe withdraws #2
          #2 canceled
        bob stops #2
          no: no emergency is counting down on this request
        zoe asks 09:00-12:00
          #3 made, approve
          level 1 waits for bob, carol
        zoe declares #3
          #3 emergency, opens 09:10, told bob, carol
        at 09:10
        bob stops #3
          no: no emergency is counting down on this request
        at 09:30
        tick
          level 1 (epoch 1) escalated, waits for erin
          #3 approved, grant 1 09:30-12:00
        ",
    );
}

#[test]
fn r39_a_countdown_is_not_over_because_a_level_is() {
    check(
        "
        rule connect approve by dba>30:members:sec with emergency=7200
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 11:00, told bob, carol
        at 09:30
        tick
          level 1 (epoch 1) escalated, waits for erin
        ",
    );
}

#[test]
fn r39_a_review_is_rejected_by_as_many_as_the_level_says() {
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
        bob approves #1
          bob reviews level 1: approves
        carol rejects #1
          carol reviews level 1: rejects
        ",
    );
}

#[test]
fn r37_an_edit_ends_what_is_past_or_in_use_before_its_time() {
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
        bob edits #1 09:30-11:00
          grant 1 edited by bob, 09:30-11:00
        at 09:30
        alice opens
          session 1 opened under grant 1, first use
        bob edits #1 09:30-10:30
          grant 1 edited by bob, 09:30-10:30
        at 09:40
        bob edits #1 09:30-10:20
          grant 1 edited by bob, 09:30-10:20
        bob edits #1 10:00-10:20
          grant 1 edited by bob, 10:00-10:20
          grant 1 ended, expired
          session 1 must be cut
        zoe asks 09:40-12:40
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:40-12:40
        rule connect approve by dba with 2
        apply
        bob edits #2 09:40-11:41
          no: at most 2 h may be asked for here; 2 h 1 min were
        bob edits #2 09:40-11:40
          grant 2 edited by bob, 09:40-11:40
        ",
    );
}

#[test]
fn r35_what_hangs_on_a_grant_ends_with_it_and_nothing_else() {
    check(
        "
        rule connect allow
        rule update approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, allow
          #1 approved, grant 1 09:00-12:00
        zoe asks 09:00-12:00
          #2 made, allow
          #2 approved, grant 2 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        zoe opens
          session 2 opened under grant 2, first use
        alice runs u in 1
          #3 made, approve
          level 1 waits for bob, carol
        zoe runs u in 2
          #4 made, approve
          level 1 waits for bob, carol
        bob approves #3
          bob approves level 1
          #3 approved, grant 3 09:00-12:00
        bob approves #4
          bob approves level 1
          #4 approved, grant 4 09:00-12:00
        alice runs v in 1
          #5 made, approve
          level 1 waits for bob, carol
        zoe runs v in 2
          #6 made, approve
          level 1 waits for bob, carol
        alice surrenders 1
          #5 expired, access ended
          grant 3 ended, unused
          grant 1 ended, surrendered
          session 1 must be cut
        zoe disabled
          #6 expired, person gone
          grant 4 ended, unused
          grant 2 ended, overruled
          session 2 must be cut
        ",
    );
}

#[test]
fn r39_one_emergency_opens_at_a_time() {
    check(
        "
        rule connect approve by dba with emergency=600
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        zoe asks 09:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:10, told bob, carol
        zoe declares #2
          #2 emergency, opens 09:10, told bob, carol
        at 09:10
        tick
          #1 approved, grant 1 09:10-12:00
        tick
          #2 approved, grant 2 09:10-12:00
        tick
          nothing new: Done
        ",
    );
}

#[test]
fn r42_a_right_is_lent_for_a_quarter_at_most() {
    check(
        "
        apply
        bob lends to zoe 09:00-2217:01
          no: at most 92 days may be asked for here; 92 days were
        bob lends to zoe 09:00-2217:00
          delegation 1: zoe for bob, 09:00-2217:00
        ",
    );
}

#[test]
fn r18_a_group_hears_what_its_scope_says() {
    check(
        "
        rule connect approve by dba~approver:sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
          informs erin
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        rule connect approve by dba~requester:sec
        apply
        alice asks 10:00-13:00
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 10:00-13:00
          tells alice, erin
        ",
    );
}

#[test]
fn r15_each_level_has_its_own_time_and_a_late_look_finds_it_over() {
    check(
        "
        rule connect approve by dba>30:members:sec
        rule connect approve by owners>120:expire
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for carol
        at 09:31
        tick
          level 1 (epoch 1) escalated, waits for erin
        at 11:00
        tick
          #1 expired
        ",
    );
}

#[test]
fn r13_a_level_that_wants_two_is_blocked_when_one_is_left() {
    check(
        "
        rule connect approve by dba*2
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        carol leaves dba
          level 1 blocked
          administrators are alarmed
        carol joins dba
          level 1 freed, waits for bob, carol
        ",
    );
}

#[test]
fn r61_a_plan_counts_in_an_open_session_under_a_grant_that_is_not_over() {
    check(
        "
        rule connect approve by dba
        rule update approve by dba
        apply
        alice asks 09:00-12:00 plan:a,b
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        close 1
          session 1 closed
        planned a in 1
          no: the session is not open
        alice opens
          session 2 opened under grant 1
        at 12:00
        planned a in 2
          no: the grant is over
        ",
    );
}

#[test]
fn r61_a_plan_has_at_most_two_hundred_statements() {
    let units = |n| vec!["n"; n].join(",");
    let script = "\
rule connect allow
apply
alice asks 09:00-12:00 plan:TOO_MANY
  no: a plan has 1 to 200 statements; this has 201
alice asks 09:00-12:00 plan:ENOUGH
  #1 made, allow
  #1 approved, grant 1 09:00-12:00
";
    check(&script.replace("TOO_MANY", &units(201)).replace("ENOUGH", &units(200)));
}

#[test]
fn r3_who_must_say_why_does_not_come_in_directly() {
    check(
        "
        rule connect allow with reason=5
        apply
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        rule connect allow with reasons=repair
        apply
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        rule connect allow with ticket
        apply
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        ",
    );
}

#[test]
fn r61_a_session_opens_where_something_is_left_to_run() {
    check(
        "
        rule connect allow
        rule update approve by dba
        apply
        alice asks 09:00-12:00 plan:a
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        planned a in 1
          grant 1: statement 1 used in session 1
        close 1
          grant 1: statement 1 ran, unknown
          session 1 closed
        alice asks 09:00-12:01 plan:b
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-12:01
        alice opens
          session 2 opened under grant 2, first use
        ",
    );
}
