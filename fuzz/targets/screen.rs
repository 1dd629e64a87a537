#![no_main]

/// The program is no library: what it draws is compiled in here.
#[allow(dead_code)]
#[path = "../../crates/countersign/src"]
mod program {
    pub mod screen;
}

use program::screen::laws::{law, seeds};

libfuzzer_sys::fuzz_target!(init: countersign_fuzz::sow(&seeds()), |data: &[u8]| law(data));
