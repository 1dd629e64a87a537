//! Exhaustive model checking: small worlds in which everything that can be said to the engine is said, in every order.
//!
//! The engine is the real one: `decide`, `apply` and `wake_at` of the core, nothing of them copied. A world bounds who there
//! is, what is asked for and how often; time is the moments the engine wants to be woken at. Each step is judged by
//! [`law`], which has a logic of its own, and by the core's own invariants.
//!
//! This room must not know: files, sockets, databases. Only the binary prints.

pub mod history;
pub mod law;
pub mod node;
pub mod reference;
pub mod world;

pub use node::Node;
pub use world::{World, worlds};

use stateright::{Checker, Model, Property};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A world as a model, with the kinds of event seen in it so far as bits.
#[derive(Clone)]
pub struct Explored {
    /// The world.
    pub world: World,
    /// Kinds of event seen, one bit each.
    pub seen: Arc<AtomicU32>,
}

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The world's name.
    pub name: &'static str,
    /// Different states.
    pub states: usize,
    /// The longest path.
    pub depth: usize,
    /// Kinds of event, one bit each.
    pub seen: u32,
    /// Which law was broken, and the inputs that led there.
    pub broken: Option<String>,
}

impl Model for Explored {
    type State = Node;
    type Action = countersign_core::Input;

    fn init_states(&self) -> Vec<Node> {
        vec![self.world.beginning()]
    }

    fn actions(&self, node: &Node, actions: &mut Vec<Self::Action>) {
        if node.broken.is_none() {
            actions.extend(self.world.inputs(node));
        }
    }

    fn next_state(&self, node: &Node, input: Self::Action) -> Option<Node> {
        let (next, seen) = self.world.step(node, input)?;
        self.seen.fetch_or(seen, Ordering::Relaxed);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("every law holds", |_, node: &Node| node.broken.is_none())]
    }
}

/// Explores a world until nothing new is left, or so many states were made: the nearest first while they are few, so that
/// what is found is short; depth first beyond, which keeps few states in memory.
#[must_use]
pub fn explore(world: World, states_max: usize) -> Found {
    let name = world.name;
    let model = Explored { world, seen: Arc::default() };
    let seen = model.seen.clone();
    let checker = model.checker().threads(2).target_state_count(states_max);
    let (states, depth, broken) =
        if states_max <= NEAREST_FIRST { told(&checker.spawn_bfs().join()) } else { told(&checker.spawn_dfs().join()) };
    Found { name, states, depth, seen: seen.load(Ordering::Relaxed), broken }
}

/// How many states are explored the nearest first.
const NEAREST_FIRST: usize = 200_000;

fn told(checker: &impl Checker<Explored>) -> (usize, usize, Option<String>) {
    let broken = checker.discoveries().into_values().next().map(|path| {
        let law = path.last_state().broken.clone().unwrap_or_default();
        let inputs: Vec<String> = path.into_actions().iter().map(|input| format!("{input:?}")).collect();
        format!("{law}\n{}", inputs.join("\n"))
    });
    (checker.unique_state_count(), checker.max_depth(), broken)
}
