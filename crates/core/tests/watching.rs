//! Watching sessions (R71–R75), as stories.

mod scene;

use scene::check;

#[test]
fn r74_without_the_parameter_whoever_may_watches_and_it_is_noted() {
    check(
        "
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice watches 1
          alice watches session 1
        root watches 1
          root watches session 1
        bob watches 1
          no: there is no such session, or none that you may watch
        root watches 2
          no: there is no such session, or none that you may watch
        alice disabled
          grant 1 ended, overruled
          session 1 must be cut
        alice watches 1
          no: there is no such session, or none that you may watch
        ",
    );
}

#[test]
fn r71_r75_with_the_parameter_the_approvers_of_pam_core_decide_each_viewer() {
    check(
        "
        bob joins approvers
        carol joins approvers
        watching needs approval
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        root watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        root asks-to-watch 1 silently
          no: give a reason
        root asks-to-watch 1 09:00-87849:01
          no: at most 3660 days may be asked for here; 3660 days were
        root asks-to-watch 1 10:00-11:00
          #2 made, approve
          level 1 waits for bob, carol
        root asks-to-watch 1 10:00-11:00
          nothing new: Request(RequestId(2))
        root approves #2
          no: nobody decides their own request
        dave approves #2
          no: you are not an approver of the open level of request #2
        carol approves #2 09:00-12:00
          no: the period is wider than what was asked for; approve what was asked or less
        carol approves #2 10:00-10:30
          carol approves level 1
          #2 approved, grant 2 10:00-10:30
        root watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        at 10:00
        root watches 1
          root watches session 1 under grant 2
        root withdraws #2
          no: it has been used already
        alice watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        at 10:30
        root watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        tick
          grant 2 ended, expired
        ",
    );
}

#[test]
fn r71_nobody_is_exempt_not_whose_session_it_is_nor_who_decides_for_others() {
    check(
        "
        bob joins approvers
        watching needs approval
        rule connect allow
        apply
        bob opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        bob watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        bob asks-to-watch 1
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        carol joins approvers
        bob asks-to-watch 1
          #2 made, approve
          level 1 waits for carol
        carol asks-to-watch 1
          no: there is no such session, or none that you may watch
        carol approves #2
          carol approves level 1
          #2 approved, grant 2 09:00-17:00
        bob watches 1
          bob watches session 1 under grant 2
        carol watches 1
          no: there is no such session, or none that you may watch
        ",
    );
}

#[test]
fn r71_an_approval_is_for_one_session_and_ends_by_a_revoke() {
    check(
        "
        bob joins approvers
        watching needs approval
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        root asks-to-watch 1
          #2 made, approve
          level 1 waits for bob
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        root watches 2
          no: watching session 2 must be approved first; ask for it with a reason, then watch inside the window
        root watches 1
          root watches session 1 under grant 2
        bob revokes #2
          #2 revoked by bob
          grant 2 ended, revoked
        root watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        ",
    );
}

#[test]
fn r71_what_the_parameter_demands_holds_from_the_moment_it_does() {
    check(
        "
        bob joins approvers
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        root asks-to-watch 1
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
        root watches 1
          root watches session 1
        watching needs approval
        rule connect allow
        apply
          grant 2 ended, overruled
        root watches 1
          no: watching session 1 must be approved first; ask for it with a reason, then watch inside the window
        bob leaves approvers
          no: the policy cannot be applied: `session.video.approval` is on and module PAM Core has no approver; name one, or nobody could watch a session
        ",
    );
}

#[test]
fn r75_approvers_are_those_of_the_moment_and_what_was_watched_outlives_its_target() {
    check(
        "
        bob joins approvers
        watching needs approval
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        root asks-to-watch 1
          #2 made, approve
          level 1 waits for bob
        carol joins approvers
        bob leaves approvers
        bob approves #2
          no: you are not an approver of the open level of request #2
        carol approves #2
          carol approves level 1
          #2 approved, grant 2 09:00-17:00
        prod-db moves
          grant 1 ended, overruled
          session 1 must be cut
        root watches 1
          root watches session 1 under grant 2
        ",
    );
}

