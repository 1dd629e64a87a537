//! Tampering with the file, by somebody who cannot or does not recompute the chain.

use crate::days::two_levels_and_a_statement;
use crate::story::{MAGIC, file};
use countersign_journal::Head;
use countersign_verify::{ENTRY_BYTES_MAX, verify};

/// Tampers with an honest export and insists that verifying it says `text` and names `entry`.
fn check(name: &str, entry: Option<u64>, text: &str, tamper: impl Fn(&mut Vec<Vec<u8>>) -> Vec<u8>) {
    let (mut entries, _) = two_levels_and_a_statement().entries();
    let bytes = tamper(&mut entries);
    let fault = verify(bytes.as_slice(), None).expect_err(name);
    assert!(fault.to_string().contains(text), "{name}: {fault}");
    assert_eq!(fault.entry(), entry, "{name}: {fault}");
}

#[test]
fn a_changed_file_is_noticed_and_the_entry_named() {
    check("a flipped bit", Some(7), "entry 7", |all| {
        let middle = all[7].len() / 2;
        all[7][middle] ^= 1;
        file(all)
    });
    check("a removed entry", Some(5), "entry 5 says it is entry 6", |all| {
        all.remove(5);
        file(all)
    });
    check("a doubled entry", Some(6), "entry 6 says it is entry 5", |all| {
        all.insert(5, all[5].clone());
        file(all)
    });
    check("swapped entries", Some(7), "entry 7 says it is entry 8", |all| {
        all.swap(7, 8);
        file(all)
    });
    check("another first entry", Some(1), "does not follow", |all| {
        let mut other = crate::story::Story::default();
        all[0] = other.tell(crate::story::policy(1)).entries().0.remove(0);
        file(all)
    });
    check("a byte after an entry's value", Some(4), "cannot be read", |all| {
        all[4].push(0);
        file(all)
    });
    check("an empty entry", Some(3), "cannot be read", |all| {
        all[3].clear();
        file(all)
    });
}

#[test]
fn a_file_that_is_no_whole_export_is_refused() {
    check("cut inside an entry", Some(21), "the file ends inside entry 21", |all| {
        let mut bytes = file(all);
        bytes.pop();
        bytes
    });
    check("cut inside a length", Some(22), "the file ends inside entry 22", |all| [file(all), vec![0, 0]].concat());
    check("an entry of 1 GB", Some(22), "more than the 16777216", |all| {
        [file(all), 1_000_000_000u32.to_be_bytes().to_vec()].concat()
    });
    check("the longest length and nothing behind it", Some(22), "the file ends inside entry 22", |all| {
        [file(all), ENTRY_BYTES_MAX.to_be_bytes().to_vec()].concat()
    });
    check("another first line", None, "not an export", |all| {
        let mut bytes = file(all);
        bytes[MAGIC.len() - 2] = b'2';
        bytes
    });
    check("half a first line", None, "not an export", |_| MAGIC[..5].to_vec());
    check("an empty file", None, "not an export", |_| Vec::new());
    check("a file without entries", None, "the journal has no entries", |_| file(&[]));
}

/// Nested deeper than any entry: reading must end with a fault, not with the stack.
#[test]
fn nesting_without_end_is_a_fault() {
    let arrays = vec![0x81; 1 << 20];
    let mut unknown_field = vec![0xa1, 0x61, b'x'];
    unknown_field.extend(&arrays);
    for deep in [arrays, unknown_field] {
        let fault = verify(file(&[deep]).as_slice(), None).expect_err("deep");
        assert_eq!(fault.entry(), Some(0), "{fault}");
    }
}

#[test]
fn a_reader_that_fails_is_trouble() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk left"))
        }
    }
    let fault = verify(Broken, None).expect_err("trouble");
    assert_eq!(fault.to_string(), "the export cannot be read at entry 0: the disk left; try again");
}

#[test]
fn removed_latest_entries_are_noticed_by_the_head() {
    let (mut entries, head) = two_levels_and_a_statement().entries();
    entries.pop();
    let fault = verify(file(&entries).as_slice(), Some(head)).expect_err("shorter");
    assert!(fault.to_string().starts_with("the journal is shorter than expected: entries were removed"), "{fault}");
    assert!(verify(file(&entries).as_slice(), None).is_ok(), "a shorter journal is one, without a head to compare");
}

/// A rewritten history with a chain of its own verifies, and differs where the head kept apart says.
#[test]
fn a_rewritten_history_is_noticed_by_the_head() {
    let (_, head) = two_levels_and_a_statement().entries();
    let mut other = two_levels_and_a_statement();
    other.lines[0].1 = crate::story::policy(1);
    other.lines[2].1 = crate::story::installed();
    let (bytes, _) = other.export();
    assert!(verify(bytes.as_slice(), None).is_ok());
    let fault = verify(bytes.as_slice(), Some(head)).expect_err("rewritten");
    assert_eq!(fault.entry(), Some(head.len - 1), "{fault}");
    let fault = verify(bytes.as_slice(), Some(Head { len: 1, ..head })).expect_err("rewritten");
    assert_eq!(fault.entry(), Some(0), "{fault}");
}

#[test]
fn every_flipped_byte_is_noticed() {
    const SEED: u64 = 20_260_101;
    let (bytes, head) = two_levels_and_a_statement().export();
    let mut dice = fastrand::Rng::with_seed(SEED);
    for turn in 0..2_000 {
        let (at, flip) = (dice.usize(MAGIC.len()..bytes.len()), dice.u8(1..));
        let mut flipped = bytes.clone();
        flipped[at] ^= flip;
        let found = verify(flipped.as_slice(), Some(head));
        assert!(found.is_err(), "seed {SEED}, turn {turn}: byte {at} flipped by {flip:#04x} goes unnoticed");
    }
}
