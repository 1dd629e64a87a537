//! When what is alive wants to be looked at again, in order of time: what is due is found without walking the rest.

use countersign_journal::{RequestId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The next deadline of each request that waits, or whose grant lives.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Deadlines {
    by_time: BTreeSet<(Timestamp, RequestId)>,
    by_request: BTreeMap<RequestId, Timestamp>,
}

impl Deadlines {
    /// Sets the next deadline of a request, or takes it away.
    pub(crate) fn set(&mut self, request: RequestId, at: Option<Timestamp>) {
        let was = match at {
            Some(at) => self.by_request.insert(request, at),
            None => self.by_request.remove(&request),
        };
        if was != at {
            self.by_time.extend(at.map(|at| (at, request)));
            was.map(|was| self.by_time.remove(&(was, request)));
        }
    }

    /// The earliest.
    #[must_use]
    pub fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The requests whose deadline has come, in their order.
    pub(crate) fn due(&self, now: Timestamp) -> BTreeSet<RequestId> {
        self.by_time.range(..=(now, RequestId(u64::MAX))).map(|(_, request)| *request).collect()
    }
}
