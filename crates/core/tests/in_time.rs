//! Levels in time: timeouts, escalation, blocked levels, who is told (R11–R19).

mod scene;

use scene::check;

#[test]
fn r15_r16_a_level_that_times_out_is_decided_by_the_members_it_escalates_to() {
    check(
        "
        rule connect approve by dba>30:members:sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        at 09:29
        tick
          nothing new: Done
        at 09:30
        tick
          level 1 (epoch 1) escalated, waits for erin
        bob approves #1
          no: you are not an approver of the open level of request #1
        bob approves #1 seeing 1/1/0
          no: this level was decided meanwhile; look at the request again
        erin approves #1
          erin approves level 1 (epoch 1)
          #1 approved, grant 1 09:30-12:00
        ",
    );
}

#[test]
fn r16_an_escalation_gets_a_fresh_period_and_then_the_request_expires() {
    check(
        "
        rule connect approve by dba>30:managers:sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        at 09:30
        tick
          level 1 (epoch 1) escalated, waits for frank
        at 09:59
        tick
          nothing new: Done
        at 10:00
        tick
          #1 expired
        ",
    );
}

#[test]
fn r16_a_level_may_expire_instead() {
    check(
        "
        rule connect approve by dba>30:expire sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        at 09:20
        bob approves #1
          bob approves level 1
          level 2 waits for erin
        at 09:50
        tick
          nothing new: Done
        erin approves #1
          erin approves level 2
          #1 approved, grant 1 09:50-12:00
        alice asks 10:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        at 10:20
        tick
          #2 expired
        ",
    );
}

#[test]
fn r16_an_escalation_to_nobody_ends_the_request() {
    check(
        "
        rule connect approve by dba>30:members:sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        erin leaves sec
        at 09:30
        tick
          #1 expired
        ",
    );
}

#[test]
fn r13_votes_already_cast_stand_across_an_escalation() {
    check(
        "
        rule connect approve by dba*2>30:members:sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
        at 09:30
        tick
          level 1 (epoch 1) escalated, waits for erin
        erin approves #1
          erin approves level 1 (epoch 1)
          #1 approved, grant 1 09:30-12:00
        ",
    );
}

#[test]
fn r17_an_administrator_escalates_by_hand_and_cannot_decide_then() {
    check(
        "
        rule connect approve by dba>30:members:sec
        apply
        root joins sec
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob escalates #1
          no: only an administrator can escalate a request by hand
        root escalates #1
          level 1 (epoch 1) escalated by root, waits for erin
        root approves #1
          no: you escalated this level, so others decide it
        root escalates #1
          no: this level has nobody to escalate to, or was escalated already
        erin approves #1
          erin approves level 1 (epoch 1)
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r17_where_nothing_is_set_nothing_can_be_escalated() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        root escalates #1
          no: this level has nobody to escalate to, or was escalated already
        ",
    );
}

#[test]
fn r17_nobody_escalates_their_own_request() {
    check(
        "
        rule connect approve by dba>30:members:sec
        apply
        root asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        root escalates #1
          no: nobody decides their own request
        ",
    );
}

/// And nobody else; who has none is refused.
#[test]
fn r11_the_line_manager_decides() {
    check(
        "
        rule connect approve by boss
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for dave
        root approves #1
          no: you are not an approver of the open level of request #1
        dave approves #1
          dave approves level 1
          #1 approved, grant 1 09:00-12:00
        zoe asks 09:00-12:00
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        ",
    );
}

#[test]
fn r11_owners_and_managers_of_the_account_decide() {
    check(
        "
        rule connect approve by owners keepers
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for carol
        carol approves #1
          carol approves level 1
          level 2 waits for erin
        erin approves #1
          erin approves level 2
          #1 approved, grant 1 09:00-12:00
        carol asks 09:00-12:00
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        ",
    );
}

/// The others may still decide.
#[test]
fn r12_the_requester_chooses_whom_to_ask() {
    check(
        "
        rule connect approve by dba?
        apply
        alice asks 09:00-12:00 whom:carol
          #1 made, approve
          level 1 waits for bob, carol
          asks carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r12_without_a_choice_or_with_nobody_who_can_decide_all_are_asked() {
    check(
        "
        rule connect approve by dba? dba
        apply
        alice asks 09:00-12:00 whom:zoe
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          level 2 waits for bob, carol
        ",
    );
}

#[test]
fn r18_a_group_is_told_and_gets_no_authority() {
    check(
        "
        rule connect approve by dba~sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
          informs erin
        erin approves #1
          no: you are not an approver of the open level of request #1
        bob rejects #1
          bob rejects level 1
          #1 disapproved by bob
          tells alice, erin
        ",
    );
}

/// If it can.
#[test]
fn r19_a_level_that_loses_its_approvers_escalates_at_once() {
    check(
        "
        rule connect approve by dba sec>30:members:dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        erin leaves sec
        bob approves #1
          bob approves level 1
          level 2 waits for nobody
          level 2 (epoch 1) escalated, waits for bob, carol
        carol approves #1
          carol approves level 2 (epoch 1)
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r19_a_level_that_loses_its_approvers_is_blocked_and_freed() {
    check(
        "
        rule connect approve by sec*1
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for erin
        erin disabled
          level 1 blocked
          administrators are alarmed
        zoe joins sec
          level 1 freed, waits for zoe
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-12:00
        ",
    );
}

#[test]
fn r13_who_counted_on_one_track_is_missing_on_the_other() {
    check(
        "
        rule connect approve by dba
        rule connect approve by bob
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
          track 2 level 1 waits for bob
        bob approves #1
          bob approves level 1
          track 1 passed
          track 2 level 1 blocked
          administrators are alarmed
        ",
    );
}

/// Escalation included.
#[test]
fn r20_a_workflow_changed_later_changes_nothing_of_what_was_asked() {
    check(
        "
        rule connect approve by dba>30:members:sec
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        rule connect approve by admins
        apply
        at 09:30
        tick
          level 1 (epoch 1) escalated, waits for erin
        erin approves #1
          erin approves level 1 (epoch 1)
          #1 approved, grant 1 09:30-12:00
        ",
    );
}
