//! Special paths: automatic approval, hours and other conditions, emergency, delegation, edits (R5–R7, R37–R42).

mod scene;

use scene::check;

#[test]
fn r6_inside_its_hours_a_rule_approves_by_itself_and_tells_its_approvers() {
    check(
        "
        rule connect approve by dba with automatic=09:00-12:00
        apply
        alice asks 10:00-11:00
          #1 made, approve
          tells bob, carol
          #1 approved, grant 1 10:00-11:00
        at 12:00
        alice asks 12:00-13:00
          #2 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn r6_access_must_also_start_inside() {
    check(
        "
        rule connect approve by dba with automatic=09:00-12:00
        apply
        alice asks 12:00-13:00
          #1 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn r6_every_approve_rule_must_approve_by_itself() {
    check(
        "
        rule connect approve by dba with automatic=09:00-12:00
        rule connect approve by sec
        apply
        alice asks 10:00-11:00
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for erin
        ",
    );
}

#[test]
fn r7_access_is_possible_only_inside_the_allowed_hours() {
    check(
        "
        rule connect approve by dba with hours=08:00-18:00
        apply
        alice asks 17:00-19:00
          no: access is possible only inside the allowed hours (zone UTC); choose a period inside them
        alice asks 17:00-18:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 17:00-18:30
          no: access is possible only inside the allowed hours (zone UTC); choose a period inside them
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 17:00-18:00
        ",
    );
}

#[test]
fn r7_direct_access_ends_when_the_hours_do() {
    check(
        "
        rule connect allow with hours=08:00-18:00
        apply
        at 17:00
        alice opens
          #1 made, allow
          #1 approved, grant 1 17:00-18:00
          session 1 opened under grant 1, first use
        at 18:00
        tick
          grant 1 ended, expired
          session 1 must be cut
        alice opens
          no: access is possible only inside the allowed hours (zone UTC); choose a period inside them
        ",
    );
}

#[test]
fn r7_at_most_so_many_sessions_and_so_far_ahead() {
    check(
        "
        rule connect approve by dba with sessions=1 ahead=2
        apply
        alice asks 12:00-13:00
          no: access may start at most 2 h ahead here; this starts in 3 h
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice opens
          no: the rule allows 1 at a time and so many sessions are open under this grant; close one first
        close 1
          session 1 closed
        alice opens
          session 2 opened under grant 1
        ",
    );
}

#[test]
fn r7_a_listed_reason_and_a_ticket_are_required() {
    check(
        "
        rule connect approve by dba with reasons=repair,release ticket
        apply
        alice asks 09:00-12:00
          no: choose one of the listed reasons: release, repair
        alice asks 09:00-12:00 choice:fun ticket:T-1
          no: choose one of the listed reasons: release, repair
        alice asks 09:00-12:00 choice:repair
          no: a ticket id is required; give the one this work belongs to
        alice asks 09:00-12:00 choice:repair ticket:T-1
          #1 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn r7_a_rule_may_demand_evidence_of_every_level() {
    check(
        "
        rule connect approve by dba sec with strong
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          no: this demands a second factor not older than five minutes; confirm it, then do it again
        bob approves #1 strongly
          bob approves level 1
          level 2 waits for erin
        ",
    );
}

#[test]
fn r39_an_emergency_opens_at_once_and_is_reviewed_afterwards() {
    check(
        "
        rule connect approve by dba sec with emergency
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1 weakly
          no: this demands a second factor not older than five minutes; confirm it, then do it again
        alice declares #1 silently
          no: give a reason
        bob declares #1
          no: only the requester of #1 can do this
        alice declares #1
          #1 emergency, opens 09:00, told bob, carol, erin
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alice approves #1
          no: nobody decides their own request
        erin approves #1
          no: you are not an approver of the open level of request #1
        erin approves #1 seeing 1/2/0
          erin reviews level 2: approves
        bob approves #1
          bob reviews level 1: approves
        bob approves #1
          no: this level was decided meanwhile; look at the request again
        ",
    );
}

#[test]
fn r39_a_rejected_review_revokes() {
    check(
        "
        rule connect approve by dba with emergency
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:00, told bob, carol
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        bob rejects #1
          bob reviews level 1: rejects
          #1 revoked by bob
          grant 1 ended, revoked
          session 1 must be cut
        ",
    );
}

/// Whoever was said no to cannot be in at once again: not for the same account, by whichever no.
#[test]
fn r39_after_a_no_there_is_no_emergency_for_a_day() {
    let lately = "no: approvers said no to this within a day; no emergency overrides that";
    let story = "
        rule connect approve by dba with emergency=600
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:10, told bob, carol
        bob stops #1
          #1 emergency stopped by bob
        alice withdraws #1
          #1 canceled
        alice asks 09:00-11:00
          #2 made, approve
          level 1 waits for bob, carol
        alice declares #2
          LATELY
        at 09:30+1d
        tick
          #2 expired
        alice asks 34:00-35:00
          #3 made, approve
          level 1 waits for bob, carol
        alice declares #3
          #3 emergency, opens 33:40, told bob, carol
        at 33:40
        tick
          #3 approved, grant 1 33:40-34:40
        bob rejects #3
          bob reviews level 1: rejects
          #3 revoked by bob
          grant 1 ended, revoked
        alice asks 36:00-37:00
          #4 made, approve
          level 1 waits for bob, carol
        alice declares #4
          LATELY
        ";
    check(&story.replace("LATELY", lately).replace("09:30+1d", "33:30"));
}

#[test]
fn r39_any_approver_stops_the_countdown() {
    check(
        "
        rule connect approve by dba sec with emergency=600
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:10, told bob, carol, erin
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        zoe stops #1
          no: you are not an approver of the open level of request #1
        erin stops #1
          #1 emergency stopped by erin
        at 09:10
        tick
          nothing new: Done
        alice declares #1
          no: an emergency was declared on this request already
        bob approves #1
          bob approves level 1
          level 2 waits for erin
        ",
    );
}

#[test]
fn r39_a_countdown_that_ends_opens() {
    check(
        "
        rule connect approve by dba with emergency=600
        apply
        alice asks 10:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:10, told bob, carol
        at 09:10
        tick
          #1 approved, grant 1 09:10-11:10
        bob stops #1
          no: no emergency is counting down on this request
        alice opens
          session 1 opened under grant 1, first use
        ",
    );
}

#[test]
fn r39_an_approval_during_the_countdown_is_an_approval() {
    check(
        "
        rule connect approve by dba with emergency=600
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:10, told bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        at 09:10
        tick
          nothing new: Done
        ",
    );
}

#[test]
fn r39_not_after_a_disapproval_within_a_day_and_only_if_every_rule_allows_it() {
    check(
        "
        rule connect approve by dba with emergency
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob rejects #1
          bob rejects level 1
          #1 disapproved by bob
        alice asks 09:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        alice declares #2
          no: approvers said no to this within a day; no emergency overrides that
        rule connect approve by dba with emergency
        rule connect approve by sec
        apply
        zoe asks 09:00-12:00
          #3 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for erin
        zoe declares #3
          no: the rules allow no emergency access here; wait for approval
        alice declares #2
          no: the rules allow no emergency access here; wait for approval
        ",
    );
}

#[test]
fn r39_an_emergency_does_not_skip_exclusive_use() {
    check(
        "
        rule connect approve by dba with emergency exclusive
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        zoe asks 09:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        zoe declares #2
          #2 emergency, opens 09:00, told bob, carol
          #2 approved, grant 2 09:00-12:00
        zoe opens
          no: in exclusive use by another user
        ",
    );
}

#[test]
fn r42_a_lent_right_is_the_lenders_one_vote() {
    check(
        "
        rule connect approve by bob+carol*2
        apply
        bob lends to zoe 09:00-12:00
          delegation 1: zoe for bob, 09:00-12:00
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol, zoe
        zoe approves #1
          zoe approves level 1
        bob approves #1
          no: your decision on this request already counts; one person counts once
        zoe approves #1
          no: your decision on this request already counts; one person counts once
        carol approves #1
          carol approves level 1
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r42_it_is_not_lent_on_lapses_and_can_be_taken_back() {
    check(
        "
        rule connect approve by bob
        apply
        bob lends to bob 09:00-12:00
          no: nobody lends the right to decide to themselves
        bob lends to zoe 09:00-10:00
          delegation 1: zoe for bob, 09:00-10:00
        zoe lends to erin 09:00-12:00
          delegation 2: erin for zoe, 09:00-12:00
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, zoe
        erin approves #1
          no: you are not an approver of the open level of request #1
        at 10:00
        zoe approves #1
          no: you are not an approver of the open level of request #1
        bob lends to zoe 10:00-12:00
          delegation 3: zoe for bob, 10:00-12:00
        dave ends 3
          no: delegation 3 does not exist
        bob ends 3
          delegation 3 ended by bob
        bob ends 3
          no: this delegation is over
        zoe approves #1
          no: you are not an approver of the open level of request #1
        ",
    );
}

/// Neither the borrower their own, nor anybody for the requester.
#[test]
fn r38_delegation_never_lets_anybody_decide_their_own() {
    check(
        "
        rule connect approve by dba
        apply
        bob lends to alice 09:00-12:00
          delegation 1: alice for bob, 09:00-12:00
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        alice approves #1
          no: nobody decides their own request
        bob lends to zoe 09:00-12:00
          delegation 2: zoe for bob, 09:00-12:00
        bob asks 09:00-12:00
          #2 made, approve
          level 1 waits for carol
        zoe approves #2
          no: you are not an approver of the open level of request #2
        ",
    );
}

#[test]
fn r37_a_grant_is_edited_up_to_what_was_signed() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 09:00-11:00
          bob approves level 1
          #1 approved, grant 1 09:00-11:00
        alice edits #1 09:00-10:00
          no: only an approver of the request or an administrator can change or revoke it
        zoe edits #1 09:00-10:00
          no: only an approver of the request or an administrator can change or revoke it
        bob edits #1 09:00-12:00
          no: this is wider than what was signed; ask for it with a new request
        bob edits #1 09:00-10:00
          grant 1 edited by bob, 09:00-10:00
        carol edits #1 09:00-11:00 reset
          grant 1 edited by carol, 09:00-11:00
        alice opens
          session 1 opened under grant 1, first use
        at 09:30
        bob edits #1 09:00-09:20
          grant 1 edited by bob, 09:00-09:20
          grant 1 ended, expired
          session 1 must be cut
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        ",
    );
}

#[test]
fn r32_reset_after_use_can_be_switched_on_and_not_off() {
    check(
        "
        rule connect approve by dba with reset
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        bob edits #1 09:00-12:00
          no: this is wider than what was signed; ask for it with a new request
        ",
    );
}

/// R50: the secret is due for change once a use is over that was granted so, and until another one is stored.
#[test]
fn r50_a_secret_is_due_after_a_use_and_until_another_is_stored() {
    check(
        "
        rule connect approve by dba with reset
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        zoe asks 09:00-10:00
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-10:00
        alice opens
          session 1 opened under grant 1, first use
        due?
          nothing is due
        another secret is stored
        at 10:00
        tick
          grant 2 ended, unused
        due?
          nothing is due
        alice surrenders 1
          grant 1 ended, surrendered
          session 1 must be cut
        due?
          the secret of account 1 is due since 10:00, after #1
        at 11:00
        another secret is stored
        due?
          nothing is due
        ",
    );
}

#[test]
fn r50_a_secret_is_not_due_where_nobody_said_so() {
    check(
        "
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice surrenders 1
          grant 1 ended, surrendered
          session 1 must be cut
        due?
          nothing is due
        ",
    );
}
