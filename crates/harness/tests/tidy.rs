//! The house rules of `STYLE.md` as tests. Each rule has a detector, which says what is wrong in a text, a test that
//! runs it over the whole workspace, and a check that it fires on a planted fault.
//!
//! Exceptions to the size limits are in `tidy_ratchet.txt`, which may only shrink.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/clock_and_dice.rs"]
mod clock_and_dice;
#[path = "tidy/conformance.rs"]
mod conformance;
#[path = "tidy/lints.rs"]
mod lints;
#[path = "tidy/locks.rs"]
mod locks;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/unfinished.rs"]
mod unfinished;

/// Fails with all findings at once.
fn no_findings(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}

#[test]
fn clock_and_dice_stay_in_their_rooms() {
    let findings: Vec<_> = sources::product()
        .iter()
        .filter(|source| !clock_and_dice::ROOMS.contains(&source.path.as_str()))
        .flat_map(clock_and_dice::findings)
        .collect();
    no_findings(
        "only `control`'s `clock.rs` and `dice.rs` read the clock or throw dice, and histories are random:",
        &findings,
    );
}

#[test]
fn crate_arrows_are_as_designed() {
    no_findings("crates depend on each other only as DESIGN.md §2 says:", &arrows::workspace_findings());
}

#[test]
fn functions_and_files_stay_within_limits() {
    let oversized: Vec<_> = sources::all_crates().iter().flat_map(sizes::oversized).collect();
    let findings = sizes::against_ratchet(&oversized, &sizes::ratchet());
    no_findings("functions have at most 70 lines and files at most 500 lines of code:", &findings);
}

#[test]
fn nothing_is_left_unfinished() {
    let findings: Vec<_> = sources::with_tests().iter().flat_map(unfinished::findings).collect();
    no_findings("no `todo!`, `unimplemented!`, `dbg!` or ignored test:", &findings);
}

#[test]
fn what_is_fuzzed_is_what_is_delivered() {
    no_findings("`fuzz` has the versions of the workspace:", &locks::workspace_findings());
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    no_findings("every crate takes the workspace's lints, which forbid unsafe code:", &lints::workspace_findings());
}

#[test]
fn conformance_names_tests_that_exist() {
    no_findings("docs/conformance.md has one row per requirement:", &conformance::workspace_findings());
}
