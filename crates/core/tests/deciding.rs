//! Who decides, in what order, and what a decision counts for.

mod scene;

use scene::check;

/// R13, R19: levels in order; who is not on the open level is not asked yet.
#[test]
fn r19_a_level_starts_when_the_one_before_is_complete() {
    check(
        "
        rule connect approve by dba manager:sec admins
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        frank approves #1
          no: you are not an approver of the open level of request #1
        bob approves #1
          bob approves level 1
          level 2 waits for frank
        carol approves #1
          no: you are not an approver of the open level of request #1
        frank approves #1
          frank approves level 2
          level 3 waits for root
        root approves #1
          root approves level 3
          #1 approved, grant 1 09:00-17:00
        alice opens
          session 1 opened under grant 1, first use
        ",
    );
}

#[test]
fn r13_a_quorum_of_two_is_two_people() {
    check(
        "
        rule connect approve by dba*2
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
        bob approves #1
          no: your decision on this request already counts; one person counts once
        carol approves #1
          carol approves level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r13_two_rejections_are_two_people() {
    check(
        "
        rule connect approve by dba/2
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob rejects #1
          bob rejects level 1
        bob rejects #1
          no: your decision on this request already counts; one person counts once
        bob approves #1
          no: your decision on this request already counts; one person counts once
        carol rejects #1
          carol rejects level 1
          #1 disapproved by carol
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        ",
    );
}

#[test]
fn r20_levels_are_frozen_when_the_request_is_made() {
    check(
        "
        rule connect approve by dba sec
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        rule connect approve by zoe
        apply
        zoe approves #1
          no: you are not an approver of the open level of request #1
        bob approves #1
          bob approves level 1
          level 2 waits for erin
        erin approves #1
          erin approves level 2
          #1 approved, grant 1 09:00-17:00
        alice asks 12:00-13:00
          #2 made, approve
          level 1 waits for zoe
        ",
    );
}

/// R31: members are resolved when someone decides. Others kept a right that had been taken away (WSO2 #25308).
#[test]
fn r31_a_leaver_cannot_decide_and_a_joiner_can() {
    check(
        "
        rule connect approve by oncall
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob leaves dba
        bob approves #1
          no: you are not an approver of the open level of request #1
        zoe joins dba
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r31_a_vote_cast_before_leaving_stands() {
    check(
        "
        rule connect approve by dba*2
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
        bob disabled
        carol approves #1
          carol approves level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r31_a_disabled_person_cannot_decide() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob disabled
        bob approves #1
          no: this person is unknown or disabled; an administrator can enable them
        bob rejects #1
          no: this person is unknown or disabled; an administrator can enable them
        ",
    );
}

#[test]
fn r31_undecided_means_no_access() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-10:00
          #1 made, approve
          level 1 waits for bob, carol
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        at 10:00
        bob approves #1
          no: request #1 is no longer pending: it has expired
        tick
          #1 expired
        bob approves #1
          no: request #1 is no longer pending: it has expired
        ",
    );
}

/// R38: JumpServer kept the right with the requester when nobody else was left.
#[test]
fn r38_a_requester_who_is_the_only_approver_is_refused_at_once() {
    check(
        "
        rule connect approve by alice
        apply
        alice asks
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        rule connect approve by alice+bob*2
        apply
        alice asks
          no: nobody can decide this: level 1 has fewer approvers than it requires; an administrator must name an approver
        ",
    );
}

/// An empty later level is never skipped: it blocks until someone joins, and expires.
#[test]
fn r19_a_later_level_that_nobody_can_decide_blocks() {
    check(
        "
        rule connect approve by dba sec dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        erin leaves sec
        bob approves #1
          bob approves level 1
          level 2 waits for nobody
          level 2 blocked
          administrators are alarmed
        bob approves #1
          no: you are not an approver of the open level of request #1
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        zoe joins sec
          level 2 freed, waits for zoe
        zoe approves #1
          zoe approves level 2
          level 3 waits for bob, carol
        at 12:00
        tick
          #1 expired
        ",
    );
}

#[test]
fn r38_nobody_decides_their_own_request_as_named_person_or_member() {
    check(
        "
        rule connect approve by alice+bob
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob
        alice approves #1
          no: nobody decides their own request
        alice rejects #1
          no: nobody decides their own request
        alice joins dba
        rule connect approve by dba
        apply
        alice asks 12:00-13:00
          #2 made, approve
          level 1 waits for bob, carol
        alice approves #2
          no: nobody decides their own request
        ",
    );
}

#[test]
fn r38_nobody_decides_their_own_request_through_a_nested_group() {
    check(
        "
        rule connect approve by oncall
        apply
        bob asks
          #1 made, approve
          level 1 waits for carol
        bob approves #1
          no: nobody decides their own request
        carol approves #1
          carol approves level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r38_nobody_decides_their_own_request_as_manager_or_administrator() {
    check(
        "
        rule connect approve by manager:dba
        apply
        zoe manages dba
        dave asks
          #1 made, approve
          level 1 waits for zoe
        dave approves #1
          no: nobody decides their own request
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-17:00
        rule connect approve by admins
        apply
        root asks
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        rule connect approve by root+bob
        apply
        root asks
          #2 made, approve
          level 1 waits for bob
        root approves #2
          no: nobody decides their own request
        root revokes #2
          no: only an approver of the request or an administrator can change or revoke it
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        root revokes #2
          no: only an approver of the request or an administrator can change or revoke it
        ",
    );
}

/// Archery #3119: a double click advanced two levels.
#[test]
fn r19_a_double_click_advances_one_level() {
    check(
        "
        rule connect approve by bob bob+carol
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob
        bob approves #1 seeing 1/1/0
          bob approves level 1
          level 2 waits for bob, carol
        bob approves #1 seeing 1/1/0
          no: this level was decided meanwhile; look at the request again
        bob approves #1 seeing 1/2/0
          no: your decision on this request already counts; one person counts once
        carol approves #1 seeing 1/2/0
          carol approves level 2
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r33_an_answer_to_an_old_epoch_is_refused() {
    check(
        "
        rule connect approve by dba sec
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 seeing 1/1/0
          bob approves level 1
          level 2 waits for erin
        bob retracts #1
          bob retracts; level 1 (epoch 1) again
          level 1 (epoch 1) waits for bob, carol
        carol approves #1 seeing 1/1/0
          no: this level was decided meanwhile; look at the request again
        erin approves #1 seeing 1/2/0
          no: this level was decided meanwhile; look at the request again
        carol approves #1 seeing 1/1/1
          carol approves level 1 (epoch 1)
          level 2 (epoch 1) waits for erin
        erin approves #1 seeing 1/2/1
          erin approves level 2 (epoch 1)
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

/// R4: every rule that matches has its say; tracks run side by side and all must pass.
#[test]
fn r4_parallel_tracks_must_all_pass_and_one_person_counts_once() {
    check(
        "
        rule connect approve by dba
        rule connect approve for dev by bob+erin
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for bob, erin
        bob approves #1 seeing 1/1/0
          bob approves level 1
          track 1 passed
        bob approves #1 seeing 2/1/0
          no: your decision on this request already counts; one person counts once
        erin approves #1 seeing 2/1/0
          erin approves track 2 level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r4_a_track_that_was_passed_can_be_retracted_while_another_waits() {
    check(
        "
        rule connect approve by dba
        rule connect approve by sec
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for erin
        bob approves #1 seeing 1/1/0
          bob approves level 1
          track 1 passed
        bob retracts #1
          bob retracts; level 1 (epoch 1) again
          level 1 (epoch 1) waits for bob, carol
        erin approves #1 seeing 2/1/0
          erin approves track 2 level 1
          track 2 passed
        carol approves #1 seeing 1/1/1
          carol approves level 1 (epoch 1)
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

/// DESIGN §6: lower evidence never counts upwards.
#[test]
fn r31_evidence_below_what_the_level_demands_is_refused() {
    check(
        "
        rule connect approve by dba!
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          no: this demands a second factor not older than five minutes; confirm it, then do it again
        bob approves #1 strongly
          bob approves level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

/// R10: without a workflow, the manager of the rule's one subject group decides.
#[test]
fn r10_the_default_workflow_is_the_group_manager() {
    check(
        "
        rule connect approve for dev
        apply
        alice asks
          #1 made, approve
          level 1 waits for dave
        bob approves #1
          no: you are not an approver of the open level of request #1
        dave approves #1
          dave approves level 1
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r32_an_approver_narrows_and_the_grant_is_what_all_signed() {
    check(
        "
        rule connect approve by dba*2
        apply
        alice asks 10:00-16:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 10:00-14:00
          bob approves level 1
        carol approves #1 14:00-16:00
          no: the period shares nothing with what other approvers signed; choose one that overlaps theirs
        carol approves #1 12:00-16:00
          carol approves level 1
          #1 approved, grant 1 12:00-14:00
        ",
    );
}

#[test]
fn r32_no_more_than_the_policy_allows() {
    check(
        "
        rule connect approve by dba with 2
        apply
        alice asks 10:00-13:00
          no: at most 2 h may be asked for here; 3 h were
        alice asks 10:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 10:00-13:00
          no: at most 2 h may be asked for here; 3 h were
        bob approves #1 11:00-11:00
          no: the period is empty or already over; choose an end in the future, after the start
        bob approves #1 10:30-12:30
          bob approves level 1
          #1 approved, grant 1 10:30-12:30
        ",
    );
}

#[test]
fn r32_a_statement_is_never_approved_for_longer_than_its_connection() {
    check(
        "
        rule connect allow with 2
        rule update approve by dba
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-11:00
          session 1 opened under grant 1, first use
        alice runs A in 1
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2 09:00-12:00
          no: the period is wider than what was asked for; approve what was asked or less
        bob approves #2 09:00-10:00
          bob approves level 1
          #2 approved, grant 2 09:00-10:00
        ",
    );
}
