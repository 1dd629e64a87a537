//! Using what was granted: windows, exclusive use, one-use grants.

mod scene;

use scene::check;

#[test]
fn r50_a_reservation_opens_only_inside_its_window() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 12:00-13:00
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 12:00-13:00
        alice opens
          no: `app@prod-db` is reserved from 1970-01-01 12:00 (UTC) on; connect when the window begins
        at 11:59
        alice opens
          no: `app@prod-db` is reserved from 1970-01-01 12:00 (UTC) on; connect when the window begins
        at 12:00
        alice opens
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        at 13:00
        alice opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        tick
          grant 1 ended, expired
          session 1 must be cut
          session 2 must be cut
        ",
    );
}

#[test]
fn r50_a_reservation_approved_late_starts_at_the_decision_and_one_never_used_ends_unused() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-12:00
          #1 made, approve
          level 1 waits for bob, carol
        at 10:30
        bob approves #1
          bob approves level 1
          #1 approved, grant 1 10:30-12:00
        at 12:00
        tick
          grant 1 ended, unused
        ",
    );
}

/// Nothing waits for ever, even where no rule names a longest duration.
#[test]
fn r50_a_window_that_ends_in_another_age_is_refused() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-2000000:00
          no: at most 3660 days may be asked for here; 83332 days 23 h were
        alice asks 1999999:00-2000000:00
          no: at most 3660 days may be asked for here; 83332 days 23 h were
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 09:00-2000000:00
          no: at most 3660 days may be asked for here; 83332 days 23 h were
        ",
    );
}

#[test]
fn r50_a_grant_is_for_its_own_person() {
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
        zoe opens
          no: access to `app@prod-db` must be requested first; reserve it on the page, then connect inside the window
        alice opens
          session 1 opened under grant 1, first use
        zoe runs A in 1
          no: the session is not open
        ",
    );
}

#[test]
fn r53_first_use_moves_a_grant_into_use_and_allowed_access_is_a_request_too() {
    check(
        "
        rule connect allow with 1
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-10:00
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        at 10:00
        tick
          grant 1 ended, expired
          session 1 must be cut
          session 2 must be cut
        alice opens
          #2 made, allow
          #2 approved, grant 2 10:00-11:00
          session 3 opened under grant 2, first use
        ",
    );
}

#[test]
fn r54_exclusive_use_refuses_every_other_grant() {
    check(
        "
        rule connect allow with exclusive
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        zoe opens
          no: in exclusive use by another user
        root opens
          no: in exclusive use by another user
        close 1
          session 1 closed
        close 2
          session 2 closed
        root opens
          no: in exclusive use by another user
        alice surrenders 1
          grant 1 ended, surrendered
        root opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 3 opened under grant 2, first use
        ",
    );
}

/// Exclusive use lasts until the holder was cut, not only until the end was written down.
#[test]
fn r54_exclusive_use_lasts_until_the_session_is_cut() {
    check(
        "
        rule connect allow with exclusive
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        root revokes #1
          #1 revoked by root
          grant 1 ended, revoked
          session 1 must be cut
        bob revokes #1
          no: only an approver of the request or an administrator can change or revoke it
        zoe opens
          no: in exclusive use by another user
        close 1
          session 1 closed
        zoe opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 2 opened under grant 2, first use
        ",
    );
}

/// Exclusive use does not begin while somebody else is on the account.
#[test]
fn r54_exclusive_use_begins_when_everybody_else_has_left() {
    check(
        "
        rule connect allow
        rule connect allow for dev with exclusive
        apply
        zoe opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice opens
          no: in exclusive use by another user
        close 1
          session 1 closed
        alice opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 2 opened under grant 2, first use
        zoe opens
          no: in exclusive use by another user
        ",
    );
}

#[test]
fn r60_an_identical_pending_request_is_joined() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        alice asks
          nothing new: Request(RequestId(1))
        zoe asks
          #2 made, approve
          level 1 waits for bob, carol
        alice asks 09:00-16:00
          #3 made, approve
          level 1 waits for bob, carol
        alice asks 12:00-17:00
          #4 made, approve
          level 1 waits for bob, carol
        at 09:30
        alice asks
          nothing new: Request(RequestId(1))
        ",
    );
}

