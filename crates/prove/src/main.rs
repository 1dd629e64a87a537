//! Explores every world and prints how many different states were found; ends non-zero when a law was broken. A number
//! given bounds the states made in each world.

use countersign_prove::world::ALL_BITS;
use countersign_prove::{explore, worlds};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut all, mut seen, mut fine) = (0, 0, true);
    let given: Option<usize> = std::env::args().nth(1).and_then(|most| most.parse().ok());
    for world in worlds() {
        let most = given.unwrap_or(world.states_max);
        let found = explore(world, most);
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
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
