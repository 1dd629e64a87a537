//! What the targets share: the inputs they begin with are those of the tests.

use std::path::Path;

/// Puts inputs to begin with into the folder that the fuzzer was started with, the first of its words that is no option.
///
/// # Panics
///
/// Where they cannot be written.
pub fn sow(seeds: &[Vec<u8>]) {
    let Some(folder) = std::env::args().skip(1).find(|word| Path::new(word).is_dir()) else { return };
    for (nth, seed) in seeds.iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{nth}")), seed).expect("the folder can be written to");
    }
}
