//! Retract, withdraw, revoke, and what a change of rules or people ends.

mod scene;

use scene::check;

#[test]
fn r33_a_retract_before_the_last_level_returns_the_level_to_pending() {
    check(
        "
        rule connect approve by dba sec*2 admins
        apply
        zoe joins sec
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          level 2 waits for erin, zoe
        erin approves #1
          erin approves level 2
        zoe retracts #1
          no: there is no approval of yours on request #1 to take back
        bob retracts #1
          bob retracts; level 1 (epoch 1) again
          level 1 (epoch 1) waits for bob, carol
        carol approves #1
          carol approves level 1 (epoch 1)
          level 2 (epoch 1) waits for erin, zoe
        erin approves #1
          erin approves level 2 (epoch 1)
        zoe approves #1
          zoe approves level 2 (epoch 1)
          level 3 (epoch 1) waits for root
        root approves #1
          root approves level 3 (epoch 1)
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r33_a_retract_after_approval_is_a_revoke() {
    check(
        "
        rule connect approve by dba sec
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          level 2 waits for erin
        erin approves #1
          erin approves level 2
          #1 approved, grant 1 09:00-17:00
        alice opens
          session 1 opened under grant 1, first use
        bob retracts #1
          #1 revoked by bob
          grant 1 ended, revoked
          session 1 must be cut
        bob retracts #1
          no: request #1 is no longer pending: it was revoked
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        ",
    );
}

#[test]
fn r33_only_an_approval_of_ones_own_can_be_retracted() {
    check(
        "
        rule connect approve by dba/2
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob retracts #1
          no: there is no approval of yours on request #1 to take back
        bob rejects #1
          bob rejects level 1
        bob retracts #1
          no: there is no approval of yours on request #1 to take back
        alice retracts #1
          no: there is no approval of yours on request #1 to take back
        carol approves #1
          carol approves level 1
          #1 approved, grant 1 09:00-17:00
        carol disabled
        carol retracts #1
          no: this person is unknown or disabled; an administrator can enable them
        ",
    );
}

#[test]
fn r34_the_requester_withdraws_what_is_pending() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob withdraws #1
          no: only the requester of #1 can do this
        alice withdraws #1
          #1 canceled
        alice withdraws #1
          no: request #1 is no longer pending: it was withdrawn
        bob approves #1
          no: request #1 is no longer pending: it was withdrawn
        ",
    );
}

#[test]
fn r34_the_requester_withdraws_what_is_approved_and_unused() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-17:00
        alice withdraws #1
          #1 canceled
          grant 1 ended, unused
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        bob revokes #1
          no: request #1 cannot be revoked: it was withdrawn
        ",
    );
}

#[test]
fn r34_what_is_in_use_is_surrendered_not_withdrawn() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-17:00
        alice opens
          session 1 opened under grant 1, first use
        alice withdraws #1
          no: it has been used already
        bob surrenders 1
          no: only the requester of #1 can do this
        alice surrenders 1
          grant 1 ended, surrendered
          session 1 must be cut
        alice surrenders 1
          no: the grant is over
        alice withdraws #1
          no: the grant is over
        ",
    );
}

#[test]
fn r35_any_approver_revokes() {
    check(
        "
        rule connect approve by dba sec
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          level 2 waits for erin
        carol revokes #1
          no: request #1 cannot be revoked: it is pending
        erin approves #1
          erin approves level 2
          #1 approved, grant 1 09:00-17:00
        alice opens
          session 1 opened under grant 1, first use
        zoe revokes #1
          no: only an approver of the request or an administrator can change or revoke it
        alice revokes #1
          no: only an approver of the request or an administrator can change or revoke it
        dave revokes #1
          no: only an approver of the request or an administrator can change or revoke it
        carol revokes #1
          #1 revoked by carol
          grant 1 ended, revoked
          session 1 must be cut
        carol revokes #1
          no: request #1 cannot be revoked: it was revoked
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        ",
    );
}

#[test]
fn r35_an_administrator_revokes_what_nobody_had_to_approve() {
    check(
        "
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        bob revokes #1
          no: only an approver of the request or an administrator can change or revoke it
        root revokes #1
          #1 revoked by root
          grant 1 ended, revoked
          session 1 must be cut
        alice opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 2 opened under grant 2, first use
        ",
    );
}

/// What was approved under a connection ends with it, and what waits under it too.
#[test]
fn r55_the_end_of_a_connect_grant_ends_what_hangs_on_it() {
    check(
        "
        rule connect allow
        rule update approve by dba
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice runs A in 1
          #2 made, approve
          level 1 waits for bob, carol
        alice runs B in 1
          #3 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        alice surrenders 1
          #3 expired, access ended
          grant 2 ended, unused
          grant 1 ended, surrendered
          session 1 must be cut
        clear A under 2 in 1
          no: the grant is over
        bob approves #3
          no: request #3 is no longer pending: it has expired
        alice runs C in 1
          no: the grant is over
        close 1
          session 1 closed
        ",
    );
}

/// What was only allowed or justified ends when the rules want people to approve it; what people approved stands.
#[test]
fn r8_what_nobody_approved_ends_when_approval_is_demanded() {
    check(
        "
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        rule connect approve by dba
        apply
          grant 1 ended, overruled
          session 1 must be cut
        alice asks 09:00-12:00
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-12:00
        rule connect approve by sec
        apply
        alice opens
          session 2 opened under grant 2, first use
        ",
    );
}

#[test]
fn r8_a_new_deny_ends_sessions_statements_and_what_waits() {
    check(
        "
        rule connect allow
        rule update approve by dba
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice runs A in 1
          #2 made, approve
          level 1 waits for bob, carol
        alice runs B in 1
          #3 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        rule connect allow
        rule update deny
        apply
          #3 expired, denied by rule 2
          grant 2 ended, overruled
        clear A under 2 in 1
          no: the grant is over
        rule connect deny for dev
        rule connect allow
        apply
          grant 1 ended, overruled
          session 1 must be cut
        alice opens
          no: denied by `rule 1`; an administrator can change the rule
        bob opens
          #4 made, allow
          #4 approved, grant 3 09:00-17:00
          session 2 opened under grant 3, first use
        ",
    );
}

#[test]
fn r31_a_disabled_person_keeps_nothing() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-17:00
        alice opens
          session 1 opened under grant 1, first use
        alice asks 12:00-13:00
          #2 made, approve
          level 1 waits for bob, carol
        alice disabled
          #2 expired, person gone
          grant 1 ended, overruled
          session 1 must be cut
        alice opens
          no: this person is unknown or disabled; an administrator can enable them
        alice asks
          no: this person is unknown or disabled; an administrator can enable them
        ",
    );
}

#[test]
fn r36_ended_requests_stay_as_they_ended() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob rejects #1
          bob rejects level 1
          #1 disapproved by bob
        carol approves #1
          no: request #1 is no longer pending: it was rejected
        alice withdraws #1
          no: request #1 is no longer pending: it was rejected
        root revokes #1
          no: request #1 cannot be revoked: it was rejected
        alice asks 10:00-11:00
          #2 made, approve
          level 1 waits for bob, carol
        at 11:00
        tick
          #2 expired
        alice withdraws #2
          no: request #2 is no longer pending: it has expired
        bob retracts #2
          no: there is no approval of yours on request #2 to take back
        tick
          nothing new: Done
        ",
    );
}
