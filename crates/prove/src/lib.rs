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
pub use world::gateways::{Careless, Moment, Racing, Step, racing};
pub use world::{World, worlds};

use stateright::{Checker, Model, Property};
use std::fmt::Debug;
use std::hash::Hash;
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

impl Model for Racing {
    type State = Moment;
    type Action = Step;

    fn init_states(&self) -> Vec<Moment> {
        vec![self.beginning()]
    }

    fn actions(&self, at: &Moment, actions: &mut Vec<Step>) {
        if at.node.broken.is_none() {
            actions.extend(self.steps(at));
        }
    }

    fn next_state(&self, at: &Moment, step: Step) -> Option<Moment> {
        self.take(at, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("every law holds", |_, at: &Moment| at.node.broken.is_none())]
    }
}

/// Explores what two gateways may do, as [`explore`] does a world.
#[must_use]
pub fn explore_racing(racing: Racing, states_max: usize) -> Found {
    let name = racing.name;
    let (states, depth, broken) = explored(racing, states_max, |at| at.node.broken.clone());
    Found { name, states, depth, seen: 0, broken }
}

/// Explores a world until nothing new is left, or so many states were made: the nearest first while they are few, so that
/// what is found is short; depth first beyond, which keeps few states in memory.
#[must_use]
pub fn explore(world: World, states_max: usize) -> Found {
    let name = world.name;
    let model = Explored { world, seen: Arc::default() };
    let seen = model.seen.clone();
    let (states, depth, broken) = explored(model, states_max, |node| node.broken.clone());
    Found { name, states, depth, seen: seen.load(Ordering::Relaxed), broken }
}

/// How many states are explored the nearest first.
const NEAREST_FIRST: usize = 200_000;

fn explored<M>(model: M, states_max: usize, broken: fn(&M::State) -> Option<String>) -> (usize, usize, Option<String>)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let checker = model.checker().threads(2).target_state_count(states_max);
    match states_max <= NEAREST_FIRST {
        true => told(&checker.spawn_bfs().join(), broken),
        false => told(&checker.spawn_dfs().join(), broken),
    }
}

fn told<M>(checker: &impl Checker<M>, broken: fn(&M::State) -> Option<String>) -> (usize, usize, Option<String>)
where
    M: Model,
    M::State: Clone + Debug + Hash + PartialEq,
    M::Action: Clone + Debug + PartialEq,
{
    let broken = checker.discoveries().into_values().next().map(|path| {
        let law = broken(path.last_state()).unwrap_or_default();
        let inputs: Vec<String> = path.into_actions().iter().map(|input| format!("{input:?}")).collect();
        format!("{law}\n{}", inputs.join("\n"))
    });
    (checker.unique_state_count(), checker.max_depth(), broken)
}
