//! Each world, as far as a test's time goes; `make prove` goes on from there.

use countersign_prove::world::ALL_BITS;
use countersign_prove::{Careless, explore, explore_racing, racing, worlds};

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

/// Moments looked at with two gateways.
const MOMENTS: usize = 50_000;

#[test]
fn every_law_holds_for_two_gateways_that_fall_over() {
    for racing in racing(Careless::No) {
        let name = racing.name;
        let found = explore_racing(racing, MOMENTS);
        assert_eq!(found.broken, None, "{name}");
        assert!(found.states > 10_000, "{name} has only {} moments", found.states);
    }
}

/// Whoever does not keep to the order is found, by the law that is broken.
#[test]
fn what_is_done_out_of_order_is_found() {
    for (careless, world, law) in [
        (Careless::SendsUnwritten, 0, "nothing says so"),
        (Careless::AnswersUnwritten, 0, "was used elsewhere"),
        (Careless::SendsAgain, 0, "reached the target 2 times"),
        (Careless::Outlives, 2, "has it to itself"),
    ] {
        let world = racing(careless).remove(world);
        let broken = explore_racing(world, 2 * MOMENTS).broken.unwrap_or_default();
        assert!(broken.contains(law), "{careless:?}: {broken}");
    }
}
