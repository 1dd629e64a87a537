//! How long what sessions recorded is kept (R70), as stories.

mod scene;

use scene::check;

#[test]
fn r70_what_was_recorded_is_kept_as_long_as_the_rule_says_and_no_longer() {
    check(
        "
        rule connect allow with 2 kept=2
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-11:00
          session 1 opened under grant 1, first use
        at 10:00
        close 1
          session 1 closed
        at 11:00
        tick
          grant 1 ended, expired
        at 57:59
        erase
          nothing new: Done
        at 58:00
        tick
          nothing new: Done
        erase
          session 1 erased, kept 2 days by #1
        erase
          nothing new: Done
        ",
    );
}

/// R4, R20: of several rules the longest time holds, as it was when the request was made; a rule that says none demands none.
#[test]
fn r4_r20_the_longest_time_that_was_demanded_holds_whatever_changes_since() {
    check(
        "
        rule connect allow with kept=1
        rule connect allow with kept=3
        rule connect allow
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        close 1
          session 1 closed
        rule connect allow
        apply
        bob opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 2 opened under grant 2, first use
        close 2
          session 2 closed
        at 17:00
        tick
          grant 1 ended, expired
          grant 2 ended, expired
        at 80:59
        erase
          nothing new: Done
        at 81:00
        erase
          session 1 erased, kept 3 days by #1
        at 9999:00
        erase
          nothing new: Done
        ",
    );
}

/// What is erased is what was due at the moment of which whoever asks is sure, and at the one it is decided at.
#[test]
fn r70_nothing_is_erased_by_a_moment_that_nobody_is_sure_of() {
    check(
        "
        rule connect allow with 2 kept=2
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-11:00
          session 1 opened under grant 1, first use
        at 10:00
        close 1
          session 1 closed
        at 57:59
        erase 58:00
          nothing new: Done
        at 9999:00
        erase 57:59
          nothing new: Done
        erase 58:00
          session 1 erased, kept 2 days by #1
        ",
    );
}
