//! Changes of policy and directory (DESIGN §5, Administer), as stories.

mod scene;

use scene::check;

#[test]
fn the_only_administrator_decides_alone() {
    check(
        "
        apply
        root proposes bob joins sec
          #1 made, allow
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          grant 1 ended, usedup
        ",
    );
}

#[test]
fn with_two_administrators_the_other_one_approves() {
    check(
        "
        apply
        zoe administers
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for zoe
        root approves #1
          no: nobody decides their own request
        bob approves #1
          no: you are not an approver of the open level of request #1
        put 1 in force
          no: grant 1 does not exist
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          grant 1 ended, usedup
        put 1 in force
          no: the grant is over
        ",
    );
}

#[test]
fn only_administrators_propose() {
    check(
        "
        apply
        alice proposes alice administers
          no: only an administrator can change policy and directory
        ",
    );
}

#[test]
fn nothing_but_what_was_approved_is_put_in_force() {
    check(
        "
        apply
        zoe administers
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for zoe
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-177:00
        put 1 in force as bob joins dba
          no: what is about to run is not what was approved
        put 1 in force as alice administers
          no: what is about to run is not what was approved
        put 1 in force
          grant 1 ended, usedup
        ",
    );
}

#[test]
fn a_change_ends_every_other_change() {
    check(
        "
        apply
        zoe administers
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for zoe
        zoe proposes carol joins sec
          #2 made, approve
          level 1 waits for root
        zoe approves #1
          zoe approves level 1
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          grant 1 ended, usedup
          #2 expired, overtaken by #1
        root approves #2
          no: request #2 is no longer pending: it has expired
        ",
    );
}

#[test]
fn a_change_is_withdrawn_revoked_and_expires() {
    check(
        "
        apply
        zoe administers
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for zoe
        root withdraws #1
          #1 canceled
        root proposes bob joins sec
          #2 made, approve
          level 1 waits for zoe
        zoe rejects #2
          zoe rejects level 1
          #2 disapproved by zoe
        root proposes bob joins sec
          #3 made, approve
          level 1 waits for zoe
        zoe approves #3
          zoe approves level 1
          #3 approved, grant 1 09:00-177:00
        zoe revokes #3
          #3 revoked by zoe
          grant 1 ended, revoked
        put 1 in force
          no: the grant is over
        ",
    );
}

#[test]
fn a_rule_says_who_approves_changes() {
    check(
        "
        rule administer approve by sec
        apply
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for erin
        root approves #1
          no: nobody decides their own request
        erin approves #1
          erin approves level 1
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          grant 1 ended, usedup
        ",
    );
}

#[test]
fn nobody_locks_every_administrator_out() {
    check(
        "
        apply
        root proposes root administers no more
          #1 made, allow
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          no: the policy cannot be applied: nobody would be an administrator; give somebody role `administrator`
        root proposes root disabled
          #2 made, allow
          #2 approved, grant 2 09:00-177:00
        put 2 in force
          no: the policy cannot be applied: nobody would be an administrator; give somebody role `administrator`
        rule administer deny
        apply
          no: the policy cannot be applied: no administrator could get a change approved any more; let a rule on `administer` name others who decide
        rule administer approve by admins
        apply
          no: the policy cannot be applied: no administrator could get a change approved any more; let a rule on `administer` name others who decide
        ",
    );
    // One person counts once: two levels of the same two administrators, one of whom asks, can never pass.
    check(
        "
        apply
        zoe administers
        rule administer approve by admins admins
        apply
          no: the policy cannot be applied: no administrator could get a change approved any more; let a rule on `administer` name others who decide
        ",
    );
}

/// A condition that nobody keeps is refused when it is saved.
#[test]
fn conditions_that_mean_nothing_for_an_act_are_refused() {
    check(
        "
        rule update approve by dba with exclusive
        apply
          no: the policy cannot be applied: rule `rule 1`: `exclusive` means nothing for this act; remove it, or say it in a rule on `connect`
        rule connect approve by dba with same-session
        apply
          no: the policy cannot be applied: rule `rule 1`: `same_session` means nothing for this act; remove it, or say it in a rule on `query`
        rule administer approve by sec with hours=09:00-17:00
        apply
          no: the policy cannot be applied: rule `rule 1`: `hours` means nothing for this act; remove it, or say it in a rule on `connect`
        rule update justify
        apply
          no: the policy cannot be applied: rule `rule 1`: statements and commands are asked for under their connection's reason; use `justify` in a rule on `connect`
        ",
    );
}

