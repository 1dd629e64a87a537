//! Explores every world and prints how many different states were found, then tells random histories to the engine and
//! the reference; ends non-zero when a law was broken or they differ. Two numbers may be given: the states made in each
//! world, and the histories.

use countersign_prove::history::{Difference, tell};
use countersign_prove::world::ALL_BITS;
use countersign_prove::{Careless, explore, explore_racing, racing, worlds};
use std::process::ExitCode;
use std::thread;

/// Histories told when no number is given.
const HISTORIES: u64 = 10_000_000;
/// How many tell them.
const THREADS: u64 = 2;
/// Where the journal of a history that differs goes.
const DIFFERENT: &str = "target/history";

fn main() -> ExitCode {
    let given = |n| std::env::args().nth(n).and_then(|most| most.parse::<u64>().ok());
    let explored = explored(given(1).and_then(|most| usize::try_from(most).ok()));
    let told = told(given(2).unwrap_or(HISTORIES));
    if explored && told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn explored(most: Option<usize>) -> bool {
    let (mut all, mut seen, mut fine) = (0, 0, true);
    let one_control = worlds().into_iter().map(|world| {
        let most = most.unwrap_or(world.states_max);
        explore(world, most)
    });
    let two_gateways = racing(Careless::No).into_iter().map(|racing| {
        let most = most.unwrap_or(racing.states_max());
        explore_racing(racing, most)
    });
    for found in one_control.chain(two_gateways) {
        println!("{:10} states, depth {:3}  {}", found.states, found.depth, found.name);
        all += found.states;
        seen |= found.seen;
        if let Some(broken) = found.broken {
            println!("BROKEN: {broken}");
            fine = false;
        }
    }
    println!("{all:10} states in all");
    if seen & ALL_BITS != ALL_BITS {
        println!("BROKEN: some kinds of event never happened: {:#b}", ALL_BITS & !seen);
        fine = false;
    }
    fine
}

fn told(histories: u64) -> bool {
    let part = |n: u64| move || (n..histories).step_by(THREADS as usize).find_map(|seed| tell(seed).err());
    let parts: Vec<_> = (0..THREADS).map(|n| thread::spawn(part(n))).collect();
    let broken = |_| Some(Box::new(Difference { what: "the telling ended with a panic".into(), journal: Vec::new() }));
    let found: Vec<_> = parts.into_iter().filter_map(|p| p.join().unwrap_or_else(broken)).collect();
    for difference in &found {
        println!("DIFFERENT: {}", difference.what);
        match std::fs::write(DIFFERENT, &difference.journal) {
            Ok(()) => println!("step through it: countersign replay {DIFFERENT}"),
            Err(fault) => println!("`{DIFFERENT}` cannot be written: {fault}"),
        }
    }
    println!("{histories:10} histories, {} of them different from the reference", found.len());
    found.is_empty()
}
