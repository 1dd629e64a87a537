//! A twin of the world that releases every case as soon as it is over, as the server does. Whatever is asked of it, it must
//! answer as the world that keeps everything; and what it keeps and what it released are together what the world knows.

use super::broken;
use crate::invariant::Broken;
use crate::{Case, Decision, Effect, Input, Named, Refusal, Roster, State, apply, decide, effects, wake_at};
use countersign_journal::{Event, RequestId, Timestamp};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Twin {
    state: State,
    released: BTreeMap<RequestId, Case>,
}

impl Twin {
    /// Asks the twin what the world was asked.
    pub(super) fn agrees(
        &mut self,
        directory: &Roster,
        input: Input,
        now: Timestamp,
        answer: &Result<Decision, Refusal>,
    ) -> Result<(), Broken> {
        let named = input.names().filter(|named| self.state.has_released(*named));
        let case = named.and_then(|named| self.find(named));
        let recalled = case.clone().and_then(|case| self.state.recall(case));
        let mine = decide(&self.state, directory, input, now);
        recalled.and_then(|id| self.state.release(id));
        if mine != *answer {
            return Err(broken(
                11,
                format!("what was over made a difference: {mine:?} without it, {answer:?} with it"),
            ));
        }
        match (case, mine) {
            (Some(case), Ok(_)) => Err(broken(11, format!("{} was over and is not", case.request.id))),
            _ => Ok(()),
        }
    }

    fn find(&self, named: Named) -> Option<Case> {
        match named {
            Named::Request(id) => self.released.get(&id).cloned(),
            Named::Grant(id) => self.released.values().find(|c| c.request.grant == Some(id)).cloned(),
        }
    }

    /// Folds one event; what follows from it must be what follows in the world.
    pub(super) fn fold(&mut self, now: Timestamp, event: &Event, follows: &[Effect]) -> Result<(), Broken> {
        apply(&mut self.state, now, event);
        if effects(&self.state, event) == follows {
            return Ok(());
        }
        Err(broken(11, format!("what was over made a difference to what follows from {event:?}")))
    }

    /// Releases what these events may have ended.
    pub(super) fn release(&mut self, events: &[Event]) {
        let touched: Vec<RequestId> = events.iter().filter_map(|event| self.state.request_of(event)).collect();
        for case in touched.into_iter().filter_map(|id| self.state.release(id)) {
            self.released.insert(case.request.id, case);
        }
    }

    /// Nothing that is over was left, nothing that was released changed, and together they are everything.
    pub(super) fn and_what_it_released_are_everything(mut self, whole: &State) -> Result<(), Broken> {
        if wake_at(&self.state) != wake_at(whole) {
            return Err(broken(12, "what was over wants to be looked at".into()));
        }
        let over = |id: &&RequestId| self.state.case(**id).is_some_and(|case| case.is_over());
        if let Some(id) = self.state.requests.keys().find(over) {
            return Err(broken(11, format!("{id} is over and was not released")));
        }
        let recalled = self.released.into_values().all(|case| self.state.recall(case).is_some());
        if recalled && self.state == *whole {
            Ok(())
        } else {
            Err(broken(11, "something that was over changed".into()))
        }
    }
}