#[test]
fn r71_watching_is_never_an_emergency() {
    check(
        "
        bob joins approvers
        watching needs approval
        rule connect allow with emergency
        apply
          no: the policy cannot be applied: rule `rule 1`: only a rule that asks for approval can allow emergencies; remove that or ask for approval
        rule connect approve by bob with emergency
        rule connect allow
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        root asks-to-watch 1
          #2 made, approve
          level 1 waits for bob
        root declares #2
          no: the rules allow no emergency access here; wait for approval
        ",
    );
}

/// What was typed is seen by an approval for just that, whatever the parameter says, and by nobody else: not by who
/// administers, nor by whose session it is, nor by an approval to watch.
#[test]
fn r71_what_was_typed_is_seen_under_its_own_approval_only() {
    check(
        "
        bob joins approvers
        carol joins approvers
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        root watches 1
          root watches session 1
        root sees-what-was-typed-in 1
          no: what was typed in session 1 must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window
        alice sees-what-was-typed-in 1
          no: what was typed in session 1 must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window
        dave sees-what-was-typed-in 1
          no: there is no such session, or none that you may watch
        dave asks-what-was-typed-in 1
          no: there is no such session, or none that you may watch
        root asks-what-was-typed-in 1 silently
          no: give a reason
        root asks-what-was-typed-in 1 10:00-11:00
          #2 made, approve
          level 1 waits for bob, carol
        root approves #2
          no: nobody decides their own request
        carol approves #2
          carol approves level 1
          #2 approved, grant 2 10:00-11:00
        root sees-what-was-typed-in 1
          no: what was typed in session 1 must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window
        at 10:00
        root sees-what-was-typed-in 1
          root sees what was typed in session 1 under grant 2
        alice sees-what-was-typed-in 1
          no: what was typed in session 1 must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window
        bob revokes #2
          #2 revoked by bob
          grant 2 ended, revoked
        root sees-what-was-typed-in 1
          no: what was typed in session 1 must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window
        ",
    );
}

/// An approval to watch shows nothing of what was typed; one to see what was typed lets watch as well. They are two requests.
#[test]
fn r71_an_approval_to_watch_shows_nothing_that_was_typed() {
    check(
        "
        bob joins approvers
        watching needs approval
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        root asks-to-watch 1
          #2 made, approve
          level 1 waits for bob
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        root watches 1
          root watches session 1 under grant 2
        root sees-what-was-typed-in 1
          no: what was typed in session 1 must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window
        root asks-what-was-typed-in 1
          #3 made, approve
          level 1 waits for bob
        bob revokes #2
          #2 revoked by bob
          grant 2 ended, revoked
        bob approves #3
          bob approves level 1
          #3 approved, grant 3 09:00-17:00
        root sees-what-was-typed-in 1
          root sees what was typed in session 1 under grant 3
        root watches 1
          root watches session 1 under grant 3
        ",
    );
}

/// R70, R71: exporting takes the right to watch and is an act of its own; any rule that forbids it keeps it from everybody, whatever
/// the rules say since, and watching goes on.
#[test]
fn r70_what_a_rule_forbids_to_export_is_watched_and_stays() {
    check(
        "
        rule connect allow with stays
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice watches 1
          alice watches session 1
        alice exports 1
          no: what this session recorded is not exported, by `rule 1`; it can be watched here, and an administrator can change the rule for later sessions
        bob exports 1
          no: there is no such session, or none that you may watch
        rule connect allow
        apply
        alice exports 1
          no: what this session recorded is not exported, by `rule 1`; it can be watched here, and an administrator can change the rule for later sessions
        bob opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 2 opened under grant 2, first use
        bob exports 2
          bob exports session 2
        ",
    );
}