/// The same wish a little later, for as long from then on, is the same attempt; a longer one or a later one is not.
#[test]
fn r60_the_same_length_from_now_on_is_the_same_attempt() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 09:00-10:00
          #1 made, approve
          level 1 waits for bob, carol
        at 09:05
        alice asks 09:05-10:05
          nothing new: Request(RequestId(1))
        alice asks 09:05-10:15
          #2 made, approve
          level 1 waits for bob, carol
        alice asks 09:10-10:10
          #3 made, approve
          level 1 waits for bob, carol
        at 09:06
        alice asks 09:06-10:06
          #4 made, approve
          level 1 waits for bob, carol
        at 09:10
        alice asks 09:10-10:20
          nothing new: Request(RequestId(2))
        ",
    );
}

/// A longer wish does not end up in a shorter request.
#[test]
fn r60_an_earlier_start_is_another_request() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks 12:00-17:00
          #1 made, approve
          level 1 waits for bob, carol
        alice asks 09:00-17:00
          #2 made, approve
          level 1 waits for bob, carol
        ",
    );
}

#[test]
fn r60_the_same_bytes_join_while_pending_and_while_approved_but_unused() {
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
        alice runs A in 1
          nothing new: Request(RequestId(2))
        alice runs B in 1
          #3 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        close 1
          session 1 closed
        alice opens
          session 2 opened under grant 1
        alice runs A in 2
          nothing new: Request(RequestId(2))
        clear A under 2 in 2
          grant 2 used in session 2
          grant 2 ended, usedup
        alice runs A in 2
          #4 made, approve
          level 1 waits for bob, carol
        ",
    );
}

/// hoop #1587, Warpgate: a grant is for its own act, once.
#[test]
fn r61_what_was_approved_runs_once_and_nothing_else_does() {
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
        clear A under 2 in 1
          no: grant 2 does not exist
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        clear B under 2 in 1
          no: what is about to run is not what was approved
        clear A under 1 in 1
          no: grant 1 does not exist
        clear A under 2 in 7
          no: the session is not open
        clear A under 2 in 1
          grant 2 used in session 1
          grant 2 ended, usedup
        clear A under 2 in 1
          no: it has been used already
        lost 2
          grant 2 ran, unknown
        lost 2
          no: it has been used already
        ",
    );
}

#[test]
fn r61_a_rule_may_bind_a_statement_to_its_session() {
    check(
        "
        rule connect allow
        rule update approve by dba with same-session
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        alice opens
          session 2 opened under grant 1
        alice runs A in 1
          #2 made, approve
          level 1 waits for bob, carol
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        clear A under 2 in 2
          no: the approval holds only in the session it was asked in
        alice runs A in 2
          #3 made, approve
          level 1 waits for bob, carol
        clear A under 2 in 1
          grant 2 used in session 1
          grant 2 ended, usedup
        ",
    );
}

#[test]
fn r61_a_session_of_another_grant_cannot_use_it() {
    check(
        "
        rule connect allow
        rule update approve by dba
        apply
        alice opens
          #1 made, allow
          #1 approved, grant 1 09:00-17:00
          session 1 opened under grant 1, first use
        zoe opens
          #2 made, allow
          #2 approved, grant 2 09:00-17:00
          session 2 opened under grant 2, first use
        alice runs A in 1
          #3 made, approve
          level 1 waits for bob, carol
        bob approves #3
          bob approves level 1
          #3 approved, grant 3 09:00-17:00
        clear A under 3 in 2
          no: the session is not open
        alice surrenders 1
          grant 3 ended, unused
          grant 1 ended, surrendered
          session 1 must be cut
        clear A under 3 in 1
          no: the grant is over
        ",
    );
}

/// The outcome of what was cut off is unknown, and it never runs again.
#[test]
fn r61_an_unreported_use_is_unknown_when_its_session_closes() {
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
        bob approves #2
          bob approves level 1
          #2 approved, grant 2 09:00-17:00
        clear A under 2 in 1
          grant 2 used in session 1
          grant 2 ended, usedup
        close 1
          grant 2 ran, unknown
          session 1 closed
        lost 2
          no: it has been used already
        ",
    );
}
