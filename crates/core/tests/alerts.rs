//! Alerts in free shells (R63), as stories.

mod scene;

use scene::check;

/// Who approved the access and who owns the account hear of each rule once in a session; a rule that is none, or lets run, and a
/// word that no rule names, are not told, and neither is anything of what is over.
#[test]
fn r63_an_alert_is_told_once_for_each_rule() {
    check(
        "
        rule connect approve by dba
        rule delete approve by sec
        rule delete allow
        rule delete approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 09:00-12:00
        alice opens
          session 1 opened under grant 1, first use
        alert rm by 2 in 1
          session 1 alerted to rm, told bob, carol
        alert hunter2 by 2 in 1
          session 1 alerted, told nobody
        alert rm by 3 in 1
          nothing new: Done
        alert rm by 9 in 1
          nothing new: Done
        alert rm by 4 in 1
          session 1 alerted to rm, told bob, carol
        alert rm by 2 in 2
          no: the session is not open
        bob disabled
        alice opens
          session 2 opened under grant 1
        alert rm by 2 in 2
          session 2 alerted to rm, told carol
        close 1
          session 1 closed
        alert rm by 2 in 1
          no: the session is not open
        ",
    );
}

/// Whoever is to be told of a later alert by the same rule, and was not told of an earlier one, is told, and nobody else.
#[test]
fn r63_each_is_told_once_of_each_rule() {
    check(
        "
        rule connect allow
        rule delete approve by sec
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alert rm by 2 in 1
          session 1 alerted to rm, told carol
        carol disabled
        alert rm by 2 in 1
          session 1 alerted to rm, told root
        alert rm by 2 in 1
          session 1 alerted to rm, told nobody
        ",
    );
}

/// Whose session it is, is not told; where nobody else is, administrators are.
#[test]
fn r63_nobody_is_told_of_their_own_alerts() {
    check(
        "
        rule connect allow
        rule delete approve by sec
        apply
        carol opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alert rm by 2 in 1
          session 1 alerted to rm, told root
        ",
    );
}

#[test]
fn r63_a_session_has_so_many_alerts_and_one_that_says_that_more_came() {
    let told = "alert rm by 2 in 1\n          session 1 alerted to rm, told carol\n        ";
    let again = "alert rm by 2 in 1\n          session 1 alerted to rm, told nobody\n        ".repeat(19);
    check(&format!(
        "
        rule connect allow
        rule delete approve by sec
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        {told}{again}alert rm by 2 in 1
          session 1 alerted to rm, told nobody, the last
        alert rm by 2 in 1
          nothing new: Done
        "
    ));
}
