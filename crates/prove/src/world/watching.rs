//! What is said where sessions are watched.

use super::{ALICE, BEGINNING, BOB, MINUTE, PEOPLE, ROOT, with_reason};
use crate::node::Node;
use countersign_core::{Ask, AskAct, Input};
use countersign_journal::{PersonId, Watch, Window};

/// Everybody watches; an administrator, an approver who may not see it, and whose session it is ask to.
pub(super) fn inputs(node: &Node, requests_max: usize, all: &mut Vec<Input>) {
    for session in node.state.sessions.values() {
        let watch = Watch { session: session.id, whose: session.person, typed: false };
        all.extend(PEOPLE.iter().map(|by| Input::Watch { watch, by: *by, export: None }));
        let target = node.state.grants.get(&session.grant).map(|g| Box::new(g.target.clone()));
        let Some(target) = target.filter(|_| node.state.requests.len() < requests_max) else { continue };
        let window = Window { start: BEGINNING, end: BEGINNING.plus(90 * MINUTE) };
        let ask = |by: PersonId| {
            let act = AskAct::Watch { watch, target: target.clone(), window };
            Input::Ask(with_reason(Ask::plain(by, act, [0; 32])))
        };
        all.extend([ROOT, BOB, ALICE].map(ask));
    }
}
