#![no_main]

use countersign_inspect::sql::laws::{law, seeds};

/// The parser's own panics are caught where it is called, and are no exception: what is caught does not end the process.
fn begin() {
    drop(std::panic::take_hook());
    countersign_fuzz::sow(&seeds());
}

libfuzzer_sys::fuzz_target!(init: begin(), |data: &[u8]| law(data));
