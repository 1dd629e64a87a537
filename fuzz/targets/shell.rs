#![no_main]

use countersign_inspect::shell::laws::{law, seeds};

libfuzzer_sys::fuzz_target!(init: countersign_fuzz::sow(&seeds()), |data: &[u8]| law(data));
