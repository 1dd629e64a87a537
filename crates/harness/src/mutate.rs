//! Inputs made of others by chance, for the laws that `fuzz/` looks for exceptions to with more patience.

use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest input that is made.
const BYTES_MAX: usize = 2_048;
/// Bytes that mean something to most readers of bytes.
const ODD: &[u8] = b"\0\x01\x03\x04\x7f\x80\xff\x1b\r\n'\"`$\\;&|<>(){}[]#!~=*?/. 0a";

/// Holds `law` against each of `seeds`, and against `rounds` inputs made of them by chance.
///
/// # Panics
///
/// Where the law does, with the input.
pub fn hold_against(seeds: &[Vec<u8>], rounds: usize, law: impl Fn(&[u8])) {
    let holds = |input: &[u8], which: &str| {
        let held = catch_unwind(AssertUnwindSafe(|| law(input)));
        assert!(held.is_ok(), "{which}: b\"{}\"", input.escape_ascii());
    };
    assert!(!seeds.is_empty(), "there is something to begin with");
    for (nth, seed) in seeds.iter().enumerate() {
        holds(seed, &format!("seed {nth}"));
    }
    let mut dice = Rng::with_seed(0xF022);
    for round in 0..rounds {
        holds(&mutated(seeds, &mut dice), &format!("round {round}"));
    }
}

/// One of them with a few things changed.
fn mutated(seeds: &[Vec<u8>], dice: &mut Rng) -> Vec<u8> {
    let mut bytes = seeds[dice.usize(..seeds.len())].clone();
    for _ in 0..dice.usize(1..6) {
        let at = dice.usize(..=bytes.len());
        let end = bytes.len().min(at + dice.usize(..9));
        match dice.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.u8(..8),
            1 if at < bytes.len() => bytes[at] = dice.u8(..),
            2 => bytes.insert(at, ODD[dice.usize(..ODD.len())]),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.extend_from_within(at..end),
            5 => {
                let other = &seeds[dice.usize(..seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[dice.usize(..=other.len())..]);
            }
            _ => bytes.insert(at, dice.u8(..)),
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

#[test]
fn an_exception_is_told_with_its_input() {
    let seeds = [b"abc".to_vec()];
    let told = catch_unwind(|| hold_against(&seeds, 5_000, |input| assert!(!input.contains(&0x1b))));
    let told = *told.expect_err("an escape comes up").downcast::<String>().expect("words");
    assert!(told.contains("\\x1b"), "{told}");
    hold_against(&seeds, 5_000, |input| assert!(input.len() <= BYTES_MAX));
}
