#![no_main]

use countersign_gateway::ssh::laws::sftp::{law, seeds};

libfuzzer_sys::fuzz_target!(init: countersign_fuzz::sow(&seeds()), |data: &[u8]| law(data));
