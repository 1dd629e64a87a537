//! The engine and the reference model, told the same random histories.

use countersign_prove::history::tell;
use std::fs;
use std::path::Path;

/// Histories in a test's time; `make prove` tells more.
const HISTORIES: u64 = 100_000;

#[test]
fn the_reference_and_the_engine_never_differ() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..HISTORIES {
        let told = tell(seed).unwrap_or_else(|difference| {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{seed}"));
            fs::write(&path, &difference.journal).expect("written");
            panic!("{}\nstep through it: countersign replay {}", difference.what, path.display())
        });
        accepted += told.accepted;
        refused += told.refused;
    }
    assert!(accepted > HISTORIES * 9, "only {accepted} inputs were accepted: the histories are too dull");
    assert!(refused > HISTORIES * 9, "only {refused} inputs were refused: the histories are too tame");
}
