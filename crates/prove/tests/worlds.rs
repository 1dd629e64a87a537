//! Each world, as far as a test's time goes; `make prove` goes on from there.

use countersign_prove::world::ALL_BITS;
use countersign_prove::{explore, worlds};

/// Different states looked at in each world.
const STATES: usize = 50_000;

#[test]
fn every_law_holds_in_every_world_and_every_kind_of_event_happens() {
    let mut seen = 0;
    for world in worlds() {
        let found = explore(world, STATES);
        assert_eq!(found.broken, None, "{}", found.name);
        assert!(found.states > 10_000, "{} has only {} states", found.name, found.states);
        seen |= found.seen;
    }
    assert_eq!(seen & ALL_BITS, ALL_BITS, "kinds of event that never happened: {:#b}", ALL_BITS & !seen);
}
