//! What the corpus says, as one reviewed golden file, and what becomes of it when bytes of it change.

use countersign_inspect::show::pieces;
use countersign_inspect::sql::facts;
use countersign_journal::ActionFacts;
use std::fmt::{Display, Write};

const CORPUS: &str = include_str!("corpus.sql");
/// Texts the mutations make.
const MUTATIONS: usize = 10_000;
/// Where the mutations start.
const SEED: u64 = 0x00c0_ffee;

fn texts() -> Vec<&'static str> {
    CORPUS.split("\n\n").map(str::trim).collect()
}

#[test]
fn the_corpus_has_these_facts() {
    let mut golden = String::new();
    for text in texts() {
        writeln!(golden, "{text}\n{}", shown(&facts(text))).expect("a string takes text");
    }
    insta::assert_snapshot!(golden);
}

#[test]
fn mutated_text_never_panics_and_is_shown_without_loss() {
    let texts = texts();
    let mut dice = fastrand::Rng::with_seed(SEED);
    for round in 0..MUTATIONS {
        let text = mutated(&texts, &mut dice);
        let known = std::panic::catch_unwind(|| facts(&text));
        assert!(known.is_ok(), "round {round} of seed {SEED:#x}: {text:?}");
        let whole: String = pieces(&text).iter().map(|piece| piece.text).collect();
        assert_eq!(whole, text, "round {round} of seed {SEED:#x}");
    }
}

fn mutated(texts: &[&str], dice: &mut fastrand::Rng) -> String {
    let mut bytes = texts[dice.usize(..texts.len())].as_bytes().to_vec();
    for _ in 0..dice.usize(1..6) {
        let at = dice.usize(..=bytes.len());
        match dice.u8(..6) {
            0 => bytes.insert(at, dice.u8(..)),
            1 => bytes.splice(at..at, *b"\xe2\x80\xae").for_each(drop),
            2 => drop(bytes.drain(at..bytes.len().min(at + dice.usize(..9)))),
            3 => bytes.truncate(at),
            4 => {
                let other = texts[dice.usize(..texts.len())].as_bytes();
                let (from, to) = (dice.usize(..=other.len()), dice.usize(..=other.len()));
                bytes.splice(at..at, other[from.min(to)..from.max(to)].iter().copied()).for_each(drop);
            }
            _ => {
                let sign = *dice.choice(b"'\"$();*/-\\.:,[]%_&").expect("there are signs");
                bytes.insert(at, sign);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn shown(facts: &ActionFacts) -> String {
    let mut text = String::new();
    let mut line = |label: &str, values: Vec<String>| {
        if !values.is_empty() {
            writeln!(text, "    {label} {}", values.join(", ")).expect("a string takes text");
        }
    };
    for statement in &facts.statements {
        line("kinds    ", words(statement.kinds.iter().map(|kind| format!("{kind:?}"))));
        line("relations", words(statement.relations.iter().map(|r| format!("{:?} {}", r.kind, r.relation))));
        line("functions", words(&statement.functions));
        line("operators", words(&statement.operators));
        line("prepared ", words(&statement.prepared));
        line("cursors  ", words(&statement.cursors));
        line("dotted   ", words(&statement.dotted));
        line("types    ", words(&statement.types));
    }
    for why in &facts.unknown {
        line("unknown  ", vec![why.clone()]);
    }
    text
}

fn words<T: Display>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}