#[test]
fn a_change_is_no_emergency_and_never_approved_by_itself() {
    check(
        "
        apply
        zoe administers
        root proposes bob joins sec
          #1 made, approve
          level 1 waits for zoe
        root declares #1
          no: the rules allow no emergency access here; wait for approval
        rule administer approve by sec with emergency
        apply
          no: the policy cannot be applied: rule `rule 1`: a change is never approved by itself and never an emergency; remove that
        rule administer approve by sec with automatic=09:00-17:00
        apply
          no: the policy cannot be applied: rule `rule 1`: a change is never approved by itself and never an emergency; remove that
        ",
    );
}

#[test]
fn r87_only_super_administrators_change_roles_once_there_is_one() {
    check(
        "
        apply
        root proposes zoe administers
          #1 made, allow
          #1 approved, grant 1 09:00-177:00
        put 1 in force
          grant 1 ended, usedup
        root proposes zoe administers all
          #2 made, approve
          level 1 waits for zoe
        zoe approves #2
          zoe approves level 1
          #2 approved, grant 2 09:00-177:00
        put 2 in force
          grant 2 ended, usedup
        root proposes carol administers
          #3 made, approve
          level 1 waits for zoe
        zoe approves #3
          zoe approves level 1
          #3 approved, grant 3 09:00-177:00
        put 3 in force
          no: only a super administrator can change who has which role and what roles may do
        zoe proposes carol administers
          #4 made, approve
          level 1 waits for root
        root approves #4
          root approves level 1
          #4 approved, grant 4 09:00-177:00
        put 4 in force
          grant 4 ended, usedup
          grant 3 ended, overruled
        ",
    );
}

#[test]
fn r38_who_may_be_one_by_a_link_to_a_password_decides_nothing_for_the_other() {
    check(
        "
        rule connect approve by dba
        apply
        zoe administers
        root links zoe
          root can become zoe
        zoe sets a password
        root proposes bob joins sec
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        zoe proposes bob joins sec
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        the operator links zoe
          the operator can become zoe
        zoe proposes bob joins sec
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        zoe sets a password
        zoe proposes bob joins sec
          #1 made, approve
          level 1 waits for root
        root approves #1
          root approves level 1
          #1 approved, grant 1 09:00-177:00
        alice asks 10:00-11:00
          #2 made, approve
          level 1 waits for bob, carol
        alice links bob
          alice can become bob
        bob approves #2
          no: you and the requester may be one by a link to a password; somebody else must decide this, or make one of you a link
        carol approves #2
          carol approves level 1
          #2 approved, grant 2 10:00-11:00
        ",
    );
}

/// Whoever stands between: a link made by somebody who may be somebody else, one's own link, two links by one.
#[test]
fn r38_links_are_followed_to_whoever_could_stand_behind_them() {
    check(
        "
        rule connect approve by dba
        apply
        alice links bob
          alice can become bob
        bob links carol
          bob can become carol
        alice asks 10:00-11:00
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        bob links bob
          bob can become bob
        bob sets a password
        alice asks 10:00-11:00
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        root links bob
          root can become bob
        alice asks 10:00-11:00
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        bob sets a password
        alice asks 10:00-11:00
          #1 made, approve
          level 1 waits for bob
        root links alice
          root can become alice
          level 1 blocked
          administrators are alarmed
        bob approves #1
          no: you and the requester may be one by a link to a password; somebody else must decide this, or make one of you a link
        dave links alice
          dave can become alice
          level 1 freed, waits for bob
        alice sets a password
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 10:00-11:00
        ",
    );
}

/// One human behind two approvers is one vote, and decides no level they escalated.
#[test]
fn r38_two_approvers_who_may_be_one_are_one_vote() {
    check(
        "
        rule connect approve by dba*2
        apply
        root links bob
          root can become bob
        root links carol
          root can become carol
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          level 1 blocked
          administrators are alarmed
        carol approves #1
          no: your decision on this request already counts; one person counts once
        ",
    );
    check(
        "
        rule connect approve by dba>30:members:sec
        apply
        root links erin
          root can become erin
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        root escalates #1
          no: nobody can decide this: the escalation group; an administrator must name an approver
        ",
    );
}

/// What was lent under a password ends with it.
#[test]
fn r42_a_new_password_ends_what_was_lent_under_the_old_one() {
    check(
        "
        rule connect approve by bob
        apply
        bob lends to zoe 09:00-12:00
          delegation 1: zoe for bob, 09:00-12:00
        bob sets a password
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, zoe
        root links bob
          root can become bob
        bob sets a password
          delegation 1 ended by bob
        zoe approves #1
          no: you are not an approver of the open level of request #1
        ",
    );
}
